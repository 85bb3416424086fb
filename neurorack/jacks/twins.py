"""Whether two converters answer at one address.

To the bus they are one: both hear what is written, and of what is read each bit is 1 where both let it be. But each has
a clock of its own. A converter whose result has changed is no longer busy; of two, the faster one changes what is read
while the slower one still says that it converts.

At the slowest rate, an eighth of a second, two that differ by a percent are told apart; specimens may differ by twenty
(SBAS444, data rate variation). An ADS1015 is sixteen times as fast at its slowest: two of them are as a rule not told.
"""

from smbus2 import i2c_msg

from neurorack.board import RANGES_V, RATES_SPS, Adc
from neurorack.clock import Clock
from neurorack.jacks.ads1x15 import COMPARATOR_OFF, CONFIG, CONVERSION, OS, SINGLE_SHOT
from neurorack.jacks.bus import I2cBus

RANGES = (RANGES_V.index(6.144), RANGES_V.index(4.096))
"""Alternated, so that a result is another than the one before, whatever stands still at the pin."""

SHOTS = 4
"""The first one's result may be that of before."""

CONTRADICTIONS = 2
"""So often busy with a result that is there already, and there are two."""


def twins(bus: I2cBus, adc: Adc, clock: Clock) -> bool:
    """Convert the first input a few times, for half a second in all; whether more than one chip did.

    Leaves the converter powered down. Raises OSError where none answers.
    """
    code, status = i2c_msg.read(adc.address, 2), i2c_msg.read(adc.address, 2)
    poll = (i2c_msg.write(adc.address, [CONVERSION]), code, i2c_msg.write(adc.address, [CONFIG]), status)
    longest_ns = int(1.5e9 / RATES_SPS[adc.kind][0])
    contradictions, before = 0, b""
    for shot in range(SHOTS):
        setting = OS | 4 << 12 | RANGES[shot % 2] << 9 | SINGLE_SHOT | COMPARATOR_OFF  # rate 0 is the slowest
        bus.i2c_rdwr(i2c_msg.write(adc.address, bytes((CONFIG,)) + setting.to_bytes(2, "big")))
        end_ns = clock.now_ns() + longest_ns
        while clock.now_ns() < end_ns:
            bus.i2c_rdwr(*poll)
            if bytes(status)[0] << 8 & OS:
                bus.i2c_rdwr(*poll)  # the result may have been read a moment before it was there
                before = bytes(code)
                break
            contradictions += before not in (b"", bytes(code))
            clock.sleep_until_ns(clock.now_ns() + longest_ns // 2_000)
    return contradictions >= CONTRADICTIONS
