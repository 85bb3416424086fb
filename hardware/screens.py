"""Every screen of the module as an example: pinned by tests/panel/test_screens.py, and shown in playing.md.

python -m hardware.screens [FOLDER]    writes those that playing.md shows, by default into pictures/screens

The drawing is the module's own; only what it shows is made up here.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from neurorack.board import load_board
from neurorack.crash import Kept
from neurorack.errors import BadInput
from neurorack.panel import screens
from neurorack.panel.encoder import Push, Turn
from neurorack.panel.layout import PAGE_S
from neurorack.panel.menu import Menu
from neurorack.panel.page import Page
from neurorack.panel.pages.home import HomePage
from neurorack.panel.pages.knobs import KnobPage, KnobsPage
from neurorack.panel.pages.meters import MetersPage, TunerPage
from neurorack.panel.pages.patch import JackPage, PatchPage
from neurorack.panel.pages.performing import Gate2Page, MorphPage, NotesPage, ScalePage
from neurorack.panel.pages.presets import NamePage, PresetPage, PresetsPage
from neurorack.panel.pages.recording import RecordPage, TakesPage
from neurorack.panel.pages.scope import HEARD, ScopePage, SpectrumPage
from neurorack.panel.pages.sounds import GesturesPage, InstrumentsPage
from neurorack.panel.pages.system import AboutPage, CalibrationPage, GoodbyePage, Service, SystemPage
from neurorack.panel.panel import menu_rows
from neurorack.panel.state import CalibrationView, Engine, PanelState
from neurorack.patch.scale import SCALES
from neurorack.settings.model import Knob, Preset, Sound
from neurorack.takes.shelf import Progress, Stage
from neurorack.words import SAMPLE_RATE_HZ

FOLDER = Path(__file__).parent / "pictures" / "screens"
PLAYING_MD = Path(__file__).with_name("playing.md")
TIMES = 3
LIT, GLASS = (196, 231, 255), (6, 8, 11)

PATCH = {
    "pitch": Knob(base=0.0, attenuverter={"voct": 1.0}),
    "rms": Knob(base=0.5, pot="pot1", attenuverter={"cv1": 1.0}),
    "centroid": Knob(base=0.5, pot="pot2", attenuverter={"cv2": 0.75, "cv4": -0.5}, offset=0.05),
    "bandwidth": Knob(base=0.5, pot="pot3", attenuverter={"cv3": -1.0}),
    "sharpness": Knob(base=0.5, pot="pot4", curve="exponential"),
    "boominess": Knob(base=0.25, attenuverter={"cv4": 0.3}),
}
PLAYING = PanelState(
    t_s=0.2,
    version="0.1.0",
    engine=Engine.PLAYING,
    jacks_alive=True,
    bundle="fluid",
    gesture="pluck",
    gesture_number=2,
    gestures=4,
    pitch_hz=450.0,
    knobs=(0.8, 0.5, 0.3, 0.6, 0.1),
    volts=(0.75, 1.2, 2.31, -0.4, -3.0),
    picked=(0.8, 0.35, 0.3, 0.6),
    level_db=-14.0,
    peak_db=-8.0,
    load=0.31,
    device="USB Audio: - (hw:1,0)",
    sample_rate_hz=48_000.0,
    block=128,
    realtime=True,
    playing_s=3725.0,
    temperature_c=51.4,
)


class Shown:
    """An instrument that plays what it is told, and no more."""

    recording = Progress()
    encoder_swapped = sheltered = False

    def __init__(self, gesture: str = "pluck", takes: Sequence[str] = ()) -> None:
        self.sound = Sound(bundle="fluid", gesture=2, knobs=PATCH)  # type: ignore[arg-type]
        self.bundle_name, self.licence, self.finds = "fluid", "MIT", True
        self.gestures: Sequence[str] = ("bow", "breath", gesture, "swell", *takes)
        self.takes = takes
        self.presets: Mapping[int, Preset] = {
            1: Preset(name="glass rain", sound=self.sound),
            3: Preset(name="low brass", sound=self.sound),
        }

    def play(self, sound: Sound, *, recall: bool = False) -> None:
        self.bundle_name, self.sound = sound.bundle, sound

    def choose(self, bundle: str) -> None:
        self.bundle_name, self.sheltered = bundle, False

    def shelter(self) -> None:
        self.sheltered = True

    def bundles(self) -> Sequence[str]:
        return ("fluid", "skins", "tongues")

    def preset(self, deed: str, number: int, name: str | None = None) -> None:
        pass

    def take(self, deed: str, gesture: str = "", name: str = "") -> None:
        pass

    panicked = False

    def undo_panic(self) -> None:
        pass

    def swap_encoder(self) -> None:
        self.encoder_swapped = not self.encoder_swapped

    def reset(self) -> None:
        pass


class Strings:
    """What the scope hears: a plucked string at A4, as it would sound for ever."""

    def __init__(self, level: float = 0.3) -> None:
        t_s = np.arange(HEARD) / SAMPLE_RATE_HZ
        partials = [level / n**1.5 * np.sin(2 * np.pi * 440 * n * t_s + n) for n in range(1, 25)]
        self.samples = np.sum(partials, axis=0).astype(np.float32)

    def listen(self) -> None:
        pass


def shown(page: Page, *events: Turn | Push, state: PanelState = PLAYING) -> np.ndarray:
    """The screen after these touches, pixels [64, 128]."""
    menu = Menu(page)
    menu.step(state)
    for event in events:
        menu.touch(event)
        menu.step(state)
    return menu.draw(state)


def right(detents: int) -> Turn:
    return Turn(detents, detents)


def home(gesture: str = "pluck", state: PanelState = PLAYING, instrument: Shown | None = None) -> np.ndarray:
    return shown(HomePage(instrument or Shown(gesture), list), state=state)


def menu(*events: Turn | Push) -> np.ndarray:
    instrument = Shown()
    rows = menu_rows(instrument, Service(), lambda: CalibrationPage(load_board(), Service(), lambda: None), Strings)
    return shown(HomePage(instrument, lambda: rows), Push.PRESS, *events)


def loading(*, said: str = "") -> np.ndarray:
    """An instrument was chosen; the engine is at it, or says why not."""
    pile = Menu(InstrumentsPage(Shown()))
    pile.step(PLAYING)
    for event in (right(1), Push.PRESS):
        pile.touch(event)
    state = replace(PLAYING, t_s=PAGE_S + 0.1, said=said)
    pile.step(state)
    return pile.draw(state)


def recording(stage: Stage, *, left_s: float = 0.0, name: str = "", fault: str = "") -> np.ndarray:
    instrument = Shown()
    instrument.recording = Progress(stage, left_s, name, fault)
    return shown(RecordPage(instrument))


def with_takes() -> Shown:
    return Shown(takes=("take 1", "slow opening"))


def playing(**values: object) -> Shown:
    instrument = Shown()
    instrument.sound = msgspec.structs.replace(instrument.sound, **values)
    return instrument


def meters() -> MetersPage:
    return MetersPage(lambda: [("eth0", "192.168.1.17")])


PRESS, BACK = Push.PRESS, Push.LONG_PRESS
NO_CARD = ("no sound card: playing to file",)
TAMPERED = BadInput(
    "decoder.onnx does not match its card: sha256 differs from what the card says",
    "/var/lib/neurorack/models/fluid/decoder.onnx",
    "install the bundle again",
)

CRASH = Kept(
    "engine",
    "SIGSEGV",
    [
        "plays to USB Audio, 128 samples a block",
        "Fatal Python error: Segmentation fault",
        "Current thread 0x00007f (most recent call first):",
        '  File "/opt/neurorack/neurorack/engine/decoder.py", line 91 in run',
    ],
    3725.0,
    "0.1.0",
    "Sun, 01 Mar 2026 20:15:09 GMT",
)

SCREENS: dict[str, Callable[[], np.ndarray]] = {
    "splash": lambda: screens.splash(PanelState(t_s=0.2, version="0.1.0", bundle="fluid", jacks_alive=True)),
    "splash-ready": lambda: screens.splash(PLAYING),
    "splash-notice": lambda: screens.splash(replace(PLAYING, t_s=PAGE_S + 0.1, notices=NO_CARD)),
    "play": home,
    "play-long": lambda: home("bowed double bass"),
    "play-longest": lambda: home("a very long name of a gesture that goes on and on and will not end"),
    "play-found": lambda: home(instrument=playing(knobs={**PATCH, "find1": Knob(base=0.7)})),
    "play-none": lambda: home(state=replace(PLAYING, gesture_number=9)),
    "play-silent": lambda: home(state=replace(PLAYING, pitch_hz=0.0, level_db=-np.inf, peak_db=-np.inf)),
    "play-notice": lambda: home(state=replace(PLAYING, t_s=PAGE_S + 0.1, notices=NO_CARD)),
    "play-chip-fault": lambda: home(state=replace(PLAYING, silent_chips=("voct",))),
    "play-overload": lambda: home(state=replace(PLAYING, level_db=-1.0, peak_db=0.0, clip=1.0)),
    "menu": menu,
    "menu-last": lambda: menu(right(-1)),
    "knobs": lambda: shown(KnobsPage(Shown()), right(2)),
    "knobs-pitch": lambda: shown(KnobsPage(Shown())),
    "knobs-octave": lambda: shown(KnobsPage(Shown()), right(-2)),
    "knobs-menu": lambda: shown(KnobsPage(Shown()), right(5)),
    "knob": lambda: shown(KnobPage(Shown(), "centroid")),
    "knob-editing": lambda: shown(KnobPage(Shown(), "centroid"), right(2), PRESS, Turn(-30, -30)),
    "knob-curve": lambda: shown(KnobPage(Shown(), "sharpness"), right(7)),
    "knob-set-by": lambda: shown(KnobPage(Shown(), "boominess"), right(-1), PRESS, right(2)),
    "knob-of-a-pot": lambda: shown(KnobPage(Shown(), "centroid"), PRESS, right(2)),
    "knob-freeze": lambda: shown(KnobPage(Shown(), "freeze"), PRESS, right(-20)),
    "knob-tune": lambda: shown(KnobPage(Shown(), "pitch"), PRESS, Turn(7, 7, fine=True)),
    "patch": lambda: shown(PatchPage(Shown()), right(4)),
    "patch-unused": lambda: shown(PatchPage(Shown()), right(0), state=replace(PLAYING, volts=(-1.5,) * 5)),
    "jack": lambda: shown(JackPage(Shown(), "cv4")),
    "jack-editing": lambda: shown(JackPage(Shown(), "cv4"), PRESS, Turn(3, 3, fine=True)),
    "gestures": lambda: shown(GesturesPage(Shown())),
    "gestures-long": lambda: shown(GesturesPage(Shown("bowed double bass, far away"))),
    "gestures-record": lambda: shown(GesturesPage(with_takes()), right(5)),
    "record-waiting": lambda: recording(Stage.WAITING),
    "record": lambda: recording(Stage.RECORDING, left_s=13.7),
    "record-keeping": lambda: recording(Stage.KEEPING),
    "record-kept": lambda: recording(Stage.KEPT, name="take 3"),
    "record-kept-long": lambda: recording(Stage.KEPT, name="slow opening of a filter"),
    "record-failed": lambda: recording(Stage.FAILED, fault="the disk refuses: No space left on device"),
    "recorded": lambda: shown(TakesPage(with_takes())),
    "recorded-deeds": lambda: shown(TakesPage(with_takes()), PRESS),
    "recorded-remove": lambda: shown(TakesPage(with_takes()), PRESS, right(1), PRESS),
    "gate2": lambda: shown(Gate2Page(playing(gate2="tap"))),
    "scale": lambda: shown(ScalePage(playing(scale=SCALES["minor"]))),
    "scale-own": lambda: shown(ScalePage(playing(scale=0b10010001))),
    "scale-notes": lambda: shown(NotesPage(playing(scale=0b10010001)), right(7)),
    "morph-to": lambda: shown(MorphPage(playing(morph_to=1))),
    "instruments": lambda: shown(InstrumentsPage(Shown())),
    "instruments-loading": loading,
    "instruments-refused": lambda: loading(said="skins: the decoder is of another version"),
    "presets": lambda: shown(PresetsPage(Shown()), right(2)),
    "presets-empty": lambda: shown(PresetsPage(Shown()), right(41)),
    "preset": lambda: shown(PresetPage(Shown(), 3, lambda text: None)),
    "preset-store": lambda: shown(PresetPage(Shown(), 3, lambda text: None), right(1), PRESS),
    "preset-clear": lambda: shown(PresetPage(Shown(), 3, lambda text: None), right(3), PRESS, right(1)),
    "preset-name-long": lambda: shown(NamePage("name 3", "a Mandolin under water 2", lambda name: None), Turn(-1, -1)),
    "preset-name": lambda: shown(PresetPage(Shown(), 3, lambda text: None), right(2), PRESS, right(4)),
    "scope": lambda: shown(ScopePage(Strings())),
    "scope-quiet": lambda: shown(ScopePage(Strings(0.004)), right(2)),
    "scope-silent": lambda: shown(ScopePage(Strings(0.0))),
    "spectrum": lambda: shown(SpectrumPage(Strings())),
    "spectrum-silent": lambda: shown(SpectrumPage(Strings(0.0))),
    "tuner": lambda: shown(TunerPage(Shown())),
    "tuner-in-tune": lambda: shown(TunerPage(Shown()), state=replace(PLAYING, pitch_hz=440.3)),
    "tuner-silent": lambda: shown(TunerPage(Shown()), state=replace(PLAYING, level_db=-np.inf)),
    "tuner-scale": lambda: shown(TunerPage(playing(scale=SCALES["minor"]))),
    "meters": lambda: shown(meters()),
    "meters-hot": lambda: shown(
        MetersPage(list), state=replace(PLAYING, load=1.2, lost=1234, temperature_c=91.0, hot=True)
    ),
    "meters-fed": lambda: shown(meters(), state=replace(PLAYING, supply_v=5.02)),
    "meters-low": lambda: shown(
        meters(),
        state=replace(PLAYING, t_s=PAGE_S + 0.1, supply_v=4.62, supply_low=True, notices=("supply low: 4.62 V",)),
    ),
    "details": lambda: shown(meters(), right(1), state=replace(PLAYING, silent_chips=("cv",))),
    "details-nothing-yet": lambda: shown(meters(), right(1), state=PanelState(version="0.1.0")),
    "system": lambda: shown(SystemPage(Shown(), Service())),
    "about": lambda: shown(AboutPage(Shown())),
    "encoder-swapped": lambda: shown(SystemPage(Shown(), Service()), right(1), PRESS),
    "shut-down": lambda: shown(SystemPage(Shown(), Service()), right(2), PRESS, right(1)),
    "good-bye": lambda: shown(GoodbyePage()),
    "crash": lambda: shown(SystemPage(Shown(), Service(last_crash=lambda: CRASH)), right(3), PRESS),
    "crash-none": lambda: shown(SystemPage(Shown(), Service()), right(3), PRESS),
    "farewell": lambda: screens.farewell(saved=True),
    "farewell-not-saved": lambda: screens.farewell(saved=False),
    "reset": lambda: shown(SystemPage(Shown(), Service()), right(4), PRESS),
    "reset-really": lambda: shown(SystemPage(Shown(), Service()), right(4), PRESS, right(1), PRESS),
    "forget-calibration": lambda: shown(SystemPage(Shown(), Service()), right(5), PRESS),
    "panic": lambda: shown(SystemPage(Shown(), Service()), right(-1)),
    "holding": lambda: screens.holding(0.4),
    "panicked": lambda: screens.error(
        BadInput("Silent for a second, then the factory patch.", "", "undo: menu, system, undo panic"),
        title="⚠ panic",
        hint="push: back",
    ),
    "refused": lambda: screens.error(
        BadInput("no bundle 'bells'", "models", "give a folder or one of: fluid, skins, tongues"),
        title="⚠ not done",
        hint="push: back",
    ),
    "error": lambda: screens.error(TAMPERED),
    "error-second-page": lambda: screens.error(TAMPERED, PAGE_S + 0.1),
    "error-short": lambda: screens.error(BadInput("no bundle is installed", mend="neurorack models install fluid")),
    "calibration-ask": lambda: screens.calibration(
        CalibrationView(
            title="0 V", lines=("on voct and cv1-4, or", "pull all their cables"), choices=("measure", "leave")
        )
    ),
    "calibration-ask-leave": lambda: screens.calibration(
        CalibrationView(
            step=2, title="1 V", lines=("into voct", "(a keyboard's C5)"), choices=("measure", "leave"), chosen=1
        )
    ),
    "calibration-settling": lambda: screens.calibration(
        CalibrationView(step=2, title="+0.9981 V", progress=0.0, choices=("leave",))
    ),
    "calibration-moving": lambda: screens.calibration(
        CalibrationView(title="+0.0012 V", confidence_cents=0.3, progress=0.0, moving="cv1 moves: pull it")
    ),
    "calibration-measure": lambda: screens.calibration(
        CalibrationView(step=3, title="−2.9981 V", confidence_cents=0.23, progress=0.7, choices=("leave",))
    ),
    "calibration-refused": lambda: screens.calibration(
        CalibrationView(step=2, lines=("voct reads +3.03 V, not 1 V",), warn=True, choices=("again", "leave"))
    ),
    "calibration-result": lambda: screens.calibration(
        CalibrationView(
            step=3,
            lines=("From −2 to +4 V", "before: 25.3¢ off", "after: within 1.7¢", "save it?"),
            choices=("save", "leave"),
        )
    ),
    "calibration-saved": lambda: screens.calibration(
        CalibrationView(step=3, title="in tune", lines=("Saved. It plays corrected from now on.",), choices=("done",))
    ),
}
"""Name → pixels [64, 128] of bool."""


def picture(pixels: np.ndarray) -> Image.Image:
    """The glass as an eye sees it, its pixels apart."""
    large = np.kron(pixels, np.ones((TIMES, TIMES), bool))
    large[TIMES - 1 :: TIMES] = False
    large[:, TIMES - 1 :: TIMES] = False
    framed = np.pad(large, 2 * TIMES)
    return Image.fromarray(np.where(framed[..., None], np.array(LIT, np.uint8), np.array(GLASS, np.uint8))).quantize(2)


def shown_in_playing() -> list[str]:
    """Names of the screens that playing.md shows."""
    return sorted(set(re.findall(r"pictures/screens/([\w-]+)\.png", PLAYING_MD.read_text("utf-8"))))


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in shown_in_playing():
        picture(SCREENS[name]()).save(folder / f"{name}.png", optimize=True)
        print(folder / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
