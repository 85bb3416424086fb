"""What the README says of the instruments that ship is what their cards say."""

import json
import statistics
from pathlib import Path

import pytest

from neurorack import bundle
from neurorack.words import DESCRIPTORS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTRUMENTS = "fluid", "skins", "tongues"
QUALITY = {name: bundle.load(ROOT / "models" / name).card.quality for name in INSTRUMENTS}


@pytest.mark.parametrize("knob", DESCRIPTORS)
@pytest.mark.parametrize("name", INSTRUMENTS)
def test_it_tells_how_each_knob_obeys(name, knob):
    quality = QUALITY[name]
    figures = f"{quality[f'{knob}_spearman']:.3f} | {quality[f'{knob}_spearman_p10']:.3f} | "
    figures += f"{quality[f'{knob}_slope']:.2f} | {quality[f'{knob}_error']:.3f} | "
    figures += f"{quality[f'{knob}_crosstalk']:.2f} | {quality[f'{knob}_follow_spearman']:.2f}"
    assert f"| `{name}` {knob} | {figures} |" in README


@pytest.mark.parametrize(
    "row, cell",
    [
        ("held-out sounds said again, log-mel distance", "{mel_db:.1f} dB"),
        ("and CDPAM, a learnt distance", "{cdpam:.2f}"),
        ("worst click when a knob jumps, above the span of the two steady sounds", "{click_excess_db_worst:.1f} dB"),
        ("what a small network reads of the descriptors from the latent, R²", "{probe_r2_descriptors:.2f}"),
        ("a held-out gesture said again by the space", "{space_error:.1f}"),
        (
            "the nearest of the instrument's 16 to it, and the mean of all",
            "{space_error_of_nearest:.1f}, {space_error_of_mean:.1f}",
        ),
    ],
)
def test_it_tells_how_well_each_sounds(row, cell):
    cells = " | ".join(cell.format_map(QUALITY[name]) for name in INSTRUMENTS)
    assert f"| {row} | {cells} |" in README


def losses(name: str, criterion: str) -> dict[int, list[float]]:
    """Test losses of a sweep's cells, by seed."""
    found = {}
    for path in sorted((ROOT / "models" / name / "trims").glob(f"instrument-{criterion}-*/result.json")):
        told = json.loads(path.read_bytes())
        found[told["seed"]] = [each["test_loss"] for each in told["rounds"]]
    return found


def spread(shares: list[float]) -> str:
    return f"{statistics.median(shares):.3f} ({min(shares):.3f}–{max(shares):.3f})"


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_what_trimming_cost_is_in_the_results_beside_it_and_on_the_card(name):
    trims, scratch = losses(name, "gradient"), losses(name, "scratch")
    assert sorted(trims) == [0, 1, 2]
    once, twice = ([rounds[number] / rounds[0] for rounds in trims.values()] for number in (1, 2))
    small = spread([loss / trims[seed][0] for seed, (loss,) in scratch.items()]) if scratch else ""
    page = (ROOT / "models" / "fluid" / "trims" / "README.md").read_text(encoding="utf-8")
    assert f"| `{name}` | {spread(once)} | **{spread(twice).replace(' ', '** ', 1)} | {small} |" in page
    cells = f"78 %: {spread(once)}; 95 %: **{spread(twice).replace(' ', '** ', 1)}"
    assert f"| `{name}`, three seeds | 1.16 M | {cells} | {'at 95 %: ' * bool(small)}{small} |" in README
    shipped = QUALITY[name]["trimmed_loss"] / QUALITY[name]["dense_loss"]
    assert shipped == pytest.approx(twice[0], abs=1e-4)
