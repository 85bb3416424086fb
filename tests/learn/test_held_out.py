"""The knobs of the shipped instrument on programs it has never heard: two of the twelve behind the card's figures."""

from pathlib import Path

import numpy as np
import pytest

from neurorack.bundle import load
from neurorack.learn.evaluate import evaluate
from neurorack.learn.sounds import TEST, render_split
from neurorack.words import DESCRIPTORS

FLUID = Path(__file__).resolve().parents[2] / "models" / "fluid"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    pytest.importorskip("fluidsynth")
    notes = render_split("test", tmp_path_factory.mktemp("notes"), programs=(TEST[0], TEST[5]))
    assert set(np.unique(notes.program)) == {TEST[0], TEST[5]}
    return evaluate(load(FLUID), notes, octaves=(-1, 1, 3))[0]


@pytest.mark.parametrize("knob", DESCRIPTORS)
def test_every_knob_obeys(measured: dict[str, float], knob: str):
    print(f"{knob}: Spearman {measured[f'{knob}_spearman']}, slope {measured[f'{knob}_slope']}")
    assert measured[f"{knob}_spearman"] >= 0.9
    assert measured[f"{knob}_slope"] >= 0.7


def test_the_notes_are_clean_and_in_tune(measured: dict[str, float]):
    assert measured["off_harmonic_db_worst"] <= -40
    assert measured["pitch_error_cents_worst"] <= 3


@pytest.mark.parametrize("knob", DESCRIPTORS)
def test_the_cards_figures_are_of_this_kind(measured: dict[str, float], knob: str):
    quality = load(FLUID).card.quality
    assert quality["held_out_programs"] == len(TEST)
    assert measured[f"{knob}_spearman"] == pytest.approx(quality[f"{knob}_spearman"], abs=0.06)
    assert measured[f"{knob}_slope"] == pytest.approx(quality[f"{knob}_slope"], abs=0.2)
