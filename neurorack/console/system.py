"""The machine and its processes: who is alive, calibration, versions, diagnostics, logs."""

from textwrap import wrap
from typing import Any

from rich.text import Text

import neurorack
from neurorack.console.page import BAD, DIM, GOOD, HEIGHT, WARM, WIDTH, Page, Values, Wish, moved, number
from neurorack.terminal import plain

NOTICE_ROWS = 4
"""Of the calibration's notices: one, whole, with a file of any usual length."""

PROCESSES = ("engine", "jacks", "daemon", "remote", "crash")


class SystemPage(Page):
    """The keys c and d are the console's: they leave the page, or take long."""

    title = "system"
    hint = "c calibrate  d pack diagnostics  u undo panic"

    def draw(self, values: Values) -> Text:
        text = Text()

        def line(name: str, told: str, colour: str = "") -> None:
            text.append(f" {name:<13}", DIM).append(f"{told[: WIDTH - 15]}\n", colour)

        engine = values.get("system.engine", "gone")
        line("engine", str(engine), GOOD if engine == "playing" else BAD if engine == "gone" else WARM)
        for name in ("jacks", "daemon"):
            lives = bool(values.get(f"system.{name}"))
            line(name, "alive" if lives else "gone", GOOD if lives else BAD)
        chips = values.get("jack.chips_ok") or []
        silent = [chip for chip, ok in zip(("voct", "cv", "pots"), chips, strict=False) if not ok]
        line("chips", f"silent: {', '.join(silent)}" if silent else "all answer", BAD if silent else "")
        if values.get("jack.reference_ok") is False:
            line("reference", "not seen by voct's converter, it may drift: `neurorack doctor`", BAD)
        line("I2C errors", number(values.get("meters.i2c_errors"), "d"))
        line("sound", f"{values.get('system.device', '–')}, {number(values.get('system.sample_rate_hz'), '.0f')} Hz")
        line("real time", "granted" if values.get("system.realtime") else "refused: `neurorack doctor` says why")
        volts = values.get("system.supply_v")
        fed = "" if volts is None else f", fed with {volts:.2f} V"
        line("temperature", f"{number(values.get('system.temperature_c'), '.1f')} °C{fed}")
        if values.get("system.panic"):
            line("panic", "silenced", BAD)
        if values.get("system.sheltered"):
            line("plays", "a safe sound: choose an instrument", WARM)
        line("says", str(values.get("system.notice") or "nothing"))
        text.append("\n")
        jacks = values.get("calibration.jacks") or []
        line("calibration", f"{', '.join(jacks)} measured" if jacks else "none in force: c calibrates")
        notices = values.get("calibration.notices") or []
        for told in [row for notice in notices for row in wrap(str(notice), WIDTH - 15)][:NOTICE_ROWS]:
            line("", told, WARM)
        text.append("\n")
        plays = values.get("system.version", "–")
        line("version", str(plays))
        if plays != neurorack.__version__:
            line("installed", f"{neurorack.__version__}: it plays once the module is started again", WARM)
        return text

    def key(self, key: str, values: Values) -> Wish | None:
        return {"do": "panic", "undo": True} if key == "u" else None


class LogPage(Page):
    """The last lines of each process, and of the last crash."""

    title = "log"
    hint = "← → process  ↑ ↓ scroll  r read again"

    def __init__(self) -> None:
        self.process = 0
        self.lines: list[str] = []
        self.up = 0  # lines from the end

    def draw(self, values: Values) -> Text:
        text = Text(" ")
        for index, name in enumerate(PROCESSES):
            text.append(f" {name} ", "reverse" if index == self.process else DIM)
        text.append("\n")
        room = HEIGHT - 1
        end = len(self.lines) - self.up
        for entry in self.lines[max(end - room, 0) : end]:
            text.append(f" {plain(entry)[: WIDTH - 2]}\n")
        return text

    def key(self, key: str, values: Values) -> Wish | None:
        if key in ("left", "right", "r", "show"):
            self.process = (self.process + {"left": -1, "right": 1}.get(key, 0)) % len(PROCESSES)
            self.lines, self.up = [], 0
            return {"do": "log", "of": PROCESSES[self.process]}
        room = HEIGHT - 1
        last = max(len(self.lines) - room, 0)
        self.up = last - moved(last - self.up, key, last + 1, room)
        return None

    def say(self, answer: dict[str, Any]) -> str:
        self.lines, self.up = answer.get("lines", []), 0
        return ""
