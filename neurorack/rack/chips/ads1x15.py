"""ADS1115 and ADS1015: four analogue inputs, one ΔΣ converter (TI SBAS444 and SBAS473).

A conversion is the mean of the input over its window, so a step inside the window gives a mixture.
The oscillator of each specimen is off by up to ±10 %, which is why drivers poll the ready bit.
"""

import zlib
from collections.abc import Callable, Sequence

from neurorack.rack.chance import gaussian
from neurorack.rack.chips import GENERAL_CALL_RESET

PinMean = Callable[[int, int], float]
"""Mean volts at one pin over the window [t0_ns, t1_ns)."""

CONVERSION, CONFIG, LOW_THRESHOLD, HIGH_THRESHOLD = range(4)
RESET_CONFIG = 0x8583
OS_BIT, SINGLE_SHOT_BIT = 0x8000, 0x0100
FULL_SCALE_V = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)
MUX: tuple[tuple[int, int | None], ...] = ((0, 1), (0, 3), (1, 3), (2, 3), (0, None), (1, None), (2, None), (3, None))
SAMPLED_V, COMMON_OHM, DIFFERENTIAL_OHM = 0.7, 6e6, 15e6
"""What sampling does to a pin at ±4.096 V: one resistor to 0.7 V, one to the other input (SBAS444, analog inputs)."""

FLOATING_V = SAMPLED_V * DIFFERENTIAL_OHM / (COMMON_OHM + DIFFERENTIAL_OHM)
"""Where a pin ends that nothing is joined to: half a volt."""

WAKE_NS = 25_000
"""From power-down to the start of a conversion."""

RATES_HZ = {
    "ads1115": (8, 16, 32, 64, 128, 250, 475, 860),
    "ads1015": (128, 250, 490, 920, 1600, 2400, 3300, 3300),
}

_NOISE_V = (40e-6, 40e-6, 24e-6, 13e-6, 8e-6, 5.5e-6, 5.5e-6, 5.5e-6)
"""Input-referred noise, rms, at 860 SPS per PGA setting: the data sheet's peak-to-peak figures over 6.6."""


def input_noise_v(full_scale_v: float, rate_hz: float) -> float:
    """rms noise of a conversion at the pin."""
    return _NOISE_V[FULL_SCALE_V.index(full_scale_v)] * (rate_hz / 860) ** 0.5


class _Setting:
    """A config word, decoded once."""

    def __init__(self, config: int, rates_hz: tuple[int, ...], clock_error: float) -> None:
        gain = config >> 9 & 7
        self.plus, self.minus = MUX[config >> 12 & 7]
        self.full_scale_v = FULL_SCALE_V[gain]
        self.single_shot = bool(config & SINGLE_SHOT_BIT)
        rate_hz = rates_hz[config >> 5 & 7]
        self.period_ns = round(1e9 / rate_hz * (1.0 + clock_error))
        self.noise_v = input_noise_v(self.full_scale_v, rate_hz)


