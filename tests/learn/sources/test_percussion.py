"""Struck sounds: whole hits with their modes, split by kit, free licences only where they are learnt from."""

from pathlib import Path

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")

from neurorack.learn.corpus import MODES  # noqa: E402
from neurorack.learn.sources import percussion  # noqa: E402
from neurorack.words import HOP, SAMPLE_RATE_HZ  # noqa: E402

RATIOS = (1.0, 1.59, 2.14, 2.3, 2.65, 2.92)
"""Of an ideal membrane."""


def drum(f0_hz: float) -> np.ndarray:
    n = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return sum(np.sin(2 * np.pi * f0_hz * r * n) * np.exp(-n * (3 + r)) / (1 + i) for i, r in enumerate(RATIOS)) * 0.2


def test_a_drum_is_described_by_its_modes():
    silence = np.zeros(4_000)
    sound = percussion.describe_hit(np.concatenate([silence, drum(150.0)]), 48_000, "tom", "drums")
    assert (sound.name, sound.source) == ("tom", "drums")
    assert sound.held == len(sound.audio) > 0.8 * SAMPLE_RATE_HZ
    assert np.flatnonzero(np.abs(sound.audio) > 500)[0] < 200
    assert sound.f0_hz.shape == (len(sound.audio) // HOP,)
    assert sound.f0_hz == pytest.approx(150.0, rel=5e-3)
    assert sound.partials.shape == (MODES,)
    assert (np.diff(sound.partials) > 0).all()
    for ratio in RATIOS:
        assert np.abs(sound.partials - np.log2(ratio)).min() < 0.02


def test_kits_belong_to_one_split_each():
    kits = [{kit for kit, _ in split.values()} for split in percussion.SPLITS.values()]
    train, validation, test = kits
    assert validation <= train  # one collection of many authors, parted by instrument
    assert not test & train
    assert not set(percussion.TRAIN) & set(percussion.VALIDATION) & set(percussion.TEST)


def test_only_free_recordings_are_learnt_from():
    for split in (percussion.TRAIN, percussion.VALIDATION):
        for kit, _ in split.values():
            assert percussion.ORIGINS[kit].license in ("CC0-1.0", "CC-BY-3.0")
    for kit, _ in percussion.TEST.values():
        assert "test only" in percussion.ORIGINS[kit].what


@pytest.fixture
def kit(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / percussion.KITS / "Audiophob"
    folder.mkdir(parents=True)
    for i in range(3):
        soundfile.write(folder / f"tom{i}.wav", drum(100.0 + 30 * i), SAMPLE_RATE_HZ)
    soundfile.write(folder / "empty.wav", np.zeros(4_800), SAMPLE_RATE_HZ)
    monkeypatch.setattr(percussion, "SPLITS", {"train": {"toms": ("Audiophob", "*")}})
    monkeypatch.setattr(percussion, "verify", lambda *_: None)
    return tmp_path


def test_a_split_is_collected_and_a_silent_placeholder_passed_over(kit):
    corpus = percussion.corpus("train", kit)
    assert corpus.kind == "percussive"
    assert [sound.name for sound in corpus.sounds] == ["tom0", "tom1", "tom2"]
    assert [origin.name for origin in corpus.origins] == ["Audiophob"]
    assert [sound.f0_hz[0] for sound in corpus.sounds] == pytest.approx([100, 130, 160], rel=0.01)


def test_only_names_that_match_are_taken(kit):
    assert [path.stem for path in percussion.files("Audiophob", "tom0 tom2", kit)] == ["tom0", "tom2"]
