"""Packages are fetched once, checked, and what is wrong is said in one line."""

import hashlib
from pathlib import Path

import pytest

from neurorack.errors import BadInput
from neurorack.learn.sources import fetch


def script(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def clients(tmp_path, monkeypatch):
    """A folder that comes first where programs are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_what_is_there_is_not_fetched(clients, tmp_path):
    script(clients, "apt-get", "exit 1")
    (tmp_path / "usr/share/drums").mkdir(parents=True)
    assert fetch.from_debian("drums", "usr/share/drums", tmp_path) == tmp_path / "usr/share/drums"


def test_a_debian_package_is_fetched_and_unpacked_beside_the_others(clients, tmp_path):
    script(clients, "apt-get", 'touch "$2_1_all.deb"')
    script(clients, "dpkg-deb", 'mkdir -p "$3/usr/share/drums-of-nowhere"')
    cache = tmp_path / "cache"
    assert fetch.from_debian("drums", "usr/share/drums-of-nowhere", cache).is_dir()
    assert not list(cache.glob("*.deb"))


@pytest.mark.parametrize("program", ["apt-get", "dpkg-deb"])
def test_a_debian_package_that_cannot_be_had_is_one_line(clients, tmp_path, program):
    script(clients, "apt-get", 'touch "$2_1_all.deb"')
    script(clients, program, "echo no network >&2; exit 100")
    with pytest.raises(BadInput, match=r"cannot fetch package drums \(.*\): sudo apt-get") as caught:
        fetch.from_debian("drums", "usr/share/drums-of-nowhere", tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_a_package_without_its_sounds_is_one_line(clients, tmp_path):
    script(clients, "apt-get", 'touch "$2_1_all.deb"')
    script(clients, "dpkg-deb", "exit 0")
    with pytest.raises(BadInput, match="package drums of this Debian lacks its sounds"):
        fetch.from_debian("drums", "usr/share/drums-of-nowhere", tmp_path)


def test_an_npm_package_is_unpacked_once(clients, tmp_path):
    script(clients, "npm", "mkdir package; echo x > package/one.flac; tar -czf drums-1.2.tgz package; rm -r package")
    folder = fetch.from_npm("drums", "1.2", tmp_path)
    assert [path.name for path in folder.iterdir()] == ["one.flac"]
    script(clients, "npm", "exit 1")
    assert fetch.from_npm("drums", "1.2", tmp_path) == folder


def test_without_npm_the_mend_is_to_install_it(clients, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(clients))
    with pytest.raises(BadInput, match=r"cannot fetch package drums .*: sudo apt-get install npm"):
        fetch.from_npm("drums", "1.2", tmp_path)


def test_sounds_are_checked_by_name_and_content(tmp_path):
    path = tmp_path / "one.wav"
    path.write_bytes(b"sound")
    expected = hashlib.sha256(b"one.wav" + hashlib.sha256(b"sound").digest()).hexdigest()
    fetch.verify([path], tmp_path, expected)
    path.write_bytes(b"other")
    with pytest.raises(BadInput, match="fetched sounds are not the expected ones"):
        fetch.verify([path], tmp_path, expected)
