"""A stranger's bundle is installed whole or not at all, and never anything beside it."""

import gzip
import io
import json
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from neurorack import install as module
from neurorack.bundle import describe_network, load, read_card, write_card
from neurorack.errors import BadInput
from neurorack.install import install


@pytest.fixture
def models(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("NEURORACK_MODELS", str(folder))
    return folder


def zipped(path: Path, files: dict[str, bytes], modes: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, data)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w:gz", kinds: dict[str, bytes] | None = None) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            if kinds and name in kinds:
                entry.type, entry.size, entry.linkname = kinds[name], 0, "/etc/passwd"
            archive.addfile(entry, io.BytesIO(data))
    return path


PACKED = {"tar": "w", "tar.gz": "w:gz", "tar.xz": "w:xz"}


def parts(folder: Path, prefix: str = "") -> dict[str, bytes]:
    return {prefix + file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("prefix", ["", "tiny/", "./", "a/b/"])
@pytest.mark.parametrize("pack", ["zip", "tar", "tar.gz", "tar.xz"])
def test_an_archive_is_installed_under_its_cards_name(models, tmp_path, tiny_bundle, pack, prefix):
    files = parts(tiny_bundle, prefix)
    path = tmp_path / f"some.{pack}"
    source = zipped(path, files) if pack == "zip" else tarred(path, files, PACKED[pack])
    folder = install(source)
    assert folder == models / "tiny"
    assert parts(folder) == parts(tiny_bundle)
    assert load("tiny").name == "tiny"
    assert [path.name for path in models.iterdir()] == ["tiny"]


def test_a_folder_is_installed_without_what_its_card_does_not_name(models, tmp_path, tiny_bundle):
    source = tmp_path / "mine"
    shutil.copytree(tiny_bundle, source)
    (source / "run_me.sh").write_text("echo")
    (source / "sub").mkdir()
    assert sorted(file.name for file in install(source).iterdir()) == sorted(parts(tiny_bundle))


@pytest.mark.parametrize("prefix", ["", "tiny/"])
def test_folders_below_the_cards_are_left(models, tmp_path, tiny_bundle, prefix):
    beside = {f"{prefix}pictures/notes.png": b"png", "README": b"read"}
    install(zipped(tmp_path / "with_pictures.zip", {**beside, **parts(tiny_bundle, prefix)}))
    assert parts(models / "tiny") == parts(tiny_bundle)


def test_the_first_stays_unless_replaced(models, tiny_bundle):
    install(tiny_bundle)
    before = (models / "tiny").stat().st_ino
    with pytest.raises(BadInput, match="installed already"):
        install(tiny_bundle)
    assert (models / "tiny").stat().st_ino == before
    install(tiny_bundle, replace=True)
    assert (models / "tiny").stat().st_ino != before
    assert [path.name for path in models.iterdir()] == ["tiny"]


def test_an_interrupted_installation_leaves_no_bundle(models, tiny_bundle, monkeypatch):
    def pulled_plug(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "decoder.onnx")

    monkeypatch.setattr(Path, "write_bytes", pulled_plug)
    with pytest.raises(BadInput, match="No space left"):
        install(tiny_bundle)
    assert list(models.iterdir()) == []


def broken_bundles(tmp_path: Path, tiny: Path) -> dict[str, Path]:
    """Sources that must be refused, by what is wrong with them."""
    whole = parts(tiny)
    card = json.loads(whole["card.json"])

    def carded(**changes: object) -> dict[str, bytes]:
        return {**whole, "card.json": json.dumps({**card, **changes}).encode()}

    def path(name: str) -> Path:
        return tmp_path / name

    tampered = {**whole, "decoder.onnx": whole["decoder.onnx"][:-1] + b"x"}
    outside = carded(decoder={**card["decoder"], "file": "../decoder.onnx"})
    linked = path("linked")
    shutil.copytree(tiny, linked)
    (linked / "decoder.onnx").unlink()
    (linked / "decoder.onnx").symlink_to(tiny / "decoder.onnx")
    pipe = path("pipe")
    shutil.copytree(tiny, pipe)
    (pipe / "decoder.onnx").unlink()
    os.mkfifo(pipe / "decoder.onnx")
    path("empty").mkdir()
    (path("text.zip")).write_text("PK but no more")
    (path("text.tar")).write_text("nothing")
    cut = zipped(path("cut.zip"), whole)
    cut.write_bytes(cut.read_bytes()[:-30])
    half = tarred(path("half.tar.gz"), whole)
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    directory = bytearray(zipped(path("directory.zip"), whole).read_bytes())
    struct.pack_into("<I", directory, directory.rfind(b"PK\5\6") + 12, 1 << 24)
    path("directory.zip").write_bytes(directory)
    half_xz = tarred(path("half.tar.xz"), whole, "w:xz")
    half_xz.write_bytes(half_xz.read_bytes()[: half_xz.stat().st_size // 2])
    odd_xz = tarred(path("odd.tar.xz"), whole, "w:xz")
    odd_xz.write_bytes(odd_xz.read_bytes()[:40] + b"odd" + odd_xz.read_bytes()[43:])
    header = tarfile.TarInfo("decoder.onnx")
    header.size = 1 << 34
    with gzip.open(path("bomb.tar.gz"), "wb", compresslevel=1) as bomb:
        bomb.write(header.tobuf() + bytes(1 << 20))
    with lzma.open(path("bomb.tar.xz"), "wb", preset=0) as bomb:
        bomb.write(header.tobuf() + bytes(1 << 20))
    foldered = path("foldered")
    shutil.copytree(tiny, foldered)
    (foldered / "decoder.onnx").unlink()
    (foldered / "decoder.onnx").mkdir()
    return {
        "no such file": path("none.zip"),
        "a device": Path("/dev/null"),
        "an empty folder": path("empty"),
        "a text called zip": path("text.zip"),
        "a text called tar": path("text.tar"),
        "a cut zip": cut,
        "half a tar": half,
        "a zip's endless directory": path("directory.zip"),
        "a bomb": path("bomb.tar.gz"),
        "half an xz": half_xz,
        "a damaged xz": odd_xz,
        "a bomb in xz": path("bomb.tar.xz"),
        "a folder in place of a file": foldered,
        "a name too long": zipped(path("long.zip"), carded(decoder={**card["decoder"], "file": "n" * 300})),
        "a title that clears the screen": zipped(path("title.zip"), carded(title="\x1b[2J")),
        "a changed decoder": zipped(path("tampered.zip"), tampered),
        "a missing file": zipped(path("missing.zip"), {k: v for k, v in whole.items() if k != "decoder.onnx"}),
        "a card that leads out": zipped(path("outside.zip"), outside),
        "a name that leads out": zipped(path("name.zip"), carded(name="../evil")),
        "a hidden name": zipped(path("hidden.zip"), carded(name=".ssh")),
        "a linked file": linked,
        "a pipe": pipe,
        "zip: way out": zipped(path("way.zip"), {**whole, "../evil": b"x"}),
        "zip: absolute": zipped(path("absolute.zip"), {**whole, "/tmp/evil": b"x"}),
        "zip: backslash": zipped(path("backslash.zip"), {**whole, "..\\evil": b"x"}),
        "zip: link": zipped(path("link.zip"), {**whole, "gestures": b"/etc"}, {"gestures": stat.S_IFLNK | 0o777}),
        "zip: bomb": zipped(path("bomb.zip"), {**whole, "zeros": bytes(module.ARCHIVE_BYTES_MAX)}),
        "zip: too many": zipped(path("many.zip"), {**whole, **{f"f{i}": b"" for i in range(1001)}}),
        "zip: a file twice": zipped(path("twice.zip"), {**whole, "./gestures.safetensors": b"x"}),
        "zip: two folders": zipped(path("two.zip"), {**whole, "b/card.json": b"x"}),
        "tar: way out": tarred(path("way.tar"), {**whole, "a/../../evil": b"x"}, "w"),
        "tar: absolute": tarred(path("absolute.tar"), {"/tmp/evil": b"x", **whole}, "w"),
        "tar: link": tarred(path("link.tar"), {**whole, "decoder.onnx": b""}, "w", {"decoder.onnx": tarfile.SYMTYPE}),
        "tar: hard link": tarred(
            path("hard.tar"), {**whole, "decoder.onnx": b""}, "w", {"decoder.onnx": tarfile.LNKTYPE}
        ),
        "tar: device": tarred(
            path("device.tar"), {**whole, "decoder.onnx": b""}, "w", {"decoder.onnx": tarfile.CHRTYPE}
        ),
    }


def test_everything_else_is_refused_and_leaves_nothing_behind(models, tmp_path, tiny_bundle):
    (tmp_path / "sources").mkdir()
    sources = broken_bundles(tmp_path / "sources", tiny_bundle)
    before = sorted(tmp_path.rglob("*"))
    for what, source in sources.items():
        with pytest.raises(BadInput) as refused:
            install(source)
        assert refused.value.mend, what
        assert "\n" not in str(refused.value), what
        assert list(models.iterdir()) == [], what
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/tmp/evil").exists()


def test_headers_that_unpack_without_end_are_cut_short(models, tmp_path, tiny_bundle, monkeypatch):
    monkeypatch.setattr(module, "ARCHIVE_BYTES_MAX", 100_000)
    with tarfile.open(tmp_path / "pax.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        entry = tarfile.TarInfo("card.json")
        entry.pax_headers = {"comment": "x" * 1_000_000}
        archive.addfile(entry)
    with pytest.raises(BadInput, match="unpacks to far more"):
        install(tmp_path / "pax.tar.gz")


def test_headers_in_xz_that_unpack_without_end_are_cut_short(models, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ARCHIVE_BYTES_MAX", 100_000)
    with tarfile.open(tmp_path / "pax.tar.xz", "w:xz", format=tarfile.PAX_FORMAT) as archive:
        entry = tarfile.TarInfo("card.json")
        entry.pax_headers = {"comment": "x" * 1_000_000}
        archive.addfile(entry)
    with pytest.raises(BadInput, match="unpacks to far more"):
        install(tmp_path / "pax.tar.xz")


def test_the_strongest_xz_preset_is_taken_and_what_asks_for_more_memory_is_not(models, tmp_path, tiny_bundle):
    packed = tarred(tmp_path / "plain.tar", parts(tiny_bundle), "w").read_bytes()
    (tmp_path / "nine.tar.xz").write_bytes(lzma.compress(packed, preset=9))
    assert install(tmp_path / "nine.tar.xz").name == "tiny"
    vast = bytearray(lzma.compress(packed, preset=9))
    at = vast.index(b"\x21\x01")  # LZMA2's id and the size of its properties: one byte, the dictionary's size
    vast[at + 2] = 36  # 1 GiB
    header = slice(12, 12 + 4 * (vast[12] + 1) - 4)
    vast[header.stop : header.stop + 4] = zlib.crc32(vast[header]).to_bytes(4, "little")
    (tmp_path / "vast.tar.xz").write_bytes(vast)
    with pytest.raises(BadInput, match="Memory usage limit"):
        install(tmp_path / "vast.tar.xz", replace=True)
    assert load("tiny").name == "tiny"


def test_what_loads_but_does_not_play_replaces_nothing(models, tmp_path, tiny_bundle):
    install(tiny_bundle)
    before = parts(models / "tiny")
    odd = shutil.copytree(tiny_bundle, tmp_path / "tiny")
    model = onnx.load(str(odd / "decoder.onnx"))
    for tensor in model.graph.initializer:
        if tensor.name == "noise_gains":
            spoilt = np.full_like(numpy_helper.to_array(tensor), np.nan)
            tensor.CopyFrom(numpy_helper.from_array(spoilt, tensor.name))
    (odd / "decoder.onnx").write_bytes(model.SerializeToString())
    described = describe_network(odd / "decoder.onnx")
    write_card(odd, msgspec.structs.replace(read_card(odd), decoder=described))
    load(odd)
    with pytest.raises(BadInput, match="no number") as refused:
        install(odd, replace=True)
    assert str(odd / "decoder.onnx") in str(refused.value)
    assert parts(models / "tiny") == before
    assert [path.name for path in models.iterdir()] == ["tiny"]


def test_a_tar_whose_headers_chain_without_end_is_refused_in_one_line(models, tmp_path):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1
    (tmp_path / "chain.tar").write_bytes((header.tobuf(tarfile.GNU_FORMAT) + bytes(512)) * 3000)
    with pytest.raises(BadInput, match="not a whole archive"):
        install(tmp_path / "chain.tar")


def test_a_zip64_archive_is_refused_before_its_directory_is_read(models, tmp_path):
    (tmp_path / "far.zip").write_bytes(b"PK\6\7" + bytes(16) + b"PK\5\6" + bytes(18))
    with pytest.raises(BadInput, match="zip64"):
        install(tmp_path / "far.zip")
