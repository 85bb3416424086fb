"""Whatever comes to the socket, the module plays on: no lost block beyond what the machine loses by itself, no growth,
no crash, no descriptor left.

In the suite a few thousand messages of a few hundred clients. The long storm:

    PYTHONPATH=.:tests/support python tests/remote/test_storm.py 1000000 1000
"""

import contextlib
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import REPOSITORY, wait_for

from neurorack.errors import BadInput
from neurorack.mailbox import short_path
from neurorack.remote.client import Client
from neurorack.rundir import holder
from neurorack.shared import METERS, Snapshot

PATIENCE_S = 120.0
PROCESSES = ("daemon", "engine", "jacks", "remote")
GROWTH_KB = 4096
"""Of a process between the first and the last thousand: caches of Python's own, no more."""

GOOD = [
    {"do": "hello", "versions": [1]}, {"do": "get", "paths": []}, {"do": "get", "paths": ["jack"]},
    {"do": "watch", "paths": ["meters"], "every_s": 0.1}, {"do": "set", "path": "depth", "value": 1.5},
    {"do": "set", "path": "knob.morph.base", "value": 0.5}, {"do": "preset", "deed": "list"}, {"do": "metrics"},
    {"do": "log", "of": "engine"}, {"do": "hello", "versions": [2, 1]}, {"do": "note", "volts": 0.5, "gate": True},
    {"do": "note", "volts": -1.0, "gate": False, "strike": True, "level": 0.2},
]  # fmt: skip


def malformed(chance: random.Random) -> bytes:
    """A message, spoilt in one of a dozen ways, or not at all."""
    message = dict(chance.choice(GOOD))
    line = json.dumps(message).encode()
    kind = chance.randrange(14)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 300)) + b"\n"
    if kind == 1:
        return line[: chance.randrange(len(line))] + b"\n"
    if kind == 2:
        spoilt = bytearray(line)
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        return bytes(spoilt) + b"\n"
    if kind == 3:
        message[chance.choice([*message, "x" * chance.randrange(50)])] = chance.choice(
            [None, -1, 10**30, 1.5e300, "", "\x00" * 20, [], {}, [[]] * 10, True, "../../etc/passwd", "knob." * 16]
        )
    if kind == 4:
        return b"[" * chance.randrange(1, 4000) + b"\n"
    if kind == 5:
        return b'{"do":"set","path":"depth","value":' + b"9" * chance.randrange(1, 3000) + b"}\n"
    if kind == 6:
        return b"\n" * chance.randrange(1, 100)
    if kind == 7 and chance.random() < 0.1:
        return b"x" * chance.randrange(4096, 60_000)  # without an end
    if kind == 8:
        message |= {"id": "n" * chance.randrange(100)}
    if kind == 9:
        return b"\xff\xfe\x00" + line + b"\n"
    return json.dumps(message).encode() + b"\n"


class Storm:
    """`clients` connections, of which each says something, hears, lags or goes, by chance."""

    def __init__(self, run_dir: Path, seed: int) -> None:
        self._run_dir, self._chance = run_dir, random.Random(seed)
        self.messages = self.refused = 0

    def connect(self) -> socket.socket | None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            with short_path(self._run_dir, "remote.socket") as path:
                made.connect(path)
        except OSError:  # its queue is full: the storm is not to wait
            made.close()
            self.refused += 1
            time.sleep(0.002)
            return None
        if self._chance.random() < 0.9:
            self.send(made, b'{"do":"hello","versions":[2,1]}\n')
        return made

    def send(self, to: socket.socket, raw: bytes) -> bool:
        try:
            to.send(raw)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def blow(self, messages: int, clients: int) -> None:
        crowd: list[socket.socket] = []
        goal = self.messages + messages
        try:
            while self.messages < goal:
                while len(crowd) < clients and (made := self.connect()) is not None:
                    crowd.append(made)
                for one in list(crowd):
                    heap = [malformed(self._chance) for _ in range(self._chance.randrange(1, 12))]
                    self.messages += len(heap)
                    lives = self.send(one, b"".join(heap))
                    if self._chance.random() < 0.7:  # the others do not read
                        with contextlib.suppress(BlockingIOError):
                            try:
                                lives = lives and bool(one.recv(1 << 16))
                            except ConnectionError:
                                lives = False
                    if not lives or self._chance.random() < 0.02:
                        crowd.remove(one)
                        one.close()
        finally:
            for one in crowd:
                one.close()


