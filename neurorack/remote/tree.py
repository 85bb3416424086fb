"""Everything that can be read from afar, as one flat dictionary of path → value, out of the run directory's files.

`knob`, `pot` and `jack` are what is patched and where it stands, `note` what is played from afar, `meters` the engine's
figures, `system` who is alive, `panel` what display and LEDs show. Nothing here waits for anybody: it works with any of
the processes dead.
"""

import base64
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import neurorack
from neurorack.bundle import find, installed, read_card
from neurorack.engine.meters import BINS_PER_OCTAVE, percentile_s
from neurorack.errors import BadInput
from neurorack.jacks.calibration import Calibration
from neurorack.jacks.nominal import InForce
from neurorack.panel.host import supply, warmest_c
from neurorack.patch.scale import scale_text
from neurorack.presets import Row
from neurorack.rundir import holder
from neurorack.settings.model import Sound
from neurorack.settings.playing import sound_of
from neurorack.shared import CONTROLS, INTENT, LED_NAMES, METERS, NOTE, PANEL, PATCH, VOLTS, Snapshot, Switch
from neurorack.words import CV_JACKS, DESCRIPTORS, GATE_JACKS, PATCHABLE, PERFORMANCE, POTS

Leaf = Any
"""A number, a text, a list of either, None."""

STALE_NS = 500_000_000
"""A snapshot no younger was written by a process that lives no more, or stands still."""

SLOW_S = 1.0
"""How often is looked at what changes seldom and costs a system call or a file: temperature, locks, calibration."""

FILES = {
    "volts": VOLTS, "controls": CONTROLS, "meters": METERS, "patch": PATCH, "intent": INTENT, "note": NOTE,
    "panel": PANEL,
}  # fmt: skip

ROOTS = ("calibration", "jack", "knob", "meters", "note", "panel", "pot", "preset", "system")

_COUNTED = (
    "blocks", "lost", "deadline_misses", "device_flags", "nan_resets", "edges", "late_edges", "clipped",
    "stale_controls",
)  # fmt: skip


