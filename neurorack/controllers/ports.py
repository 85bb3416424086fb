"""MIDI ports of the machine: ALSA's rawmidi devices, found as they are plugged in and missed as they are pulled.

The kernel's files are read as they are: bytes, and an error once the plug is out. A library (python-rtmidi) would bring
compiled code, for which there is no wheel for aarch64 with Python 3.13.
"""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from neurorack.controllers.midi import SENSED_S, Midi, Stream

DEVICES, DESCRIBED = Path("/dev/snd"), Path("/proc/asound")

LOOK_S = 1.0
"""How often is looked for a keyboard that has been plugged in."""

READ_BYTES = 4096
"""What the kernel keeps of a port: a page (sound/core/rawmidi.c)."""

PORTS_MAX = 16
"""Of a device."""


@dataclass
class _Port:
    number: int
    device: Path
    name: str
    heard_s: float
    stream: Stream = field(default_factory=Stream)


class Ports:
    """Every port of `devices`; `say` takes a line for whoever reads the log."""

    def __init__(
        self, midi: Midi, say: Callable[[str], None], devices: Path = DEVICES, described: Path = DESCRIBED
    ) -> None:
        self._midi, self._say, self._devices, self._described = midi, say, devices, described
        self._ports: dict[int, _Port] = {}  # by descriptor
        self._refused: dict[Path, str] = {}
        self._numbered = 0
        self._due_s = 0.0

    @property
    def fds(self) -> Mapping[int, object]:
        """Descriptors that become readable with bytes, or with the end of a port: then call `read`."""
        return self._ports

    @property
    def due_s(self) -> float:
        """When to call `look`, in time.monotonic's seconds."""
        sensed = [port.heard_s + SENSED_S for port in self._ports.values() if port.stream.senses]
        return min([self._due_s, *sensed])

    def look(self) -> None:
        """For ports that are new, once a second, and for cables that have said that they live and say it no more."""
        now_s = time.monotonic()
        for fd, port in list(self._ports.items()):
            if port.stream.senses and now_s - port.heard_s >= SENSED_S:
                self.read(fd)  # it may be us who have slept
                if now_s - port.heard_s >= SENSED_S:
                    self._midi.gone(port.number)
                    port.stream = Stream()
        if now_s < self._due_s:
            return
        self._due_s = now_s + LOOK_S
        found = set(self._devices.glob("midiC*D*"))
        for device in sorted(found - {port.device for port in self._ports.values()}):
            self._open(device, now_s)
        self._refused = {device: why for device, why in self._refused.items() if device in found}

    def read(self, fd: int) -> None:
        """Do what has come at this port."""
        port = self._ports[fd]
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(fd)
            return
        port.heard_s = time.monotonic()
        for message in port.stream.feed(data):
            self._midi.hear(port.number, message)

    def _open(self, device: Path, now_s: float) -> None:
        name, inputs = self._description(device)
        for _ in range(inputs):  # each opening has the next port that is free
            try:
                fd = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                self._refuse(device, name, error.strerror or str(error))
                return
            self._numbered += 1
            self._ports[fd] = _Port(self._numbered, device, name, now_s)
        self._refused.pop(device, None)
        if inputs:
            self._say(f"hears {name} ({device})")

    def _refuse(self, device: Path, name: str, why: str) -> None:
        if self._refused.get(device) != why:
            self._refused[device] = why
            self._say(f"cannot hear {name} ({device}): {why}; end what else plays it, or join the group audio")

    def _description(self, device: Path) -> tuple[str, int]:
        """(name, inputs) of a device, as the kernel describes it; where it does not, its own name and one."""
        card, _, number = device.name.removeprefix("midiC").partition("D")
        try:
            lines = (self._described / f"card{card}/midi{number}").read_text(errors="replace").splitlines()
        except OSError:
            return device.name, 1
        inputs = sum(line.startswith("Input ") for line in lines)
        return (lines[0].strip() if lines else "") or device.name, min(inputs, PORTS_MAX)

    def _close(self, fd: int) -> None:
        port = self._ports.pop(fd)
        with contextlib.suppress(OSError):
            os.close(fd)
        self._midi.gone(port.number)
        self._say(f"{port.name} is gone ({port.device})")

    def close(self) -> None:
        for fd in self._ports:
            os.close(fd)
