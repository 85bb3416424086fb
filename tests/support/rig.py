"""A sound card made of software: a JACK server of the tests' own, a client that captures, an engine process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neurorack.shared import METERS, Snapshot

REPOSITORY = Path(__file__).resolve().parents[2]
RATE_HZ = 48_000


def wait_for(what: Callable[[], Any], patience_s: float = 5.0) -> Any:
    """The first true value `what` gives; fails after `patience_s`."""
    give_up = time.monotonic() + patience_s
    while not (value := what()):
        assert time.monotonic() < give_up, f"waited {patience_s} s in vain"
        time.sleep(0.01)
    return value


class JackServer:
    """`jackd` with the dummy driver, synchronous, under a name that nobody else has."""

    def __init__(self, name: str, *, rate_hz: int = RATE_HZ, block: int = 128) -> None:
        self.name, self.block = name, block
        self._command = ["jackd", "-n", name, "-S", "-d", "dummy", "-r", str(rate_hz), "-p", str(block)]
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client("probe").close()

    def client(self, name: str) -> Any:
        """A JACK client, as soon as the server takes it."""
        import jack

        jack.set_error_function(lambda text: None)
        jack.set_info_function(lambda text: None)

        def attempt() -> Any:
            try:
                return jack.Client(name, servername=self.name, no_start_server=True)
            except jack.JackError:
                return None

        return wait_for(attempt)

    def stop(self) -> None:
        """End it so that it tidies up: JACK has room for eight servers, and one that was killed keeps its place."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        if self.process.wait(timeout=5) == -signal.SIGKILL:
            self._start()
            self.stop()
        for left in Path("/dev/shm").glob(f"jack*_{self.name}_*"):
            left.unlink(missing_ok=True)


class Capture:
    """A JACK client called `capture` with one input: every sample that arrives, and when its block did.

    The engine plays to it with `--device capture`.
    """

    def __init__(self, server: JackServer, seconds: float = 80.0) -> None:
        self.client = server.client("capture")
        port = self.client.inports.register("in")
        blocks = int(seconds * RATE_HZ / server.block)
        self._audio = np.zeros((blocks, server.block), np.float32)
        self.entries_ns = np.zeros(blocks, np.int64)
        self.count = 0

        @self.client.set_process_callback
        def process(frames: int) -> None:
            if self.count < blocks and port.number_of_connections:
                self._audio[self.count] = port.get_array()
                self.entries_ns[self.count] = time.monotonic_ns()
                self.count += 1

        self.client.activate()

    @property
    def audio(self) -> np.ndarray:
        return self._audio[: self.count].reshape(-1)

    def sample_at(self, t_ns: int, window: int = 60) -> float | None:
        """Which sample of `audio` the card's clock was at, by the entries of `window` blocks before and after `t_ns`.

        None where that clock itself jumped there: after a cycle that was late the dummy driver starts its clock anew.
        """
        block = self._audio.shape[1]
        near = int(np.searchsorted(self.entries_ns[: self.count], t_ns))
        if near < window or near + window > self.count:
            return None
        rows = np.arange(near - window, near + window)
        since = rows * block - (self.entries_ns[rows] - t_ns) * (RATE_HZ * 1e-9)
        if abs(np.median(since[:window]) - np.median(since[window:])) > 3.0:
            return None
        return float(np.median(since))

    def steady(self, begin_ns: int, end_ns: int) -> bool:
        """Whether that clock jumped nowhere from `begin_ns` to `end_ns`."""
        return all(self.sample_at(t_ns) is not None for t_ns in (*range(begin_ns, end_ns, 100_000_000), end_ns))

    def stop(self) -> None:
        self.client.deactivate()
        self.client.close()


TONE = (str(REPOSITORY / "tests/support/tone.py"),)
"""An engine that plays the players of `tone`; the real one is ("-m", "neurorack.engine")."""


class EngineProcess:
    """An engine as a process; `server` names the JACK server it may find."""

    def __init__(
        self,
        run_dir: Path,
        *options: str,
        server: str = "none",
        bundle: str = "tone",
        program: tuple[str, ...] = TONE,
        **environment: str,
    ) -> None:
        self.run_dir = run_dir
        path = os.pathsep.join([*environment.pop("PYTHONPATH", "").split(), str(REPOSITORY)])
        self.process = subprocess.Popen(
            [sys.executable, *program, "--run-dir", str(run_dir), "--bundle", bundle, *options],
            env={**os.environ, "JACK_DEFAULT_SERVER": server, "PYTHONPATH": path, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self._meters: Snapshot | None = None

    def meters(self) -> Any:
        """The newest meters, None before the first."""
        if self._meters is None:
            if not (self.run_dir / "meters").exists():
                return None
            self._meters = Snapshot(self.run_dir / "meters", METERS)
        self._meters.refresh()
        return self._meters.record

    def playing(self) -> "EngineProcess":
        """Wait until it is heard."""

        def heard() -> bool:
            assert self.process.poll() is None, self.process.stderr.read()
            meters = self.meters()
            return meters is not None and meters["pid"] == self.process.pid and meters["first_sound_ns"] > 0

        wait_for(heard)
        return self

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float, str]:
        """Send a signal: exit status, seconds it took, what it logged."""
        began = time.monotonic()
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=5)
        return self.process.returncode, time.monotonic() - began, log
