"""An update comes in whole or not at all, and what is wrong with it is one line."""

import errno
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tree_disk import scan
from versions import PYTHON, make_key, make_update, make_version, signer

from neurorack.cli import main
from neurorack.errors import BadInput
from neurorack.rundir import Lock
from neurorack.update import home as home_module
from neurorack.update import install as module
from neurorack.update import manifest as listed
from neurorack.update import service, signature, stick
from neurorack.update.home import Home


@pytest.fixture(scope="module")
def key(tmp_path_factory) -> Path:
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def updates(tmp_path_factory, key) -> Path:
    """A folder of updates, one for every case."""
    folder = tmp_path_factory.mktemp("updates")
    for version in ("0.0.9", "0.2.0", "0.10.0"):
        make_update(folder, version, key)
    make_update(folder, "0.3.0", key, machine="vax")
    make_update(folder, "0.4.0", key, python="3.99")
    make_update(folder, "0.5.0", make_key(folder))
    whole = (folder / "neurorack-0.2.0.update").read_bytes()
    (folder / "torn.update").write_bytes(whole[: len(whole) - 100])
    (folder / "wrong.update").write_bytes(b"PK\3\4" + bytes(1000))
    (folder / "empty.update").write_bytes(b"")
    return folder


@pytest.fixture
def home(tmp_path, key, monkeypatch) -> Home:
    """0.1.0 plays. Nothing here reaches systemd, and no version is run: they hold no neurorack."""
    home = Home(tmp_path / "opt")
    make_version(home.folder("0.1.0"), "0.1.0", signer(key))
    for name in ("current", "good"):
        (home.root / name).symlink_to("versions/0.1.0")
    pythons = tmp_path / "bin"
    pythons.mkdir()
    (pythons / f"python{PYTHON}").touch()
    monkeypatch.setattr(module, "PYTHONS", pythons)
    monkeypatch.setattr(module, "_compile", lambda aside, final: None)
    monkeypatch.setattr(module, "_prove", lambda aside: None)
    monkeypatch.setattr(service, "here", lambda: False)
    monkeypatch.setattr(signature, "OWNERS", tmp_path / "owners")
    monkeypatch.setattr(home_module, "ROOT", home.root)
    monkeypatch.setattr(Home.__init__, "__defaults__", (home.root,))
    return home


def everything(home: Home) -> dict[str, object]:
    """All that lies there, but for the lock."""
    return scan(home.root) | {"update.lock": None}


def test_an_update_comes_in_beside_what_plays_and_is_on_trial(home, updates):
    manifest = module.install_file(updates / "neurorack-0.2.0.update", home)
    assert (home.current, home.good) == (manifest.version, "0.1.0") == ("0.2.0", "0.1.0")
    assert listed.verify_folder(home.folder("0.2.0")).version == "0.2.0"
    assert os.readlink(home.folder("0.2.0") / "bin/python") == f"/usr/bin/python{PYTHON}"
    assert not (home.root / ".incoming").exists()


