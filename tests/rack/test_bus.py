"""The virtual bus behaves to a driver as the kernel's does."""

import errno
import time
from collections.abc import Callable

import pytest
from smbus2 import i2c_msg

from neurorack.clock import MonotonicClock, SimulatedClock
from neurorack.errors import BadInput
from neurorack.rack.bus import RackBus, open_rack_bus
from neurorack.rack.chips.ads1x15 import Ads1x15
from neurorack.rack.chips.pca9685 import Pca9685
from neurorack.rack.state import Fault
from neurorack.rack.world import World


def voltmeter(address: int = 0x48) -> Ads1x15:
    return Ads1x15(address, [lambda t0, t1: 1.0], noisy=lambda: False)


@pytest.fixture
def faults() -> dict[str, Fault]:
    return {}


@pytest.fixture
def bus(clock: SimulatedClock, faults: dict[str, Fault]) -> RackBus:
    return RackBus(clock, {"adc": voltmeter(), "leds": Pca9685(0x60)}, name="bus_a", faults=lambda: faults)


def refusal(call: Callable, *arguments: object) -> int | None:
    with pytest.raises(OSError) as caught:
        call(*arguments)
    return caught.value.errno


def test_it_takes_smbus2_messages(bus: RackBus) -> None:
    answer = i2c_msg.read(0x48, 2)
    bus.i2c_rdwr(i2c_msg.write(0x48, [1]), answer)
    assert bytes(answer) == b"\x85\x83"
    assert list(answer) == [0x85, 0x83]


def test_a_transaction_takes_nine_bits_a_byte(bus: RackBus, clock: SimulatedClock) -> None:
    bus.i2c_rdwr(i2c_msg.read(0x48, 2))
    assert clock.now_ns() == (1 + 9 + 2 * 9 + 1) * 2500
    before_ns = clock.now_ns()
    bus.i2c_rdwr(i2c_msg.write(0x60, bytes(1025)))
    assert clock.now_ns() - before_ns == pytest.approx(23.1e6, abs=0.1e6)


def test_of_two_chips_at_one_address_both_hear_and_the_zeros_win(clock: SimulatedClock) -> None:
    first, second = (Ads1x15(0x48, [lambda t0, t1, v=v: v], noisy=lambda: False) for v in (1.0, 2.25))
    bus = RackBus(clock, {"first": first, "second": second})
    bus.i2c_rdwr(i2c_msg.write(0x48, [1, 0xC3, 0xE3]))  # both convert
    clock.sleep_until_ns(clock.now_ns() + 2_000_000)
    one, other = (round(v / 4.096 * 0x8000) for v in (1.0, 2.25))
    assert int.from_bytes(bytes(bus.read_i2c_block_data(0x48, 0, 2)), "big") == one & other
    assert one & other not in (one, other)


def test_a_chip_at_anothers_address_leaves_its_own_silent(bus: RackBus, faults: dict[str, Fault]) -> None:
    faults["leds"] = Fault("strapped", address=0x48)
    bus.write_byte_data(0x48, 0x02, 0x55)  # a threshold to one of them, a subaddress to the other
    assert refusal(bus.read_byte, 0x60) == errno.EREMOTEIO
    faults.clear()
    assert bus.read_byte_data(0x60, 0x02) == 0x55


def test_a_slower_bus_takes_longer(clock: SimulatedClock) -> None:
    RackBus(clock, {"adc": voltmeter()}, speed_hz=100_000).read_byte(0x48)
    assert clock.now_ns() == (1 + 9 + 9 + 1) * 10_000


def test_a_transaction_takes_its_time_on_the_real_clock_too() -> None:
    bus = RackBus(MonotonicClock(), {"leds": Pca9685(0x60)})
    begin = time.monotonic_ns()
    for _ in range(5):
        bus.i2c_rdwr(i2c_msg.write(0x60, bytes(100)))
    assert time.monotonic_ns() - begin >= 5 * 101 * 9 * 2500


def test_the_calls_of_smbus2(bus: RackBus) -> None:
    bus.write_byte_data(0x60, 0x00, 0x21)
    assert bus.read_byte_data(0x60, 0x00) == 0x21
    bus.write_i2c_block_data(0x60, 0x06, [1, 2, 3, 4])
    assert bus.read_i2c_block_data(0x60, 0x06, 4) == [1, 2, 3, 4]
    assert bus.read_word_data(0x60, 0x06) == 0x0201
    bus.write_word_data(0x60, 0x06, 0x0304)
    assert bus.read_i2c_block_data(0x60, 0x06, 2) == [4, 3]
    bus.write_byte(0x48, 1)
    assert bus.read_byte(0x48) == 0x85
    bus.write_quick(0x48)
    with pytest.raises(ValueError, match="32"):
        bus.write_i2c_block_data(0x60, 0, [0] * 33)
    with pytest.raises(ValueError, match="32"):
        bus.read_i2c_block_data(0x60, 0, 33)
    bus.close()


