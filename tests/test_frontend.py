"""The jacks process: what it publishes, and how it lives beside others."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from neurorack.board import load_board
from neurorack.boards import DEFAULT_BOARD
from neurorack.clock import SimulatedClock
from neurorack.frontend import Frontend
from neurorack.jacks.calibration import Calibration, Correction
from neurorack.jacks.nominal import InForce
from neurorack.jacks.reference import Reference
from neurorack.patch.matrix import assign, default_patch
from neurorack.patch.note import STALE_NS
from neurorack.patch.performance import VARIATION, at_rest
from neurorack.patch.pitch import pitch_hz
from neurorack.patch.scale import SCALES
from neurorack.rack.control import RackControl
from neurorack.rack.state import Fault, WorldState
from neurorack.rack.world import World
from neurorack.shared import CONTROLS, NOTE, PATCH, VOLTS, EdgeRing, Snapshot
from neurorack.words import DESCRIPTORS, KNOBS

CSV = "t,voct,cv1,gate1\n0,1.0,2.5,0\n0.1,1.0,2.5,0\n0.1,2.0,2.5,5\n0.2,2.0,2.5,5\n0.2,2.0,2.5,0\n9,2.0,2.5,0\n"

VOCT = InForce.of_board(load_board()).nominals[0]
ALONE = msgspec.structs.replace(VOCT, reference_v=0.0)


class Bench:
    """A frontend on simulated time, and readers of what it publishes."""

    def __init__(self, run_dir: Path, volts: str = CSV) -> None:
        table = run_dir / "volts.csv"
        table.write_text(volts, encoding="utf-8")
        self.run_dir, self.clock, self.world = run_dir, SimulatedClock(), World.from_volts_file(table)
        self.frontend = Frontend(load_board(rack=True), run_dir, self.clock, run_dir / "calibration.toml", self.world)
        self.controls, self.volts = Snapshot(run_dir / "controls", CONTROLS), Snapshot(run_dir / "volts", VOLTS)
        self.ring = EdgeRing(run_dir / "edges")

    def run_to(self, ms: float) -> None:
        while self.clock.now_ns() < ms * 1e6:
            self.clock.sleep_until_ns(self.frontend.step())
        self.controls.refresh()
        self.volts.refresh()

    def knob(self, name: str) -> float:
        return float(self.controls.record.descriptors[DESCRIPTORS.index(name)])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.frontend.close()


def test_without_a_daemon_the_default_patch_plays(bench):
    bench.run_to(80)
    assert bench.controls.record.pitch_hz == pytest.approx(pitch_hz(1.0), rel=2e-4)
    assert bench.controls.record.descriptors == pytest.approx([0.75, 0.5, 0.5, 0.5, 0.5], abs=2e-3)  # 2.5 V at cv1
    bench.run_to(120)
    assert bench.controls.record.pitch_hz == pytest.approx(pitch_hz(2.0), rel=2e-4)


def test_it_publishes_which_jack_is_over_range_and_that_the_bus_is_held_low(tmp_path):
    made = Bench(tmp_path, "t,voct,cv2,cv3\n0,9,-12,1\n9,9,-12,1\n")
    made.run_to(150)
    assert (list(made.volts.record.over), made.volts.record.bus_low) == ([1, 0, -1, 0, 0], 0)
    made.world.store.change(lambda state: state.faults.update(bus_a=Fault("stuck", seconds=0.1)))
    made.run_to(1_000)
    assert (list(made.volts.record.chip_ok), made.volts.record.bus_low) == ([0, 0, 0], 1)
    made.frontend.close()


def test_controls_carry_the_time_of_their_youngest_reading(bench):
    bench.run_to(90)
    age_ns = bench.clock.now_ns() - int(bench.controls.record.t_ns)
    assert 0 <= age_ns < 2_500_000


def test_a_calibration_that_is_saved_is_heard_within_a_second(bench):
    bench.run_to(1_000)
    assert bench.volts.record.cv_v[0] == pytest.approx(2.0, abs=1e-3)
    Calibration({"voct": Correction([0.0, 2.0], [0.0, 1.95], VOCT)}).save(bench.run_dir / "calibration.toml")
    bench.run_to(2_100)
    assert bench.volts.record.cv_v[0] == pytest.approx(1.95, abs=1e-3)


def test_what_nominal_volts_count_in_is_published(bench):
    bench.run_to(100)
    assert InForce.of_record(bench.volts.record) == bench.frontend.scan.in_force == InForce.of_board(load_board())


def test_a_calibration_of_another_line_is_said_once_and_plays_nominally(bench, capfd):
    other = msgspec.structs.replace(VOCT, gain=-0.3)
    Calibration({"voct": Correction([0.0, 2.0], [0.0, 1.95], other)}).save(bench.run_dir / "calibration.toml")
    bench.run_to(2_500)
    assert bench.volts.record.cv_v[0] == pytest.approx(2.0, abs=1e-3)
    assert capfd.readouterr().err.count("voct: its volts count in 2.22772 V -0.3 × jack") == 1


@pytest.mark.parametrize(("measured", "unseen_v", "seen_v"), [(VOCT, 1.95, 1.95), (ALONE, 1.95, 2.0)])
def test_a_correction_is_judged_anew_when_the_reference_is_seen(bench, monkeypatch, measured, unseen_v, seen_v):
    """One beside the reference plays while the wire is off, the best there is; one without it until the wire is on."""
    Calibration({"voct": Correction([0.0, 2.0], [0.0, 1.95], measured)}).save(bench.run_dir / "calibration.toml")
    with monkeypatch.context() as patch:
        patch.setattr(Reference, "take", lambda made, code: None)
        bench.run_to(1_000)
        assert (bench.volts.record.reference_lost, bench.volts.record.reference_used) == (1, 0)
        assert bench.volts.record.cv_v[0] == pytest.approx(unseen_v, abs=1e-3)
    bench.run_to(8_000)
    assert (bench.volts.record.reference_lost, bench.volts.record.reference_used) == (0, 1)
    assert bench.volts.record.cv_v[0] == pytest.approx(seen_v, abs=1e-3)


def test_one_that_does_not_fit_is_not_heard_even_at_the_start(bench):
    Calibration({"voct": Correction([0.0, 2.0], [0.0, 1.95], ALONE)}).save(bench.run_dir / "calibration.toml")
    bench.run_to(60)
    assert bench.volts.record.cv_v[0] == pytest.approx(1.0, abs=1e-3)


def test_a_reference_whose_wire_comes_off_is_told_and_its_gain_stays(bench, monkeypatch):
    bench.run_to(1_000)
    assert not bench.volts.record.reference_lost
    whole = Reference.take
    monkeypatch.setattr(Reference, "take", lambda made, code: whole(made, 300))
    bench.run_to(6_000)
    assert (bench.volts.record.reference_lost, bench.volts.record.reference_used) == (1, 1)


@pytest.mark.parametrize("damage", [lambda path: path.write_text("[voct"), os.mkfifo], ids=["torn", "pipe"])
def test_a_damaged_calibration_is_said_once_and_plays_uncalibrated(bench, capfd, damage):
    damage(bench.run_dir / "calibration.toml")
    bench.run_to(2_500)
    assert bench.volts.record.cv_v[0] == pytest.approx(2.0, abs=1e-3)
    assert capfd.readouterr().err.count("playing uncalibrated") == 1


def test_who_calibrates_sees_every_reading_as_its_chip_gave_it(bench):
    Calibration({"voct": Correction([0.0, 2.0], [0.0, 1.95], VOCT)}).save(bench.run_dir / "calibration.toml")
    bench.run_to(1_000)
    record = bench.volts.record
    count, sum_v = record.count.copy(), record.sum_v.copy()
    bench.run_to(2_000)
    counts, sums_v = record.count - count, record.sum_v - sum_v
    assert counts[0] == pytest.approx(bench.frontend.scan.readers[0].readings / 2, rel=0.05)
    assert (sums_v / counts)[:2] == pytest.approx([2.0, 2.5], abs=1e-3)


def test_one_that_starts_again_knows_the_last_values_before_any_chip_has_spoken(tmp_path):
    first = Bench(tmp_path)
    first.run_to(80)
    first.frontend.close()
    again = Bench(tmp_path)
    again.frontend.step()
    assert list(again.frontend.scan.volts[1:]) == list(first.volts.record.cv_v[1:])
    assert again.frontend.scan.volts[1] == pytest.approx(2.5, abs=2e-3)
    again.frontend.close()


def test_the_panel_sees_volts_pots_gates_and_chips(bench):
    bench.run_to(180)
    seen = bench.volts.record
    assert seen.cv_v == pytest.approx([2.0, 2.5, 0.0, 0.0, 0.0], abs=2e-3)
    assert seen.pot == pytest.approx([0.5] * 4, abs=2e-3)
    assert list(seen.gate) == [1, 0]
    assert list(seen.chip_ok) == [1, 1, 1]
    assert min(seen.readings) > 20
    assert seen.pid == os.getpid()


def test_edges_reach_the_ring_with_their_own_time(bench):
    bench.run_to(300)
    assert [edge for edge in bench.ring.read() if edge[1] == "gate1"] == [
        (0, "gate1", 0),
        (100_000_000, "gate1", 1),
        (200_000_000, "gate1", 0),
    ]


def play_note(bench: Bench, **fields: float) -> None:
    """As the socket's server does."""
    note = Snapshot(bench.run_dir / "note", NOTE, create=True)
    note.refresh()
    for name, value in {"players": 1, "t_ns": bench.clock.now_ns(), **fields}.items():
        note.record[name] = value
    note.publish()


