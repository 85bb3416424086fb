"""A series: equal time, runs that are done are left alone, one that was stopped goes on, and a table of all."""

import argparse
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn import scales  # noqa: E402
from neurorack.learn.baselines import __main__ as series  # noqa: E402
from neurorack.learn.baselines import backbone, budget, report  # noqa: E402
from neurorack.learn.baselines.measure import Amount, measure  # noqa: E402
from neurorack.learn.baselines.recipes import NAMES, OURS, make  # noqa: E402
from neurorack.learn.baselines.tilt import Tilt  # noqa: E402
from neurorack.learn.evaluate import probe  # noqa: E402
from neurorack.learn.export import macs_per_s  # noqa: E402
from neurorack.learn.networks.decoder import Decoder  # noqa: E402
from neurorack.learn.networks.objective import Weights  # noqa: E402
from neurorack.learn.sources import fluid  # noqa: E402
from neurorack.words import DESCRIPTORS, SAMPLE_RATE_HZ  # noqa: E402


def run(folder, *names, steps=2, minutes=None, seeds=(0,), split="validation") -> None:
    options = {"out": folder, "steps": steps, "minutes": minutes, "seeds": list(seeds), "only": names, "split": split}
    series.run_series(argparse.Namespace(**options, cache=folder, threads=1, quick=True))


@pytest.fixture
def small(monkeypatch, notes):
    monkeypatch.setattr(fluid, "corpus", lambda split, cache: notes)
    monkeypatch.setattr(series, "QUICK", Amount(1, 2, 1, 6, cdpam=False))
    monkeypatch.setattr(probe, "STEPS", 10)


def test_a_series_ends_in_a_table_and_what_is_done_is_not_done_again(small, tmp_path, monkeypatch):
    run(tmp_path, "conditioned", "tilt", seeds=(0, 1))
    text = (tmp_path / "table-validation.md").read_text()
    assert "| conditioned | 2.00 |" in text
    assert "| tilt | – |" in text
    assert (tmp_path / "figure-validation.png").stat().st_size > 10_000
    recipes = json.loads((tmp_path / "table-validation.json").read_text())["recipes"]
    assert recipes["tilt"]["centroid_spearman"]["median"] > 0.9
    assert {"median", "low", "high"} == recipes["conditioned"]["probe_source_accuracy"].keys()
    assert not (tmp_path / "tilt-1").exists()  # it learns nothing: one is enough
    monkeypatch.setattr(series, "make", lambda *_: pytest.fail("trained again"))
    run(tmp_path, "conditioned", "tilt", seeds=(0, 1))


def test_another_split_is_scored_without_training_again(small, tmp_path, monkeypatch):
    run(tmp_path, "conditioned")
    took = (tmp_path / "conditioned-0" / "seconds.txt").read_text()
    run(tmp_path, "conditioned", split="test")
    both = [json.loads((tmp_path / "conditioned-0" / f"result-{s}.json").read_text()) for s in ("validation", "test")]
    assert both[0]["figures"] == both[1]["figures"]
    assert (tmp_path / "conditioned-0" / "seconds.txt").read_text() == took


def test_ours_is_scored_from_the_graphs_that_ship(small, tmp_path):
    run(tmp_path, "ours")
    found = json.loads((tmp_path / "ours-0" / "result-validation.json").read_text())
    assert (tmp_path / "ours-0" / "bundle" / "decoder.onnx").exists()
    assert found["figures"]["rms_spearman"] > 0.99  # by construction
    assert found["parameters"] > 50_000


def test_every_ablation_differs_from_ours_by_what_its_name_says():
    for name in ("swap", "cycle", "adversary", "spread", "kl"):
        changed = {k for k, v in vars(OURS[f"no-{name}"]).items() if v != getattr(Weights(), k)}
        assert changed == {name}
        assert getattr(OURS[f"no-{name}"], name) == 0
    assert OURS["critic"].critic > 0
    assert OURS["mild"].adversary < Weights.adversary < OURS["strict"].adversary
    assert set(NAMES) == {*OURS, "conditioned", "fader", "lean", "tilt"}


def test_equal_minutes_are_more_steps_for_the_faster(tmp_path, notes, monkeypatch):
    monkeypatch.setattr(budget, "steps_per_s", lambda training: {"conditioned": 4.0, "fader": 2.0}[training])
    names = ["conditioned", "fader"]
    found = budget.steps(names, 0.5, tmp_path, lambda name, *_: name, notes)
    assert found == {"conditioned": 120, "fader": 60}
    monkeypatch.setattr(budget, "steps_per_s", lambda training: 9.0)
    assert budget.steps(names, 0.5, tmp_path, lambda name, *_: name, notes) == found
    with pytest.raises(BadInput, match=r"begun with 0\.5 minutes"):
        budget.steps(names, 2.0, tmp_path, lambda name, *_: name, notes)


def test_speed_is_that_of_advancing(monkeypatch, notes):
    class Clock:
        now = 0.0

        def advance(self) -> dict[str, float]:
            self.now += 0.25
            return {}

    clock = Clock()
    monkeypatch.setattr(budget.time, "perf_counter", lambda: clock.now)
    assert budget.steps_per_s(clock) == pytest.approx(4.0)


def test_the_tilt_obeys_in_what_it_controls_and_in_nothing_else(notes):
    model = Tilt(scales.fit(*scales.sample(notes, 0)))
    figures = measure(model, notes, Amount(2, 3, 0, 12), learned=False)
    assert figures["rms_spearman"] > 0.98
    assert figures["centroid_spearman"] > 0.95
    assert figures["rms_follow_spearman"] > 0.9
    assert abs(figures["sharpness_slope"]) < 0.3
    assert "mstft" not in figures


def test_the_table_says_median_lowest_and_highest():
    def made(seed: int, value: float) -> dict:
        figures = {f"{knob}_spearman": value for knob in DESCRIPTORS}
        return {"name": "fader", "seed": seed, "steps": 100, "minutes": 5.0, "parameters": 1e6, "figures": figures}

    runs = {"fader": [made(seed, value) for seed, value in enumerate((0.5, 0.9, 0.7))]}
    text = report.table(runs, "test")
    assert "| fader | " + " | ".join(["0.70 (0.50 to 0.90)"] * len(DESCRIPTORS)) + " |" in text
    assert np.isclose(report.spread(runs["fader"], lambda run: run["seed"])["median"], 1)
    assert report.spread(runs["fader"], lambda run: run["figures"].get("mstft")) is None


def test_only_the_fader_is_made_with_an_adversary(notes):
    assert make("fader", 5, 7, notes).recipe.fader
    assert not make("conditioned", 5, 7, notes).recipe.fader


def test_the_lean_rival_multiplies_about_as_often_as_ours(notes):
    lean = make("lean", 5, 0, notes)
    assert not lean.recipe.fader
    theirs = backbone.macs_per_frame(lean.rival.decoder) * SAMPLE_RATE_HZ / backbone.FRAME
    assert theirs == pytest.approx(macs_per_s(Decoder()), rel=0.15)
