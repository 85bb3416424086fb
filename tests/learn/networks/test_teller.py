"""The teller misses what nothing tells it, and no more."""

import pytest

torch = pytest.importorskip("torch")

from neurorack.ears.features import FEATURES  # noqa: E402
from neurorack.learn.networks.teller import Teller  # noqa: E402

ROWS, LATENT = 512, 3


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents, what is known, and features of which half the variance hangs on the one, half on the other."""
    generator = torch.Generator().manual_seed(seed)
    latent, known = torch.randn(ROWS, LATENT, generator=generator), torch.randn(ROWS, 6, generator=generator)
    return latent, known, (latent[:, :1] + known[:, :1]).expand(-1, FEATURES)


def missed_after_learning(hidden: bool) -> float:
    torch.manual_seed(0)
    teller = Teller(LATENT, 32)
    optimiser = torch.optim.Adam(teller.parameters(), 1e-2)
    for step in range(150):
        latent, known, features = drawn(step)
        optimiser.zero_grad()
        teller.missed(0 * latent if hidden else latent, known, features).backward()
        optimiser.step()
    latent, known, features = drawn(999)
    with torch.no_grad():
        return teller.missed(0 * latent if hidden else latent, known, features).item()


def test_it_misses_what_the_latent_does_not_tell():
    assert missed_after_learning(hidden=False) < 0.05
    assert missed_after_learning(hidden=True) == pytest.approx(0.5, abs=0.08)


def test_what_it_misses_teaches_the_latent():
    latent, known, features = drawn(0)
    latent.requires_grad_()
    Teller(LATENT).missed(latent, known, features).backward()
    assert latent.grad.abs().sum() > 0
