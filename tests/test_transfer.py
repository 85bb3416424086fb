"""A sound in, the instrument's timbre out: aligned, in tune, at the same level, whatever its file is like."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from neurorack import cli
from neurorack.errors import BadInput
from neurorack.render import render
from neurorack.words import SAMPLE_RATE_HZ

soundfile = pytest.importorskip("soundfile")

ONSETS_S = (0.2, 0.53, 0.81)
HELD_S = 0.15


def tone(f0_hz: float, seconds: float, rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Ten harmonics at −20 dBFS."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    harmonics = [np.cos(2 * np.pi * k * f0_hz * t + 0.3 * k * k) / k for k in range(1, 11)]
    sound: np.ndarray = np.sum(harmonics, axis=0) * 0.1 / np.sqrt(np.sum(1 / np.arange(1, 11) ** 2) / 2)
    return sound


def bursts() -> np.ndarray:
    """A tone that is there for HELD_S from each of ONSETS_S on."""
    audio = tone(220.0, 1.2)
    n = np.arange(len(audio)) / SAMPLE_RATE_HZ
    there: np.ndarray = sum((n >= s) & (n < s + HELD_S) for s in ONSETS_S) * audio
    return there


def write(path: Path, audio: np.ndarray, rate_hz: int = SAMPLE_RATE_HZ, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, audio, rate_hz, subtype=subtype)
    return path


def play(bundle: Path, source: Path, **options: object) -> np.ndarray:
    """What `render` makes of the sound file."""
    out = source.with_name("out.wav")
    render(bundle, None, out, sound=source, **options)  # type: ignore[arg-type]
    heard: np.ndarray = soundfile.read(out)[0]
    return heard


def envelope(audio: np.ndarray, samples: int = 256) -> np.ndarray:
    window = np.hanning(samples + 2)[1:-1]
    return np.sqrt(np.convolve(audio**2, window / window.sum(), "same"))


def lag_s(before: np.ndarray, after: np.ndarray) -> float:
    """By how much the one follows the other, at the peak of their cross-correlation."""
    size = min(len(before), len(after))
    spectra = [np.fft.rfft(x[:size] - x[:size].mean(), 2 * size) for x in (before, after)]
    return float(np.fft.irfft(spectra[1] * spectra[0].conj())[:size].argmax() / SAMPLE_RATE_HZ)


def frequency_hz(audio: np.ndarray) -> float:
    """Of the strongest partial."""
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 8 * len(audio)))
    return float(power.argmax() * SAMPLE_RATE_HZ / (8 * len(audio)))


def test_level_and_onsets_follow_within_25_ms(hearing_bundle: Path, tmp_path: Path):
    sound = bursts()
    heard = play(hearing_bundle, write(tmp_path / "in.wav", sound))
    block_s = 128 / SAMPLE_RATE_HZ  # that a live input waits for besides
    assert lag_s(envelope(sound), envelope(heard)) + block_s <= 0.025
    late_s = []
    for onset_s in ONSETS_S:
        level = envelope(heard, 64)[round(onset_s * SAMPLE_RATE_HZ) :][: round(HELD_S * SAMPLE_RATE_HZ)]
        late_s.append(np.argmax(level > 0.5 * np.median(level[-3000:])) / SAMPLE_RATE_HZ)
    assert max(late_s) + block_s <= 0.015


def test_timbre_follows_within_45_ms(hearing_bundle: Path):
    """A latent of the tiny encoder is how noisy the sound is: it turns where the sound does."""
    from neurorack.bundle import load
    from neurorack.ears.follower import Follower

    noise = np.random.default_rng(0).normal(size=2 * SAMPLE_RATE_HZ) * 0.1
    turns = np.interp(np.arange(len(noise)) // 6_000, range(16), np.random.default_rng(5).integers(0, 2, 16))
    sound = np.where(turns > 0.5, noise, tone(220.0, 2.0)).astype(np.float32)
    follower, rows = Follower(load(hearing_bundle), 128), []
    for at in range(0, len(sound), 128):
        rows.append(follower.hear(sound[at : at + 128]).copy())
    latent = np.repeat(np.concatenate(rows)[:, 6], 64)
    assert 0.01 < lag_s(turns, latent) + 3 * 128 / SAMPLE_RATE_HZ <= 0.045


def test_level_and_pitch_are_those_of_the_sound(hearing_bundle: Path, tmp_path: Path):
    sound = tone(311.0, 0.6)
    heard = play(hearing_bundle, write(tmp_path / "in.wav", sound), noisy=False)
    steady = slice(9_600, 26_000)
    assert 20 * np.log10(heard[steady].std() / sound[steady].std()) == pytest.approx(0.0, abs=1.0)
    assert 1200 * abs(np.log2(frequency_hz(heard[steady]) / 311.0)) < 5.0


def test_voct_transposes_and_intonation_0_plays_voct_alone(hearing_bundle: Path, tmp_path: Path):
    source = write(tmp_path / "in.wav", tone(311.0, 0.6))
    (tmp_path / "cv.csv").write_text("t,voct\n0,1\n1,1")
    for intonation, expected_hz in ((1.0, 622.0), (0.0, 523.25)):
        out = tmp_path / "out.wav"
        render(hearing_bundle, tmp_path / "cv.csv", out, sound=source, intonation=intonation, noisy=False)
        heard = soundfile.read(out)[0][9_600:26_000]
        assert 1200 * abs(np.log2(frequency_hz(heard) / expected_hz)) < 5.0


def test_a_depth_of_0_leaves_the_level_to_the_knob(hearing_bundle: Path, tmp_path: Path):
    levels = [
        play(hearing_bundle, write(tmp_path / "in.wav", gain * tone(220.0, 0.5)), depth=0.0, noisy=False)[9_600:].std()
        for gain in (0.1, 1.0)
    ]
    assert levels[1] == pytest.approx(levels[0], rel=0.01)


def test_blocks_of_any_size_are_aligned_alike(hearing_bundle: Path, tmp_path: Path):
    source = write(tmp_path / "in.wav", bursts())
    levels = [envelope(play(hearing_bundle, source, block=block, noisy=False)) for block in (64, 128, 256, 512)]
    for level in levels[1:]:
        assert lag_s(levels[0], level) == lag_s(level, levels[0]) == 0.0


@pytest.mark.parametrize(
    ("suffix", "rate_hz", "channels", "subtype"),
    [
        ("wav", 8_000, 1, "ULAW"),
        ("wav", 192_000, 2, "PCM_24"),
        ("wav", 44_100, 6, "PCM_U8"),
        ("flac", 96_000, 1, "PCM_16"),
        ("ogg", 22_050, 2, "VORBIS"),
        ("mp3", 44_100, 2, "MPEG_LAYER_III"),
    ],
)
def test_any_format_rate_and_number_of_channels_is_heard_at_its_time(
    suffix: str, rate_hz: int, channels: int, subtype: str, hearing_bundle: Path, tmp_path: Path
):
    silence, played = np.zeros(rate_hz // 2), tone(220.0, 0.5, rate_hz)
    audio = np.repeat(np.concatenate([silence, played])[:, None], channels, axis=1)
    heard = play(hearing_bundle, write(tmp_path / f"in.{suffix}", audio, rate_hz, subtype))
    assert np.abs(heard[: SAMPLE_RATE_HZ // 2 - 2_400]).max() < 0.01
    assert heard[SAMPLE_RATE_HZ // 2 + 4_800 : SAMPLE_RATE_HZ - 2_400].std() == pytest.approx(0.1, rel=0.12)
    assert len(heard) / SAMPLE_RATE_HZ == pytest.approx(1.04, abs=0.04)


def test_what_is_played_loud_beyond_reason_stays_within_full_scale(hearing_bundle: Path, tmp_path: Path):
    heard = play(hearing_bundle, write(tmp_path / "in.wav", 1e30 * np.random.default_rng(0).normal(size=20_000)))
    assert np.isfinite(heard).all() and np.abs(heard).max() <= 1.0


def _spoilt(path: Path) -> Path:
    audio = np.zeros(48_000)
    audio[12_000] = np.nan
    return write(path, audio)


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (lambda path: path, "cannot read the sound: No such file"),
        (lambda path: path.parent, "that is no sound file"),
        (lambda path: path.write_text("la la la") and path, r"that is no sound file .*in\.wav"),
        (lambda path: path.write_bytes(b"") == 0 and path, r"that is no sound file .*in\.wav"),
        (lambda path: write(path, np.zeros(0)), "there is no sound in the file"),
        (lambda path: write(path, np.zeros(9), 100), "a sound at 100 Hz"),
        (_spoilt, r"a sample is not a number .*in\.wav, at 0\.250 s"),
    ],
)
def test_a_bad_sound_is_one_line_and_leaves_no_file(make, pattern: str, hearing_bundle: Path, tmp_path: Path):
    source = make(tmp_path / "in.wav")
    with pytest.raises(BadInput, match=pattern):
        render(hearing_bundle, None, tmp_path / "out.wav", sound=source)
    assert not list(tmp_path.glob("*out*")) and not list(tmp_path.glob(".*"))


def test_a_sound_of_many_hours_is_refused_before_it_is_played(hearing_bundle: Path, tmp_path: Path):
    with (tmp_path / "in.wav").open("wb") as file:
        rows, rate_hz = 250_000_000, 8_000
        file.write(b"RIFF" + (rows + 36).to_bytes(4, "little") + b"WAVEfmt " + bytes([16, 0, 0, 0, 1, 0, 1, 0]))
        file.write(rate_hz.to_bytes(4, "little") * 2 + bytes([1, 0, 8, 0]) + b"data" + rows.to_bytes(4, "little"))
        file.truncate(rows + 44)
    with pytest.raises(BadInput, match="31250 s are more than a WAV file holds"):
        render(hearing_bundle, None, tmp_path / "out.wav", sound=tmp_path / "in.wav")


def test_nothing_to_play_a_bundle_that_is_deaf_and_the_sound_itself_are_one_line_each(
    hearing_bundle: Path, tiny_bundle: Path, tmp_path: Path
):
    source = write(tmp_path / "in.wav", tone(220.0, 0.1))
    with pytest.raises(BadInput, match="nothing to play"):
        render(hearing_bundle, None, tmp_path / "out.wav")
    with pytest.raises(BadInput, match="tiny cannot listen, it has no encoder"):
        render(tiny_bundle, None, tmp_path / "out.wav", sound=source)
    before = source.read_bytes()
    with pytest.raises(BadInput, match="would replace its source"):
        render(hearing_bundle, None, source, sound=source)
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav"]


def test_the_command_plays_a_sound_and_says_how_far_behind(hearing_bundle: Path, tmp_path: Path, capsys):
    import json

    source = write(tmp_path / "in.wav", tone(220.0, 0.2))
    arguments = ["render", str(hearing_bundle), "--in", str(source), "--out", str(tmp_path / "out.wav"), "--json"]
    assert cli.main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert 0.005 < report["latency_s"] <= 0.02 < report["timbre_latency_s"] <= 0.04
    shutil.rmtree(tmp_path)
