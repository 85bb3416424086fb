"""Cost grows with the network."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.bundle import load
from neurorack.learn.evaluate.cost import durations_s, figures


def test_every_call_is_timed_once_and_in_order():
    seen: list[int] = []
    assert (durations_s(seen.append, 5) > 0).all()
    assert seen == list(range(5))


def test_a_bigger_network_takes_longer(tiny_bundle, make_tiny_bundle, tmp_path):
    small = figures(load(tiny_bundle), 0.5)
    big = figures(load(make_tiny_bundle(tmp_path / "big", parameters=1_000_000)), 0.5)
    for block in (64, 128):
        assert 0 < small[f"realtime_{block}"] < big[f"realtime_{block}"]
        assert big[f"realtime_{block}"] <= big[f"realtime_{block}_p999"]
    assert np.isfinite(list(big.values())).all()