class Ads1x15:
    """One specimen.

    `pins` are the inputs from AIN0 on (None or missing: open, they float), `part` is "ads1115" or "ads1015",
    `name` and `seed` make its clock error and noise, `noisy()` says whether it has noise now, `supply_v` bounds what
    a pin can carry, `transfer` is what it takes volts for where its gain, offset or line are not exact.
    """

    def __init__(
        self,
        address: int,
        pins: Sequence[PinMean | None],
        *,
        part: str = "ads1115",
        name: str = "adc",
        seed: int = 0,
        noisy: Callable[[], bool] = lambda: True,
        supply_v: float = 3.3,
        transfer: Callable[[float], float] | None = None,
    ) -> None:
        self.address = address
        self._pins = (*pins, None, None, None, None)[:4]
        self._rates_hz = RATES_HZ[part]
        self._steps = 0x8000 if part == "ads1115" else 0x800
        self._shift = 0 if part == "ads1115" else 4
        self._seed = zlib.crc32(f"{name} {seed}".encode()) << 16
        self.clock_error = (zlib.crc32(f"clock {name} {seed}".encode()) / 0xFFFFFFFF - 0.5) * 0.2
        self._noisy, self._transfer = noisy, transfer
        self._settings: dict[int, _Setting] = {}
        self._low_v, self._high_v = -0.3, supply_v + 0.3
        self.reset(0)

    def reset(self, t_ns: int) -> None:
        self._pointer = CONVERSION
        self._config = RESET_CONFIG
        self._thresholds = {LOW_THRESHOLD: 0x8000, HIGH_THRESHOLD: 0x7FFF}
        self._code = 0  # newest finished conversion, as the register holds it
        self._count = 0  # conversions begun since power on: the noise's index
        self._running: _Setting | None = None  # None: powered down
        self._begin_ns = 0  # of the conversion under way
        self._last = False  # the conversion under way ends the series
        self._following: _Setting | None = None  # what begins where it ends

    def answers(self, address: int) -> bool:
        return address == self.address

    def general_call(self, command: int, t_ns: int) -> None:
        if command == GENERAL_CALL_RESET:
            self.reset(t_ns)

    def write(self, data: bytes, t_ns: int) -> None:
        if not data:
            return
        self._pointer = data[0] & 3
        if len(data) < 3:
            return
        word = data[1] << 8 | data[2]
        if self._pointer == CONFIG:
            self._configure(word, t_ns)
        elif self._pointer != CONVERSION:
            self._thresholds[self._pointer] = word

    def read(self, count: int, t_ns: int) -> bytes:
        self._advance(t_ns)
        if self._pointer == CONVERSION:
            word = self._code
        elif self._pointer == CONFIG:
            word = self._config & ~OS_BIT | (OS_BIT if self._running is None else 0)
        else:
            word = self._thresholds[self._pointer]
        return word.to_bytes(2, "big").ljust(count, b"\xff")[:count]

    def _configure(self, word: int, t_ns: int) -> None:
        """A conversion under way ends with the old settings; only an idle chip heeds the OS bit."""
        self._advance(t_ns)
        self._config = word
        setting = self._settings.get(word & ~OS_BIT)
        if setting is None:
            setting = self._settings[word & ~OS_BIT] = _Setting(word, self._rates_hz, self.clock_error)
        if self._running is not None:
            self._last = True
            self._following = None if setting.single_shot else setting
        elif word & OS_BIT or not setting.single_shot:
            self._running, self._last, self._begin_ns = setting, setting.single_shot, t_ns + WAKE_NS

    def _advance(self, t_ns: int) -> None:
        """Bring `_code` up to `t_ns`. Of the conversions nobody read only the newest is computed."""
        while self._running is not None:
            finished = (t_ns - self._begin_ns) // self._running.period_ns
            if finished <= 0:
                return
            if self._last:
                finished = 1
            self._count += finished
            end_ns = self._begin_ns + finished * self._running.period_ns
            self._code = self._convert(self._running, end_ns - self._running.period_ns, end_ns)
            self._begin_ns = end_ns
            if self._last:
                self._running, self._last, self._following = self._following, False, None

    def _convert(self, setting: _Setting, begin_ns: int, end_ns: int) -> int:
        volts = self._pin_v(setting.plus, begin_ns, end_ns)
        if setting.minus is not None:
            volts -= self._pin_v(setting.minus, begin_ns, end_ns)
        if self._transfer is not None:
            volts = self._transfer(volts)
        if self._noisy():
            volts += setting.noise_v * gaussian(self._seed, self._count)
        code = round(volts / setting.full_scale_v * self._steps)
        code = max(-self._steps, min(self._steps - 1, code))
        return code << self._shift & 0xFFFF

    def _pin_v(self, pin: int, begin_ns: int, end_ns: int) -> float:
        mean = self._pins[pin]
        if mean is None:
            return FLOATING_V
        return max(self._low_v, min(self._high_v, mean(begin_ns, end_ns)))
