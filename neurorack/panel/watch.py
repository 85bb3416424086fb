"""What the other processes publish, gathered into the panel's state: levels fall, flashes fade, silence is noticed."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from neurorack.clock import Clock
from neurorack.errors import BadInput
from neurorack.jacks.measure import Totals
from neurorack.panel.backoff import Backoff
from neurorack.panel.state import Engine, PanelState
from neurorack.shared import CONTROLS, METERS, VOLTS, Snapshot
from neurorack.words import CV_JACKS

STALE_S = 0.5
"""Nothing new for so long, and its writer counts as gone."""

FALL_DB_PER_S = 24.0
"""How fast the level falls on the meter; it rises at once."""

PEAK_HOLD_S = 1.0

FADE_S = 0.5
"""In which the light of a short event (clip, lost block) fades."""

CHIP_NOTICES = {
    "voct": "voct chip silent: pitch held",
    "cv": "cv chip silent: cv1-4 held",
    "pots": "pot chip silent: pots held",
}
"""Chips in the order of `VOLTS.chip_ok`."""

REFERENCE_NOTICE = "voct's reference is not seen: it may drift"
"""Its converter goes on by what it last knew of its gain, or by its own."""

BUS_NOTICE = "I2C bus held low: all jacks held"

OVER_S = 2.0
"""A jack over range for so long is told; a peak that clips is the player's."""

T = TypeVar("T")


class Opened(Generic[T]):
    """Something that may not be there yet: `get` opens it when it can, and asks again now and then until it can."""

    def __init__(self, open_it: Callable[[], T], clock: Clock) -> None:
        self._open, self._backoff = open_it, Backoff(clock)
        self._thing: T | None = None

    def get(self) -> T | None:
        if self._thing is None and self._backoff.begin():
            try:
                self._thing = self._open()
                self._backoff.worked()
            except (BadInput, OSError):
                self._backoff.failed()
        return self._thing


class _Falling:
    """A level in dB that rises at once, stays, and falls evenly."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s, self._db, self._risen_s, self._t_s = hold_s, -math.inf, 0.0, 0.0

    def follow(self, t_s: float, amplitude: float) -> float:
        now_db = 20 * math.log10(amplitude) if amplitude > 0 else -math.inf
        since_s = max(self._t_s, self._risen_s + self._hold_s)
        fallen_db = self._db - FALL_DB_PER_S * max(t_s - since_s, 0.0)
        if now_db >= fallen_db:
            self._risen_s = t_s
        self._db, self._t_s = max(now_db, fallen_db), t_s
        return self._db


class _Flash:
    """1 when a counter rises, falling to 0 in `FADE_S`. A counter of another process starts anew without a flash."""

    def __init__(self) -> None:
        self._pid, self._count, self._lit_s = 0, 0, -math.inf

    def follow(self, t_s: float, pid: int, count: int) -> float:
        if pid == self._pid and count > self._count:
            self._lit_s = t_s
        self._pid, self._count = pid, count
        return max(0.0, 1 - (t_s - self._lit_s) / FADE_S)


class _Motion:
    """How much voltages move: the largest change from frame to frame, 0.25 V counting as 1, fading in `FADE_S`."""

    def __init__(self) -> None:
        self._before_v: np.ndarray | None = None
        self._moved, self._t_s = 0.0, 0.0

    def follow(self, t_s: float, cv_v: np.ndarray) -> float:
        change_v = 0.0 if self._before_v is None else float(np.max(np.abs(cv_v - self._before_v)))
        change_v = max(change_v - 0.01, 0.0)  # what the converters' noise and the smoothing leave is no motion
        self._moved = max(min(change_v / 0.25, 1.0), self._moved - (t_s - self._t_s) / FADE_S, 0.0)
        self._before_v, self._t_s = cv_v.copy(), t_s
        return self._moved


class _Over:
    """Jacks that stay over range. Five at once are not five cables: what they share is the op-amps' supply."""

    def __init__(self) -> None:
        self._since_s = [0.0] * len(CV_JACKS)

    def follow(self, t_s: float, over: np.ndarray) -> tuple[str, ...]:
        """One line for every jack that has been over range for `OVER_S`."""
        self._since_s = [since_s if sign else t_s for since_s, sign in zip(self._since_s, over, strict=True)]
        lasting = [number for number, since_s in enumerate(self._since_s) if t_s - since_s >= OVER_S]
        if len(lasting) == len(CV_JACKS):
            return ("all jacks over range: op-amp supply?",)
        sides = {1: "high", -1: "low"}
        return tuple(f"{CV_JACKS[number]} over range: too {sides[int(over[number])]}" for number in lasting)


