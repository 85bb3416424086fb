"""A version's folder: a virtual environment that needs nothing of where it lies but its Python.

bin/neurorack   lib/python3.X/site-packages/   pyvenv.cfg
models/   reference/   systemd/   signers   LICENSE   LICENSES.txt   manifest.json
"""

import shutil
from pathlib import Path

import neurorack
from neurorack.update import manifest, selftest
from release import licences, wheels
from release.wheels import Target

ROOT = Path(__file__).parent.parent

VENV = "home = /usr/bin\ninclude-system-site-packages = false\n"

NAMED_BY_UNITS = (
    ("/opt/neurorack/.venv/bin/", "/opt/neurorack/current/bin/"),
    ("/opt/neurorack/systemd/", "/opt/neurorack/current/systemd/"),
)
"""What is named in a checkout, and in a version."""

LAUNCHER = """\
#!/bin/sh
# Runs the version that this file belongs to, whichever link it was called by; -I: nothing of where it was called from.
here=$(readlink -f "$0")
exec "${here%/bin/neurorack}/bin/python" -I -m neurorack "$@"
"""

TAKE = """\
t,voct,cv1,gate1
0,0,0,0
0.05,0,-2,5
0.5,0,2,5
0.5,1,2,5
0.9,1,-1,0
1,1,0,0
"""
"""The second of sound that every module must play alike: onset, brightness, a note's change, release."""


def stage(folder: Path, target: Target, *, runtime: Path | None = None, signer: str = "") -> manifest.Manifest:
    """Make the version in the empty `folder`; `signer` is a further line for its `signers`."""
    site = folder / f"lib/python{target.python}/site-packages"
    site.mkdir(parents=True)
    wheels.install(target, site, runtime=runtime)
    _copy(ROOT / "neurorack", site / "neurorack")
    for instrument in sorted((ROOT / "models").iterdir()):
        made = folder / "models" / instrument.name
        made.mkdir(parents=True)
        for file in instrument.glob("*.*"):
            if file.is_file():
                shutil.copyfile(file, made / file.name)
    copy_units(folder / "systemd")
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    (folder / "LICENSES.txt").write_text(licences.text(site, folder / "models"))
    (folder / "signers").write_text((ROOT / "release/signers").read_text() + signer)
    (folder / "pyvenv.cfg").write_text(VENV)
    (folder / "bin").mkdir()
    (folder / "bin/neurorack").write_text(LAUNCHER)
    (folder / "bin/neurorack").chmod(0o755)
    (folder / selftest.TAKE).parent.mkdir()
    (folder / selftest.TAKE).write_text(TAKE)
    selftest.play_take(folder, folder / selftest.REFERENCE)
    return seal(folder, target)


def seal(folder: Path, target: Target) -> manifest.Manifest:
    """Write down what is in the folder. From here on nothing of it changes."""
    files = manifest.list_files(folder)
    made = manifest.Manifest(1, neurorack.__version__, target.machine, target.python, files)
    raw = manifest.encode(made)
    manifest.parse(raw, str(folder))  # what a module would refuse is refused here
    (folder / manifest.NAME).write_bytes(raw)
    (folder / "bin/python").symlink_to(f"/usr/bin/python{target.python}")
    return made


def copy_units(to: Path) -> None:
    """All of `systemd`, its units naming what lies in a version."""
    _copy(ROOT / "systemd", to)
    for unit in (path for path in (to / "lib/systemd/system").iterdir() if path.is_file()):
        text = unit.read_text()
        for named in NAMED_BY_UNITS:
            text = text.replace(*named)
        unit.write_text(text)


def _copy(source: Path, to: Path) -> None:
    shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
