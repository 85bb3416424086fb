"""No text moves the reader's terminal, and an output that takes nothing is said in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack import cli
from neurorack.terminal import plain

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}


def shell(command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", f"{sys.executable} -m neurorack {command}"],
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, **environment},
        timeout=60,
    )


@pytest.fixture(autouse=True)
def models(tiny_bundle, monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "NEURORACK_MODELS", str(tiny_bundle.parent))


@given(st.text())
def test_whatever_the_text_a_terminal_only_prints_it(text):
    shown = plain(text)
    assert shown.replace("\t", "").isprintable()
    assert plain(shown) == shown


def test_what_can_be_printed_stays_as_it_is():
    assert plain("Glöckchen × 2\t…") == "Glöckchen × 2\t…"
    assert plain("\x1b]0;owned\x07\x9b\u202e") == "\\x1b]0;owned\\x07\\x9b\\u202e"


@pytest.mark.parametrize("command", ["models list >&-", "models list --json >&-", "--help >&-", "models list >&- 2>&-"])
def test_a_closed_output_is_said_in_one_line(command):
    done = shell(command)
    assert done.returncode == 2
    assert done.stdout == ""
    if "2>" not in command:
        assert done.stderr.startswith("neurorack: standard output is closed")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["models list", "models list --json", "models show tiny", "--help", "--version"])
def test_a_full_output_is_said_in_one_line(command):
    done = shell(f"{command} >/dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith("neurorack: cannot write: No space left")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["doctor", "models list --json", "run --help"])
def test_an_output_without_accents_takes_everything(command, tmp_path):
    done = shell(command, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", NEURORACK_RUN_DIR=str(tmp_path / "run"))
    assert (done.returncode, done.stderr) == (0, "")