REFUSED = {
    "neurorack-0.3.0.update": r"it is for vax, this is \w+ \(.*\): get the one for",
    "neurorack-0.4.0.update": r"it is for Python 3.99 \(.*\): get the one for python3",
    "neurorack-0.5.0.update": r"not signed by a key that this module trusts",
    "neurorack-0.0.9.update": r"0.0.9 is older than 0.1.0, which plays \(.*\): add --older",
    "torn.update": r"damaged: it ends too early \(.*\): copy it again",
    "wrong.update": r"not an update of neurorack",
    "empty.update": r"not an update of neurorack",
    "none.update": r"no such update",
    ".": r"no such update",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_with_an_update_is_one_line_and_changes_nothing(home, updates, capsys, name):
    before = everything(home)
    assert main(["update", str(updates / name)]) == 2
    line = capsys.readouterr().err
    assert re.match(f"neurorack: {REFUSED[name]}", line) and line.count("\n") == 1
    assert everything(home) == before


def test_an_older_one_is_installed_when_asked_for(home, updates):
    assert module.install_file(updates / "neurorack-0.0.9.update", home, older=True).version == home.current == "0.0.9"


def test_check_only_looks(home, updates, capsys):
    before = everything(home)
    assert main(["update", str(updates / "neurorack-0.2.0.update"), "--check"]) == 0
    assert "0.2.0 is whole and signed: 5 files" in capsys.readouterr().out
    assert main(["update", str(updates / "torn.update"), "--check"]) == 2
    assert everything(home) == before


def test_a_version_that_fails_its_self_test_never_plays(home, updates, monkeypatch):
    def fails(aside: Path) -> None:
        assert listed.verify_folder(aside).version == "0.2.0"
        raise BadInput("it fails its self-test: no sound")

    monkeypatch.setattr(module, "_prove", fails)
    before = everything(home)
    with pytest.raises(BadInput, match="fails its self-test"):
        module.install_file(updates / "neurorack-0.2.0.update", home)
    assert everything(home) == before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("function", ["open", "write", "mkdir", "symlink", "rename"])
def test_a_disk_that_refuses_is_one_line_and_loses_nothing(home, updates, monkeypatch, capsys, function, number):
    class Refusing:
        def __getattr__(self, name: str) -> object:
            return refuse if name == function else getattr(os, name)

    def refuse(*arguments: object, **more: object) -> None:
        raise OSError(number, os.strerror(number))

    before = everything(home)
    monkeypatch.setattr(home_module, "os", Refusing())
    assert main(["update", str(updates / "neurorack-0.2.0.update")]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"neurorack: cannot install: {os.strerror(number)}") and line.count("\n") == 1
    assert everything(home) == before


def test_of_two_updates_at_once_the_second_waits_its_turn(home, updates, capsys):
    with Lock(home.root / "update.lock"):
        assert main(["update", str(updates / "neurorack-0.2.0.update")]) == 2
    assert "another update is under way, process" in capsys.readouterr().err
    module.install_file(updates / "neurorack-0.2.0.update", home)


def test_during_a_trial_no_other_comes_in(home, updates, capsys):
    module.install_file(updates / "neurorack-0.2.0.update", home)
    assert main(["update", str(updates / "neurorack-0.10.0.update")]) == 2
    assert "0.2.0 is on trial" in capsys.readouterr().err
    assert main(["update"]) == 0
    assert "it is on trial; 0.1.0 comes back" in capsys.readouterr().out


def test_the_verdict_is_waited_for_and_told(home, updates, monkeypatch):
    module.install_file(updates / "neurorack-0.2.0.update", home)
    threading.Timer(0.2, home.go_back, ["it did not play for 30 s"]).start()
    with pytest.raises(BadInput, match=r"0.2.0 it did not play for 30 s: 0.1.0 plays again"):
        module.await_verdict("0.2.0", home)
    module.install_file(updates / "neurorack-0.2.0.update", home)
    home.keep()
    module.await_verdict("0.2.0", home)
    monkeypatch.setattr(module, "WAIT_S", 0.0)
    module.install_file(updates / "neurorack-0.10.0.update", home)
    with pytest.raises(BadInput, match="still on trial"):
        module.await_verdict("0.10.0", home)


def test_back_and_forth_by_hand(home, updates, capsys):
    assert main(["update", "--back"]) == 2
    module.install_file(updates / "neurorack-0.2.0.update", home)
    home.keep()
    assert main(["update", "--back"]) == 0
    assert (home.current, home.good, home.former) == ("0.1.0", "0.1.0", "0.2.0")
    assert main(["update", "--back"]) == 0
    assert (home.current, home.former) == ("0.2.0", "0.1.0")


def test_a_version_brings_the_key_of_the_next(home, tmp_path, key):
    old = make_update(tmp_path, "0.2.0", key)
    other = make_key(tmp_path, "other")
    new = make_update(tmp_path, "0.3.0", other)
    with pytest.raises(BadInput, match="not signed"):
        module.install_file(new, home)
    module.install_file(old, home)
    (home.folder("0.2.0") / "signers").write_text(signer(other))  # as one that brings it would have
    with pytest.raises(BadInput, match="on trial"):
        module.install_file(new, home)
    home.keep()
    assert module.install_file(new, home).version == "0.3.0"


def test_the_owner_may_trust_a_key_of_their_own(home, updates, tmp_path):
    (tmp_path / "owners").write_text(signer(updates / "key"))
    assert module.install_file(updates / "neurorack-0.5.0.update", home).version == "0.5.0"


def test_the_first_version_of_all_comes_from_its_folder_and_is_good(tmp_path, home):
    make_version(tmp_path / "first", "0.1.0", "")
    fresh = Home(tmp_path / "fresh")
    for _ in range(2):  # harmless when repeated
        module.install_folder(tmp_path / "first", fresh)
        assert (fresh.current, fresh.good, fresh.former) == ("0.1.0", "0.1.0", None)
    make_version(tmp_path / "second", "0.2.0", "")
    module.install_folder(tmp_path / "second", fresh)
    assert (fresh.current, fresh.good) == ("0.2.0", "0.1.0"), "a later one is on trial"


@pytest.mark.parametrize("change", ["damaged", "another under the same number", "its manifest is gone"])
def test_what_is_not_as_in_the_package_is_laid_down_again(tmp_path, home, change):
    fresh, folder = Home(tmp_path / "fresh"), tmp_path / "first"
    make_version(folder, "0.1.0", "")
    module.install_folder(folder, fresh)
    code = "lib/python/neurorack/code.py"
    if change == "damaged":
        (fresh.folder("0.1.0") / code).write_text("damaged")
    elif change == "its manifest is gone":
        (fresh.folder("0.1.0") / listed.NAME).unlink()
    else:
        made = make_version(folder, "0.1.0", "another = True\n")
        assert made != listed.read_folder(fresh.folder("0.1.0"))
    module.install_folder(folder, fresh)
    assert (fresh.current, fresh.good, fresh.former) == ("0.1.0", "0.1.0", None)
    assert listed.verify_folder(fresh.folder("0.1.0")) == listed.read_folder(folder)


def test_a_version_on_trial_is_started_by_its_watch_and_any_other_at_once(home, updates, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(service, "begin_watch", lambda: asked.append("watch"))
    monkeypatch.setattr(service, "restart", lambda: asked.append("restart"))
    module.install_file(updates / "neurorack-0.2.0.update", home)
    assert asked == ["watch"]
    home.keep()
    module.go_back(home)
    assert asked == ["watch", "restart"]


def test_before_a_version_starts_all_processes_of_another_have_ended(monkeypatch):
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(service, "here", lambda: True)
    monkeypatch.setattr(service, "_systemctl", lambda *words: asked.append(words))
    service.restart()
    stop = ("stop", "neurorack.target", "neurorack-*.service")
    assert asked == [("daemon-reload",), stop, ("start", "neurorack.target")]


def test_a_module_without_the_package_says_so(home, updates, tmp_path):
    with pytest.raises(BadInput, match="not installed here"):
        module.install_file(updates / "neurorack-0.2.0.update", Home(tmp_path / "none"))


def test_the_self_test_is_the_new_versions_own(home, tmp_path, monkeypatch):
    monkeypatch.undo()
    aside = tmp_path / "aside"
    (aside / "bin").mkdir(parents=True)
    for status, says in ((0, ""), (2, "it sounds otherwise"), (3, "")):
        (aside / "bin/python").write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {status}\n")
        (aside / "bin/python").chmod(0o755)
        monkeypatch.setattr(module, "as_service", dict)
        if status == 0:
            module._prove(aside)
            continue
        with pytest.raises(BadInput, match=f"it fails its self-test: {says}"):
            module._prove(aside)


# --- from a stick ----------------------------------------------------------------------------------------------------


def test_of_a_sticks_updates_the_newest_is_installed(home, updates, tmp_path):
    folder = tmp_path / "stick/neurorack"
    folder.mkdir(parents=True)
    for path in updates.glob("*.update"):
        (folder / f"neurorack-{path.name}").write_bytes(path.read_bytes())
    said = stick.take(tmp_path / "stick", home)
    assert home.current == "0.10.0" and "0.10.0 is installed and on trial" in said
    assert len(said) == 6, "and a line on each that is not for this module"


def test_what_went_again_does_not_come_back_from_a_stick_left_plugged_in(home, updates, tmp_path):
    folder = tmp_path / "stick/neurorack"
    folder.mkdir(parents=True)
    (folder / "neurorack-0.2.0.update").write_bytes((updates / "neurorack-0.2.0.update").read_bytes())
    stick.take(tmp_path / "stick", home)
    assert home.current == "0.2.0"
    home.go_back("it did not play for 30 s")
    assert "tried already, 0.2.0 it did not play for 30 s" in stick.take(tmp_path / "stick", home)[0]
    assert home.current == "0.1.0"


def test_a_stick_with_nothing_newer_changes_nothing(home, updates, tmp_path):
    before = everything(home)
    assert stick.take(tmp_path, home) == []
    folder = tmp_path / "stick/neurorack"
    folder.mkdir(parents=True)
    (folder / "neurorack-0.0.9.update").write_bytes((updates / "neurorack-0.0.9.update").read_bytes())
    (folder / "neurorack-1.sh").write_text("#!/bin/sh\ntouch /tmp/owned\n")
    assert stick.take(tmp_path / "stick", home) == []
    assert everything(home) == before


def test_a_sticks_instruments_are_installed_by_the_services_user(home, tmp_path, monkeypatch):
    asked = []

    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        asked.append((command[1:], how["user"]))
        return subprocess.CompletedProcess(command, 0, "installed bells\n", "")

    monkeypatch.setattr(stick.subprocess, "run", run)
    monkeypatch.setattr(module, "as_service", lambda: {"user": 990})
    folder = tmp_path / "stick/neurorack/models"
    folder.mkdir(parents=True)
    (folder / "bells.zip").touch()
    assert stick.take(tmp_path / "stick", home) == ["installed bells"]
    assert asked == [(["-m", "neurorack", "models", "install", str(folder / "bells.zip")], 990)]


def test_a_stick_is_mounted_so_that_nothing_on_it_can_run_or_be_changed():
    assert set(stick.OPTIONS.split(",")) >= {"ro", "noexec", "nosuid", "nodev"}


def test_help_shows_how():
    done = subprocess.run([sys.executable, "-m", "neurorack", "update", "--help"], capture_output=True, text=True)
    said = " ".join(done.stdout.split())
    assert "sudo neurorack update neurorack-" in said and "--back" in said
