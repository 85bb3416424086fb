"""The module with all its processes as it is started, what they take of the machine, and a callback beside it that does
nothing."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rig import REPOSITORY, wait_for

from neurorack.errors import BadInput
from neurorack.remote.client import Client
from neurorack.rundir import holder
from neurorack.shared import METERS, Snapshot

PATIENCE_S = 120.0
PROCESSES = ("daemon", "engine", "jacks", "remote")

EMPTY = (str(REPOSITORY / "tests/support/empty.py"),)


class Whole:
    """A module on the virtual rack that plays to the device that keeps time. `pids` by PROCESSES."""

    def __init__(self, run_dir: Path, bundle: Path | None = None) -> None:
        self.run_dir = run_dir
        command = [sys.executable, "-m", "neurorack.daemon", "--run-dir", str(run_dir), "--device", "null", "--rack"]
        command += [] if bundle is None else ["--bundle", str(bundle)]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        self.daemon = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
        self.pids: dict[str, int] = {}
        try:
            wait_for(lambda: (run_dir / "remote.socket").exists() and (run_dir / "meters").exists(), PATIENCE_S)
            self._meters = Snapshot(run_dir / "meters", METERS)
            wait_for(lambda: self.meters()["first_sound_ns"], PATIENCE_S)
            wait_for(lambda: all(self.holders().values()), PATIENCE_S)
        except AssertionError:
            self.end()
            raise
        self.pids = self.holders()

    def holders(self) -> dict[str, int]:
        """Who lives now; 0 for who does not."""
        return {name: holder(self.run_dir / f"{name}.lock") for name in PROCESSES}

    def meters(self) -> dict[str, int]:
        self._meters.refresh()
        return {name: int(self._meters.record[name]) for name in ("block", "blocks", "lost", "first_sound_ns")}

    def descriptors(self) -> dict[str, int]:
        return {name: len(os.listdir(f"/proc/{pid}/fd")) for name, pid in self.pids.items()}

    def resident_kb(self) -> dict[str, int]:
        return {name: int(_status(pid, "VmRSS").split()[0]) for name, pid in self.pids.items()}

    def threads(self) -> dict[str, int]:
        return {name: int(_status(pid, "Threads")) for name, pid in self.pids.items()}

    def answers(self) -> bool:
        """Whether there is room for one more who asks, and the engine plays."""
        with contextlib.suppress(BadInput), Client(self.run_dir, read_only=True) as client:
            return bool(client.ask("get", paths=["system.engine"])["values"]["system.engine"] == "playing")
        return False

    def calm(self) -> dict[str, int]:
        """Wait until every connection is gone and every wish done; the descriptors that are open then."""
        wait_for(self.answers, PATIENCE_S)
        seen: list[dict[str, int]] = []

        def steady() -> bool:
            time.sleep(0.2)
            seen.append(self.descriptors())
            return len(seen) > 10 and all(one == seen[-1] for one in seen[-10:])

        wait_for(steady, PATIENCE_S)
        return seen[-1]

    def end(self) -> None:
        self.daemon.terminate()
        try:
            self.daemon.wait(10)
        except subprocess.TimeoutExpired:
            for pid in (self.daemon.pid, *self.pids.values()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.daemon.wait()


def _status(pid: int, field: str) -> str:
    """Of /proc/PID/status."""
    return Path(f"/proc/{pid}/status").read_text().split(f"\n{field}:")[1].split("\n")[0]


class Empty:
    """A callback that does nothing, on a device, a thread and a priority like the engine's, in a process of its own."""

    def __init__(self, block: int) -> None:
        command = [sys.executable, *EMPTY, str(block)]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert self.process.stdout is not None
        self.process.stdout.readline()  # it runs

    def counted(self) -> tuple[int, int]:
        """It is enough: (blocks, lost)."""
        told = json.loads(self.process.communicate(timeout=PATIENCE_S)[0])
        return told["blocks"], told["lost"]

    def __enter__(self) -> "Empty":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
