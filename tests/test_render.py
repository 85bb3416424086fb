"""A volts file comes out as sound: in tune, on its sample, always the same bits; a bad one comes out as one line."""

import dataclasses
import math
import os
import resource
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from neurorack import bundle
from neurorack.errors import BadInput
from neurorack.patch.matrix import default_patch
from neurorack.rack.world import World
from neurorack.render import LEAD_NS, Module, play_out, render
from neurorack.words import BLOCKS, C4_HZ, GATE_DELAY_S, SAMPLE_RATE_HZ

REAL = [folder for folder in bundle.installed() if folder.name == "fluid"]


@pytest.fixture(params=["tiny", *REAL], ids=str)
def instrument(request: pytest.FixtureRequest, tiny_bundle: Path) -> Path:
    return tiny_bundle if request.param == "tiny" else request.param


def read(wav: Path) -> np.ndarray:
    """Samples [n] float64 of a 24-bit mono file."""
    with wave.open(str(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 3, SAMPLE_RATE_HZ)
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 1:] = raw
    return wide.view("<i4").ravel() / 2.0**31


def play(instrument: Path, rows: str, folder: Path, *assignments: str, **options: object) -> np.ndarray:
    (folder / "take.csv").write_text(rows)
    render(instrument, folder / "take.csv", folder / "take.wav", assignments, **options)  # type: ignore[arg-type]
    return read(folder / "take.wav")


