"""The console under Textual's pilot: 80 columns, 24 lines, beside a module's socket and beside a module on the rack."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from module import RACK
from module import Module as RackModule
from rig import wait_for
from terminal import typed
from textual.pilot import Pilot

from neurorack import cli
from neurorack.console.app import Console
from neurorack.console.page import HEIGHT, WIDTH
from neurorack.lines import Lines

PATIENCE_S = 90.0
Act = Callable[[Console, "Pilot[None]"], Awaitable[None]]


def used(run_dir: Path, *acts: Act, read_only: bool = False) -> None:
    """A console for each of `acts`, all open at once."""

    async def session(act: Act) -> None:
        app = Console(run_dir, read_only=read_only)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(lambda: app.link.values and not app.link.problem, pilot)
            await act(app, pilot)

    async def together() -> None:
        await asyncio.gather(*(session(act) for act in acts))

    asyncio.run(together())


async def until(happens: Callable[[], object], pilot: "Pilot[None]") -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < give_up
        await pilot.pause(0.02)


def text(app: Console, part: str) -> list[str]:
    """The lines of a part as they stand on the screen."""
    lines = app.query_one(f"#{part}", Lines)
    return [lines.render_line(y).text for y in range(lines.size.height)]


def test_every_page_is_reached_and_fills_its_place(playing: Any):
    async def act(app: Console, pilot: "Pilot[None]") -> None:
        region = app.query_one("#page").region
        assert (region.x, region.y, region.width, region.height) == (0, 2, WIDTH, HEIGHT)
        for number, page in enumerate(app.pages, 1):
            await pilot.press(str(number))
            assert app.page is page and f"{number} {page.title}" in text(app, "pages")[0]
        await pilot.press("tab")
        assert app.shown == 0
        assert "tiny" in text(app, "head")[0] and "read-only" not in text(app, "head")[0]

    used(playing.run_dir, act)


def test_a_look_that_comes_while_it_is_being_closed_harms_nothing(playing: Any):
    async def act(app: Console, pilot: "Pilot[None]") -> None:
        await app.query(Lines).remove()
        app.look()

    used(playing.run_dir, act)


def test_a_knob_is_changed_by_a_key_and_shown_as_the_module_has_it(playing: Any):
    async def act(app: Console, pilot: "Pilot[None]") -> None:
        await pilot.press("3", *["down"] * 6)
        assert app.pages[2].path == "knob.morph.base"  # type: ignore[attr-defined]
        await pilot.press("+")
        await until(lambda: playing.desk.sound.knobs["morph"].base == 0.05, pilot)
        await until(lambda: "0.05" in "".join(text(app, "page")), pilot)
        await pilot.press("enter", *"0.625", "enter")
        await until(lambda: playing.desk.sound.knobs["morph"].base == 0.625, pilot)
        await pilot.press("enter", *"7", "enter")
        await until(lambda: "no place of a knob" in text(app, "foot")[0], pilot)

    used(playing.run_dir, act)


def test_a_preset_is_saved_under_a_name_and_recalled(playing: Any):
    async def act(app: Console, pilot: "Pilot[None]") -> None:
        await pilot.press("5", "down", "s", *"wet", "space", *"stone", "enter")
        await until(lambda: "wet stone" in "".join(text(app, "page")), pilot)
        assert playing.desk.presets[2].name == "wet stone"
        await pilot.press("x", "escape", "x", *"y", "enter")
        await until(lambda: 2 not in playing.desk.presets, pilot)

    used(playing.run_dir, act)


def test_who_only_looks_changes_nothing(playing: Any):
    async def act(app: Console, pilot: "Pilot[None]") -> None:
        await until(lambda: "read-only" in text(app, "head")[0], pilot)
        for keys in (["3", "down", "+"], ["!"], ["7", "c"]):
            await pilot.press(*keys)
            await until(lambda: "only reads" in text(app, "foot")[0], pilot)
            app._message_ends_s = 0.0
            app.look()
        assert not playing.switch.on

    used(playing.run_dir, act, read_only=True)


def test_several_are_open_at_once_and_see_each_others_changes(playing: Any):
    async def changes(app: Console, pilot: "Pilot[None]") -> None:
        await pilot.press("4", "down", "down", "down", "right")
        await until(lambda: app.link.values["depth"] == 1.1, pilot)

    async def sees(app: Console, pilot: "Pilot[None]") -> None:
        await pilot.press("4")
        await until(lambda: "1.10" in "".join(text(app, "page")), pilot)

    used(playing.run_dir, changes, sees, sees)


def test_no_stranger_moves_the_terminal(playing: Any):
    playing.play(notice=b"\x1b]0;first\x07")

    async def act(app: Console, pilot: "Pilot[None]") -> None:
        await until(lambda: r"\x1b]0;first\x07" in "".join(text(app, "page")), pilot)
        playing.play(notice=b"\x1b]0;later\x07")
        await until(lambda: r"\x1b]0;later\x07" in "".join(text(app, "page")), pilot)
        assert "\x1b" not in "".join(text(app, "page"))

    used(playing.run_dir, act)


def test_what_does_not_change_is_not_drawn_again(playing: Any):
    async def act(app: Console, pilot: "Pilot[None]") -> None:
        await pilot.press("3")
        await pilot.pause(0.3)
        app.look()  # at what a busy machine's load has come to meanwhile
        drawn: list[Any] = []
        for part in ("head", "pages", "page", "foot"):
            lines = app.query_one(f"#{part}", Lines)
            lines.refresh = lambda *regions, **_: drawn.extend(regions)  # type: ignore[method-assign,assignment]
        app.look()
        assert drawn == []
        await pilot.press("down")
        assert {region.height for region in drawn} == {1} and len({region.y for region in drawn}) <= 3

    used(playing.run_dir, act)


def test_a_module_that_goes_is_told_of_and_found_again(playing: Any, monkeypatch: pytest.MonkeyPatch):
    async def act(app: Console, pilot: "Pilot[None]") -> None:
        from neurorack.remote.metrics import Metrics
        from neurorack.remote.server import Server

        old, playing.server = playing.server, _Nothing()
        await pilot.pause(0.1)
        old.close()
        await until(lambda: "no module answers" in text(app, "head")[0], pilot)
        playing.server = Server(playing.run_dir, Metrics(playing.run_dir))
        await until(lambda: "tiny" in text(app, "head")[0], pilot)

    used(playing.run_dir, act)


class _Nothing:
    def step(self, longest_s: float) -> None:
        time.sleep(longest_s)

    def close(self) -> None:
        pass


def test_panic_and_log_by_a_key(playing: Any):
    (playing.run_dir / "engine.err").write_text("engine: plays to null\n")

    async def act(app: Console, pilot: "Pilot[None]") -> None:
        await pilot.press("8")
        await until(lambda: "engine: plays to null" in "".join(text(app, "page")), pilot)
        await pilot.press("right")
        await until(lambda: "no log of jacks" in text(app, "foot")[0], pilot)
        await pilot.press("!")
        await until(lambda: playing.switch.on, pilot)
        await until(lambda: "SILENCED" in text(app, "head")[0], pilot)

    used(playing.run_dir, act)


def test_without_a_terminal_or_a_module_it_is_one_line(run_dir: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch):
    assert cli.main(["console", "--run-dir", str(run_dir)]) == 2
    assert "needs a terminal" in capsys.readouterr().err
    monkeypatch.setattr(cli, "_in_terminal", lambda: True)
    assert cli.main(["console", "--run-dir", str(run_dir)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "no module answers" in err


def test_a_module_on_the_rack_is_looked_after(run_dir: Path, tiny_bundle: Path):
    rack = RACK.format(
        low_v=-2.0, high_v=2.0, rest_v=0.25, cables='voct = "rest.out"\ncv1 = "step.out"\ngate1 = "on.out"'
    )
    module = RackModule(run_dir / "run", rack, tiny_bundle, "--device", "null")
    try:
        wait_for(lambda: (module.run_dir / "remote.socket").exists(), PATIENCE_S)

        async def act(app: Console, pilot: "Pilot[None]") -> None:
            await until(lambda: app.link.values.get("system.engine") == "playing", pilot)
            await until(lambda: any(line.strip() for line in text(app, "page")[:16]), pilot)
            await pilot.press("2")
            await until(lambda: "+0.250 V" in "".join(text(app, "page")), pilot)
            await pilot.press("4", "down", "right")
            await until(lambda: module.meters()["gesture"] == 1, pilot)
            await pilot.press("6")
            await until(lambda: "load" in "".join(text(app, "page")), pilot)

        used(module.run_dir, act)
    finally:
        module.stop()


def test_a_key_that_is_no_utf_8_does_not_end_it(playing: Any):
    command = ["-m", "neurorack", "console", "--run-dir", str(playing.run_dir)]
    assert typed(command, b"1 panel", [b"\xff", b"\xe9", b"x", b"q"])[:2] == (0, "")
