"""The shipped pitched instrument on programs it has never heard: fewer of everything than behind the card's figures."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("fluidsynth")

import neurorack.learn.evaluate as evaluation
from neurorack.bundle import load
from neurorack.learn.sources import fluid
from neurorack.words import DESCRIPTORS

FLUID = Path(__file__).resolve().parents[2] / "models" / "fluid"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    corpus = fluid.corpus("test", tmp_path_factory.mktemp("notes"), programs=(4, 41, 68))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            evaluation, "QUICK", evaluation.Amount(3, (-1.0, 1.0, 3.0), 12, 12, 60, (0,), 12, 1.0, 4.0, False)
        )
        return evaluation.evaluate(load(FLUID), corpus, quick=True).figures


@pytest.mark.parametrize("knob", DESCRIPTORS)
def test_every_knob_obeys(measured: dict[str, float], knob: str):
    print(f"{knob}: Spearman {measured[f'{knob}_spearman']}, slope {measured[f'{knob}_slope']}")
    assert measured[f"{knob}_spearman"] >= 0.9
    assert measured[f"{knob}_slope"] >= 0.7


def test_the_notes_are_clean_and_in_tune(measured: dict[str, float]):
    assert measured["off_harmonic_db_worst"] <= -40
    assert measured["pitch_error_cents_worst"] <= 3


def test_no_knob_clicks(measured: dict[str, float]):
    assert measured["clicks_share"] == 0


@pytest.mark.parametrize("knob", DESCRIPTORS)
def test_the_cards_figures_are_of_this_kind(measured: dict[str, float], knob: str):
    quality = load(FLUID).card.quality
    assert quality["held_out_sources"] == len(fluid.TEST)
    assert measured[f"{knob}_spearman"] == pytest.approx(quality[f"{knob}_spearman"], abs=0.06)
    assert measured[f"{knob}_slope"] == pytest.approx(quality[f"{knob}_slope"], abs=0.2)
