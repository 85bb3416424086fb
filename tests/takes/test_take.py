"""What is recorded is what is played again: the same frames, and the same sound."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from struck import write_struck_bundle

from neurorack import bundle
from neurorack.engine.player import Player
from neurorack.patch.gestures import LATENT
from neurorack.patch.performance import PLAYED, at_rest
from neurorack.settings.model import Knob, Sound
from neurorack.settings.playing import resting
from neurorack.shared import FrameTap
from neurorack.takes.recording import Phase, Recording
from neurorack.takes.take import LOOP_HOPS, TAKE_HOPS, gesture_of
from neurorack.words import BLOCKS, C4_HZ, DESCRIPTORS, HOP, PERFORMANCE, SAMPLE_RATE_HZ

KNOBS = np.array([0.6, 0.4, 0.5, 0.55, 0.45])
"""Where the pots stand, and the menu."""

Edge = tuple[int, str, int]


def sweep(sample: int, depth: float = 1.0) -> dict[str, float]:
    """What CVs do to the knobs meanwhile: no two the same, none straight."""
    t_s = sample / SAMPLE_RATE_HZ
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
        self, samples: int, edges: Sequence[Edge], depth: float = 1.0, base_hz: float = C4_HZ, recording: Recording | None = None
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
            self.player.render(out)
            self.tap.write(self.player.frames())
            if recording is not None:
                recording.step()
            controls.append(self.player._voice.controls.copy())
            gain.append(self.player._voice.gain.copy())
            sound.append(out)
        return np.concatenate(controls), np.concatenate(gain), np.concatenate(sound)

    def record(self, samples: int, edges: Sequence[Edge], **options: float) -> tuple[bundle.Gesture, np.ndarray, np.ndarray]:
        """(gesture, controls and sound of the recorded)."""
        reader = FrameTap(self.tap._file.path)
        recording = Recording(reader, percussive=self.instrument.card.kind == "percussive")
        controls, _, sound = self.play(samples, edges, recording=recording, **options)  # type: ignore[arg-type]
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


SECOND = SAMPLE_RATE_HZ // 512 * 512
NOTE = ((640, "gate1", 1), (640 + SECOND, "gate1", 0))


@pytest.mark.parametrize("block", BLOCKS)
def test_played_again_it_asks_the_decoder_for_the_same_frames(instrument, tmp_path, block):
    bench = Bench(instrument, tmp_path / "frames", block)
    gesture, recorded, sound = bench.record(3 * SECOND, NOTE)
    played, _, again = bench.again(gesture).play(3 * SECOND, NOTE, depth=0.0)
    hops = slice(640 // HOP + 1, 640 // HOP + len(gesture.latent) - 2 * LOOP_HOPS // 2)
    sounding = slice(640 // HOP, (640 + SECOND) // HOP)
    assert np.abs(played[sounding] - recorded[sounding]).max() < 2e-3
    assert hops.stop > sounding.stop
    assert np.sqrt(np.mean((again - sound) ** 2)) < 1e-3 * np.sqrt(np.mean(sound**2)), "60 dB below it"
