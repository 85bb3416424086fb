"""A manifest has words for plain files within the version, and for nothing else."""

import json
import os

import pytest
from versions import make_version

from neurorack.errors import BadInput
from neurorack.update import manifest as listed
from neurorack.update.manifest import number, parse

SUM = "0" * 64


def raw(*paths: str, **changed: object) -> bytes:
    files = [{"path": path, "bytes": 1, "sha256": SUM} for path in paths or ("a",)]
    whole = {"schema": 1, "version": "0.2.0", "machine": "aarch64", "python": "3.10", "files": files}
    return json.dumps(whole | changed).encode()


def refused(given: bytes) -> str:
    with pytest.raises(BadInput) as error:
        parse(given, "it")
    return str(error.value)


def test_plain_files_within_the_version_are_read():
    paths = ("bin/neurorack", "lib/python3.10/site-packages/a b-c+d.py", "models/fluid/card.json")
    assert [file.path for file in parse(raw(*paths), "it").files] == list(paths)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../up", "a/../../up", "..", ".", "", "a//b", "a/", "./a", "a\\b", "a\nb", "a\0b", "größe",
        "\x1b[2J", "a" * 129, "/".join(["abcdefghi"] * 25),
    ],
)  # fmt: skip
def test_a_path_that_leads_out_or_astray_is_refused(path):
    assert "is no path within a version" in refused(raw(path))


@pytest.mark.parametrize("path", ["manifest.json", "bin/python", "lib/__pycache__/a.pyc", "__pycache__/a"])
def test_what_the_module_makes_itself_is_not_taken(path):
    assert "is made where it is installed" in refused(raw(path))


@pytest.mark.parametrize("paths", [("a", "a"), ("b", "a"), ("A", "A")])
def test_each_file_is_named_once_and_in_order(paths):
    assert "twice or out of order" in refused(raw(*paths))


def test_a_file_is_no_folder_too():
    assert "is a file and a folder" in refused(raw("a", "a/b"))


@pytest.mark.parametrize(
    "word", [{"link": "/etc/passwd"}, {"device": [1, 3]}, {"mode": 0o4755}, {"owner": "root"}, {"type": "fifo"}]
)
def test_there_is_no_word_for_a_link_a_device_or_an_owner(word):
    assert "unknown field" in refused(raw(files=[{"path": "a", "bytes": 1, "sha256": SUM, **word}]))


@pytest.mark.parametrize(
    "changed",
    [
        {"schema": 2}, {"version": "0.2.0-rc1"}, {"version": "../1"}, {"version": "01.2"}, {"version": "1"},
        {"python": "3.10/../x"}, {"python": "2.7"}, {"machine": "../x"}, {"machine": ""}, {"more": 1},
        {"files": [{"path": "a", "bytes": -1, "sha256": SUM}]}, {"files": [{"path": "a", "bytes": 1, "sha256": "x"}]},
        {"files": [{"path": "a", "bytes": 3 << 30, "sha256": SUM}]},
        {"files": [{"path": f"{k:06}", "bytes": 1, "sha256": SUM} for k in range(20_001)]},
        {"packed": {"bytes": 10, "piece_bytes": 0, "sha256": []}},
        {"packed": {"bytes": 0, "piece_bytes": 4, "sha256": []}},
        {"packed": {"bytes": 10, "piece_bytes": 4, "sha256": [SUM]}},
        {"packed": {"bytes": 10, "piece_bytes": 1 << 40, "sha256": [SUM]}},
        {"packed": {"bytes": 10, "piece_bytes": 4, "sha256": [SUM, SUM, "x"]}},
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused(changed):
    assert refused(raw(**changed)).startswith("not a manifest of neurorack")


@pytest.mark.parametrize("given", [b"", b"{", b"[" * 100_000, b"\xff", b"null", b"{}"])
def test_what_is_no_manifest_at_all_is_refused(given):
    assert refused(given).startswith("not a manifest of neurorack")


def test_versions_are_numbers_not_words():
    assert number("0.10.0") > number("0.9.9") > number("0.9")


def test_a_folder_is_proven_file_by_file(tmp_path):
    made = make_version(tmp_path, "0.2.0", "")
    assert listed.verify_folder(tmp_path) == made
    for file in made.files:
        content = (tmp_path / file.path).read_bytes()
        (tmp_path / file.path).write_bytes(b"x" if not content else content[:-1] + b"\0")
        with pytest.raises(BadInput, match="damaged"):
            listed.verify_folder(tmp_path)
        (tmp_path / file.path).write_bytes(content)
    (tmp_path / "signers").unlink()
    with pytest.raises(BadInput, match="damaged: No such file"):
        listed.verify_folder(tmp_path)


def test_links_and_devices_do_not_get_into_a_manifest(tmp_path):
    make_version(tmp_path, "0.2.0", "")
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match="is a link or a device"):
        listed.list_files(tmp_path)
    (tmp_path / "link").unlink()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a link or a device"):
        listed.list_files(tmp_path)
