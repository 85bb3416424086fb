"""The Debian package comes and goes, and leaves what the player has made."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import OUT, UNITS, Machine, debian, make, module, root
from rig import wait_for

from neurorack import __version__

BYTES_MAX = 60_000_000

STAYS = {
    *("/var/lib/neurorack", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid"),
    *("/var/lib/dpkg", "/var/lib/systemd", "/var/lib/dbus", "/var/log", "/var/tmp", "/etc/.pwd.lock"),
    *("/etc/installed-from", "/etc/systemd/system", "/opt/jack.py", "/opt/_jack.py", "/opt/capture.py"),
    "/root/neurorack.deb",
}
"""What the player made, and the user whom it belongs to; the books of dpkg and systemd; what the tests put there."""


@pytest.fixture
def machine(tmp_path_factory) -> Iterator[Machine]:
    """A fresh one that plays, with the package at /root/neurorack.deb."""
    with module(OUT / f"machine-{os.getpid()}") as made:
        shutil.copy(make("deb"), made.root / "root/neurorack.deb")
        made.boot()
        made.sounds(patience_s=120.0)
        yield made


def dpkg(machine: Machine, *words: str) -> str:
    done = machine.inside("dpkg", *words, patience_s=300.0)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def files(folder: Path) -> set[str]:
    """Paths below a machine's root, but for those of `STAYS`."""
    found = set()
    for at, folders, names in os.walk(folder):
        here = "/" + os.path.relpath(at, folder).removeprefix(".")
        folders[:] = [name for name in folders if os.path.join(here, name) not in STAYS]
        found |= {os.path.join(here, name) for name in (*folders, *names)}
    return {path for path in found if path not in STAYS and path.removesuffix("-") not in STAYS}


def test_it_is_small_and_holds_the_python_packages_it_runs_on():
    assert make("deb").stat().st_size < BYTES_MAX
    site = next((root() / "usr/lib/neurorack/version/lib").glob("python3.*/site-packages"))
    assert {"numpy", "onnxruntime", "msgspec", "neurorack"} <= {path.name for path in site.iterdir()}
    listed = (root() / "usr/lib/neurorack/version/LICENSES.txt").read_text()
    for info in site.glob("*.dist-info"):
        assert f"(its text: {info.name})" in listed


def test_installed_again_it_is_what_it_was_and_what_the_owner_wrote_stays(machine):
    assert machine.neurorack("presets", "save", "1", "--name", "mine").returncode == 0
    written = machine.say("cat", "/etc/neurorack/environment", "/etc/neurorack/signers")
    for words in (("-i", "/root/neurorack.deb"), ("--configure", "-a")):
        dpkg(machine, "--force-confold", *words)
        machine.sounds(patience_s=120.0)
        assert machine.say("cat", "/etc/neurorack/environment", "/etc/neurorack/signers") == written
        assert machine.say("neurorack", "update") == f"{__version__} plays\n"
    assert "mine" in machine.neurorack("presets", "list").stdout


def test_what_is_damaged_is_mended_by_installing_it_again(machine):
    code = next(machine.home.folder(__version__).glob("lib/*/site-packages/neurorack/cli.py"))
    code.write_text("damaged\n")
    assert machine.inside("neurorack", "update", "--check").returncode != 0
    dpkg(machine, "--force-confold", "-i", "/root/neurorack.deb")
    assert f"{__version__} is whole" in machine.say("neurorack", "update", "--check")
    machine.sounds(patience_s=120.0)


def test_removed_it_is_silent_and_purged_only_the_players_own_is_left(machine):
    assert machine.neurorack("presets", "save", "1", "--name", "mine").returncode == 0
    dpkg(machine, "--remove", "neurorack")
    assert not [unit for unit in UNITS if machine.unit(unit)["ActiveState"] == "active"]
    assert machine.inside("test", "-e", "/etc/neurorack/signers").returncode == 0, "until it is purged"
    dpkg(machine, "--force-confold", "-i", "/root/neurorack.deb")
    machine.sounds(patience_s=120.0)
    assert "mine" in machine.neurorack("presets", "list").stdout
    dpkg(machine, "--purge", "neurorack")
    dpkg(machine, "--purge", "neurorack")
    wait_for(lambda: not machine.process("daemon"), 20.0)
    machine.cut_the_power()
    assert (machine.root / "var/lib/neurorack").is_dir()
    left = files(machine.root) - files(debian())
    print(sorted(left))
    assert not left
