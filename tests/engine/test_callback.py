import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tone import TonePlayer

from neurorack.engine import callback as module
from neurorack.engine.callback import AudioCallback, Wishes
from neurorack.engine.meters import Meters
from neurorack.patch.performance import RUNNING, SCRUB
from neurorack.shared import CONTROLS, METERS, AudioTap, EdgeRing, FrameTap, Snapshot, Switch
from neurorack.words import HOP

BLOCK = 128
PERIOD_NS = BLOCK * 1_000_000_000 // 48_000


class Card:
    """Calls back on exact times of a simulated clock and keeps what it was given."""

    def __init__(self, callback: AudioCallback, monkeypatch: pytest.MonkeyPatch) -> None:
        self.callback, self.now_ns = callback, 10**12
        monkeypatch.setattr(module, "monotonic_ns", lambda: self.now_ns)
        self._blocks: list[np.ndarray] = []

    def play(self, blocks: int, heard: np.ndarray | None = None) -> np.ndarray:
        """The next blocks, left channel; `heard` [block] comes in during each of them."""
        for _ in range(blocks):
            self.now_ns += PERIOD_NS
            buffer = bytearray(8 * BLOCK)
            given = () if heard is None else (heard.astype(np.float32).tobytes(),)
            self.callback(buffer, BLOCK, None, 0, *given)
            left, right = np.frombuffer(buffer, np.float32).reshape(-1, 2).T
            assert np.array_equal(left, right)
            self._blocks.append(left)
        return np.concatenate(self._blocks[-blocks:])


@pytest.fixture
def meters(run_dir: Path) -> Meters:
    return Meters(Snapshot(run_dir / "meters", METERS, create=True), BLOCK)


