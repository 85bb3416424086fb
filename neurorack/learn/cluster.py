"""Work spread over a Ray cluster, or over the cores of this machine by the same means."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from neurorack.errors import BadInput

Call = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function that workers can import, and its arguments."""


def want_ray() -> None:
    """BadInput where Ray is not installed."""
    try:
        import ray  # noqa: F401
    except ImportError as error:
        raise BadInput("Ray is not installed", "--ray", "pip install ray, or leave --ray away") from error


def on_ray(calls: Sequence[Call], workers: int) -> Iterator[tuple[int, Any]]:
    """(number of a call, its result), as they come. Each call has a core to itself. On the cluster of
    $RAY_ADDRESS where that is set, else on `workers` cores of this machine."""
    import ray

    if not ray.is_initialized():
        elsewhere = "RAY_ADDRESS" in os.environ
        ray.init(num_cpus=None if elsewhere else max(1, workers), include_dashboard=False, log_to_driver=False)
    remote = {function: ray.remote(num_cpus=1)(function) for function, _ in calls}
    numbers = {remote[function].remote(*given): i for i, (function, given) in enumerate(calls)}
    waiting = list(numbers)
    while waiting:
        done, waiting = ray.wait(waiting)
        yield numbers[done[0]], ray.get(done[0])
