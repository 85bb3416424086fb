"""An update from a stranger, or torn or damaged anywhere, is refused before anything of it is written."""

import hashlib
import io
import lzma
import re
from pathlib import Path

import msgspec
import pytest
from versions import make_key, make_update, make_version, signer

from neurorack.errors import BadInput
from neurorack.update import archive as module
from neurorack.update import manifest as listed
from neurorack.update import signature
from neurorack.update.archive import Archive, pack


@pytest.fixture(scope="module")
def key(tmp_path_factory) -> Path:
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def raw(tmp_path_factory, key) -> bytes:
    return make_update(tmp_path_factory.mktemp("update"), "0.2.0", key).read_bytes()


@pytest.fixture(scope="module")
def head(raw) -> int:
    """Bytes before the packed files."""
    manifest_bytes, signature_bytes = map(int, raw.split(b"\n", 1)[0].split()[3:5])
    return raw.index(b"\n") + 1 + manifest_bytes + signature_bytes


def read(raw: bytes, allowed: str) -> dict[str, bytes]:
    archive = Archive(io.BytesIO(raw), "it.update")
    archive.verify(allowed.encode())
    return {file.path: content for file, content in archive.files()}


def refused(raw: bytes, allowed: str) -> str:
    with pytest.raises(BadInput) as error:
        read(raw, allowed)
    assert "\n" not in str(error.value)
    return str(error.value)


def forged(key: Path, made: listed.Manifest, packed: bytes) -> bytes:
    """What a maker might sign who does not mean well, or errs."""
    sums = [hashlib.sha256(packed[at : at + 4096]).hexdigest() for at in range(0, len(packed), 4096)]
    signed = listed.encode(msgspec.structs.replace(made, packed=listed.Packed(len(packed), 4096, sums)))
    return sealed(signed, signature.sign(signed, key), packed)


def sealed(signed: bytes, by: bytes, packed: bytes) -> bytes:
    total = hashlib.sha256(signed + by).hexdigest()
    return f"neurorack update 1 {len(signed)} {len(by)} {total}\n".encode() + signed + by + packed


def test_every_file_comes_back(raw, key, tmp_path):
    made = make_version(tmp_path / "again", "0.2.0", signer(key))
    found = read(raw, signer(key))
    assert found == {file.path: (tmp_path / "again" / file.path).read_bytes() for file in made.files}


def test_a_person_can_read_what_is_in_it(raw):
    lines = raw[:3000].decode(errors="replace").split("\n")
    assert re.fullmatch(r"neurorack update 1 \d+ \d+ [0-9a-f]{64}", lines[0])
    assert '   "path": "bin/neurorack",' in lines


def test_every_bit_of_head_manifest_and_signature_counts(raw, head, key):
    """Damage is told from forgery without asking ssh-keygen."""
    for place in range(head):
        changed = bytearray(raw[: head + 1])
        changed[place] ^= 1 << place % 8
        with pytest.raises(BadInput) as error:
            Archive(io.BytesIO(bytes(changed)), "it.update")
        assert re.search("damaged|not an update|later kind|too big", str(error.value)), place


def test_ten_thousand_changed_bytes_of_the_files_are_each_refused(raw, head, key):
    archive = Archive(io.BytesIO(raw), "it.update")
    archive.verify(signer(key).encode())
    packed = raw[head:]
    for change in range(10_000):
        changed = bytearray(packed)
        changed[change * 7919 % len(packed)] ^= 1 + change % 255
        archive._stream = io.BytesIO(bytes(changed))
        with pytest.raises(BadInput, match="damaged"):
            for _ in archive.files():
                pass


def test_torn_anywhere_it_is_refused(raw, key):
    for length in [*range(0, len(raw), 97), len(raw) - 1]:
        assert "damaged" in refused(raw[:length], signer(key)) or length < 100
    assert "more in it" in refused(raw + b"\0", signer(key))


