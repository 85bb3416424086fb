"""How still the jacks rest, and how often they are read: the figures of hardware/README.md, on any module.

`neurorack doctor` measures a module whose jacks nobody reads; the tests measure virtual ones on simulated time.
"""

from dataclasses import dataclass

import numpy as np

from neurorack.clock import Clock
from neurorack.jacks.scan import Scan
from neurorack.words import CV_JACKS

SETTLE_S, MEASURE_S = 0.3, 1.0

CENTS_PER_V = 1_200


@dataclass(frozen=True)
class Rest:
    """One jack over a while: mean volts, and how far its volts stray from them, rms, in cents at 1 V an octave.

    `noise_cents` is that of the volts the patch plays, after smoothing, and counts whatever the source does: it is
    noise where the jack is open or its source stands still. `over` is 1 where the jack stood above what it takes all
    the while, −1 below. `rate_hz` counts readings.
    """

    jack: str
    mean_v: float
    noise_cents: float
    over: int
    rate_hz: float


def measure_rest(scan: Scan, clock: Clock, seconds: float = MEASURE_S) -> list[Rest]:
    """Let the scan settle, then watch all jacks for `seconds`, in the order of CV_JACKS."""
    begin_ns = clock.now_ns() + int(SETTLE_S * 1e9)
    while clock.now_ns() < begin_ns:
        clock.sleep_until_ns(scan.step())
    before = [reader.readings for reader in scan.readers]
    volts, over = [scan.volts.copy()], [list(scan.over)]
    end_ns = begin_ns + int(seconds * 1e9)
    while clock.now_ns() < end_ns:
        clock.sleep_until_ns(scan.step())
        if scan.fresh:
            volts.append(scan.volts.copy())
            over.append(list(scan.over))
    voct_hz, cv_hz, _ = ((reader.readings - n) / seconds for reader, n in zip(scan.readers, before, strict=True))
    return [
        Rest(
            jack,
            float(np.mean([v[number] for v in volts])),
            float(CENTS_PER_V * np.std([v[number] for v in volts])),
            over[0][number] if all(sides[number] == over[0][number] for sides in over) else 0,
            cv_hz / (len(CV_JACKS) - 1) if number else voct_hz,
        )
        for number, jack in enumerate(CV_JACKS)
    ]