def pitch_hz(sound: np.ndarray) -> float:
    """By phase vocoder on the first partials, from a guess by autocorrelation. Knows nothing of the synthesis."""
    n = len(sound)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(n), 2 * n)) ** 2
    lags = np.fft.irfft(spectrum)[: SAMPLE_RATE_HZ // 40]
    floor = int(np.argmax(lags < 0.5 * lags[0]))
    peaks = [i for i in range(floor + 1, len(lags) - 1) if lags[i - 1] < lags[i] >= lags[i + 1]]
    lag = next(i for i in peaks if lags[i] > 0.9 * max(lags[j] for j in peaks))
    step, size = 2048, n - 2048
    window = np.hanning(size)
    first, second = (np.fft.rfft(sound[at : at + size] * window) for at in (0, step))
    bin_hz = SAMPLE_RATE_HZ / size
    found, weights = [], []
    guess = SAMPLE_RATE_HZ / lag
    for k in range(1, 6):
        low, high = int(guess * (k - 0.1) / bin_hz), int(guess * (k + 0.1) / bin_hz) + 2
        if high >= len(first) or guess * k > 15_000:
            break
        peak = low + int(np.argmax(np.abs(first[low:high])))
        turns = np.angle(second[peak] / first[peak]) / (2 * np.pi)
        turns += np.rint(peak * bin_hz * step / SAMPLE_RATE_HZ - turns)
        found.append(turns * SAMPLE_RATE_HZ / step / k)
        weights.append((np.abs(first[peak]) * k) ** 2)
        if k == 1:
            guess = found[0]
    return float(np.average(found, weights=weights))


@pytest.mark.parametrize("f_hz", [65.4, 261.63, 1046.5, 4186.0])
def test_the_estimator_knows_a_pitch_when_it_hears_one(f_hz: float) -> None:
    t = np.arange(24_000) / SAMPLE_RATE_HZ
    tone = sum(np.sin(2 * np.pi * k * f_hz * t + k * k) / k for k in range(1, 1 + int(20_000 / f_hz)))
    assert 1200 * np.log2(pitch_hz(tone) / f_hz) == pytest.approx(0.0, abs=0.2)


def test_notes_are_within_3_cents_of_their_volts(instrument: Path, tmp_path: Path) -> None:
    volts = [-2.0, -1.25, -0.5, 0.0, 0.75, 1.0, 2.0 + 1 / 12, 3.0, 3.5, 4.0]
    rows = [f"{i},{v},5\n{i}.8,{v},0" for i, v in enumerate(volts)]
    sound = play(instrument, "t,voct,gate1\n" + "\n".join(rows), tmp_path)
    for i, v in enumerate(volts):
        steady = sound[round((i + 0.25) * SAMPLE_RATE_HZ) : round((i + 0.75) * SAMPLE_RATE_HZ)]
        cents = 1200 * np.log2(pitch_hz(steady) / (C4_HZ * 2**v))
        assert abs(cents) <= 3.0, f"{cents:.2f} cents at {v} V"


def frozen(instrument: bundle.Bundle) -> bundle.Bundle:
    """The same, but every gesture stands still on its middle row."""
    still = []
    for gesture in instrument.gestures:
        row = (gesture.loop_start + gesture.loop_end) // 2
        latent, descriptors = np.tile(gesture.latent[row], (8, 1)), np.tile(gesture.median, (8, 1))
        parts = {"latent": latent, "descriptors": descriptors, "pitch": np.zeros(8, np.float32)}
        still.append(dataclasses.replace(gesture, **parts, loop_start=2, loop_end=6))
    return dataclasses.replace(instrument, gestures=tuple(still))


@pytest.mark.parametrize("volts", [-2, -1, 0, 1, 2, 3, 4])
def test_nothing_lies_between_the_harmonics(instrument: Path, tmp_path: Path, volts: int) -> None:
    (tmp_path / "take.csv").write_text(f"t,voct,gate1\n0,{volts},5\n1,{volts},5")
    world = World.from_volts_file(tmp_path / "take.csv", epoch_ns=LEAD_NS)
    world.state.noise = False
    module = Module(frozen(bundle.load(instrument)), world, default_patch(), noisy=False)
    sound = np.concatenate([module.next_block().copy() for _ in range(250)])[-12_288:].astype(np.float64)
    f_hz, part = pitch_hz(sound), sound[:4096]
    n, k = np.arange(len(part)), np.arange(0, int(SAMPLE_RATE_HZ / 2 / f_hz) + 1)
    angles = 2 * np.pi * np.outer(n, k) * (f_hz / SAMPLE_RATE_HZ)
    basis = np.hstack([np.cos(angles), np.sin(angles[:, 1:])])
    left = part - basis @ np.linalg.lstsq(basis, part, rcond=None)[0]
    off_db = 10 * np.log10(np.sum(left**2) / np.sum(part**2))
    assert off_db <= -40, f"{off_db:.1f} dB"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_gate_is_heard_after_the_same_time_to_the_sample(tiny_bundle: Path, tmp_path: Path, block: int) -> None:
    starts_s = [0.0, 0.81415926, 1.60001, 2.399999, 3.2000104]
    rows = "\n".join(f"{t},5\n{t + 0.05},0" for t in starts_s)
    sound = play(tiny_bundle, f"t,gate1\n{rows}", tmp_path, block=block, gesture="still")
    after = [int(np.flatnonzero(sound[round(t * SAMPLE_RATE_HZ) :])[0]) for t in starts_s]
    assert after == pytest.approx([block + GATE_DELAY_S * SAMPLE_RATE_HZ] * len(starts_s), abs=1)


def test_one_seed_one_file_bit_for_bit(instrument: Path, tmp_path: Path) -> None:
    rows = "t,voct,gate1,cv1\n0,0,5,0\n0.3,1,5,5\n0.3,1,0,5\n0.6,1,5,-5\n0.8,-1,0,-5"
    first, again, other = (play(instrument, rows, tmp_path, "cv1=centroid", seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert first.any()
    assert not np.array_equal(first[: len(other)], other[: len(first)])


def test_a_jack_at_full_attenuverter_turns_its_knob_from_end_to_end(tiny_bundle: Path, tmp_path: Path) -> None:
    rows = "t,gate1,cv1\n0,5,-5\n0.5,,-5\n0.5,,5\n1,5,5"
    sound = play(tiny_bundle, rows, tmp_path, "cv1=rms", gesture="still")
    levels_db = [20 * np.log10(np.std(sound[a:b])) for a, b in ((12_000, 23_000), (30_000, 47_000))]
    knob = bundle.read_card(tiny_bundle).knobs[0]
    ends = knob.location[0] + knob.spread[0] * np.array([-1, 1])
    np.testing.assert_allclose(levels_db, ends, atol=1.0)


def test_the_sound_ends_with_the_gestures_release(tiny_bundle: Path, tmp_path: Path) -> None:
    sound = play(tiny_bundle, "t,gate1\n0,5\n1,0", tmp_path)
    release = 60 * 64
    assert len(sound) == pytest.approx(SAMPLE_RATE_HZ + 128 + 288 + release + 720 + 600, abs=400)
    assert not sound[-100:].any()


def test_a_gate_that_is_still_up_falls_at_the_end(tiny_bundle: Path, tmp_path: Path) -> None:
    falling = play(tiny_bundle, "t,gate1\n0,5\n1,0", tmp_path, noisy=False)
    held = play(tiny_bundle, "t,gate1\n0,5\n1,", tmp_path, noisy=False)
    np.testing.assert_allclose(held, falling, atol=1e-6)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    "rows",
    ["0,5", "0,0\n0.3,5", "0,0\n0.30001,5", "0,5\n0.29995,0\n0.3,5", "0,0\n0.29995,5\n0.29997,0\n0.3,5"],
    ids=["alone", "last", "between samples", "bouncing up", "bouncing"],
)
def test_a_gate_that_rises_at_the_end_is_as_short_as_a_trigger(
    tiny_bundle: Path, tmp_path: Path, rows: str, block: int
) -> None:
    sound = play(tiny_bundle, f"t,gate1\n{rows}", tmp_path, noisy=False, block=block)
    end = round(float(rows.split("\n")[-1].split(",")[0]) * SAMPLE_RATE_HZ)
    trigger = play(tiny_bundle, "t,gate1\n0,5\n0.001,0", tmp_path, noisy=False, block=block)
    assert sound[end + block + 288 :].any()
    assert len(sound) - end < len(trigger) + 2 * block


def test_a_file_without_a_gate_is_silence_of_its_length(tiny_bundle: Path, tmp_path: Path) -> None:
    sound = play(tiny_bundle, "t,voct\n0,0\n0.5,1", tmp_path)
    assert not sound.any()
    assert 0.5 <= len(sound) / SAMPLE_RATE_HZ < 0.6


def test_a_spoilt_state_is_muted_counted_and_heard_no_more(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_text("t,gate1\n0,5\n1,5")
    world = World.from_volts_file(tmp_path / "take.csv", epoch_ns=LEAD_NS)
    module = Module(bundle.load(tiny_bundle), world, default_patch(), gesture=1)
    for _ in range(50):
        module.next_block()
    for states in module.player._sound._decoder._states:
        states["state_gain"][:] = np.inf
    sound = np.concatenate([module.next_block().copy() for _ in range(50)])
    assert module.resets == 1
    assert np.isfinite(sound).all()
    assert sound[-2000:].any()


@pytest.mark.parametrize(
    ("rows", "pattern"),
    [
        ("t,voct\n0,zero", r"take\.csv:2, column voct"),
        ("t,voct\n0,nan", r"take\.csv:2, column voct"),
        ("t,voct\n1,0\n0,0", r"time falls .*take\.csv:3"),
        ("t,volt\n0,0", "unknown column 'volt'"),
        ("", "empty"),
        ("t,voct\n40000,0", "more than a WAV file holds"),
    ],
)
def test_a_bad_volts_file_is_one_line_and_leaves_no_sound(
    tiny_bundle: Path, tmp_path: Path, rows: str, pattern: str
) -> None:
    with pytest.raises(BadInput, match=pattern):
        play(tiny_bundle, rows, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["take.csv"]


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"seed": -1}, "--seed"),
        ({"gesture": "yodel"}, r"no gesture 'yodel'.*use one of hold, still"),
        ({"assignments": ["cv1=colour"]}, "no knob 'colour'"),
        ({"assignments": ["cv9=rms"]}, "no CV jack 'cv9'"),
        ({"out": "missing/take.wav"}, "No such file"),
        ({"depth": math.nan}, "a depth of nan .*--depth.* from 0 to 4"),
        ({"depth": math.inf}, "a depth of inf"),
        ({"depth": -5.0}, "a depth of -5"),
        ({"depth": 1e300}, r"a depth of 1e\+300"),
        ({"intonation": math.nan}, "an intonation of nan .*--intonation.* from 0 to 2"),
        ({"intonation": -0.5}, "an intonation of -0.5"),
        ({"intonation": 2.5}, "an intonation of 2.5"),
        ({"out": "."}, "it is a folder"),
        ({"out": "/"}, "it is a folder"),
        ({"out": "x" * 300}, "name too long"),
        ({"out": "take.csv"}, r"would replace its volts .*take\.csv"),
        ({"out": "../{}/take.csv"}, r"would replace its volts .*take\.csv"),
        ({"bundle": "nobody"}, "no bundle 'nobody'"),
        ({"scale": "dorisch"}, "no scale 'dorisch'.*use off, chromatic"),
        ({"scale": "000000000000"}, "a scale without a note"),
        ({"gate2": "dance"}, "gate 2 has no task 'dance' .*--gate2.*freeze, retrigger"),
        ({"morph_to": "yodel"}, "no gesture 'yodel'"),
    ],
)
def test_bad_options_are_one_line(tiny_bundle: Path, tmp_path: Path, options: dict[str, object], pattern: str) -> None:
    (tmp_path / "take.csv").write_text("t,gate1\n0,5\n0.1,0")
    given = {"bundle": tiny_bundle, "out": "take.wav", **options}
    out = tmp_path / str(given.pop("out")).format(tmp_path.name)
    name = given.pop("bundle")
    with pytest.raises(BadInput, match=pattern):
        render(name, tmp_path / "take.csv", out, **given)  # type: ignore[arg-type]
    assert [file.name for file in tmp_path.iterdir()] == ["take.csv"]
    assert (tmp_path / "take.csv").read_text().startswith("t,gate1")


