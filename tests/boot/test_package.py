"""The Debian package comes and goes, and leaves what the player has made."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import NEXT, OUT, UNITS, Machine, debian, make, module, root, waited_s
from rig import wait_for

from neurorack import __version__

BYTES_MAX = 60_000_000

PAUSE_S = 2.0
"""In an upgrade: from the old engine's last block to the new one's first, less the time it had no processor."""

APT_S = 600.0
"""Patience with apt, or with the trial of the version that came in."""

SHOP, LISTED = "/srv/debs", "/etc/apt/shop.list"
"""A folder that apt's own user may read, and the list that names nothing else."""

APT = (
    *("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-oDpkg::Options::=--force-confold"),
    *(f"-oDir::Etc::SourceList={LISTED}", "-oDir::Etc::SourceParts=-"),
)

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


def stock(shop: Path, package: Path) -> None:
    """A repository of one package, as dpkg-scanpackages makes it."""
    shop.mkdir(parents=True)
    shutil.copy(package, shop)
    about = subprocess.run(["dpkg-deb", "--field", package], capture_output=True, text=True, check=True).stdout
    content = package.read_bytes()
    where = f"Filename: ./{package.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n"
    (shop / "Packages").write_text(about + where)


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


def test_upgraded_while_it_plays_it_is_back_soon_and_as_it_was_set(machine):
    stock(machine.root / SHOP.lstrip("/"), make("deb", NEXT))
    (machine.root / LISTED.lstrip("/")).write_text(f"deb [trusted=yes] file:{SHOP} ./\n")
    assert machine.neurorack("presets", "save", "1", "--name", "mine").returncode == 0
    wait_for(lambda: machine.neurorack("ctl", "set", "knob.morph.base", "0.75").returncode == 0, 60.0)
    machine.say("systemctl", "enable", "--now", "neurorack-osc.service")
    written = machine.say("cat", "/etc/neurorack/environment", "/etc/neurorack/signers")
    machine.say(*APT, "update")

    upgrading = machine.begin(*APT, "upgrade")
    last_ns, first_ns = pause_ns(machine, machine.process("engine"), upgrading)
    out, err = upgrading.communicate(timeout=APT_S)
    assert upgrading.returncode == 0, out + err
    silent_s, waited = (first_ns - last_ns) * 1e-9, waited_s(machine.process("engine"))
    print(f"silent for {silent_s:.2f} s of the upgrade, of which the engine waited {waited:.2f} s for a processor")
    wait_for(lambda: machine.home.good == NEXT, APT_S)
    assert silent_s - waited <= PAUSE_S

    assert machine.say("neurorack", "update").startswith(f"{NEXT} plays")
    assert "0.75" in machine.neurorack("ctl", "get", "knob.morph.base").stdout
    assert "mine" in machine.neurorack("presets", "list").stdout
    assert machine.say("cat", "/etc/neurorack/environment", "/etc/neurorack/signers") == written
    assert sorted(path.name for path in (machine.home.root / "versions").iterdir()) == [__version__, NEXT]
    assert not (machine.home.root / ".incoming").exists() and not list(machine.root.glob("etc/neurorack/*.dpkg-*"))

    machine.cut_the_power()
    shutil.rmtree(machine.home.folder(__version__))  # as two updates later: what was enabled then plays on
    machine.boot()
    machine.sounds(patience_s=120.0)
    enabled = (*UNITS, "neurorack-osc.service")
    wait_for(lambda: {machine.unit(unit)["ActiveState"] for unit in enabled} == {"active"}, 60.0)
    machine.say(*APT, "purge", "neurorack")
    assert not machine.process("engine")
    machine.cut_the_power()
    assert not list(machine.root.glob("etc/systemd/system/*/neurorack*"))
    assert not (machine.root / "opt/neurorack").exists() and not (machine.root / "etc/neurorack").exists()


def pause_ns(machine: Machine, old: int, upgrading: "subprocess.Popen[str]") -> tuple[int, int]:
    """Wait for the engine that takes the place of `old`: when that played its last block, and the new one its first."""
    last_ns, give_up = int(machine.meters()["t_ns"]), time.monotonic() + APT_S
    while (now := machine.process("engine")) in (old, 0):
        assert time.monotonic() < give_up and not upgrading.poll(), upgrading.communicate()
        if now == old and (meters := machine.meters()) is not None:
            last_ns = max(last_ns, int(meters["t_ns"]))
        time.sleep(0.005)
    return last_ns, machine.sounds(after_ns=last_ns, patience_s=APT_S)


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