def test_a_note_from_afar_has_pitch_gate_and_loudness_until_the_jack_begins(bench):
    play_note(bench)
    bench.run_to(30)
    bench.ring.read()
    play_note(bench, gate=1, strikes=1, volts=-1.0, level=0.1)
    bench.run_to(31)
    ((t_ns, *edge),) = [edge for edge in bench.ring.read() if edge[1] == "gate1"]
    assert edge == ["gate1", 1] and 0 <= t_ns - 30_000_000 < 1_000_000, "within a look at the lines"
    assert bench.controls.record.pitch_hz == pytest.approx(pitch_hz(-1.0), rel=1e-9)
    assert bench.knob("rms") == pytest.approx(0.85, abs=3e-3)
    bench.run_to(150)
    edges = [edge for edge in bench.ring.read() if edge[1] == "gate1"]
    assert edges == [(100_000_000, "gate1", 0), (100_000_000, "gate1", 1)], "the jack begins"
    assert bench.controls.record.pitch_hz == pytest.approx(pitch_hz(2.0), rel=2e-4)
    assert bench.knob("rms") == pytest.approx(0.75, abs=3e-3)
    bench.run_to(250)
    assert bench.controls.record.pitch_hz == pytest.approx(pitch_hz(-1.0), rel=1e-9), "the note is still held"
    assert [edge for edge in bench.ring.read() if edge[1] == "gate1"] == []
    bench.run_to(4_000)
    ((t_ns, _, level),) = [edge for edge in bench.ring.read() if edge[1] == "gate1"]
    assert level == 0 and t_ns == pytest.approx(30_000_000 + STALE_NS, abs=1_000_000), "its writer is dead"


