"""What a builder reads: bill of materials, wiring list, current budget. All of it from the drawn circuit."""

import csv
import io
import re
from collections import defaultdict

from hardware.circuit import parts
from hardware.circuit.board import Board, Part, at

HEADINGS = ("group", "designators", "count", "value", "number", "maker", "package", "price each EUR", "price EUR")


def bill(board: Board) -> str:
    """Bill of materials as CSV: a line a part number, groups together, each with its sum, and the total."""
    rows: dict[tuple[str, str, str], list[Part]] = defaultdict(list)
    for part in board.parts():
        shared = part.kind.group in ("resistors", "capacitors")
        rows[part.kind.group, part.kind.number, part.value if shared else ""].append(part)
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(HEADINGS)
    total = 0.0
    for group in sorted({group for group, _, _ in rows}):
        group_sum = 0.0
        for (_, number, value), found in sorted((key, found) for key, found in rows.items() if key[0] == group):
            kind = found[0].kind
            cost = kind.price_eur * len(found)
            group_sum += cost
            refs = " ".join(sorted((part.ref for part in found), key=_natural))
            told = value or "; ".join(sorted({part.value for part in found} - {number}))
            table.writerow(
                (
                    group,
                    refs,
                    len(found),
                    told,
                    number,
                    kind.maker,
                    kind.package,
                    f"{kind.price_eur:.2f}",
                    f"{cost:.2f}",
                )
            )
        table.writerow((group, "", "", "sum", "", "", "", "", f"{group_sum:.2f}"))
        total += group_sum
    for name, maker, count, price_eur in parts.BESIDES:
        cost = price_eur * count
        table.writerow(("beside the board", "", count, "", name, maker, "", f"{price_eur:.2f}", f"{cost:.2f}"))
        total += cost
    table.writerow(("all but the computer", "", "", "sum", "", "", "", "", f"{total:.2f}"))
    return out.getvalue()


def wiring(board: Board) -> str:
    """Every net with its pins, a line each: what to ring out on a finished board."""
    nets: dict[str, list[str]] = defaultdict(list)
    for part in board.parts():
        for number, name, _ in part.kind.pins:
            if net := at(part, name):
                nets[net].append(
                    f"{part.ref}.{number}" + (f"({name})" if name != f"P{number}" and len(name) > 1 else "")
                )
    return "".join(f"{net}: {' '.join(sorted(pins, key=_natural))}\n" for net, pins in sorted(nets.items()))


def currents_ma(board: Board) -> dict[str, float]:
    """Most current taken from each rail by chips, after their data sheets, by the relay's coil and by the pots."""
    taken: dict[str, float] = defaultdict(float)
    for part in board.parts():
        for pin, draw_ma in part.kind.draws_ma.items():
            taken[str(at(part, pin))] += draw_ma
        if part.kind is parts.RELAY:
            taken["V12A"] += 12 / 1315 * 1e3
        if part.kind is parts.POT:
            taken["V3A"] += 3.3 / 10e3 * 1e3
    return dict(taken)


def _natural(ref: str) -> list[str | int]:
    """C2 before C10."""
    return [int(piece) if piece.isdigit() else piece for piece in re.split(r"(\d+)", ref)]
