"""Live: a JACK client plays into the engine and hears it answer with the instrument's timbre."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rig import RATE_HZ, JackServer, wait_for

from neurorack.shared import INTENT, Snapshot

ENGINE = ("-m", "neurorack.engine")
BURST_S, EVERY_S = 0.2, 0.5


class Duet:
    """A JACK client called `duet`: bursts of a tone out, which the engine hears; in comes what it plays."""

    def __init__(self, server: JackServer) -> None:
        self.client = server.client("duet")
        hears, plays = self.client.inports.register("in"), self.client.outports.register("out")
        t = np.arange(round(EVERY_S * RATE_HZ)) / RATE_HZ
        tone = np.sum([np.cos(2 * np.pi * 330 * k * t + k * k) / k for k in range(1, 10)], axis=0)
        self._burst = np.where(t < BURST_S, 0.1 * tone, 0.0).astype(np.float32)
        blocks = 20 * RATE_HZ // server.block
        self._heard, self._played = np.zeros((2, blocks, server.block), np.float32)
        self.junk: float | None = None
        self.count = self._at = 0

        @self.client.set_process_callback
        def process(frames: int) -> None:
            at = (self._at + np.arange(frames)) % len(self._burst)
            sound = self._burst[at] if self.junk is None else np.full(frames, self.junk, np.float32)
            plays.get_array()[:] = sound
            self._at += frames
            if self.count < blocks and hears.number_of_connections:
                self._heard[self.count], self._played[self.count] = hears.get_array(), sound
                self.count += 1

        self.client.activate()

    def seconds(self, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """The next seconds: what was played to the engine, and what came back."""
        begin = self.count
        end = begin + int(seconds * RATE_HZ / self._heard.shape[1])
        wait_for(lambda: self.count >= end, 10.0)
        return self._played[begin:end].ravel().astype(float), self._heard[begin:end].ravel().astype(float)

    def stop(self) -> None:
        self.client.deactivate()
        self.client.close()


@pytest.fixture
def duet(jack: JackServer) -> Iterator[Duet]:
    client = Duet(jack)
    yield client
    client.stop()


def levels(audio: np.ndarray) -> np.ndarray:
    window = np.hanning(258)[1:-1]
    return np.sqrt(np.convolve(audio**2, window / window.sum(), "same"))


def test_what_is_played_to_it_comes_back_within_25_ms(duet: Duet, jack: JackServer, start_engine, hearing_bundle: Path):
    options = ("--device", "duet", "--listen")
    start_engine(*options, server=jack.name, bundle=str(hearing_bundle), program=ENGINE).playing()
    played, heard = map(levels, duet.seconds(3.0))
    spectra = [np.fft.rfft(x - x.mean(), 2 * len(x)) for x in (played, heard)]
    lag = int(np.fft.irfft(spectra[1] * spectra[0].conj())[: len(played)].argmax())
    print(f"level comes back after {1e3 * lag / RATE_HZ:.1f} ms, the server's own block included")
    assert 0 < lag <= 0.025 * RATE_HZ
    assert heard.max() == pytest.approx(played.max(), rel=0.3)


def test_garbage_at_the_input_harms_nothing(duet: Duet, jack: JackServer, start_engine, hearing_bundle: Path):
    options = ("--device", "duet", "--listen")
    engine = start_engine(*options, server=jack.name, bundle=str(hearing_bundle), program=ENGINE).playing()
    for junk in (np.nan, np.inf, 1e38, -1.0):
        duet.junk = junk
        _, heard = duet.seconds(0.2)
        assert np.isfinite(heard).all() and np.abs(heard).max() <= 1.0
    duet.junk = None
    duet.seconds(0.5)
    _, heard = duet.seconds(1.0)
    assert levels(heard).max() > 0.05
    assert engine.meters()["nan_resets"] == 0


def test_an_instrument_that_is_deaf_plays_on_with_a_notice(jack: JackServer, capture, start_engine, tiny_bundle: Path):
    options = ("--device", "capture", "--listen")
    engine = start_engine(*options, server=jack.name, bundle=str(tiny_bundle), program=ENGINE).playing()
    wait_for(lambda: engine.meters()["notice"])
    assert engine.meters()["nan_resets"] == 0
    status, _, log = engine.end()
    assert status == 0
    assert "tiny cannot listen, it has no encoder" in log and "JACK capture has no input to listen to" in log


def test_without_a_card_it_plays_on_with_one_notice(start_engine, run_dir: Path, hearing_bundle: Path):
    engine = start_engine("--device", "null", bundle=str(hearing_bundle), program=ENGINE).playing()
    intent = Snapshot(run_dir / "intent", INTENT, create=True)
    intent.record["listen"] = 1
    intent.publish()
    wait_for(lambda: b"no sound card to listen with" in engine.meters()["notice"])
    status, _, log = engine.end()
    assert status == 0 and log.count("to listen with") == 1


def test_asked_to_listen_while_it_plays_it_starts_anew_to_open_the_input(
    duet: Duet, jack: JackServer, start_engine, run_dir: Path, hearing_bundle: Path
):
    options = {"server": jack.name, "bundle": str(hearing_bundle), "program": ENGINE}
    engine = start_engine("--device", "duet", **options).playing()
    intent = Snapshot(run_dir / "intent", INTENT, create=True)
    intent.record["listen"], intent.record["depth"], intent.record["intonation"] = 1, 1.0, 1.0
    intent.publish()
    assert engine.process.wait(timeout=5) == 4
    start_engine("--device", "duet", **options).playing()  # as its keeper does
    duet.seconds(0.5)
    _, heard = duet.seconds(1.0)
    assert levels(heard).max() > 0.05
