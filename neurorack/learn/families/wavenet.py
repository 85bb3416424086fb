"""WaveNet (van den Oord et al. 2016): the next sample from those before, by gated dilated causal convolutions.

At 16 kHz, in µ-law of 256 steps, each with a probability of its own. Every layer makes

    z = tanh(f) · sigmoid(g),   f, g = W * x + V c        W of two taps, `dilation` apart; c the frame's controls
    x ← x + R z,                skip ← skip + S z

and two layers on the sum of skips give the logits. The network sees the last Σ dilation samples and the frame's
controls. One residual and one skip path run through all layers: their channels go everywhere or nowhere.
"""

import math
from collections.abc import Sequence

import torch

from neurorack.learn.families.standard import Standard
from neurorack.learn.networks.decoder import BEFORE_LATENT
from neurorack.learn.trim.groups import Axes, Groups, Probe, Widths, conv, fixed

SAMPLE_RATE_HZ = 16_000
HOP = 64
"""Samples of a control frame: 4 ms."""
STEPS = 256
"""Of µ-law."""
SILENCE = STEPS // 2
DILATIONS = tuple(1 << i for i in range(10))
"""One stack, 64 ms: of two of them, the module has no time for a sample, however few channels are left (`limit`)."""

States = dict[str, torch.Tensor]


def dense_widths(
    layers: int = len(DILATIONS), residual: int = 64, gate: int = 64, skip: int = 128, head: int = 128
) -> dict[str, int]:
    """0.4 M parameters, by default."""
    return {"residual": residual, "skip": skip, "head": head, **{f"gate{i}": gate for i in range(layers)}}


class WaveNet(torch.nn.Module):
    """(steps before each sample [n, frames · HOP], controls [n, frames, 6 + latent], states) → logits
    [n, frames · HOP, STEPS], next states. One pass in training, where `states` may be left out; any number of frames at
    a time in streaming."""

    frames_per_s = SAMPLE_RATE_HZ / HOP

    def __init__(self, widths: Widths | None = None, latent: int = 8, dilations: Sequence[int] = DILATIONS) -> None:
        super().__init__()
        self.widths = dict(widths or dense_widths(len(dilations)))
        self.latent, self.dilations = latent, tuple(dilations)
        residual, skip, head = (self.widths[name] for name in ("residual", "skip", "head"))
        self.standard = Standard(latent)
        self.first = torch.nn.Embedding(STEPS, residual)
        self.gates, self.controls = torch.nn.ModuleList(), torch.nn.ModuleList()
        self.residuals, self.skips = torch.nn.ModuleList(), torch.nn.ModuleList()
        self.gate_probes = torch.nn.ModuleList()
        for i, dilation in enumerate(self.dilations):
            gate = self.widths[f"gate{i}"]
            self.gates.append(torch.nn.Conv1d(residual, 2 * gate, 2, dilation=dilation))
            self.controls.append(torch.nn.Linear(BEFORE_LATENT + latent, 2 * gate, bias=False))
            self.gate_probes.append(Probe(f"gate{i}", 1))
            self.skips.append(torch.nn.Conv1d(gate, skip, 1))
            if i + 1 < len(self.dilations):  # nobody would hear the last one
                self.residuals.append(torch.nn.Conv1d(gate, residual, 1))
        self.head, self.out = torch.nn.Conv1d(skip, head, 1), torch.nn.Conv1d(head, STEPS, 1)
        self.residual_probe, self.skip_probe, self.head_probe = Probe("residual", 1), Probe("skip", 1), Probe("head", 1)

    def initial_states(self, rows: int = 1) -> States:
        """Silence, as far back as each layer looks."""
        residual = self.widths["residual"]
        return {f"queue{i}": torch.zeros(rows, residual, dilation) for i, dilation in enumerate(self.dilations)}

    def forward(
        self, before: torch.Tensor, controls: torch.Tensor, states: States | None = None
    ) -> tuple[torch.Tensor, States]:
        states = self.initial_states(len(before)) if states is None else states
        x, known = self.first(before).transpose(1, 2), self.standard(controls)
        skip, following = torch.zeros((), device=x.device), {}
        for i, dilation in enumerate(self.dilations):
            x = self.residual_probe(x)
            seen = torch.cat([states[f"queue{i}"].to(x), x], 2)
            following[f"queue{i}"] = seen[..., -dilation:]
            held = self.controls[i](known).transpose(1, 2).repeat_interleave(HOP, 2)
            curve, gate = (self.gates[i](seen) + held).chunk(2, 1)
            z = self.gate_probes[i](torch.tanh(curve) * torch.sigmoid(gate))
            skip = skip + self.skips[i](z)
            if i < len(self.residuals):
                x = x + self.residuals[i](z)
        heard = self.skip_probe(torch.relu(skip))
        logits = self.out(self.head_probe(torch.relu(self.head(heard))))
        return logits.transpose(1, 2), following

    def groups(self) -> Groups:
        columns = BEFORE_LATENT + self.latent
        axes: dict[str, Axes] = {"first.weight": ((STEPS,), ("residual",)), **fixed(self.standard, "standard.")}
        for i in range(len(self.dilations)):
            gate = f"gate{i}"
            axes |= conv(f"gates.{i}", (gate, gate), ("residual",), 2)
            axes[f"controls.{i}.weight"] = ((gate, gate), (columns,))
            axes |= conv(f"skips.{i}", ("skip",), (gate,), 1)
        for i in range(len(self.residuals)):
            axes |= conv(f"residuals.{i}", ("residual",), (f"gate{i}",), 1)
        axes |= conv("head", ("head",), ("skip",), 1) | conv("out", (STEPS,), ("head",), 1)
        return Groups(self.widths, axes)

    def resized(self, widths: Widths) -> "WaveNet":
        return WaveNet(widths, self.latent, self.dilations)

    def rates(self) -> dict[str, float]:
        often = {name: float(SAMPLE_RATE_HZ) for name, value in self.named_parameters() if name.endswith("weight")}
        del often["first.weight"]  # looked up
        return often | {f"controls.{i}.weight": self.frames_per_s for i in range(len(self.dilations))}

    def other_macs_per_s(self) -> float:
        return 0.0

    def example(self, frames: int) -> tuple[torch.Tensor, ...]:
        return torch.randint(0, STEPS, (1, frames * HOP)), torch.randn(1, frames, BEFORE_LATENT + self.latent)


def to_steps(audio: torch.Tensor) -> torch.Tensor:
    """Samples −1…1 → steps 0…STEPS − 1: y = sign x · ln(1 + µ|x|) / ln(1 + µ), µ = 255 (ITU-T G.711's law)."""
    mu = STEPS - 1
    bent = audio.sign() * torch.log1p(mu * audio.abs().clamp(max=1.0)) / math.log1p(mu)
    return ((bent + 1.0) / 2.0 * mu + 0.5).long()


def from_steps(steps: torch.Tensor) -> torch.Tensor:
    """Back to samples: |x| = ((1 + µ)^|y| − 1) / µ."""
    mu = STEPS - 1
    bent = 2.0 * steps / mu - 1.0
    return bent.sign() * torch.expm1(bent.abs() * math.log1p(mu)) / mu


def before(steps: torch.Tensor) -> torch.Tensor:
    """What comes before each sample of [n, samples]; before the first, silence."""
    return torch.nn.functional.pad(steps[:, :-1], (1, 0), value=SILENCE)
