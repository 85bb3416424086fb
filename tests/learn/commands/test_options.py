"""What the command line of an offline command refuses, before anything of the offline part is loaded."""

import pytest

from neurorack import cli


def refused(capsys, *arguments: str) -> str:
    """What it says of an argument."""
    assert cli.main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and said.err.startswith("neurorack: argument ")
    return said.err.removeprefix("neurorack: argument ").partition(f" (neurorack {arguments[0]}): see ")[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "sounds", "--out", ""], "--out: an empty name is no folder"),
        (["trim", "skins", "--out", ""], "--out: an empty name is no folder"),
        (["export", "skins", "--out", ""], "--out: an empty name is no folder"),
        (["export", "--random", "--out", ""], "--out: an empty name is no folder"),
        (["train", "", "--out", "x"], "FOLDER: an empty name is no folder"),
        (["trim", "", "--out", "x"], "BUNDLE|CHECKPOINT: an empty name is no instrument"),
        (["export", "", "--out", "x"], "CHECKPOINT|BUNDLE: an empty name is no instrument"),
        (["evaluate", ""], "BUNDLE|CHECKPOINT: an empty name is no instrument"),
        (["evaluate", "skins", "--sounds", ""], "--sounds: an empty name is no folder"),
        (["evaluate", "skins", "--report", ""], "--report: an empty name is no file"),
    ],
)
def test_an_unset_variable_is_not_the_current_folder(tmp_path, monkeypatch, capsys, arguments, told):
    monkeypatch.chdir(tmp_path)
    assert refused(capsys, *arguments) == told and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--keep", "abc", "is not above 0 and at most 1"),
        ("--keep", "1.1", "is not above 0 and at most 1"),
        ("--worse", "nan", "is not a share from 0 on and below 100"),
        ("--rounds", "1.5", "is not a whole number from 1 to 999999999"),
        ("--rounds", "0", "is not a whole number from 1 to 999999999"),
        ("--width", "1000000000", "is not a whole number from 1 to 999999999"),
        ("--seed", "1" * 19, "is not a whole number from 0 on, of 18 digits at most"),
    ],
)
def test_a_number_out_of_bounds_is_told_both_of_them(capsys, option, value, told):
    assert refused(capsys, "trim", "skins", "--out", "x", option, value) == f"{option}: {value!r} {told}"


def test_a_length_that_is_no_number_is_told_what_it_may_be(capsys):
    told = refused(capsys, "train", "sounds", "--out", "x", "--minutes", "soon")
    assert told == "--minutes: 'soon' is not between 0 and a million"
