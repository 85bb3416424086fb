"""The way down: what is kept is an average, of weights and of what norms have seen."""

import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.descent import Descent  # noqa: E402


def test_the_average_has_the_running_means_of_the_network():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    descent = Descent(network, network, 50, 1e-2, (0.9, 0.99))
    for _ in range(20):
        descent.take({"loss": network(5.0 + torch.randn(16, 3)).square().mean()})
    mine, theirs = descent.average[1], network[1]
    assert theirs.running_mean.abs().max() > 0.1
    assert torch.equal(mine.running_mean, theirs.running_mean) and torch.equal(mine.running_var, theirs.running_var)
    assert mine.num_batches_tracked == 20
    assert not torch.equal(descent.average[0].weight, network[0].weight)
