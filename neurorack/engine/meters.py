"""How the sound is doing: filled by the callback after every block, read by panel, console and bench."""

import os
from math import log2
from time import monotonic_ns

import numpy as np
from numpy.typing import NDArray

from neurorack.shared import HISTOGRAM_BINS, METERS, Snapshot
from neurorack.words import SAMPLE_RATE_HZ

BINS_PER_OCTAVE = 8

LOAD_MEAN_S = 1.0
"""Time constant of the load that is shown."""


def histogram_bin(seconds: float) -> int:
    """Bin of a duration: 1 µs · 2^(bin/8); what is shorter or longer goes to the ends."""
    microseconds = seconds * 1e6
    if microseconds <= 1.0:
        return 0
    return min(HISTOGRAM_BINS - 1, int(BINS_PER_OCTAVE * log2(microseconds)))


def bin_edges_s() -> NDArray[np.float64]:
    """Edges of the bins in seconds [HISTOGRAM_BINS + 1]."""
    return 1e-6 * 2.0 ** (np.arange(HISTOGRAM_BINS + 1) / BINS_PER_OCTAVE)


def percentile_s(histogram: NDArray[np.integer], share: float) -> float:
    """The duration that `share` (0…1) of the counts stay below, interpolated inside its bin; 0 where it is empty.

    The bins are 9 % wide; what is read from them is good to about 4 %.
    """
    total = int(histogram.sum())
    if total == 0:
        return 0.0
    below = np.cumsum(histogram, dtype=np.float64)
    index = int(np.searchsorted(below, share * total))
    index = min(index, HISTOGRAM_BINS - 1)
    before = below[index - 1] if index else 0.0
    inside = (share * total - before) / max(1.0, float(histogram[index]))
    return 1e-6 * 2.0 ** float((index + min(1.0, max(0.0, inside))) / BINS_PER_OCTAVE)


class Meters:
    """The engine's side of METERS: `enter` and `leave` around every callback, `close` at the end.

    A callback's duration includes the writing of the meters, so it is entered into the histogram one callback later.
    """

    def __init__(self, snapshot: Snapshot, block: int) -> None:
        self._snapshot = snapshot
        field = snapshot.field
        for name in METERS.names or ():
            field(name)[...] = 0 if METERS[name].kind != "S" else b""
        self._t_ns, self._first_sound_ns = field("t_ns"), field("first_sound_ns")
        self._blocks, self._lost, self._misses = field("blocks"), field("lost"), field("deadline_misses")
        self._flags, self._nan, self._stale = field("device_flags"), field("nan_resets"), field("stale_controls")
        self._edges, self._late_edges, self._clipped = field("edges"), field("late_edges"), field("clipped")
        self._rms, self._peak, self._load = field("level_rms"), field("level_peak"), field("load")
        self._period, self._pitch, self._gate = field("period_s"), field("pitch_hz"), field("gate")
        self._gesture, self._realtime = field("gesture"), field("realtime")
        self._duration, self._lateness = field("duration")[0], field("lateness")[0]
        self._entry_ns = self._exit_ns = 0
        record = snapshot.record
        record["pid"], record["started_ns"] = os.getpid(), monotonic_ns()
        record["block"] = block
        self.play_at(SAMPLE_RATE_HZ)
        snapshot.publish()

    def play_at(self, rate_hz: float) -> None:
        """The card's rate: what a block's period and with it load and deadlines are counted by."""
        record = self._snapshot.record
        self._period_s = self._period[0] = int(record["block"]) / rate_hz
        self._blend = self._period_s / LOAD_MEAN_S
        record["sample_rate_hz"] = rate_hz

    def describe(
        self, *, device: str = "", bundle: str = "", notice: str | None = None, rung: int | None = None
    ) -> None:
        """From the main thread: device and bundle where given, notice and rung where not None."""
        record = self._snapshot.record
        if rung is not None:
            record["rung"] = rung
        if device:
            record["device"] = _fitting(device, 64)
        if bundle:
            record["bundle"] = _fitting(bundle, 64)
        if notice is not None:
            record["notice"] = _fitting(notice, 96)

    def enter(self, entry_ns: int, lateness_s: float, lost: int, *, flagged: bool) -> None:
        """A callback began, `lateness_s` after the delay-locked clock expected it."""
        if self._exit_ns:
            duration_s = (self._exit_ns - self._entry_ns) * 1e-9
            self._duration[histogram_bin(duration_s)] += 1
            self._load[0] += self._blend * (duration_s / self._period_s - self._load[0])
        self._entry_ns = entry_ns
        self._t_ns[0] = entry_ns
        self._lateness[histogram_bin(lateness_s)] += 1
        self._lost[0] = lost
        if flagged:
            self._flags[0] += 1

    def leave(self, elapsed_s: float) -> None:
        """The callback's sound is written, `elapsed_s` after its block was due: publish."""
        self._blocks[0] += 1
        if elapsed_s > self._period_s:
            self._misses[0] += 1
        self._snapshot.publish()
        self._exit_ns = monotonic_ns()

    def sound(self, rms: float, peak: float, bent: int) -> None:
        self._rms[0], self._peak[0] = rms, peak
        self._clipped[0] += bent

    def voice(self, pitch_hz: float, gate: int, gesture: int) -> None:
        self._pitch[0], self._gate[0], self._gesture[0] = pitch_hz, gate, gesture

    def gates(self, edges: int, late: int) -> None:
        self._edges[0], self._late_edges[0] = edges, late

    def stale(self) -> None:
        self._stale[0] += 1

    def nan_reset(self) -> None:
        self._nan[0] += 1

    def first_sound(self, t_ns: int) -> None:
        if self._first_sound_ns[0] == 0:
            self._first_sound_ns[0] = t_ns

    def realtime(self, granted: bool) -> None:
        self._realtime[0] = granted

    @property
    def nan_resets(self) -> int:
        return int(self._nan[0])

    @property
    def level_peak(self) -> float:
        return float(self._peak[0])


def _fitting(text: str, size: int) -> bytes:
    """`text` as UTF-8 in at most `size` bytes, no character cut in half."""
    return text.encode()[:size].decode(errors="ignore").encode()
