"""A version comes onto the machine whole and plays, or does not come at all, or goes again by itself.

NEXT is what `make release` makes of this work tree under a later number, 170 MB of files. Versions that are broken on
purpose borrow their Python packages from the one that plays, so that they are made in seconds.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from machine import HOME, NEXT, OUT, PYTHON, Machine, key, make, module, root
from rig import wait_for

from neurorack import __version__
from neurorack.update import archive
from neurorack.update import manifest as listed
from neurorack.update.trial import KEEP_S, SILENCE_S

PLAYS_WITHIN_S = 30.0
"""From the switch to the new version's sound."""

UPDATE_S = 400.0
"""Patience with an update, its trial included; it takes 90 s."""

BROKEN = f"{__version__}.2"
SITE = f"lib/python{PYTHON}/site-packages"
ENGINE = f"{SITE}/neurorack/engine/__main__.py"

STICK_SERVICE = "stick-neurorack@{}.service"


@pytest.fixture(scope="module")
def update() -> Path:
    return make("update", NEXT, "--key", str(key()))


@pytest.fixture
def machine(tmp_path_factory, update) -> Iterator[Machine]:
    """A fresh one that plays, with the update at /root/next.update."""
    with module(OUT / f"machine-{os.getpid()}") as made:
        shutil.copy(update, made.root / "root/next.update")
        made.boot()
        made.sounds(patience_s=120.0)
        yield made


def broken(machine: Machine, name: str, change: dict[str, str]) -> str:
    """Path, in the machine, of a signed update whose files in `change` hold something else."""
    folder = machine.root / "root" / name
    whole = root() / "usr/lib/neurorack/version"
    shutil.copytree(whole, folder, ignore=lambda at, names: names if Path(at) == whole / SITE else ["python"])
    shutil.copytree(whole / SITE / "neurorack", folder / SITE / "neurorack")
    (folder / SITE / "borrowed.pth").write_text(f"{HOME}/good/{SITE}\n")
    for path, content in change.items():
        (folder / path).write_text(content)
    made = listed.Manifest(1, BROKEN, os.uname().machine, PYTHON, listed.list_files(folder))
    (folder / listed.NAME).write_bytes(listed.encode(made))
    archive.pack(folder, folder.with_suffix(".update"), key())
    return f"/root/{name}.update"


def installs(machine: Machine, path: str) -> "subprocess.CompletedProcess[str]":
    return machine.inside("neurorack", "update", path, patience_s=UPDATE_S)


def state(machine: Machine) -> tuple[str | None, str | None, str | None]:
    """Which version plays, which is good, which was before."""
    return machine.home.current, machine.home.good, machine.home.former


def all_whole(machine: Machine) -> set[str]:
    """The versions that lie there, each proven file by file."""
    folders = (machine.home.root / "versions").iterdir()
    return {listed.verify_folder(folder).version for folder in folders}


@contextmanager
def nothing_happens(machine: Machine) -> Iterator[None]:
    """The old version plays on, by the same processes, and is all there is."""
    before = [machine.process(part) for part in ("engine", "jacks", "daemon")]
    yield
    assert [machine.process(part) for part in ("engine", "jacks", "daemon")] == before and all(before)
    assert state(machine) == (__version__, __version__, None) and all_whole(machine) == {__version__}
    assert machine.sounds()
    machine.home.empty_incoming()


def one_line(text: str) -> str:
    assert text.count("\n") == 1 and text.startswith("neurorack: "), text
    return text


# --- as it should be -------------------------------------------------------------------------------------------------


