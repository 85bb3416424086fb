"""Performance is heard: each control does to the sound of a shipped instrument what its name says, without a click."""

from collections.abc import Sequence
from pathlib import Path

import clicks
import numpy as np
import pytest
from clicks import ALLOWED_DB, BLOCK, CONTROLS, JUMP, excesses_db, jumps, table

from neurorack import bundle
from neurorack.engine.player import Player
from neurorack.patch.performance import PLAYED, at_rest, freeze_hops
from neurorack.words import BLOCKS, C4_HZ, HOP, PERFORMANCE, SAMPLE_RATE_HZ

MODELS = Path(__file__).resolve().parents[2] / "models"
LEVEL = 240
LEAP_DB = 4.0


@pytest.fixture(scope="module")
def fluid() -> bundle.Bundle:
    return bundle.load(MODELS / "fluid")


@pytest.fixture(scope="module")
def skins() -> bundle.Bundle:
    return bundle.load(MODELS / "skins")


def played(
    instrument: bundle.Bundle,
    seconds: float,
    *edges: tuple[int, str, int],
    gesture: int = 0,
    block: int = 128,
    noisy: bool = True,
    task: str = "freeze",
    **positions: float,
) -> np.ndarray:
    """Sound [samples] of a player that begins with edges (sample, jack, level)."""
    made, row = Player(instrument, block, 0, noisy=noisy), at_rest()
    for name, position in positions.items():
        row[PERFORMANCE.index(name)] = position
    made.set_gesture(gesture, 1.0, 0.0)
    made.set_task(task)
    made.set_targets(C4_HZ, np.full(5, 0.5), row, np.zeros(PLAYED))
    for _ in range(8_192 // block):  # the controls are there before the note
        made.render(np.zeros(block, np.float32))
    out = np.zeros((round(seconds * SAMPLE_RATE_HZ / 512) * 512 // block, block), np.float32)
    for number, part in enumerate(out):
        for sample, jack, level in edges:
            if number * block <= sample < (number + 1) * block:
                made.gate(sample - number * block, jack, level)
        made.render(part)
    return out.ravel()


def energy_db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2)))


NOTE = ((100, "gate1", 1), (30_000, "gate1", 0))


@pytest.mark.parametrize("name", ["fluid", "skins"])
def test_the_ends_of_the_morph_sound_as_the_two_gestures(name: str, request: pytest.FixtureRequest) -> None:
    instrument = request.getfixturevalue(name)
    for morph, alone in ((0.0, 0), (1.0, 1)):
        between = played(instrument, 1.5, *NOTE, morph=morph)
        assert np.abs(between - played(instrument, 1.5, *NOTE, gesture=alone)).max() < 1e-4
    halfway = played(instrument, 1.5, *NOTE, morph=0.5)
    assert all(np.abs(halfway - played(instrument, 1.5, *NOTE, gesture=g)).max() > 0.01 for g in (0, 1))


