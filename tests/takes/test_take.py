"""What is recorded is what is played again: the same frames, and the same sound."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurorack import bundle
from neurorack.engine.player import Player
from neurorack.patch.gestures import LATENT
from neurorack.patch.performance import PLAYED, at_rest
from neurorack.settings.model import Knob, Sound
from neurorack.settings.playing import resting
from neurorack.shared import FrameTap
from neurorack.takes.recording import Phase, Recording
from neurorack.takes.take import TAKE_HOPS, gesture_of
from neurorack.words import BLOCKS, C4_HZ, DESCRIPTORS, HOP, PERFORMANCE, SAMPLE_RATE_HZ

KNOBS = np.array([0.6, 0.4, 0.5, 0.55, 0.45])
"""Where the pots stand, and the menu."""

SECOND = SAMPLE_RATE_HZ // 512 * 512
RISE = 20 * 512
"""Long enough for the knobs to have come to where they stand."""
NOTE = ((RISE, "gate1", 1), (RISE + SECOND, "gate1", 0))
LONG = RISE + SECOND + SECOND // 2

Edge = tuple[int, str, int]


def sweep(sample: int, depth: float = 1.0) -> dict[str, float]:
    """What CVs do to the knobs from the gate on: no two the same, hardly one straight."""
    t_s = max(sample - RISE, 0) / SAMPLE_RATE_HZ
    return {
        "centroid": 0.3 * depth * np.sin(2 * np.pi * 1.7 * t_s),
        "sharpness": 0.2 * depth * np.cos(2 * np.pi * 0.6 * t_s),
        "rms": -0.25 * depth * min(t_s, 1.0),
        "macro1": 0.2 * depth * np.sin(2 * np.pi * 0.9 * t_s),
        "pitch": depth * 0.25 * t_s,
    }


class Bench:
    """A player whose knobs somebody turns, and what it played: controls [hops, C], gain and sound [samples]."""

    def __init__(self, instrument: bundle.Bundle, tap: Path, block: int = 64) -> None:
        self.instrument, self.block = instrument, block
        self.tap = FrameTap(tap, create=True)
        self.player = Player(instrument, block, noisy=False)
        self.player.set_gesture(0, 1.0)

    def play(
        self,
        samples: int,
        edges: Sequence[Edge],
        depth: float = 1.0,
        base_hz: float = C4_HZ,
        recording: Recording | None = None,
        heard: Callable[[int, int], np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        controls, gain, sound = [], [], []
        for start in range(0, samples, self.block):
            moves = sweep(start, depth)
            row = at_rest()
            row[PERFORMANCE.index("macro1")] += moves["macro1"]
            knobs = KNOBS + [moves.get(name, 0.0) for name in DESCRIPTORS]
            self.player.set_targets(base_hz * 2.0 ** moves["pitch"], knobs, row, np.zeros(PLAYED))
            for sample, jack, level in edges:
                if start <= sample < start + self.block:
                    self.player.gate(sample - start, jack, level)
            out = np.zeros(self.block, np.float32)
            self.player.render(out, None if heard is None else heard(start, self.block))
            self.tap.write(self.player.frames())
            if recording is not None:
                recording.step()
            controls.append(self.player._voice.controls.copy())
            gain.append(self.player._voice.gain.copy())
            sound.append(out)
        return np.concatenate(controls), np.concatenate(gain), np.concatenate(sound)

    def record(
        self, samples: int, edges: Sequence[Edge], **options: Any
    ) -> tuple[bundle.Gesture, np.ndarray, np.ndarray]:
        """(gesture, controls and sound of the recorded)."""
        reader = FrameTap(self.tap._file.path)
        recording = Recording(reader, percussive=self.instrument.card.kind == "percussive")
        controls, _, sound = self.play(samples, edges, recording=recording, **options)
        assert recording.phase is not Phase.WAITING
        recording.stop()
        assert recording.phase is Phase.DONE
        return gesture_of(self.instrument.card, recording.frames, KNOBS), controls, sound

    def again(self, gesture: bundle.Gesture) -> "Bench":
        """A fresh player that plays this one."""
        made = Bench(self.instrument, self.tap._file.path, self.block)
        made.player.offer([gesture])
        made.player.set_gesture(len(self.instrument.gestures), 1.0)
        return made


@pytest.fixture(scope="module")
def instrument(tiny_bundle: Path) -> bundle.Bundle:
    return bundle.load(tiny_bundle)


@pytest.fixture
def bench(instrument: bundle.Bundle, tmp_path: Path) -> Bench:
    return Bench(instrument, tmp_path / "frames")


def length(gesture: bundle.Gesture) -> int:
    """Hops of what was recorded, without what is played only while a gate is held longer."""
    return len(gesture.latent) - (gesture.loop_end - gesture.loop_start)


@pytest.mark.parametrize("block", BLOCKS)
def test_played_again_it_asks_the_decoder_for_the_same_frames_and_sounds_the_same(instrument, tmp_path, block):
    bench = Bench(instrument, tmp_path / "frames", block)
    gesture, recorded, sound = bench.record(LONG, NOTE)
    played, _, again = bench.again(gesture).play(LONG, NOTE, depth=0.0)
    heard = slice(RISE // HOP, RISE // HOP + length(gesture) - 1)
    assert heard.stop * HOP > RISE + SECOND, "the release, too"
    assert np.ptp(recorded[heard], axis=0)[[1, 2, 4, LATENT]].min() > 0.05, "it moves"
    assert np.abs(played[heard] - recorded[heard]).max() < 1e-5
    first, last = RISE, heard.stop * HOP
    difference = again[first:last] - sound[first:last]
    assert np.sqrt(np.mean(difference**2)) < 1e-3 * np.sqrt(np.mean(sound[first:last] ** 2)), "60 dB below it"


@pytest.mark.parametrize(("offset", "earlier"), [(1, 0), (31, 0), (32, 1), (63, 1)])
def test_a_gate_between_two_frames_is_off_by_half_a_hop_at_most(bench, offset, earlier):
    gesture, recorded, _ = bench.record(LONG, tuple((sample + offset, jack, level) for sample, jack, level in NOTE))
    played = bench.again(gesture).play(LONG, NOTE, depth=0.0)[0]
    begin, hops = RISE // HOP + 2, SECOND // HOP - 10
    assert np.abs(played[begin - earlier :][:hops] - recorded[begin:][:hops])[:, 1:].max() < 1e-5


def test_another_key_transposes_it_and_another_pot_shifts_it(bench):
    gesture, recorded, _ = bench.record(LONG, NOTE)
    played = bench.again(gesture).play(LONG, NOTE, depth=0.0, base_hz=2 * C4_HZ)[0]
    heard = slice(RISE // HOP, (RISE + SECOND) // HOP)
    assert np.abs(played[heard, 0] - recorded[heard, 0] - 1.0).max() < 1e-5


def test_a_gate_that_is_held_longer_goes_round_without_a_jump(bench):
    gesture, recorded, _ = bench.record(LONG, NOTE)
    longer = ((RISE, "gate1", 1),)
    played = bench.again(gesture).play(RISE + 4 * SECOND, longer, depth=0.0)[0]
    fall, end = (RISE + SECOND) // HOP, (RISE + 4 * SECOND) // HOP
    fastest = np.abs(np.diff(recorded[RISE // HOP + 80 : fall], axis=0)).max(axis=0)
    assert np.all(np.abs(np.diff(played[fall - 1 : end], axis=0)).max(axis=0) < 1.01 * fastest + 1e-6)
    assert np.ptp(played[fall:end, 2]) > 0.5 * np.ptp(recorded[RISE // HOP : fall, 2]), "and it goes on moving"


def sung(start: int, samples: int, latent: int) -> np.ndarray:
    """Rows [hops, 6 + latent] of another sound, as a follower gives them: a voice that wanders."""
    t_s = (start + np.arange(HOP, samples + 1, HOP))[:, None] / SAMPLE_RATE_HZ
    columns = np.arange(LATENT + latent)
    wide = np.where(columns == 1, 6.0, np.where(columns < LATENT, 0.1, 1.0))
    rows: np.ndarray = (wide * np.sin(2 * np.pi * (0.7 + 0.3 * columns) * t_s + columns)).astype(np.float32)
    return rows


def test_another_sound_that_is_followed_is_taken_from_gate_to_gate_and_played_without_it(bench):
    latent = bench.instrument.card.latent
    gesture, recorded, _ = bench.record(LONG, NOTE, heard=lambda start, samples: sung(start, samples, latent))
    assert length(gesture) == pytest.approx(SECOND // HOP, abs=2), "it ends with its gate: the other sound goes on"
    played = bench.again(gesture).play(LONG, NOTE, depth=0.0)[0]
    heard = slice(RISE // HOP, (RISE + SECOND) // HOP)
    assert np.ptp(recorded[heard], axis=0).min() > 0.05, "it moves"
    assert np.abs(played[heard] - recorded[heard]).max() < 1e-5


def test_a_stroke_is_one_shot_with_the_partials_that_were_struck(struck_bundle, tmp_path):
    bench = Bench(bundle.load(struck_bundle), tmp_path / "frames")
    gesture, _, sound = bench.record(LONG, ((RISE, "gate1", 1), (RISE + 640, "gate1", 0)))
    drum = bench.instrument.gestures[0]
    assert gesture.loop_start == gesture.loop_end == len(gesture.latent) == len(drum.latent)
    assert np.array_equal(gesture.partials, drum.partials)
    again = bench.again(gesture).play(LONG, ((RISE, "gate1", 1),), depth=0.0)[2]
    heard = slice(RISE, RISE + (len(drum.latent) - 2) * HOP)
    difference = np.sqrt(np.mean((again[heard] - sound[heard]) ** 2))
    assert difference < 1e-3 * np.sqrt(np.mean(sound[heard] ** 2))


def test_the_next_stroke_ends_the_take_and_a_slur_does_not(struck_bundle, instrument, tmp_path):
    twice = (*((RISE, "gate1", 1), (RISE + 1280, "gate1", 0)), *((RISE + 2560, "gate1", 1), (RISE + 3840, "gate1", 0)))
    hit, _, _ = Bench(bundle.load(struck_bundle), tmp_path / "one").record(LONG, twice)
    slur, _, _ = Bench(instrument, tmp_path / "two").record(LONG, twice)
    assert len(hit.latent) == 2560 // HOP + 1, "with the onset that stood ready"
    assert slur.loop_start == 3840 // HOP


def test_what_waits_takes_nothing_before_its_gate(bench):
    recording = Recording(FrameTap(bench.tap._file.path), percussive=False)
    bench.play(RISE, (), recording=recording)
    assert recording.phase is Phase.WAITING
    bench.play(4 * HOP, ((HOP, "gate1", 1),), recording=recording)
    assert recording.phase is Phase.RECORDING and len(recording.frames) == 4


def test_a_note_that_sounds_already_is_not_the_one_that_is_waited_for(bench):
    bench.play(RISE, ((0, "gate1", 1),))
    recording = Recording(FrameTap(bench.tap._file.path), percussive=False)
    bench.play(RISE, (), recording=recording)
    assert recording.phase is Phase.WAITING


def test_after_twenty_seconds_it_is_over(bench):
    recording = Recording(FrameTap(bench.tap._file.path), percussive=False)
    bench.player.gate(0, "gate1", 1)
    out = np.zeros(64, np.float32)
    bench.player.render(out)
    frames = bench.player.frames().copy()
    bench.tap.write(frames)
    recording.step()
    frames["age"] += HOP
    while recording.phase is Phase.RECORDING:
        bench.tap.write(np.repeat(frames, 500))
        recording.step()
    assert recording.phase is Phase.DONE and len(recording.frames) == TAKE_HOPS and recording.left_s == 0


def test_what_was_not_heard_whole_is_lost(bench):
    recording = Recording(FrameTap(bench.tap._file.path), percussive=False)
    bench.play(RISE, ((0, "gate1", 1),), recording=recording)
    bench.play(3 * SECOND, ())
    recording.step()
    assert recording.phase is Phase.LOST


def test_knobs_rest_where_pots_and_menu_put_them():
    sound = Sound(
        bundle="b",
        knobs={
            "rms": Knob(base=0.1, pot="pot1", attenuverter={"cv1": 1.0}),
            "centroid": Knob(base=0.3, attenuverter={"cv2": -1.0}, offset=0.1),
        },
    )
    assert resting(sound, (0.8, 0.5, 0.5, 0.5)) == pytest.approx([0.8, 0.4, 0.5, 0.5, 0.5])
