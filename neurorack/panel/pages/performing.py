"""How the module is performed: what gate 2 does, the scale of `voct`, the gesture at the far end of `morph`."""

from typing import get_args

import msgspec

from neurorack.panel.instrument import Instrument
from neurorack.panel.page import Page, Row, Wheel
from neurorack.panel.state import NOTES
from neurorack.patch.scale import SCALES
from neurorack.settings.model import Gate2Task

NAMES = {scale: name for name, scale in SCALES.items()}


class Gate2Page(Wheel):
    """Its tasks."""

    def __init__(self, instrument: Instrument) -> None:
        tasks = get_args(Gate2Task)
        super().__init__("gate 2", self._tasks, "push: choose  hold: back", tasks.index(instrument.sound.gate2))
        self._instrument = instrument

    def _tasks(self) -> list[Row]:
        return [
            Row(task, lambda task=task: self._choose(task), "✓" if task == self._instrument.sound.gate2 else "")  # type: ignore[misc]
            for task in get_args(Gate2Task)
        ]

    def _choose(self, task: Gate2Task) -> None:
        self._instrument.play(msgspec.structs.replace(self._instrument.sound, gate2=task))


class ScalePage(Wheel):
    """Scales from C by name, and one's own, note by note."""

    def __init__(self, instrument: Instrument) -> None:
        chosen = list(SCALES.values()).index(instrument.sound.scale) if instrument.sound.scale in NAMES else len(SCALES)
        super().__init__("scale", self._scales, "push: choose  hold: back", chosen)
        self._instrument = instrument

    def _scales(self) -> list[Row]:
        scale = self._instrument.sound.scale
        rows = [
            Row(name, lambda notes=notes: choose_scale(self._instrument, notes), "✓" if notes == scale else "")  # type: ignore[misc]
            for name, notes in SCALES.items()
        ]
        return [*rows, Row("own notes", lambda: NotesPage(self._instrument), "" if scale in NAMES else "✓")]


class NotesPage(Wheel):
    """The twelve notes; a push takes one in or out. Without any it plays every pitch, as `off` does."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__("scale", self._notes, "push: in, out  hold: back")
        self._instrument = instrument

    def _notes(self) -> list[Row]:
        scale = self._instrument.sound.scale
        self._title = f"scale: {NAMES.get(scale, 'your own')}"
        return [
            Row(name, lambda note=note: self._turn(note), "✓" if scale >> note & 1 else "−")  # type: ignore[misc]
            for note, name in enumerate(NOTES)
        ]

    def _turn(self, note: int) -> Page | None:
        choose_scale(self._instrument, self._instrument.sound.scale ^ 1 << note)
        return None


def choose_scale(instrument: Instrument, scale: int) -> None:
    instrument.play(msgspec.structs.replace(instrument.sound, scale=scale))


class MorphPage(Wheel):
    """Where the knob `morph` goes: the gesture after the chosen one, or always the same."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__("morph to", self._ends, "push: choose  hold: back", instrument.sound.morph_to + 1)
        self._instrument = instrument

    def _ends(self) -> list[Row]:
        far = self._instrument.sound.morph_to
        names = ["the next one", *self._instrument.gestures]
        return [
            Row(name, lambda number=number: self._choose(number), "✓" if number == far else "")  # type: ignore[misc]
            for number, name in enumerate(names, -1)
        ]

    def _choose(self, number: int) -> None:
        self._instrument.play(msgspec.structs.replace(self._instrument.sound, morph_to=number))
