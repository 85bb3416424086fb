"""The time of day jumps by years, and what is remembered is not confused: in a machine whose clock may be set."""

import time

import pytest
from disk import settings

from neurorack.jacks.calibration import Calibration, Correction
from neurorack.settings.memory import SAVE_S, Memory
from neurorack.settings.store import Store

YEAR_S = 365 * 86_400


@pytest.fixture
def jump():
    """Set the clock so many years on. It is put right afterwards."""
    right_s = time.time() - time.monotonic()

    def by(years: int) -> None:
        time.clock_settime(time.CLOCK_REALTIME, right_s + time.monotonic() + years * YEAR_S)

    yield by
    by(0)


def test_settings_are_saved_every_few_seconds_whatever_the_date(jump, tmp_path):
    memory = Memory(tmp_path)
    for number, years in enumerate((0, -40, 60, 0, -40)):
        jump(years)
        memory.remember(settings(number))
        give_up_s = time.monotonic() + 2 * SAVE_S
        while not memory.saved:
            assert time.monotonic() < give_up_s, f"{years} years away nothing is saved"
            memory.step()
            time.sleep(0.05)
        assert Store(tmp_path).load() == settings(number)
    assert memory.take_notices() == []
    memory.close()


def test_the_newest_calibration_is_in_force_whatever_the_date(jump, tmp_path):
    path = tmp_path / "calibration.toml"
    for number, years in enumerate((60, -40, 0)):
        jump(years)
        made = Calibration({"voct": Correction([0.0, 3.0 + number / 1_000], [0.0, 3.0])})
        made.save(path)
        assert Calibration.load(path).corrections == made.corrections
