"""What the knobs `find1` and `find2` lead to is heard, is the same every time, and can be kept."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from neurorack import bundle
from neurorack.engine.player import Player
from neurorack.engine.process import Engine, parse
from neurorack.engine.space import Space, prove_space
from neurorack.errors import BadInput
from neurorack.patch.found import KNOTS, NEW, Kept, points
from neurorack.patch.gestures import LATENT, RMS, Trajectory
from neurorack.patch.performance import FIND1, FIND2, PLAYED, at_rest
from neurorack.render import render
from neurorack.settings.model import Settings, Sound, decode, encode, schema
from neurorack.settings.playing import Playing
from neurorack.words import C4_HZ, SAMPLE_RATE_HZ

MODELS = Path(__file__).resolve().parents[2] / "models"
SHIPPED = ("fluid", "skins", "tongues")
BLOCK = 512


@pytest.fixture(scope="module")
def finding(finding_bundle: Path) -> bundle.Bundle:
    return bundle.load(finding_bundle)


def turned(player: Player, first: float, second: float) -> None:
    row = at_rest()
    row[FIND1], row[FIND2] = first, second
    player.set_targets(C4_HZ, np.full(5, 0.5), row, np.zeros(PLAYED))


def played(
    made: bundle.Bundle, first: float = 0.5, second: float = 0.5, *, seed: int = 0, kept: Kept = NEW, block: int = BLOCK
) -> np.ndarray:
    """A note of 0.4 s and its release, [samples]."""
    player = Player(made, block)
    player.find(0, seed, kept)
    player.set_gesture(0, 1.0)
    turned(player, first, second)
    for _ in range(8_192 // block):  # the knobs are there before the note
        player.render(np.zeros(block, np.float32))
    player.reset()  # so that the phase is the same, whatever pitch was silent until now
    out = np.zeros((SAMPLE_RATE_HZ * 7 // 10 // BLOCK * BLOCK // block, block), np.float32)
    for number, part in enumerate(out):
        if number * block in (0, 19_456):
            player.gate(0, "gate1", int(number == 0))
        player.render(part)
    return out.ravel()


def heard(audio: np.ndarray) -> np.ndarray:
    """Spectrum in dB [frames, bins]."""
    frames = audio[: len(audio) // 1024 * 1024].reshape(-1, 1024) * np.hanning(1024)
    return 20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-3)


def spaceless(made: bundle.Bundle) -> bundle.Bundle:
    return dataclasses.replace(made, space_onnx=None, card=msgspec.structs.replace(made.card, space=None))


def test_in_the_middle_the_chosen_gesture_plays_by_the_bit(finding: bundle.Bundle) -> None:
    without = spaceless(finding)
    assert np.array_equal(played(finding), played(without))
    assert np.array_equal(played(finding, 0.505, 0.495), played(without))  # a pot in its detent, a converter's noise


def test_the_farther_a_knob_is_turned_the_farther_the_sound_is(finding: bundle.Bundle) -> None:
    chosen = heard(played(finding))
    for side in (-1, 1):
        away = [np.abs(heard(played(finding, 0.5 + side * by)) - chosen).mean() for by in (0.1, 0.25, 0.5)]
        assert 0.1 < away[0] < away[1] < away[2]


def test_the_same_seed_is_the_same_sound_and_another_is_another(finding: bundle.Bundle) -> None:
    assert np.array_equal(played(finding, 0.9, 0.2, seed=7), played(finding, 0.9, 0.2, seed=7))
    assert np.abs(heard(played(finding, 0.9, 0.2, seed=7)) - heard(played(finding, 0.9, 0.2, seed=8))).mean() > 0.5


def test_every_block_size_finds_the_same(finding: bundle.Bundle) -> None:
    assert played(finding, 0.8, 0.3, block=64) == pytest.approx(played(finding, 0.8, 0.3), abs=1e-5)


def test_a_turn_is_heard_while_the_note_sounds(finding: bundle.Bundle) -> None:
    player, out = Player(finding, 64), np.zeros(64, np.float32)
    player.find(0)
    player.set_gesture(0, 1.0)
    turned(player, 0.5, 0.5)
    player.gate(0, "gate1", 1)
    for _ in range(60):
        player.render(out)
    before = player._voice.controls.copy()
    turned(player, 0.95, 0.5)
    moved = []
    for _ in range(20):
        player.render(out)
        moved.append(np.abs(player._voice.controls[0, LATENT:] - before[0, LATENT:]).max())
        before = player._voice.controls.copy()
    assert sum(moved) > 0.3
    assert max(moved) < 0.6 * sum(moved)  # it glides there


def test_what_is_kept_plays_the_same_with_another_space_and_with_none(
    finding: bundle.Bundle, make_tiny_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    player = Player(finding, 64)
    player.find(0, 3)
    player.set_gesture(0, 1.0)
    turned(player, 0.8, 0.3)
    for _ in range(100):
        player.render(np.zeros(64, np.float32))
    at, change = player.found
    kept = Kept(at, change.astype("f2").astype(np.float32))
    found = played(finding, 0.8, 0.3, seed=3, kept=kept)
    assert np.abs(heard(found) - heard(played(finding, 0.8, 0.3, seed=3))).mean() < 0.05
    retrained = bundle.load(make_tiny_bundle(tmp_path / "finding", space=2.5))
    for changed in (retrained, spaceless(finding)):
        assert np.array_equal(played(changed, 0.8, 0.3, seed=3, kept=kept), found)
    assert not np.array_equal(played(retrained, 0.8, 0.3, seed=3), found)


def test_what_was_found_with_another_instrument_is_refused_and_the_chosen_gesture_plays(finding: bundle.Bundle) -> None:
    player = Player(finding, 64)
    for change in (np.zeros(5, np.float32), np.full(len(space_points(finding)), np.nan, np.float32)):
        with pytest.raises(BadInput, match="another instrument"):
            player.find(0, 0, Kept((0.8, 0.3), change))
        player.set_gesture(0, 1.0)
        assert not len(player.found.change)


def space_points(made: bundle.Bundle) -> np.ndarray:
    trajectory = Trajectory(made.gestures[0])
    return points(trajectory.rows, trajectory.stages, trajectory.partials)


def test_a_space_that_finds_what_is_no_number_is_refused(make_tiny_bundle: Callable[..., Path], tmp_path: Path) -> None:
    spoilt = bundle.load(make_tiny_bundle(tmp_path / "spoilt", space=float("nan")))
    with pytest.raises(BadInput, match="no number"):
        prove_space(spoilt)


@pytest.fixture
def engine(tmp_path: Path, finding: bundle.Bundle) -> Iterator[Engine]:
    """An engine's main thread without a device, and what it reads and writes."""
    made = Engine(
        parse(["--run-dir", str(tmp_path), "--bundle", "finding"]), lambda *_: ("finding", Player(finding, 64))
    )
    yield made
    made._lock.release()


