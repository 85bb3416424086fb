"""A version that plays stays; any other goes, whatever happens while it is watched."""

import itertools
import json
import sys

import pytest
from versions import make_version

from neurorack.update import trial as module
from neurorack.update.home import Home
from neurorack.update.trial import ATTEMPTS_MAX, ENDS_MAX, KEEP_S, MUTE, SILENCE_S, Sign, Trial, Verdict

STEP_S = 10.0

PLAYS, STILL = Sign(True, {"engine": 1, "jacks": 2}), Sign(False, {"engine": 1, "jacks": 2})
AGAIN, GONE = Sign(True, {"engine": 3, "jacks": 2}), Sign(False, {"engine": 0, "jacks": 2})
SIGNS = (PLAYS, STILL, AGAIN, GONE, MUTE)


def verdict_by_hand(signs: tuple[Sign, ...]) -> tuple[Verdict, int]:
    """The verdict and the number of looks it takes, from the whole history at once."""
    for looks in range(1, len(signs) + 1):
        seen = signs[:looks]
        known = [sign.pids for sign in seen if sign.pids is not None]
        ends = sum(
            pid != 0 and after[name] != pid
            for before, after in itertools.pairwise(known)
            for name, pid in before.items()
        )
        heard = [number for number, sign in enumerate(seen) if sign.plays]
        silent_s = STEP_S * (looks - 1 - (heard[-1] if heard else 0))
        if ends >= ENDS_MAX or silent_s >= SILENCE_S:
            return Verdict.RETURN, looks
        if heard and heard[-1] == looks - 1 and STEP_S * (heard[-1] - heard[0]) >= KEEP_S:
            return Verdict.KEEP, looks
    return Verdict.WAIT, len(signs)


def verdict(signs: tuple[Sign, ...]) -> tuple[Verdict, int]:
    trial = Trial(0.0)
    for looks, sign in enumerate(signs, 1):
        if (found := trial.look(STEP_S * (looks - 1), sign)) is not Verdict.WAIT:
            assert bool(trial.why) == (found is Verdict.RETURN)
            return found, looks
    return Verdict.WAIT, len(signs)


@pytest.mark.parametrize("first", SIGNS, ids=["plays", "still", "again", "gone", "mute"])
def test_every_history_of_eight_looks_has_its_verdict(first):
    for rest in itertools.product(SIGNS, repeat=6):
        signs = (first, *rest, PLAYS)
        assert verdict(signs) == verdict_by_hand(signs), signs


def test_what_plays_for_a_minute_stays():
    assert verdict((PLAYS,) * 7) == (Verdict.KEEP, 7)
    assert verdict((STILL, STILL, *(PLAYS,) * 7)) == (Verdict.KEEP, 9), "one that takes 20 s to start"


def test_what_does_not_play_for_half_a_minute_goes():
    for sign in (STILL, MUTE):
        assert verdict((sign,) * 9) == (Verdict.RETURN, 4)
        assert verdict((PLAYS, PLAYS, *(sign,) * 9)) == (Verdict.RETURN, 5)


def test_the_third_end_is_the_last():
    assert verdict((PLAYS, AGAIN, PLAYS, AGAIN)) == (Verdict.RETURN, 4)
    assert verdict((PLAYS, AGAIN, PLAYS, *(PLAYS,) * 4)) == (Verdict.KEEP, 7), "two are forgiven"


def test_who_cannot_be_asked_once_has_not_ended():
    assert verdict((PLAYS, MUTE, PLAYS, MUTE, *(PLAYS,) * 4))[0] is Verdict.KEEP


@pytest.fixture
def home(tmp_path) -> Home:
    """0.1.0 is good, 0.2.0 on trial."""
    home = Home(tmp_path)
    for version in ("0.1.0", "0.2.0"):
        make_version(home.folder(version), version, "")
    home._link("good", "0.1.0")
    home.begin_trial("0.2.0")
    return home


def test_the_fourth_beginning_brings_the_one_before_back(home):
    for _ in range(ATTEMPTS_MAX):
        assert module.begin(home) and home.current == "0.2.0"
    assert not module.begin(home)
    assert (home.current, home.good, home.on_trial) == ("0.1.0", "0.1.0", False)
    assert "0.2.0 was begun 3 times" in home.returned


@pytest.mark.parametrize("content", ["", "0.2.0", "0.2.0 x", "0.2.0 1 1", "\udcff 1"])
def test_a_count_that_cannot_be_read_brings_the_one_before_back(home, content):
    (home.root / "attempts").write_text(content, errors="surrogateescape")
    assert not module.begin(home)
    assert home.current == "0.1.0"


def test_another_versions_count_is_not_this_ones(home):
    (home.root / "attempts").write_text("0.1.5 3\n")
    assert module.begin(home)


@pytest.mark.parametrize(("plays", "stays"), [(True, True), (False, False)])
def test_the_verdict_is_carried_out(home, monkeypatch, plays, stays):
    now_s = iter(range(0, 10_000, 5))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(now_s)))
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(module, "ask", lambda version: Sign(plays and version.name == "0.2.0", {"engine": 1}))
    assert module.watch(home) is (Verdict.KEEP if stays else Verdict.RETURN)
    version = "0.2.0" if stays else "0.1.0"
    assert (home.current, home.good) == (version, version)
    assert home.former == ("0.1.0" if stays else None)
    assert {path.name for path in home.folder("").iterdir()} == ({"0.1.0", "0.2.0"} if stays else {"0.1.0"})
    assert bool(home.returned) != stays


@pytest.mark.parametrize(("verdict", "starts"), [(Verdict.KEEP, 1), (Verdict.RETURN, 2)])
def test_what_is_watched_has_been_started_by_the_watch(home, monkeypatch, verdict, starts):
    """Whoever switched may have been killed before it could: then the processes that play are the old version's."""
    done: list[str] = []
    monkeypatch.setattr(module, "Home", lambda: home)
    monkeypatch.setattr("neurorack.update.service.restart", lambda: done.append("start"))
    monkeypatch.setattr(module, "watch", lambda home: done.append("watch") or verdict)
    assert module.main() == 0
    assert done == ["start", "watch", "start"][: starts + 1]


@pytest.mark.parametrize(
    ("says", "sign"),
    [
        (json.dumps({"plays": True, "pids": {"engine": 7}}), Sign(True, {"engine": 7})),
        (json.dumps({"plays": 1, "pids": {"engine": 7}}), Sign(False, {"engine": 7})),
        (json.dumps({"plays": True, "pids": [7]}), MUTE),
        ("[]", MUTE), ("", MUTE), ("null", MUTE), ("{}", MUTE), ("x" * 100, MUTE),
    ],
)  # fmt: skip
def test_a_version_may_say_anything_of_itself(tmp_path, says, sign):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text(f"#!/bin/sh\necho '{says}'\n")
    (tmp_path / "bin/python").chmod(0o755)
    assert module.ask(tmp_path) == sign


def test_a_version_that_cannot_run_is_mute(tmp_path):
    assert module.ask(tmp_path) == MUTE
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text(f"#!{sys.executable}\nraise SystemExit(1)\n")
    (tmp_path / "bin/python").chmod(0o755)
    assert module.ask(tmp_path) == MUTE
