"""What a module is off by uncalibrated; what a calibration found, leaves, and what warmth makes of it, in cents."""

from collections.abc import Sequence
from typing import Any

from neurorack.board import Board
from neurorack.jacks.calibration import Calibration, Correction
from neurorack.jacks.tolerance import CENTS_PER_V, ROOM_C, bow_v, drift_cents, new_cents
from neurorack.jacks.wizard import Point

PLAYED_V = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
"""C2 to C8."""


def uncalibrated_cents(board: Board, *, beside_reference: bool) -> float:
    """The most that `voct` may be off by from C2 to C8 where nobody has calibrated it, by the parts' data sheets and an
    exact source."""
    wire, adc = board.jacks.voct, board.adc.voct
    errors = [new_cents(wire, adc, v, beside_reference=beside_reference).worst for v in PLAYED_V]
    return max(errors) + CENTS_PER_V * bow_v(wire, adc)


def before_cents(correction: Correction, jack_v: float) -> float:
    """Error of the uncalibrated module at `jack_v`: the correction, read the other way round."""
    return CENTS_PER_V * (Correction(correction.true_v, correction.read_v).true(jack_v) - jack_v)


def left_cents(board: Board, points: Sequence[Point], jack_v: float) -> float:
    """Error that may be left at `jack_v`, at most: every point off by the converter's bow and its own confidence, in
    the worst directions, carried outwards with the slope; and the bow at `jack_v` itself. The source's error adds."""
    low_v, high_v = min(p.true_v for p in points), max(p.true_v for p in points)
    outside = max(low_v - jack_v, jack_v - high_v, 0.0) / (high_v - low_v)
    bow = bow_v(board.jacks.voct, board.adc.voct)
    point_v = bow + max(p.confidence_v for p in points)
    return CENTS_PER_V * (point_v * (1 + 2 * outside) + bow)


def report(board: Board, points: Sequence[Point], calibration: Calibration) -> dict[str, Any]:
    """Everything about a calibration, for JSON; `describe` says it to a person."""
    correction = calibration.corrections["voct"]
    low_v, high_v = correction.true_v[0], correction.true_v[-1]
    slope = (correction.read_v[-1] - correction.read_v[0]) / (high_v - low_v)
    half_c = (ROOM_C[1] - ROOM_C[0]) / 2
    beside = correction.beside_reference
    voct = board.jacks.voct, board.adc.voct
    drifts = {v: drift_cents(*voct, v, half_c, beside_reference=beside) for v in PLAYED_V}
    return {
        "points": [
            {
                "true_v": point.true_v,
                "read_v": round(point.read_v, 6),
                "error_cents": round(point.error_cents, 2),
                "confidence_cents": round(CENTS_PER_V * point.confidence_v, 3),
            }
            for point in points
        ],
        "gain_percent": round(100 * (slope - 1), 4),
        "offset_mv": {
            jack: round(1e3 * (c.read_v[c.true_v.index(0.0)]), 3) for jack, c in calibration.corrections.items()
        },
        "reference": None if board.reference is None else "seen" if beside else "not seen",
        "before_cents": {f"{v:+g}": round(before_cents(correction, v), 2) for v in PLAYED_V},
        "left_cents": {f"{v:+g}": round(left_cents(board, points, v), 2) for v in PLAYED_V},
        "drift": {
            "from_c": ROOM_C[0],
            "to_c": ROOM_C[1],
            "calibrated_c": sum(ROOM_C) / 2,
            "likely_cents": round(max(drift.likely for drift in drifts.values()), 2),
            "worst_cents": round(max(drift.worst for drift in drifts.values()), 2),
            "causes_cents_at_0_v": {cause: round(cents, 2) for cause, cents in drifts[0.0].causes.items()},
        },
    }


def describe(report: dict[str, Any]) -> str:
    """The report as a few lines."""
    lines = ["  voltage   read at voct      error"]
    for point in report["points"]:
        read = f"{point['read_v']:+10.5f} V   {point['error_cents']:+7.2f} ± {point['confidence_cents']:.2f} cents"
        lines.append(f"  {point['true_v']:+6.2f} V {read}")
    offsets = ", ".join(f"{jack} {mv:+.1f}" for jack, mv in report["offset_mv"].items())
    drift = report["drift"]
    lines += [
        f"  gain {report['gain_percent']:+.3f} %; offsets in mV: {offsets}",
        "",
        "  cents off at  " + "".join(f"{volts:>7} V" for volts in report["before_cents"]),
        "  before        " + "".join(f"{cents:+9.1f}" for cents in report["before_cents"].values()),
        "  after, within " + "".join(f"{cents:9.1f}" for cents in report["left_cents"].values()),
    ]
    if "after_cents" in report:
        lines.append("  read after    " + "".join(f"{cents:+9.2f}" for cents in report["after_cents"].values()))
    lines += [
        "",
        f"  Drift from {drift['from_c']:g} to {drift['to_c']:g} °C, calibrated at {drift['calibrated_c']:g} °C: "
        f"up to {drift['likely_cents']:.1f} cents where every part is as bad as its data sheet allows",
        "  (the root of the causes' squares).",
    ]
    if report["reference"] == "not seen":
        lines.append("  The board's reference is not seen, so the converter's own drift counts: `neurorack doctor`.")
    return "\n".join(lines)
