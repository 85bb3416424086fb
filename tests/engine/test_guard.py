"""An engine that falls again and again ends in sound."""

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from rig import EngineProcess, wait_for

from neurorack.engine.guard import FALLS_MAX, WELL_S, Guard, Rung
from neurorack.engine.process import EXIT_HUNG, EXIT_SPOILT, SPOILT_RESETS, SPOILT_TICKS, TICK_S, _Health
from neurorack.engine.testtone import TONES_HZ
from neurorack.keeper import STEADY_S
from neurorack.rundir import FALLS
from neurorack.shared import INTENT, AudioTap, Snapshot

PATIENCE_S = 60.0
"""On a computer that is busy otherwise."""


def fall(run_dir: Path, times: int = FALLS_MAX) -> list[Rung]:
    return [Guard(run_dir).begin() for _ in range(times)]


# --- the ladder -------------------------------------------------------------------------------------------------


def test_three_falls_in_a_row_lead_to_the_safe_sound_and_three_more_to_the_tone(run_dir: Path):
    assert fall(run_dir, 12) == [Rung.OWN] * 3 + [Rung.SAFE] * 3 + [Rung.TONE] * 6


def test_ten_seconds_of_sound_and_earlier_falls_count_no_more(run_dir: Path):
    fall(run_dir)
    guard = Guard(run_dir)
    assert guard.begin() is Rung.SAFE
    guard.well()
    assert fall(run_dir, 3) == [Rung.SAFE] * 2 + [Rung.TONE], "with its own fall three again"
    assert WELL_S == STEADY_S


def test_one_that_is_killed_now_and_then_stays_where_it_is(run_dir: Path):
    for _ in range(10):
        guard = Guard(run_dir)
        assert guard.begin() is Rung.OWN
        guard.well()


def test_a_card_that_comes_and_goes_is_no_fall(run_dir: Path):
    for _ in range(10):
        guard = Guard(run_dir)
        assert guard.begin() is Rung.OWN
        guard.excuse()


def test_what_the_player_chose_anew_may_fall_as_often_as_any_other(run_dir: Path):
    fall(run_dir)
    guard = Guard(run_dir)
    guard.begin()
    guard.chosen()
    assert fall(run_dir, 3) == [Rung.OWN] * 2 + [Rung.SAFE]


def test_ended_on_purpose_the_next_one_begins_with_the_players_own(run_dir: Path):
    fall(run_dir)
    guard = Guard(run_dir)
    assert guard.begin() is Rung.SAFE
    guard.dismiss()
    guard.dismiss()
    assert fall(run_dir, 1) == [Rung.OWN]


@pytest.mark.parametrize("torn", [b"", b"[1", b"[7, 0]", b'["x", 1]', b"{}", b"\xff" * 9, b"[0, 1]" * 1000])
def test_a_file_that_says_nothing_is_a_first_start(run_dir: Path, torn: bytes):
    (run_dir / FALLS).write_bytes(torn)
    assert fall(run_dir, 4) == [Rung.OWN] * 3 + [Rung.SAFE]


