"""Where the sound goes, and comes from: a PortAudio stream (JACK or ALSA), or a paced device of its own where there is
none.

Devices are chosen by name:

    auto          JACK where a server runs, else ALSA's default, else the null device
    null          no card: the same callback on a thread that keeps the pace
    jack, alsa    that host's default device; with JACK the ports of the soundcard are connected
    anything else words that must all occur in "NAME, HOST", as listed by `neurorack doctor`; a JACK client's name
                  connects to that client

What cannot be opened becomes the null device with a notice, never an end: panel and console live on to say so. One that
is to listen opens its first input too; where it has none it is `deaf`, and says why.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic_ns
from typing import Any

from neurorack.realtime import sleep_until_ns
from neurorack.words import SAMPLE_RATE_HZ

CHANNELS = 2
"""The voice is mono; both sides of the codec carry it."""

OTHER_RATES_HZ = (44_100, 96_000, 88_200, 192_000, 32_000)
"""Tried, in this order, where a card refuses 48 kHz; the sound is then converted."""

STDERR = threading.Lock()
"""Held while file 2 leads nowhere: who logs takes it too, or its line would go there."""

_client_names: list[bytes] = []
"""Every name given to PortAudio, which keeps the pointer, not the text, and reads it when it looks for servers."""

StreamCallback = Callable[..., None]
"""(buffer of frames × channels float32, frames, PortAudio's times, flags): true flags mean over- or underflow. Where an
input is open, what came in follows: frames float32."""


class Refused(Exception):
    """Why a device cannot be opened; becomes the notice."""


class NullDevice:
    """No card: calls back once a period from a thread of its own, on absolute times.

    Like a card with two periods of buffer it forgives one period of lateness; what is later is skipped, and flagged.
    """

    def __init__(self, block: int, notice: str = "", *, rate_hz: int = SAMPLE_RATE_HZ) -> None:
        self.name, self.notice, self.deaf = "null", notice, "there is no sound card to listen with"
        self.block, self.rate_hz, self.channels = block, rate_hz, CHANNELS
        self._ended = False
        self._buffer = bytearray(4 * block * CHANNELS)
        self._thread: threading.Thread | None = None

    def start(self, callback: StreamCallback) -> None:
        self._thread = threading.Thread(target=self._run, args=(callback,), name="null device", daemon=True)
        self._thread.start()

    def _run(self, callback: StreamCallback) -> None:
        start_ns, count, skipped = monotonic_ns(), 0, False
        while not self._ended:
            count += 1
            due_ns = start_ns + count * self.block * 1_000_000_000 // self.rate_hz
            sleep_until_ns(due_ns)
            behind = (monotonic_ns() - due_ns) * self.rate_hz // (self.block * 1_000_000_000)
            if behind > 1:
                count, skipped = count + behind, True
            callback(self._buffer, self.block, None, skipped)
            skipped = False

    def stop(self) -> None:
        self._ended = True
        if self._thread is not None:
            self._thread.join()


class PortAudioDevice:
    """A stream through the sounddevice module."""

    def __init__(self, wanted: str, block: int, client: str, *, listen: bool) -> None:
        sounddevice = _portaudio(client)
        index, info, host = _choose(sounddevice, wanted)
        self.block, self.notice = block, ""
        self.name = f"{host} {info['name']}"
        self.channels = min(CHANNELS, info["max_output_channels"])
        self._listens = listen and info["max_input_channels"] > 0
        self.deaf = "" if self._listens else f"{self.name} has no input to listen to"
        self.rate_hz = _rate(sounddevice, index, info, self.channels)
        self._flags = sounddevice.CallbackFlags
        self._sounddevice = sounddevice
        self._index = index
        self._stream: Any = None

    def start(self, callback: StreamCallback) -> None:
        try:
            if self._listens:
                self._start_both_ways(callback)
            if not self._listens:
                self._open(self._sounddevice.RawOutputStream, self.channels, callback)
        except self._sounddevice.PortAudioError as error:
            raise Refused(f"{self.name} does not start: {_reason(error)}") from error

    def _start_both_ways(self, callback: StreamCallback) -> None:
        """With the first input; where that is refused, leave it to play alone."""

        def both_ways(heard: Any, buffer: Any, frames: int, times: Any, flags: Any) -> None:
            callback(buffer, frames, times, flags, heard)

        try:
            self._open(self._sounddevice.RawStream, (1, self.channels), both_ways)
        except self._sounddevice.PortAudioError as error:
            self._listens, self.deaf = False, f"{self.name} does not open its input: {_reason(error)}"

    def _open(self, kind: Any, channels: int | tuple[int, int], callback: StreamCallback) -> None:
        self._stream = kind(
            samplerate=self.rate_hz,
            blocksize=self.block,
            device=self._index,
            channels=channels,
            dtype="float32",
            latency=2 * self.block / self.rate_hz,
            dither_off=True,  # zeros stay zeros: the mute of the output listens for them
            callback=callback,
        )
        self._stream.start()

    def stop(self) -> None:
        """Close the stream; may hang for ever where the server has died."""
        if self._stream is not None:
            self._stream.abort()
            self._stream.close()


Device = NullDevice | PortAudioDevice


def open_device(wanted: str, block: int, client: str = "neurorack", *, listen: bool = False) -> Device:
    """The device called `wanted`, or the null device with a notice that says why it is not that one.

    `client` is the name under which JACK lists the module.
    """
    if wanted == "null":
        return NullDevice(block)
    try:
        return PortAudioDevice(wanted, block, client, listen=listen)
    except Refused as refusal:
        return NullDevice(block, f"no sound card: {refusal}")


def _portaudio(client: str) -> Any:
    """The sounddevice module; PortAudio looks for cards and servers once, when it is imported."""
    os.environ["JACK_NO_START_SERVER"] = "1"
    try:
        import ctypes

        with _quiet():
            _client_names.append(client.encode())
            with suppress(OSError, AttributeError):  # elsewhere under another name, or built without JACK
                ctypes.CDLL("libportaudio.so.2").PaJack_SetClientName(_client_names[-1])
            import sounddevice
    except OSError as error:
        raise Refused(f"PortAudio is missing, install libportaudio2 ({error})") from error
    except ImportError as error:
        raise Refused(f"the Python package sounddevice is missing ({error})") from error
    except Exception as error:  # PortAudioError exists only once the import has worked
        raise Refused(f"PortAudio does not start: {_reason(error)}") from error
    return sounddevice


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what C libraries print about cards that do not exist (ALSA: 20 lines) out of the log."""
    with STDERR:
        kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(sink)


def _choose(sounddevice: Any, wanted: str) -> tuple[int, dict[str, Any], str]:
    """(index, PortAudio's description, host) of the device called `wanted`."""
    hosts = [host["name"] for host in sounddevice.query_hostapis()]
    devices = [
        (index, info, _short(hosts[info["hostapi"]]))
        for index, info in enumerate(sounddevice.query_devices())
        if info["max_output_channels"] > 0
    ]
    if not devices:
        missing = "" if wanted in ("auto", "jack", "alsa") else f"none is called {wanted!r}: "
        raise Refused(f"{missing}PortAudio finds no output, connect one or start jackd")
    defaults = {host["default_output_device"] for host in sounddevice.query_hostapis()}
    devices.sort(key=lambda device: (device[2] != "JACK", device[0] not in defaults))
    named = [device for device in devices if device[2].lower() == wanted.lower()]
    if named:  # a host, not ALSA's own device that is called "jack"
        return named[0]
    words = [] if wanted == "auto" else wanted.lower().split()
    for exact in (True, False):
        for index, info, host in devices:
            if (exact and info["name"].lower() == wanted.lower()) or (
                not exact and all(word in f"{info['name']}, {host}".lower() for word in words)
            ):
                return index, info, host
    known = ", ".join(f"{host} {info['name']}" for _, info, host in devices)
    raise Refused(f"none is called {wanted!r}, there are: {known}")


def _short(host: str) -> str:
    return "JACK" if host.startswith("JACK") else host


def _rate(sounddevice: Any, index: int, info: dict[str, Any], channels: int) -> int:
    """48 kHz where the device plays it, else a rate to convert to."""
    own = round(info["default_samplerate"])
    for rate_hz in dict.fromkeys((SAMPLE_RATE_HZ, own, *OTHER_RATES_HZ)):
        try:
            with _quiet():
                sounddevice.check_output_settings(index, channels, "float32", samplerate=rate_hz)
        except sounddevice.PortAudioError as error:
            reason = _reason(error)
        else:
            return rate_hz
    raise Refused(f"{info['name']} plays none of our rates: {reason}")


def _reason(error: Exception) -> str:
    text = str(error).split(" [PaErrorCode")[0].rstrip(".")
    return text.partition(": ")[2] if text.startswith("Error opening Raw") else text


if __name__ == "__main__":  # is the device called ARGUMENT there? Asked by an engine that plays to none
    sys.exit(isinstance(open_device(sys.argv[1], 128, "neurorack-search"), NullDevice))
