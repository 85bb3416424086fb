"""Speaking voices: phrases cut at pauses, utterances held out, other speakers only for transfer."""

from pathlib import Path

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("swift_f0")

from neurorack.learn.sources import speech  # noqa: E402
from neurorack.words import HOP, SAMPLE_RATE_HZ  # noqa: E402


def vowel(seconds: float, f0_hz: float = 140.0, rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    n = np.arange(round(seconds * rate_hz)) / rate_hz
    glide = f0_hz * (1 + 0.1 * np.sin(2 * np.pi * 0.8 * n))
    cycles = np.cumsum(glide) / rate_hz
    audio = sum(np.sin(2 * np.pi * k * cycles) / (1 + (k - 4) ** 2) for k in range(1, 25)) * 0.2
    return audio * np.minimum(1, np.minimum(n, seconds - n) / 0.02)


def test_groups_belong_to_one_split_each():
    for speaker in (speech.RUSSIAN, speech.MANDARIN):
        groups = [group for split in ("train", "validation", "test") for group in speech.SPLITS[split][speaker]]
        assert sorted(groups) == list(range(speech.GROUPS))
    assert not speech.SPLITS["transfer"].keys() & speech.SPLITS["train"].keys()


def test_only_free_recordings_are_learnt_from():
    for split in ("train", "validation"):
        for speaker in speech.SPLITS[split]:
            assert "test only" not in speech.SPEAKERS[speaker].origin.what


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(speech, "verify", lambda *_: None)
    return tmp_path


def write(cache: Path, speaker: str, name: str, audio: np.ndarray, rate_hz: int) -> None:
    path = cache / speech.SPEAKERS[speaker].folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate_hz)


def test_all_tones_of_a_syllable_stay_in_one_group(cache):
    for syllable in ("ㄅㄚ", "ㄅㄚ2", "ㄅㄚ4", "ㄇㄚ", "ㄇㄚ3"):
        write(cache, speech.MANDARIN, f"{syllable}/5.ogg", vowel(0.3), SAMPLE_RATE_HZ)
    found = speech.utterances(speech.MANDARIN, cache)
    assert [(group, path.parent.name) for group, path in found] == [
        *((0, name) for name in ("ㄅㄚ", "ㄅㄚ2", "ㄅㄚ4")),
        *((1, name) for name in ("ㄇㄚ", "ㄇㄚ3")),
    ]


def test_phrases_are_cut_at_pauses_and_have_their_own_pitch(cache):
    said = np.concatenate([np.zeros(8_000), vowel(1.0, 120.0, 16_000), np.zeros(8_000), vowel(1.5, 180.0, 16_000)])
    write(cache, speech.RUSSIAN, "wav/ru_0001.wav", said, 16_000)
    path = cache / speech.SPEAKERS[speech.RUSSIAN].folder / "wav/ru_0001.wav"
    first, second = speech.phrases(path, "russian-ru_0001", "russian-0")
    assert (first.name, second.name, first.source) == ("russian-ru_0001-0", "russian-ru_0001-1", "russian-0")
    assert len(first.audio) / SAMPLE_RATE_HZ == pytest.approx(1.0, abs=0.06)
    assert len(second.f0_hz) == len(second.audio) // HOP
    assert np.median(first.f0_hz) == pytest.approx(120, rel=0.06)
    assert np.median(second.f0_hz) == pytest.approx(180, rel=0.06)
    assert np.ptp(np.log2(second.f0_hz[100:-100])) > 0.15
    assert first.bandwidth_hz < 8_000
    assert not len(first.partials)


def test_a_long_phrase_is_parted_where_it_is_quietest(cache):
    said = vowel(7.0)
    quiet = round(3.1 * SAMPLE_RATE_HZ)
    said[quiet - 1_500 : quiet + 1_500] *= 0.02
    parts = speech._parted(said)
    assert parts[0].stop / SAMPLE_RATE_HZ == pytest.approx(3.1, abs=0.03)
    assert all(part.stop - part.start <= speech.LONGEST_S * SAMPLE_RATE_HZ for part in parts)


def test_what_has_no_voice_is_left_out(cache):
    hiss = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE_HZ)
    write(cache, speech.RUSSIAN, "wav/ru_0001.wav", hiss, SAMPLE_RATE_HZ)
    assert not list(speech.phrases(cache / speech.SPEAKERS[speech.RUSSIAN].folder / "wav/ru_0001.wav", "a", "b"))


def test_files_are_taken_evenly_up_to_a_length(cache):
    for i in range(10):
        write(cache, speech.RUSSIAN, f"wav/ru_{i:04}.wav", vowel(1.0), SAMPLE_RATE_HZ)
    files = speech.utterances(speech.RUSSIAN, cache)
    assert [group for group, _ in speech._within(files, 4 / 60)] == [0, 3, 6, 9]
