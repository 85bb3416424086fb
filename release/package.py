"""The Debian package: a version's folder under /usr/lib, links to its units, and four small scripts.

The version is not played from there. The package's script brings it into /opt/neurorack by the road of every update:
tried, switched by one rename, watched. So a power cut inside `apt upgrade` leaves a module that plays, too.
"""

import shutil
import subprocess
from pathlib import Path

from neurorack.update import manifest
from neurorack.update.home import ROOT as HOME
from release.wheels import Target

DEBIAN = Path(__file__).parent / "debian"
UNITS = (".service", ".target", ".path", ".socket", ".timer", ".slice", ".mount")
GUARD = "neurorack-guard.service"

CONTROL = """\
Package: neurorack
Version: {version}
Architecture: {architecture}
Maintainer: neurorack
Section: sound
Priority: optional
Installed-Size: {kib}
Depends: python{python}, libportaudio2, openssh-client, systemd, udev
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
    for file in sorted((folder / "systemd").iterdir()):
        # The watch must come from a version that has proved itself: the one on trial may have broken its own.
        version = HOME / ("good" if file.name == GUARD else "current")
        if file.suffix in UNITS:
            _link(tree / "usr/lib/systemd/system" / file.name, version / "systemd" / file.name)
        elif file.suffix == ".rules":
            _link(tree / "usr/lib/udev/rules.d" / file.name, version / "systemd" / file.name)
    _copy(DEBIAN / "sysusers.conf", tree / "usr/lib/sysusers.d/neurorack.conf")
    _copy(DEBIAN / "signers", tree / "etc/neurorack/signers")
    for name in ("LICENSE", "LICENSES.txt"):
        _copy(folder / name, tree / "usr/share/doc/neurorack" / name)
    _copy(DEBIAN / "copyright", tree / "usr/share/doc/neurorack/copyright")
    for name in ("postinst", "prerm", "postrm"):
        _copy(DEBIAN / name, tree / "DEBIAN" / name).chmod(0o755)
    (tree / "DEBIAN/conffiles").write_text("/etc/neurorack/signers\n")
    words = {"version": made.version, "architecture": target.architecture, "python": target.python}
    (tree / "DEBIAN/control").write_text(CONTROL.format(kib=made.bytes >> 10, **words))
    (tree / "usr/lib/neurorack").mkdir(parents=True)
    folder.rename(tree / "usr/lib/neurorack/version")
    path = out / f"neurorack_{made.version}+py{target.python.replace('.', '')}_{target.architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", str(tree), str(path)], check=True)
    return path


def _link(path: Path, to: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)


def _copy(source: Path, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)
    return to