@pytest.fixture
def card(meters: Meters, monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    callback = AudioCallback(TonePlayer(BLOCK), BLOCK, meters, wishes=Wishes(gate_delay_samples=288), priority=False)
    with np.errstate(all="ignore"):
        yield Card(callback, monkeypatch)


def read(run_dir: Path) -> np.record:
    snapshot = Snapshot(run_dir / "meters", METERS)
    assert snapshot.refresh()
    return snapshot.record


def test_it_is_silent_until_warm_and_then_fades_in(card: Card, run_dir: Path):
    audio = card.play(40)
    assert not audio[: int(0.02 * 48_000)].any()
    assert np.abs(audio[-BLOCK * 20 :]).max() == pytest.approx(0.25, rel=0.01)
    assert read(run_dir)["first_sound_ns"] > 0 and read(run_dir)["blocks"] == 40
    assert card.callback.fault is None


def test_a_gate_acts_on_its_own_sample(card: Card, run_dir: Path):
    edges = EdgeRing(run_dir / "edges", create=True)
    card.callback.edges = EdgeRing(run_dir / "edges")
    card.play(300)
    player = card.callback._player
    base_ns, base = card.now_ns, player.at - BLOCK  # the newest block began then, with this sample
    expected = []
    for k in range(50):
        offset_ns = 100_000 + k * 52_083
        edges.push(base_ns + offset_ns, "gate1", k % 2 == 0)
        expected.append(base + round(offset_ns * 48 / 1e6) + BLOCK + 288)
    card.play(20)
    happened = [sample for sample, _, _ in player.gates]
    assert np.abs(np.array(happened) - expected).max() <= 1
    assert read(run_dir)["edges"] == 50 and read(run_dir)["late_edges"] == 0


def test_an_edge_of_long_ago_acts_at_once_and_is_counted(card: Card, run_dir: Path):
    edges = EdgeRing(run_dir / "edges", create=True)
    card.callback.edges = EdgeRing(run_dir / "edges")
    card.play(100)
    at = card.callback._player.at
    edges.push(card.now_ns - 100_000_000, "gate2", 1)
    card.play(1)
    assert card.callback._player.gates == [(at, "gate2", 1)]
    assert read(run_dir)["late_edges"] == 1


def test_turns_of_the_encoder_are_not_its_business(card: Card, run_dir: Path):
    edges = EdgeRing(run_dir / "edges", create=True)
    card.callback.edges = EdgeRing(run_dir / "edges")
    edges.push(card.now_ns, "encoder_a", 1)
    card.play(30)
    assert card.callback._player.gates == []


def test_knob_targets_reach_the_player_and_nonsense_does_not(card: Card, run_dir: Path):
    controls = Snapshot(run_dir / "controls", CONTROLS, create=True)
    card.callback.controls = Snapshot(run_dir / "controls", CONTROLS)
    controls.record["pitch_hz"], controls.record["descriptors"] = 440.0, [0.1, 0.2, 0.3, 0.4, 1.5]
    controls.publish()
    card.play(2)
    for pitch_hz, knob in [(np.nan, 0.5), (-1.0, 0.5), (100.0, np.nan), (np.inf, 0.5)]:
        controls.record["pitch_hz"], controls.record["descriptors"] = pitch_hz, knob
        controls.publish()
        card.play(1)
    ((pitch_hz, descriptors),) = card.callback._player.targets
    assert pitch_hz == 440.0 and descriptors.tolist() == [0.1, 0.2, 0.3, 0.4, 1.0]
    assert read(run_dir)["stale_controls"] == 1 and read(run_dir)["pitch_hz"] == 440.0


def test_performance_reaches_the_player_and_nonsense_does_not(card: Card, run_dir: Path):
    controls = Snapshot(run_dir / "controls", CONTROLS, create=True)
    card.callback.controls = Snapshot(run_dir / "controls", CONTROLS)
    controls.record["pitch_hz"], controls.record["performance"] = 440.0, 7.0
    controls.record["performance"][SCRUB], controls.record["envelope"] = -3.0, 99.0
    controls.publish()
    card.play(1)
    for field in ("performance", "envelope"):
        controls.record[field] = np.nan
        controls.publish()
        card.play(1)
        controls.record[field] = 0.0
    ((performance, envelope),) = card.callback._player.performed
    assert performance[SCRUB] == RUNNING and np.all(np.delete(performance, SCRUB) == 1.0)
    assert np.all(envelope == 25.0)


def test_a_change_of_bundle_is_a_crossfade_without_a_click(card: Card):
    card.play(50)
    old, new = card.callback._player, TonePlayer(BLOCK, 660.0)
    card.callback.incoming = new
    audio = card.play(40).astype(float)
    steepest = 2 * np.pi * 660 / 48_000 * 0.25 * np.sqrt(2)
    assert np.abs(np.diff(audio)).max() <= steepest
    assert card.callback.outgoing is old and card.callback.incoming is None
    assert np.abs(audio.reshape(-1, 320).max(axis=1)).min() > 0.15, "no hole in the middle"
    assert old.at - 50 * BLOCK == pytest.approx(0.03 * 48_000, abs=BLOCK), "30 ms"


def test_a_held_note_goes_over_to_the_new_bundle(card: Card, run_dir: Path):
    edges = EdgeRing(run_dir / "edges", create=True)
    card.callback.edges = EdgeRing(run_dir / "edges")
    edges.push(card.now_ns, "gate1", 1)
    edges.push(card.now_ns, "gate2", 1)  # what that did was done to the other sound
    card.play(20)
    new = TonePlayer(BLOCK)
    card.callback.incoming = new
    card.play(1)
    edges.push(card.now_ns, "gate1", 0)
    card.play(30)
    assert [(jack, level) for _, jack, level in new.gates] == [("gate1", 1), ("gate1", 0)]
    assert new.targets and new.gesture == (0, 1.0, 1.0) and new.task == "freeze"


def test_a_level_told_twice_is_no_second_edge(card: Card, run_dir: Path):
    edges = EdgeRing(run_dir / "edges", create=True)
    card.callback.edges = EdgeRing(run_dir / "edges")
    for level in (1, 1, 0, 0, 1):  # jacks that were started again tell where their lines stand
        edges.push(card.now_ns, "gate1", level)
        card.play(5)
    card.play(20)
    assert [level for _, jack, level in card.callback._player.gates if jack == "gate1"] == [1, 0, 1]


def test_wishes_are_taken_up(card: Card, run_dir: Path):
    card.play(50)
    card.callback.wishes = Wishes(gain_db=-20.0, gesture=3, depth=0.5, intonation=0.25, takes=7)
    assert np.abs(card.play(40)[-BLOCK * 10 :]).max() == pytest.approx(0.025, rel=0.01)
    assert card.callback._player.gesture == (3, 0.5, 0.25) and read(run_dir)["gesture"] == 3
    assert card.callback._player.takes == 7
    card.callback.wishes = Wishes(muted=True)
    assert not card.play(20)[-BLOCK * 5 :].any() and card.callback.silent
    card.callback.wishes = Wishes()
    assert card.play(40)[-BLOCK * 10 :].any()


class Echo:
    """A follower whose rows are the sound itself."""

    def __init__(self) -> None:
        self.resets = 0

    def hear(self, audio: np.ndarray) -> np.ndarray:
        return audio.reshape(-1, 64).copy()

    def reset(self) -> None:
        self.resets += 1


def test_what_comes_in_is_played_only_while_it_listens(card: Card):
    player, sound = card.callback._player, np.linspace(-1, 1, BLOCK)
    player.follower = Echo()
    card.play(2, sound)
    assert player.heard is None
    card.callback.wishes = Wishes(listen=True)
    card.play(2, sound)
    assert np.array_equal(player.heard.ravel(), sound.astype(np.float32)) and player.follower.resets == 1
    card.play(1)
    assert player.heard is None, "the device has no input"
    card.callback.wishes = Wishes()
    card.play(1, sound)
    assert player.heard is None and card.callback.fault is None


def test_a_player_without_a_follower_plays_its_gestures(card: Card):
    card.callback.wishes = Wishes(listen=True)
    card.play(30, np.zeros(BLOCK))
    assert card.callback._player.heard is None and card.callback.fault is None


def test_the_new_instrument_listens_while_it_fades_in(card: Card):
    card.callback.wishes, new = Wishes(listen=True), TonePlayer(BLOCK)
    new.follower = Echo()
    card.callback.incoming = new
    card.play(2, np.ones(BLOCK))
    assert np.array_equal(new.heard, np.ones((2, 64), np.float32))


def test_what_is_no_number_is_muted_reset_counted_and_played_on(card: Card, run_dir: Path):
    card.play(50)
    player = card.callback._player
    player.poison_at = player.at + 5 * BLOCK + 17
    audio = card.play(60).astype(float)
    assert np.isfinite(audio).all()
    assert np.abs(np.diff(audio)).max() < 0.02, "not even then a click"
    assert not audio[7 * BLOCK : 12 * BLOCK].any()
    assert np.abs(audio[-BLOCK * 20 :]).max() == pytest.approx(0.25, rel=0.01)
    assert player.resets == 1 and read(run_dir)["nan_resets"] == 1


def test_no_exception_leaves_it(card: Card):
    card.play(50)
    player = card.callback._player
    render, calls = player.render, itertools.count()

    def fails_once(out: np.ndarray, heard: None) -> None:
        if next(calls) == 3:
            raise ZeroDivisionError("a flaw")
        render(out)

    player.render = fails_once
    audio = card.play(60)
    assert isinstance(card.callback.fault, ZeroDivisionError)
    assert np.isfinite(audio).all() and audio[-BLOCK:].any()


def test_silence_that_is_played_is_never_zero_and_silence_that_is_muted_is(card: Card):
    """The relay at `out` listens for edges of the sound data; both words of a frame begin with one."""
    card.callback._player.level = 0.0
    rests = card.play(60)[-BLOCK * 10 :]
    assert (rests == module.REST).all()
    for bits in (24, 32):
        word = round(float(module.REST) * 2 ** (bits - 1)) & (1 << bits) - 1
        assert word >> bits - 1 == 1 and word & 1 == 0
    card.callback.wishes = Wishes(muted=True)
    assert not card.play(20)[-BLOCK * 5 :].any()


def test_the_tap_hears_what_the_card_gets(card: Card, run_dir: Path):
    card.callback.tap = AudioTap(run_dir / "tap", create=True)
    tap = AudioTap(run_dir / "tap")
    audio = card.play(60)
    assert np.array_equal(tap.read() + module.REST * (audio != 0.0), audio)


def test_every_hop_leaves_a_frame_for_who_records(card: Card, run_dir: Path):
    card.callback.frames = FrameTap(run_dir / "frames", create=True)
    frames = FrameTap(run_dir / "frames")
    card.play(60)
    assert len(frames.read()) == 60 * BLOCK // HOP


def test_late_callbacks_are_misses_and_skipped_ones_lost(card: Card, run_dir: Path):
    card.play(400)
    card.now_ns += 9 * PERIOD_NS
    card.play(100)
    assert read(run_dir)["lost"] == 9


@pytest.mark.parametrize("rate_hz", [44_100, 96_000, 32_000])
def test_what_comes_in_at_another_rate_is_converted(rate_hz: int, meters: Meters, monkeypatch):
    callback = AudioCallback(TonePlayer(BLOCK), BLOCK, meters, rate_hz=rate_hz, wishes=Wishes(listen=True))
    heard: list[np.ndarray] = []
    callback._player.follower = Echo()
    callback._player.follower.hear = lambda audio: heard.append(audio.copy())  # type: ignore[method-assign]
    callback._priority = False
    sound = np.sin(2 * np.pi * 1000 / rate_hz * np.arange(600 * BLOCK)).astype(np.float32).reshape(-1, BLOCK)
    now_ns = 10**12
    monkeypatch.setattr(module, "monotonic_ns", lambda: now_ns)
    for k, part in enumerate(sound):
        now_ns = 10**12 + k * BLOCK * 1_000_000_000 // rate_hz
        callback(bytearray(8 * BLOCK), BLOCK, None, 0, part.tobytes())
    assert callback.fault is None
    audio = np.concatenate(heard)[4_800:].astype(float)
    n = np.arange(len(audio))
    wave = np.column_stack([np.sin(2 * np.pi * 1000 / 48_000 * n), np.cos(2 * np.pi * 1000 / 48_000 * n)])
    rest = audio - wave @ np.linalg.lstsq(wave, audio, rcond=None)[0]
    assert 20 * np.log10(rest.std() / audio.std()) < -90, "one unbroken sine"
    behind_s = len(sound) * BLOCK / rate_hz - sum(map(len, heard)) / 48_000
    assert behind_s < 0.07


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_another_rate_is_converted_and_gates_keep_their_delay(rate_hz: int, meters: Meters, run_dir: Path, monkeypatch):
    player = TonePlayer(BLOCK, 1000.0)
    callback = AudioCallback(player, BLOCK, meters, rate_hz=rate_hz, channels=1, priority=False)
    edges = EdgeRing(run_dir / "edges", create=True)
    callback.edges = EdgeRing(run_dir / "edges")
    now_ns, heard, pushed = 10**12, [], []
    monkeypatch.setattr(module, "monotonic_ns", lambda: now_ns)
    random = np.random.default_rng(1)
    for k in range(1200):
        now_ns = 10**12 + k * BLOCK * 1_000_000_000 // rate_hz
        if k > 400 and k % 10 == 0:
            pushed.append(now_ns - int(random.integers(0, 1_000_000)))
            edges.push(pushed[-1], "gate1", 1)
        buffer = bytearray(4 * BLOCK)
        callback(buffer, BLOCK, None, 0)
        heard.append(np.frombuffer(buffer, np.float32))
    assert callback.fault is None
    audio = np.concatenate(heard)[-rate_hz // 2 :].astype(float)
    n = np.arange(len(audio))
    wave = np.column_stack([np.sin(2 * np.pi * 1000 / rate_hz * n), np.cos(2 * np.pi * 1000 / rate_hz * n)])
    rest = audio - wave @ np.linalg.lstsq(wave, audio, rcond=None)[0]
    assert 20 * np.log10(rest.std() / audio.std()) < -90
    samples = np.array([sample for sample, _, _ in player.gates])
    delays = samples - np.array(pushed[: len(samples)]) * 48e-6
    assert np.ptp(delays) < 2.0
    assert read(run_dir)["late_edges"] == 0


def test_panic_fades_out_lets_go_of_what_hangs_and_ends_with_the_switch(card: Card, run_dir: Path):
    switch = Switch(run_dir / "panic", create=True)
    card.callback.panic = Switch(run_dir / "panic")
    card.callback.held = ("gate1",)
    assert np.abs(card.play(60)[-BLOCK:]).max() > 0.2
    switch.on = True
    fading = card.play(6)
    assert not fading[round(0.012 * 48_000) + BLOCK :].any(), "silent 12 ms later"
    assert np.abs(np.diff(fading)).max() < 0.05, "without a click"
    assert not card.play(100).any()
    assert [event[1:] for event in card.callback._player.gates] == [("gate1", 1), ("gate1", 0)]
    switch.on = False
    assert np.abs(card.play(20)[-BLOCK:]).max() > 0.2
