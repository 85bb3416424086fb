"""Costs are counted from what a model states, and time from what a clock says."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small import FAMILIES, small  # noqa: E402
from toy import WIDTHS, Toy, steady  # noqa: E402

from neurorack.learn import export  # noqa: E402
from neurorack.learn.networks.decoder import Decoder  # noqa: E402
from neurorack.learn.trim import cost  # noqa: E402


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_of_other_widths_are_those_of_such_a_network(family):
    model = small(family)
    count = cost.parameters(model)
    for less in (0, 1, 2):
        widths = {group: width - less for group, width in model.widths.items()}
        assert count(widths) == sum(p.numel() for p in model.resized(widths).parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_macs_of_other_widths_are_those_of_such_a_network(family):
    model = small(family)
    widths = {group: width - 1 for group, width in model.widths.items()}
    assert cost.macs_per_s(model)(widths) == cost.macs_per_s(model.resized(widths))(widths)
    assert cost.macs_per_s(model)(widths) < cost.macs_per_s(model)(model.widths)


def test_macs_of_the_toy_by_hand():
    a, b = WIDTHS.values()
    assert cost.macs_per_s(Toy())(WIDTHS) == 100 * 6 * a + 100 * a * b + 50 * b + 7


@pytest.mark.parametrize("modal", [False, True])
def test_macs_of_our_decoder_are_those_of_its_graph(modal):
    decoder = Decoder([30, 20, 10], modal=modal)
    by_hand = 14 * 30 + 30 * 20 + 20 * 10 + 10 * (24 + decoder.elements)  # layers
    by_hand += decoder.elements * 24 + 2 * 64 * decoder.elements  # envelope and mix
    assert export.macs_per_s(decoder) == cost.macs_per_s(decoder)(decoder.widths) == by_hand * 750


def test_the_last_unit_of_a_group_costs_what_goes_with_it():
    a, b = WIDTHS.values()
    prices = cost.marginal(cost.parameters(Toy()), WIDTHS)
    assert prices == {"a": 6 + 1 + 2 + b, "b": a + 1 + 1}


@pytest.mark.parametrize("by", ["parameters", "macs"])
def test_a_share_is_of_the_dense_network(by):
    small = Toy({"a": 4, "b": 4})
    share = cost.share(by, small, WIDTHS, steady)
    assert share(WIDTHS) == 1.0 and 0.0 < share(small.widths) < 0.5


def test_time_is_measured_around_the_network_as_it_is():
    asked = []

    def timer(models):
        asked.extend(dict(model.widths) for model in models)
        return steady(models)

    now = Toy({"a": 8, "b": 8})
    share = cost.share("time", now, WIDTHS, timer)
    whole = steady([Toy()])[0]
    assert asked == [WIDTHS, {"a": 8, "b": 8}, {"a": 6, "b": 8}, {"a": 8, "b": 6}]
    for widths in ({"a": 8, "b": 8}, {"a": 7, "b": 5}, {"a": 1, "b": 1}):
        assert share(widths) == pytest.approx(steady([Toy(widths)])[0] / whole)


def test_a_noisy_clock_makes_no_unit_cost_nothing():
    share = cost.share("time", Toy(), WIDTHS, lambda models: [1.0, 1.0, 1.2, 0.9])  # less of a took longer
    prices = cost.marginal(share, WIDTHS)
    assert prices["a"] == pytest.approx(0.05 / 28) and prices["b"] == pytest.approx(0.1 / 3)


def test_a_group_of_one_unit_is_not_timed_smaller():
    share = cost.share("time", Toy({"a": 1, "b": 4}), WIDTHS, steady)
    assert np.isfinite(share({"a": 1, "b": 2}))


def test_torch_is_timed_per_second_of_audio(monkeypatch):
    """On a clock that runs with the rows that a network is called with."""
    clock = [0.0]
    monkeypatch.setattr(cost.time, "perf_counter", lambda: clock[0])

    class Slow(Toy):
        def forward(self, x):
            clock[0] += len(x) * 1e-3
            return super().forward(x)

    model = Slow().train()
    assert cost.in_torch([model, model]) == pytest.approx([0.1, 0.1])  # 100 frames a second, 1 ms each
    assert model.training
