import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorack.clock import SimulatedClock
from neurorack.panel.canvas import pages
from neurorack.panel.oled import DIM, Oled, windows

ADDRESS = 0x3C


@pytest.fixture
def oled(display: Any, clock: SimulatedClock) -> Oled:
    return Oled(display, ADDRESS, clock)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((64, 128)) < 0.5


def test_the_first_frame_sets_the_display_up_and_shows_itself(oled: Oled, display: Any) -> None:
    assert oled.show(noise(1))
    assert display.on
    np.testing.assert_array_equal(display.memory, pages(noise(1)))
    assert {address for address, _ in display.sent} == {ADDRESS}


def test_the_top_pixel_of_a_page_is_bit_0_of_its_column(oled: Oled, display: Any) -> None:
    pixels = np.zeros((64, 128), bool)
    pixels[8, 3] = pixels[15, 4] = True
    oled.show(pixels)
    assert display.memory[1, 3] == 0x01 and display.memory[1, 4] == 0x80


def test_a_frame_that_changed_nothing_sends_nothing(oled: Oled, display: Any) -> None:
    oled.show(noise(1))
    display.take()
    assert oled.show(noise(1))
    assert display.take() == []


def test_one_pixel_costs_one_window_of_one_byte(oled: Oled, display: Any) -> None:
    pixels = np.zeros((64, 128), bool)
    oled.show(pixels)
    display.take()
    pixels[37, 90] = True
    oled.show(pixels)
    assert display.bytes_on_wire() == 8 + 3
    assert display.take() == [bytes((0x00, 0x21, 90, 90, 0x22, 4, 4)), bytes((0x40, 0x20))]


def test_a_still_picture_is_sent_again_page_by_page_in_eight_seconds(
    oled: Oled, display: Any, clock: SimulatedClock
) -> None:
    oled.show(noise(1))
    display.memory[:, 60] ^= 0xFF  # a disturbance on the cable
    for _ in range(8):
        clock.sleep_until_ns(clock.now_ns() + 1_000_000_000)
        display.take()
        oled.show(noise(1))
        assert [len(data) for data in display.take()] == [10, 7, 129]
    np.testing.assert_array_equal(display.memory, pages(noise(1)))


def test_a_display_whose_supply_blinked_unnoticed_is_whole_after_eight_seconds(
    oled: Oled, display: Any, clock: SimulatedClock
) -> None:
    oled.show(noise(1))
    display.lose_power()
    for _ in range(9):
        clock.sleep_until_ns(clock.now_ns() + 1_000_000_000)
        assert oled.show(noise(1))
    assert display.on
    np.testing.assert_array_equal(display.memory, pages(noise(1)))


def test_pages_that_did_not_change_are_not_sent(oled: Oled, display: Any) -> None:
    before, after = noise(1), noise(1)
    after[16:32] = noise(2)[16:32]
    oled.show(before)
    display.take()
    oled.show(after)
    assert {data[5] for data in display.take() if data[0] == 0x00} == {2, 3}
    np.testing.assert_array_equal(display.memory, pages(after))


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 127), st.integers(1, 255)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_windows_hold_every_change_and_cost_less_than_the_whole_frame(changes: list[tuple[int, int, int]]) -> None:
    shown = pages(noise(3))
    wanted = shown.copy()
    for page, column, flip in changes:
        wanted[page, column] ^= flip
    sent = shown.copy()
    runs = windows(shown, wanted)
    for page, first, last in runs:
        sent[page, first : last + 1] = wanted[page, first : last + 1]
    np.testing.assert_array_equal(sent, wanted)
    assert sum(last - first + 1 + 10 for _, first, last in runs) <= max(len(changes) * 11, 0)


def test_a_silent_display_is_asked_ever_more_rarely_and_set_up_anew_on_its_return(
    oled: Oled, display: Any, clock: SimulatedClock
) -> None:
    oled.show(noise(1))
    display.answers = False
    display.lose_power()
    tries = []
    for _ in range(25 * 20):  # 20 s of frames
        before = display.tries
        assert not oled.show(noise(2))
        tries.append(display.tries - before)
        clock.sleep_until_ns(clock.now_ns() + 40_000_000)
    assert not oled.ok
    assert 4 <= np.count_nonzero(tries) <= 10
    display.answers = True
    clock.sleep_until_ns(clock.now_ns() + 4_000_000_000)
    assert oled.show(noise(2)) and oled.ok and display.on
    np.testing.assert_array_equal(display.memory, pages(noise(2)))


def test_a_display_that_is_missing_at_the_start_is_found_later(oled: Oled, display: Any, clock: SimulatedClock) -> None:
    display.answers = False
    assert not oled.show(noise(1))
    display.answers = True
    assert not oled.show(noise(1)), "it waits before it asks again"
    clock.sleep_until_ns(clock.now_ns() + 250_000_000)
    assert oled.show(noise(1))


def test_a_rotated_display_scans_the_other_way(display: Any, clock: SimulatedClock) -> None:
    Oled(display, ADDRESS, clock, rotated=True).show(noise(1))
    codes = [data[1] for data in display.take() if len(data) == 2 and data[0] == 0x80]
    assert [c for c in codes if c in (0xC0, 0xC8)][-1] == 0xC0
    assert [c for c in codes if c in (0xA0, 0xA1)][-1] == 0xA0


def test_blank_switches_it_off(oled: Oled, display: Any) -> None:
    oled.show(noise(1))
    oled.blank()
    assert not display.on


def test_the_driver_needs_no_blinka_and_leaves_no_stand_in_behind() -> None:
    code = (
        "import sys; from neurorack.panel.oled import DIM, _driver; _driver();"
        "print([m for m in ('micropython', 'busio', 'digitalio', 'circuitpython_typing', 'PIL') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_contrast_is_sent_when_it_changes_and_with_every_wake(oled: Oled, display: Any, clock: SimulatedClock) -> None:
    oled.show(noise(1))
    display.take()
    oled.show(noise(1), contrast=DIM)
    assert display.take() == [bytes((0x00, 0x81, DIM))]
    oled.show(noise(1), contrast=DIM)
    assert display.take() == []
    clock.sleep_until_ns(clock.now_ns() + 1_000_000_000)
    oled.show(noise(1), contrast=DIM)
    assert display.take()[0].endswith(bytes((0x81, DIM)))
