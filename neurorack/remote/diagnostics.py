"""What a friend needs to help: logs, crash, settings, doctor's report, versions, metrics in one file, nothing private.

Names of people and machines, addresses and home folders are taken out of every text; recordings and sounds are not in
it. What is missing is named in the archive's own list, since a module that is half dead is what it is for.
"""

import getpass
import io
import ipaddress
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import neurorack
from neurorack import crash
from neurorack.errors import BadInput
from neurorack.statedir import mend_of, read_plain, state_dir

TEXT_MAX = 1 << 20
"""Bytes of each file in it, the last ones."""

JOURNAL_LINES = 2000
CHILD_S = 90.0
PACKAGES = ("numpy", "msgspec", "onnxruntime", "onnxruntime-gpu", "sounddevice", "gpiod", "smbus2", "textual")
LOGS = ("daemon", "engine", "jacks", "remote")


def pack(run_dir: Path, out: Path) -> list[str]:
    """Write the archive `out`; the names of what is in it. BadInput where it cannot be written."""
    parts: dict[str, Callable[[], str]] = {
        "versions.txt": _versions,
        "doctor.json": lambda: _told("doctor", "--json", "--run-dir", str(run_dir)),
        "values.json": lambda: _told("ctl", "get", "--json", "--run-dir", str(run_dir)),
        "metrics.txt": lambda: _told("ctl", "metrics", "--run-dir", str(run_dir)),
        "history.json": lambda: _told("ctl", "metrics", "--json", "--history", "--run-dir", str(run_dir)),
        "journal.txt": _journal,
        **{f"{name}.err": lambda name=name: _end_of(run_dir / f"{name}.err") for name in LOGS},  # type: ignore[misc]
        "crash.txt": _crash,
        **{path.name: lambda path=path: _end_of(path) for path in _settings()},  # type: ignore[misc]
    }
    texts, missing = {}, []
    for name, read in parts.items():
        try:
            texts[name] = redacted(read())
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            missing.append(f"{name}: {error}")
    texts["missing.txt"] = redacted("\n".join(missing)) or "nothing"
    try:
        with tarfile.open(out, "w:gz") as archive:
            for name, text in texts.items():
                raw = text.encode()
                entry = tarfile.TarInfo(f"neurorack-diagnostics/{name}")
                entry.size = len(raw)
                archive.addfile(entry, io.BytesIO(raw))
    except OSError as error:
        raise BadInput(f"cannot write: {error.strerror}", str(out), mend_of(error)) from error
    return list(texts)


def redacted(text: str) -> str:
    """`text` without the names of this machine and its user, home folders, and addresses of networks.

    >>> redacted("/home/ann/models from 192.168.1.17")
    '~/models from (address)'
    """
    text = re.sub(r"(/home/[^/\s\"']+|/root)(?=[/\s\"':,)]|$)", "~", text)
    text = re.sub(r"\b(?!127\.)(\d{1,3}\.){3}\d{1,3}\b", "(address)", text)
    text = re.sub(r"\b([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b", "(address)", text)
    text = re.sub(r"[0-9a-fA-F]+:[0-9a-fA-F:]*:[0-9a-fA-F]+", _without_ipv6, text)
    for name, told in ((socket.gethostname(), "(machine)"), (_user(), "(user)")):
        if len(name) > 2 and name not in ("root", "neurorack"):
            text = re.sub(rf"\b{re.escape(name)}\b", told, text)
    return text


def _without_ipv6(found: re.Match[str]) -> str:
    try:
        ipaddress.IPv6Address(found[0])
    except ValueError:
        return found[0]  # a time of day, or what else has colons
    return "(address)"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # nobody
        return ""


def _versions() -> str:
    lines = [f"neurorack {neurorack.__version__}", f"Python {platform.python_version()}", platform.platform()]
    for name in PACKAGES:
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name} is not installed")
    return "\n".join(lines) + "\n"


def _told(*command: str) -> str:
    """What one of our commands prints."""
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-m", "neurorack", *command],
        capture_output=True,
        text=True,
        timeout=CHILD_S,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )
    return done.stdout or json.dumps({"status": done.returncode, "said": done.stderr[-TEXT_MAX:]})


def _journal() -> str:
    command = ["journalctl", "--unit", "*neurorack*", "--lines", str(JOURNAL_LINES), "--no-pager", "--output", "short"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_S, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ValueError(done.stderr.strip() or f"status {done.returncode}")
    return done.stdout[-TEXT_MAX:]


def _crash() -> str:
    if (kept := crash.last(state_dir())) is None:
        raise ValueError("no process has crashed")
    return "\n".join(kept.lines())


def _end_of(path: Path) -> str:
    return read_plain(path, 4 * TEXT_MAX)[-TEXT_MAX:].decode("utf-8", "replace")


def _settings() -> list[Path]:
    folder = state_dir()
    try:
        found = sorted(folder.glob("settings-*.[ab]")) + sorted(folder.glob("calibration*.toml*"))
    except OSError:
        return []
    return [path for path in found if path.is_file()]
