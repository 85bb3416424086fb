"""Gates and encoder on the kernel's GPIO: gpio-sim under an Orin's label, read through libgpiod as on the board.

Header pins are looked up in Jetson.GPIO's tables for an Orin Nano. Two things of Jetson.GPIO are not reached: here it
is told its model (as it lets containers do) where a Jetson has a device tree, and there are no pads to check the
multiplexing of.
"""

import warnings

import gpiod
import pytest

from neurorack.board import load_board
from neurorack.clock import MonotonicClock
from neurorack.errors import BadInput
from neurorack.jacks.lines import Lines, header_line, line_faults, open_lines
from neurorack.panel.encoder import Quadrature

GPIO, CLOCK = load_board().gpio, MonotonicClock()
LINE = {"gate1": 105, "gate2": 106, "encoder_a": 41, "encoder_b": 43, "encoder_push": 85}
"""As the comment in boards/orin.toml has them."""

MS = 1_000_000


@pytest.fixture
def lines(gpio) -> Lines:
    opened = open_lines(GPIO, CLOCK, None)
    opened.first()
    yield opened
    opened.close()


def wait(ms: float) -> None:
    CLOCK.sleep_until_ns(CLOCK.now_ns() + round(ms * MS))


def test_the_header_pins_of_an_orin_lead_to_its_lines(gpio, lines):
    for name, line in LINE.items():
        gpio.pull(line, 1)
        assert [edge[1:] for edge in lines.edges()] == [(name, 1)]


def test_jetson_gpio_reads_the_same_line_at_a_pin(gpio):
    from Jetson import GPIO as Jetson  # wants a GPIO chip to be there when it is imported

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no pads to check
        Jetson.setmode(Jetson.BOARD)
        for line in GPIO.by_name().values():
            Jetson.setup(line.pin, Jetson.IN)
            levels = []
            for level in (1, 0):
                gpio.pull(header_line(line.pin), level)
                levels.append(Jetson.input(line.pin))
            assert levels == [1, 0]
        Jetson.cleanup()


def test_of_200_edges_at_1_khz_none_is_lost_and_each_has_its_time(gpio, lines):
    begin_ns, spans = CLOCK.now_ns() + MS, []
    for number in range(200):
        CLOCK.sleep_until_ns(begin_ns + number * MS)
        spans.append(gpio.pull(LINE["gate1"], (number + 1) % 2))
    edges = lines.edges()
    assert [edge[1:] for edge in edges] == [("gate1", (number + 1) % 2) for number in range(200)]
    assert all(before <= t_ns <= after for (t_ns, _, _), (before, after) in zip(edges, spans, strict=True))
    assert spans[-1][1] - spans[0][0] < 220 * MS  # it was a burst


def test_pulses_of_1_ms_on_both_gates_are_seen_as_they_come(gpio, lines):
    seen = []
    for _ in range(20):
        for level in (1, 0):
            gpio.pull(LINE["gate1"], level)
            gpio.pull(LINE["gate2"], level)
            wait(1)
            seen += lines.edges()
        wait(2)
    assert [edge[1:] for edge in seen] == [("gate1", 1), ("gate2", 1), ("gate1", 0), ("gate2", 0)] * 20
    assert [edge[0] for edge in seen] == sorted(edge[0] for edge in seen)


def test_a_button_that_bounces_is_pressed_once(gpio, lines):
    for level in (1, 0, 1, 0, 1):
        gpio.pull(LINE["encoder_push"], level)
    seen = lines.edges()
    wait(GPIO.encoder_push.debounce_us / 1e3 + 1)
    assert [edge[1:] for edge in seen + lines.edges()] == [("encoder_push", 1)]


def test_a_bounce_that_ends_elsewhere_is_not_lost(gpio, lines):
    for level in (1, 0, 1, 0):
        gpio.pull(LINE["encoder_push"], level)
    seen = lines.edges()
    wait(GPIO.encoder_push.debounce_us / 1e3 + 1)
    assert [edge[1:] for edge in seen + lines.edges()] == [("encoder_push", 1), ("encoder_push", 0)]


@pytest.mark.parametrize(("first", "second", "step"), [("encoder_a", "encoder_b", 1), ("encoder_b", "encoder_a", -1)])
def test_a_turn_of_the_encoder_is_its_detents(gpio, lines, first, second, step):
    quadrature, steps = Quadrature(), []
    for _ in range(5):
        for name, level in ((first, 1), (second, 1), (first, 0), (second, 0)):
            gpio.pull(LINE[name], level)
            wait(1)
            steps += [quadrature.edge(jack, level) for _, jack, level in lines.edges()]
    assert [turned for turned in steps if turned] == [step] * 5


def test_lines_begin_as_they_stand(gpio):
    gpio.pull(LINE["gate2"], 1)
    opened = open_lines(GPIO, CLOCK, None)
    assert {name: level for _, name, level in opened.first()} == {**dict.fromkeys(LINE, 0), "gate2": 1}
    opened.close()


def test_a_line_that_somebody_has_is_one_clear_message(gpio):
    assert line_faults(GPIO) == []
    with gpiod.request_lines(str(gpio.device), consumer="fan", config={LINE["gate2"]: None}):
        words = r"line 106 is used by fan \(chip tegra234-gpio, gpio.gate2\): end that, or take another pin"
        with pytest.raises(BadInput, match=words) as raised:
            open_lines(GPIO, CLOCK, None)
    assert "\n" not in str(raised.value)
    open_lines(GPIO, CLOCK, None).close()