def test_a_note_from_afar_plays_while_no_chip_answers(bench):
    bench.world.store.change(
        lambda state: state.faults.update({name: Fault("absent") for name in ("adc_voct", "adc_cv", "adc_pots")})
    )
    play_note(bench)
    bench.run_to(30)
    play_note(bench, gate=1, strikes=1, volts=0.5)
    bench.run_to(32)
    assert bench.ring.read()[-1][1:] == ("gate1", 1)
    assert bench.controls.record.pitch_hz == pytest.approx(pitch_hz(0.5), rel=1e-9)


def test_a_patch_is_taken_up_while_playing(bench):
    bench.run_to(50)
    assert bench.knob("boominess") == 0.5
    patch = Snapshot(bench.run_dir / "patch", PATCH, create=True)
    record = default_patch()
    assign(record, "cv1=boominess")
    for name in PATCH.names:
        patch.record[name] = record[name]
    patch.publish()
    bench.run_to(80)
    assert bench.knob("boominess") == pytest.approx(0.75, abs=2e-3)
    assert bench.controls.record.pitch_hz == pytest.approx(pitch_hz(1.0), rel=2e-4)


def test_performance_knobs_scale_and_envelope_are_published(bench):
    bench.run_to(50)
    assert np.array_equal(bench.controls.record["performance"], at_rest())
    patch = Snapshot(bench.run_dir / "patch", PATCH, create=True)
    record = default_patch()
    assign(record, "cv1=variation")
    assign(record, "cv2=envelope")
    record["scale"] = SCALES["octaves"]
    for name in PATCH.names:
        patch.record[name] = record[name]
    patch.publish()
    bench.run_to(80)
    assert bench.controls.record["performance"][VARIATION] == pytest.approx(0.75, abs=2e-3)
    assert bench.controls.record["envelope"][KNOBS.index("centroid")] == pytest.approx(0.5)
    assert bench.controls.record.pitch_hz == pytest.approx(pitch_hz(1.0), rel=1e-9)


