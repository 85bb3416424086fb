"""What the networks are trained for: half on saying a clip again, half on obeying the knobs.

Every step plays the decoder twice:
- the clip itself: its measured descriptors, its latent from the encoder; judged by multi-scale spectra;
- a *swap*: knobs anywhere in 0…1, at rest, moving, jumping or where those of a third clip go, at a pitch of any kind,
  and the latent of another clip; judged by the descriptors of what comes out against what was asked, each in units of
  its knob's local travel. This is what makes the knobs obey where no recording shows how. Encoded again, the swap must
  give the latent it was made from (cycle): whatever the knobs do, the latent means the same.

For hundreds of other knob positions, at rest, the decoder says gains alone: their descriptors are known without a sound
(`still`).

And the latents of frames of many sounds are read: the teller must find in them what knobs leave open of a spectrum, the
adversary must not find the knobs.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from neurorack.ears.descriptors import WINDOW
from neurorack.ears.features import FEATURE_HOP
from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.learn.clips import COARSE, FRAMES
from neurorack.learn.networks.adversary import Adversary
from neurorack.learn.networks.critic import Critic
from neurorack.learn.networks.decoder import Decoder, mix
from neurorack.learn.networks.encoder import WIDTH as ENCODER_WIDTH
from neurorack.learn.networks.encoder import Encoder
from neurorack.learn.networks.listening import Features
from neurorack.learn.networks.losses import MultiScaleSpectrum
from neurorack.learn.networks.room import Room
from neurorack.learn.networks.still import Still
from neurorack.learn.networks.teller import Teller
from neurorack.learn.networks.twins import Descriptors
from neurorack.learn.trim.groups import Groups, fixed
from neurorack.learn.trim.joined import join
from neurorack.words import BAND_EDGES_HZ, BANDS

_POOL = 4  # coarse frames averaged before descriptors are compared: 21 ms, a low note's ripple
_INNER = slice(2, FRAMES - 2)  # the outer frames see beyond the clip
_AUDIBLE_DB = -60.0
_COPY_LIMIT = 3.0
_FAR = 3.0
"""A knob that is a third of its travel off counts twice: the ends of knobs are what players hear wander."""
_LOW_BANDS = bisect_left(BAND_EDGES_HZ, 300)
_CARE = (1.0, 3.0, 1.0, 1.0, 1.0)
"""Of the descriptors. Cared for like the others, the centroid goes along with sharpness by 0.2 of its travel at any
width of the network, though gains are there that keep it: 0.13 so."""


@dataclass(frozen=True)
class Weights:
    """Of the losses beside the spectrum's, which has 1. A weight of 0 leaves an ingredient out."""

    swap: float = 2.0
    still: float = 4.0
    hush: float = 0.5
    """Per share of a pitched sound's power that is noise below 300 Hz, where descriptors hear no difference between it
    and a note's own harmonics: without it a bassoon's C2 had a sixth of its power there."""
    copy: float = 0.1
    kl: float = 1e-3
    """Per nat of latent and frame."""
    spread: float = 0.1
    """Keeps every latent's deviation over frames of many sounds at 1 or above (Bardes et al. 2022): a decoder that
    learns the descriptors first would let the latent collapse."""
    smooth: float = 0.02
    cycle: float = 0.2
    adversary: float = 0.2
    """Per unit of what the latent tells of pitch and descriptors: the mean of their R²."""
    keep: float = 0.5
    """Per unit of a frame's spectrum that latent, pitch and descriptors together leave untold."""
    critic: float = 0.0
    room: float = 1e-2
    """Per unit of the room's energy, so that a dry sound stays dry; 0: no room."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """One step's tensors: the clips, and what is asked of the swap. n clips, T = CLIP_HOPS."""

    audio: torch.Tensor  # [n, T·HOP + WINDOW]
    features: torch.Tensor  # [n, 1 + FRAMES + BEHIND + AHEAD, FEATURES]
    pitch_oct: torch.Tensor  # [n, T, 1]
    said: torch.Tensor  # [n, T, 5] descriptors of the clip
    glances: torch.Tensor  # [many, BEHIND + 1 + AHEAD, FEATURES] what an encoder sees of frames of many sounds
    glanced: torch.Tensor  # [many, 6] their pitch and descriptors
    bandwidth_hz: torch.Tensor  # [n]
    octaves: torch.Tensor | None  # [n, 1, MODES]
    strike: torch.Tensor  # [n]
    elements: torch.Tensor  # [n, T, HOP, elements]
    draw: torch.Tensor  # [n, FRAMES + 1, latent] standard normal
    swap_pitch_oct: torch.Tensor
    swap_octaves: torch.Tensor | None
    swap_elements: torch.Tensor
    asked: torch.Tensor  # [n, T, 5]
    wanted: torch.Tensor  # [n, FRAMES, 5] what a window should hear of it
    travel: torch.Tensor  # [n, FRAMES, 5]
    still_pitch_oct: torch.Tensor  # [n, 1, 1]
    still_octaves: torch.Tensor | None  # [n, 1, MODES]
    still_asked: torch.Tensor  # [n, STILLS, 5]
    still_travel: torch.Tensor  # [n, STILLS, 5]
    orders: torch.Tensor  # [2, n] clips whose latents are swapped in
    blend: torch.Tensor  # [n, 1, 1] share of the second
    held: torch.Tensor  # [n] frame whose latent is held, or -1


