from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurorack.board import LED_NAMES
from neurorack.clock import MonotonicClock, SimulatedClock
from neurorack.errors import BadInput
from neurorack.jacks.bus import open_bus
from neurorack.panel import picture
from neurorack.panel.oled import Oled
from neurorack.panel.picture import draw_module, save_picture
from neurorack.rack.control import RackControl
from neurorack.rack.plan import INPUT_JACKS
from neurorack.words import POTS

DARK = np.zeros((64, 128), bool)


def drawn(pixels: np.ndarray = DARK, **changes: dict) -> np.ndarray:
    given: dict = {"lights": {}, "volts": {}, "pots": dict.fromkeys(POTS, 0.5), "cables": {}, **changes}
    return np.asarray(draw_module(pixels, **given)).astype(int)


@lru_cache
def bare() -> np.ndarray:
    return drawn()


def part(image: np.ndarray, x: float, y: float, w: float, h: float) -> np.ndarray:
    """A piece of the plate, in millimetres."""
    s, m = picture.SCALE, picture.MARGIN_MM
    return image[round((y + m) * s) : round((y + h + m) * s), round((x + m) * s) : round((x + w + m) * s)]


def test_every_pixel_of_the_display_is_on_the_picture_and_upright() -> None:
    pixels = np.random.default_rng(5).random((64, 128)) < 0.5
    glass = part(drawn(pixels), *picture._OLED).mean(axis=2)
    height, width = glass.shape
    middles = glass[((np.arange(64) + 0.5) * height / 64).astype(int)][
        :, ((np.arange(128) + 0.5) * width / 128).astype(int)
    ]
    np.testing.assert_array_equal(middles > 110, pixels)


@pytest.mark.parametrize("name", LED_NAMES[::3])
def test_a_lit_led_shines_on_the_plate(name: str) -> None:
    off, on = bare(), drawn(lights={name: 1.0})
    changed = np.argwhere(np.abs(on - off).sum(axis=2) > 30)
    assert len(changed) > 300
    assert np.ptp(changed[:, 0]) < 8 * picture.SCALE and np.ptp(changed[:, 1]) < 8 * picture.SCALE


def test_a_pot_that_turns_moves_its_pointer_alone() -> None:
    a, b = bare(), drawn(pots=dict.fromkeys(POTS, 0.5) | {"pot2": 0.9})
    rows, columns = np.nonzero(np.abs(a - b).sum(axis=2) > 30)
    assert len(rows) and np.ptp(columns) < 10 * picture.SCALE and np.ptp(rows) < 10 * picture.SCALE


@pytest.mark.parametrize("jack", INPUT_JACKS)
def test_every_input_takes_a_cable(jack: str) -> None:
    assert np.abs(drawn(cables={jack: "seq.cv"}) - bare()).sum() > 1e6


@pytest.mark.parametrize("jack", ["voct", "gate2"])
def test_a_jack_shows_its_volts(jack: str) -> None:
    assert np.abs(drawn(volts={jack: -1.25}) - bare()).sum() > 1e4


def test_a_picture_of_the_running_module_can_be_saved(tmp_path: Path) -> None:
    clock = SimulatedClock(MonotonicClock().now_ns())
    RackControl(tmp_path, clock)
    pixels = np.random.default_rng(6).random((64, 128)) < 0.3
    Oled(open_bus("rack:b", clock, tmp_path), 0x3C, clock).show(pixels)
    save_picture(tmp_path, tmp_path / "panel.png")
    with Image.open(tmp_path / "panel.png") as saved:
        glass = part(np.asarray(saved.convert("RGB")).astype(int), *picture._OLED).mean(axis=2)
    assert (glass > 110).mean() == pytest.approx(0.3 * 0.5, abs=0.1)


def test_a_picture_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    RackControl(tmp_path, SimulatedClock(1))
    with pytest.raises(BadInput, match="cannot write the picture"):
        save_picture(tmp_path, tmp_path / "no" / "panel.png")
