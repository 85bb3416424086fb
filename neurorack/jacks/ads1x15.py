"""ADS1115 and ADS1015 at register level (TI SBAS444 and SBAS473), one bus transaction per method.

The chip remembers which register a read means. A conversion started by a config write leaves it at the config
register, so the first poll is a bare read; in continuous mode it stays at the conversion register, so a reading
is 2 bytes (72 µs at 400 kHz).
"""

from smbus2 import i2c_msg

from neurorack.board import RANGES_V, RATES_SPS, Adc
from neurorack.jacks.bus import I2cBus
from neurorack.jacks.smbus import SmbusOnly

CONVERSION, CONFIG = 0, 1
OS = 0x8000  # write: start a conversion; read: idle
SINGLE_SHOT = 0x0100
COMPARATOR_OFF = 0x0003

MESSAGE_BITS, SMBUS_BITS = 28, 48
"""Start, address and two data bytes: bit times of one bare read; and with address and register before it."""

MOST_READS = 8
"""Reads that `readings` can join in one transaction."""

_Messages = tuple[i2c_msg, ...]


class Ads1x15:
    """One converter. Every method may raise OSError where the chip does not answer.

    Codes are signed 16 bit for both kinds (the ADS1015's twelve bits lie at the top), so volts at the pin are
    code × `lsb_v` for both. `conversion_ns` is nominal; a specimen's own differs by up to ±10 %. `bit_ns` is the
    bus's bit time, `read_ns` what one of joined readings takes.
    """

    def __init__(self, bus: I2cBus, adc: Adc, clock_hz: int) -> None:
        self._bus, self._address = bus, adc.address
        self.bit_ns = 1e9 / clock_hz
        self.read_ns = self.bit_ns * (SMBUS_BITS if isinstance(bus, SmbusOnly) else MESSAGE_BITS)
        self.lsb_v = adc.range_v / 0x8000
        self.conversion_ns = 1e9 / adc.rate_sps
        gain, rate = RANGES_V.index(adc.range_v), RATES_SPS[adc.kind].index(adc.rate_sps)
        self._setting = gain << 9 | rate << 5 | COMPARATOR_OFF
        self._reads = tuple(i2c_msg.read(self._address, 2) for _ in range(MOST_READS))
        self._bursts = {count: self._reads[:count] for count in range(1, MOST_READS + 1)}
        status, code = self._reads[:2]
        to_conversion, to_config = self._write(bytes((CONVERSION,))), self._write(bytes((CONFIG,)))
        self._first_poll: _Messages = (status, to_conversion, code)
        self._next_poll: _Messages = (to_config, *self._first_poll)
        self._poll = self._next_poll
        self._expected = 0
        self._continuous = {number: (self._config(number), to_conversion) for number in range(4)}
        self._shots = {number: self._config(number, SINGLE_SHOT | OS) for number in range(4)}
        self._idle = self._config(0, SINGLE_SHOT)

    def power_down(self) -> None:
        """Let the conversion under way end, if there is one, and begin no other."""
        self._bus.i2c_rdwr(self._idle)

    def start(self, number: int) -> None:
        """Begin one conversion of input `number` from power-down."""
        self._bus.i2c_rdwr(self._shots[number])
        self._poll, self._expected = self._first_poll, self._word(number, SINGLE_SHOT)

    def poll(self) -> int | None:
        """The code, once the conversion that `start` began is done; None before."""
        self._bus.i2c_rdwr(*self._poll)
        self._poll = self._next_poll
        status = int.from_bytes(self._reads[0].buf[:2], "big")
        if status & ~OS != self._expected:
            raise OSError("the chip has lost its settings")
        return int.from_bytes(self._reads[1].buf[:2], "big", signed=True) if status & OS else None

    def run(self, number: int) -> None:
        """Convert input `number` again and again, from power-down."""
        self._bus.i2c_rdwr(*self._continuous[number])

    def readings(self, count: int) -> list[int]:
        """The newest code in continuous mode, read `count` times back to back."""
        burst = self._bursts[count]
        self._bus.i2c_rdwr(*burst)
        return [int.from_bytes(read.buf[:2], "big", signed=True) for read in burst]

    def _word(self, number: int, mode: int = 0) -> int:
        return (4 + number) << 12 | self._setting | mode  # MUX 4…7: the input against ground

    def _config(self, number: int, mode: int = 0) -> i2c_msg:
        return self._write(bytes((CONFIG,)) + self._word(number, mode).to_bytes(2, "big"))

    def _write(self, data: bytes) -> i2c_msg:
        return i2c_msg.write(self._address, data)
