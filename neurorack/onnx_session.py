"""ONNX Runtime as the audio callback needs it: one thread that never spins, fixed shapes, bounded memory."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnxruntime

MEMORY_BYTES_MAX = 512 << 20
"""What a network may take to load and warm up. A few bytes of a stranger's graph can ask for terabytes."""

CPU = "CPUExecutionProvider"


def open_session(
    onnx: bytes, frames: int | None, provider: str = CPU, *, profile: Path | None = None
) -> onnxruntime.InferenceSession:
    """The network in `onnx` with its axis `frames` fixed; None leaves it open. With `profile` it takes down every node
    it runs, in a file whose name begins so."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what is wrong is raised; its log would reach the terminal besides
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    if frames is not None:
        options.add_free_dimension_override_by_name("frames", frames)
    return onnxruntime.InferenceSession(onnx, options, providers=[provider])


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Within, the process may grow by MEMORY_BYTES_MAX; allocations beyond that fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as statm:
        limit = int(statm.read().split()[0]) * resource.getpagesize() + MEMORY_BYTES_MAX
    inside = [given for given in (limit, soft, hard) if given != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(inside), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
