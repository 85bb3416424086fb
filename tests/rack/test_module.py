"""The virtual module as a whole: from the jack through the conditioning into a register."""

from pathlib import Path

import pytest
from smbus2 import i2c_msg

from neurorack.board import load_board
from neurorack.clock import SimulatedClock
from neurorack.rack.bus import RackBus, open_rack_bus
from neurorack.rack.control import RackControl
from neurorack.rack.world import World
from neurorack.words import CV_JACKS, POTS

S = 1_000_000_000


@pytest.fixture
def world(tmp_path: Path) -> World:
    path = tmp_path / "take.csv"
    path.write_text("t,voct,cv1,cv2,cv3,cv4\n0,-3,-5,-2.5,2.5,5\n10,7,5,2.5,-2.5,-5\n")
    world = World.from_volts_file(path)
    RackControl(world, SimulatedClock()).noise(False)
    return world


def pin_v(bus: RackBus, address: int, pin: int, clock: SimulatedClock) -> float:
    """One single-shot conversion at ±4.096 V."""
    bus.i2c_rdwr(i2c_msg.write(address, [1, 0xC3 | pin << 4, 0xE3]))
    clock.sleep_until_ns(clock.now_ns() + 2_000_000)
    answer = i2c_msg.read(address, 2)
    bus.i2c_rdwr(i2c_msg.write(address, [0]), answer)
    return int.from_bytes(bytes(answer), "big", signed=True) * 125e-6


def test_every_jack_is_read_through_its_conditioning(world: World, clock: SimulatedClock) -> None:
    bus, board = open_rack_bus("rack:a", clock, world), load_board()
    clock.sleep_until_ns(3 * S)
    for name, jack in zip(CV_JACKS, board.jacks.in_order(), strict=True):
        adc = board.adc.voct if name == "voct" else board.adc.cv
        expected_v = world.volts(name, clock.now_ns())
        assert jack.jack_v(pin_v(bus, adc.address, jack.input, clock)) == pytest.approx(expected_v, abs=0.005)


def test_every_pot_is_read_through_its_wiring(world: World, clock: SimulatedClock) -> None:
    bus, board, hands = open_rack_bus("rack:a", clock, world), load_board(), RackControl(world, clock)
    for number, (name, pot) in enumerate(zip(POTS, board.pots.in_order(), strict=True)):
        hands.turn_pot(name, 0.2 * number + 0.1)
        position = pot.position(pin_v(bus, board.adc.pots.address, pot.input, clock))
        assert position == pytest.approx(0.2 * number + 0.1, abs=1e-3)


def test_a_fault_from_outside_reaches_the_bus(tmp_path: Path, clock: SimulatedClock) -> None:
    bus = open_rack_bus("rack:a", clock, tmp_path)
    hands = RackControl(tmp_path, clock)
    bus.read_byte(0x48)
    hands.fault("adc_voct", "absent")
    with pytest.raises(OSError):
        bus.read_byte(0x48)
    bus.read_byte(0x49)
    hands.repair("adc_voct")
    bus.read_byte(0x48)


def test_what_the_panel_shows_is_in_the_run_directory(tmp_path: Path, clock: SimulatedClock) -> None:
    from neurorack.rack.chips.pca9685 import LEDS
    from neurorack.rack.chips.ssd1306 import OLED, pixels
    from neurorack.shared import Snapshot

    bus = open_rack_bus("rack:b", clock, tmp_path)
    oled, leds = Snapshot(tmp_path / "rack.oled", OLED), Snapshot(tmp_path / "rack.leds", LEDS)
    bus.i2c_rdwr(i2c_msg.write(0x3C, bytes.fromhex("00 8D 14 A5 AF")))
    bus.i2c_rdwr(i2c_msg.write(0x60, [0x00, 0x21]), i2c_msg.write(0x60, [0x06, 0, 0, 0, 8]))
    assert oled.refresh() and leds.refresh()
    assert pixels(oled.record).all()
    assert leds.record.duty[0] == 0.5


def test_the_same_seed_gives_the_same_noise(clock: SimulatedClock) -> None:
    def codes(seed: int) -> list[float]:
        clock = SimulatedClock()
        bus = open_rack_bus("rack:a", clock, World.from_toml(seed=seed))
        return [pin_v(bus, 0x4A, n % 4, clock) for n in range(40)]

    assert codes(1) == codes(1)
    assert codes(1) != codes(2)


def test_a_board_of_ones_own_is_wired_as_it_says(tmp_path: Path, clock: SimulatedClock) -> None:
    text = Path(load_board.__globals__["DEFAULT_BOARD"]).read_text().replace("address = 0x48", "address = 0x4B")
    board = tmp_path / "board.toml"
    board.write_text(text)
    World.create(tmp_path, 0, board=board)
    bus = open_rack_bus("rack:a", clock, tmp_path)
    bus.read_byte(0x4B)
    with pytest.raises(OSError):
        bus.read_byte(0x48)
