"""Static int8, tried operator by operator, and kept only where it is faster here and as good.

Weights are int8, one scale for each channel; what flows in is uint8, its range that of the instrument's own gestures
(`feeds`). Graphs say so in standard operators (QDQ), of which ONNX Runtime makes integer kernels where it has them.

Measured on a processor with VNNI it pays where reading weights is the cost, in matrices of 0.4 M numbers and more; in
trimmed decoders the two nodes that scale and round take longer than the product saves.

On Arm the same is to be expected, by the sources of ONNX Runtime (onnxruntime/core/mlas/lib). Products and convolutions
of 8-bit numbers have NEON kernels: platform.cpp takes QgemmU8X8KernelUdot.S and ConvSymU8KernelDot.S where there are
dot products, from Armv8.2 on, and QgemmU8X8KernelUmmla.S with I8MM, which an Orin's Cortex-A78AE has not. A decoder
that plays hop by hop multiplies one row by a matrix: in float that has a kernel of its own (sgemm.cpp,
SgemvKernelNeon.S), in 8 bits it has none (qgemm.h, MlasGemmQuantTryGemvKernel, is there for AVX2 alone), so the row is
packed and multiplied as a block of rows. GRU, LSTM and ConvTranspose have no static 8-bit kernel on any processor.
"""

import contextlib
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from neurorack.engine.footprint import bound
from neurorack.engine.proof import DIFFERENCE_MAX
from neurorack.learn.trim.feeds import Feed, play
from neurorack.onnx_session import open_session

Judge = Callable[[bytes], float]
"""The validation loss with this graph for a decoder."""

OPERATORS = ("Gemm", "MatMul", "Conv")
"""That the runtime has static 8-bit kernels for."""
TURNS, CALLS = 15, 40
"""Turn by turn both graphs are called in alternation; of a turn the least counts, of all turns the median."""
FASTER = 0.95
"""Of the time before. On a busy machine an operator of 14 weights seemed 3 % faster, which it cannot be."""
WORSE = 0.005
"""By so much, relatively, a loss may rise and be called equal."""
APART = DIFFERENCE_MAX
"""Between hop by hop and all at once, as for any bundle: a rounding that falls the other way would be far above."""


@dataclass(frozen=True)
class Trial:
    """Of one operator, or of all that were kept together. Times are those of a call at block 64, in the same turns."""

    operator: str
    weights: int
    before_s: float
    after_s: float
    loss_before: float
    loss_after: float
    apart: float
    """Of streaming hop by hop from all at once."""

    @property
    def kept(self) -> bool:
        faster = self.after_s <= FASTER * self.before_s
        return faster and self.loss_after <= (1.0 + WORSE) * self.loss_before and self.apart <= APART


@dataclass(frozen=True)
class Outcome:
    trials: list[Trial]
    together: Trial | None
    """All that were kept, in one graph; None where that is fewer than two."""
    left_out: list[str]
    """Operators with weights for which there is no static 8-bit kernel."""
    graph: bytes | None
    """The one to ship; None where 8 bits help nowhere."""
    ships: str = ""
    """Its operators in 8 bits."""


def tried(graph: bytes, fed: Sequence[Feed], judge: Judge, rows: int) -> Outcome:
    """Of a decoder's graph, called for `rows` frames at a time."""
    names, left_out = _operators(graph)
    loss = judge(graph)

    def attempt(chosen: Sequence[str]) -> tuple[Trial, bytes]:
        changed = quantised(graph, list(chosen), fed)
        before_s, after_s = alternating_s(graph, changed, rows)
        weights = sum(names[name] for name in chosen)
        apart = streaming_apart(changed, fed[0], rows)
        return Trial(", ".join(chosen), weights, before_s, after_s, loss, judge(changed), apart), changed

    attempts = [attempt([name]) for name in names]
    trials, kept = [trial for trial, _ in attempts], [pair for pair in attempts if pair[0].kept]
    if not kept:
        return Outcome(trials, None, left_out, None)
    together, best = None, min(kept, key=lambda pair: pair[0].after_s / pair[0].before_s)
    if len(kept) > 1:
        together, changed = attempt([trial.operator for trial, _ in kept])
        best = (together, changed) if together.kept else best
    return Outcome(trials, together, left_out, best[1], best[0].operator)


