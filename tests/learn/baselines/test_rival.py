"""The rivals learn, go on where they were stopped, and differ by nothing but the adversary."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.baselines.pieces import PIECE, Pieces  # noqa: E402
from neurorack.learn.baselines.rival import (  # noqa: E402
    Reader,
    RivalInstrument,
    RivalRecipe,
    RivalTraining,
)
from neurorack.learn.corpus import Corpus  # noqa: E402
from neurorack.words import HOP  # noqa: E402


@pytest.fixture(scope="module")
def fader(notes: Corpus) -> RivalTraining:
    training = RivalTraining(RivalRecipe(30, fader=True, batch=2), notes)
    training.losses = [training.advance() for _ in range(30)]
    return training


def test_pieces_begin_in_silence_or_in_the_sound_each_at_its_own_level(notes):
    pieces = Pieces(notes).draw(32, np.random.default_rng(0))
    assert pieces.shape == (32, PIECE)
    silent_before = (pieces[:, 0] == 0).mean()
    assert 0.2 < silent_before < 0.9
    peaks = np.abs(pieces).max(axis=1)
    assert peaks.min() > 0
    assert peaks.max() / peaks.min() > 2


def test_it_learns_to_say_what_it_was_given_first(notes):
    training = RivalTraining(RivalRecipe(30, batch=2), notes)
    before = training.advance()
    for _ in range(29):
        training.advance()
    training._descent.step = 0  # the same pieces again
    after = training.advance()
    assert after["spectrum"] + after["loudness"] < 0.85 * (before["spectrum"] + before["loudness"])


def test_only_the_fader_has_an_adversary_and_its_weight_rises(fader, notes):
    conditioned = RivalTraining(RivalRecipe(40, batch=2), notes)
    assert conditioned.advance().keys() == {"spectrum", "loudness", "kl"}
    assert fader.losses[0]["hidden"] == 0
    assert fader.losses[-1]["hidden"] < -0.3


def test_a_run_that_goes_on_ends_where_one_that_was_not_stopped_does(notes):
    recipe = RivalRecipe(4, seed=3, fader=True, batch=2)
    whole, begun, resumed = (RivalTraining(recipe, notes) for _ in range(3))
    for _ in range(4):
        wanted = whole.advance()
    for _ in range(2):
        begun.advance()
    resumed.load_state(begun.state())
    resumed.advance()
    assert resumed.advance() == wanted
    for name, value in whole.average.state_dict().items():
        assert torch.equal(value, resumed.average.state_dict()[name])


def test_the_adversary_reads_what_is_there_and_its_held_weights_get_no_gradient():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(8, 50, 5, generator=generator)
    torch.manual_seed(0)
    reader = Reader(5)
    reader.fill_equally(values.flatten(0, 1).numpy())
    optimiser = torch.optim.Adam(reader.parameters(), 1e-2)
    guess = reader.error(values.transpose(1, 2), values).item()
    for _ in range(60):
        error = reader.error(values.transpose(1, 2), values)
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert guess == pytest.approx(1.0, abs=0.1)
    assert error.item() < 0.6
    optimiser.zero_grad()
    latent = values.transpose(1, 2).clone().requires_grad_()
    reader.error(latent, values, held=True).backward()
    assert latent.grad.abs().sum() > 0
    assert all(p.grad is None for p in reader.parameters())


def test_silence_counts_for_nothing_with_the_adversary():
    values = torch.full((1, 4, 5), -100.0)
    assert Reader(3).error(torch.randn(1, 3, 4), values).item() == 0


def test_played_it_gives_the_samples_asked_and_hears_descriptors_but_no_pitch(fader, notes):
    model = RivalInstrument(fader.average, fader.knobs)
    sound = (notes.sounds[0].audio / 32768.0).astype(np.float32)
    latent = model.latent(sound)
    hops = len(sound) // HOP
    assert latent.shape == (hops, 16)
    assert (latent[:16] == latent[0]).all()
    targets = np.tile([-20.0, 10.0, 10.0, 1.0, 0.0], (hops, 1))
    low = model.play(np.zeros(hops), targets, latent)
    assert low.shape == (hops * HOP,)
    assert np.array_equal(low, model.play(np.ones(hops), targets, latent))
    assert not np.array_equal(low, model.play(np.zeros(hops), targets + 1.0, latent))
