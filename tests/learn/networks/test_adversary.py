"""The adversary finds what the latent tells of the knobs, straight or bent; following its gradient forgets it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.networks.adversary import COSINES, Adversary  # noqa: E402
from neurorack.words import KNOBS  # noqa: E402

LATENT, ROWS = 4, 2048


def values(seed: int = 0) -> torch.Tensor:
    """Pitch and descriptors [ROWS, 6]."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((ROWS, len(KNOBS))).astype(np.float32))


def latents(known: torch.Tensor, seed: int = 1) -> torch.Tensor:
    """[ROWS, LATENT] that tell the pitch in their first column, and nothing else."""
    drawn = torch.randn(ROWS, LATENT, generator=torch.Generator().manual_seed(seed))
    drawn[:, 0] = known[:, 0]
    return drawn


CHANCE = 1.6 * (LATENT + COSINES) / ROWS


def test_it_finds_planted_information_and_no_other():
    known = values()
    told = Adversary(LATENT).told(latents(known), known)
    assert told[0] > 0.95
    assert told[1:].max() < CHANCE
    assert told.min() >= 0.0 and told.max() <= 1.0


def test_it_finds_what_no_straight_line_would():
    known = values()
    latent = latents(known)
    known[:, 0] = known[:, 0].abs()
    assert np.corrcoef(latent[:, 0], known[:, 0])[0, 1] ** 2 < 0.05
    assert Adversary(LATENT).told(latent, known)[0] > 0.8


def test_values_are_told_whatever_their_units():
    known = values()
    adversary = Adversary(LATENT)
    adversary.standardise((known * 30 - 100).numpy())
    told = adversary.told(latents(known), known * 30 - 100)
    assert told[0] > 0.95 and told[1:].max() < CHANCE


def test_a_value_that_stands_still_is_not_told():
    known = values()
    known[:, 2] = 7.0
    assert Adversary(LATENT).told(latents(known), known)[2] < 1e-3


def test_an_encoder_that_follows_forgets_the_pitch_and_keeps_the_rest():
    adversary, keep = Adversary(LATENT), torch.ones(LATENT, requires_grad=True)
    optimiser = torch.optim.SGD([keep], 1.0)
    noise = torch.Generator().manual_seed(0)
    for step in range(120):
        known = values(step)
        heard = latents(known, step) * keep + 0.3 * torch.randn(ROWS, LATENT, generator=noise)
        optimiser.zero_grad()
        adversary.told(heard, known).mean().backward()
        optimiser.step()
    assert keep[0].abs() < 0.3
    assert keep[1:].abs().min() > 0.5
