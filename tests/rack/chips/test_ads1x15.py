"""The virtual ADS1115 and ADS1015, by their data sheets and by Adafruit's driver."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.rack.chips.ads1x15 import FULL_SCALE_V, MUX, RATES_HZ, WAKE_NS, Ads1x15

MS = 1_000_000
SINGLE = 0x8000 | 0x0100
AIN0 = 0b100 << 12
RANGE_4V = 1 << 9
SPS_860 = 7 << 5


def constant(volts: float) -> Callable[[int, int], float]:
    return lambda t0_ns, t1_ns: volts


def quiet(*pins_v: float, part: str = "ads1115", name: str = "adc") -> Ads1x15:
    return Ads1x15(0x48, [constant(v) for v in pins_v], part=part, name=name, noisy=lambda: False, supply_v=5.0)


def write(chip: Ads1x15, register: int, word: int, t_ns: int) -> None:
    chip.write(bytes((register, word >> 8, word & 0xFF)), t_ns)


def read(chip: Ads1x15, register: int, t_ns: int) -> int:
    chip.write(bytes((register,)), t_ns)
    return int.from_bytes(chip.read(2, t_ns), "big")


def signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word


def period_ns(chip: Ads1x15, rate_hz: float) -> int:
    return round(1e9 / rate_hz * (1 + chip.clock_error))


def test_registers_after_power_on_are_the_data_sheets() -> None:
    chip = quiet(1.0)
    assert [read(chip, register, 0) for register in range(4)] == [0x0000, 0x8583, 0x8000, 0x7FFF]


def test_a_single_shot_is_busy_until_its_time_has_passed() -> None:
    chip = quiet(1.0)
    write(chip, 1, SINGLE | AIN0 | RANGE_4V | SPS_860 | 3, 0)
    end_ns = WAKE_NS + period_ns(chip, 860)
    assert read(chip, 1, end_ns - 1) & 0x8000 == 0
    assert read(chip, 0, end_ns - 1) == 0, "the register holds the conversion before"
    assert read(chip, 1, end_ns) & 0x8000
    assert read(chip, 0, end_ns) == 8000  # 125 µV a step


def test_a_single_shot_is_one_conversion_and_then_power_down() -> None:
    volts = {"now": 1.0}
    chip = Ads1x15(0x48, [lambda t0, t1: volts["now"]], noisy=lambda: False)
    write(chip, 1, SINGLE | AIN0 | RANGE_4V | SPS_860, 0)
    assert read(chip, 0, 5 * MS) == 8000
    volts["now"] = 2.0
    assert read(chip, 0, 500 * MS) == 8000


def test_the_start_bit_is_ignored_while_converting() -> None:
    chip = quiet(1.0)
    word = SINGLE | AIN0 | RANGE_4V | SPS_860
    write(chip, 1, word, 0)
    end_ns = WAKE_NS + period_ns(chip, 860)
    write(chip, 1, word, end_ns // 2)
    assert read(chip, 1, end_ns) & 0x8000, "the second start did not begin another conversion"


def test_a_write_without_the_start_bit_starts_nothing() -> None:
    chip = quiet(1.0)
    write(chip, 1, (SINGLE | AIN0 | RANGE_4V | SPS_860) & ~0x8000, 0)
    assert read(chip, 1, 1) & 0x8000
    assert read(chip, 0, 50 * MS) == 0


def test_continuous_mode_goes_on_by_itself() -> None:
    chip = Ads1x15(0x48, [lambda t0, t1: (t0 + t1) / 2 * 1e-9], noisy=lambda: False)
    write(chip, 1, AIN0 | RANGE_4V | SPS_860, 0)
    period = period_ns(chip, 860)
    for number in (1, 2, 7, 300):
        end_ns = WAKE_NS + number * period
        mean_v = (end_ns - period / 2) * 1e-9
        assert read(chip, 0, end_ns) == round(mean_v / 125e-6)
        assert read(chip, 0, end_ns + period - 1) == round(mean_v / 125e-6)
    assert read(chip, 1, 400 * period) & 0x8000 == 0, "it never rests"


def test_new_settings_wait_for_the_end_of_the_conversion_under_way() -> None:
    chip = quiet(1.0, 2.0)
    write(chip, 1, AIN0 | RANGE_4V | SPS_860, 0)
    period = period_ns(chip, 860)
    first_end_ns = WAKE_NS + period
    write(chip, 1, AIN0 | 1 << 12 | RANGE_4V | SPS_860, first_end_ns - 1000)
    assert read(chip, 0, first_end_ns) == 8000
    assert read(chip, 0, first_end_ns + period - 1) == 8000
    assert read(chip, 0, first_end_ns + period) == 16000


def test_a_continuous_chip_can_be_sent_to_sleep() -> None:
    volts = {"now": 1.0}
    chip = Ads1x15(0x48, [lambda t0, t1: volts["now"]], noisy=lambda: False)
    write(chip, 1, AIN0 | RANGE_4V | SPS_860, 0)
    write(chip, 1, 0x0100 | AIN0 | RANGE_4V | SPS_860, 10 * MS)
    assert read(chip, 0, 12 * MS) == 8000
    volts["now"] = 2.0
    assert read(chip, 0, 100 * MS) == 8000
    assert read(chip, 1, 100 * MS) & 0x8000


def test_a_step_inside_the_window_gives_a_mixture() -> None:
    def step(t0_ns: int, t1_ns: int) -> float:
        at_ns = WAKE_NS + period // 4
        return max(0, t1_ns - max(t0_ns, at_ns)) / (t1_ns - t0_ns)

    chip = Ads1x15(0x48, [step], noisy=lambda: False)
    period = period_ns(chip, 860)
    write(chip, 1, SINGLE | AIN0 | RANGE_4V | SPS_860, 0)
    assert read(chip, 0, 3 * MS) == pytest.approx(0.75 * 8000, abs=1)


@given(code=st.integers(0, 7), v=st.floats(-0.2, 5.0))
def test_every_range_clips_and_quantises(code: int, v: float) -> None:
    chip = quiet(v)
    write(chip, 1, SINGLE | AIN0 | code << 9 | SPS_860, 0)
    expected = round(v / FULL_SCALE_V[code] * 32768)
    assert signed(read(chip, 0, 5 * MS)) == max(-32768, min(32767, expected))


@given(mux=st.integers(0, 7), pins_v=st.tuples(*[st.floats(0.0, 2.0)] * 4))
def test_every_mux_setting_measures_its_pair(mux: int, pins_v: tuple[float, ...]) -> None:
    chip = quiet(*pins_v)
    write(chip, 1, SINGLE | mux << 12 | RANGE_4V | SPS_860, 0)
    plus, minus = MUX[mux]
    expected = pins_v[plus] - (0.0 if minus is None else pins_v[minus])
    assert signed(read(chip, 0, 5 * MS)) == pytest.approx(expected / 125e-6, abs=1)


@pytest.mark.parametrize("part", RATES_HZ)
@pytest.mark.parametrize("code", range(8))
def test_every_data_rate_takes_its_time(part: str, code: int) -> None:
    chip = quiet(1.0, part=part)
    write(chip, 1, SINGLE | AIN0 | RANGE_4V | code << 5, 0)
    end_ns = WAKE_NS + period_ns(chip, RATES_HZ[part][code])
    assert read(chip, 1, end_ns - 1) & 0x8000 == 0
    assert read(chip, 1, end_ns) & 0x8000


def test_specimens_differ_by_up_to_ten_percent_and_stay_the_same() -> None:
    errors = [quiet(0.0, name=f"adc{i}").clock_error for i in range(400)]
    assert max(errors) == pytest.approx(0.1, abs=0.01)
    assert min(errors) == pytest.approx(-0.1, abs=0.01)
    assert errors == [quiet(0.0, name=f"adc{i}").clock_error for i in range(400)]


def test_the_ads1015_has_twelve_bits_at_the_left() -> None:
    chip = quiet(1.2345, part="ads1015")
    write(chip, 1, SINGLE | AIN0 | RANGE_4V | 4 << 5, 0)
    word = read(chip, 0, 5 * MS)
    assert word & 0xF == 0
    assert word >> 4 == round(1.2345 / 2e-3)


def test_a_pin_cannot_carry_more_than_its_supply() -> None:
    chip = Ads1x15(0x48, [constant(12.0), constant(-12.0)], noisy=lambda: False, supply_v=3.3)
    write(chip, 1, SINGLE | AIN0 | 0 << 9 | SPS_860, 0)
    assert read(chip, 0, 5 * MS) == round(3.6 / 187.5e-6)
    write(chip, 1, SINGLE | AIN0 | 1 << 12 | 0 << 9 | SPS_860, 5 * MS)
    assert signed(read(chip, 0, 10 * MS)) == round(-0.3 / 187.5e-6)


def codes(chip: Ads1x15, count: int) -> list[int]:
    write(chip, 1, AIN0 | RANGE_4V | SPS_860, 0)
    period = period_ns(chip, 860)
    return [read(chip, 0, WAKE_NS + (number + 1) * period) for number in range(count)]


def test_noise_is_a_third_of_a_step_and_repeats_with_its_seed() -> None:
    halfway = 1.0 + 62.5e-6  # noise shows best between two codes
    found = codes(Ads1x15(0x48, [constant(halfway)], seed=1), 4000)
    assert 0.25 < np.std(found) < 0.8
    assert found == codes(Ads1x15(0x48, [constant(halfway)], seed=1), 4000)
    assert found != codes(Ads1x15(0x48, [constant(halfway)], seed=2), 4000)


def test_what_nobody_reads_does_not_change_what_is_read() -> None:
    often, seldom = (Ads1x15(0x48, [constant(1.0)], seed=3) for _ in range(2))
    assert codes(often, 100)[99] == codes(seldom, 100)[99]
    late = Ads1x15(0x48, [constant(1.0)], seed=3)
    write(late, 1, AIN0 | RANGE_4V | SPS_860, 0)
    assert read(late, 0, WAKE_NS + 100 * period_ns(late, 860)) == codes(often, 100)[99]


def test_a_general_call_resets() -> None:
    chip = quiet(1.0)
    write(chip, 2, 0x1234, 0)
    chip.general_call(0x04, 0)
    assert read(chip, 2, 0) == 0x1234
    chip.general_call(0x06, 0)
    assert read(chip, 2, 0) == 0x8000


@given(st.binary(max_size=6), st.integers(0, 4))
def test_no_message_upsets_it(data: bytes, count: int) -> None:
    chip = quiet(1.0)
    chip.write(data, 0)
    assert len(chip.read(count, 5 * MS)) == count


@pytest.mark.usefixtures("without_blinka", "sleeps_simulated")
@pytest.mark.parametrize("part", ["ads1115", "ads1015"])
def test_adafruits_driver_reads_it(part: str, bus_with: Callable, busio: type) -> None:
    import adafruit_ads1x15
    from adafruit_ads1x15 import AnalogIn

    driver = {"ads1115": adafruit_ads1x15.ADS1115, "ads1015": adafruit_ads1x15.ADS1015}[part]
    pins_v = (0.5, 1.25, 2.0, 3.1)
    bus = bus_with(quiet(*pins_v, part=part))
    adc = driver(busio(bus), gain=1)
    step_v = 4.096 / (0x8000 if part == "ads1115" else 0x800)
    for pin, volts in enumerate(pins_v):
        assert AnalogIn(adc, pin).voltage == pytest.approx(volts, abs=step_v)
    assert AnalogIn(adc, 0, 1).voltage == pytest.approx(-0.75, abs=step_v)
    adc.gain = 2
    assert AnalogIn(adc, 3).voltage == pytest.approx(2.048, abs=step_v)  # clipped
    adc.data_rate = max(adc.rates)
    assert AnalogIn(adc, 1).voltage == pytest.approx(1.25, abs=step_v / 2)


@pytest.mark.usefixtures("without_blinka", "sleeps_simulated")
def test_adafruits_driver_reads_it_continuously(bus_with: Callable, busio: type, clock) -> None:
    from adafruit_ads1x15 import ADS1115, AnalogIn
    from adafruit_ads1x15.ads1x15 import Mode

    def rising(t0_ns: int, t1_ns: int) -> float:
        return (t0_ns + t1_ns) / 2 * 1e-9

    pins = [rising, lambda t0_ns, t1_ns: 0.0]  # its first conversion is still of the difference of the two
    adc = ADS1115(busio(bus_with(Ads1x15(0x48, pins, noisy=lambda: False))), data_rate=860, mode=Mode.CONTINUOUS)
    pin = AnalogIn(adc, 0)
    for _ in range(5):
        clock.sleep_until_ns(clock.now_ns() + 20 * MS)
        assert pin.voltage == pytest.approx(clock.now_ns() * 1e-9, abs=0.003)
