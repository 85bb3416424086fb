"""The calibration wizard under the encoder: a turn chooses what a push will do, a long press leaves at any time."""

import math
from collections.abc import Callable

from neurorack.board import Board
from neurorack.jacks.calibration import Calibration
from neurorack.jacks.measure import Totals
from neurorack.jacks.report import PLAYED_V, before_cents, left_cents
from neurorack.jacks.tolerance import CENTS_PER_V
from neurorack.jacks.wizard import Stage, Wizard
from neurorack.panel.encoder import Event, Push, Turn
from neurorack.panel.state import CalibrationView

CHOICES = {
    Stage.ASK: ("measure", "leave"),
    Stage.MEASURE: ("leave",),
    Stage.REFUSED: ("again", "leave"),
    Stage.RESULT: ("save", "leave"),
    Stage.SAVED: ("done",),
}
"""What goes on comes first, but for a measurement, which goes on by itself."""


class Calibrating:
    """Feed it with touches and totals, show its `view`, and drop it when `over`."""

    def __init__(self, board: Board, save: Callable[[Calibration], None]) -> None:
        self._board = board
        self._wizard = Wizard(board, save)
        self._shown, self._chosen = Stage.ASK, 0
        self.over = False

    def touch(self, event: Event) -> None:
        """Take one event of the encoder."""
        wizard, choices = self._wizard, CHOICES[self._wizard.stage]
        if event is Push.LONG_PRESS:
            wizard.leave()
            self.over = True
        elif isinstance(event, Turn):
            self._chosen = (self._chosen + event.detents) % len(choices)
        elif event is Push.PRESS:
            if choices[self._chosen] in ("leave", "done"):
                wizard.leave()
                self.over = True
            else:
                wizard.go_on()
        self._follow()

    def take(self, totals: Totals) -> None:
        """Look at the newest readings."""
        self._wizard.take(totals)
        self._follow()

    def _follow(self) -> None:
        """On a new page the first choice is chosen."""
        if self._wizard.stage is not self._shown:
            self._shown, self._chosen = self._wizard.stage, 0

    def view(self) -> CalibrationView:
        wizard = self._wizard
        steps = len(wizard.steps_v)
        title, confidence_cents = "", math.inf
        lines: tuple[str, ...] = (wizard.fault,)
        if wizard.stage is Stage.ASK:
            title, lines = f"{wizard.true_v:g} V", _asked(wizard)
        elif wizard.stage is Stage.MEASURE:
            estimate = wizard.estimate
            assert estimate is not None
            title, lines = "…" if math.isnan(estimate.mean_v) else f"{estimate.mean_v:+.4f} V", ()
            confidence_cents = CENTS_PER_V * estimate.confidence_v
        elif wizard.stage is Stage.RESULT and not wizard.fault:
            lines = self._result()
        elif wizard.stage is Stage.SAVED:
            title, lines = "in tune", ("Saved. It plays corrected from now on.",)
        return CalibrationView(
            step=min(wizard.step + 1, steps),
            steps=steps,
            title=title.replace("-", "−"),
            lines=lines,
            confidence_cents=confidence_cents,
            progress=wizard.progress if wizard.stage is Stage.MEASURE else None,
            moving=_mend(wizard) if wizard.stage is Stage.MEASURE and wizard.moving else "",
            warn=bool(wizard.fault),
            choices=CHOICES.get(wizard.stage, ()),
            chosen=self._chosen,
        )

    def _result(self) -> tuple[str, ...]:
        wizard = self._wizard
        correction = wizard.calibration.corrections["voct"]
        before = max(abs(before_cents(correction, v)) for v in PLAYED_V)
        left = max(left_cents(self._board, wizard.points, v) for v in PLAYED_V)
        return ("From −2 to +4 V", f"before: {before:.1f}¢ off", f"after: within {left:.1f}¢", "save it?")


def _mend(wizard: Wizard) -> str:
    return f"{wizard.moving} moves: " + ("pull it" if wizard.true_v == 0.0 else "leave it alone")


def _asked(wizard: Wizard) -> tuple[str, ...]:
    if wizard.true_v == 0.0:
        return ("on voct and cv1-4, or", "pull all their cables")
    octave = 4 + wizard.true_v
    return ("into voct", f"(a keyboard's C{octave:g})" if octave.is_integer() else "")
