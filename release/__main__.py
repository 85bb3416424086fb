"""`python -m release deb` and `python -m release update`: what `make deb` and `make release` run."""

import argparse
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from neurorack.errors import BadInput
from neurorack.update import archive, signature
from release import package, version
from release.wheels import DEBIAN_ARCHITECTURES, GLIBC_MINOR, Target


def public_line(key: Path) -> str:
    """The line of `signers` for a private key's public half, which lies beside it."""
    path = key.with_name(f"{key.name}.pub")
    try:
        kind, public, *_ = path.read_text().split()
    except (OSError, ValueError) as error:
        mend = f"make a key: ssh-keygen -t ed25519 -f {key}"
        raise BadInput(f"no public key: {error}", str(path), mend) from error
    return f'{signature.WHO} namespaces="{signature.NAMESPACE}" {kind} {public}\n'


def system_python() -> str:
    """The Python that belongs to this system, in which a package made here is tried first."""
    told = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True
    )
    return told.stdout.strip() or f"{sys.version_info.major}.{sys.version_info.minor}"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m release",
        description="Make the Debian package, or a signed update.",
        epilog="example: python -m release update --machine aarch64 --python 3.10 --key ~/.ssh/neurorack",
    )
    parser.add_argument("what", choices=("deb", "update"))
    parser.add_argument("--machine", choices=sorted(DEBIAN_ARCHITECTURES), default=platform.machine())
    parser.add_argument("--python", choices=sorted(GLIBC_MINOR), default=system_python())
    parser.add_argument("--key", type=Path, help="private key that signs the update, and whose signatures are trusted")
    parser.add_argument("--runtime", type=Path, help="a wheel in onnxruntime's place, as the one for your JetPack")
    parser.add_argument("--out", type=Path, default=Path("out"))
    given = parser.parse_args()
    try:
        if given.what == "update" and given.key is None:
            raise BadInput("an update must be signed", "--key", "make a key: ssh-keygen -t ed25519 -f KEY")
        signer = public_line(given.key) if given.key is not None else ""
        target = Target(given.machine, given.python)
        given.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=given.out, prefix=".release-") as made:
            folder = Path(made) / "version"
            sealed = version.stage(folder, target, runtime=given.runtime, signer=signer)
            if given.what == "deb":
                path = package.make(folder, target, given.out)
            else:
                path = given.out / f"neurorack-{sealed.version}-{target.python_tag}-{target.machine}{archive.SUFFIX}"
                archive.pack(folder, path, given.key)
    except BadInput as error:
        print(f"release: {error}", file=sys.stderr)
        return 2
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
