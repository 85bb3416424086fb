"""Where what outlives the power is kept."""

from pathlib import Path

import pytest

from neurorack import statedir
from neurorack.statedir import default_state_dir


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch, tmp_path):
    for name in ("NEURORACK_STATE", "STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setattr(statedir, "SERVICE", tmp_path / "service")


def test_the_more_particular_wins(monkeypatch, tmp_path):
    assert default_state_dir() == Path("/home/anna/.local/state/neurorack")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_state_dir() == Path("/home/anna/.local/state/neurorack"), "ignored, as the specification has it"
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert default_state_dir() == Path("/xdg/neurorack")
    (tmp_path / "service").mkdir()
    assert default_state_dir() == tmp_path / "service", "the service's user finds the service's"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two")
    assert default_state_dir() == Path("/var/lib/one")
    monkeypatch.setenv("NEURORACK_STATE", "/given")
    assert default_state_dir() == Path("/given")


def test_the_unit_gives_the_service_its_own():
    unit = (Path(__file__).parents[1] / "systemd/neurorack.service").read_text()
    assert "\nStateDirectory=neurorack\n" in unit