def test_copied_there_it_is_installed_plays_soon_stays_and_goes_back_by_hand(machine):
    assert machine.neurorack("presets", "save", "1", "--name", "mine").returncode == 0
    old, began_s = machine.process("engine"), time.monotonic()
    installing = machine.begin("neurorack", "update", "/root/next.update")
    wait_for(lambda: machine.home.current == NEXT, UPDATE_S)
    switched_ns = time.monotonic_ns()
    sound_ns = machine.sounds(after_ns=switched_ns, patience_s=PLAYS_WITHIN_S)
    assert machine.process("engine") != old
    print(f"switched after {switched_ns * 1e-9 - began_s:.1f} s, sound {(sound_ns - switched_ns) * 1e-9:.2f} s later")
    assert "it is on trial" in machine.say("neurorack", "update")
    refused = machine.inside("neurorack", "update", "/root/next.update")
    assert "is on trial" in one_line(refused.stderr)
    out, err = installing.communicate(timeout=UPDATE_S)
    assert (installing.returncode, err) == (0, "") and f"{NEXT} plays" in out
    assert time.monotonic_ns() - switched_ns > KEEP_S * 1e9
    assert state(machine) == (NEXT, NEXT, __version__) and all_whole(machine) == {__version__, NEXT}
    assert "mine" in machine.neurorack("presets", "list").stdout
    machine.cut_the_power()
    machine.boot()
    machine.sounds(patience_s=120.0)
    assert machine.inside("neurorack", "update", "/root/next.update").returncode == 2, "it is there already"
    assert f"{__version__} plays again" in machine.say("neurorack", "update", "--back")
    machine.sounds(after_ns=time.monotonic_ns(), patience_s=PLAYS_WITHIN_S)
    assert state(machine) == (__version__, __version__, NEXT)
    assert "mine" in machine.neurorack("presets", "list").stdout


def test_power_that_goes_during_the_trial_lets_it_go_on_and_the_fourth_time_ends_it(machine):
    machine.begin("neurorack", "update", "/root/next.update")
    wait_for(lambda: machine.home.current == NEXT, UPDATE_S)
    count = machine.home.root / "attempts"
    for begun in (1, 2, 3):
        wait_for(lambda counted=f"{NEXT} {begun}\n": count.exists() and count.read_text() == counted, 120.0)
        machine.sounds(patience_s=120.0)
        assert state(machine)[:2] == (NEXT, __version__)
        machine.cut_the_power()
        machine.boot()
    wait_for(lambda: state(machine) == (__version__, __version__, None), 60.0)
    machine.sounds(after_ns=time.monotonic_ns(), patience_s=PLAYS_WITHIN_S)
    assert "was begun 3 times" in machine.say("neurorack", "update")


# --- what does not play ----------------------------------------------------------------------------------------------

