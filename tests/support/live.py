"""Fixtures of everything that runs live: a run directory, engines, JACK servers, a client that captures."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import Capture, EngineProcess, JackServer


@pytest.fixture(scope="session")
def run_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In memory where there is such a place: run directories are."""
    shm = Path("/dev/shm")
    return Path(shm) if os.access(shm, os.W_OK) else tmp_path_factory.mktemp("run")


@pytest.fixture
def run_dir(run_root: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = run_root / f"neurorack-test-{os.getpid()}-{abs(hash(request.node.name))}"
    path.mkdir(mode=0o700)
    yield path
    while path.exists():  # an engine that is ending takes files of its own away meanwhile
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start_engine(run_dir: Path) -> Iterator[object]:
    """Start engines; those that still live at the end of the test are killed."""
    started: list[EngineProcess] = []

    def start(*options: str, **more: str) -> EngineProcess:
        started.append(EngineProcess(run_dir, *options, **more))
        return started[-1]

    yield start
    for engine in started:
        engine.process.kill()
        engine.process.wait()
        engine.process.stderr.close()


@pytest.fixture(scope="session")
def jack() -> Iterator[JackServer]:
    """One JACK server for all tests that do not harm it."""
    if shutil.which("jackd") is None:
        pytest.skip("jackd is not installed")
    server = JackServer(f"neurorack-{os.getpid()}")
    yield server
    server.stop()


@pytest.fixture
def own_jack() -> Iterator[JackServer]:
    """A JACK server to be harmed."""
    if shutil.which("jackd") is None:
        pytest.skip("jackd is not installed")
    server = JackServer(f"neurorack-{os.getpid()}-own")
    yield server
    server.stop()


@pytest.fixture
def capture(jack: JackServer) -> Iterator[Capture]:
    client = Capture(jack)
    yield client
    client.stop()
