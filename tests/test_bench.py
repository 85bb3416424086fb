import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neurorack import bench
from neurorack.engine.trial import COLD, judge
from neurorack.errors import BadInput

REPOSITORY = Path(__file__).resolve().parents[1]
PERIOD_NS = 128 * 1_000_000_000 // 48_000


def test_each_callback_is_judged_by_its_own_segments():
    entries = 10**12 + np.arange(4000) * PERIOD_NS
    real = np.arange(4000) // 100 % 2 == 0
    result = judge(entries, entries + np.where(real, 300_000, 2_000), 100, 128)
    assert result["callback"]["duration_us"] == {"p50": 300.0, "p99": 300.0, "p999": 300.0, "max": 300.0}
    assert result["empty"]["duration_us"]["max"] == 2.0
    assert result["callback"]["callbacks"] == 1900, "the first segment is not judged"
    assert result["empty"]["callbacks"] == 2000
    assert sum(result["empty"]["histogram"]) == 20 * (100 - COLD), "nor is what begins a segment"


@pytest.mark.parametrize(("at", "guilty"), [(2050, "callback"), (2150, "empty"), (2100, "callback")])
def test_a_gap_is_lost_by_the_callback_before_it(at: int, guilty: str):
    entries = 10**12 + np.arange(4000) * PERIOD_NS
    entries[at:] += 3 * PERIOD_NS
    result = judge(entries, entries + 1000, 100, 128)
    assert {name: side["lost"] for name, side in result.items()} == {"callback": 0, "empty": 0, guilty: 3}


@pytest.fixture(scope="module")
def report(tiny_bundle: Path) -> dict:
    return bench.run(2.0, [64, 128], [str(tiny_bundle)])


def test_a_trial_measures_both_callbacks_of_a_real_engine(report: dict):
    assert [trial["block"] for trial in report["trials"]] == [64, 128]
    for trial in report["trials"]:
        assert trial["device"] == "null" and trial["bundle"] == "tiny"
        assert trial["empty"]["duration_us"]["p50"] < trial["callback"]["duration_us"]["p50"]
        excess_us = trial["callback"]["duration_us"]["p999"] - trial["empty"]["duration_us"]["p999"]
        assert trial["excess_us"]["p999"] == pytest.approx(excess_us, abs=0.1)
        assert trial["share"]["p999"] == pytest.approx(excess_us / trial["period_us"], abs=0.001)
        assert abs(trial["callback"]["callbacks"] - trial["empty"]["callbacks"]) <= 0.5 * 48_000 / trial["block"]


def test_the_decoder_is_measured_by_itself(report: dict, tiny_bundle: Path):
    (decoder,) = report["decoders"]
    taken = decoder["measured"]
    assert decoder["bundle"] == "tiny" and decoder["parameters"] == report["trials"][0]["parameters"]
    assert taken["file_bytes"] == (tiny_bundle / "decoder.onnx").stat().st_size
    assert 10 < taken["nodes"] < 40 and 0 < taken["share_64"] < 1


def test_what_was_trimmed_stands_above_what_it_was(report: dict):
    (decoder,) = report["decoders"]
    dense = {"dense_parameters": 999_999, "dense_macs_per_s": 7e8, "dense_measured": decoder["measured"]}
    before, after = bench.describe(report), bench.describe(report | {"decoders": [decoder | dense]})
    (more,) = set(after.splitlines()) - set(before.splitlines())
    assert more.startswith("  before it was trimmed") and "999999" in more and "700.0" in more


def test_the_table_has_a_line_for_every_trial(report: dict):
    lines = bench.describe(report).splitlines()
    assert sum(line.startswith("tiny") for line in lines) == 1 + 2, "and one for the decoder by itself"
    assert len(set(map(len, lines[-3:]))) == 1, "columns stand under each other"


def test_the_histograms_are_drawn(report: dict, tmp_path: Path):
    from PIL import Image

    bench.draw(report, tmp_path / "latency.png")
    with Image.open(tmp_path / "latency.png") as image:
        colours = {colour for _, colour in image.getcolors(1 << 16)}
    assert {(150, 150, 150), (0, 110, 170)} <= colours


def test_a_picture_that_cannot_be_written_is_said_in_one_line(report: dict, tmp_path: Path):
    with pytest.raises(BadInput, match="cannot write the picture"):
        bench.draw(report, tmp_path / "nowhere" / "latency.png")


def test_as_json_and_beside_the_modules_other_work(tiny_bundle: Path):
    command = ["--seconds", "2", "--blocks", "128", "--bundle", str(tiny_bundle), "--load", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "neurorack.bench", *command], cwd=REPOSITORY, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["load"] == ["panel", "console", "render"]
    assert report["trials"][0]["share"]["p50"] > 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--blocks", "64,many"], "no block sizes"),
        (["--blocks", "100"], "no block size: 100"),
        (["--seconds", "0"], "no time to measure"),
        (["--bundle", "bassoon"], "no bundle 'bassoon'"),
        (["--cpu", "99999"], "no CPU 99999"),
        (["--cpu", "-1"], "no CPU -1"),
        (["--device", "nonsense"], "no sound device is called 'nonsense'"),
        (["--picture", "/nowhere/x.png"], "cannot write the picture"),
        (["--picture", "x.docx"], "it is a PNG"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_measured(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bench, "_trial", lambda *_: pytest.fail("it has measured"))
    assert bench.main(options) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