def test_an_empty_name_for_the_sound_is_one_line(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_text("t,gate1\n0,5")
    with pytest.raises(BadInput, match="it is a folder"):
        render(tiny_bundle, tmp_path / "take.csv", Path(""))


def test_only_a_plain_file_is_replaced(tiny_bundle: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "take.wav")
    with pytest.raises(BadInput, match=r"no plain file .*take\.wav"):
        play(tiny_bundle, "t,gate1\n0,5", tmp_path)
    assert (tmp_path / "take.wav").is_fifo()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["take.csv", "take.wav"]


def test_a_full_disk_is_one_line_and_leaves_no_half_file(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_text("t,gate1\n0,5\n1,0")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(BadInput, match=r"cannot write the sound: .*take\.wav"):
            render(tiny_bundle, tmp_path / "take.csv", tmp_path / "take.wav")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [file.name for file in tmp_path.iterdir()] == ["take.csv"]


def test_an_interrupted_render_leaves_the_old_file(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = play(tiny_bundle, "t,gate1\n0,5\n0.2,0", tmp_path)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("neurorack.render.play_out", interrupt)
    with pytest.raises(KeyboardInterrupt):
        play(tiny_bundle, "t,gate1\n0,5\n0.4,0", tmp_path)
    np.testing.assert_array_equal(read(tmp_path / "take.wav"), before)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["take.csv", "take.wav"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_render_told_to_end_leaves_nothing_behind(tiny_bundle: Path, tmp_path: Path, number: int) -> None:
    (tmp_path / "take.csv").write_text("t,gate1\n0,5\n0.2,0")
    code = (
        "import os, pathlib, signal, sys; from neurorack import render\n"
        "signal.signal(int(sys.argv[3]), signal.SIG_DFL)\n"  # tests may run where a hang-up is ignored
        "render.play_out = lambda *_: os.kill(os.getpid(), int(sys.argv[3]))\n"
        "render.render(sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[2]).with_name('take.wav'))"
    )
    command = [sys.executable, "-c", code, str(tiny_bundle), str(tmp_path / "take.csv"), str(int(number))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (128 + number, "")
    assert [file.name for file in tmp_path.iterdir()] == ["take.csv"]


def test_signals_are_a_render_s_only_while_it_writes_and_only_where_nobody_has_them(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during = []
    monkeypatch.setattr("neurorack.render.play_out", lambda *_: during.append(signal.getsignal(signal.SIGHUP)))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        play(tiny_bundle, "t,gate1\n0,5", tmp_path)
        assert during == [signal.SIG_IGN], "as nohup wants it"
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        play(tiny_bundle, "t,gate1\n0,5", tmp_path)
        assert callable(during[1])
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_two_renders_into_one_file_do_not_meet(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = play(tiny_bundle, "t,gate1\n0,5\n0.4,0", tmp_path)
    (tmp_path / "take.wav.part").write_text("mine")

    def with_another(*args: object) -> None:
        monkeypatch.undo()
        play(tiny_bundle, "t,gate1\n0,5\n0.1,0", tmp_path)
        play_out(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("neurorack.render.play_out", with_another)
    np.testing.assert_array_equal(play(tiny_bundle, "t,gate1\n0,5\n0.4,0", tmp_path), alone)
    assert (tmp_path / "take.wav.part").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_scale_draws_voct_to_its_notes(tiny_bundle: Path, tmp_path: Path) -> None:
    rows = f"t,gate1,voct\n0,5,{2.3 / 12}\n1,5,{2.3 / 12}"
    sound = play(tiny_bundle, rows, tmp_path, gesture="still", noisy=False, scale="major")
    assert 1_200 * math.log2(pitch_hz(sound[12_000:44_000]) / C4_HZ) == pytest.approx(200.0, abs=1.0)


def test_a_cv_morphs_while_it_is_played(tiny_bundle: Path, tmp_path: Path) -> None:
    """`hold` has a loop that is alive in level, `still` has none: at the far end of the morph it stands still."""
    for volts, lively in ((-5.0, True), (5.0, False)):
        rows = f"t,gate1,cv1\n0,5,{volts}\n1.5,5,{volts}"
        sound = play(tiny_bundle, rows, tmp_path, "cv1=morph", gesture="hold", noisy=False)
        levels = np.sqrt((sound[24_000:72_000].reshape(-1, 2_400) ** 2).mean(axis=1))
        assert bool(np.ptp(20 * np.log10(levels)) > 0.2) is lively


def test_gate_2_steps_to_the_next_gesture(tiny_bundle: Path, tmp_path: Path) -> None:
    rows = "t,gate1,gate2\n0,0,5\n0.1,0,0\n0.2,5,0\n0.8,5,0\n0.8,0,0"
    stepped = play(tiny_bundle, rows, tmp_path, gesture="hold", gate2="next gesture")
    rows = rows.replace(",5\n0.1", ",0\n0.1")
    assert np.array_equal(stepped, play(tiny_bundle, rows, tmp_path, gesture="still"))


def test_nothing_of_the_offline_part_is_imported() -> None:
    code = "import sys, neurorack.render; print([m for m in ('torch', 'scipy', 'onnx', 'librosa') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
