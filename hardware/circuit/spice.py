"""The same circuit for ngspice: parts of some blocks become a netlist, a batch run becomes arrays.

Node names are the schematic's net names. A value that changes in the schematic changes here, for there is no other
place it is written down. Sources are the caller's: ngspice lines such as `V1 voct_jack 0 1`.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Formatter

import numpy as np

from hardware.circuit.board import Part, at

MODELS = Path(__file__).with_name("models.lib")
LONGEST_S = 300.0
"""On a machine that is busy with other things a second of ngspice may take a minute."""

OPTIONS = ".options reltol=1e-4 abstol=1e-12 vntol=1e-7 gmin=1e-13 rshunt=1e12"


def available() -> bool:
    """Whether ngspice (Debian's package of that name) is installed."""
    return shutil.which("ngspice") is not None


def lines(parts: Iterable[Part], values: Mapping[str, float] | None = None) -> list[str]:
    """The parts as ngspice sees them. `values` overrides those of the schematic, by designator."""
    found = []
    for part in parts:
        for template in part.kind.spice:
            nets = {field: _node(part, field) for _, field, _, _ in Formatter().parse(template) if field}
            nets |= {"ref": part.ref, "value": f"{(values or {}).get(part.ref, part.amount or 0.0):.9g}"}
            found.append(template.format(**nets))
    return found


def _node(part: Part, pin: str) -> str:
    """The net at a pin; a pin left open gets a node of its own."""
    if pin in ("ref", "value"):
        return ""
    net = at(part, pin)
    if net is None:
        return f"open_{part.ref}_{pin}"
    return "0" if net == "GND" else net.lower()


def run(
    parts: Iterable[Part],
    analysis: str,
    sources: Iterable[str],
    watch: Iterable[str],
    values: Mapping[str, float] | None = None,
) -> dict[str, np.ndarray]:
    """One analysis (`dc V1 -3 7 0.1`, `tran 1u 5m`, `ac dec 20 10 100k`).

    Gives:
        One array a name in `watch`, which are ngspice's vectors (`v(voct_pin)`, `i(v1)`), and the axis as "x". Of an
        alternating-current analysis the magnitudes.

    Raises:
        RuntimeError: ngspice found no solution; its own words.
    """
    watch = list(watch)
    seen = [f"abs({name})" if analysis.startswith("ac") else name for name in watch]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.txt"
        deck = [
            "* neurorack",
            f".include {MODELS}",
            OPTIONS,
            *lines(parts, values),
            *sources,
            ".control",
            "set wr_singlescale",
            "option numdgt=9",
            f"save all {' '.join(name for name in watch if name.startswith('@'))}",
            analysis,
            f"wrdata {out} {' '.join(seen)}",
            "quit",
            ".endc",
            ".end",
        ]
        path = Path(folder) / "deck.cir"
        path.write_text("\n".join(deck) + "\n")
        done = subprocess.run(
            ["ngspice", "-b", str(path)], capture_output=True, text=True, timeout=LONGEST_S, cwd=folder, check=False
        )
        if not out.exists() or "aborted" in done.stdout + done.stderr:
            raise RuntimeError(f"ngspice: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        table = np.loadtxt(out, ndmin=2)
    return {"x": table[:, 0], **dict(zip(watch, table[:, 1:].T, strict=True))}
