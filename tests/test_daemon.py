"""The module's processes survive each other. Real ones, on the null device."""

import argparse
import io
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from neurorack import crash, mailbox
from neurorack.board import load_board
from neurorack.daemon import SHUT_DOWN, Daemon, add_options, to_arguments
from neurorack.engine.guard import Rung
from neurorack.errors import BadInput
from neurorack.jacks.calibration import Calibration, Correction
from neurorack.jacks.hold import HeldAtStart
from neurorack.jacks.nominal import InForce
from neurorack.keeper import LOG_BYTES_MAX, PAUSES_S, Keeper, Twice, Watcher, describe, end_path, open_log, take_end
from neurorack.panel import screens
from neurorack.panel.panel import SPLASH_S
from neurorack.rack.chips.ssd1306 import OLED, pixels
from neurorack.rack.control import RackControl
from neurorack.rack.state import FileStore
from neurorack.rundir import FALLS, Lock, holder
from neurorack.settings.model import Settings, Sound
from neurorack.settings.store import Store
from neurorack.shared import INTENT, METERS, VOLTS, EdgeRing, Snapshot

PATIENCE_S = 30.0
"""For what happens at once on a machine that is not busy."""


def until(happens: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    give_up = time.monotonic() + patience_s
    while not happens():
        assert time.monotonic() < give_up, f"{what} did not happen"
        time.sleep(0.01)


class Bench:
    """A run directory, daemons in it, and what one can see from outside."""

    def __init__(self, run_dir: Path, bundle: Path | None) -> None:
        self.run_dir, self.bundle = run_dir, bundle
        self.daemons: list[subprocess.Popen[str]] = []

    def start(self, *options: str, stdin: int = subprocess.DEVNULL) -> "subprocess.Popen[str]":
        command = [
            sys.executable,
            "-m",
            "neurorack.daemon",
            "--run-dir",
            str(self.run_dir),
            "--device",
            "null",
            "--rack",
        ]
        bundle = [] if "--bundle" in options or self.bundle is None else ["--bundle", str(self.bundle)]
        daemon = subprocess.Popen([*command, *bundle, *options], stdin=stdin, stderr=subprocess.PIPE, text=True)
        self.daemons.append(daemon)
        return daemon

    def pid(self, name: str) -> int:
        return holder(self.run_dir / f"{name}.lock")

    def meters(self) -> np.recarray | None:
        try:
            meters = Snapshot(self.run_dir / "meters", METERS)
        except BadInput:
            return None
        return meters.record if meters.refresh() else None

    def sounding(self, *, not_pid: int = 0) -> bool:
        m = self.meters()
        pid = self.pid("engine")
        return m is not None and pid not in (0, not_pid) and m["pid"] == pid and m["first_sound_ns"] > 0

    def wait_for_sound(self, *, not_pid: int = 0) -> None:
        until(lambda: self.sounding(not_pid=not_pid) and self.pid("jacks"), "sound")

    def end(self) -> None:
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.terminate()
                daemon.wait(PATIENCE_S)
            if daemon.stderr is not None:
                daemon.stderr.close()
        for name in ("engine", "jacks", "remote"):
            if pid := self.pid(name):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def bench(tmp_path, tiny_bundle) -> Iterator[Bench]:
    made = Bench(tmp_path / "run", tiny_bundle)
    try:
        yield made
    finally:
        made.end()


def test_it_plays_and_ends_everything_it_started(bench):
    daemon = bench.start()
    bench.wait_for_sound()
    pids = [bench.pid(name) for name in ("engine", "jacks")]
    assert all(pids)
    daemon.terminate()
    assert daemon.wait(PATIENCE_S) == 0
    assert [bench.pid(name) for name in ("daemon", "engine", "jacks")] == [0, 0, 0]


def test_shut_down_at_the_panel_it_ends_all_with_the_status_that_the_unit_waits_for(bench):
    daemon = bench.start()
    bench.wait_for_sound()
    hands = RackControl(bench.run_dir)
    time.sleep(SPLASH_S)

    def push(seconds):
        hands.press_encoder(True)
        time.sleep(seconds)
        hands.press_encoder(False)
        time.sleep(0.3)

    def find_it():
        """Home, menu, system, shut down, yes: again where a busy machine made a short push a long one."""
        for _ in range(4):
            push(0.7)
        for detents in (0, -1, 2, 1):
            if detents:
                hands.turn_encoder(detents)
                time.sleep(0.3)
            push(0.1)
        return daemon.poll() is not None

    until(find_it, "the end")
    assert daemon.wait(PATIENCE_S) == SHUT_DOWN
    shown = Snapshot(bench.run_dir / "rack.oled", OLED)
    assert shown.refresh()
    np.testing.assert_array_equal(pixels(shown.record), screens.farewell(saved=True))
    assert [bench.pid(name) for name in ("daemon", "engine", "jacks")] == [0, 0, 0]


def test_a_calibration_that_is_forgotten_does_not_come_back_from_the_generation_before(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("NEURORACK_STATE", str(tmp_path))
    path = tmp_path / "calibration-rack-0.toml"
    for read_v in (0.1, 0.2):
        Calibration({"voct": Correction([read_v], [0.0])}).save(path)
    parser = argparse.ArgumentParser()
    add_options(parser)
    daemon = Daemon(parser.parse_args(["--run-dir", str(bench.run_dir), "--rack"]), attached=False)
    daemon._forget_calibration()
    assert not Calibration.load(path).corrections
    daemon._lock.release()


def test_a_killed_engine_sounds_again_as_fast_as_at_the_start(bench):
    began_ns = time.monotonic_ns()
    bench.start()
    bench.wait_for_sound()
    first_s = (int(bench.meters()["first_sound_ns"]) - began_ns) * 1e-9
    engine, jacks = bench.pid("engine"), bench.pid("jacks")
    killed_ns = time.monotonic_ns()
    os.kill(engine, signal.SIGKILL)
    bench.wait_for_sound(not_pid=engine)
    again_s = (int(bench.meters()["first_sound_ns"]) - killed_ns) * 1e-9
    assert again_s < 1.5 * first_s + 0.1
    assert bench.pid("jacks") == jacks
    print(f"first sound {first_s:.3f} s, again after SIGKILL {again_s:.3f} s")


def test_killed_jacks_come_back_and_the_engine_plays_on(bench):
    bench.start()
    bench.wait_for_sound()
    engine, jacks = bench.pid("engine"), bench.pid("jacks")
    os.kill(jacks, signal.SIGKILL)
    until(lambda: bench.pid("jacks") not in (0, jacks), "new jacks")
    assert bench.pid("engine") == engine


def test_a_killed_daemon_leaves_the_music_on_and_the_next_one_takes_it_over(bench):
    first = bench.start()
    bench.wait_for_sound()
    pids = [bench.pid(name) for name in ("engine", "jacks")]
    first.kill()
    first.wait()
    blocks = int(bench.meters()["blocks"])
    until(lambda: int(bench.meters()["blocks"]) > blocks + 20, "music without a daemon")

    intent = Snapshot(bench.run_dir / "intent", INTENT)
    intent.refresh()
    intent.record["gesture"] = 1
    intent.publish()
    second = bench.start("--intonation", "0.5")
    until(lambda: bench.pid("daemon") == second.pid, "takeover")
    until(lambda: int(bench.meters()["gesture"]) == 1, "the gesture chosen before")
    until(lambda: intent.refresh() and intent.record["intonation"] == 0.5, "the intonation asked for now")
    assert intent.record["gesture"] == 1
    assert [bench.pid(name) for name in ("engine", "jacks")] == pids
    os.kill(pids[0], signal.SIGKILL)  # an adopted one is watched as well
    bench.wait_for_sound(not_pid=pids[0])
    second.terminate()
    assert second.wait(PATIENCE_S) == 0
    assert [bench.pid(name) for name in ("daemon", "engine", "jacks")] == [0, 0, 0]


def test_a_daemon_with_other_options_replaces_the_engine(bench):
    first = bench.start("--block", "256")
    bench.wait_for_sound()
    engine, jacks = bench.pid("engine"), bench.pid("jacks")
    first.kill()
    first.wait()
    bench.start("--block", "128")
    bench.wait_for_sound(not_pid=engine)
    assert bench.meters()["block"] == 128
    assert bench.pid("jacks") == jacks


def test_a_second_one_is_refused_in_one_line_that_names_the_first(bench):
    first = bench.start()
    until(lambda: bench.pid("daemon") == first.pid, "first daemon")
    second = bench.start()
    assert second.wait(PATIENCE_S) == 2
    said = second.stderr.read().splitlines()
    assert len(said) == 1
    assert f"process {first.pid}" in said[0]
    bench.wait_for_sound()


def test_one_whose_run_directory_is_removed_ends_in_one_line_with_all_it_started(bench):
    daemon = bench.start()
    bench.wait_for_sound()
    parts = [os.pidfd_open(bench.pid(name)) for name in ("engine", "jacks")]
    shutil.rmtree(bench.run_dir, ignore_errors=True)  # others may just make a file there
    assert daemon.wait(PATIENCE_S) == 2
    assert select.select(parts, [], [], 0)[0] == parts, "they have ended"
    for part in parts:
        os.close(part)
    last = daemon.stderr.read().splitlines()[-1]
    assert last.startswith("neurorack: the run directory was removed under the module that played there")


def test_an_attached_one_ends_when_its_owner_is_gone(bench):
    daemon = bench.start("--attached", stdin=subprocess.PIPE)
    bench.wait_for_sound()
    daemon.stdin.close()
    assert daemon.wait(PATIENCE_S) == 0
    assert bench.pid("engine") == 0


def test_an_attached_one_hands_on_what_the_engine_refused(bench):
    daemon = bench.start("--attached", "--bundle", str(bench.run_dir / "nobody"), stdin=subprocess.PIPE)
    assert daemon.wait(PATIENCE_S) == 2
    assert "nobody" in daemon.stderr.read()


def test_an_attached_one_hands_on_what_the_jacks_refused_though_the_engine_plays(bench, tmp_path):
    first = bench.start()
    bench.wait_for_sound()
    first.kill()
    first.wait()
    (tmp_path / "board.toml").write_text("no board")
    daemon = bench.start("--attached", "--board", str(tmp_path / "board.toml"), stdin=subprocess.PIPE)
    assert daemon.wait(PATIENCE_S) == 2
    assert "the board is not TOML" in daemon.stderr.read().splitlines()[-1]
    assert [bench.pid(name) for name in ("daemon", "engine", "jacks")] == [0, 0, 0]


def test_one_on_its_own_stays_to_show_on_its_panel_what_is_wrong(bench):
    daemon = bench.start("--bundle", str(bench.run_dir / "nobody"))
    said = [daemon.stderr.readline() for _ in range(2)]
    assert (bench.run_dir / "daemon.err").read_text().startswith("".join(said)), "and from afar"
    assert any("nobody" in line for line in said)
    assert daemon.poll() is None


def test_what_is_wrong_with_the_jacks_stays_to_be_read_while_the_engine_plays(tmp_path, tiny_bundle):
    options = argparse.ArgumentParser()
    add_options(options)
    given = options.parse_args(["--run-dir", str(tmp_path), "--bundle", str(tiny_bundle), "--device", "null"])
    daemon = Daemon(given, attached=False)
    daemon._problems = {"engine": BadInput("deaf"), "jacks": BadInput("no bus")}
    daemon._engine.pid = 7
    daemon._playing_pid = lambda: 7  # type: ignore[method-assign]
    daemon._tidy()
    assert list(daemon._problems) == ["jacks"]
    daemon._lock.release()


@pytest.fixture
def falling(tmp_path, state_dir, make_tiny_bundle, monkeypatch) -> Iterator[Bench]:
    """A module that remembers an instrument whose decoder gives no numbers."""
    make_tiny_bundle(tmp_path / "models/fluid")
    make_tiny_bundle(tmp_path / "models/bad", noise_gain=float("nan"))
    monkeypatch.setenv("NEURORACK_MODELS", str(tmp_path / "models"))
    Store(state_dir).save(Settings(playing=Sound(bundle="bad", gesture=1, depth=0.5)))
    made = Bench(tmp_path / "run", None)
    try:
        yield made
    finally:
        made.end()


def on_rung(bench: Bench, rung: Rung) -> bool:
    return bench.sounding() and bench.meters()["rung"] == rung


def test_an_instrument_that_always_falls_ends_in_the_safe_sound_until_another_is_chosen(falling, state_dir):
    daemon = falling.start()
    until(lambda: on_rung(falling, Rung.SAFE), "the safe sound", 4 * PATIENCE_S)
    intent = Snapshot(falling.run_dir / "intent", INTENT)
    until(lambda: intent.refresh() and intent.record["sheltered"], "the daemon's shelter")
    assert (intent.record["bundle"], intent.record["gesture"]) == (b"fluid", 0)
    until(lambda: crash.last(state_dir), "the crash on the disk")
    kept = crash.last(state_dir)
    assert (kept.part, kept.how, kept.why) == ("engine", "status 6", "bad gives no numbers, ends")
    daemon.kill()
    daemon.wait()
    falling.start()  # the next one finds it so, and leaves it so
    until(lambda: falling.pid("daemon") not in (0, daemon.pid), "the next daemon")
    until(lambda: mailbox.ask(falling.run_dir, b'{"ask":"presets","do":"list"}'), "its answer")
    assert intent.refresh() is False or intent.record["sheltered"]
    playing = Store(state_dir).load().playing
    assert (playing.bundle, playing.gesture, playing.depth) == ("bad", 1, 0.5), "what is remembered was not touched"
    engine = falling.pid("engine")
    mailbox.ask(falling.run_dir, b'{"ask":"presets","do":"set","path":"bundle","value":"fluid"}')
    until(lambda: on_rung(falling, Rung.OWN), "what is chosen")
    assert falling.pid("engine") == engine and intent.refresh() and not intent.record["sheltered"]


def test_the_next_power_on_begins_with_ones_own_again(falling):
    falling.run_dir.mkdir(mode=0o700)
    (falling.run_dir / FALLS).write_text("[2, 3]")
    (falling.run_dir / "intent").write_text("of an earlier day")
    falling.start("--bundle", "fluid")
    falling.wait_for_sound()
    assert on_rung(falling, Rung.OWN)


def make_daemon(run_dir: Path, *options: str) -> Daemon:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return Daemon(parser.parse_args(["--run-dir", str(run_dir), "--rack", *options]), attached=False)


@pytest.fixture
def heeding(tmp_path) -> Iterator[tuple[Daemon, Snapshot]]:
    """A daemon that has begun, without processes, and the meters of an engine that sounds."""
    daemon = make_daemon(tmp_path / "run")
    daemon._desk.begin(daemon.run_dir, plays_on=False, gate_delay_s=0.0, listen=False)
    meters = Snapshot(daemon.run_dir / "meters", METERS, create=True)
    meters.record["pid"], meters.record["first_sound_ns"] = 7, 1
    meters.publish()
    yield daemon, meters
    daemon._desk.close()
    daemon._lock.release()


def test_why_a_safe_sound_plays_is_on_the_display_and_that_it_is_the_test_tone_more_so(heeding):
    daemon, meters = heeding
    daemon._fell = "SIGSEGV"
    daemon._heed_guard()
    assert not daemon._desk.sheltered and daemon._shelter_notices == []
    meters.record["pid"], meters.record["rung"] = 8, Rung.SAFE
    meters.publish()
    daemon._heed_guard()
    assert daemon._desk.sheltered and not daemon._problems
    assert daemon._shelter_notices == ["safe sound, the engine fell: SIGSEGV. Menu, instruments: back to yours"]
    meters.record["pid"], meters.record["rung"] = 9, Rung.TONE
    meters.publish()
    daemon._heed_guard()
    assert "test tone" in daemon._problems["tone"].what and daemon._problems["tone"].where == "SIGSEGV"
    daemon._desk.choose("fluid")
    daemon._heed_guard()
    assert not daemon._desk.sheltered, "the engine that loads what was chosen says its old rung for a while"
    meters.record["rung"] = Rung.OWN
    meters.publish()
    daemon._heed_guard()
    assert not daemon._problems and daemon._shelter_notices == []


def test_the_encoder_held_at_power_on_is_told_to_let_go_and_then_it_is_safe_mode(heeding):
    daemon, _ = heeding
    began_ns = time.monotonic_ns() - 2 * 10**9
    daemon._at_start = HeldAtStart(began_ns)
    ring = EdgeRing(daemon.run_dir / "edges", create=True)
    ring.push(began_ns + 1, "encoder_push", 1)
    daemon._hear_edges()
    assert daemon._shelter_notices == ["let go: safe mode"] and not daemon._desk.sheltered
    ring.push(time.monotonic_ns(), "encoder_push", 0)
    daemon._hear_edges()
    assert daemon._desk.sheltered and daemon._shelter_notices == ["safe mode. Menu, instruments: back to yours"]
    daemon._desk.choose("fluid")
    ring.push(time.monotonic_ns(), "encoder_push", 1)
    ring.push(time.monotonic_ns() + 2 * 10**9, "encoder_push", 0)
    daemon._hear_edges()
    assert not daemon._desk.sheltered, "once"


def test_the_same_crash_again_and_again_is_kept_once(heeding, monkeypatch):
    daemon, _ = heeding
    kept: list[str] = []
    monkeypatch.setattr(daemon, "_keep_now", lambda ended: kept.append(ended.why))
    for how in ("SIGSEGV", "SIGSEGV", "status 6", "status 6", "SIGSEGV"):
        daemon._keep(crash.crashed("engine", how, b""))
    until(lambda: len(kept) == 3, "three")
    assert sorted(kept) == ["SIGSEGV", "SIGSEGV", "status 6"]


def test_what_ends_the_daemon_itself_is_kept(tmp_path, state_dir, monkeypatch):
    daemon = make_daemon(tmp_path / "run")

    def fall() -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(daemon, "_begin", fall)
    with pytest.raises(ZeroDivisionError):
        daemon.run()
    kept = crash.last(state_dir)
    assert (kept.part, kept.how, kept.why) == ("daemon", "ZeroDivisionError", "ZeroDivisionError: of ours")
    daemon._lock.release()


def test_a_calibration_that_is_not_there_is_refused(bench):
    daemon = bench.start("--calibration", str(bench.run_dir / "typo.toml"))
    assert daemon.wait(PATIENCE_S) == 2
    assert "typo.toml" in daemon.stderr.read()


def test_the_calibration_of_that_very_module_is_played_and_a_damaged_one_said(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("NEURORACK_STATE", str(tmp_path))
    path = tmp_path / "calibration-rack-2.toml"
    path.write_text("[voct")
    bench.start("--specimen", "2")
    bench.wait_for_sound()
    link = bench.run_dir / "calibration"
    until(link.is_symlink, "a link to the calibration")
    assert link.readlink() == path
    until(lambda: b"playing uncalibrated" in (bench.run_dir / "jacks.err").read_bytes(), "a word about it")
    assert FileStore(bench.run_dir).read().specimen == 2
    volts = Snapshot(bench.run_dir / "volts", VOLTS)
    nominal = InForce.of_board(load_board()).nominals[0]
    Calibration({"voct": Correction([0.0], [-0.9], nominal)}).save(path)  # the demo's lowest note is -1.33 V
    until(lambda: volts.refresh() and volts.record.cv_v[0] < -1.4, "the saved calibration")


def test_what_is_wrong_with_the_calibration_is_for_the_display_too(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("NEURORACK_STATE", str(tmp_path))
    (tmp_path / "calibration-rack-0.toml").write_text("[voct")
    parser = argparse.ArgumentParser()
    add_options(parser)
    daemon = Daemon(parser.parse_args(["--run-dir", str(bench.run_dir), "--rack"]), attached=False)
    daemon._make_panel()
    assert "playing uncalibrated" in daemon._notices[0][1]
    Calibration({"voct": Correction([0.0], [0.1])}).save(tmp_path / "calibration-rack-0.toml")
    daemon._make_panel()
    assert "does not say what its volts count in" in daemon._notices[1][1]
    daemon._lock.release()


# --- the keeper, by itself ------------------------------------------------------------------------------------------


@pytest.fixture
def lines() -> list[str]:
    return []


def keep(tmp_path: Path, lines: list[str], code: str, **options: object) -> Keeper:
    return Keeper("part", [sys.executable, "-c", code], tmp_path, lines.append, **options)  # type: ignore[arg-type]


def ended(keeper: Keeper) -> None:
    import select

    assert select.select([keeper.pidfd], [], [], PATIENCE_S)[0]


def test_one_that_does_not_stay_up_is_started_less_and_less_often(tmp_path, lines):
    keeper = keep(tmp_path, lines, "import sys; print('no luck', file=sys.stderr); sys.exit(3)")
    pauses = []
    for _ in range(4):
        keeper.begin()
        ended(keeper)
        assert keeper.ended() == 3
        pauses.append(keeper.due_s - time.monotonic())
    assert pauses == pytest.approx(PAUSES_S[:4], abs=0.1)
    assert keeper.last_words == "no luck"
    assert any("status 3" in line for line in lines)


def test_what_it_writes_is_passed_on_though_its_file_is_cut_again_and_again(tmp_path, lines, monkeypatch):
    monkeypatch.setattr("neurorack.keeper.LOG_BYTES_MAX", 4096)
    code = "import time\nfor i in range(3000):\n  print('line', i, flush=True)\n  i % 50 or time.sleep(.005)\n"
    code += "time.sleep(.5)\nprint('line', 3000)"  # no cut takes this one
    keeper = keep(tmp_path, lines, code)
    keeper.begin()
    until(lambda: (keeper.tail(), any("line 3000" in line for line in lines))[1], "its last line")
    said = [line for line in lines if line.startswith("part: line")]
    assert said == sorted(said, key=lambda line: int(line.split()[-1]))
    assert len(said) > 2500, "all but what a cut takes"
    assert (tmp_path / "part.err").stat().st_size < 100_000
    keeper.stop()


def test_a_last_word_without_a_line_end_is_heard(tmp_path, lines):
    keeper = keep(tmp_path, lines, "print('the end', end='')")
    keeper.begin()
    ended(keeper)
    keeper.ended()
    assert keeper.last_words == "the end"


def test_what_was_said_before_this_run_began_is_not_told(tmp_path, lines):
    (tmp_path / "part.err").write_text("part: metrics are not saved\n")
    keeper = keep(tmp_path, lines, "print('part: hello')")
    keeper.tail()  # as the daemon does while it waits to start it
    assert lines == []
    keeper.begin()
    ended(keeper)
    keeper.ended()
    assert lines[0] == "part: hello"


def test_a_log_begins_anew_where_it_has_grown_too_long(tmp_path):
    err = tmp_path / "engine.err"
    for _ in range(2):
        os.write(open_log(err), b"engine: hello\n")
    assert err.read_text() == "engine: hello\n" * 2
    err.write_bytes(b"x" * (LOG_BYTES_MAX + 1))
    os.write(open_log(err), b"engine: hello\n")
    assert err.read_text() == "engine: hello\n"


def test_what_is_said_twice_is_in_both_places_and_does_not_grow_for_ever(tmp_path):
    stderr, err = io.StringIO(), tmp_path / "daemon.err"
    twice = Twice(stderr, err)
    print("neurorack: hello", file=twice, flush=True)
    assert stderr.getvalue() == err.read_text() == "neurorack: hello\n"
    err.write_bytes(b"x" * (LOG_BYTES_MAX + 1))
    print("neurorack: again", file=twice, flush=True)
    assert err.read_text() == "neurorack: again\n"


def test_one_that_stands_still_is_killed(tmp_path, lines, monkeypatch):
    monkeypatch.setattr("neurorack.keeper.STEADY_S", 0.0)
    keeper = keep(tmp_path, lines, "import time; time.sleep(60)", pulse=lambda: time.monotonic_ns() - int(4e9))
    keeper.begin()
    keeper.check_pulse()
    ended(keeper)
    assert keeper.ended() == -signal.SIGKILL
    assert any("stands still" in line for line in lines)


def test_one_that_ignores_sigterm_is_ended_all_the_same(tmp_path, lines, monkeypatch):
    monkeypatch.setattr("neurorack.keeper.PATIENCE_S", 0.2)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    keeper = keep(tmp_path, lines, code)
    keeper.begin()
    pid = keeper.pid
    until(lambda: (keeper.tail(), "part: deaf" in lines)[1], "its first words")
    keeper.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_matters_to_a_start_alone_keeps_nobody_from_being_taken_over(tmp_path, lines):
    code = "import sys, time; from pathlib import Path; from neurorack.rundir import Lock\n"
    code += f"lock = Lock(Path({str(tmp_path / 'part.lock')!r})); print(sys.argv[1:], flush=True); time.sleep(60)"
    first = keep(tmp_path, lines, code, first=["--first", "a"])
    first.begin()
    until(lambda: (first.tail(), "part: ['--first', 'a']" in lines)[1] and holder(first.lock), "its first words")
    for options, plays_on in (({"first": ["--first", "b"]}, True), ({}, False)):
        assert keep(tmp_path, lines, code, **options).plays_on() == plays_on
    assert not keep(tmp_path, lines, code + " ", first=["--first", "a"]).plays_on()
    first.stop()


# --- what is kept of a crash ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import sys; sys.exit(7)", "status 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import sys; sys.exit(0)", None),
        ("import sys; sys.exit(2)", None),
    ],
)
def test_an_end_that_should_not_be_is_a_crash_and_what_was_said_belongs_to_it(tmp_path, lines, code, how):
    keeper = keep(tmp_path, lines, f"import sys; print('part: hm', file=sys.stderr, flush=True); {code}")
    keeper.begin()
    ended(keeper)
    keeper.ended()
    crash = keeper.take_crash()
    assert (None if crash is None else (crash.part, crash.how, crash.said)) == (how and ("part", how, ["hm"]))
    assert keeper.take_crash() is None


def test_one_that_others_keep_has_crashed_by_what_its_unit_wrote_down(tmp_path, lines):
    (tmp_path / "part.err").write_text("part: of the one before\n")
    watcher = Watcher("part", tmp_path, lines.append)
    code = "import sys; from pathlib import Path; from neurorack.rundir import Lock\n"
    code += "lock = Lock(Path(sys.argv[1])); print('part: mine', file=open(sys.argv[2], 'a'), flush=True)\n"
    code += "print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(watcher.lock), str(tmp_path / "part.err")]
    crashes = []
    for _ in range(3):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            watcher.begin()
            assert watcher.pid == process.pid
            crashes.append(watcher.take_crash())
            process.kill()
        ended(watcher)
        watcher.ended()
        assert watcher.take_crash() is None, "how it ended is known when the next one is there"
        (tmp_path / "part.ended").write_text("watchdog killed KILL\n")
    assert crashes[0] is None
    assert [(crash.how, crash.said) for crash in crashes[1:]] == [("SIGKILL, watchdog", ["mine"])] * 2


@pytest.mark.parametrize(
    ("told", "how"),
    [
        ("success exited 0", None), ("exit-code exited 2", None), ("exit-code exited 4", None),
        ("exit-code exited 6", "status 6"), ("signal killed SEGV", "SIGSEGV"), ("core-dump dumped SEGV", "SIGSEGV"),
        ("watchdog killed KILL", "SIGKILL, watchdog"), ("oom-kill killed KILL", "SIGKILL, oom-kill"), ("", None),
    ],
)  # fmt: skip
def test_systemds_words_for_an_end(tmp_path, told, how):
    path = end_path(tmp_path, "engine")
    path.write_text(f"{told}\n")
    assert take_end(path, "engine") == how
    assert take_end(path, "engine") is None


def test_every_unit_writes_down_how_it_ended_where_the_daemon_looks(tmp_path):
    common = (Path(__file__).parents[1] / "systemd/lib/systemd/system/neurorack-.service.d/common.conf").read_text()
    line = next(line for line in common.splitlines() if line.startswith("ExecStopPost="))
    shell, option, script = shlex.split(line.partition("=")[2])
    script = script.replace("/run/neurorack", str(tmp_path)).replace("%j", "engine")
    ended = {"SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "SEGV"}
    subprocess.run([shell, option, script], env=ended, check=True)
    assert take_end(end_path(tmp_path, "engine"), "engine") == "SIGSEGV"


def test_a_stranger_under_a_lock_is_not_taken_for_ours(tmp_path, lines):
    """The pid in a lock is believed only while that process holds the lock."""
    (tmp_path / "part.lock").write_text(f"{os.getpid()}\n")
    keeper = keep(tmp_path, lines, "import time; time.sleep(60)")
    keeper.begin()
    assert keeper.pid not in (0, os.getpid())
    keeper.stop()


def test_exit_statuses_have_words():
    assert describe(2) == "status 2"
    assert describe(-signal.SIGKILL) == "SIGKILL"
    assert describe(-99) == "signal 99"


def test_a_lock_is_gone_with_its_process(tmp_path):
    code = "import sys; from pathlib import Path; from neurorack.rundir import Lock\n"
    code += "lock = Lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "x.lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    assert holder(tmp_path / "x.lock") == process.pid
    process.kill()
    process.communicate()
    assert holder(tmp_path / "x.lock") == 0
    Lock(tmp_path / "x.lock").release()


PERFORMED = ["--gate2", "next gesture", "--scale", "101011010101"]


def test_specimen_gate_2_and_scale_are_handed_on(run_dir: Path):
    parser = argparse.ArgumentParser()
    add_options(parser)
    given = parser.parse_args(["--rack", "--specimen", "3", "--run-dir", str(run_dir), *PERFORMED])
    assert parser.parse_args(to_arguments(given)) == given


@pytest.mark.parametrize("options", [[], ["--listen"]])
def test_listening_is_handed_on_to_the_engine(options: list[str], run_dir: Path):
    parser = argparse.ArgumentParser()
    add_options(parser)
    given = parser.parse_args([*options, "--run-dir", str(run_dir)])
    assert parser.parse_args(to_arguments(given)) == given
    made = Daemon(given, attached=False)
    assert ("--listen" in made._engine.command) == bool(options)
    made._lock.release()
