"""What systemd's units start: `python -m neurorack.service engine|jacks|daemon|remote|midi|osc [options of run]`.

All units read the same options; what the player chose lies in the state directory. From both this makes the
command line that the daemon would make, and becomes that process. The last two are no part of the module, and have
options of their own in the environment. systemd starts it again at once when it ends, and
here it waits: not at all after it has lived a while, else longer each time. RestartSteps of systemd 254 would do that,
but a good run makes it forget no end: the tenth in a year would cost as long a silence as the tenth in a row (systemd
issue 43813).
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from neurorack.daemon import Daemon, add_options, log
from neurorack.desk import Desk
from neurorack.errors import BadInput
from neurorack.keeper import PAUSES_S, STEADY_S, log_path, open_log
from neurorack.parts import controller_command, engine_command, jacks_command, listens, remote_command, sheet_of
from neurorack.rundir import open_run_dir
from neurorack.statedir import state_dir
from neurorack.words import BUNDLE

PARTS, CONTROLLERS = ("engine", "jacks", "daemon", "remote"), ("midi", "osc")


def main(arguments: Sequence[str] | None = None) -> int:
    """Does not return where it becomes another process. 2 on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m neurorack.service",
        description="One process of the module, as systemd's units start it.",
        epilog="example: python -m neurorack.service engine --device alsa --block 128",
    )
    parser.add_argument("part", choices=(*PARTS, *CONTROLLERS), help="which process to become")
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        run_dir = open_run_dir(options.run_dir)
        time.sleep(pause_s(run_dir / f"{options.part}.starts"))
        if options.part == "daemon":
            return Daemon(options, attached=False, keeps=False).run()
        command = _command(options, run_dir)
    except BadInput as error:
        log(str(error))
        return 2
    if options.part in PARTS:
        _write_to(log_path(run_dir, options.part))
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
    if options.part in CONTROLLERS:
        return controller_command(options.part, run_dir)
    if options.part == "remote":
        return remote_command(run_dir)
    if options.part == "jacks":
        return jacks_command(options, run_dir)
    sheet = sheet_of(options)
    desk = Desk(state_dir(), BUNDLE, sound=sheet.sound if sheet else None, bundle=options.bundle)
    bundle, first = desk.engine_options
    return [*engine_command(options, run_dir, bundle, listens=listens(options, sheet)), *first]


def _write_to(path: Path) -> None:
    """Let stderr be the file that the daemon reads, for its journal and the panel."""
    try:
        fd = open_log(path)
    except OSError as error:
        log(f"cannot write {path}: {error.strerror}")
        return
    os.dup2(fd, 2)
    os.close(fd)


if __name__ == "__main__":
    sys.exit(main())
