from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurorack.errors import BadInput
from neurorack.panel.plot import BLUE, RED, SIZE, Plot, _ticks


def where(path: Path, colour: str) -> np.ndarray:
    """(row, column) of pixels of that colour, legend apart."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    image = np.asarray(Image.open(path).convert("RGB")).astype(int)
    found = np.argwhere(np.abs(image - rgb).sum(axis=2) < 12)
    return found[found[:, 1] < SIZE[0] - 60]


def test_a_line_goes_where_its_values_say(tmp_path: Path) -> None:
    plot = Plot("", "", "", (0.0, 10.0), (-1.0, 1.0))
    plot.line([0.0, 10.0], [-1.0, 1.0], "", RED)
    plot.save(tmp_path / "p.png")
    rows, columns = where(tmp_path / "p.png", RED).T
    assert np.corrcoef(rows, columns)[0, 1] < -0.999


@pytest.mark.parametrize("log_y", [False, True])
def test_bars_stand_on_the_axis_as_high_as_they_count(tmp_path: Path, log_y: bool) -> None:
    plot = Plot("", "", "", (0.0, 3.0), (1.0, 100.0), log_y=log_y)
    plot.bars([0.0, 1.0, 2.0, 3.0], [100.0, 0.0, 10.0], "", BLUE)
    plot.save(tmp_path / "p.png")
    found = where(tmp_path / "p.png", BLUE)
    tall, low = (np.ptp(found[part][:, 0]) for part in (found[:, 1] < 340, found[:, 1] > 600))
    assert low / tall == pytest.approx(0.5 if log_y else 9 / 99, abs=0.03)
    assert not len(found[(found[:, 1] > 350) & (found[:, 1] < 590)])


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((-2.0, 4.0), [-2, -1, 0, 1, 2, 3, 4]),
        ((0.0, 60.0), [0, 10, 20, 30, 40, 50, 60]),
        ((-0.21, 0.2), [-0.2, -0.1, 0.0, 0.1, 0.2]),
    ],
)
def test_ticks_are_round_numbers(ends: tuple[float, float], ticks: list[float]) -> None:
    assert _ticks(*ends) == pytest.approx(ticks)


def test_a_plot_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write the picture"):
        Plot("", "", "", (0, 1), (0, 1)).save(tmp_path / "file" / "p.png")
