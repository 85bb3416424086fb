"""What a decoder's graph takes on this machine, apart from all around it: nodes, memory, time.

A process of its own opens it as the module does, so that what its memory grows by is the graph's alone.

    python -m neurorack.engine.footprint decoder.onnx      → JSON
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from neurorack.bundle import Footprint
from neurorack.errors import BadInput
from neurorack.words import HOP, SAMPLE_RATE_HZ

BLOCKS = (64, 128)
TURNS, TURN_S, CALLS_MIN = 5, 0.04, 3
"""The least of all calls counts: what else the machine does only ever adds to a call."""


def footprint(onnx: bytes) -> Footprint:
    """Of a decoder in blocks of 64 and 128, on one thread; about 2 s. BadInput where it does not run."""
    with tempfile.TemporaryDirectory(prefix="neurorack-") as folder:
        path = Path(folder) / "decoder.onnx"
        path.write_bytes(onnx)
        package = str(Path(__file__).resolve().parents[2])
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        command = [sys.executable, "-m", "neurorack.engine.footprint", str(path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        raise BadInput(f"the decoder cannot be measured: {lines[-1][:300]}", "footprint", "export the bundle again")
    return msgspec.json.decode(done.stdout, type=Footprint)


def measure(onnx: bytes) -> Footprint:
    """In this process, which has opened no graph before."""
    import onnxruntime

    from neurorack.onnx_session import open_session

    samples = _samples(onnx)
    before = _forget_peak()
    rows = [max(1, block // samples) for block in BLOCKS]
    session = open_session(onnx, rows[0])
    call = bound(session, rows[0])
    call()
    memory = _peak_bytes() - before
    calls = [call, bound(open_session(onnx, rows[1]), rows[1])]
    least_s = [np.inf, np.inf]
    for _ in range(TURNS):
        for number, each in enumerate(calls):
            least_s[number] = min(least_s[number], _least_s(each))
    first, second = (took_s * SAMPLE_RATE_HZ / (n * samples) for took_s, n in zip(least_s, rows, strict=True))
    machine = f"{platform.machine()}, ONNX Runtime {onnxruntime.__version__}"
    return Footprint(nodes(onnx, rows[0]), len(onnx), max(memory, 0), float(first), float(second), machine)


def nodes(onnx: bytes, rows: int) -> int:
    """That ONNX Runtime runs in one call, its constants folded and its operators fused; those inside of a Scan as often
    as it turns. Its own profile says so."""
    from neurorack.onnx_session import open_session

    with tempfile.TemporaryDirectory(prefix="neurorack-") as folder:
        session = open_session(onnx, rows, profile=Path(folder) / "profile")
        bound(session, rows)()
        events = json.loads(Path(session.end_profiling()).read_text())
    return sum(event.get("cat") == "Node" and event["name"].endswith("_kernel_time") for event in events)


def bound(session: Any, rows: int) -> Callable[[], None]:
    """A call of a graph on arrays that are bound once, as the module has it. All inputs are 0, as all gains then are: a
    network of this kind takes as long for any others."""
    binding, arrays = session.io_binding(), []
    for bind, ports in ((binding.bind_input, session.get_inputs()), (binding.bind_output, session.get_outputs())):
        for port in ports:
            arrays.append(np.zeros([size if isinstance(size, int) else rows for size in port.shape], np.float32))
            bind(port.name, "cpu", 0, np.float32, arrays[-1].shape, arrays[-1].ctypes.data)

    def call() -> None:
        session.run_with_iobinding(binding, None)
        assert arrays  # they live as long as what is bound to them

    return call


def _samples(onnx: bytes) -> int:
    """Of sound in a frame of the graph."""
    from neurorack.onnx_graph import read_graph

    return next((int(port.shape[1]) for port in read_graph(onnx).outputs if port.name == "audio"), HOP)


def _least_s(call: Callable[[], None]) -> float:
    """Of as many calls as TURN_S allows, CALLS_MIN at least."""
    least_ns, count, begun_ns = sys.maxsize, 0, time.perf_counter_ns()
    while count < CALLS_MIN or time.perf_counter_ns() - begun_ns < TURN_S * 1e9:
        call_ns = time.perf_counter_ns()
        call()
        least_ns, count = min(least_ns, time.perf_counter_ns() - call_ns), count + 1
    return least_ns * 1e-9


def _forget_peak() -> int:
    """Bytes that are resident now, from which on the kernel looks for their peak (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024


def main() -> int:
    print(msgspec.json.encode(measure(Path(sys.argv[1]).read_bytes())).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
