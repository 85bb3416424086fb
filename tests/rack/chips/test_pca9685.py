"""The virtual PCA9685, by its data sheet and by Adafruit's driver."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.rack.chips.pca9685 import Pca9685

AWAKE = bytes((0x00, 0x21))  # auto-increment, all-call


@pytest.fixture
def chip() -> Pca9685:
    chip = Pca9685()
    chip.write(AWAKE, 0)
    return chip


def read(chip: Pca9685, register: int, count: int = 1) -> list[int]:
    chip.write(bytes((register,)), 0)
    return list(chip.read(count, 0))


def test_it_wakes_up_asleep_with_everything_off() -> None:
    chip = Pca9685()
    assert read(chip, 0x00) == [0x11]
    assert read(chip, 0x01) == [0x04]
    assert read(chip, 0xFE) == [0x1E]
    assert read(chip, 0x09) == [0x10]
    assert (chip.duty() == 0).all()


@given(on=st.integers(0, 4095), off=st.integers(0, 4095), output=st.integers(0, 15))
def test_duty_is_the_time_between_on_and_off(on: int, off: int, output: int) -> None:
    chip = Pca9685()
    chip.write(AWAKE, 0)
    chip.write(bytes((0x06 + 4 * output, on & 255, on >> 8, off & 255, off >> 8)), 0)
    expected = np.zeros(16)
    expected[output] = (off - on) % 4096 / 4096
    assert chip.duty() == pytest.approx(expected)


def test_full_on_and_full_off(chip: Pca9685) -> None:
    chip.write(bytes((0x06, 0, 0x10, 0, 0)), 0)
    assert chip.duty()[0] == 1.0
    chip.write(bytes((0x09, 0x10)), 0)
    assert chip.duty()[0] == 0.0, "full off has the last word"


def test_all_led_sets_all(chip: Pca9685) -> None:
    chip.write(bytes((0xFA, 0, 0, 0, 8)), 0)
    assert (chip.duty() == 0.5).all()
    assert read(chip, 0xFA, 4) == [0, 0, 0, 0], "these registers cannot be read"


def test_asleep_it_is_dark_and_awake_again_as_before(chip: Pca9685) -> None:
    chip.write(bytes((0xFA, 0, 0, 0, 8)), 0)
    chip.write(bytes((0x00, 0x31)), 0)
    assert (chip.duty() == 0).all()
    assert read(chip, 0x00) == [0xB1], "the chip says that it can restart"
    chip.write(bytes((0x00, 0x21)), 0)
    assert (chip.duty() == 0.5).all()
    chip.write(bytes((0x00, 0xA1)), 0)
    assert read(chip, 0x00) == [0x21], "writing 1 clears the restart bit"


def test_the_prescaler_listens_only_in_sleep(chip: Pca9685) -> None:
    chip.write(bytes((0xFE, 5)), 0)
    assert read(chip, 0xFE) == [0x1E]
    chip.write(bytes((0x00, 0x31)), 0)
    chip.write(bytes((0xFE, 5)), 0)
    assert chip.pwm_hz() == pytest.approx(1017, abs=1)
    chip.write(bytes((0xFE, 0)), 0)
    assert read(chip, 0xFE) == [3], "the least it takes"


def test_without_auto_increment_one_register_hears_everything(chip: Pca9685) -> None:
    chip.write(bytes((0x00, 0x01)), 0)
    chip.write(bytes((0x06, 1, 2, 3)), 0)
    assert read(chip, 0x06, 3) == [3, 3, 3]
    assert read(chip, 0x07) == [0]


def test_auto_increment_wraps_after_the_last_led(chip: Pca9685) -> None:
    assert read(chip, 0x45, 3) == [0x10, 0x21, 0x04]


def test_it_answers_the_all_call_until_told_not_to(chip: Pca9685) -> None:
    assert chip.answers(0x60) and chip.answers(0x70)
    assert not chip.answers(0x40)
    chip.write(bytes((0x05, 0xD0)), 0)
    assert chip.answers(0x68) and not chip.answers(0x70)
    chip.write(bytes((0x00, 0x20)), 0)
    assert not chip.answers(0x68)
    chip.write(bytes((0x00, 0x28)), 0)
    assert chip.answers(0x71), "first subaddress"


def test_inverted_outputs(chip: Pca9685) -> None:
    chip.write(bytes((0x06, 0, 0, 0, 4)), 0)
    chip.write(bytes((0x01, 0x14)), 0)
    assert chip.duty()[0] == 0.75
    assert chip.duty()[1] == 1.0


def test_a_general_call_resets(chip: Pca9685) -> None:
    chip.general_call(0x06, 0)
    assert read(chip, 0x00) == [0x11]


@given(st.lists(st.binary(max_size=80), max_size=5), st.integers(0, 300))
def test_no_message_upsets_it(messages: list[bytes], count: int) -> None:
    chip = Pca9685()
    for message in messages:
        chip.write(message, 0)
    assert len(chip.read(count, 0)) == count
    assert ((chip.duty() >= 0) & (chip.duty() <= 1)).all()


def test_its_state_outlives_the_process_that_drives_it(tmp_path: Path) -> None:
    first = Pca9685(run_dir=tmp_path)
    first.write(AWAKE, 0)
    first.write(bytes((0x06, 0, 0, 0, 4)), 0)
    again = Pca9685(run_dir=tmp_path)
    assert again.duty()[0] == 0.25
    assert read(again, 0x00) == [0x21]


@pytest.mark.usefixtures("without_blinka", "sleeps_simulated")
def test_adafruits_driver_sets_leds(bus_with: Callable, busio: type) -> None:
    PCA9685 = pytest.importorskip("adafruit_pca9685").PCA9685
    chip = Pca9685(0x60)
    driver = PCA9685(busio(bus_with(chip)), address=0x60)
    driver.frequency = 1000
    assert chip.pwm_hz() == pytest.approx(driver.frequency, rel=0.02)
    for output in range(16):
        driver.channels[output].duty_cycle = output * 0x1111
    assert chip.duty() == pytest.approx(np.arange(16) / 15, abs=2 / 4096)
    assert [driver.channels[output].duty_cycle >> 4 for output in range(16)] == [output * 0x111 for output in range(16)]
    driver.channels[3].duty_cycle = 0
    assert chip.duty()[3] == 0.0
