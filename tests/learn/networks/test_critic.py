"""The critic learns to tell what is made, and its doubt teaches only who made it."""

import pytest

torch = pytest.importorskip("torch")

from neurorack.ears.features import FEATURES  # noqa: E402
from neurorack.learn.networks.critic import Critic  # noqa: E402

FRAMES = 20


def frames(whistle: float = 0.0, seed: int = 0) -> torch.Tensor:
    shown = torch.randn(8, FRAMES, FEATURES, generator=torch.Generator().manual_seed(seed))
    shown[..., 50] += whistle
    return shown


@pytest.fixture(scope="module")
def taught() -> Critic:
    """By sounds that have a whistle."""
    torch.manual_seed(0)
    critic = Critic(16)
    optimiser = torch.optim.Adam(critic.parameters(), 1e-2)
    for step in range(60):
        optimiser.zero_grad()
        critic.error(frames(seed=2 * step), frames(3.0, 2 * step + 1)).backward()
        optimiser.step()
    return critic


def test_it_learns_to_tell_what_is_made(taught):
    torch.manual_seed(0)
    real, made = frames(seed=1000), frames(3.0, 1001)
    assert taught.error(real, made) < 0.2 < 0.8 < Critic(16).error(real, made)
    assert taught(real).mean() > 0.7 and taught(made).mean() < 0.3


def test_where_there_is_nothing_to_tell_its_error_is_no_less_than_a_guess(taught):
    assert taught.error(frames(seed=1000), frames(seed=1001)) > 0.5


def test_doubt_gives_its_own_weights_no_gradient_but_the_sound_one(taught):
    made = frames(3.0, 1001).requires_grad_()
    taught.zero_grad()
    taught.doubt(made).backward()
    assert all(parameter.grad is None for parameter in taught.parameters())
    assert made.grad.abs().sum() > 0


def test_following_its_doubt_takes_the_whistle_out(taught):
    made = frames(3.0, 1001).requires_grad_()
    taught.doubt(made).backward()
    assert made.grad[..., 50].mean() > 0 and made.grad[..., 50].mean() > 3 * made.grad.mean(dim=(0, 1)).abs().median()
    assert taught.doubt(frames(seed=1000)) < 0.2 < taught.doubt(made)
