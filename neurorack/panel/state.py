"""What the panel knows when it draws: one immutable value, so that a screen is a pure function of it."""

import math
from dataclasses import dataclass
from enum import Enum

from neurorack.words import CV_JACKS, DESCRIPTORS, POTS

NOTES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


class Engine(Enum):
    STARTING = "starting"
    PLAYING = "playing"
    GONE = "gone"


@dataclass(frozen=True)
class PanelState:
    """Everything a screen or an LED may show. Levels are in dB of full scale, positions and shares 0…1."""

    t_s: float = 0.0  # since the panel started: what blinks and turns pages follows it
    version: str = ""
    engine: Engine = Engine.STARTING
    jacks_alive: bool = False
    bundle: str = ""
    gesture: str = ""
    gesture_number: int = 0  # from 0
    gestures: int = 0
    pitch_hz: float = 0.0
    knobs: tuple[float, ...] = (0.0,) * len(DESCRIPTORS)
    volts: tuple[float, ...] = (0.0,) * len(CV_JACKS)
    picked: tuple[float, ...] = (0.5,) * len(POTS)  # where the knobs of the pots stand
    gates: tuple[bool, ...] = (False, False)
    level_db: float = -math.inf
    peak_db: float = -math.inf
    clip: float = 0.0  # 1 when the soft limit bends the sound, falling to 0 over half a second
    load: float = 0.0
    lost: int = 0
    lost_now: float = 0.0  # 1 on a lost block, falling to 0 over half a second
    moved: float = 0.0  # how much the CV jacks moved lately
    silent_chips: tuple[str, ...] = ()  # of voct, cv, pots, oled, leds
    notices: tuple[str, ...] = ()
    said: str = ""  # by the engine, last
    device: str = ""
    sample_rate_hz: float = 0.0
    block: int = 0
    realtime: bool = False
    playing_s: float = 0.0
    late: int = 0
    flags: int = 0
    resets: int = 0
    i2c_errors: int = 0
    temperature_c: float | None = None  # the warmest sensor
    hot: bool = False
    supply_v: float | None = None  # that feeds the machine, None where nothing measures it
    supply_low: bool = False


@dataclass(frozen=True)
class CalibrationView:
    """What the wizard shows: where it is, what it asks or says, what it reads, and what the player may choose."""

    step: int = 1  # from 1
    steps: int = 3
    title: str = ""  # in large
    lines: tuple[str, ...] = ()
    confidence_cents: float = math.inf  # shown while `progress` is
    progress: float | None = None  # 0…1 while it measures
    moving: str = ""  # what is not still, and what to do about it
    warn: bool = False
    choices: tuple[str, ...] = ()
    chosen: int = 0


def note(pitch_hz: float) -> tuple[str, int, int]:
    """Nearest note, its octave and the cents from it (−50…+50), A4 = 440 Hz: 450 → ("A", 4, 39)."""
    semitones = 69 + 12 * math.log2(pitch_hz / 440)
    nearest = math.floor(semitones + 0.5)
    return NOTES[nearest % 12], nearest // 12 - 1, round(100 * (semitones - nearest))
