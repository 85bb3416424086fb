"""Whatever comes to the socket, the module plays on: no lost block beyond what the machine loses by itself, no growth,
no crash, no descriptor left.

In the suite a few thousand messages of a few hundred clients. The long storm:

    make test-fuzz                                                            a million of a thousand clients
    pytest tests/remote/test_storm.py -rP --messages 1000000 --clients 1000   likewise
"""

import contextlib
import json
import os
import random
import resource
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import wait_for
from whole import PATIENCE_S, Whole

from neurorack.mailbox import short_path
from neurorack.remote.client import Client
from neurorack.rundir import holder

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


def lost_share(module: Whole, seconds: float, storm: Storm | None, messages: int, clients: int) -> tuple[float, float]:
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


def weather(module: Whole, messages: int, clients: int, seed: int = 0) -> str:
    """A storm, and what must hold after it. AssertionError where it does not; a line that tells how it was."""
    storm = Storm(module.run_dir, seed)
    storm.blow(messages // 4, clients)  # all caches are warm
    descriptors, resident_kb = module.calm(), module.resident_kb()
    lost, passed_s = lost_share(module, 0.0, storm, messages - messages // 4, clients)
    wait_for(module.answers, PATIENCE_S)
    idle, _ = lost_share(module, min(max(passed_s, 3.0), 30.0), None, 0, 0)
    after = module.calm()
    assert module.holders() == module.pids, "nobody has ended"
    assert after == descriptors, f"{after} after, {descriptors} before"
    grown_kb = {name: kb - resident_kb[name] for name, kb in module.resident_kb().items()}
    assert max(grown_kb.values()) < GROWTH_KB, grown_kb
    assert lost <= 2 * idle + 0.01, "beyond what the machine loses while another process computes as much"
    told = f"{storm.messages} messages, {storm.refused} connections refused by the queue, in {passed_s:.1f} s"
    return f"{told}; lost {lost:.2%} of the blocks, {idle:.2%} without; grown {grown_kb} KB; descriptors {descriptors}"


@pytest.fixture
def module(run_dir: Path, tiny_bundle: Path) -> Iterator[Whole]:
    made = Whole(run_dir, tiny_bundle)
    yield made
    made.end()


def test_thousands_of_malformed_messages_and_hundreds_of_clients_harm_nothing(
    module: Whole, request: pytest.FixtureRequest
):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(weather(module, *map(request.config.getoption, ("--messages", "--clients"))))


def test_the_socket_outlives_the_daemon_and_comes_back_when_it_dies(module: Whole):
    wait_for(module.answers, PATIENCE_S)  # a socket that is bound may not listen yet
    with Client(module.run_dir, read_only=True) as client:
        module.daemon.kill()
        module.daemon.wait()
        wait_for(lambda: client.ask("get", paths=["system.daemon"])["values"] == {"system.daemon": False}, PATIENCE_S)
        assert client.ask("get", paths=["system.engine"])["values"] == {"system.engine": "playing"}
    restarted = Whole(module.run_dir, Path(str(module.daemon.args[-1])))  # type: ignore[index]
    try:
        assert restarted.pids["remote"] == module.pids["remote"], "taken over"
        os.kill(module.pids["remote"], signal.SIGKILL)
        wait_for(lambda: holder(module.run_dir / "remote.lock") not in (0, module.pids["remote"]), PATIENCE_S)

        wait_for(module.answers, PATIENCE_S)
        assert holder(module.run_dir / "engine.lock") == module.pids["engine"]
    finally:
        restarted.end()
    assert not any(module.holders().values())
