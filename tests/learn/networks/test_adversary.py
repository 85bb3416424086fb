"""The adversary finds what the latent tells of the knobs; its certainty pushes only the encoder."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.networks.adversary import CLASSES, Adversary  # noqa: E402
from neurorack.words import KNOBS  # noqa: E402

LATENT, ROWS = 4, 512


def values(seed: int = 0) -> torch.Tensor:
    """Pitch and descriptors [ROWS, 6], skewed as real ones are."""
    drawn = np.random.default_rng(seed).standard_normal((ROWS, len(KNOBS)))
    return torch.from_numpy(np.exp(drawn).astype(np.float32))


def latents(values: torch.Tensor, seed: int = 1) -> torch.Tensor:
    """[ROWS, LATENT] that tell the pitch in their first column, and nothing else."""
    drawn = torch.randn(ROWS, LATENT, generator=torch.Generator().manual_seed(seed))
    drawn[:, 0] = torch.log(values[:, 0])
    return drawn


def fresh() -> Adversary:
    torch.manual_seed(0)
    adversary = Adversary(LATENT, 32)
    adversary.fill_equally(values(99).numpy())
    return adversary


@pytest.fixture(scope="module")
def taught() -> Adversary:
    adversary = fresh()
    optimiser = torch.optim.Adam(adversary.parameters(), 1e-2)
    for step in range(200):
        optimiser.zero_grad()
        known = values(step)
        adversary.error(latents(known, step), known).backward()
        optimiser.step()
    return adversary


def surprise(adversary: Adversary, latent: torch.Tensor, known: torch.Tensor) -> np.ndarray:
    """Cross-entropy [6] of each value by itself, in units of pure guessing."""
    truth = (known[..., None] > adversary.edges).sum(-1)
    chosen = adversary(latent).gather(-1, truth[..., None])[..., 0]
    return -chosen.mean(0).detach().numpy() / math.log(CLASSES)


def test_it_finds_planted_information_and_no_other(taught):
    known = values(1000)
    found = surprise(taught, latents(known, 1000), known)
    assert found[0] < 0.5
    assert (found[1:] > 0.9).all()


def test_what_its_error_says_is_the_mean_in_units_of_guessing(taught):
    known = values(1000)
    latent = latents(known, 1000)
    assert taught.error(latent, known).item() == pytest.approx(surprise(taught, latent, known).mean(), rel=1e-4)
    taught_nothing = fresh()
    for parameter in taught_nothing.layers[-1].parameters():
        parameter.data.zero_()
    assert taught_nothing.error(latent, known).item() == pytest.approx(1.0, rel=1e-5)


def test_classes_are_filled_equally_whatever_the_values():
    adversary, known = fresh(), values(99)
    classes = (known[..., None] > adversary.edges).sum(-1)
    for column in classes.T:
        counts = torch.bincount(column, minlength=CLASSES)
        assert len(counts) == CLASSES and counts.min() > 0.9 * ROWS / CLASSES


def test_certainty_is_nothing_for_pure_doubt_and_never_above_one(taught):
    latent = latents(values(1000))
    doubting, certain = fresh(), fresh()
    for parameter in doubting.layers[-1].parameters():
        parameter.data.zero_()
    certain.layers[-1].weight.data *= 1e5
    assert doubting.certainty(latent).item() == pytest.approx(0.0, abs=1e-6)
    assert 0.05 < taught.certainty(latent).item() < 1.0
    assert 0.99 < certain.certainty(latent).item() <= 1.0


def test_certainty_pushes_the_encoder_and_not_the_adversary(taught):
    taught.zero_grad()
    latent = latents(values(1000)).requires_grad_()
    taught.certainty(latent).backward()
    assert all(parameter.grad is None for parameter in taught.parameters())
    told = latent.grad.abs().mean(0)
    assert told[0] > 3 * told[1:].max()


def test_an_encoder_that_follows_forgets_the_pitch(taught):
    known = values(1000)
    keep = torch.ones(LATENT, requires_grad=True)
    optimiser = torch.optim.Adam([keep], 0.05)
    for _ in range(40):
        optimiser.zero_grad()
        taught.certainty(latents(known, 1000) * keep).backward()
        optimiser.step()
    assert keep[0].abs() < 0.3