def test_a_patch_found_at_the_start_is_played(tmp_path):
    patch = Snapshot(tmp_path / "patch", PATCH, create=True)
    record = default_patch()
    record["base"][0] = 1.0
    for name in PATCH.names:
        patch.record[name] = record[name]
    patch.publish()
    bench = Bench(tmp_path)
    bench.run_to(80)
    assert bench.controls.record.pitch_hz == pytest.approx(pitch_hz(2.0), rel=2e-4)
    bench.frontend.close()


def recall(run_dir: Path, values: list[float], recalled_ns: int = 1) -> None:
    patch, record = Snapshot(run_dir / "patch", PATCH, create=True), default_patch()
    record["recalled"], record["recalled_ns"] = values, recalled_ns
    for name in PATCH.names:
        patch.record[name] = record[name]
    patch.publish()


def test_after_a_recall_a_pot_takes_over_when_it_passes_the_stored_value(bench):
    hands = RackControl(bench.world, bench.clock)
    bench.run_to(80)
    recall(bench.run_dir, [0.5, 0.7, 0.5, 0.5])
    bench.run_to(120)
    assert bench.knob("centroid") == pytest.approx(0.7, abs=1e-4)
    assert list(bench.volts.record.waiting) == [0, 1, 0, 0], "the others stand where they were stored"
    for at_ms, position, knob in ((160, 0.2, 0.7), (200, 0.65, 0.7), (240, 0.8, 0.8), (280, 0.3, 0.3)):
        hands.turn_pot("pot2", position)
        bench.run_to(at_ms)
        assert bench.knob("centroid") == pytest.approx(knob, abs=2e-3)
    assert not bench.volts.record.waiting.any()


def test_a_pot_that_waits_goes_on_waiting_when_the_jacks_start_again(tmp_path):
    recall(tmp_path, [0.5, 0.7, 0.2, 0.5])
    first = Bench(tmp_path)
    RackControl(first.world, first.clock).turn_pot("pot3", 0.1)
    first.run_to(80)
    assert first.knob("bandwidth") == pytest.approx(0.2, abs=2e-3)
    RackControl(first.world, first.clock).turn_pot("pot3", 0.3)
    first.run_to(160)
    first.frontend.close()
    again = Bench(tmp_path)  # in a rack whose pots stand half way
    again.run_to(80)
    assert again.knob("centroid") == pytest.approx(0.7, abs=1e-4)
    assert again.knob("bandwidth") == pytest.approx(0.5, abs=2e-3), "this one had passed"
    again.frontend.close()