class Module:
    """A module on the rack that plays, as it is started."""

    def __init__(self, run_dir: Path, bundle: Path | None) -> None:
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
            wait_for(lambda: all(holder(run_dir / f"{name}.lock") for name in PROCESSES), PATIENCE_S)
        except AssertionError:
            self.end()
            raise
        self.pids = {name: holder(run_dir / f"{name}.lock") for name in PROCESSES}

    def meters(self) -> dict[str, int]:
        self._meters.refresh()
        return {name: int(self._meters.record[name]) for name in ("blocks", "lost", "first_sound_ns")}

    def descriptors(self) -> dict[str, int]:
        return {name: len(os.listdir(f"/proc/{pid}/fd")) for name, pid in self.pids.items()}

    def resident_kb(self) -> dict[str, int]:
        texts = {name: Path(f"/proc/{pid}/status").read_text() for name, pid in self.pids.items()}
        return {name: int(text.split("VmRSS:")[1].split()[0]) for name, text in texts.items()}

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


def lost_share(module: Module, seconds: float, storm: Storm | None, messages: int, clients: int) -> tuple[float, float]:
    """(share of blocks lost meanwhile, seconds): of a storm, or of a machine that does as much without the module's
    socket."""
    before, began_s = module.meters(), time.monotonic()
    if storm is not None:
        storm.blow(messages, clients)
    else:
        chance = random.Random(1)
        while time.monotonic() - began_s < seconds:
            malformed(chance)
    passed_s, after = time.monotonic() - began_s, module.meters()
    blocks = after["blocks"] - before["blocks"] + after["lost"] - before["lost"]
    return (after["lost"] - before["lost"]) / max(blocks, 1), passed_s


def weather(module: Module, messages: int, clients: int, seed: int = 0) -> str:
    """A storm, and what must hold after it. AssertionError where it does not; a line that tells how it was."""
    storm = Storm(module.run_dir, seed)
    storm.blow(messages // 4, clients)  # all caches are warm
    descriptors, resident_kb = module.calm(), module.resident_kb()
    lost, passed_s = lost_share(module, 0.0, storm, messages - messages // 4, clients)
    wait_for(module.answers, PATIENCE_S)
    idle, _ = lost_share(module, min(max(passed_s, 3.0), 30.0), None, 0, 0)
    after = module.calm()
    pids = {name: holder(module.run_dir / f"{name}.lock") for name in PROCESSES}
    assert pids == module.pids, "nobody has ended"
    assert after == descriptors, f"{after} after, {descriptors} before"
    grown_kb = {name: kb - resident_kb[name] for name, kb in module.resident_kb().items()}
    assert max(grown_kb.values()) < GROWTH_KB, grown_kb
    assert lost <= 2 * idle + 0.01, "beyond what the machine loses while another process computes as much"
    told = f"{storm.messages} messages, {storm.refused} connections refused by the queue, in {passed_s:.1f} s"
    return f"{told}; lost {lost:.2%} of the blocks, {idle:.2%} without; grown {grown_kb} KB; descriptors {descriptors}"


@pytest.fixture
def module(run_dir: Path, tiny_bundle: Path) -> Iterator[Module]:
    made = Module(run_dir, tiny_bundle)
    yield made
    made.end()


def test_thousands_of_malformed_messages_and_hundreds_of_clients_harm_nothing(module: Module):
    print(weather(module, 6000, 200))


def test_the_socket_outlives_the_daemon_and_comes_back_when_it_dies(module: Module):
    wait_for(module.answers, PATIENCE_S)  # a socket that is bound may not listen yet
    with Client(module.run_dir, read_only=True) as client:
        module.daemon.kill()
        module.daemon.wait()
        wait_for(lambda: client.ask("get", paths=["system.daemon"])["values"] == {"system.daemon": False}, PATIENCE_S)
        assert client.ask("get", paths=["system.engine"])["values"] == {"system.engine": "playing"}
    restarted = Module(module.run_dir, Path(str(module.daemon.args[-1])))  # type: ignore[index]
    try:
        assert restarted.pids["remote"] == module.pids["remote"], "taken over"
        os.kill(module.pids["remote"], signal.SIGKILL)
        wait_for(lambda: holder(module.run_dir / "remote.lock") not in (0, module.pids["remote"]), PATIENCE_S)

        wait_for(module.answers, PATIENCE_S)
        assert holder(module.run_dir / "engine.lock") == module.pids["engine"]
    finally:
        restarted.end()
    assert [holder(module.run_dir / f"{name}.lock") for name in PROCESSES] == [0] * 4


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    root = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=root) as folder:
        os.environ["NEURORACK_STATE"] = f"{folder}/state"
        playing = Module(Path(folder), None)
        try:
            print(weather(playing, int(sys.argv[1]), int(sys.argv[2]), seed=int(time.monotonic())))
        finally:
            playing.end()