ENDS_AT_ONCE = "raise SystemExit(1)\n"
ENDS_SOON = """
import os, sys, threading, time
from pathlib import Path
from neurorack.engine.process import main
threading.Timer(3.0, os._exit, [1]).start()
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("engine", "why"),
    [(ENDS_AT_ONCE, f"did not play for {SILENCE_S:.0f} s"), (ENDS_SOON, "its processes ended")],
    ids=["its engine ends at once", "its engine ends every three seconds"],
)
def test_a_version_that_does_not_play_goes_again_by_itself(machine, engine, why):
    path = broken(machine, "broken", {ENGINE: engine})
    began_s = time.monotonic()
    done = installs(machine, path)
    print(f"{time.monotonic() - began_s:.1f} s, {done.stderr.strip()}")
    assert done.returncode == 2 and why in one_line(done.stderr) and f"{__version__} plays again" in done.stderr
    assert state(machine) == (__version__, __version__, None) and all_whole(machine) == {__version__}
    machine.sounds(patience_s=PLAYS_WITHIN_S)
    wait_for(lambda: machine.meters()["level_rms"] > 1e-3, 60.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({f"{SITE}/neurorack/engine/player.py": "import a_module_that_is_missing\n"}, "cannot be loaded"),
        ({"reference/take.csv": "t,voct,gate1\n0,0.1,5\n1,0.1,5\n"}, "it sounds otherwise than where it was made"),
    ],
)
def test_a_version_that_fails_its_self_test_never_plays(machine, change, says):
    path = broken(machine, "broken", change)
    with nothing_happens(machine):
        done = installs(machine, path)
        assert done.returncode == 2 and "it fails its self-test" in one_line(done.stderr) and says in done.stderr


# --- the disk --------------------------------------------------------------------------------------------------------


def test_a_disk_that_is_full_fills_up_or_may_not_be_written_leaves_what_plays(machine):
    home = str(HOME)
    machine.say("mkdir", "/small")
    machine.say("mount", "-t", "tmpfs", "-o", "mode=755,size=700m", "tmpfs", "/small")
    machine.say("cp", "-a", f"{home}/.", "/small")
    machine.say("mount", "--bind", "/small", home)
    inside = Path(f"/proc/{machine.pid}/root{home}")

    def refused(says: str) -> None:
        done = installs(machine, "/root/next.update")
        assert done.returncode == 2 and says in one_line(done.stderr), done.stderr
        assert sorted(path.name for path in (inside / "versions").iterdir()) == [__version__]
        assert machine.say("neurorack", "update", "--check").startswith(f"{__version__} is whole")

    fill = f"dd if=/dev/zero of={home}/other bs=1M"
    with nothing_happens(machine):
        machine.inside("sh", "-c", fill)
        refused("MiB are needed")
        machine.say("rm", f"{home}/other")
        unpacking = f"{home}/.incoming/{NEXT}/lib"
        filling = machine.begin("sh", "-c", f"until test -d {unpacking}; do sleep 0.01; done; {fill}")
        refused("cannot install: No space left on device")
        filling.communicate(timeout=10.0)
        assert not (inside / ".incoming").exists()
        machine.say("rm", f"{home}/other")
        machine.say("mount", "-o", "remount,bind,ro", home)
        refused("cannot install: Read-only file system")


# --- from a stick ----------------------------------------------------------------------------------------------------


@contextmanager
def stick(machine: Machine, update: Path) -> Iterator[tuple[str, Path]]:
    """Boot with a stick in exFAT that holds the update: the device's name, and the image that is behind it.

    A container has no udev, so nobody says that the device is there: the test starts the unit in its place, and the
    unit's lines that bind it to the device are left out.
    """
    image = machine.root.parent / "stick"
    with image.open("wb") as file:
        file.truncate(update.stat().st_size + (32 << 20))
    attach = ["losetup", "--find", "--show", str(image)]
    loop = Path(subprocess.run(attach, capture_output=True, text=True, check=True).stdout.strip())
    try:
        machine.cut_the_power()
        unit = STICK_SERVICE.format("")
        lines = (machine.home.root / "good/systemd/lib/systemd/system" / unit).read_text().splitlines()
        machine.write(f"/etc/systemd/system/{unit}", "\n".join(line for line in lines if "dev-%i.device" not in line))
        machine.write("/usr/sbin/mount.exfat", '#!/bin/sh\nexec mount.exfat-fuse "$@"\n')
        (machine.root / "usr/sbin/mount.exfat").chmod(0o755)
        machine.boot(devices=[loop, Path("/dev/fuse")])
        machine.say("mkfs.exfat", str(loop))
        machine.say("mount.exfat-fuse", str(loop), "/mnt")
        machine.say("mkdir", "/mnt/neurorack")
        machine.say("cp", "/root/next.update", f"/mnt/neurorack/{update.name}")
        machine.say("umount", "/mnt")
        machine.sounds(patience_s=120.0)
        yield loop.name, image
    finally:
        machine.cut_the_power()
        subprocess.run(["losetup", "--detach", loop], check=True)


def test_a_stick_that_is_plugged_in_brings_its_update(machine, update):
    with stick(machine, update) as (device, _):
        unit = STICK_SERVICE.format(device)
        started = machine.begin("systemctl", "start", unit)
        wait_for(lambda: machine.home.current == NEXT, UPDATE_S)
        switched_ns = time.monotonic_ns()
        assert started.wait(60.0) == 0, machine.journal("-u", unit)
        assert f"{NEXT} is installed and on trial" in machine.journal("-u", unit)
        assert state(machine)[:2] == (NEXT, __version__) and all_whole(machine) == {__version__, NEXT}
        machine.sounds(after_ns=switched_ns, patience_s=PLAYS_WITHIN_S)
        assert "fuseblk" not in machine.say("cat", "/proc/mounts")


def test_a_stick_that_is_pulled_out_half_way_has_brought_nothing(machine, update):
    with stick(machine, update) as (device, image), nothing_happens(machine):
        unit = STICK_SERVICE.format(device)
        for systemd_stops_it in (True, False):  # what is bound to a device that has gone; and before it comes to that
            started = machine.begin("systemctl", "start", unit)
            wait_for(lambda: (machine.home.root / ".incoming" / NEXT / "lib").exists(), 60.0)
            if systemd_stops_it:
                machine.inside("systemctl", "stop", unit)
            else:
                os.truncate(image, image.stat().st_size // 4)
            started.communicate(timeout=60.0)
            assert state(machine) == (__version__, __version__, None)
        journal = machine.journal("-u", unit)
        assert "damaged" in journal or "cannot be read" in journal, journal
