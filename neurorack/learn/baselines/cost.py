"""What a second of sound costs: the published backbone's decoder at its own size beside a bundle's whole player.

    python -m neurorack.learn.baselines.cost models/fluid

Its decoder is built with random weights (what it plays does not matter) and run in ONNX Runtime, one thread, a latent
frame of 1024 samples at a time: its smallest block. The state a streaming one would carry between blocks is left out,
and so is drawing its noise: it is no slower than this. The player, excitation and knobs included, runs at blocks of
64, 128 and at its own block in turn with it. Of several turns the one least disturbed counts, for all.
"""

import io
import json
import warnings

import numpy as np
import torch

from neurorack.bundle import Bundle, load
from neurorack.command import Parser, answered
from neurorack.learn.baselines.backbone import FRAME, PUBLISHED, Decoder, Size, draw_noise, macs_per_frame
from neurorack.learn.baselines.pqmf import BANDS, TAPS, Bank
from neurorack.learn.evaluate import cost
from neurorack.onnx_session import open_session
from neurorack.terminal import tell
from neurorack.words import SAMPLE_RATE_HZ

TURNS = 4
BLOCKS = (*cost.BLOCKS, FRAME)


class Whole(torch.nn.Module):
    """Decoder and bank in one: latent with descriptors, and noise → sound."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.decoder, self.bank = Decoder(size), Bank()

    def forward(self, frames: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return self.bank.join(self.decoder(frames, noise))


def export(whole: Whole) -> tuple[bytes, dict[str, np.ndarray]]:
    """The graph for one frame, and what to feed it."""
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(1, whole.decoder.first.in_channels, 1, generator=generator)
    given = {"frames": frames, "noise": draw_noise(1, 1, generator)}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this way to export is the older one: it needs one package less
        torch.onnx.export(whole.eval(), tuple(given.values()), file, input_names=list(given), dynamo=False)
    return file.getvalue(), {name: tensor.numpy() for name, tensor in given.items()}


def compare(bundle: Bundle, seconds: float, size: Size = PUBLISHED) -> dict[str, float]:
    """`published_*` and `player_*`: parameters, macs_per_s, and by block realtime, a share of the block's length; and
    by how much ours is cheaper. `seconds` of sound are played at each block."""
    whole = Whole(size)
    onnx, given = export(whole)
    session = open_session(onnx, None)
    frames_per_s = SAMPLE_RATE_HZ / FRAME
    count = max(8, round(seconds * frames_per_s / TURNS))
    published, ours = [], []
    for _ in range(TURNS):
        cost.durations_s(lambda _: session.run(None, given), 4)
        published.append(np.median(cost.durations_s(lambda _: session.run(None, given), count)) * frames_per_s)
        ours.append(cost.figures(bundle, seconds / TURNS, BLOCKS))
    bank_macs = BANDS * TAPS * FRAME // BANDS
    found = {
        "published_parameters": float(sum(p.numel() for p in whole.decoder.parameters())),
        "published_macs_per_s": (macs_per_frame(whole.decoder) + bank_macs) * frames_per_s,
        f"published_realtime_{FRAME}": float(min(published)),
        "player_parameters": ours[0]["parameters"],
        "player_macs_per_s": ours[0]["macs_per_s"],
    }
    found["times_fewer_macs"] = found["published_macs_per_s"] / found["player_macs_per_s"]
    for block in BLOCKS:
        found[f"player_realtime_{block}"] = min(turn[f"realtime_{block}"] for turn in ours)
        found[f"times_cheaper_{block}"] = found[f"published_realtime_{FRAME}"] / found[f"player_realtime_{block}"]
    return found


def main() -> int:
    return answered(_main)


def _main() -> int:
    parser = Parser(
        prog="python -m neurorack.learn.baselines.cost",
        description="Time the published backbone's decoder and a bundle's player in the same run.",
        epilog="example: python -m neurorack.learn.baselines.cost models/fluid",
    )
    parser.add_argument("bundle", help="name or folder")
    parser.add_argument("--seconds", type=float, default=8.0, metavar="S", help="of sound at each block (default 8)")
    options = parser.parse_args()
    tell(json.dumps(compare(load(options.bundle), options.seconds), indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