class Objective(torch.nn.Module):
    """All networks, and the losses of a lesson. One module, so that one wrapper spreads it over processes."""

    def __init__(
        self,
        kind: str,
        width: int | Sequence[int],
        latent: int,
        weights: Weights,
        seed: int,
        encoder: int | Sequence[int] = ENCODER_WIDTH,
    ) -> None:
        super().__init__()
        self.kind, self.weights = kind, weights
        self.modal = kind == "percussive"
        self.decoder = Decoder(width, latent, modal=self.modal)
        self.encoder = Encoder(latent, encoder)
        self.adversary = Adversary(latent, seed)
        self.teller = Teller(latent) if weights.keep else None
        self.critic = Critic() if weights.critic else None
        self.room = Room(seed) if weights.room else None
        self.still = Still(self.modal) if weights.still else None
        self._spectrum = MultiScaleSpectrum()
        self._describe, self._features = Descriptors(FEATURE_HOP), Features()

    def groups(self) -> Groups:
        """Decoder and encoder can be trimmed; what listens to them stays as it is."""
        own = join({"decoder": self.decoder, "encoder": self.encoder})
        return Groups(own.widths, fixed(self) | own.axes)

    def forward(self, lesson: Lesson, ramp: float) -> dict[str, torch.Tensor]:
        """Weighted losses [] by name; `ramp` 0…1 is how far adversary and critic have been let in."""
        weights = self.weights
        target = lesson.audio[:, WINDOW // 2 : -WINDOW // 2]
        said = lesson.said
        mean, log_variance = self.encoder(lesson.features)
        mean, log_variance = mean[:, BEHIND:-AHEAD], log_variance[:, BEHIND:-AHEAD]
        glanced = self.encoder.frame(lesson.glances)
        latent = mean + torch.exp(0.5 * log_variance) * lesson.draw
        again = self._play(lesson.pitch_oct, said, to_hops(latent), lesson.octaves, lesson.elements)
        if self.modal:
            sounding = torch.arange(again.shape[1], device=again.device) >= lesson.strike[:, None]
            again = again * sounding
        heard = again if self.room is None else self.room(again)

        coarse_mean = mean.detach()
        swapped = self._swap(coarse_mean, lesson)
        obeyed = self._play(
            lesson.swap_pitch_oct, lesson.asked, to_hops(swapped), lesson.swap_octaves, lesson.swap_elements
        )
        off = _pooled(((self._describe(obeyed) - lesson.wanted) / lesson.travel)[:, _INNER]).abs()
        sounding = _pooled((lesson.wanted[:, _INNER, :1] > _AUDIBLE_DB).float())

        losses = {
            "spectrum": self._spectrum(heard, target, lesson.bandwidth_hz).mean(),
            "swap": weights.swap * (_felt(off) * sounding).mean(),
            "copy": weights.copy * self._copy(again, said, lesson),
            "kl": weights.kl * 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(-1).mean(),
            "spread": weights.spread * torch.relu(1.0 - glanced.std(0)).mean(),
            "smooth": weights.smooth * (mean[:, 1:] - mean[:, :-1]).abs().mean(),
        }
        if self.still is not None:
            off, muddy = self._still_off(self.still, glanced.detach(), lesson)
            losses["still"] = weights.still * off
            if weights.hush and not self.modal:
                losses["hush"] = weights.hush * muddy
        if weights.cycle or weights.critic:
            shown = self._features(obeyed)
        if weights.cycle:
            back, _ = self.encoder(shown)
            losses["cycle"] = weights.cycle * (back - swapped[:, 1:])[:, BEHIND + 2 : -AHEAD - 2].abs().mean()
        if self.teller is not None:
            known, seen = self.adversary.standard(lesson.glanced), lesson.glances[:, BEHIND]
            losses["keep"] = weights.keep * self.teller.missed(glanced, known, seen)
        if weights.adversary:
            told = self.adversary.told(glanced, lesson.glanced).mean()
            losses["told"] = weights.adversary * ramp * told
        if self.critic is not None:
            real = self._features(target)
            losses["critic"] = self.critic.error(real, shown.detach())
            losses["doubt"] = weights.critic * ramp * self.critic.doubt(shown)
        if self.room is not None:
            losses["room"] = weights.room * self.room.energy()
        return losses

    def _play(
        self,
        pitch_oct: torch.Tensor,
        descriptors: torch.Tensor,
        latent: torch.Tensor,
        octaves: torch.Tensor | None,
        elements: torch.Tensor,
    ) -> torch.Tensor:
        return mix(self.decoder(torch.cat([pitch_oct, descriptors, latent], -1), octaves), elements)

    def _swap(self, latent: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        """Latents of other clips [n, 1 + FRAMES, latent]: whole, mixed in pairs, or one frame held."""
        mixed = torch.lerp(latent[lesson.orders[0]], latent[lesson.orders[1]], lesson.blend)
        frame = lesson.held.clamp(min=0)[:, None, None].expand(-1, 1, mixed.shape[2])
        return torch.where(lesson.held[:, None, None] >= 0, mixed.gather(1, frame), mixed)

    def _still_off(self, still: Still, latent: torch.Tensor, lesson: Lesson) -> tuple[torch.Tensor, torch.Tensor]:
        """How far knobs at rest are off, with latents [many, latent] of whatever sounds; and the share of low noise."""
        asked, pitch_oct = lesson.still_asked, lesson.still_pitch_oct
        latent = latent.unflatten(0, (len(asked), -1))[:, : asked.shape[1]]
        controls = torch.cat([pitch_oct.expand(-1, asked.shape[1], -1), asked, latent], -1)
        gains = self.decoder(controls, lesson.still_octaves)
        off = ((still(gains, pitch_oct, lesson.still_octaves) - asked) / lesson.still_travel).abs()
        power = (gains / self.decoder.scale) ** 2
        muddy = power[..., -BANDS : -BANDS + _LOW_BANDS].sum(-1) / power.sum(-1)
        return (_felt(off) * (asked[..., :1] > _AUDIBLE_DB)).mean(), muddy.mean()

    def _copy(self, again: torch.Tensor, said: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        """Descriptors of the copy against the clip's, of clips that were recorded far enough up to have them."""
        heard = said[:, COARSE - 1 :: COARSE]
        wide = (lesson.bandwidth_hz > _WIDE_HZ)[:, None, None]
        audible = (heard[:, _INNER, :1] > _AUDIBLE_DB) & wide
        spread = lesson.travel.mean((0, 1))
        off = ((self._describe(again) - heard)[..., 1:] / spread[1:])[:, _INNER].abs().clamp(max=_COPY_LIMIT)
        return (off * audible).sum() / (audible.sum() * 4 + 1)


_WIDE_HZ = 14_000.0
"""A clip recorded less far up says nothing about its centroid."""


def to_hops(coarse: torch.Tensor) -> torch.Tensor:
    """[n, 1 + frames, k], the first one frame ahead → [n, frames·COARSE, k] on straight lines between them."""
    before, after = coarse[:, :-1, None], coarse[:, 1:, None]
    part = torch.arange(1, COARSE + 1, device=coarse.device)[:, None] / COARSE
    return (before + (after - before) * part).flatten(1, 2)


def _felt(off: torch.Tensor) -> torch.Tensor:
    return off * off.new_tensor(_CARE) * (1.0 + _FAR * off.clamp(max=1.0))


def _pooled(frames: torch.Tensor) -> torch.Tensor:
    whole = frames.shape[1] // _POOL * _POOL
    return frames[:, :whole].unflatten(1, (-1, _POOL)).mean(2)
