"""Eight LEDs on a PCA9685, one meaning each.

    0 gate1   lit while the jack is high
    1 gate2   lit while the jack is high
    2 level   brightness of the sound, −48…0 dBFS
    3 clip    lights when the soft limit bends the sound, fades over half a second
    4 load    glows with the share of its time the engine uses, flashes full on a lost block
    5 fault   blinks while a chip does not answer
    6 voltage glows while the jacks are read and flares with what moves there
    7 engine  breathes while it starts, steady while it sounds, blinks while it is gone or cannot play

Which output of the chip lights which is the board's. All change in one auto-incremented transaction (34 bytes, 0.8 ms
at 400 kHz; two where the board spreads them over more than eight outputs), sent when a value changed, and once a second
so that a chip that left is noticed and one whose supply blinked lights again. Brightness is what an eye sees, 0…1; duty
follows it by a power of 2.2. The LEDs' on-times are staggered around the cycle, so that they do not all draw on the
codec's supply in one step.
"""

import math
from collections.abc import Mapping, Sequence

from neurorack.clock import Clock
from neurorack.panel.backoff import Backoff
from neurorack.panel.oled import REFRESH_S, Bus
from neurorack.panel.state import Engine, PanelState

COLOURS = {
    "engine": "green", "load": "yellow", "voltage": "yellow", "fault": "red",
    "level": "green", "clip": "red", "gate1": "green", "gate2": "green",
}  # fmt: skip
"""What is soldered, in the panel's order. No meaning hangs on a colour alone: each LED has its own place and legend
(the gates stand beside their jacks), and what is amiss blinks."""

_PAINT = {"green": (86, 226, 118), "yellow": (255, 206, 46), "red": (255, 66, 54)}

RGB = {name: _PAINT[colour] for name, colour in COLOURS.items()}
"""For pictures of the module."""

GAMMA = 2.2
STEPS = 4096

_MODE1, _LED0, _PRESCALE = 0x00, 0x06, 0xFE
_SLEEP, _AUTO_INCREMENT = 0x10, 0x20  # bit 0 clear: no answer to the all-call address 0x70
_TOTEM_POLE = 0x04
_OSCILLATOR_HZ = 25_000_000

MOST_BYTES = 32
"""Of a block that every adapter carries: eight outputs."""


def duty(brightness: float) -> int:
    """Steps of 4096 that look like `brightness` 0…1; never dark for a brightness above 0."""
    if not brightness > 0:
        return 0
    return max(1, round(min(brightness, 1.0) ** GAMMA * STEPS))


def registers(brightness: Sequence[float]) -> bytes:
    """ON and OFF registers of as many outputs: four bytes each, 12 bits and the full-on or full-off bit."""
    out = bytearray()
    for index, value in enumerate(brightness):
        steps, start = duty(value), index * STEPS // len(brightness)
        on, off = start, (start + steps) % STEPS
        if steps == 0:
            on, off = 0, STEPS
        elif steps == STEPS:
            on, off = STEPS, 0
        out += on.to_bytes(2, "little") + off.to_bytes(2, "little")
    return bytes(out)


def prescale(pwm_hz: float) -> int:
    """The chip's divider for a PWM rate, 24…1526 Hz."""
    return min(max(round(_OSCILLATOR_HZ / (STEPS * pwm_hz)) - 1, 3), 255)


def lights(state: PanelState, *, problem: bool) -> dict[str, float]:
    """Brightness of every LED; `problem`: the module cannot play and the display says why."""
    blink = float(state.t_s % 0.5 < 0.25)
    breath = 0.5 - 0.5 * math.cos(2 * math.pi * state.t_s / 1.6)
    level = min(max(1 + state.level_db / 48, 0.0), 1.0)
    return {
        "gate1": float(state.gates[0]),
        "gate2": float(state.gates[1]),
        "level": level,
        "clip": state.clip,
        "load": max(0.6 * min(state.load, 1.0), state.lost_now),
        "fault": blink if state.silent_chips else 0.0,
        "voltage": 0.1 + 0.9 * state.moved if state.jacks_alive else 0.0,
        "engine": blink
        if problem or state.engine is Engine.GONE
        else 0.7
        if state.engine is Engine.PLAYING
        else breath,
    }


class Leds:
    """One PCA9685. `show` never raises: a chip that stops answering is asked again later and set up anew.

    `channels` says which output (0…15) lights which LED.
    """

    def __init__(self, bus: Bus, address: int, channels: Mapping[str, int], pwm_hz: float, clock: Clock) -> None:
        self._bus, self._address = bus, address
        self._channels, self._prescale = channels, prescale(pwm_hz)
        self._first, self._last = min(channels.values()), max(channels.values())
        self._clock, self._backoff = clock, Backoff(clock)
        self._refresh_ns = 0
        self._shown: bytes | None = None

    @property
    def ok(self) -> bool:
        """The chip answers, as far as is known."""
        return not self._backoff.failing

    def show(self, brightness: Mapping[str, float]) -> bool:
        """Set every LED to its brightness 0…1, dark where none is given; False where the chip does not answer."""
        if not self._backoff.begin():
            return False
        outputs = [0.0] * (self._last - self._first + 1)
        for name, channel in self._channels.items():
            outputs[channel - self._first] = brightness.get(name, 0.0)
        wanted = registers(outputs)
        try:
            if self._shown is None:
                self._write(_MODE1, bytes((_AUTO_INCREMENT | _SLEEP, _TOTEM_POLE)))
                self._write(_PRESCALE, bytes((self._prescale,)))  # heard only in sleep
            now_ns = self._clock.now_ns()
            if wanted != self._shown or now_ns >= self._refresh_ns:
                if now_ns >= self._refresh_ns:
                    self._write(_MODE1, bytes((_AUTO_INCREMENT,)))  # awake
                    self._refresh_ns = now_ns + round(REFRESH_S * 1e9)
                self._write(_LED0 + 4 * self._first, wanted)
                self._shown = wanted
        except OSError:
            self._shown, self._refresh_ns = None, 0
            self._backoff.failed()
            return False
        self._backoff.worked()
        return True

    def _write(self, register: int, data: bytes) -> None:
        for start in range(0, len(data), MOST_BYTES):
            self._bus.write_i2c_block_data(self._address, register + start, list(data[start : start + MOST_BYTES]))