@pytest.mark.parametrize("freeze", [0.35, 0.6])
def test_a_frozen_sound_repeats_with_the_period_that_is_set(fluid: bundle.Bundle, freeze: float) -> None:
    """Levels of one turn are found again many turns later, a whole number of periods on, to a fraction of a sample."""
    audio = played(fluid, 12.0, (100, "gate1", 1), (12_000, "gate2", 1), noisy=False, freeze=freeze)
    period = freeze_hops(freeze) * HOP
    cumulated = np.concatenate([[0.0], np.cumsum(audio.astype(np.float64) ** 2)])
    levels = cumulated[1_470:] - cumulated[:-1_470]  # eight periods of C4: the wave itself is no level
    turns = int((len(levels) - 20_000) / period) - 2
    begin, length = 20_000, round(period)
    first = levels[begin : begin + length] - levels[begin : begin + length].mean()
    away = range(-4 * turns, 4 * turns + 1, max(1, turns // 4))
    fits = []
    for by in away:
        at = begin + round(turns * period) + by
        later = levels[at : at + length]
        fits.append(float(np.corrcoef(first, later)[0, 1]))
    assert max(fits) > 0.95, "it is the same turn"
    assert abs(away[int(np.argmax(fits))] / turns) <= 1.0


def test_the_onsets_energy_follows_the_transient_and_the_sustain_stays(fluid: bundle.Bundle) -> None:
    sounds = [played(fluid, 1.0, (0, "gate1", 1), transient=t) for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    onsets = [energy_db(sound[: SAMPLE_RATE_HZ // 50]) for sound in sounds]
    assert np.all(np.diff(onsets) > 0.5) and onsets[-1] - onsets[0] > 6
    sustains = [energy_db(sound[SAMPLE_RATE_HZ // 8 : SAMPLE_RATE_HZ // 2]) for sound in sounds]
    assert np.ptp(sustains) < 1.0


def test_a_hit_is_sharpened_too(skins: bundle.Bundle) -> None:
    onsets = [energy_db(played(skins, 0.5, (0, "gate1", 1), transient=t)[:960]) for t in (0.0, 0.5, 1.0)]
    assert np.all(np.diff(onsets) > 2)


def test_a_scrubbed_note_sounds_for_as_long_as_its_gate(fluid: bundle.Bundle) -> None:
    audio = played(fluid, 3.0, (0, "gate1", 1), (120_000, "gate1", 0), scrub=0.3)
    levels = [energy_db(audio[at : at + 4_800]) for at in range(4_800, 115_000, 4_800)]
    assert np.ptp(levels) < 1.0
    assert not audio[125_000:].any()


@pytest.mark.parametrize("block", BLOCKS[1::2])
@pytest.mark.parametrize("task", ["freeze", "retrigger", "tap"])
def test_every_block_size_sounds_the_same(fluid: bundle.Bundle, block: int, task: str) -> None:
    edges = (*NOTE, (9_999, "gate2", 1), (14_001, "gate2", 0), (20_001, "gate2", 1), (23_000, "gate2", 0))
    positions = {"morph": 0.4, "transient": 0.8, "variation": 0.3, "release": 0.3, "macro1": 0.7, "freeze": 0.2}
    one, other = (played(fluid, 1.2, *edges, block=size, task=task, **positions) for size in (64, block))
    np.testing.assert_allclose(one, other, atol=5e-5)


@pytest.mark.parametrize("name", ["fluid", "skins", "tongues"])
def test_no_jump_of_any_control_clicks(name: str, request: pytest.FixtureRequest) -> None:
    """A click is a level of 5 ms, or a step from sample to sample, that neither of the steady sounds has. A leap of the
    pitch may stand out by a little more: `tongues`, down by 1.4 octaves, by 3.3 dB."""
    count = request.config.getoption("--jumps")
    found = list(jumps(bundle.load(MODELS / name), count))
    print(table(found))
    assert {jump.control for jump in found} == set(CONTROLS)
    assert max(jump.level_db for jump in found if jump.control != "pitch") < ALLOWED_DB
    assert max(jump.level_db for jump in found) < LEAP_DB
    assert max(jump.step_db for jump in found) < ALLOWED_DB


def test_a_bass_that_leaps_away_or_in_makes_no_step_of_its_own(skins: bundle.Bundle) -> None:
    """At 20 Hz and a depth that leaps between none and all: 40 dB and more within a hop."""
    lowest = min(range(len(skins.gestures)), key=lambda index: float(np.median(skins.gestures[index].pitch)))
    made, row, sounds = Player(skins, BLOCK, 0, noisy=False), at_rest(), []
    row[PERFORMANCE.index("scrub")] = 0.6
    pitch_hz = 20.0 / 2.0 ** float(np.median(skins.gestures[lowest].pitch))
    made.set_gesture(lowest, 0.0, 0.0)
    made.set_targets(pitch_hz, np.array([0.9, 0.1, 0.5, 0.5, 0.9]), row, np.zeros(PLAYED))
    made.gate(0, "gate1", 1)
    for turn in range(9):
        made.set_gesture(lowest, 2.0 * (turn % 2), 1.0)
        for blocks in (JUMP, 200 + 7 * turn):  # another phase every time
            sounds.append(np.zeros(blocks * BLOCK, np.float32))
            for part in sounds[-1].reshape(blocks, BLOCK):
                made.render(part)
    for turn in range(1, 9):
        before, across, after = sounds[2 * turn - 1 : 2 * turn + 2]
        assert abs(energy_db(before) - energy_db(after)) > 20
        assert max(excesses_db((before, after), across)) < ALLOWED_DB


def test_a_click_would_be_found() -> None:
    tone = 0.1 * np.sin(2 * np.pi * C4_HZ * np.arange(20_000) / SAMPLE_RATE_HZ).astype(np.float32)

    def excess(sound: np.ndarray, more: Sequence[np.ndarray] = ()) -> tuple[float, float]:
        before, across, after = np.split(sound, (5_000, 5_000 + JUMP * BLOCK))
        return excesses_db((before, after), across, more)

    assert excess(tone) == pytest.approx((0.0, 0.0), abs=0.05)
    torn = tone.copy()
    torn[6_000:] *= -1
    torn[6_000] += 0.1
    gap = tone.copy()
    gap[6_000:6_400] = 0.0
    for more in ((), (tone, -tone)):  # where one ends and another begins nothing is heard
        assert excess(torn, more)[1] > 6
        assert excess(gap, more)[0] > 6


class _Clicking(Player):
    """Loses three blocks where the level is moved far, as an output would that comes too late."""

    _level, _lost = 0.5, 0

    def set_targets(self, pitch_hz: float, descriptors: np.ndarray, *performance: np.ndarray) -> None:
        super().set_targets(pitch_hz, descriptors, *performance)
        self._lost = 3 if abs(descriptors[0] - self._level) > 0.2 else self._lost
        self._level = float(descriptors[0])

    def render(self, out: np.ndarray, heard: np.ndarray | None = None) -> None:
        super().render(out, heard)
        if self._lost:
            self._lost -= 1
            out[:] = 0.0


def test_a_suspect_that_is_heard_out_is_still_found(fluid: bundle.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clicks, "Player", _Clicking)
    found = list(jumps(fluid, 100))
    clicked = {jump.control for jump in found if max(jump.level_db, jump.step_db) > ALLOWED_DB}
    assert clicked == {"rms"}
