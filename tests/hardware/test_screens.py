"""The player's page shows the screens as the module draws them."""

import re

import numpy as np
import pytest
from PIL import Image

from hardware.screens import FOLDER, PLAYING_MD, SCREENS, main, picture, shown_in_playing
from neurorack.board import LED_NAMES
from neurorack.desk import Desk
from neurorack.panel.instrument import Instrument


@pytest.mark.parametrize("name", shown_in_playing())
def test_the_page_shows_what_the_module_draws(name: str) -> None:
    """`make hardware` draws them anew."""
    shown = np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB"))
    np.testing.assert_array_equal(shown, np.asarray(picture(SCREENS[name]()).convert("RGB")))


def test_no_picture_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.png")} == set(shown_in_playing())


def test_one_command_draws_them_all(tmp_path) -> None:
    assert main([str(tmp_path)]) == 0
    assert {path.stem for path in tmp_path.glob("*.png")} == set(shown_in_playing())


def test_every_row_of_the_menu_and_every_light_is_on_the_page() -> None:
    from hardware.screens import Shown, Strings
    from neurorack.panel.pages.meters import TunerPage
    from neurorack.panel.pages.system import Service
    from neurorack.panel.panel import menu_rows

    page = PLAYING_MD.read_text("utf-8").lower()
    for row in menu_rows(Shown(), Service(), TunerPage, Strings):
        assert row.name in page
    lights = page.split("## lights")[1]
    for name in LED_NAMES:
        assert re.sub(r"(\d)", r" \1", name) in lights


def test_a_desk_is_all_that_the_panel_asks_for() -> None:
    asked = {name for name in vars(Instrument) if not name.startswith("_")}
    assert asked <= set(dir(Desk))