def test_a_sum_put_right_does_not_help_the_forger(raw, head, key):
    """The first line agrees, the manifest is another: only the signature is left to say so."""
    first = raw.index(b"\n") + 1
    signature_bytes = int(raw[:first].split()[4])
    signed, by, packed = raw[first : head - signature_bytes], raw[head - signature_bytes : head], raw[head:]
    for place in range(0, len(signed), len(signed) // 20):
        changed = bytearray(signed)
        changed[place] ^= 1
        assert "not signed" in refused(sealed(bytes(changed), by, packed), signer(key))
    for place in range(0, len(by), 4):
        changed = bytearray(by)
        changed[place] ^= 1
        assert "not signed" in refused(sealed(signed, bytes(changed), packed), signer(key)), place


def test_no_key_but_a_trusted_one_counts(raw, tmp_path):
    assert "not signed by a key that this module trusts" in refused(raw, signer(make_key(tmp_path)))
    assert "trusts no key yet" in refused(raw, "# none\n\n")


def test_what_the_key_signed_for_another_purpose_is_no_update(raw, head, key, monkeypatch):
    first = raw.index(b"\n") + 1
    signed = raw[first : head - int(raw[:first].split()[4])]
    with monkeypatch.context() as patch:
        patch.setattr(signature, "NAMESPACE", "git")
        by = signature.sign(signed, key)
    assert "not signed" in refused(sealed(signed, by, raw[head:]), signer(key))


def test_nothing_is_unpacked_before_its_piece_is_vouched_for(raw, head, key, monkeypatch):
    archive = Archive(io.BytesIO(raw[:head] + b"\0" + raw[head + 1 :]), "it.update")
    archive.verify(signer(key).encode())
    monkeypatch.setattr(module, "_Unpacked", Watched)
    Watched.fed = 0
    with pytest.raises(BadInput, match="pieces"):
        list(archive.files())
    assert Watched.fed == 0


class Watched(module._Unpacked):
    fed = 0

    def _some(self, count: int) -> bytes:
        piece = next(self._pieces)
        Watched.fed += len(piece)
        return piece


def test_even_a_signed_bomb_ends_where_its_manifest_says(key, tmp_path):
    made = make_version(tmp_path / "made", "0.2.0", signer(key))
    contents = b"".join((tmp_path / "made" / file.path).read_bytes() for file in made.files)
    whole = lzma.compress(contents, check=lzma.CHECK_NONE)
    assert read(forged(key, made, whole), signer(key))
    bomb = lzma.compress(contents + bytes(50_000_000), check=lzma.CHECK_NONE)
    assert "longer than its manifest" in refused(forged(key, made, bomb), signer(key))
    assert "end too early" in refused(forged(key, made, lzma.compress(contents[:-1])), signer(key))
    assert "follows its files" in refused(forged(key, made, whole + whole), signer(key))
    assert "damaged" in refused(forged(key, made, contents), signer(key))
    greedy = lzma.compress(contents, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}])
    assert "damaged" in refused(forged(key, made, greedy), signer(key)), "it would take a gigabyte to unpack"


def test_a_stick_that_is_pulled_out_is_one_line(raw, head, key):
    class Pulled(io.BytesIO):
        def read(self, count: int | None = -1) -> bytes:
            if self.tell() >= head + 4096:
                raise OSError(5, "Input/output error")
            return super().read(count)

    archive = Archive(Pulled(raw), "it.update")
    archive.verify(signer(key).encode())
    with pytest.raises(BadInput, match=r"cannot be read: Input/output error \(it.update\): leave the stick"):
        list(archive.files())


def test_what_cannot_be_signed_leaves_no_update(tmp_path, key):
    make_version(tmp_path / "made", "0.2.0", signer(key))
    with pytest.raises(BadInput, match="cannot sign"):
        pack(tmp_path / "made", tmp_path / "it.update", tmp_path / "none")
    assert not (tmp_path / "it.update").exists()


def test_signers_that_cannot_be_read_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(signature, "OWNERS", tmp_path / "owners")
    assert signature.signers(tmp_path) == b""
    (tmp_path / "owners").mkdir()
    with pytest.raises(BadInput, match="cannot read who may sign: it is not a plain file"):
        signature.signers(tmp_path)
