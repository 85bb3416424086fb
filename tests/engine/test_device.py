import sys
import time
from types import SimpleNamespace

import pytest
from rig import Capture, JackServer

from neurorack.engine import device
from neurorack.engine.device import NullDevice, open_device


class FakePortAudio(SimpleNamespace):
    """Two hosts, four devices; one plays 44.1 kHz only, one nothing we can make."""

    class PortAudioError(Exception):
        pass

    CallbackFlags = int

    @staticmethod
    def query_hostapis() -> list[dict]:
        return [
            {"name": "ALSA", "default_output_device": 1},
            {"name": "JACK Audio Connection Kit", "default_output_device": 3},
        ]

    @staticmethod
    def query_devices() -> list[dict]:
        def device(name: str, host: int, rate: float, channels: int = 2) -> dict:
            channel = {"max_output_channels": channels, "max_input_channels": 2 * (name == "default")}
            return {"name": name, "hostapi": host, "default_samplerate": rate, **channel}

        return [
            device("USB Codec: (hw:1,0)", 0, 44_100.0),
            device("default", 0, 48_000.0, 32),
            device("Old Radio", 0, 8_000.0, 1),
            device("system", 1, 48_000.0),
            device("microphone", 1, 48_000.0, 0),
            device("jack", 0, 44_100.0),  # ALSA's own door to a JACK server
        ]

    @classmethod
    def check_output_settings(cls, index: int, channels: int, dtype: str, samplerate: int) -> None:
        if (index == 0 and samplerate != 44_100) or index == 2:
            raise cls.PortAudioError("Invalid sample rate [PaErrorCode -9997]")


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio())


@pytest.mark.parametrize(
    ("wanted", "name", "rate_hz", "channels"),
    [
        ("auto", "JACK system", 48_000, 2),
        ("jack", "JACK system", 48_000, 2),
        ("alsa", "ALSA default", 48_000, 2),
        ("usb codec", "ALSA USB Codec: (hw:1,0)", 44_100, 2),
        ("hw:1,0", "ALSA USB Codec: (hw:1,0)", 44_100, 2),
        ("System", "JACK system", 48_000, 2),
    ],
)
def test_a_device_is_found_by_its_name(wanted: str, name: str, rate_hz: int, channels: int, portaudio: None):
    device = open_device(wanted, 128)
    assert (device.name, device.rate_hz, device.channels, device.notice) == (name, rate_hz, channels, "")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [("theremin", "none is called 'theremin', there are: JACK system"), ("radio", "plays none of our rates")],
)
def test_what_cannot_be_played_to_becomes_the_null_device_with_a_notice(wanted: str, reason: str, portaudio: None):
    device = open_device(wanted, 128)
    assert isinstance(device, NullDevice)
    assert device.notice.startswith("no sound card: ") and reason in device.notice


@pytest.mark.parametrize(
    ("wanted", "listen", "deaf"),
    [
        ("alsa", True, ""),
        ("alsa", False, "ALSA default has no input"),
        ("jack", True, "JACK system has no input to listen to"),
        ("null", True, "there is no sound card to listen with"),
        ("theremin", True, "there is no sound card to listen with"),
    ],
)
def test_a_device_without_an_input_says_that_it_is_deaf(wanted: str, listen: bool, deaf: str, portaudio: None):
    found = open_device(wanted, 128, listen=listen).deaf
    assert found.startswith(deaf) and bool(found) == bool(deaf)


def test_an_input_that_is_refused_leaves_the_output(portaudio: None, monkeypatch: pytest.MonkeyPatch):
    opened: list[object] = []

    class Stream:
        def __init__(self, channels: object, **options: object) -> None:
            if isinstance(channels, tuple):
                raise FakePortAudio.PortAudioError("Error opening RawStream: Device unavailable [PaErrorCode -9985]")
            opened.append(channels)

        def start(self) -> None:
            pass

    monkeypatch.setattr(sys.modules["sounddevice"], "RawStream", Stream, raising=False)
    monkeypatch.setattr(sys.modules["sounddevice"], "RawOutputStream", Stream, raising=False)
    alsa = open_device("alsa", 128, listen=True)
    alsa.start(lambda *_: None)
    assert opened == [2] and alsa.deaf == "ALSA default does not open its input: Device unavailable"


def test_the_null_device_keeps_the_pace():
    device, calls = NullDevice(64), []
    device.start(lambda buffer, frames, times, flags: calls.append((len(buffer), frames)))
    began = time.monotonic()
    time.sleep(0.3)
    device.stop()
    took = time.monotonic() - began
    assert set(calls) == {(64 * 2 * 4, 64)}
    assert len(calls) <= took * 48_000 / 64 + 1
    assert len(calls) > 0.5 * took * 48_000 / 64


def test_the_null_device_skips_what_is_too_late_and_says_so():
    device, flagged = NullDevice(64), []

    def callback(buffer: bytearray, frames: int, times: object, flags: bool) -> None:
        flagged.append(flags)
        if len(flagged) == 10:
            time.sleep(0.05)

    device.start(callback)
    time.sleep(0.3)
    device.stop()
    assert flagged[10] and not flagged[9]
    assert len(flagged) <= 0.31 * 750 - 30


@pytest.mark.parametrize("options", [(), ("--client", "a-second-module")])
def test_jack_lists_the_module_by_its_name(options: tuple[str, ...], jack: JackServer, capture: Capture, start_engine):
    """PortAudio keeps a pointer to the name: freed, it becomes whatever lies there next."""
    start_engine("--device", "capture", *options, server=jack.name).playing()
    (source,) = capture.client.get_all_connections(capture.client.inports[0])
    assert source.name == f"{options[-1] if options else 'neurorack'}:out_0"


def test_names_given_to_portaudio_are_kept(portaudio: None, monkeypatch: pytest.MonkeyPatch):
    given = []
    library = SimpleNamespace(PaJack_SetClientName=given.append)
    monkeypatch.setattr("ctypes.CDLL", lambda _: library)
    open_device("auto", 128, "some-module")
    open_device("auto", 128, "some-other")
    assert given == [b"some-module", b"some-other"]
    assert all(any(name is kept for kept in device._client_names) for name in given)
