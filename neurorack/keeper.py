"""Keeps one process alive: finds it, starts it, hears of its end at once, starts it again.

The processes are sessions of their own and hold a lock with their pid (`rundir.Lock`), so they outlive whoever started
them, and the next daemon finds them:

    begin ──▶ lock held by the same command? adopt it : by another? end that, start : start
    ended ──▶ restart at once; when it ends again soon, wait 0.25, 0.5, … 8 s
"""

import contextlib
import io
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from neurorack.crash import Crash, crashed
from neurorack.rundir import holder
from neurorack.statedir import read_plain

STEADY_S = 10.0
"""A process that lived so long is well: its next end is restarted at once again."""

PAUSES_S = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Before each further restart in a row."""

PATIENCE_S = 1.0
"""From SIGTERM to SIGKILL. The engine fades out in 20 ms; the rest is for a busy machine."""

LOG_BYTES_MAX = 1 << 20

SAID_BYTES = 16 << 10
"""Of what it said last, to be kept of one that crashed."""

ORDERLY = {"engine": (0, 2, 4)}
"""Statuses that are no crash: a refusal (2) is told in its own line, and 4 is an engine that wants its card back."""

LOOK_S = 0.1
"""How often a process that others start is looked for."""


class Keeper:
    """One process. `log` takes a line; `pulse`, where given, the newest sign of life in CLOCK_MONOTONIC nanoseconds;
    `first` is an option and its value that matter to a start alone: one that was started with others is adopted too.

    `pidfd` becomes readable when the process ends (−1 while there is none): then call `ended`. `due_s` is when `begin`
    should be called next, in time.monotonic's seconds, or None.
    """

    STILL_S = 3.0
    """Without a pulse for so long it is killed."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        run_dir: Path,
        log: Callable[[str], None],
        pulse: Callable[[], int] | None = None,
        first: Sequence[str] = (),
    ) -> None:
        self.name, self.command, self.first = name, tuple(command), tuple(first)
        self.pid, self.pidfd = 0, -1
        self.due_s: float | None = None
        self.ends = 0
        """How often in a row it ended soon after its start."""
        self.last_words = ""
        """The last line it wrote on stderr before it ended."""
        self.lock, self._err = run_dir / f"{name}.lock", log_path(run_dir, name)
        self._log, self.pulse = log, pulse
        self._child: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        # Bytes of its file that were passed on, and that others wrote before it: what is there is of an earlier run.
        self._told = self._began_at = self._written()
        self._crash: Crash | None = None

    def begin(self) -> None:
        """Adopt the process if it runs with the same command, else start it; one with another command ends first."""
        self.due_s = None
        if self.adopt():
            if self.plays_on():
                self._started_s = time.monotonic()
                self._told = self._written()
                self._log(f"{self.name} plays on, taken over (process {self.pid})")
                return
            self._log(f"{self.name} runs with other options, starting it anew (process {self.pid})")
            self.stop()
        self._start()

    def plays_on(self) -> bool:
        """Whether a process with this very command, `first` aside, is there to be adopted."""
        found, length = _command_of(holder(self.lock)), len(self.command)
        return found[1:length] == self.command[1:] and found[length : length + 1] in ((), self.first[:1])

    def adopt(self) -> bool:
        """Watch the process that holds the lock, whatever its command; False where there is none."""
        pid = holder(self.lock)
        return bool(pid) and self._watch(pid)

    def _start(self) -> None:
        self._told = self._began_at = 0
        self._err.write_bytes(b"")
        # A file, not a pipe: it must be able to write when the daemon is gone; at its end, wherever that is cut to.
        with open(self._err, "ab") as err:
            os.set_blocking(err.fileno(), True)
            self._child = subprocess.Popen(
                [*self.command, *self.first], stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True
            )
        self._started_s = time.monotonic()
        self._watch(self._child.pid)

    def ended(self) -> int | None:
        """Take note that it has ended and plan its restart; its exit status (negative: the signal), None if unknown."""
        status = self._count_end()
        if status not in ORDERLY.get(self.name, (0, 2)):
            self._crash = crashed(self.name, describe(status), self._said())
        pause_s = PAUSES_S[min(self.ends, len(PAUSES_S)) - 1]
        self.due_s = time.monotonic() + pause_s
        again = f"again in {pause_s:g} s" if pause_s else "starting it again"
        self._log(f"{self.name} ended ({describe(status)}), {again}")
        return status

    def _count_end(self) -> int | None:
        status = self._forget()
        self.tail()
        self.ends = 1 if time.monotonic() - self._started_s > STEADY_S else self.ends + 1
        return status

    def take_crash(self) -> Crash | None:
        """What is to be kept of its last end, once; None where that was orderly, or is not known yet."""
        crash, self._crash = self._crash, None
        return crash

    def _said(self) -> bytes:
        """The end of its lines."""
        try:
            with open(self._err, "rb") as err:
                err.seek(max(self._began_at, self._written() - SAID_BYTES))
                return err.read(SAID_BYTES)
        except OSError:
            return b""

    def check_pulse(self) -> None:
        """Kill it where it lives but stands still."""
        if self.pidfd < 0 or self.pulse is None or time.monotonic() - self._started_s < STEADY_S:
            return
        still_s = (time.monotonic_ns() - self.pulse()) * 1e-9
        if still_s > self.STILL_S:
            self._log(f"{self.name} stands still for {still_s:.0f} s, killing it")
            self.signal(signal.SIGKILL)
            self._started_s = time.monotonic()  # gives its end time to arrive

    def tail(self) -> None:
        """Pass on what it has written to stderr since the last call, line by line."""
        try:
            with open(self._err, "rb") as err:
                err.seek(self._told)
                lines = err.read(LOG_BYTES_MAX).splitlines(keepends=True)
        except OSError:
            return
        for line in lines:
            if line.endswith(b"\n") or self.pidfd < 0:
                self._told += len(line)
                if text := line.decode("utf-8", "replace").strip().removeprefix(f"{self.name}: "):
                    self.last_words = text
                    self._log(f"{self.name}: {text}")
        if self._told > LOG_BYTES_MAX:
            with contextlib.suppress(OSError):
                os.truncate(self._err, 0)
            self._told = self._began_at = 0

    def signal(self, number: int) -> None:
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def stop(self) -> None:
        """End it, and return when it has ended. Politely first."""
        self.due_s = None
        if self.pidfd < 0:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.signal(number)
            if select.select([self.pidfd], [], [], PATIENCE_S)[0]:
                break
        self._forget()
        self.tail()

    def _written(self) -> int:
        """Bytes in the file of its lines."""
        return self._err.stat().st_size if self._err.exists() else 0

    def _watch(self, pid: int) -> bool:
        """Hear of the end of `pid`; False where it has ended already or is not who it was."""
        try:
            self.pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        self.pid = pid
        if self._child is None and holder(self.lock) != pid:
            self._forget()
            return False
        return True

    def _forget(self) -> int | None:
        if self.pidfd >= 0:
            os.close(self.pidfd)
        self.pid, self.pidfd = 0, -1
        child, self._child = self._child, None
        return None if child is None else child.wait()


