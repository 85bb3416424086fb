"""What networks cost as they ship: the time of their streaming graphs, on one thread, a block of 64 at a time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurorack.engine.footprint import bound
from neurorack.learn.trim.cost import TURNS
from neurorack.onnx_session import open_session

CALLS = 60
"""Of each graph in a turn: 1 to 10 ms."""
_WARM_CALLS = 5


@dataclass(frozen=True, eq=False)
class Stream:
    """A graph, and how it is called: so many `frames` at a time, for so many seconds of audio."""

    onnx: bytes
    frames: int
    seconds: float


class OnnxTimer:
    """A `cost.Timer`: seconds per second of audio of all graphs of a network, as `streams` exports them. Every graph's
    least time of CALLS calls in each of TURNS turns counts: what else the machine does only ever adds to it."""

    def __init__(self, streams: Callable[[Any], Sequence[Stream]]) -> None:
        self._streams = streams

    def __call__(self, models: Sequence[Any]) -> list[float]:
        calls = [[(_bound(stream), stream.seconds) for stream in self._streams(model)] for model in models]
        least_s = [np.full(len(each), np.inf) for each in calls]
        for _ in range(TURNS):
            for own, each in zip(least_s, calls, strict=True):
                for number, (call, _) in enumerate(each):
                    own[number] = min(own[number], _least_s(call))
        return [
            float(sum(took_s / seconds for took_s, (_, seconds) in zip(own, each, strict=True)))
            for own, each in zip(least_s, calls, strict=True)
        ]


def _bound(stream: Stream) -> Callable[[], None]:
    call = bound(open_session(stream.onnx, stream.frames), stream.frames)
    for _ in range(_WARM_CALLS):
        call()
    return call


def _least_s(call: Callable[[], None]) -> float:
    least_ns = min(_taken_ns(call) for _ in range(CALLS))
    return least_ns * 1e-9


def _taken_ns(call: Callable[[], None]) -> int:
    begun_ns = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - begun_ns
