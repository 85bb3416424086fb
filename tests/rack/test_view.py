"""The terminal view under Textual's pilot: 80 columns, 24 lines, a module in a run directory."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from neurorack.board import load_board
from neurorack.clock import MonotonicClock
from neurorack.errors import BadInput
from neurorack.glyphs import braille, half_blocks
from neurorack.jacks.bus import open_bus
from neurorack.panel.leds import Leds
from neurorack.panel.oled import Oled
from neurorack.patch.matrix import default_patch
from neurorack.rack import view
from neurorack.rack.hands import LONG_PRESS_S
from neurorack.rack.plan import INPUT_JACKS
from neurorack.rack.view import HINT, Lines, ModuleView
from neurorack.rack.world import World
from neurorack.shared import METERS, PATCH, Snapshot
from neurorack.words import PATCHABLE

SMALL, LARGE = (80, 24), (160, 50)


class Module:
    """What runs beside the view: a world, a display that shows noise, an engine's meters."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir, self.clock = run_dir, MonotonicClock()
        self.world = World.create(run_dir, self.clock.now_ns())
        self.bus = open_bus("rack:b", self.clock, run_dir)
        self.oled = Oled(self.bus, 0x3C, self.clock)
        self.meters = Snapshot(run_dir / "meters", METERS, create=True)

    def display(self, seed: int) -> np.ndarray:
        pixels = np.random.default_rng(seed).random((64, 128)) < 0.5
        assert self.oled.show(pixels)
        return pixels

    def play(self, **meters: Any) -> None:
        given = {"t_ns": self.clock.now_ns(), "first_sound_ns": 1, "device": b"dummy", "bundle": b"fluid", "block": 128}
        for name, value in (given | meters).items():
            self.meters.record[name] = value
        self.meters.publish()


@pytest.fixture
def module(tmp_path: Path) -> Module:
    return Module(tmp_path)