class Watch:
    """Reads meters, volts and controls in the run directory."""

    def __init__(self, run_dir: Path, clock: Clock) -> None:
        self._clock, self._began_ns = clock, clock.now_ns()
        self._meters = Opened(lambda: Snapshot(run_dir / "meters", METERS), clock)
        self._volts = Opened(lambda: Snapshot(run_dir / "volts", VOLTS), clock)
        self._controls = Opened(lambda: Snapshot(run_dir / "controls", CONTROLS), clock)
        self._level, self._peak = _Falling(0.0), _Falling(PEAK_HOLD_S)
        self._clip, self._lost = _Flash(), _Flash()
        self._motion, self._over = _Motion(), _Over()
        self.played = False
        """The engine has sounded since this watch began."""

    @property
    def t_s(self) -> float:
        """Seconds since this watch began."""
        return (self._clock.now_ns() - self._began_ns) * 1e-9

    def state(self) -> PanelState:
        """What is known now; gestures' names and the like are the caller's to add."""
        now_ns = self._clock.now_ns()
        state = PanelState(t_s=self.t_s)
        return self._with_jacks(self._with_engine(state, now_ns), now_ns)

    def totals(self) -> Totals | None:
        """All readings of the jacks up to now, None before their first; call after `state`."""
        volts = self._volts.get()
        if volts is None:
            return None
        return Totals.of_record(self._clock.now_ns(), volts.record)

    def _with_engine(self, state: PanelState, now_ns: int) -> PanelState:
        meters = self._meters.get()
        if meters is None:
            return state
        meters.refresh()
        m = meters.record
        state = replace(state, bundle=_text(m["bundle"]))
        if not _fresh(int(m.t_ns), now_ns):
            if self.played:
                state = replace(state, engine=Engine.GONE, notices=(*state.notices, "engine gone: starting it again"))
            return state
        playing = int(m.first_sound_ns) > 0
        self.played |= playing
        notice = _text(m["notice"])
        pid = int(m.pid)
        return replace(
            state,
            engine=Engine.PLAYING if playing else Engine.STARTING,
            notices=(*state.notices, notice) if notice else state.notices,
            said=notice,
            device=_text(m["device"]),
            gesture_number=int(m.gesture),
            pitch_hz=_finite(m.pitch_hz),
            level_db=self._level.follow(state.t_s, _finite(m.level_rms)),
            peak_db=self._peak.follow(state.t_s, _finite(m.level_peak)),
            clip=self._clip.follow(state.t_s, pid, int(m.clipped)),
            load=min(_finite(m.load), 9.99),
            lost=int(m.lost),
            lost_now=self._lost.follow(state.t_s, pid, int(m.lost)),
            sample_rate_hz=_finite(m.sample_rate_hz),
            block=int(m.block),
            realtime=bool(m.realtime),
            playing_s=(int(m.t_ns) - int(m.first_sound_ns)) * 1e-9 if playing else 0.0,
            late=int(m.deadline_misses),
            flags=int(m.device_flags),
            resets=int(m.nan_resets),
        )

    def _with_jacks(self, state: PanelState, now_ns: int) -> PanelState:
        controls = self._controls.get()
        if controls is not None:
            controls.refresh()
            state = replace(state, knobs=tuple(_finite(u) for u in controls.record.descriptors))
        volts = self._volts.get()
        if volts is None:
            return state
        volts.refresh()
        v = volts.record
        if not _fresh(int(v.t_ns), now_ns):
            notices = (*state.notices, "jacks gone: voltages held") if self.played else state.notices
            return replace(state, notices=notices)
        silent = tuple(chip for chip, ok in zip(CHIP_NOTICES, v.chip_ok, strict=True) if not ok)
        return replace(
            state,
            jacks_alive=True,
            volts=tuple(np.nan_to_num(v.cv_v).tolist()),
            picked=tuple(np.nan_to_num(v.picked, nan=0.5).tolist()),
            gates=tuple(bool(g) for g in v.gate),
            silent_chips=silent,
            notices=(
                *state.notices,
                *((BUS_NOTICE,) if v.bus_low else (CHIP_NOTICES[chip] for chip in silent)),
                *((REFERENCE_NOTICE,) if v.reference_lost else ()),
                *self._over.follow(state.t_s, v.over),
            ),
            i2c_errors=int(v.i2c_errors),
            moved=self._motion.follow(state.t_s, np.nan_to_num(v.cv_v)),
        )


def _fresh(t_ns: int, now_ns: int) -> bool:
    return t_ns > 0 and now_ns - t_ns < STALE_S * 1e9


def _text(field: bytes) -> str:
    return bytes(field).decode("utf-8", "replace")


def _finite(value: float) -> float:
    """A measure that is never negative, 0 where it is not a number."""
    return max(float(value), 0.0) if math.isfinite(value) else 0.0
