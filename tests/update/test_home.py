"""Whatever the moment at which power goes, whole versions lie there and one of them plays."""

import os
import random
from pathlib import Path

import pytest
from disk import PowerCut
from tree_disk import TreeDisk, lay_out, scan
from versions import PYTHON, make_version

from neurorack import statedir
from neurorack.errors import BadInput
from neurorack.update import home as module
from neurorack.update import manifest as listed
from neurorack.update.home import Home


def installed(root: Path, *versions: str, **links: str) -> Home:
    home = Home(root)
    for version in versions:
        make_version(home.folder(version), version, "")
        (home.folder(version) / "bin/python").symlink_to(f"/usr/bin/python{PYTHON}")
    for name, version in links.items():
        (root / name).symlink_to(f"versions/{version}")
    return home


def brought(folder: Path, version: str) -> tuple[listed.Manifest, bytes, list[tuple[listed.File, bytes]]]:
    """What `unpack` takes."""
    made = make_version(folder, version, "")
    return made, (folder / listed.NAME).read_bytes(), [(f, listed.read_file(folder, f)) for f in made.files]


def check(root: Path) -> Home:
    """All that must hold at every moment."""
    home = Home(root)
    assert home.current is not None and home.good is not None
    for folder in (root / "versions").iterdir():
        assert listed.verify_folder(folder).version == folder.name
        assert os.readlink(folder / "bin/python") == f"/usr/bin/python{PYTHON}"
    return home


def test_a_version_is_put_in_and_switched_to(tmp_path):
    home = installed(tmp_path / "home", "0.1.0", current="0.1.0", good="0.1.0")
    home.place(home.unpack(*brought(tmp_path / "made", "0.2.0")))
    assert (home.current, home.on_trial) == ("0.1.0", False)
    home.begin_trial("0.2.0")
    assert (home.current, home.good, home.on_trial) == ("0.2.0", "0.1.0", True)
    home.keep()
    assert (home.current, home.good, home.former) == ("0.2.0", "0.2.0", "0.1.0")
    assert os.access(home.folder("0.2.0") / "bin/neurorack", os.X_OK)
    assert (home.folder("0.2.0") / "signers").stat().st_mode & 0o777 == 0o644


def test_one_old_version_is_kept(tmp_path):
    home = installed(tmp_path, "0.1.0", "0.2.0", "0.3.0", current="0.3.0", good="0.2.0", former="0.1.0")
    home.keep()
    assert {path.name for path in (tmp_path / "versions").iterdir()} == {"0.2.0", "0.3.0"}
    assert not (tmp_path / ".incoming").exists()


STEPS = {
    "install": lambda home, made: (home.place(home.unpack(*made)), home.begin_trial("0.2.0")),
    "install again over a former one": lambda home, made: (home.place(home.unpack(*made)), home.begin_trial("0.2.0")),
    "begin": lambda home, made: home.attempt(),
    "begin for the third time": lambda home, made: home.attempt(),
    "keep": lambda home, made: home.keep(),
    "go back": lambda home, made: home.go_back("it did not play"),
}
BEFORE = {
    "install": {"current": "0.1.0", "good": "0.1.0"},
    "install again over a former one": {"current": "0.1.0", "good": "0.1.0", "former": "0.2.0"},
}
TRIAL = {"current": "0.2.0", "good": "0.1.0"}


@pytest.mark.parametrize("step", STEPS)
def test_a_power_cut_at_any_call_leaves_whole_versions_and_one_that_plays(run_dir, tmp_path, monkeypatch, step):
    chance = random.Random(3)
    links = BEFORE.get(step, TRIAL)
    before = installed(run_dir / "before", *{*links.values()}, **links)
    if step == "begin for the third time":
        before.attempt()
        before.attempt()
    made = brought(tmp_path / "made", "0.2.0")
    image, calls, seen = scan(before.root), 0, 0
    while True:
        home = Home(run_dir / f"home-{calls}")
        lay_out(home.root, image)  # type: ignore[arg-type]
        disk = TreeDisk(home.root, calls)
        with monkeypatch.context() as patch:
            patch.setattr(module, "os", disk)
            patch.setattr(statedir, "os", disk)
            try:
                STEPS[step](home, made)
                break
            except PowerCut:
                pass
        check(home.root)  # where only the process was killed
        for state in disk.states(chance):
            seen += 1
            lay_out(run_dir / f"after-{seen}", state)
            after = check(run_dir / f"after-{seen}")
            whoever_comes_next_goes_on(after)
        calls += 1
    assert calls >= (20 if "install" in step else 3) and seen > calls
    for state in disk.states(chance):
        seen += 1
        lay_out(run_dir / f"after-{seen}", state)
        after = check(run_dir / f"after-{seen}")
        assert (after.current, after.good) == (home.current, home.good), "once it has returned it is on the disk"


def whoever_comes_next_goes_on(home: Home) -> None:
    """At the next start of the machine: the watch counts, and decides either way."""
    if home.on_trial:
        assert home.attempt() >= 1
        home.go_back("power went")
    else:
        home.prune()
    assert not check(home.root).on_trial
    kept = {home.current, home.good, home.former} - {None}
    assert {path.name for path in (home.root / "versions").iterdir()} == kept


def test_a_count_of_attempts_outlives_the_power(tmp_path):
    installed(tmp_path, "0.1.0", "0.2.0", **TRIAL)
    assert [Home(tmp_path).attempt() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("to", ["versions/../../etc", "/etc", "versions/0.9.9", "versions/x", ""])
def test_a_link_to_anything_but_a_version_is_none(tmp_path, to):
    home = installed(tmp_path, "0.1.0")
    if to:
        (tmp_path / "current").symlink_to(to)
    assert home.current is None


def test_what_lies_in_the_way_of_unpacking_is_never_followed(tmp_path):
    """Somebody's link where a file is to be written."""
    home = installed(tmp_path / "home", "0.1.0", current="0.1.0", good="0.1.0")
    (tmp_path / "elsewhere").write_text("kept")
    manifest, raw, files = brought(tmp_path / "made", "0.2.0")

    def tricky():
        aside = home.root / ".incoming/0.2.0"
        (aside / "bin").mkdir()
        (aside / files[0][0].path).symlink_to(tmp_path / "elsewhere")
        yield from files

    with pytest.raises(OSError):
        home.unpack(manifest, raw, tricky())
    assert (tmp_path / "elsewhere").read_text() == "kept"


def test_a_version_that_does_not_fit_is_refused_before_a_byte_is_written(tmp_path):
    home = installed(tmp_path, "0.1.0", current="0.1.0", good="0.1.0")
    big = listed.Manifest(1, "0.2.0", "aarch64", "3.10", [listed.File("a", 1 << 50, "0" * 64)])
    with pytest.raises(BadInput, match=r"MiB are needed, .* MiB are free \(.*\): free some space"):
        home.check_room(big)