class Tree:
    """`read` gives all of it, `presets` and `takes` are for who hears from the daemon to set."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.presets: Sequence[Row] = ()
        self.takes: tuple[str, Sequence[str]] = ("", ())  # bundle, those recorded with it
        self._files: dict[str, tuple[int, Snapshot]] = {}  # name → inode, snapshot
        self._slow: dict[str, Leaf] = {}
        self._slow_due_s = 0.0
        self._card: tuple[str, str, tuple[str, ...]] = ("", "", ())  # bundle, its kind and its gestures
        self._calibration: tuple[tuple[str, int, int, InForce | None], dict[str, Leaf]] = (("", 0, 0, None), {})

    def read(self) -> dict[str, Leaf]:
        """All paths and what stands there now."""
        now_ns = time.monotonic_ns()
        values: dict[str, Leaf] = {}
        volts, controls, meters = self.record("volts"), self.record("controls"), self.record("meters")
        self._add_system(values, meters, volts, now_ns)
        self._add_sound(values)
        self._add_jacks(values, volts, controls)
        self._add_meters(values, meters)
        self._add_note(values)
        self._add_panel(values)
        for row in self.presets:
            at = f"preset.{row.number}"
            values |= {f"{at}.name": row.name, f"{at}.bundle": row.bundle, f"{at}.gesture": row.gesture}
        return values

    def record(self, name: str) -> Any:
        """The newest of one of FILES, None where it is not there (yet)."""
        try:
            inode = os.stat(self.run_dir / name).st_ino
            before = self._files.get(name)
            if before is None or before[0] != inode:
                self._files[name] = inode, Snapshot(self.run_dir / name, FILES[name])
                if before is not None:
                    before[1].close()
        except (OSError, BadInput):
            return None
        snapshot = self._files[name][1]
        snapshot.refresh()
        return snapshot.record

    def _kind_and_gestures(self, bundle: str) -> tuple[str, tuple[str, ...]]:
        """Of KINDS, and names in the order of their numbers; empty where the bundle cannot be read."""
        if self._card[0] != bundle:
            try:
                card = read_card(find(bundle))
                self._card = bundle, card.kind, tuple(card.gestures.names)
            except BadInput:
                self._card = bundle, "", ()
        return self._card[1:]

    def _add_system(self, values: dict[str, Leaf], meters: Any, volts: Any, now_ns: int) -> None:
        if time.monotonic() >= self._slow_due_s:
            self._slow_due_s = time.monotonic() + SLOW_S
            feeds = supply()
            self._slow = {
                "system.supply_v": _rounded(feeds.volts, 2),
                "system.supply_dips": feeds.dips,
                "system.overloads": feeds.overloads,
                "system.daemon": bool(holder(self.run_dir / "daemon.lock")),
                "system.temperature_c": _rounded(warmest_c(), 1),
                "system.bundles": [folder.name for folder in installed()],
                **self._calibrated(volts),
            }
        values |= {"system.version": neurorack.__version__, **self._slow}
        values["system.panic"] = self._panics()
        values["system.jacks"] = _fresh(volts, now_ns)
        panel = self.record("panel")  # the daemon's words, while it lives, then the engine's
        said = [panel] if _fresh(panel, now_ns) else []
        said += [] if meters is None else [meters]
        values["system.notice"] = " · ".join(text for record in said if (text := _text(record["notice"])))
        playing = meters is not None and bool(meters["first_sound_ns"])
        values["system.engine"] = ("playing" if playing else "starting") if _fresh(meters, now_ns) else "gone"
        intent = self.record("intent")
        values["system.sheltered"] = intent is not None and bool(intent["sheltered"])
        if meters is not None:
            values["system.rung"] = ("own", "safe", "tone")[min(int(meters["rung"]), 2)]
            values |= {f"system.{name}": _text(meters[name]) for name in ("device", "bundle")}
            values["system.block"] = int(meters["block"])
            values["system.sample_rate_hz"] = _rounded(meters["sample_rate_hz"], 1)
            values["system.realtime"] = bool(meters["realtime"])

    def _panics(self) -> bool:
        try:
            switch = Switch(self.run_dir / "panic")
        except BadInput:
            return False
        on = switch.on
        switch.close()
        return on

    def _calibrated(self, volts: Any) -> dict[str, Leaf]:
        """From the file that the jacks are calibrated by, read anew where it, or what readings count in, changed."""
        now = None if volts is None else InForce.of_record(volts)
        try:
            path = Path(os.readlink(self.run_dir / "calibration"))
            status = path.stat()
            seen = str(path), status.st_ino, status.st_mtime_ns, now
        except OSError:
            return {"calibration.jacks": [], "calibration.notices": []}
        if self._calibration[0] != seen:
            loaded = Calibration.load(path, now)
            found = {
                "calibration.jacks": sorted(loaded.corrections),
                "calibration.notices": list(loaded.notices),
            }
            self._calibration = seen, found
        return self._calibration[1]

    def _add_sound(self, values: dict[str, Leaf]) -> None:
        sound = self.sound()
        if sound is None:
            return
        takes = self.takes[1] if self.takes[0] == sound.bundle else ()
        kind, own = self._kind_and_gestures(sound.bundle)
        values |= {
            "bundle": sound.bundle,
            "kind": kind,
            "gesture": sound.gesture,
            "gestures": [*own, *takes],
            "takes": list(takes),
            "depth": _rounded(sound.depth),
            "intonation": _rounded(sound.intonation),
            "morph_to": sound.morph_to,
            "gate2": sound.gate2,
            "scale": scale_text(sound.scale),
            "enveloped": sound.enveloped,
            "find_seed": sound.find_seed,
            "found": None if sound.found is None else [_rounded(at) for at in sound.found.at],
        }
        for name, knob in sound.knobs.items():
            at = f"knob.{name}"
            values |= {
                f"{at}.base": _rounded(knob.base),
                f"{at}.pot": knob.pot,
                f"{at}.offset": _rounded(knob.offset),
                f"{at}.curve": knob.curve,
            }
            amounts: Mapping[str, float] = knob.attenuverter  # type: ignore[assignment]
            values |= {f"{at}.attenuverter.{jack}": _rounded(amounts.get(jack, 0.0)) for jack in CV_JACKS}

    def sound(self) -> Sound | None:
        """What patch and intent say is played."""
        patch, intent = self.record("patch"), self.record("intent")
        return None if patch is None or intent is None else sound_of(patch, intent)

    def _add_jacks(self, values: dict[str, Leaf], volts: Any, controls: Any) -> None:
        if volts is not None:
            for row, jack in enumerate(CV_JACKS):
                values[f"jack.{jack}.volts"] = _rounded(volts["cv_v"][row])
                values[f"jack.{jack}.over"] = int(volts["over"][row])
            for row, jack in enumerate(GATE_JACKS):
                values[f"jack.{jack}.level"] = int(volts["gate"][row])
            for row, pot in enumerate(POTS):
                values[f"pot.{pot}.position"] = _rounded(volts["pot"][row], 3)
                values[f"pot.{pot}.waiting"] = bool(volts["waiting"][row])
            values["jack.chips_ok"] = volts["chip_ok"].tolist()
            values["jack.reference_ok"] = not volts["reference_lost"] if volts["reference_v"] else None
            for name in PATCHABLE:  # where a pot is the base, it is what the pot, or what stands in for it, says
                if (base := values.get(f"knob.{name}.pot")) is not None:
                    values[f"knob.{name}.base"] = _rounded(volts["picked"][POTS.index(base)], 3)
            values["meters.i2c_errors"] = int(volts["i2c_errors"])
        if controls is not None:
            values["knob.pitch.hz"] = _rounded(controls["pitch_hz"], 3)
            for names, field in ((DESCRIPTORS, "descriptors"), (PERFORMANCE, "performance")):
                values |= {f"knob.{name}.position": _rounded(u) for name, u in zip(names, controls[field], strict=True)}

    @staticmethod
    def _add_meters(values: dict[str, Leaf], meters: Any) -> None:
        if meters is None:
            return
        values |= {f"meters.{name}": int(meters[name]) for name in _COUNTED}
        values["meters.load"] = _rounded(meters["load"], 3)
        values["meters.pitch_hz"] = _rounded(meters["pitch_hz"], 2)
        values["meters.period_s"] = _rounded(meters["period_s"], 7)
        for name in ("level_rms", "level_peak"):
            values[f"meters.{name.replace('level_', '')}_db"] = _decibels(float(meters[name]))
        for name in ("duration", "lateness"):
            counts = meters[name]
            values[f"meters.{name}.octaves"] = counts.reshape(-1, BINS_PER_OCTAVE).sum(axis=1).tolist()
            for share, label in ((0.5, "p50_s"), (0.99, "p99_s"), (0.999, "p999_s")):
                values[f"meters.{name}.{label}"] = _rounded(percentile_s(counts, share), 7)

    def _add_note(self, values: dict[str, Leaf]) -> None:
        if (note := self.record("note")) is not None:
            values |= {f"note.{name}": int(note[name]) for name in ("gate", "strikes", "players")}
            values |= {f"note.{name}": _rounded(note[name]) for name in ("volts", "level")}

    def _add_panel(self, values: dict[str, Leaf]) -> None:
        panel = self.record("panel")
        if panel is None:
            return
        for number, page in enumerate(panel["pages"]):
            values[f"panel.page{number}"] = base64.b64encode(page.tobytes()).decode()
        for name, brightness in zip(LED_NAMES, panel["leds"], strict=True):
            values[f"panel.led.{name}"] = _rounded(brightness, 2)


def chosen(values: Mapping[str, Leaf], paths: Sequence[str]) -> dict[str, Leaf]:
    """Of `values` those at or below one of `paths`; all where there are none. Raises BadInput for a path that leads
    nowhere; a root may be empty."""
    if not paths:
        return dict(values)
    found: dict[str, Leaf] = {}
    for path in paths:
        there = {at: value for at, value in values.items() if _lies_below(at, path)}
        if not there and path not in ROOTS:
            raise BadInput("there is no such value", repr(path), "see `neurorack ctl get`")
        found |= there
    return found


def below(paths: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path is one of these or lies below one; without any, all do."""
    return lambda at: not paths or any(_lies_below(at, path) for path in paths)


def _lies_below(at: str, path: str) -> bool:
    return at == path or at.startswith(path + ".")


def _fresh(record: Any, now_ns: int) -> bool:
    return record is not None and now_ns - int(record["t_ns"]) < STALE_NS


def _rounded(value: Any, digits: int = 4) -> float | None:
    """For people, and so that noise beyond what anybody hears sends nothing; None for what is not a number."""
    number = math.nan if value is None else float(value)
    return round(number, digits) + 0.0 if math.isfinite(number) else None


def _decibels(amplitude: float) -> float | None:
    """Of full scale; None for silence."""
    return _rounded(20 * math.log10(amplitude), 1) if amplitude > 0 else None


def _text(field: np.bytes_) -> str:
    return bytes(field).decode("utf-8", "replace")
