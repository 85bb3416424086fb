"""What is carried, and under which licence: for the player, the distributor and the lawyer."""

from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

from neurorack import bundle

HEAD = """\
neurorack is under the Apache License, version 2.0: see LICENSE. This version carries with it:

"""


def text(site: Path, models: Path) -> str:
    """A line for each Python package in `site` and each instrument in `models`, with its sources."""
    lines = [*_packages(site), "", *_instruments(models)]
    return HEAD + "\n".join(lines) + "\n"


def _packages(site: Path) -> Iterator[str]:
    for folder in sorted(site.glob("*.dist-info"), key=lambda path: path.name.lower()):
        found = PathDistribution(folder)
        yield f"{found.metadata['Name']} {found.version}: {_licence(found)} (its text: {folder.name})"


def _licence(found: Distribution) -> str:
    told = found.metadata.json
    if expression := told.get("license_expression"):
        return str(expression)
    named = [line.rpartition(" :: ")[2] for line in told.get("classifier", []) if line.startswith("License :: ")]
    if named:
        return ", ".join(named)
    first = str(told.get("license", "")).strip().splitlines()[:1]
    if not first:
        raise ValueError(f"{found.metadata['Name']} does not say under which licence it is")
    return first[0]


def _instruments(models: Path) -> Iterator[str]:
    for folder in sorted(models.iterdir()):
        card = bundle.read_card(folder)
        yield f"instrument {card.name} {card.version}: {card.license}"
        for source in card.sources:
            yield f"    learnt from {source.name} ({source.license})"
