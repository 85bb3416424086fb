"""Small networks of every family that can be trimmed, with weights and running means that are no defaults."""

from collections.abc import Callable

import torch

from neurorack.learn.families.ddsp import Ddsp
from neurorack.learn.families.sing import Sing
from neurorack.learn.families.wavenet import WaveNet
from neurorack.learn.networks.decoder import Decoder
from neurorack.learn.networks.encoder import Encoder

WAVENET = {"residual": 5, "skip": 6, "head": 4, "gate0": 3, "gate1": 4, "gate2": 5}
SING = {"recurrent": 5, "wide0": 6, "wide1": 4, "wide2": 7}
DDSP = {"pitch0": 3, "pitch1": 4, "others0": 5, "others1": 3, "recurrent": 6, "last0": 5, "last1": 4}

FAMILIES: dict[str, Callable[[], torch.nn.Module]] = {
    "wavenet": lambda: WaveNet(WAVENET, latent=2, dilations=(1, 2, 4)),
    "sing": lambda: Sing(SING, latent=2),
    "ddsp": lambda: Ddsp(DDSP, latent=2),
    "decoder": lambda: Decoder([6, 5, 7], latent=2),
    "modal decoder": lambda: Decoder([6, 5, 7], latent=2, modal=True),
    "encoder": lambda: Encoder(3, [6, 5]),
}


def small(family: str, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = FAMILIES[family]().eval()
    with torch.no_grad():
        for value in model.parameters():
            if value.dim() > 1:
                value *= 2.0  # what is masked should be heard
        for name, value in model.state_dict().items():
            if "norms" in name and value.dim():
                value.uniform_(0.5, 1.5)
            elif name.startswith("standard."):
                value += 0.1 * torch.randn_like(value)
            elif name in ("head.bias", "skips.0.bias"):
                value.uniform_(0.5, 1.0)  # so few units are easily all dead
    return model


def said(model: torch.nn.Module, example: tuple[torch.Tensor, ...], *, grad: bool = False) -> list[torch.Tensor]:
    """All that it answers, but for its states."""
    with torch.set_grad_enabled(grad):
        answer = model(*example)
    if isinstance(answer, torch.Tensor):
        return [answer]
    return [part for part in answer if isinstance(part, torch.Tensor)]