def take_up(engine: Engine, player: Player, first: float, second: float) -> None:
    """As the main thread and the callback do together, until the knobs have come to rest."""
    engine._open_intent()
    assert engine._intent is not None and engine._intent.refresh()
    engine._take_intent(engine._intent)
    engine._let_find(player)
    player.set_gesture(engine._wishes.gesture, 1.0)
    turned(player, first, second)
    for _ in range(100):
        player.render(np.zeros(64, np.float32))
    engine._tell_found(player)


def test_what_is_found_goes_to_the_presets_and_comes_back_by_the_bit(
    engine: Engine, finding: bundle.Bundle, tmp_path: Path
) -> None:
    playing = Playing(tmp_path, gate_delay_s=0.006, listen=False)
    playing.play(Sound(bundle="finding", find_seed=3))
    take_up(engine, Player(finding, 64), 0.8, 0.3)
    stored = decode(encode(Settings(playing=playing.keeping())), schema()).playing
    assert stored is not None and stored.found is not None
    assert stored.found.at == (0.8, 0.3)
    playing.play(Sound(bundle="finding", gesture=1))
    take_up(engine, Player(finding, 64), 0.5, 0.5)
    assert playing.keeping().found is None, "nothing is found in the middle"
    playing.play(stored, recall=True)
    again = Player(finding, 64)
    take_up(engine, again, 0.8, 0.3)
    assert again.found.change.astype("<f2").tobytes() == stored.found.change
    assert playing.keeping() == stored


