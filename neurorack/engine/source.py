"""The excitation that a decoder takes: which one, and that it writes straight into the decoder's inputs."""

from typing import Any

from neurorack.engine.decoder import Decoder
from neurorack.engine.draws import Draws
from neurorack.engine.excitation import Excitation
from neurorack.engine.modes import Modes


def source_for(decoder: Decoder, seed: int = 0, *, noisy: bool = True) -> Excitation | Modes | Draws | None:
    """As new; None where the decoder makes its waves by itself. `noisy=False` leaves the white noise out."""
    if decoder.uniform is not None:
        return Draws(decoder.uniform, seed, noisy=noisy)
    if decoder.harmonics is None:
        return None
    options: dict[str, Any] = {"harmonics": decoder.harmonics, "noise": decoder.noise, "noisy": noisy}
    options["count"] = decoder.harmonics.shape[2]
    if decoder.partials is not None:
        return Modes(decoder.frames, seed, partials=decoder.partials, **options)
    return Excitation(decoder.frames, seed, pulse=decoder.pulse, pulsing=decoder.pulse is not None, **options)
