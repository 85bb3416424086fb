"""The whole of it on the tiny bundle: figures a card takes, and a page that needs nothing else."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

import neurorack.learn.evaluate as evaluation
from neurorack.bundle import load
from neurorack.errors import BadInput
from neurorack.learn.corpus import Corpus
from neurorack.learn.evaluate import Results, evaluate
from neurorack.learn.evaluate.report import write_report
from neurorack.words import DESCRIPTORS

SMALL = evaluation.Amount(1, (0.0,), 3, 3, 12, (0,), 6, 0.3, 2.0, False)


@pytest.fixture(scope="module")
def results(hearing_bundle, notes) -> Results:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "QUICK", SMALL)
        return evaluate(load(hearing_bundle), notes, quick=True)


def test_every_figure_is_finite_and_every_measure_is_there(results):
    assert np.isfinite(list(results.figures.values())).all()
    wanted = {f"{knob}_{kind}" for knob in DESCRIPTORS for kind in ("spearman", "slope", "error", "crosstalk")}
    wanted |= {"rms_follow_spearman", "rms_rescaled_correlation", "probe_r2_centroid", "probe_source_accuracy"}
    wanted |= {"mstft", "mel_db", "pitch_error_cents", "clicks_share", "streaming_difference", "realtime_128"}
    assert wanted <= results.figures.keys()
    assert results.figures["rms_slope"] == pytest.approx(1, abs=0.03)
    assert "rms_spearman" in results.table()


def test_figures_of_sounds_it_has_learned_from_say_so(hearing_bundle, notes, monkeypatch):
    monkeypatch.setattr(evaluation, "QUICK", SMALL)
    learned = evaluate(load(hearing_bundle), notes, quick=True, held_out=False)
    assert learned.figures["held_out_sounds"] == learned.figures["held_out_sources"] == 0
    assert "measured on sounds it has learned from" in learned.table()


def test_the_page_needs_nothing_else(results, hearing_bundle, tmp_path):
    curves = [{"step": float(i), "spectrum": 1.0 / (1 + i)} for i in range(20)]
    training = {"sounds": 12, "minutes": 1.5, "seed": 3, "skipped": ["<script>.wav: silent"]}
    training |= {"remarks": ["3 gestures, not <16>"], "curves": curves}
    write_report(tmp_path / "new" / "report.html", load(hearing_bundle), results, training)
    page = (tmp_path / "new" / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert "<script" not in page
    assert "&lt;script&gt;.wav: silent" in page and "3 gestures, not &lt;16&gt;" in page
    assert page.count("data:image/png") == 7
    assert page.count("data:audio/wav") == 6
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["report.html"]


def test_a_page_without_a_training_leaves_it_out(results, hearing_bundle, tmp_path):
    write_report(tmp_path / "report.html", load(hearing_bundle), results, {})
    page = (tmp_path / "report.html").read_text()
    assert "<h2>Training</h2>" not in page
    assert "<h2>What every knob does</h2>" in page


def test_silence_alone_is_refused(hearing_bundle, notes):
    silent = [dataclasses.replace(sound, audio=np.zeros_like(sound.audio)) for sound in notes.sounds]
    with pytest.raises(BadInput, match="to be heard"):
        evaluate(load(hearing_bundle), Corpus("pitched", silent, []), quick=True)


def test_a_bundle_without_an_encoder_is_refused(hearing_bundle, notes):
    mute = dataclasses.replace(load(hearing_bundle), encoder_onnx=None)
    with pytest.raises(BadInput, match="no encoder"):
        evaluate(mute, notes, quick=True)


def test_the_command_writes_card_and_page(hearing_bundle, notes, tmp_path, monkeypatch, capsys):
    from neurorack.learn.evaluate import __main__ as command

    shutil.copytree(hearing_bundle, tmp_path / "mine")
    notes.save(tmp_path / "notes.npz")
    monkeypatch.setattr(evaluation, "QUICK", SMALL)
    options = ["--corpus", str(tmp_path / "notes.npz"), "--quick", "--write", "--report", str(tmp_path / "r.html")]
    monkeypatch.setattr(sys, "argv", ["evaluate", str(tmp_path / "mine"), "--json", *options])
    assert command.main() == 0
    quality = load(tmp_path / "mine").card.quality
    assert json.loads(capsys.readouterr().out).items() <= quality.items()
    assert load(hearing_bundle).card.quality.keys() <= quality.keys(), "what was told of its training stays"
    assert (tmp_path / "r.html").stat().st_size > 50_000


def test_the_command_says_in_one_line_what_is_wrong(tmp_path):
    command = [sys.executable, "-m", "neurorack.learn.evaluate", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
