"""The virtual module in a terminal: the display pixel by pixel, LEDs, jacks, pots, and hands on all of them.

It is a client like any other: it reads the run directory and moves the rack's hands, and the module neither knows nor
waits. It looks twelve times a second and redraws only the parts that changed.
"""

from collections.abc import Callable
from pathlib import Path

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from neurorack.clock import MonotonicClock
from neurorack.errors import BadInput
from neurorack.fullscreen import Fullscreen
from neurorack.glyphs import bar, braille, gauge, half_blocks
from neurorack.lines import Lines
from neurorack.panel.leds import RGB
from neurorack.panel.state import Engine, PanelState, note
from neurorack.panel.watch import Opened, Watch
from neurorack.rack.control import RackControl
from neurorack.rack.hands import LONG_PRESS_S, PIANO, Hands
from neurorack.rack.look import Look, Looker
from neurorack.rack.plan import INPUT_JACKS
from neurorack.shared import PATCH, Snapshot
from neurorack.words import GATE_JACKS, PATCHABLE, POTS

LOOKS_PER_S = 12
CHECK_S = 1.0
MESSAGE_S = 4.0

WIDTH, HEIGHT = 80, 24
"""What the view needs."""

WIDE, TALL = 148, 42
"""From this size on the display is drawn in half blocks, a pixel a half cell; below it in Braille, a pixel a dot."""

HELP = """\
 ← →    turn the encoder: move       [ ]  turn it pushed: fine steps
 enter  push it: menu, enter, edit   esc  push it long: back
 space  push it and hold it, again: let go (held 5.5 s: panic)
 1 … 4  choose a pot                 ↑ ↓  turn it
 c      move cables: ↑ ↓ which jack, ← → where from, enter done
 p      plug the keyboard into voct and gate1, or undo that
 a … k  play it: a s d f g h j k white, w e t y u black keys
 z x    an octave down, up
 n      noise of the converters on or off
 b      break a chip or bus, the next one, … none
 ?      this help                    q    leave: the module stops\
"""
HINT = "← → turn  ↵ push  esc back  1-4 ↑↓ pots  c cables  p keyboard  a-k play  ? help"

_DIM, _WARM = "#7d828c", "#ffb02e"
_CABLES = ("#e0687a", "#edae49", "#30a5b8", "#86c5a0", "#a98bc4", "#f08d55", "#5f9be0")


