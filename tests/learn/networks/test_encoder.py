"""The encoder: it can be had from a live input, and its latent is bounded."""

import pytest

torch = pytest.importorskip("torch")

from neurorack.ears.features import FEATURES  # noqa: E402
from neurorack.learn.networks.encoder import REACH, Encoder  # noqa: E402

FRAMES = 20


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(latent=4, width=16)


def shown(count: int = 1, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(count, FRAMES, FEATURES, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("row", [0, 10, FRAMES - 1])
def test_a_row_sees_three_frames_behind_and_one_ahead_and_no_more(encoder, row):
    x = shown().requires_grad_()
    mean, log_variance = encoder(x)
    (mean[0, row].sum() + log_variance[0, row].sum()).backward()
    seen = x.grad[0].abs().sum(1).nonzero()[:, 0].tolist()
    assert seen == [frame for frame in range(row - 3, row + 2) if 0 <= frame < FRAMES]


def test_beyond_the_ends_it_sees_zeros(encoder):
    x = shown()
    around = torch.cat([torch.zeros(1, 5, FEATURES), x, torch.zeros(1, 5, FEATURES)], 1)
    torch.testing.assert_close(encoder(x)[0], encoder(around)[0][:, 5:-5])


def test_rows_of_a_batch_do_not_mix(encoder):
    x = shown(3)
    torch.testing.assert_close(encoder(x)[0][1:2], encoder(x[1:2])[0])


def test_whatever_it_is_shown_its_latent_is_bounded(encoder):
    mean, log_variance = encoder(shown(scale=1e4))
    assert mean.abs().max() == REACH
    assert log_variance.min() >= -8 and log_variance.max() <= 2


def test_it_begins_surer_than_a_guess(encoder):
    _, log_variance = encoder(0 * shown())
    assert log_variance.mean().item() == pytest.approx(-2, abs=0.3)
