"""DDSP (Engel et al. 2020): a recurrent decoder that plays harmonics and filtered noise.

    pitch   → two layers ─┬──────────┐
    others  → two layers ─┴→ GRU ────┴→ two layers → level, share of each harmonic, level of each band of noise

Harmonics are the host's, at 1…H times its pitch, and so is the noise, in bands: what the network says are their gains,
frame by frame, which glide as the decoder's do (`decoder.mix`). Levels are 2 · sigmoid(x)^ln 10 + 1e-7, and shares are
levels divided by their sum once harmonics that the pitch leaves inaudible are out, both as published. The published
layers have norms across channels, which tie every channel to all others; these have none. Here the last layer sees the
level that is asked for as well, and begins by obeying it: 2 · sigmoid(x)^ln 10 is 20 · x dB where it is faint. Without,
loss relative to the faintest clips, a hundred times that of the others, shuts the level within forty steps, for good.
"""

import math

import torch

from neurorack.engine.excitation import F_TOP_HZ, HARMONICS
from neurorack.learn.families.standard import Standard
from neurorack.learn.networks.decoder import BEFORE_LATENT, mix
from neurorack.learn.trim.groups import Axes, Axis, Groups, Probe, Widths, fixed, linear, recurrent
from neurorack.words import BANDS, C4_HZ, HOP, SAMPLE_RATE_HZ

ELEMENTS = HARMONICS + BANDS
_FAINT = -4.0
"""Of noise to begin with: 80 dB below the level."""
LEVEL_DB = 20.0
"""Of the level that is asked for, to one of what the last layer says."""

States = dict[str, torch.Tensor]


def dense_widths(first: int = 128, recurrent: int = 256, last: int = 256) -> dict[str, int]:
    """0.6 M parameters, by default."""
    before = {f"{name}{i}": first for name in ("pitch", "others") for i in range(2)}
    return {**before, "recurrent": recurrent, "last0": last, "last1": last}


class Ddsp(torch.nn.Module):
    """(controls [n, frames, 6 + latent], elements [n, frames, HOP, ELEMENTS], states) → audio [n, frames · HOP], next
    states. Elements are the host's harmonics and its bands of noise."""

    frames_per_s = SAMPLE_RATE_HZ / HOP

    def __init__(self, widths: Widths | None = None, latent: int = 8) -> None:
        super().__init__()
        self.widths, self.latent = dict(widths or dense_widths()), latent
        self.standard = Standard(latent)
        of = self.widths
        self.pitch = _stack(1, "pitch", of)
        self.others = _stack(BEFORE_LATENT - 1 + latent, "others", of)
        self.recurrent = torch.nn.GRU(of["pitch1"] + of["others1"], of["recurrent"], batch_first=True)
        self.recurrent_probe = Probe("recurrent", 2)
        self.last = _stack(of["recurrent"] + of["pitch1"], "last", of)
        self.out = torch.nn.Linear(of["last1"] + 1, 1 + ELEMENTS)
        with torch.no_grad():
            self.out.weight[:, -1] = 0.0
            self.out.weight[[0, *range(-BANDS, 0)], -1] = 1.0
            self.out.bias[-BANDS:] = _FAINT
        self.register_buffer("numbers", torch.arange(1.0, HARMONICS + 1))

    def initial_states(self, rows: int = 1) -> States:
        """Silence."""
        return {"hidden": torch.zeros(rows, self.widths["recurrent"]), "gains": torch.zeros(rows, ELEMENTS)}

    def forward(
        self, controls: torch.Tensor, elements: torch.Tensor, states: States | None = None
    ) -> tuple[torch.Tensor, States]:
        states = self.initial_states(len(controls)) if states is None else states
        states = {name: state.to(controls) for name, state in states.items()}
        gains, hidden = self.gains(controls, states["hidden"])
        audio = mix(gains, elements, states["gains"][:, None])
        return audio, {"hidden": hidden, "gains": gains[:, -1]}

    def gains(self, controls: torch.Tensor, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[n, frames, ELEMENTS], and the GRU's units after the last frame [n, units]."""
        pitch_oct, known = controls[..., :1], self.standard(controls)
        pitch, others = self.pitch(known[..., :1]), self.others(known[..., 1:])
        said, hidden = self.recurrent(torch.cat([pitch, others], 2), hidden[None])
        last = self.last(torch.cat([self.recurrent_probe(said), pitch], 2))
        told = self.out(torch.cat([last, controls[..., 1:2] / LEVEL_DB], 2))
        levels = 2.0 * torch.sigmoid(told) ** math.log(10.0) + 1e-7
        audible = (F_TOP_HZ / C4_HZ * torch.exp2(-pitch_oct) - self.numbers + 1.0).clamp(0.0, 1.0)
        harmonics = levels[..., 1:-BANDS] * audible
        share = harmonics / (harmonics.sum(2, keepdim=True) + 1e-7)
        return torch.cat([levels[..., :1] * share, levels[..., -BANDS:]], 2), hidden[0]

    def groups(self) -> Groups:
        axes = _stack_axes("pitch", (1,)) | _stack_axes("others", (BEFORE_LATENT - 1 + self.latent,))
        axes |= recurrent("recurrent", 3, "recurrent", ("pitch1", "others1"))
        axes |= _stack_axes("last", ("recurrent", "pitch1")) | linear("out", (1 + ELEMENTS,), ("last1", 1))
        return Groups(self.widths, axes | {"numbers": ((HARMONICS,),)} | fixed(self.standard, "standard."))

    def resized(self, widths: Widths) -> "Ddsp":
        return Ddsp(widths, self.latent)

    def rates(self) -> dict[str, float]:
        return {name: self.frames_per_s for name, value in self.named_parameters() if "weight" in name}

    def other_macs_per_s(self) -> float:
        """The mix: every element by the gain before and the gain now."""
        return 2.0 * ELEMENTS * SAMPLE_RATE_HZ

    def example(self, frames: int) -> tuple[torch.Tensor, ...]:
        return torch.randn(1, frames, BEFORE_LATENT + self.latent), torch.randn(1, frames, HOP, ELEMENTS)


def heard(elements: torch.Tensor) -> torch.Tensor:
    """Those of a harmonic decoder's elements [..., HARMONICS + 2 · BANDS] that this one plays: all but the pulse."""
    return torch.cat([elements[..., :HARMONICS], elements[..., -BANDS:]], -1)


def _stack(columns: int, name: str, widths: Widths) -> torch.nn.Sequential:
    first, second = widths[f"{name}0"], widths[f"{name}1"]
    return torch.nn.Sequential(
        torch.nn.Linear(columns, first),
        torch.nn.LeakyReLU(),
        Probe(f"{name}0", 2),
        torch.nn.Linear(first, second),
        torch.nn.LeakyReLU(),
        Probe(f"{name}1", 2),
    )


def _stack_axes(name: str, into: Axis) -> dict[str, Axes]:
    return linear(f"{name}.0", (f"{name}0",), into) | linear(f"{name}.3", (f"{name}1",), (f"{name}0",))