def test_an_instrument_without_a_space_says_so_once_its_knobs_are_turned(
    engine: Engine, finding: bundle.Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Playing(tmp_path, gate_delay_s=0.006, listen=False).play(Sound(bundle="finding"))
    take_up(engine, Player(spaceless(finding), 64), 0.5, 0.5)
    assert not capsys.readouterr().err
    turned_player = Player(spaceless(finding), 64)
    turned(turned_player, 0.9, 0.5)
    for _ in range(100):
        turned_player.render(np.zeros(64, np.float32))
    for _ in range(3):
        engine._tell_found(turned_player)
    assert capsys.readouterr().err.count("find1 and find2 do nothing") == 1


def rendered(folder: Path, volts: float, tmp_path: Path, *assignments: str, seed: int = 0) -> bytes:
    cv, out = tmp_path / "take.csv", tmp_path / "take.wav"
    cv.write_text(f"t,cv1,gate1\n0,{volts},0\n0.05,{volts},5\n0.25,{volts},5\n0.25,{volts},0\n0.3,{volts},0\n")
    render(folder, cv, out, assignments, find_seed=seed)
    return out.read_bytes()


def test_a_file_of_volts_finds_the_same_every_time(finding_bundle: Path, tmp_path: Path) -> None:
    chosen = rendered(finding_bundle, 0.0, tmp_path)
    assert rendered(finding_bundle, 0.0, tmp_path, "cv1=find1") == chosen
    found = rendered(finding_bundle, 4.0, tmp_path, "cv1=find1", seed=5)
    assert found != chosen
    assert rendered(finding_bundle, 4.0, tmp_path, "cv1=find1", seed=5) == found
    assert rendered(finding_bundle, 4.0, tmp_path, "cv1=find1", seed=6) != found


def test_a_file_of_volts_hears_that_there_is_no_space(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rendered(tiny_bundle, 4.0, tmp_path, "cv1=find1") == rendered(tiny_bundle, 4.0, tmp_path)
    assert capsys.readouterr().err.count("tiny has no space of gestures") == 1


@pytest.mark.parametrize("name", SHIPPED)
def test_all_that_a_shipped_instrument_finds_can_be_played(name: str) -> None:
    made = bundle.load(MODELS / name)
    trajectories = [Trajectory(gesture) for gesture in made.gestures]
    space = Space(made, trajectories)
    everything = np.concatenate([trajectory.rows for trajectory in trajectories])
    lowest, highest, loudest = everything.min(axis=0), everything.max(axis=0), everything[:, RMS].max()
    width = everything.shape[1]
    described = [points(t.rows, t.stages, t.partials)[: KNOTS * width].reshape(KNOTS, width) for t in trajectories]
    everywhere = [[*rows] for rows in np.random.default_rng(0).random((8, 2))] + [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]]
    for number in range(len(trajectories)):
        way = space.map(trajectories[number], seed=number % 3)
        assert way is not None
        for first, second in everywhere:
            at = way.at(first, second)
            assert at is not None
            assert np.isfinite(at.knots).all()
            assert all(0.25 <= rate <= 4.0 for rate in at.rates)
            rows = described[number] + at.knots
            seam_db = 6.0 if trajectories[number].stages.turns else 1e-3
            assert (rows[:, RMS] <= loudest + seam_db).all()
            within = (rows >= lowest - 1e-3) & (rows <= highest + 1e-3)
            assert within[:, LATENT:].mean() > (0.8 if trajectories[number].stages.turns else 0.999)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_instrument_finds_other_sounds(name: str) -> None:
    made = bundle.load(MODELS / name)
    chosen = heard(played(made))
    for first, second in ((1.0, 0.5), (0.5, 0.0)):
        audio = played(made, first, second)
        assert np.isfinite(audio).all()
        assert np.abs(heard(audio) - chosen).mean() > 1.0
