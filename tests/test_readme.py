"""What the README says of the instruments that ship is what their cards say."""

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


def test_what_trimming_cost_is_the_loss_on_their_cards():
    page = (ROOT / "models" / "fluid" / "trims" / "README.md").read_text(encoding="utf-8")
    for name, quality in QUALITY.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}`, "))
        assert f"{quality['trimmed_loss'] / quality['dense_loss']:.3f}" in row
