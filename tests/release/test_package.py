"""The Debian package: what lies outside the version's folder is links, two files of the owner's, and three scripts."""

import os
import re
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from versions import make_key, make_version

from neurorack.update.archive import Archive, pack
from release import licences, package, version
from release.__main__ import main, public_line
from release.package import DEBIAN
from release.wheels import Target

TARGET = Target("aarch64", "3.10")


@pytest.fixture(scope="module")
def contents(tmp_path_factory) -> tarfile.TarFile:
    """What lies in the package of a small version with our own units."""
    folder = tmp_path_factory.mktemp("made")
    make_version(folder / "version", "0.2.0", "", machine="aarch64", python="3.10")
    version.copy_units(folder / "version/systemd")
    for name in ("LICENSE", "LICENSES.txt"):
        (folder / "version" / name).write_text("text\n")
    deb = package.make(folder / "version", TARGET, folder)
    assert deb.name == "neurorack_0.2.0+py310_arm64.deb"
    told = subprocess.run(["dpkg-deb", "--field", str(deb)], capture_output=True, text=True, check=True).stdout
    assert "Architecture: arm64\n" in told and "Depends: python3.10, libportaudio2, openssh-client" in told
    raw = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], capture_output=True, check=True).stdout
    return tarfile.open(fileobj=BytesIO(raw))


def test_units_and_rules_come_and_go_with_the_version_that_plays(contents):
    links = {member.name: member.linkname for member in contents if member.issym()}
    stick = "systemd/system/stick-neurorack@.service"
    assert links[f"./usr/lib/{stick}"] == f"/opt/neurorack/current/systemd/lib/{stick}"
    assert links["./usr/lib/udev/rules.d/90-neurorack-stick.rules"].startswith("/opt/neurorack/current/")
    assert links["./usr/bin/neurorack"] == "/opt/neurorack/current/bin/neurorack"


def test_what_starts_with_the_machine_is_named_by_no_version(contents):
    wants = "./usr/lib/systemd/system/multi-user.target.wants/"
    links = {member.name: member.linkname for member in contents if member.name.startswith(wants) and member.issym()}
    assert set(links.values()) == {"../neurorack.target", "../guard-neurorack.service", "../guard-neurorack.path"}
    assert "systemctl enable" not in (DEBIAN / "postinst").read_text()


@pytest.mark.parametrize("unit", ["neurorack-midi.service", "neurorack-osc.service"])
def test_what_the_owner_enables_outlives_the_version_of_that_day(contents, unit):
    """`systemctl enable` follows links to their end and keeps the path it finds there."""
    place = f"./usr/lib/systemd/system/{unit}"
    assert contents.extractfile(place).read().decode() == package.CHOICE
    link = contents.getmember(f"{place}.d/0-version.conf").linkname
    assert link == f"/opt/neurorack/current/systemd/lib/systemd/system/{unit}"


def test_what_a_unit_names_is_where_a_version_lies(tmp_path):
    version.copy_units(tmp_path / "systemd")
    named = set()
    for unit in (tmp_path / "systemd/lib/systemd/system").glob("*neurorack*.*"):
        named |= set(re.findall(r"/opt/neurorack/[^\s]*", unit.read_text())) if unit.is_file() else set()
    links = ("/opt/neurorack/current", "/opt/neurorack/good")
    assert not [path for path in named if not path.startswith(links)]
    documents = [path.removeprefix(links[0]) for path in named if "/systemd/" in path]
    assert documents and all((tmp_path / document[1:]).is_file() for document in documents)


def test_the_watch_comes_from_the_version_that_has_proved_itself(contents):
    guard = contents.getmember("./usr/lib/systemd/system/guard-neurorack.service")
    assert guard.linkname == "/opt/neurorack/good/systemd/lib/systemd/system/guard-neurorack.service"
    unit = (version.ROOT / "systemd/lib/systemd/system/guard-neurorack.service").read_text()
    assert "ExecStart=/opt/neurorack/good/bin/python" in unit


def test_all_belongs_to_root_and_nothing_is_put_where_it_plays(contents):
    assert {(member.uid, member.gid) for member in contents} == {(0, 0)}
    assert not [member.name for member in contents if member.name.startswith(("./opt", "./var"))]
    assert "./usr/lib/neurorack/version/manifest.json" in contents.getnames()


def test_nothing_is_written_where_dpkg_would_not_remove_it():
    assert '"$version/bin/python" -I -B -m neurorack.update.install' in (DEBIAN / "postinst").read_text()


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_the_scripts_can_be_read_by_a_shell(script):
    subprocess.run(["sh", "-n", str(DEBIAN / script)], check=True)


def test_whatever_is_removed_the_players_state_stays():
    assert "/var/lib" not in "".join(
        line for line in (DEBIAN / "postrm").read_text().splitlines() if not line.startswith("#")
    )


def test_the_launcher_runs_its_own_version_by_whatever_link_it_is_called(tmp_path):
    (tmp_path / "versions/0.2.0/bin").mkdir(parents=True)
    launcher, python = (tmp_path / "versions/0.2.0/bin" / name for name in ("neurorack", "python"))
    launcher.write_text(version.LAUNCHER)
    python.write_text('#!/bin/sh\necho "$0" "$@"\n')
    for path in (launcher, python):
        path.chmod(0o755)
    (tmp_path / "current").symlink_to("versions/0.2.0")
    (tmp_path / "neurorack").symlink_to(tmp_path / "current/bin/neurorack")
    done = subprocess.run([str(tmp_path / "neurorack"), "a b", "c"], capture_output=True, text=True, cwd="/")
    assert done.stdout == f"{python} -I -m neurorack a b c\n"


def test_a_sealed_folder_makes_an_update_that_its_key_vouches_for(tmp_path):
    made = tmp_path / "version"
    make_version(made, "9.9.9", "")
    sealed = version.seal(made, TARGET)
    assert os.readlink(made / "bin/python") == "/usr/bin/python3.10"
    key = make_key(tmp_path)
    pack(made, tmp_path / "it.update", key)
    archive = Archive(BytesIO((tmp_path / "it.update").read_bytes()), "it.update")
    assert archive.verify(public_line(key).encode()).files == sealed.files
    assert len(list(archive.files())) == len(sealed.files)


def test_every_licence_is_listed(tmp_path):
    info = tmp_path / "some-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: some\nVersion: 1.2\nLicense-Expression: MIT\n")
    told = licences.text(tmp_path, version.ROOT / "models")
    assert "some 1.2: MIT" in told and "instrument fluid" in told and "learnt from FluidR3 GM (MIT)" in told
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some\nVersion: 1.2\n")
    with pytest.raises(ValueError, match="does not say under which licence"):
        licences.text(tmp_path, version.ROOT / "models")


@pytest.mark.parametrize(("given", "says"), [([], "must be signed"), (["--key", "none"], "no public key")])
def test_an_update_without_a_key_is_refused_at_once(given, says, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["release", "update", *given])
    assert main() == 2
    assert says in capsys.readouterr().err
    assert not Path("out").exists()
