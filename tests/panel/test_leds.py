import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.board import LED_NAMES, load_board
from neurorack.clock import SimulatedClock
from neurorack.panel.leds import STEPS, Leds, duty, lights, prescale, registers
from neurorack.panel.state import Engine, PanelState

CHANNELS = load_board().leds.channels


@pytest.fixture
def leds(bus: Any, clock: SimulatedClock) -> Leds:
    return Leds(bus, 0x60, CHANNELS, 1000, clock)


def on_share(four: bytes) -> float:
    """Share of the cycle one output is on, as the data sheet of the PCA9685 defines it."""
    on, off = int.from_bytes(four[:2], "little"), int.from_bytes(four[2:], "little")
    if off & STEPS:
        return 0.0
    if on & STEPS:
        return 1.0
    return ((off - on) % STEPS) / STEPS


@given(st.floats(0, 1))
def test_duty_follows_what_the_eye_sees(brightness: float) -> None:
    (share,) = [on_share(registers([brightness]))]
    assert share == pytest.approx(brightness**2.2, abs=1 / STEPS)
    assert (share > 0) == (brightness > 0)


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_where_a_cycle_begins_does_not_change_how_bright_an_led_is(values: list[float]) -> None:
    data = registers(values)
    assert [on_share(data[4 * i : 4 * i + 4]) for i in range(8)] == [duty(v) / STEPS for v in values]


def test_half_brightness_is_a_fifth_of_the_current() -> None:
    assert duty(0.5) / STEPS == pytest.approx(0.218, abs=0.001)


def test_what_is_no_brightness_is_dark_or_full() -> None:
    assert duty(math.nan) == duty(-1.0) == 0
    assert duty(7.0) == STEPS


def test_eight_leds_change_in_one_transaction(leds: Leds, bus: Any) -> None:
    leds.show({})
    bus.take()
    leds.show(dict.fromkeys(LED_NAMES, 0.5))
    (message,) = bus.take()
    assert message[0] == 0x06 and len(message) == 1 + 8 * 4


def test_nothing_is_sent_while_nothing_changes(leds: Leds, bus: Any) -> None:
    leds.show({"level": 0.5})
    bus.take()
    assert leds.show({"level": 0.5})
    assert bus.take() == []


def test_a_chip_that_leaves_while_nothing_changes_is_noticed(leds: Leds, bus: Any, clock: SimulatedClock) -> None:
    leds.show({"level": 0.5})
    bus.answers = False
    assert leds.show({"level": 0.5}), "nothing was sent"
    clock.sleep_until_ns(clock.now_ns() + 1_000_000_000)
    assert not leds.show({"level": 0.5})


def test_set_up_writes_the_rate_asleep_and_is_deaf_to_the_all_call_address(leds: Leds, bus: Any) -> None:
    leds.show({})
    asleep, rate, awake, _ = bus.take()
    assert asleep[:2] == bytes((0x00, 0x30)) and rate == bytes((0xFE, 5)) and awake == bytes((0x00, 0x20))


def test_the_rate_is_the_chips_nearest() -> None:
    assert prescale(200) == 30 and prescale(1526) == 3 and prescale(24) == 253


def test_an_led_lights_on_the_output_that_the_board_gives_it(bus: Any, clock: SimulatedClock) -> None:
    leds = Leds(bus, 0x60, {"gate1": 9, "level": 4}, 1000, clock)
    leds.show({"gate1": 1.0})
    message = bus.take()[-1]
    assert message[0] == 0x06 + 4 * 4
    assert [on_share(message[i : i + 4]) for i in range(1, len(message), 4)] == [0, 0, 0, 0, 0, 1]


def test_leds_on_outputs_far_apart_take_two_blocks(bus: Any, clock: SimulatedClock) -> None:
    Leds(bus, 0x60, {"gate1": 0, "level": 15}, 1000, clock).show({"gate1": 1.0, "level": 1.0})
    first, second = bus.take()[-2:]
    assert (first[0], len(first), second[0], len(second)) == (0x06, 33, 0x06 + 32, 33)
    shares = [on_share(block[i : i + 4]) for block in (first, second) for i in range(1, 33, 4)]
    assert shares == [1, *[0] * 14, 1]


def test_a_chip_that_comes_back_is_set_up_anew(leds: Leds, bus: Any, clock: SimulatedClock) -> None:
    leds.show({"clip": 1.0})
    bus.answers = False
    assert not leds.show({"clip": 0.5}) and not leds.ok
    bus.answers = True
    bus.take()
    assert not leds.show({"clip": 0.5})
    clock.sleep_until_ns(clock.now_ns() + 250_000_000)
    assert leds.show({"clip": 0.5}) and leds.ok
    assert len(bus.take()) == 4


PLAYING = PanelState(engine=Engine.PLAYING, jacks_alive=True, level_db=-12.0, load=0.3)


def test_every_led_of_the_board_has_a_meaning() -> None:
    assert set(lights(PLAYING, problem=False)) == set(LED_NAMES) == set(CHANNELS)


@pytest.mark.parametrize(
    ("change", "led", "value"),
    [
        ({"gates": (True, False)}, "gate1", 1.0),
        ({"gates": (True, False)}, "gate2", 0.0),
        ({"level_db": -math.inf}, "level", 0.0),
        ({"level_db": -24.0}, "level", 0.5),
        ({"level_db": 3.0}, "level", 1.0),
        ({"clip": 0.4}, "clip", 0.4),
        ({"load": 0.5}, "load", 0.3),
        ({"lost_now": 1.0}, "load", 1.0),
        ({}, "fault", 0.0),
        ({"silent_chips": ("cv",)}, "fault", 1.0),
        ({"silent_chips": ("cv",), "t_s": 0.3}, "fault", 0.0),
        ({"moved": 1.0}, "voltage", 1.0),
        ({"jacks_alive": False}, "voltage", 0.0),
        ({}, "engine", 0.7),
        ({"engine": Engine.GONE, "t_s": 0.3}, "engine", 0.0),
        ({"engine": Engine.GONE, "t_s": 0.5}, "engine", 1.0),
    ],
)
def test_one_meaning_each(change: dict, led: str, value: float) -> None:
    assert lights(replace(PLAYING, **change), problem=False)[led] == pytest.approx(value)


def test_while_it_starts_the_engine_led_breathes() -> None:
    starting = [lights(PanelState(t_s=t / 20), problem=False)["engine"] for t in range(33)]
    assert min(starting) < 0.05 and max(starting) > 0.95


def test_a_problem_blinks_even_where_the_engine_sounds() -> None:
    assert {lights(replace(PLAYING, t_s=t / 4), problem=True)["engine"] for t in range(4)} == {0.0, 1.0}