def test_a_run_directory_that_is_full_costs_the_guard_alone(run_dir: Path, monkeypatch):
    def refuse(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("neurorack.engine.guard.replace_file", refuse)
    assert fall(run_dir, 5) == [Rung.OWN] * 5


# --- what is a fall ---------------------------------------------------------------------------------------------


def test_an_instrument_that_is_silent_more_than_it_sounds_is_spoilt_and_one_with_a_hiccup_is_not():
    for resets, spoilt in ((SPOILT_RESETS, True), (SPOILT_RESETS - 1, False)):
        health = _Health()
        for look in range(SPOILT_TICKS + 1):
            health.sounds(0 if look == 0 else resets)
        assert health.spoilt is spoilt


def test_well_is_told_once_and_after_ten_seconds():
    health = _Health()
    told = [look for look in range(1000) if health.sounds(0)]
    assert told == [round(WELL_S / TICK_S) - 1]


# --- engines ----------------------------------------------------------------------------------------------------


class Restarted:
    """An engine that is started again whenever it ends, as keeper and units do."""

    def __init__(self, run_dir: Path, start_engine, bundle: str, **environment: str) -> None:
        self.run_dir, self.statuses, self.logs = run_dir, [], []
        self._start = lambda: start_engine("--device", "null", bundle=bundle, **environment)
        self.engine: EngineProcess = self._start()

    def until(self, rung: Rung) -> None:
        """Until an engine sounds on this rung."""

        def there() -> bool:
            if self.engine.process.poll() is not None:
                self.statuses.append(self.engine.process.returncode)
                self.logs.append(self.engine.process.stderr.read())
                self.engine = self._start()
            meters = self.engine.meters()
            pid = self.engine.process.pid
            return bool(
                meters is not None and meters["pid"] == pid and meters["first_sound_ns"] and meters["rung"] == rung
            )

        wait_for(there, PATIENCE_S)

    def hears(self, *tones_hz: float) -> bool:
        """Whether one of these is what is played."""
        tap = AudioTap(self.run_dir / "tap")
        wait_for(lambda: tap.position > 48_000, PATIENCE_S)
        tap.read()
        begin = tap.position
        wait_for(lambda: tap.position > begin + 4800, PATIENCE_S)
        sound = tap.read()[-4096:]
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
        loudest_hz = float(np.argmax(spectrum)) * 48_000 / len(sound)
        return any(abs(loudest_hz - hz) < 15.0 for hz in tones_hz)


@pytest.mark.parametrize(
    ("bundle", "status"),
    [("segfault", -signal.SIGSEGV), ("hang", EXIT_HUNG), ("spoilt", EXIT_SPOILT), ("nobody", 2)],
)
def test_whatever_it_falls_by_it_ends_in_the_safe_sound(run_dir: Path, start_engine, bundle: str, status: int):
    intent = Snapshot(run_dir / "intent", INTENT, create=True)
    intent.record["bundle"], intent.record["gesture"] = bundle.encode(), 3
    intent.publish()
    module = Restarted(run_dir, start_engine, bundle)
    module.until(Rung.SAFE)
    assert module.engine.meters()["gesture"] == 0, "nothing of what was chosen is taken up"
    assert module.statuses == [status] * FALLS_MAX
    assert module.engine.meters()["bundle"] == b"fluid" and b"fell 3 times" in module.engine.meters()["notice"]
    assert module.hears(220.0)


def test_a_signal_leaves_its_name_and_where_it_struck(run_dir: Path, start_engine):
    module = Restarted(run_dir, start_engine, "segfault", PYTHONFAULTHANDLER="1")
    wait_for(lambda: module.engine.process.poll() is not None, PATIENCE_S)
    said = module.engine.process.stderr.read()
    assert "Fatal Python error: Segmentation fault" in said and "in render" in said


def test_a_hang_leaves_where_it_hung(run_dir: Path, start_engine):
    module = Restarted(run_dir, start_engine, "hang")
    wait_for(lambda: module.engine.process.poll() is not None, PATIENCE_S)
    said = module.engine.process.stderr.read()
    assert re.search("a block of hang is not done", said) and "in render" in said


def test_when_the_safe_sound_falls_too_it_ends_in_the_test_tone_and_returns_to_what_is_chosen(
    run_dir: Path, start_engine
):
    fall(run_dir, FALLS_MAX + 1)
    module = Restarted(run_dir, start_engine, "tone", FALLS_TOO="fluid")
    module.until(Rung.TONE)
    assert module.statuses == [-signal.SIGSEGV] * (FALLS_MAX - 1)
    assert module.engine.meters()["bundle"] == b"test tone"
    assert module.hears(*TONES_HZ)
    engine = module.engine.process.pid
    intent = Snapshot(run_dir / "intent", INTENT, create=True)
    intent.record["bundle"], intent.record["sheltered"] = b"fluid", 1  # the daemon's
    intent.publish()
    assert not module.hears(220.0) and module.engine.meters()["rung"] == Rung.TONE
    intent.record["bundle"], intent.record["sheltered"] = b"tone@1000", 0  # the player's
    intent.publish()
    wait_for(lambda: module.engine.meters()["rung"] == Rung.OWN, PATIENCE_S)
    assert module.hears(1000.0) and module.engine.process.pid == engine
    assert b"fell" not in module.engine.meters()["notice"], "that is over"


def test_after_a_fall_the_choice_that_fell_is_not_begun_with_but_may_be_chosen_again(run_dir: Path, start_engine):
    intent = Snapshot(run_dir / "intent", INTENT, create=True)
    intent.record["bundle"] = b"segfault"
    intent.publish()
    fall(run_dir)
    module = Restarted(run_dir, start_engine, "tone")
    module.until(Rung.SAFE)
    assert module.hears(220.0), "nor with --bundle's, which did not fall but is not known to be safe"
    intent.publish()  # the player chooses it again
    wait_for(lambda: module.engine.process.poll() is not None, PATIENCE_S)
    module.until(Rung.SAFE)
    assert module.statuses == [-signal.SIGSEGV] * FALLS_MAX, "it falls as often as before, and then is safe again"


def test_the_test_tone_needs_neither_a_bundle_nor_onnx_runtime(run_dir: Path, start_engine, tmp_path: Path):
    fall(run_dir, 2 * FALLS_MAX)
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('not here')\n")
    engine = start_engine(
        "--device", "null", bundle="nobody", program=("-m", "neurorack.engine"), PYTHONPATH=str(tmp_path),
        NEURORACK_MODELS=str(tmp_path),
    )  # fmt: skip
    engine.playing()
    assert engine.meters()["rung"] == Rung.TONE
    maps = Path(f"/proc/{engine.process.pid}/maps").read_text()
    assert "onnxruntime" not in maps
    wait_for(lambda: engine.meters()["level_peak"] > 0.02)


def test_ended_by_a_signal_it_leaves_no_count(run_dir: Path, start_engine):
    fall(run_dir, 2)
    engine = start_engine("--device", "null").playing()
    assert engine.end()[0] == 0 and not (run_dir / FALLS).exists()
    engine = start_engine("--device", "null").playing()
    os.kill(engine.process.pid, signal.SIGKILL)
    engine.process.wait()
    assert Guard(run_dir)._starts == 1
