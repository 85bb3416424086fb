"""What systemd's units start: `python -m neurorack.service engine|jacks|daemon|remote [options of neurorack run]`.

All four units read the same options; what the player chose lies in the state directory. From both this makes the
command line that the daemon would make, and becomes that process. systemd starts it again at once when it ends, and
here it waits: not at all after it has lived a while, else longer each time. RestartSteps of systemd 254 would do that,
but a good run makes it forget no end: the tenth in a year would cost as long a silence as the tenth in a row (systemd
issue 43813).
"""

import argparse
import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from neurorack.daemon import BUNDLE, Daemon, add_options, log
from neurorack.desk import Desk
from neurorack.errors import BadInput
from neurorack.keeper import LOG_BYTES_MAX, PAUSES_S, STEADY_S, log_path
from neurorack.parts import engine_command, jacks_command, listens, remote_command, sheet_of
from neurorack.rundir import open_run_dir
from neurorack.statedir import state_dir

PARTS = ("engine", "jacks", "daemon", "remote")


def main(arguments: Sequence[str] | None = None) -> int:
    """Does not return where it becomes another process. 2 on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m neurorack.service",
        description="One process of the module, as systemd's units start it.",
        epilog="example: python -m neurorack.service engine --device alsa --block 128",
    )
    parser.add_argument("part", choices=PARTS, help="which process to become")
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        run_dir = open_run_dir(options.run_dir)
        time.sleep(pause_s(run_dir / f"{options.part}.starts"))
        if options.part == "daemon":
            sys.stderr = _Twice(sys.stderr, log_path(run_dir, "daemon"))
            return Daemon(options, attached=False, keeps=False).run()
        command = _command(options, run_dir)
    except BadInput as error:
        log(str(error))
        return 2
    if (fd := _open_log(log_path(run_dir, options.part))) >= 0:
        os.dup2(fd, 2)  # the daemon reads it, for its journal and the panel
        os.close(fd)
    os.execv(command[0], command)


def pause_s(starts: Path) -> float:
    """How long a start is to wait that comes now; the file `starts` tells the next one of it."""
    now_s, ends = time.monotonic(), 0
    try:
        last_s, before = json.loads(starts.read_bytes())
        if 0 <= now_s - float(last_s) < STEADY_S:
            ends = int(before) + 1
    except (OSError, ValueError, TypeError):
        pass  # the first, or cut short by a full disk
    pause = PAUSES_S[min(ends, len(PAUSES_S)) - 1] if ends else 0.0
    try:
        starts.write_text(json.dumps([now_s + pause, ends]))
    except OSError as error:
        log(f"cannot write {starts}: {error.strerror}")
    return pause


def _command(options: argparse.Namespace, run_dir: Path) -> list[str]:
    if options.part == "remote":
        return remote_command(run_dir)
    if options.part == "jacks":
        return jacks_command(options, run_dir)
    sheet = sheet_of(options)
    desk = Desk(state_dir(), BUNDLE, sound=sheet.sound if sheet else None, bundle=options.bundle)
    bundle, first = desk.engine_options
    return [*engine_command(options, run_dir, bundle, listens=listens(options, sheet)), *first]


def _open_log(path: Path) -> int:
    """Its descriptor, to write at its end; begun anew where it has grown too long, −1 where it cannot be had."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            flags |= os.O_TRUNC
        return os.open(path, flags, 0o660)
    except OSError as error:
        log(f"cannot write {path}: {error.strerror}")
        return -1


class _Twice(io.TextIOBase):
    """The daemon's stderr: the journal hears it, and a file in the run directory, for `neurorack ctl log daemon`."""

    def __init__(self, journal: TextIO, path: Path) -> None:
        self._journal, self._fd = journal, _open_log(path)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):  # each says what it can, whatever becomes of the other
            self._journal.write(text)
            self._journal.flush()
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                if os.fstat(self._fd).st_size > LOG_BYTES_MAX:
                    os.truncate(self._fd, 0)
                os.write(self._fd, text.encode(errors="replace"))
        return len(text)


if __name__ == "__main__":
    sys.exit(main())