class ModuleView(Fullscreen):
    """The whole screen. Fits 80 columns and 24 lines."""

    CSS = """
    Screen { background: #15171c; color: #d8d6cf; layout: vertical; overflow: hidden; align: center middle; }
    #top { width: auto; height: auto; }
    #oled { width: 64; height: 16; background: #05070a; color: #c4e7ff; }
    .wide #oled { width: 128; height: 32; }
    #side { width: 15; height: 16; margin: 0 0 0 1; }
    #low { width: 80; height: 7; }
    #jacks { width: 46; height: 7; }
    #meters { width: 33; height: 7; margin: 0 0 0 1; }
    #line { width: 80; height: 1; color: #7d828c; }
    #help { display: none; width: 74; height: auto; padding: 1 2; layer: over; offset: 3 4;
            background: #262a33; color: #e8e6df; border: round #7d828c; }
    #room { display: none; width: 100%; height: 100%; layer: over; background: #15171c; content-align: center middle; }
    Screen { layers: base over; }
    """

    def __init__(self, run_dir: Path, check: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._clock = MonotonicClock()
        control = RackControl(run_dir, self._clock)
        self.hands = Hands(control, self._clock)
        self._looker = Looker(run_dir, self._clock, control.world)
        self._watch = Watch(run_dir, self._clock)
        self._patch = Opened(lambda: Snapshot(run_dir / "patch", PATCH), self._clock)
        self._check = check
        self._cabling: int | None = None  # the jack whose cable is in the hand
        self._message, self._message_ends_ns = "", 0
        self.problem: BadInput | None = None
        """What ended the view, where it was not a key."""

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield Lines("oled")
            yield Lines("side")
        with Horizontal(id="low"):
            yield Lines("jacks")
            yield Lines("meters")
        yield Lines("line")
        yield Static(HELP, id="help", markup=False)
        yield Static(f"needs {WIDTH}×{HEIGHT}", id="room", markup=False)

    def on_mount(self) -> None:
        self.set_interval(1 / LOOKS_PER_S, self.look)
        if self._check is not None:
            self.set_interval(CHECK_S, self._check_module)
        self.look()

    def on_unmount(self) -> None:
        self.hands.let_go()

    def _check_module(self) -> None:
        assert self._check is not None
        try:
            self._check()
        except BadInput as problem:
            self.problem = problem
            self.exit()

    def on_resize(self, event: events.Resize) -> None:
        self.screen.set_class(event.size.width >= WIDE and event.size.height >= TALL, "wide")
        self.query_one("#room").display = event.size.width < WIDTH or event.size.height < HEIGHT

    def look(self) -> None:
        """Look at the module and draw what changed."""
        if not self.screen_stack:  # its timer comes once more while it is closed
            return
        self.hands.step()
        look, state = self._looker.look(), self._watch.state()
        glyphs = half_blocks if self.screen.has_class("wide") else braille
        parts = {
            "oled": Text("\n".join(glyphs(look.pixels))),
            "side": self._side(look),
            "jacks": self._jacks(look),
            "meters": self._meters(state),
            "line": Text(self._line()),
        }
        for lines in self.query(Lines):
            lines.show(parts[str(lines.id)])

    def _side(self, look: Look) -> Text:
        text = Text()
        text.append("neurorack\n\n", "bold")
        for name, brightness in look.lights.items():
            text.append("● ", _led_colour(name, brightness))
            text.append(f"{name}\n", "#d8d6cf" if brightness > 0.02 else _DIM)
        text.append("\n")
        for index, (pot, name) in enumerate(zip(POTS, self._set_by_pots(), strict=True)):
            chosen = index == self.hands.pot and self._cabling is None
            text.append(f"{index + 1} {name[:5]:<5} ", "bold" if chosen else _DIM)
            text.append(bar(look.pots[pot], 4), _WARM if chosen else "#d8d6cf")
            text.append(f"{100 * look.pots[pot]:3.0f}\n", "bold" if chosen else _DIM)
        octave = f"{self.hands.octave:+d}" if self.hands.octave else "0"
        text.append(f"octave {octave}", _DIM)
        return text

    def _set_by_pots(self) -> list[str]:
        """What each pot sets now; the pot's own name where it sets nothing."""
        names = list(POTS)
        if (patch := self._patch.get()) is not None:
            patch.refresh()
            for name, pot in zip(PATCHABLE, patch.record["pot"], strict=True):
                if 0 <= pot < len(POTS):
                    names[pot] = name
        return names

    def _jacks(self, look: Look) -> Text:
        text = Text()
        for index, jack in enumerate(INPUT_JACKS):
            chosen = index == self._cabling
            cable = look.cables.get(jack, "")
            volts = look.volts[jack]
            text.append("▸" if chosen else " ", "bold " + _WARM)
            text.append(f"{jack:<6}", "bold" if cable else _DIM)
            text.append(f"{volts:+6.2f} V ", "#d8d6cf" if cable else _DIM)
            if jack in GATE_JACKS:
                text.append("■ on ".ljust(15) if volts > 1 else "□ off".ljust(15), _WARM if volts > 1 else _DIM)
            else:
                low, high = (-3.0, 7.0) if jack == "voct" else (-5.0, 5.0)
                text.append(gauge(volts, low, high, 15), _CABLES[index] if cable else _DIM)
            text.append(" ━ " if cable else " · ", _CABLES[index] if cable else _DIM)
            text.append(cable[:14] or "nothing", "reverse" if chosen else "" if cable else _DIM)
            text.append("\n" if jack != INPUT_JACKS[-1] else "")
        return text

    def _meters(self, state: PanelState) -> Text:
        text = Text()
        level = max(1 + state.level_db / 48, 0.0)
        text.append("level ", _DIM).append(bar(level, 18), "#ff4236" if state.clip > 0 else "#56e276")
        text.append(f" {state.level_db:5.1f} dB\n" if state.level_db > -99 else "  -inf dB\n")
        text.append("load  ", _DIM).append(bar(state.load, 18), "#ff4236" if state.load > 0.8 else _WARM)
        text.append(f" {100 * state.load:4.0f} %\n")
        text.append("lost  ", _DIM).append(f"{state.lost:<6}", "bold #ff4236" if state.lost_now > 0 else "")
        text.append("late ", _DIM).append(f"{state.late:<6}")
        text.append("block ", _DIM).append(f"{state.block}\n")
        text.append("pitch ", _DIM)
        if state.pitch_hz > 0:
            name, octave, cents = note(state.pitch_hz)
            text.append(f"{name}{octave} {cents:+d}¢ {state.pitch_hz:.1f} Hz")
        text.append("\nplays ", _DIM).append(f"{state.bundle} "[:27])
        text.append("\nto    ", _DIM).append(_engine_text(state)[:27])
        trouble = [*([f"{self.hands.broken} is broken"] if self.hands.broken else ()), *state.notices]
        text.append("\n")
        if trouble:
            text.append(trouble[int(state.t_s / 2) % len(trouble)][:33], _WARM)
        return text

    def _line(self) -> str:
        if self._cabling is not None:
            return "cable: ↑ ↓ jack  ← → where from  ↵ done"
        return self._message if self._clock.now_ns() < self._message_ends_ns else HINT

    def say(self, message: str) -> None:
        """Show a message in the last line for a while."""
        self._message, self._message_ends_ns = message, self._clock.now_ns() + round(MESSAGE_S * 1e9)

    def on_key(self, event: events.Key) -> None:
        """Every key but Ctrl-C comes here."""
        event.stop()
        key = event.character if event.character and event.character.isprintable() else event.key
        if self._help_is_open() or key == "?":
            self.query_one("#help").display = key == "?" and not self._help_is_open()
        elif key == "q":
            self.exit()
        elif self._cabling is not None:
            self._move_cable(key)
        else:
            self._play(key)
        self.look()

    def _help_is_open(self) -> bool:
        return bool(self.query_one("#help").display)

    def _play(self, key: str) -> None:
        hands = self.hands
        if key in ("left", "right"):
            hands.turn(1 if key == "right" else -1)
        elif key in ("up", "down"):
            hands.turn_pot(1 if key == "up" else -1)
        elif key == "enter":
            hands.press()
        elif key == "escape":
            hands.press(LONG_PRESS_S)
        elif key == " ":
            self.say("the encoder is held: space lets go" if hands.toggle_hold() else "let go")
        elif key in ("[", "]"):
            hands.turn_pushed(1 if key == "]" else -1)
        elif key in ("1", "2", "3", "4"):
            hands.pot = int(key) - 1
        elif key in ("z", "x"):
            hands.shift_octave(1 if key == "x" else -1)
        elif key == "c":
            self._cabling = 0
        elif key == "p":
            self.say("the keyboard plays: a to k" if hands.plug_keyboard() else "the old cables are back")
        elif key == "n":
            self.say("the converters' noise is " + ("on" if hands.toggle_noise() else "off"))
        elif key == "b":
            broken = hands.break_next()
            self.say(f"{broken} is broken; b breaks the next" if broken else "everything is mended")
        elif key in PIANO:
            hands.play(key)
            if not hands.keyboard_plays():
                self.say("the keyboard is not plugged in: p does it")

    def _move_cable(self, key: str) -> None:
        assert self._cabling is not None
        if key in ("up", "down"):
            self._cabling = (self._cabling + (1 if key == "down" else -1)) % len(INPUT_JACKS)
        elif key in ("left", "right"):
            self.hands.plug_next(INPUT_JACKS[self._cabling], 1 if key == "right" else -1)
        elif key in ("enter", "escape", "c"):
            self._cabling = None


def _led_colour(name: str, brightness: float) -> str:
    dark = [38 + 0.08 * c for c in RGB[name]]
    return "#" + "".join(f"{round(d + (c - d) * brightness):02x}" for c, d in zip(RGB[name], dark, strict=True))


def _engine_text(state: PanelState) -> str:
    if state.engine is Engine.PLAYING:
        return state.device
    return "starting…" if state.engine is Engine.STARTING else "engine gone"


def run_view(run_dir: Path, check: Callable[[], None] | None = None) -> None:
    """Show the virtual module of a run directory until a person quits.

    `check` is called once a second and ends the view by raising BadInput, which is raised again here.
    """
    view = ModuleView(run_dir, check)
    view.show()
    if view.problem is not None:
        raise view.problem
