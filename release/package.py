"""The Debian package: a version's folder under /usr/lib, links to its units, and three small scripts.

The version is not played from there. The package's script brings it into /opt/neurorack by the road of every update:
tried, switched by one rename, watched. So a power cut inside `apt upgrade` leaves a module that plays, too.
"""

import shutil
import subprocess
from pathlib import Path

from neurorack.update import manifest
from neurorack.update.home import ROOT as HOME
from release.wheels import GLIBC_MINOR, Target

DEBIAN = Path(__file__).parent / "debian"
GUARD, SWITCH = "guard-neurorack.service", "guard-neurorack.path"

SWITCHED = ("systemd/system/", "udev/rules.d/")
"""Of `systemd/lib`, what comes and goes with the version that plays; the rest is read before it is there."""

STARTED = ("neurorack.target", GUARD, SWITCH)
"""With the machine. `systemctl enable` would follow the links and name the version of that day for ever."""

CHOICE = "[Install]\nWantedBy=neurorack.target\n"
"""Of a unit that is the owner's to enable. So `systemctl enable` finds a file that says this and nothing else, and what
the unit does is a drop-in of the version that plays, read before all others."""

CONFFILES = ("signers", "environment")
DEPENDS = (
    "python{python}",
    "libportaudio2",
    "openssh-client",
    "systemd",
    "udev",
    "libc6 (>= 2.{glibc})",
    "libstdc++6",
    "libgcc-s1",
    "zlib1g",
)
"""The last four by the Python packages that are carried (`readelf -d`)."""

CONTROL = """\
Package: neurorack
Version: {version}
Architecture: {architecture}
Maintainer: neurorack
Section: sound
Priority: optional
Installed-Size: {kib}
Depends: {depends}
Description: neural voice in a Eurorack module
 Voltages go in at the jacks, sound from a small trained network comes out.
 Carries the Python packages it runs on, for Python {python}; see
 /usr/share/doc/neurorack/LICENSES.txt.
"""


def make(folder: Path, target: Target, out: Path) -> Path:
    """Make the package of the version in `folder`, which moves into it; its path."""
    made = manifest.read_folder(folder)
    tree = folder.parent / "package"
    _link(tree / "usr/bin/neurorack", HOME / "current/bin/neurorack")
    lib = folder / "systemd/lib"
    for file in sorted(path for path in lib.rglob("*") if path.is_file()):
        place = file.relative_to(lib)
        if place.as_posix().startswith(SWITCHED):
            # The watch must come from a version that has proved itself: the one on trial may have broken its own.
            version = HOME / ("good" if file.name in (GUARD, SWITCH) else "current")
            path = tree / "usr/lib" / place
            if file.read_text().endswith(CHOICE):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(CHOICE)
                path = path.with_name(f"{path.name}.d") / "0-version.conf"
            _link(path, version / "systemd/lib" / place)
        else:
            _copy(file, tree / "usr/lib" / place)
    for name in STARTED:
        _link(tree / "usr/lib/systemd/system/multi-user.target.wants" / name, Path("..") / name)
    for name in CONFFILES:
        _copy(DEBIAN / name, tree / "etc/neurorack" / name)
    for name in ("LICENSE", "LICENSES.txt"):
        _copy(folder / name, tree / "usr/share/doc/neurorack" / name)
    _copy(DEBIAN / "copyright", tree / "usr/share/doc/neurorack/copyright")
    for name in ("postinst", "prerm", "postrm"):
        _copy(DEBIAN / name, tree / "DEBIAN" / name).chmod(0o755)
    (tree / "DEBIAN/conffiles").write_text("".join(f"/etc/neurorack/{name}\n" for name in CONFFILES))
    number = f"{made.version}+{target.python_tag}"
    words = {"version": number, "architecture": target.architecture, "python": target.python}
    control = CONTROL.format(kib=made.bytes >> 10, depends=depends(target), **words)
    (tree / "DEBIAN/control").write_text(control)
    (tree / "usr/lib/neurorack").mkdir(parents=True)
    folder.rename(tree / "usr/lib/neurorack/version")
    path = out / f"neurorack_{number}_{target.architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", str(tree), str(path)], check=True)
    return path


def depends(target: Target) -> str:
    """The Debian packages that it needs, as `Depends:` has them."""
    return ", ".join(DEPENDS).format(python=target.python, glibc=GLIBC_MINOR[target.python])


def _link(path: Path, to: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)


def _copy(source: Path, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)
    return to
