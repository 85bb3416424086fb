"""How large a WaveNet can be and still play live: what a sample costs, by layers and channels.

    python -m neurorack.learn.families.limit --layers 2 4 8 --channels 8 16

Networks of random weights, exported as they would ship, 22 samples at a time as in blocks of 64. What counts is the
processor's time, the least of many calls: what else the machine does takes none of it, though it may spoil caches.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from neurorack.bundle import DRAWS
from neurorack.command import Parser, answered
from neurorack.learn.commands.options import count
from neurorack.learn.families.export_wavenet import export_wavenet
from neurorack.learn.families.wavenet import SAMPLE_RATE_HZ, WaveNet, dense_widths
from neurorack.onnx_session import open_session
from neurorack.terminal import tell

LAYERS, CHANNELS = (2, 4, 8, 12, 16, 20), (8, 16, 32, 64)
BUDGET_US = 1e6 / SAMPLE_RATE_HZ
CALLS = 400
_WARM_CALLS = 20


def network(layers: int, channels: int) -> WaveNet:
    """`channels` in gates and residual path, twice as many on the way out; dilations 1, 2, 4 … 512, 1 …"""
    widths = dense_widths(layers, channels, channels, 2 * channels, 2 * channels)
    return WaveNet(widths, dilations=[1 << i % 10 for i in range(layers)]).eval()


def sample_us(model: WaveNet) -> float:
    """Processor time of a sample, in microseconds."""
    with tempfile.TemporaryDirectory(prefix="neurorack-") as folder:
        export_wavenet(model, Path(folder) / "decoder.onnx")
        session = open_session((Path(folder) / "decoder.onnx").read_bytes(), 1)
    fed = {port.name: np.full(port.shape, 0.5, np.float32) for port in session.get_inputs()}
    fed |= {name: np.zeros_like(value) for name, value in fed.items() if name.startswith("state_")}
    least_s = np.inf
    for call in range(_WARM_CALLS + CALLS):
        begun_s = time.process_time()
        session.run(None, fed)
        if call >= _WARM_CALLS:
            least_s = min(least_s, time.process_time() - begun_s)
    return float(least_s) * 1e6 / DRAWS


def table(layers: Sequence[int], channels: Sequence[int]) -> Iterator[str]:
    """Microseconds a sample, line by line, as Markdown."""
    yield "| layers | " + " | ".join(f"{n} channels" for n in channels) + " |"
    yield "|---" * (len(channels) + 1) + "|"
    for depth in layers:
        cells = [f"{sample_us(network(depth, each)):.0f}" for each in channels]
        yield f"| {depth} | " + " | ".join(cells) + " |"


def main() -> int:
    return answered(_main)


def _main() -> int:
    parser = Parser(
        prog="python -m neurorack.learn.families.limit",
        description=f"Microseconds a sample of WaveNets by layers and channels; live they have {BUDGET_US:g}.",
        epilog="example: python -m neurorack.learn.families.limit --layers 4 --channels 8 16",
    )
    parser.add_argument("--layers", type=count, nargs="+", default=LAYERS, metavar="N")
    parser.add_argument("--channels", type=count, nargs="+", default=CHANNELS, metavar="N")
    options = parser.parse_args()
    torch.manual_seed(0)
    for line in table(options.layers, options.channels):
        tell(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
