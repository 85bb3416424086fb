"""SING (Défossez et al. 2018), sized down: frames from a recurrent layer, decoded to overlapping pieces of waveform.

    controls → LSTM → causal convolution of 9 frames → two of 1 → transposed convolution, 1024 samples every 256

Every decoder layer has a batch norm and a ReLU; pieces are windowed by a squared sine, so that they join without steps.
The published network is of 16 kHz, three LSTM layers of 1024 units and layers of 4096 channels, at the same hop.
Nothing looks ahead: a frame's piece begins with the frame.
"""

import torch

from neurorack.learn.families.standard import Standard
from neurorack.learn.networks.decoder import BEFORE_LATENT
from neurorack.learn.trim.groups import Axes, Groups, Probe, Widths, conv, fixed, norm, recurrent
from neurorack.words import SAMPLE_RATE_HZ

HOP, PIECE = 256, 1024
"""Samples from piece to piece (5.3 ms), and of one."""
TAPS = (9, 1, 1)
"""Frames that each decoder layer sees."""

States = dict[str, torch.Tensor]


def dense_widths(recurrent: int = 192, wide: int = 256) -> dict[str, int]:
    """1.0 M parameters, by default."""
    return {"recurrent": recurrent, **{f"wide{i}": wide for i in range(len(TAPS))}}


class Sing(torch.nn.Module):
    """(controls [n, frames, 6 + latent], states) → audio [n, frames · HOP], next states."""

    frames_per_s = SAMPLE_RATE_HZ / HOP

    def __init__(self, widths: Widths | None = None, latent: int = 8) -> None:
        super().__init__()
        self.widths, self.latent = dict(widths or dense_widths()), latent
        self.standard = Standard(latent)
        sizes = [self.widths["recurrent"], *(self.widths[f"wide{i}"] for i in range(len(TAPS)))]
        self.recurrent = torch.nn.LSTM(BEFORE_LATENT + latent, sizes[0], batch_first=True)
        self.recurrent_probe = Probe("recurrent", 2)
        self.layers, self.norms = torch.nn.ModuleList(), torch.nn.ModuleList()
        self.probes = torch.nn.ModuleList()
        for i, taps in enumerate(TAPS):
            self.layers.append(torch.nn.Conv1d(sizes[i], sizes[i + 1], taps))
            self.norms.append(torch.nn.BatchNorm1d(sizes[i + 1]))
            self.probes.append(Probe(f"wide{i}", 1))
        self.pieces = torch.nn.ConvTranspose1d(sizes[-1], 1, PIECE, HOP, bias=False)
        self.register_buffer("window", torch.hann_window(PIECE))

    def initial_states(self, rows: int = 1) -> States:
        units = self.widths["recurrent"]
        return {
            "hidden": torch.zeros(rows, units),
            "cell": torch.zeros(rows, units),
            "frames": torch.zeros(rows, units, TAPS[0] - 1),
            "tail": torch.zeros(rows, PIECE - HOP),
        }

    def forward(self, controls: torch.Tensor, states: States | None = None) -> tuple[torch.Tensor, States]:
        states = self.initial_states(len(controls)) if states is None else states
        states = {name: state.to(controls) for name, state in states.items()}
        said, (hidden, cell) = self.recurrent(self.standard(controls), (states["hidden"][None], states["cell"][None]))
        x = torch.cat([states["frames"], self.recurrent_probe(said).transpose(1, 2)], 2)
        following = {"hidden": hidden[0], "cell": cell[0], "frames": x[..., 1 - TAPS[0] :]}
        for layer, level, probe in zip(self.layers, self.norms, self.probes, strict=True):
            x = probe(torch.relu(level(layer(x))))
        waves = torch.nn.functional.conv_transpose1d(x, self.pieces.weight * self.window, stride=HOP)[:, 0]
        waves = waves + torch.nn.functional.pad(states["tail"], (0, waves.shape[1] - PIECE + HOP))
        done = HOP * controls.shape[1]
        following["tail"] = waves[:, done:]
        return waves[:, :done], following

    def groups(self) -> Groups:
        axes = recurrent("recurrent", 4, "recurrent", (BEFORE_LATENT + self.latent,))
        into = "recurrent"
        for i, taps in enumerate(TAPS):
            axes |= conv(f"layers.{i}", (f"wide{i}",), (into,), taps) | norm(f"norms.{i}", f"wide{i}")
            into = f"wide{i}"
        pieces: dict[str, Axes] = {"pieces.weight": ((into,), (1,), (PIECE,)), "window": ((PIECE,),)}
        return Groups(self.widths, axes | pieces | fixed(self.standard, "standard."))

    def resized(self, widths: Widths) -> "Sing":
        return Sing(widths, self.latent)

    def rates(self) -> dict[str, float]:
        """A norm folds into its layer."""
        return {
            name: self.frames_per_s
            for name, value in self.named_parameters()
            if "weight" in name and not name.startswith("norms.")
        }

    def other_macs_per_s(self) -> float:
        return 0.0

    def example(self, frames: int) -> tuple[torch.Tensor, ...]:
        return (torch.randn(1, frames, BEFORE_LATENT + self.latent),)
