"""Who made an update: an Ed25519 signature by OpenSSH's `ssh-keygen -Y`, which every Debian and Ubuntu has.

Who may sign stands in two files of its `allowed_signers` format, one key a line: the one that came with the version,
so that an update signed by an old key can bring a new one, and the owner's.
"""

import base64
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from neurorack.errors import BadInput
from neurorack.statedir import mend_of, read_plain

NAMESPACE = "neurorack-update"
"""Signed along: what the key has signed for another purpose is no update."""

WHO = "neurorack"
"""The name that a line of `allowed_signers` begins with."""

OWNERS = Path("/etc/neurorack/signers")

BYTES_MAX = 4096
"""That of Ed25519 has 165; one made by a security key some more."""

_SIGNERS_BYTES_MAX = 1 << 16
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


def sign(message: bytes, key: Path) -> bytes:
    """The signature of the private `key`; a passphrase or a security key's touch is asked for by ssh-keygen."""
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key)]
    try:
        done = subprocess.run(command, input=message, stdout=subprocess.PIPE, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BadInput(f"cannot sign: {error}", str(key), "make a key: ssh-keygen -t ed25519 -f KEY") from error
    return base64.b64decode("".join(done.stdout.decode().split("\n")[1:-2]))


def signers(version: Path) -> bytes:
    """Lines of all who may sign, for the version in this folder. BadInput where they stand in what cannot be read."""
    found = b""
    for path in (version / "signers", OWNERS):
        try:
            found += read_plain(path, _SIGNERS_BYTES_MAX) + b"\n"
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BadInput(f"cannot read who may sign: {error.strerror}", str(path), mend_of(error)) from error
        except ValueError as error:
            raise BadInput(f"cannot read who may sign: {error}", str(path), "one key a line, in a file") from error
    return found


def verify(message: bytes, signature: bytes, allowed: bytes, where: str) -> None:
    """Raise BadInput unless one of the `allowed` has signed exactly this `message`."""
    if not any(line.strip() and not line.startswith(b"#") for line in allowed.splitlines()):
        raise BadInput("this module trusts no key yet", where, f"put the maker's line into {OWNERS}")
    armoured = f"{_BEGIN}\n{base64.encodebytes(signature).decode()}{_END}\n".encode()
    with _in_memory(allowed) as allowed_fd, _in_memory(armoured) as signature_fd:
        files = (allowed_fd.fileno(), signature_fd.fileno())
        command = ["ssh-keygen", "-Y", "verify", "-q", "-n", NAMESPACE, "-I", WHO]
        command += ["-f", f"/dev/fd/{files[0]}", "-s", f"/dev/fd/{files[1]}"]
        if not _agrees(command, message, files):
            raise BadInput("not signed by a key that this module trusts", where, "get it from who made the module")


def _agrees(command: Sequence[str], message: bytes, files: Sequence[int]) -> bool:
    try:
        done = subprocess.run(command, input=message, capture_output=True, pass_fds=files)
    except OSError as error:
        raise BadInput(f"no ssh-keygen: {error.strerror}", "", "apt-get install openssh-client") from error
    return done.returncode == 0


def _in_memory(content: bytes) -> IO[bytes]:
    """A file that needs no disk: one may be full."""
    file = open(os.memfd_create("neurorack"), "w+b")  # noqa: SIM115 (whoever asked closes it)
    file.write(content)
    file.flush()
    return file
