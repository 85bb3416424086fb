"""Notes of the pitched instrument: in tune, levelled, split by program."""

from pathlib import Path

import numpy as np
import pytest

from neurorack.learn.sources import fluid
from neurorack.words import HOP, SAMPLE_RATE_HZ


def note(f0_hz: float, level: float = 0.2) -> np.ndarray:
    n = np.arange(round((fluid.HELD_S + fluid.RELEASE_S) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (sum(np.sin(2 * np.pi * k * f0_hz * n) / k for k in range(1, 8)) * level * 32767 / 2).astype(np.int16)


def test_programs_belong_to_one_split_each_and_have_names_of_their_own():
    programs = [program for split in fluid.SPLITS.values() for program in split]
    names = [name for split in fluid.SPLITS.values() for name in split.values()]
    assert len(set(programs)) == len(programs) == len(set(names)) == 72
    assert not {9, 16, 47, 52, 55} & set(programs)


def test_a_note_is_described():
    sound = fluid.describe_note(note(442.0), "flute", 69, 112)
    assert sound is not None
    assert (sound.name, sound.source, sound.held) == ("flute-69-112", "flute", 62_400)
    assert sound.f0_hz.shape == (len(sound.audio) // HOP,)
    assert sound.f0_hz == pytest.approx(442.0, rel=5e-4)
    assert not len(sound.partials)


def test_a_soft_note_gets_less():
    hard, soft = (fluid.describe_note(note(440.0), "flute", 69, velocity) for velocity in fluid.VELOCITIES[::-1])
    assert hard is not None and soft is not None
    assert 20 * np.log10(hard.gain / soft.gain) == pytest.approx(6.0)


@pytest.mark.parametrize(
    "audio",
    [
        note(440.0, 1e-4),
        note(440.0, 2.0),
        note(460.0),
        np.random.default_rng(0).integers(-3000, 3000, 81_600, np.int16),
    ],
    ids=["silent", "clipped", "off pitch", "noise"],
)
def test_what_is_not_fit_to_learn_from_is_left_out(audio):
    assert fluid.describe_note(audio, "flute", 69, 112) is None


def test_the_same_notes_come_again():
    pytest.importorskip("fluidsynth")
    roots = [
        root for root in (Path("/"), Path(__file__).parents[3] / "out/learn") if (root / fluid.SOUNDFONT).is_file()
    ]
    if not roots:
        pytest.skip("fluid-soundfont-gm is not here")
    first, again = (fluid.render_note(roots[0] / fluid.SOUNDFONT, 73, 72, 112) for _ in range(2))
    assert np.array_equal(first, again)
    sound = fluid.describe_note(first, "flute", 72, 112)
    assert sound is not None
    assert 1200 * np.log2(np.median(sound.f0_hz) / 523.25) == pytest.approx(0, abs=20)
    assert 2 < 1200 * np.log2(sound.f0_hz / np.median(sound.f0_hz))[200:900].std() < 30  # this flute has vibrato