def viewed(
    run_dir: Path,
    act: Callable[[ModuleView, Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = SMALL,
    check: Callable[[], None] | None = None,
) -> ModuleView:
    """Open the view, let `act` use it, close it."""

    async def session() -> ModuleView:
        app = ModuleView(run_dir, check)
        async with app.run_test(size=size) as pilot:
            await act(app, pilot)
        return app

    return asyncio.run(session())


def text(app: ModuleView, part: str) -> list[str]:
    """The lines of a part as they stand on the screen."""
    lines = app.query_one(f"#{part}", Lines)
    return [lines.render_line(y).text for y in range(lines.size.height)]


def test_the_display_is_shown_dot_by_dot(module: Module) -> None:
    pixels = module.display(1)

    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        assert text(app, "oled") == braille(pixels)
        changed = module.display(2)
        app.look()
        assert text(app, "oled") == braille(changed)

    viewed(module.run_dir, act)


def test_a_look_that_comes_while_it_is_being_closed_harms_nothing(module: Module) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        await app.query(Lines).remove()
        app.look()

    viewed(module.run_dir, act)


def test_a_large_terminal_shows_half_blocks(module: Module) -> None:
    pixels = module.display(3)

    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        app.look()
        await pilot.pause()
        assert text(app, "oled") == half_blocks(pixels)

    viewed(module.run_dir, act, LARGE)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_every_part_lies_on_the_screen_and_none_on_another(module: Module, size: tuple[int, int]) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        await pilot.pause()
        covered = np.zeros(size[::-1], int)
        for part in ("oled", "side", "jacks", "meters", "line"):
            region = app.query_one(f"#{part}").region
            assert region.right <= size[0] and region.bottom <= size[1] and region.x >= 0 and region.y >= 0
            covered[region.y : region.bottom, region.x : region.right] += 1
        assert covered.max() == 1
        assert text(app, "line")[0].strip() == HINT

    viewed(module.run_dir, act, size)


def test_jacks_show_volts_and_where_their_cables_come_from(module: Module) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        lines = text(app, "jacks")
        assert [line.split()[0] for line in lines] == list(INPUT_JACKS)
        for line, jack in zip(lines, INPUT_JACKS, strict=True):
            assert f"━ {module.world.state.cables[jack]}" in line and " V " in line
        assert "■ on" in lines[5] or "□ off" in lines[5]
        while "cv4" in module.world.state.cables:
            app.hands.plug_next("cv4", 1)
            module.world.refresh()
        app.look()
        assert "+0.00 V" in text(app, "jacks")[4] and "nothing" in text(app, "jacks")[4]

    viewed(module.run_dir, act)


def test_meters_show_level_load_and_lost_blocks(module: Module) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        module.play(level_rms=0.5, load=0.25, lost=17, pitch_hz=440.0, notice=b"no sound card: playing to file")
        app.look()
        level, load, lost, pitch, bundle, device, notice = text(app, "meters")
        assert "-6.0 dB" in level and "25 %" in load and "lost  17" in lost and "A4 +0¢ 440.0 Hz" in pitch
        assert "fluid" in bundle and "dummy" in device and notice.strip() == "no sound card: playing to file"

    viewed(module.run_dir, act)


def test_a_lit_led_is_brighter_than_a_dark_one(module: Module) -> None:
    board = load_board(rack=True).leds
    Leds(module.bus, board.address, board.channels, board.pwm_hz, module.clock).show({"clip": 1.0})

    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        def brightness(name: str) -> int:
            row = next(y for y, line in enumerate(text(app, "side")) if name in line)
            style = next(s.style for s in app.query_one("#side", Lines).render_line(row) if "●" in s.text)
            assert style is not None and style.color is not None and style.color.triplet is not None
            return sum(style.color.triplet)

        assert brightness("clip") > 2 * brightness("fault")

    viewed(module.run_dir, act)


def test_keys_turn_the_encoder_and_the_pots(module: Module) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        await pilot.press("right", "left", "enter", "3", "up", "up")
        await asyncio.sleep(0.3)
        module.world.refresh()
        lines = [c.line for c in module.world.state.contacts]
        assert lines == ["encoder_a", "encoder_b"] * 2 + ["encoder_b", "encoder_a"] * 2 + ["encoder_push"] * 2
        assert module.world.pot("pot3") == pytest.approx(0.54)

    viewed(module.run_dir, act)


def test_escape_is_a_long_push_and_brackets_turn_it_pushed(module: Module) -> None:
    def pushes() -> list[float]:
        """How long each push of the encoder was, in seconds."""
        module.world.refresh()
        edges = [c for c in module.world.state.contacts if c.line == "encoder_push"]
        return [(up.t_ns - down.t_ns) * 1e-9 for down, up in zip(edges[::2], edges[1::2], strict=False)]

    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        await pilot.press("escape")
        await asyncio.sleep(LONG_PRESS_S + 0.4)
        assert len(pushes()) == 1 and pushes()[0] > 0.5
        await pilot.press("]")
        await asyncio.sleep(1.0)
        assert len(pushes()) == 2
        lines = [c.line for c in module.world.state.contacts]
        assert lines[-6:] == ["encoder_push", *["encoder_a", "encoder_b"] * 2, "encoder_push"]

    viewed(module.run_dir, act)


def test_space_holds_the_encoder_until_it_is_pressed_again(module: Module) -> None:
    def level() -> int:
        module.world.refresh()
        return [c for c in module.world.state.contacts if c.line == "encoder_push"][-1].level

    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        await pilot.press("space")
        await asyncio.sleep(LONG_PRESS_S + 0.5)
        assert level() == 1 and "space lets go" in text(app, "line")[0]
        await pilot.press("space")
        assert level() == 0

    viewed(module.run_dir, act)
    assert " space " in view.HELP


def test_a_terminal_that_is_too_small_says_what_is_needed(module: Module) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        room = app.query_one("#room")
        for size, short in (((79, 24), True), ((80, 23), True), (SMALL, False)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert room.display is short, size
        assert "80×24" in str(room.render())

    viewed(module.run_dir, act)


def test_a_pot_is_named_by_what_it_sets_now(module: Module) -> None:
    record = default_patch()
    record["pot"][PATCHABLE.index("rms")] = -1
    record["pot"][PATCHABLE.index("morph")] = 2
    record["pot"][PATCHABLE.index("bandwidth")] = -1
    patch = Snapshot(module.run_dir / "patch", PATCH, create=True)
    for name in PATCH.names or ():
        patch.record[name] = record[name]
    patch.publish()

    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        app.look()
        names = [line.split()[1] for line in text(app, "side") if line[:1] in ("1", "2", "3", "4")]
        assert names == ["pot1", "centr", "morph", "sharp"]

    viewed(module.run_dir, act)


def test_cables_are_moved_with_the_arrows(module: Module) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        before = dict(module.world.state.cables)
        await pilot.press("c", "down", "down", "right")
        assert text(app, "jacks")[2].startswith("▸cv2")
        module.world.refresh()
        changed = {jack for jack in before if module.world.state.cables.get(jack) != before[jack]}
        assert changed == {"cv2"} and not module.world.state.contacts
        await pilot.press("enter")
        assert not any(line.startswith("▸") for line in text(app, "jacks"))

    viewed(module.run_dir, act)


def test_a_look_that_comes_while_it_is_closed_finds_nothing_to_draw_on(module: Module) -> None:
    async def session() -> ModuleView:
        app = ModuleView(module.run_dir)
        async with app.run_test(size=SMALL):
            pass
        return app

    app = asyncio.run(session())
    assert not app.screen_stack
    app.look()


def test_letters_play_the_keyboard_once_it_is_plugged_in(module: Module) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        await pilot.press("a")
        assert "p does it" in text(app, "line")[0]
        await pilot.press("p", "x", "h")
        module.world.refresh()
        assert module.world.volts("voct", time.monotonic_ns()) == pytest.approx(1 + 9 / 12, abs=1e-6)
        assert module.world.volts("gate1", time.monotonic_ns()) > 1

    viewed(module.run_dir, act)
    module.world.refresh()
    assert module.world.volts("gate1", time.monotonic_ns()) < 0.5, "nobody holds the key when the view is gone"


def test_breaking_and_noise_are_said(module: Module) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        await pilot.press("b")
        assert "adc_voct is broken" in text(app, "line")[0] and "adc_voct is broken" in text(app, "meters")[6]
        await pilot.press("n")
        assert "noise is off" in text(app, "line")[0]

    viewed(module.run_dir, act)


def test_help_opens_closes_and_fits(module: Module) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        await pilot.pause()
        window = app.query_one("#help")
        assert window.display and window.region.bottom <= 24 and window.region.right <= 80
        assert window.size.height == len(view.HELP.splitlines()), "no line is wrapped"
        await pilot.press("right")
        assert not window.display and not module.world.state.contacts

    viewed(module.run_dir, act)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_it_can_be_left(module: Module, key: str) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        await pilot.press(key)
        await pilot.pause()
        assert app._exit

    assert viewed(module.run_dir, act).problem is None


def test_a_module_that_has_ended_ends_the_view(module: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "CHECK_S", 0.05)

    def check() -> None:
        raise BadInput("the module has ended")

    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        await asyncio.sleep(0.3)
        assert app._exit

    problem = viewed(module.run_dir, act, check=check).problem
    assert problem is not None and problem.what == "the module has ended"


def test_it_opens_where_nothing_runs_yet(tmp_path: Path) -> None:
    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        app.look()
        assert not "".join(text(app, "oled")).strip()
        assert "starting" in text(app, "meters")[5]

    viewed(tmp_path, act)


def test_lines_that_did_not_change_are_not_drawn(module: Module) -> None:
    pixels = module.display(1)

    async def act(app: ModuleView, pilot: Pilot[None]) -> None:
        lines = app.query_one("#oled", Lines)
        before = [lines.render_line(y) for y in range(16)]
        kept = list(lines._strips)
        pixels[20, 50] ^= True
        module.oled.show(pixels)
        app.look()
        changed = [y for y in range(16) if lines._strips[y] is not kept[y]]
        assert changed == [5] and before[5].text != lines.render_line(5).text

    viewed(module.run_dir, act)