def test_nobody_at_an_address_is_no_acknowledge_and_costs_a_byte(bus: RackBus, clock: SimulatedClock) -> None:
    assert refusal(bus.write_quick, 0x25) == errno.EREMOTEIO
    assert clock.now_ns() == 11 * 2500


def test_a_failed_transaction_leaves_the_bus_free(bus: RackBus) -> None:
    refusal(bus.read_byte, 0x25)
    assert bus.read_byte_data(0x60, 0x00) == 0x11


def test_a_general_call_reaches_every_chip(bus: RackBus) -> None:
    bus.write_byte_data(0x60, 0x00, 0x21)
    bus.write_i2c_block_data(0x48, 2, [0x12, 0x34])
    bus.write_byte(0x00, 0x06)
    assert bus.read_byte_data(0x60, 0x00) == 0x11
    assert bus.read_i2c_block_data(0x48, 2, 2) == [0x80, 0x00]


def test_an_absent_chip_does_not_answer_and_the_others_do(bus: RackBus, faults: dict[str, Fault]) -> None:
    faults["adc"] = Fault("absent")
    assert refusal(bus.read_byte, 0x48) == errno.EREMOTEIO
    assert bus.read_byte_data(0x60, 0x00) == 0x11


def test_a_chip_that_comes_back_has_lost_its_registers(bus: RackBus, faults: dict[str, Fault]) -> None:
    bus.write_i2c_block_data(0x48, 2, [0x12, 0x34])
    faults["adc"] = Fault("absent")
    refusal(bus.read_byte, 0x48)
    del faults["adc"]
    assert bus.read_i2c_block_data(0x48, 2, 2) == [0x80, 0x00]


def test_a_chip_falls_silent_after_so_many_messages(bus: RackBus, faults: dict[str, Fault]) -> None:
    faults["adc"] = Fault("silent", after=3, since_ns=1)
    for _ in range(3):
        bus.read_byte(0x48)
    for _ in range(3):
        assert refusal(bus.read_byte, 0x48) == errno.EREMOTEIO
    faults["adc"] = Fault("silent", after=1, since_ns=2)
    bus.read_byte(0x48)
    assert refusal(bus.read_byte, 0x48) == errno.EREMOTEIO


def test_a_slow_chip_stretches_the_clock(bus: RackBus, faults: dict[str, Fault], clock: SimulatedClock) -> None:
    faults["adc"] = Fault("slow", seconds=0.003)
    assert bus.read_byte(0x48) == 0x00
    assert clock.now_ns() == 3_000_000 + 20 * 2500
    before_ns = clock.now_ns()
    bus.read_byte(0x60)
    assert clock.now_ns() - before_ns == 20 * 2500


def test_a_stuck_bus_times_out(bus: RackBus, faults: dict[str, Fault], clock: SimulatedClock) -> None:
    faults["bus_a"] = Fault("stuck", seconds=0.05)
    assert refusal(bus.read_byte, 0x48) == errno.ETIMEDOUT
    assert clock.now_ns() >= 50_000_000
    faults.clear()
    bus.read_byte(0x48)


def test_the_module_has_its_chips_where_the_board_says(clock: SimulatedClock) -> None:
    world = World.from_toml()
    found = {}
    for device in ("rack:a", "rack:b"):
        bus = open_rack_bus(device, clock, world)
        found[device] = []
        for address in range(0x08, 0x78):
            try:
                bus.write_quick(address)
                found[device].append(address)
            except OSError:
                pass
    assert found == {"rack:a": [0x48, 0x49, 0x4A], "rack:b": [0x3C, 0x60, 0x70]}


def test_an_unknown_bus_is_refused(clock: SimulatedClock) -> None:
    with pytest.raises(BadInput, match="rack:z"):
        open_rack_bus("rack:z", clock, World.from_toml())


def test_a_reading_costs_little(clock: SimulatedClock) -> None:
    """The live module makes some 1,500 transactions a second: 30 µs each would be 4.5 % of a core."""
    bus = open_rack_bus("rack:a", clock, World.from_toml())
    bus.i2c_rdwr(i2c_msg.write(0x48, [1, 0x42, 0xE3]), i2c_msg.write(0x48, [0]))
    answer = i2c_msg.read(0x48, 2)

    def cost_s(work: Callable[[], object]) -> float:
        best = 1.0
        for _ in range(5):
            begin = time.process_time()
            for _ in range(400):
                clock.sleep_until_ns(clock.now_ns() + 1_300_000)
                work()
            best = min(best, (time.process_time() - begin) / 400)
        return best

    yardstick_s = cost_s(lambda: [number * number for number in range(50)])  # about 2 µs
    assert cost_s(lambda: bus.i2c_rdwr(answer)) < 15 * yardstick_s
