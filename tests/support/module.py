"""The module in a process of its own, on a virtual rack made for a test."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rig import REPOSITORY, JackServer, wait_for

from neurorack.rundir import holder
from neurorack.shared import INTENT, METERS, Snapshot

RACK = """
name = "steps"
[sources.step]
kind = "lfo"
shape = "square"
rate_hz = 3.137
low_v = {low_v}
high_v = {high_v}
[sources.rest]
kind = "constant"
volts = {rest_v}
[sources.on]
kind = "constant"
volts = 5.0
[cables]
{cables}
"""


class Module:
    """`neurorack run --rack` as a user starts it without a terminal; `server` is the JACK server it finds.

    Without a bundle it plays what it remembers.
    """

    def __init__(
        self, run_dir: Path, rack: str, bundle: Path | str | None, *options: str, server: JackServer | None = None
    ) -> None:
        run_dir.mkdir(mode=0o700, parents=True)
        (run_dir / "rack.toml").write_text(rack)
        self.run_dir = run_dir
        options = ("--rack", str(run_dir / "rack.toml"), "--run-dir", str(run_dir), *options)
        if bundle is not None:
            options = ("--bundle", str(bundle), *options)
        self._began_ns = time.monotonic_ns()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "neurorack", "run", "--headless", "--seconds=600", f"--out={run_dir}", *options],
            env={
                **os.environ,
                "JACK_DEFAULT_SERVER": server.name if server else "none",
                "PYTHONPATH": str(REPOSITORY),
            },
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._meters: Snapshot | None = None

    def meters(self) -> Any:
        """The newest meters."""
        if self._meters is None:
            wait_for(lambda: (self.run_dir / "meters").exists())
            self._meters = Snapshot(self.run_dir / "meters", METERS)
        self._meters.refresh()
        return self._meters.record

    def first_sound_s(self) -> float:
        """Wait for it; seconds from the start of the command."""
        wait_for(lambda: self.meters()["first_sound_ns"], 10.0)
        return (int(self.meters()["first_sound_ns"]) - self._began_ns) * 1e-9

    def choose_bundle(self, folder: Path) -> None:
        intent = Snapshot(self.run_dir / "intent", INTENT, create=True)
        intent.refresh()
        intent.record["bundle"] = str(folder).encode()
        intent.publish()

    def pull_the_plug(self) -> None:
        """All its processes end at once, without a last word."""
        for name in ("daemon", "engine", "jacks", "remote"):
            if pid := holder(self.run_dir / f"{name}.lock"):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()  # whoever runs tests in the background ignores SIGINT, and so would it
            self.process.wait(timeout=8)
