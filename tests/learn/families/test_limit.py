"""What a sample costs is measured on graphs that ship, and told as a table."""

import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.families import limit  # noqa: E402


def test_more_layers_cost_more(monkeypatch):
    monkeypatch.setattr(limit, "CALLS", 40)
    few, many = (limit.sample_us(limit.network(layers, 4)) for layers in (1, 8))
    assert 0 < 2 * few < many


def test_the_table_has_a_row_for_each_number_of_layers(monkeypatch):
    monkeypatch.setattr(limit, "sample_us", lambda model: float(len(model.dilations) * model.widths["residual"]))
    assert list(limit.table((2, 3), (4, 8))) == [
        "| layers | 4 channels | 8 channels |",
        "|---|---|---|",
        "| 2 | 8 | 16 |",
        "| 3 | 12 | 24 |",
    ]
