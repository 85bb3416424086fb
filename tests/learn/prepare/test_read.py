"""Any file becomes mono at 48 kHz, or is refused with the reason."""

import os
from pathlib import Path

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn.prepare import read  # noqa: E402


def sine(rate: int, seconds: float = 1.0, f0_hz: float = 440.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * f0_hz * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("phone.wav", 8_000, {"subtype": "ULAW"}),
        ("studio.wav", 192_000, {"subtype": "PCM_24"}),
        ("old.aiff", 44_100, {"subtype": "PCM_S8"}),
        ("packed.flac", 96_000, {"subtype": "PCM_24"}),
        ("shared.ogg", 48_000, {}),
        ("shared.mp3", 44_100, {}),
        ("floats.caf", 22_050, {"subtype": "FLOAT"}),
    ],
)
def test_every_format_and_rate_gives_the_same_sound(tmp_path, name, rate, options):
    soundfile.write(tmp_path / name, sine(rate), rate, **options)
    audio, found_hz = read.read_audio(tmp_path / name)
    assert found_hz == rate
    assert audio.dtype == np.float32
    assert abs(len(audio) - 48_000) < 2_500  # mp3 pads
    spectrum = np.abs(np.fft.rfft(audio[:48_000] * np.hanning(len(audio[:48_000]))))
    assert abs(spectrum.argmax() * 48_000 / len(audio[:48_000]) - 440) < 2
    assert np.sqrt(np.mean(audio[5_000:40_000] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.03)


def test_stereo_out_of_phase_does_not_vanish(tmp_path):
    tone = sine(48_000)
    soundfile.write(tmp_path / "a.wav", np.stack([tone, -0.95 * tone], axis=1), 48_000)
    assert np.abs(read.read_audio(tmp_path / "a.wav")[0]).max() > 0.29


def test_sound_on_one_side_is_mixed_down(tmp_path):
    tone = sine(48_000)
    soundfile.write(tmp_path / "a.wav", np.stack([tone, sine(48_000, f0_hz=700)], axis=1), 48_000)
    power = np.abs(np.fft.rfft(read.read_audio(tmp_path / "a.wav")[0]))
    assert power[440] > 3_000 and power[700] > 3_000


def test_dc_is_taken_out(tmp_path):
    soundfile.write(tmp_path / "a.wav", sine(48_000) + 0.2, 48_000)
    assert abs(read.read_audio(tmp_path / "a.wav")[0].mean()) < 1e-4


def test_a_long_file_comes_in_pieces_that_are_the_whole(tmp_path):
    random = np.random.default_rng(0)
    long = 0.1 * random.standard_normal(44_100 * 150)
    long[44_100 * 50 : 44_100 * 51] *= 0.01
    soundfile.write(tmp_path / "a.wav", long, 44_100, subtype="FLOAT")
    parts = list(read.pieces(read.examine(tmp_path / "a.wav")))
    assert len(parts) >= 3
    assert all(len(audio) <= read.PIECE_S * 48_000 for _, audio in parts)
    assert 50 < parts[1][0] / 48_000 < 51, "not parted where it is quiet"
    at = 0
    for begin, audio in parts:
        assert begin == at
        at += len(audio)
    assert abs(at - 48_000 * 150) < 10


def test_floats_beyond_full_scale_are_brought_back(tmp_path):
    soundfile.write(tmp_path / "a.wav", 20 * sine(48_000), 48_000, subtype="FLOAT")
    assert np.abs(read.read_audio(tmp_path / "a.wav")[0]).max() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "ogg", "mp3"])
def test_a_truncated_file_is_refused(tmp_path, suffix):
    noise = 0.1 * np.random.default_rng(0).standard_normal(96_000)
    soundfile.write(tmp_path / f"whole.{suffix}", noise, 48_000)
    read.read_audio(tmp_path / f"whole.{suffix}")
    data = (tmp_path / f"whole.{suffix}").read_bytes()
    (tmp_path / f"half.{suffix}").write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(BadInput, match=r"truncated|broken"):
        read.read_audio(tmp_path / f"half.{suffix}")


@pytest.mark.parametrize("f0_hz", [50, 1000])
@pytest.mark.parametrize("bits", [8, 16])
def test_only_what_is_cut_off_counts_as_clipped(f0_hz, bits):
    steps, flat = 2 ** (bits - 1), 1 / 128 if bits == 8 else 5e-4
    tone = np.sin(2 * np.pi * f0_hz * np.arange(48_000) / 48_000 + 0.3)
    full, hot = (np.round(np.clip(g * tone, -1, 1) * (steps - 1)) / steps for g in (1.0, 1.3))
    assert not read.clip_marks(full, 48_000, flat).any()
    assert read.clip_marks(hot, 48_000, flat).mean() == pytest.approx(np.mean(np.abs(1.3 * tone) > 1), abs=0.05)


def test_hidden_by_its_name_audio_is_known_by_its_first_bytes(tmp_path):
    soundfile.write(tmp_path / "a.wav", sine(48_000), 48_000)
    (tmp_path / "a.wav").rename(tmp_path / "take one")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    assert read.looks_like_audio(tmp_path / "take one")
    assert not read.looks_like_audio(tmp_path / "b.png")


def test_a_name_that_is_not_text_is_read(tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    soundfile.write(tmp_path / "a.wav", sine(48_000), 48_000)
    (tmp_path / "a.wav").rename(odd)
    assert len(read.read_audio(odd)[0]) == 48_000


def test_other_formats_go_through_ffmpeg_or_are_named(tmp_path, monkeypatch):
    (tmp_path / "song.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(200))
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(BadInput, match="install ffmpeg"):
        read.read_audio(tmp_path / "song.m4a")
    soundfile.write(tmp_path / "made.w64", sine(44_100), 44_100)
    stand_in = programs / "ffmpeg"
    stand_in.write_text(f'#!/bin/sh\nfor last; do :; done\n/bin/cp "{tmp_path}/made.w64" "$last"\n')
    stand_in.chmod(0o755)
    assert read.read_audio(tmp_path / "song.m4a")[1] == 44_100
    stand_in.write_text("#!/bin/sh\necho moov atom not found >&2\nexit 1\n")
    with pytest.raises(BadInput, match="moov atom not found"):
        read.read_audio(tmp_path / "song.m4a")
