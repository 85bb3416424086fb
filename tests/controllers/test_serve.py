"""`neurorack osc` and `neurorack midi` as processes, in front of a socket and of a whole module."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from module import RACK, Module
from rig import REPOSITORY, wait_for

from neurorack.controllers import datagrams
from neurorack.controllers.datagrams import BURST, RATE, Datagrams
from neurorack.controllers.keys import Keys
from neurorack.controllers.osc import BYTES_MAX, Osc
from neurorack.errors import BadInput
from neurorack.words import C4_HZ

PATIENCE_S = 30.0


@pytest.fixture
def start(run_dir: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """`start("osc", "--port", "1234")` for the module of `run_dir`; what still runs in the end is killed."""
    started = []

    def begin(*arguments: str, where: Path = run_dir) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "neurorack", *arguments, "--run-dir", str(where)]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def port() -> int:
    """That nobody else has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def send(port: int, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, ("127.0.0.1", port))


NOTE_ON, NOTE_OFF = b"/note\0\0\0,ii\0\0\0\0\x48\0\0\0\x64", b"/note\0\0\0,ii\0\0\0\0\x48\0\0\0\0"


def test_a_note_over_the_network_is_heard_from_the_engine_and_falls_with_its_process(start, port, run_dir, tiny_bundle):
    rack = RACK.format(low_v=0.0, high_v=0.0, rest_v=0.25, cables='voct = "rest.out"')
    module = Module(run_dir / "module", rack, tiny_bundle, "--device", "null", "--intonation", "0")
    try:
        wait_for(lambda: module.meters()["first_sound_ns"], PATIENCE_S)
        osc = start("osc", "--port", str(port), where=module.run_dir)
        assert osc.stderr is not None and "listens at 127.0.0.1" in osc.stderr.readline()
        give_up = time.monotonic() + PATIENCE_S
        while not module.meters()["gate"]:  # from when the module's socket is there
            assert time.monotonic() < give_up
            send(port, NOTE_OFF, NOTE_ON)
            time.sleep(0.2)
        wait_for(lambda: module.meters()["pitch_hz"] == pytest.approx(2 * C4_HZ, rel=1e-6), PATIENCE_S)
        osc.kill()
        wait_for(lambda: not module.meters()["gate"], PATIENCE_S)
        wait_for(lambda: module.meters()["pitch_hz"] == pytest.approx(2**0.25 * C4_HZ, rel=1e-3), PATIENCE_S)
    finally:
        module.stop()


@pytest.mark.parametrize("command", ["osc", "midi"])
def test_it_waits_for_its_module_and_ends_on_sigterm(start, port, command):
    process = start(command, *(["--port", str(port)] if command == "osc" else []))
    assert process.stderr is not None
    while "no module answers" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["osc", "--listen", "nowhere"], "no address"),
        (["osc", "--listen", "192.0.2.1"], "cannot listen"),
        (["osc", "--port", "70000"], "1…65535"),
        (["midi", "--map", "none.toml"], "No such file"),
    ],
)
def test_bad_options_are_refused_in_one_line(start, arguments, complaint):
    process = start(*arguments)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said.count("\n")) == (2, 1) and complaint in said


@pytest.fixture
def surface(heard, monkeypatch) -> Iterator[tuple[Datagrams, list[str], list[float]]]:
    """(socket, what it has said, the time now in a list)."""
    said, now_s = [], [1_000.0]  # type: list[str], list[float]
    monkeypatch.setattr(datagrams.time, "monotonic", lambda: now_s[0])
    made = Datagrams(Osc(heard, Keys(heard, legato=True, velocity=0.5)), "127.0.0.1", 0, said.append)
    yield made, said, now_s
    made.close()


def test_a_flood_is_heard_at_its_rate_and_no_faster(surface, heard):
    source, _, now_s = surface
    knob = b"/depth\0\0,f\0\0\x3f\x80\0\0"
    heard_at: list[int] = []
    for _ in range(20):
        send(source.port, *[knob] * 50)
        source.look()
        for fd in source.fds:
            source.read(fd)
        heard_at.append(len(heard.deeds))
        now_s[0] += 0.01
    assert heard_at[-1] <= BURST + 0.2 * RATE
    assert heard_at[-1] > 0.8 * BURST
    assert source.due_s > now_s[0] or source.fds


def test_datagrams_of_no_use_are_said_and_the_next_is_heard(surface, heard):
    source, said, _ = surface
    send(source.port, b"x" * (BYTES_MAX + 1), b"\xff" * 60, b"#bundle\0" + b"\xff" * 12, b"/nobody\0,\0\0\0", NOTE_ON)
    source.look()
    for fd in source.fds:
        source.read(fd)
    assert (heard.gate, heard.volts) == (True, 1.0)
    assert len(said) == 5 and "2048" in said[1]


def test_a_port_that_is_taken_is_said(surface, heard):
    source, _, _ = surface
    with pytest.raises(BadInput, match="cannot listen"):
        Datagrams(Osc(heard, Keys(heard, legato=True, velocity=0.5)), "127.0.0.1", source.port, print)
