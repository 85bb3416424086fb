"""A folder of anything becomes two corpora; what is no use is named, and nothing depends on how the work is spread."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("swift_f0")
pytest.importorskip("soxr")

from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn.prepare import folder as folder_module  # noqa: E402
from neurorack.learn.prepare import prepare  # noqa: E402

RATE = 48_000


def note(f0_hz: float, seconds: float = 1.6, rate: int = RATE) -> np.ndarray:
    """A note and 0.3 s of silence, different from others of another pitch."""
    n = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * k * f0_hz * n) / k for k in range(1, 8)) * np.minimum(n / 0.01, 1) * 0.2
    tone *= np.clip((seconds - n) / 0.05, 0, 1)
    return np.concatenate([tone, np.zeros(round(0.3 * rate))])


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Six files of three notes each."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for i in range(6):
        notes = [note(110 * 2 ** ((3 * i + j) / 12)) for j in range(3)]
        soundfile.write(folder / f"take{i}.wav", np.concatenate(notes), RATE)
    return folder


def same(a, b) -> bool:
    return a.kind == b.kind and all(
        x.name == y.name
        and x.source == y.source
        and x.gain == y.gain
        and x.bandwidth_hz == y.bandwidth_hz
        and np.array_equal(x.audio, y.audio)
        and np.array_equal(x.f0_hz, y.f0_hz)
        for x, y in zip(a.sounds, b.sounds, strict=True)
    )


def test_every_note_is_found_at_its_pitch_and_told_to_be_one(recordings, tmp_path):
    prepared = prepare(recordings, tmp_path / "cache", progress=False)
    assert prepared.train.kind == "pitched"
    sounds = sorted(prepared.train.sounds + prepared.validation.sounds, key=lambda s: s.name)
    assert len(sounds) == 18
    for i, sound in enumerate(sounds):
        assert np.abs(1200 * np.log2(sound.f0_hz / (110 * 2 ** (i / 12)))).max() < 3
        assert 1.5 < len(sound.audio) / RATE < 1.7
        assert len(sound.f0_hz) == len(sound.audio) // 64
    assert not prepared.skipped


def test_whole_files_are_held_out(recordings, tmp_path):
    prepared = prepare(recordings, tmp_path / "cache", kind="pitched", progress=False)
    assert len(prepared.validation.sources) == 1
    assert not set(prepared.validation.sources) & set(prepared.train.sources)


def test_of_one_file_the_last_sounds_are_held_out(tmp_path):
    folder = tmp_path / "one"
    folder.mkdir()
    soundfile.write(folder / "all.wav", np.concatenate([note(110 * 2 ** (i / 12)) for i in range(10)]), RATE)
    prepared = prepare(folder, tmp_path / "cache", kind="pitched", progress=False)
    assert (len(prepared.train), len(prepared.validation)) == (9, 1)
    assert float(prepared.validation.sounds[0].name.split()[-1]) > 16


def test_processes_give_the_same_as_one(recordings, tmp_path):
    alone = prepare(recordings, tmp_path / "a", progress=False)
    spread = prepare(recordings, tmp_path / "b", workers=2, progress=False)
    assert same(alone.train, spread.train) and same(alone.validation, spread.validation)


def test_processes_end_with_the_one_that_asks_for_their_work():
    wait_s = 120
    coming = folder_module._in_processes(2)([(max, "a", "b"), (signal.sigtimedwait, [signal.SIGUSR1], wait_s)])
    assert next(coming) == (0, "b")
    begun_s = time.monotonic()
    coming.close()
    assert time.monotonic() - begun_s < wait_s / 2


def test_ray_gives_the_same_as_one(recordings, tmp_path):
    ray = pytest.importorskip("ray")
    alone = prepare(recordings, tmp_path / "a", progress=False)
    try:
        spread = prepare(recordings, tmp_path / "b", workers=2, ray=True, progress=False)
    finally:
        ray.shutdown()
    assert same(alone.train, spread.train) and same(alone.validation, spread.validation)


def test_without_ray_one_line_says_so(recordings, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(BadInput, match="Ray is not installed"):
        prepare(recordings, tmp_path / "cache", ray=True, progress=False)


def test_an_interrupted_run_goes_on_and_a_second_works_on_nothing(recordings, tmp_path, monkeypatch):
    done: list[str] = []
    real = folder_module.work

    def counted(path: Path, kind: str):
        if len(done) == 4 and not path.name.startswith("again"):
            raise KeyboardInterrupt
        done.append(path.name)
        return real(path, kind)

    monkeypatch.setattr(folder_module, "work", counted)
    with pytest.raises(KeyboardInterrupt):
        prepare(recordings, tmp_path / "cache", kind="pitched", progress=False)
    kept = list(done)
    done.clear()
    first = prepare(recordings, tmp_path / "cache", kind="pitched", progress=False)
    assert kept == [f"take{i}.wav" for i in range(4)] and done == ["take4.wav", "take5.wav"]
    done.clear()
    second = prepare(recordings, tmp_path / "cache", kind="pitched", progress=False)
    assert not done
    assert same(first.train, second.train)


def test_what_is_no_use_is_named_with_the_reason_and_the_rest_is_used(recordings, tmp_path):
    (recordings / "notes.txt").write_text("not audio")
    (recordings / ".DS_Store").write_bytes(b"x")
    (recordings / "empty.wav").touch()
    (recordings / "junk.flac").write_bytes(b"no sound at all" * 50)
    (recordings / "loop").symlink_to(recordings)
    (recordings / "gone.wav").symlink_to(tmp_path / "nothing.wav")
    os.mkfifo(recordings / "pipe.wav")
    (recordings / "twin.wav").write_bytes((recordings / "take0.wav").read_bytes())
    whole = (recordings / "take1.wav").read_bytes()
    (recordings / "half.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(recordings / "silent.wav", np.full(RATE, 1e-4), RATE)
    soundfile.write(recordings / "loud.wav", np.clip(8 * note(200), -1, 1), RATE)
    soundfile.write(recordings / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    skipped = {s.path.name: s.reason for s in prepare(recordings, tmp_path / "cache", progress=False).skipped}
    wanted = {
        "empty.wav": "empty",
        "junk.flac": "broken",
        "gone.wav": "cannot be opened",
        "pipe.wav": "not a plain file",
        "twin.wav": "the same as take0.wav",
        "half.wav": "truncated",
        "silent.wav": "silent",
        "loud.wav": "clipped",
        "nan.wav": "NaN",
    }
    assert skipped.keys() == wanted.keys()
    for name, words in wanted.items():
        assert words in skipped[name], name


@pytest.mark.parametrize("seconds", [0, 4])
def test_too_little_is_refused_and_says_what_to_do(tmp_path, seconds):
    folder = tmp_path / "little"
    folder.mkdir()
    for i in range(seconds // 2):
        soundfile.write(folder / f"{i}.wav", note(200 + 30 * i), RATE)
    with pytest.raises(BadInput, match="put recordings of at least 30 s in all there"):
        prepare(folder, tmp_path / "cache", progress=False)


def test_only_silence_is_refused(tmp_path):
    folder = tmp_path / "silence"
    folder.mkdir()
    soundfile.write(folder / "long.wav", np.zeros(40 * RATE), RATE)
    with pytest.raises(BadInput, match="silent"):
        prepare(folder, tmp_path / "cache", progress=False)


def test_of_equal_silences_it_is_told_that_they_are_silent(tmp_path):
    (folder := tmp_path / "silence").mkdir()
    for name in ("a", "b", "c"):
        soundfile.write(folder / f"{name}.wav", np.zeros(RATE), RATE)
    with pytest.raises(BadInput, match=r"skipped 3, first .*a\.wav: silent"):
        prepare(folder, tmp_path / "cache", progress=False)


def test_little_is_warned_of(recordings, tmp_path):
    (recordings / "take0.wav").unlink()
    assert "warning: less than 30 s" in prepare(recordings, tmp_path / "cache", kind="pitched", progress=False).report


def test_a_repeated_sound_is_kept_once(recordings, tmp_path):
    soundfile.write(recordings / "take9.wav", 0.5 * np.concatenate([note(110), note(110), note(440)]), RATE)
    prepared = prepare(recordings, tmp_path / "cache", kind="pitched", progress=False)
    assert len(prepared.train) + len(prepared.validation) == 19


def test_a_sound_that_clips_is_left_out_and_the_others_stay(recordings, tmp_path):
    spoilt = np.concatenate([note(800), np.clip(5 * note(900), -1, 1), note(1000)])
    soundfile.write(recordings / "take9.wav", spoilt, RATE)
    prepared = prepare(recordings, tmp_path / "cache", kind="pitched", progress=False)
    assert len(prepared.train) + len(prepared.validation) == 20
    assert [s.reason for s in prepared.skipped] == ["1 of its sounds clip"]


def test_a_drum_folder_is_told_and_its_hits_get_modes(tmp_path):
    folder = tmp_path / "drums"
    folder.mkdir()
    random = np.random.default_rng(0)
    n = np.arange(RATE // 2) / RATE
    for i in range(8):
        hits = [
            np.exp(-n / 0.05) * (np.sin(2 * np.pi * 90 * (1 + 0.1 * i) * n) + 0.6 * random.standard_normal(len(n)))
            for _ in range(6)
        ]
        soundfile.write(folder / f"{i}.wav", 0.2 * np.concatenate(hits), RATE)
    prepared = prepare(folder, tmp_path / "cache", progress=False)
    assert prepared.train.kind == "percussive"
    assert all(np.all(np.diff(s.partials) > 0) and len(s.partials) == 24 for s in prepared.train.sounds)


def test_an_unknown_kind_is_refused(recordings, tmp_path):
    with pytest.raises(BadInput, match="no kind 'loud'"):
        prepare(recordings, tmp_path / "cache", kind="loud", progress=False)


def test_a_full_disk_is_one_line(recordings, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module.Corpus, "save", full)
    with pytest.raises(BadInput, match="No space left on device"):
        prepare(recordings, tmp_path / "cache", kind="pitched", progress=False)
