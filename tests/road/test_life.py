"""The whole module as a user starts it: how soon it sounds, how much memory it takes, and what it survives."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from module import RACK, Module
from rig import Capture, JackServer, wait_for

from neurorack.remote.messages import SOCKET
from neurorack.rundir import holder

DRONE = RACK.format(low_v=0.0, high_v=0.0, rest_v=0.25, cables='voct = "rest.out"\ngate1 = "on.out"')
"""One held note, E flat 4."""


@pytest.fixture
def start(run_dir: Path) -> Callable[..., Module]:
    started: list[Module] = []

    def start(*options: str, **more: object) -> Module:
        started.append(Module(run_dir / f"run{len(started)}", DRONE, "fluid", *options, **more))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for module in started:
        module.stop()


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_it_sounds_within_a_second_and_a_half_and_stays_small(start):
    waits_s = []
    for _ in range(3):
        module = start()
        waits_s.append(module.first_sound_s())
        time.sleep(0.3)
        if len(waits_s) < 3:
            module.stop()
    wait_for(lambda: (module.run_dir / SOCKET).exists(), 10.0)  # it comes last
    time.sleep(1.0)
    names = ("engine", "daemon", "jacks", "remote")
    sizes_mb = {name: resident_mb(holder(module.run_dir / f"{name}.lock")) for name in names}
    print(f"first sound after {sorted(waits_s)} s; resident {sizes_mb}")
    assert max(sizes_mb.values()) <= 120
    assert min(waits_s) <= 1.5


def test_a_killed_engine_sounds_again_within_a_second(start):
    module = start()
    module.first_sound_s()
    wait_for(lambda: module.meters()["level_rms"] > 1e-3)
    waits_s = []
    for _ in range(3):
        time.sleep(1.0)
        killed = module.meters()["pid"]
        os.kill(killed, signal.SIGKILL)
        at_ns = time.monotonic_ns()
        wait_for(lambda killed=killed: module.meters()["pid"] != killed and module.meters()["first_sound_ns"])
        waits_s.append((int(module.meters()["first_sound_ns"]) - at_ns) * 1e-9)
        wait_for(lambda: module.meters()["level_rms"] > 1e-3)
    print(f"sound {sorted(waits_s)} s after a SIGKILL, the held note with it")
    assert min(waits_s) <= 1.0


def test_a_killed_jack_server_is_outlived_and_found_again(start, own_jack: JackServer):
    module = start("--device", "jack", server=own_jack)
    module.first_sound_s()
    assert module.meters()["device"] != b"null"
    own_jack.process.kill()
    own_jack.process.wait()
    wait_for(lambda: module.meters()["device"] == b"null" and module.meters()["level_rms"] > 1e-3)
    own_jack._start()
    wait_for(lambda: module.meters()["device"] != b"null" and module.meters()["level_rms"] > 1e-3, 12.0)
    assert module.meters()["pitch_hz"] == pytest.approx(261.6256 * 2**0.25, rel=1e-3), "the same patch"


def test_another_bundle_fades_in_over_a_held_note(
    start, jack: JackServer, capture: Capture, make_tiny_bundle, tmp_path: Path
):
    module = start("--device", "capture", server=jack)
    wait_for(lambda: capture.count > 400 and np.abs(capture.audio[-2000:]).max() > 0.01)
    module.choose_bundle(make_tiny_bundle(tmp_path / "sine", noise_gain=0.0))
    wait_for(lambda: module.meters()["bundle"] == b"sine")
    time.sleep(0.5)
    sound = np.abs(capture.audio[-60_000:])
    levels = sound[: len(sound) // 480 * 480].reshape(-1, 480).max(axis=1)
    assert levels.min() > 0.1 * np.median(levels), "no hole"
    assert module.meters()["nan_resets"] == 0