def test_a_stored_value_plays_although_the_pots_chip_is_silent_from_the_start(tmp_path):
    recall(tmp_path, [0.1, 0.2, 0.3, 0.4])
    bench = Bench(tmp_path)
    bench.world.store.change(lambda state: state.faults.update(adc_pots=Fault("absent")))
    bench.run_to(80)
    assert bench.controls.record.descriptors[1:4] == pytest.approx([0.2, 0.3, 0.4], abs=1e-4)  # CVs have their noise
    bench.frontend.close()


def test_a_patch_file_that_is_none_is_left_alone(tmp_path):
    (tmp_path / "patch").write_bytes(b"not a snapshot")
    bench = Bench(tmp_path)
    bench.run_to(80)
    assert bench.controls.record.pitch_hz == pytest.approx(pitch_hz(1.0), rel=2e-4)
    bench.frontend.close()


def test_volts_go_on_being_told_while_no_chip_answers(bench):
    def unplug(state: WorldState) -> None:
        state.faults = {name: Fault("absent") for name in ("adc_voct", "adc_cv", "adc_pots")}

    bench.run_to(80)
    held = float(bench.controls.record.pitch_hz)
    bench.world.store.change(unplug)
    bench.run_to(2_000)
    assert list(bench.volts.record.chip_ok) == [0, 0, 0]
    assert bench.clock.now_ns() - int(bench.volts.record.t_ns) < 20_000_000
    assert bench.volts.record.i2c_errors > 3
    assert bench.controls.record.pitch_hz == held


def test_a_reader_that_comes_late_sees_the_newest(bench):
    bench.run_to(90)
    late = Snapshot(bench.run_dir / "controls", CONTROLS)
    assert late.refresh()
    assert late.record.pitch_hz == bench.controls.record.pitch_hz


# The process itself


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start the jacks process; what still runs in the end is killed."""
    started = []

    def begin(*options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "neurorack.frontend", "--run-dir", str(tmp_path), *options]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def readings(run_dir: Path, wait_s: float = 10.0) -> np.ndarray:
    """Counts of a snapshot that is newer than this call."""
    give_up, since_ns = time.monotonic() + wait_s, time.monotonic_ns()
    while time.monotonic() < give_up:
        time.sleep(0.01)
        if (run_dir / "volts").exists():
            snapshot = Snapshot(run_dir / "volts", VOLTS)
            if snapshot.refresh() and snapshot.record.t_ns > since_ns and min(snapshot.record.readings) > 0:
                return np.array(snapshot.record.readings)
    raise AssertionError("nothing was published")


def test_the_process_reads_refuses_a_second_and_ends_on_sigterm(start, tmp_path):
    first = start("--rack")
    assert min(readings(tmp_path)) > 0
    second = start("--rack")
    _, said = second.communicate(timeout=10)
    assert second.returncode == 2
    assert f"process {first.pid}" in said
    assert said.count("\n") == 1
    assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=5) == 0


def test_a_killed_process_leaves_room_for_the_next(start, tmp_path):
    first = start("--rack")
    readings(tmp_path)
    first.kill()
    first.wait()
    start("--rack")
    assert min(readings(tmp_path)) > 0


@pytest.mark.parametrize(
    ("board", "words"),
    [("none.toml", "No such file"), ("text.toml", "not TOML"), ("busless.toml", "no such I2C bus")],
)
def test_what_it_cannot_use_it_says_in_one_line(start, tmp_path, board, words):
    (tmp_path / "text.toml").write_text("a board?", encoding="utf-8")
    busless = DEFAULT_BOARD.read_text(encoding="utf-8").replace("/dev/i2c-", "/dev/none-")
    (tmp_path / "busless.toml").write_text(busless, encoding="utf-8")
    process = start("--board", str(tmp_path / board))
    _, said = process.communicate(timeout=10)
    assert process.returncode == 2
    assert words in said
    assert said.count("\n") == 1


def test_its_imports_are_light():
    code = "import sys, neurorack.frontend; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"onnxruntime", "torch", "scipy", "sounddevice", "PIL", "textual", "neurorack.rack", "neurorack.panel"}
    assert heavy.isdisjoint(loaded)