def quantised(graph: bytes, operators: list[str], fed: Sequence[Feed]) -> bytes:
    """The graph with these operators, by their names, in 8 bits."""
    with tempfile.TemporaryDirectory(prefix="neurorack-") as folder, _quiet():
        path = Path(folder) / "int8.onnx"
        quantize_static(
            onnx.load_from_string(graph),
            path,
            _Reader(fed),
            quant_format=QuantFormat.QDQ,
            nodes_to_quantize=operators,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # what a product gives stays float: the integer kernel scales it back by itself
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
        )
        return path.read_bytes()


def alternating_s(one: bytes, other: bytes, rows: int) -> tuple[float, float]:
    """Seconds of a call of each, call by call in alternation, so that what the machine does to one it does to both."""
    calls = [bound(open_session(graph, rows), rows) for graph in (one, other)]
    least_ns = np.full((TURNS, 2), np.iinfo(np.int64).max)
    for turn in least_ns:
        for _ in range(CALLS):
            for number, call in enumerate(calls):
                begun_ns = time.perf_counter_ns()
                call()
                turn[number] = min(turn[number], time.perf_counter_ns() - begun_ns)
    before_ns, after_ns = np.median(least_ns, 0)
    return float(before_ns) * 1e-9, float(after_ns) * 1e-9


def streaming_apart(graph: bytes, feed: Feed, rows: int) -> float:
    """The most by which sound differs between `rows` frames at a time and one pass, relative to its peak or to full
    scale, whichever is more."""
    session = open_session(graph, None)
    whole = play(session, feed, len(feed["controls"]))
    return float(np.abs(play(session, feed, rows) - whole).max() / max(1.0, np.abs(whole).max()))


def described(outcome: Outcome) -> list[tuple[str, ...]]:
    """Rows for a table, its heads first."""
    heads = ("operator", "weights", "µs before", "µs in int8", "ratio", "loss before", "loss in int8", "apart", "kept")
    rows: list[tuple[str, ...]] = [heads]
    for trial in [*outcome.trials, *([outcome.together] if outcome.together else [])]:
        times = f"{trial.before_s * 1e6:.1f}", f"{trial.after_s * 1e6:.1f}", f"{trial.after_s / trial.before_s:.3f}"
        losses = f"{trial.loss_before:.4f}", f"{trial.loss_after:.4f}", f"{trial.apart:.1e}"
        kept = "ships" if trial.operator == outcome.ships else "yes" if trial.kept else "no"
        rows.append((trial.operator, f"{trial.weights:,}", *times, *losses, kept))
    rows += [(name, *[""] * 7, "no kernel") for name in outcome.left_out]
    return rows


def _operators(graph: bytes) -> tuple[dict[str, int], list[str]]:
    """({name: weights} of those to be tried, those that have weights but no kernel)."""
    model = onnx.load_from_string(graph)
    sizes = {each.name: int(np.prod(each.dims)) for each in model.graph.initializer if len(each.dims) > 1}
    tried, left_out = {}, []
    for node in model.graph.node:
        weights = sum(sizes.get(name, 0) for name in node.input)
        if weights and node.op_type in OPERATORS:
            tried[node.name] = weights
        elif weights and node.op_type in ("GRU", "LSTM", "ConvTranspose"):
            left_out.append(f"{node.name} ({node.op_type})")
    return tried, left_out


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantiser's advice to fuse operators beforehand, which the runtime does afterwards."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, fed: Sequence[Feed]) -> None:
        self._left: Iterator[Feed] = iter(fed)

    def get_next(self) -> Feed | None:
        return next(self._left, None)