class Watcher(Keeper):
    """The same for a process that others keep, as systemd does (`service`): it is found when it is there, its lines
    are passed on, and it is neither started nor ended. How it ended is known when the next one is there: its unit
    writes that down between the two (`end_path`)."""

    def __init__(
        self, name: str, run_dir: Path, log: Callable[[str], None], pulse: Callable[[], int] | None = None
    ) -> None:
        super().__init__(name, (), run_dir, log, pulse)
        self._gone_s: float | None = time.monotonic()
        self._end, self._last_said = end_path(run_dir, name), b""

    @property
    def gone_s(self) -> float:
        """For how long there has been none; 0 while there is one."""
        return 0.0 if self._gone_s is None else time.monotonic() - self._gone_s

    def begin(self) -> None:
        """Look for it, and again soon where it is not there."""
        self.due_s = None
        if self.adopt():
            self._started_s, self._gone_s = time.monotonic(), None
            if (how := take_end(self._end, self.name)) is not None:
                self._crash = crashed(self.name, how, self._last_said)
            self._log(f"{self.name} is there (process {self.pid})")
        else:
            self.due_s = time.monotonic() + LOOK_S

    def ended(self) -> int | None:
        self._count_end()
        self._last_said, self._began_at = self._said(), self._written()
        self._gone_s = time.monotonic()
        self.due_s = self._gone_s + LOOK_S
        self._log(f"{self.name} has ended")
        return None

    def tail(self) -> None:
        written = self._written()  # whoever starts it may have begun the file anew
        self._told, self._began_at = min(self._told, written), min(self._began_at, written)
        super().tail()

    def check_pulse(self) -> None:
        """That is its watchdog's business."""

    def signal(self, number: int) -> None:
        """Nor is this ours."""

    def stop(self) -> None:
        """Let go of it."""
        self.due_s = None
        self._forget()


def log_path(run_dir: Path, name: str) -> Path:
    """Where the process called `name` writes its lines; the daemon passes them on."""
    return run_dir / f"{name}.err"


def open_log(path: Path) -> int:
    """A descriptor that writes at its end; it begins anew where it has grown too long. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        flags |= os.O_TRUNC
    return os.open(path, flags, 0o660)


class Twice(io.TextIOBase):
    """A process's stderr that goes to a file besides. Raises OSError where that cannot be opened."""

    def __init__(self, stderr: TextIO, path: Path) -> None:
        self._stderr, self._fd = stderr, open_log(path)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):  # each says what it can, whatever becomes of the other
            if os.fstat(self._fd).st_size > LOG_BYTES_MAX:
                os.truncate(self._fd, 0)
            os.write(self._fd, text.encode(errors="replace"))
        with contextlib.suppress(OSError):
            self._stderr.write(text)
            self._stderr.flush()
        return len(text)


def end_path(run_dir: Path, name: str) -> Path:
    """Where the unit of the process called `name` writes how it ended (ExecStopPost in common.conf)."""
    return run_dir / f"{name}.ended"


def take_end(path: Path, name: str) -> str | None:
    """How it ended, in words, where that was no orderly end; and forget it. The file has systemd's words: the result,
    "exited" or "killed" or "dumped", and the status or the signal (systemd.exec(5), $SERVICE_RESULT)."""
    try:
        result, code, status = read_plain(path, 200).decode().split()
        path.unlink()
    except (OSError, ValueError):
        return None
    if code == "exited":
        return None if status in map(str, ORDERLY.get(name, (0, 2))) else f"status {status}"
    return f"SIG{status}" + (f", {result}" if result not in ("signal", "core-dump") else "")


def describe(status: int | None) -> str:
    """An exit status in words: −9 → 'SIGKILL', 2 → 'status 2'."""
    if status is None:
        return "adopted, its status is unknown"
    if status < 0:
        try:
            return signal.Signals(-status).name
        except ValueError:
            return f"signal {-status}"
    return f"status {status}"


def _command_of(pid: int) -> tuple[str, ...]:
    try:
        return tuple(os.fsdecode(part) for part in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1])
    except OSError:
        return ()
