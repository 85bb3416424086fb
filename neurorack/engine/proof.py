"""Prove that an instrument's decoder plays, by playing it, and that its space of gestures finds some.

What a graph says of itself shows neither weights that are no numbers nor an operator that fails at its first call.

Apart from `bundle.load`, which an engine needs fast: an engine heals and mutes what goes wrong as it plays.
"""

import numpy as np

from neurorack.bundle import DRAWS, Bundle
from neurorack.engine.decoder import Decoder
from neurorack.engine.draws import Draws
from neurorack.engine.excitation import excite
from neurorack.engine.modes import ring
from neurorack.engine.space import prove_space
from neurorack.errors import BadInput
from neurorack.onnx_session import bounded_memory
from neurorack.patch.knobs import Scales
from neurorack.words import C4_HZ, HOP

HOPS = 4
"""Played of every gesture's first row, each at another pitch."""

PITCHES_OCT = (-2.0, 0.0, 1.5, 3.0)
"""Re C4, one for each of HOPS."""

PEAK_MAX = 16.0
"""+24 dB over full scale, with all knobs in the middle: beyond it the sound has no bounds."""

PEAK_MIN = 1e-5
"""-100 dBFS: below it there is no sound."""

DIFFERENCE_MAX = 1e-5
"""Between hop by hop and blocks of HOPS, of the peak or of full scale, whichever is more."""


def prove(bundle: Bundle) -> None:
    """Play every gesture with the knobs in the middle, hop by hop and in blocks; BadInput says what is wrong with it.

    30 ms and some 0.5 ms a gesture.
    """
    controls = _controls(bundle)
    arrays = {"controls": controls, **_excitation(bundle, C4_HZ * np.exp2(controls[:, 0].astype(np.float64)))}
    streamed, in_blocks = _play(bundle, 1, arrays), _play(bundle, HOPS, arrays)
    path = str(bundle.folder / bundle.card.decoder.file)

    def fail(what: str) -> None:
        raise BadInput(f"the decoder {what}", path, "use another bundle")

    if not np.isfinite(streamed).all() or not np.isfinite(in_blocks).all():
        fail("plays what is no number")
    peak = float(np.abs(streamed).max())
    if not PEAK_MIN <= peak <= PEAK_MAX:
        fail(f"plays {'nothing' if peak < PEAK_MIN else 'without bounds'}: its peak is {peak:.2g}")
    difference = float(np.abs(streamed - in_blocks).max())
    if difference > DIFFERENCE_MAX * max(1.0, peak):
        fail(f"plays blocks of another size differently, by {difference:.2g}")
    prove_space(bundle)


def _controls(bundle: Bundle) -> np.ndarray:
    """[gestures · HOPS, C] float32: the knobs in the middle, the latent of every gesture's first row."""
    scales = Scales.from_card(bundle.card)
    middle = [[pitch, *scales.physical(pitch, [0.5] * len(bundle.card.knobs))] for pitch in PITCHES_OCT]
    latent = np.repeat([gesture.latent[0] for gesture in bundle.gestures], HOPS, axis=0)
    return np.column_stack([np.tile(middle, (len(bundle.gestures), 1)), latent]).astype(np.float32)


def _excitation(bundle: Bundle, f0_hz: np.ndarray) -> dict[str, np.ndarray]:
    """What the decoder takes besides `controls`; a gesture that has partials is struck on its first sample."""
    partials = [gesture.partials for gesture in bundle.gestures if gesture.partials is not None]
    if any(tensor.name == "uniform" for tensor in bundle.card.decoder.inputs):
        uniform = np.zeros((len(f0_hz), DRAWS), np.float32)
        Draws(uniform).render(f0_hz)
        return {"uniform": uniform}
    if not bundle.card.harmonics:
        return {}
    if not partials:
        made = dict(zip(("harmonics", "pulse", "noise"), excite(f0_hz, count=bundle.card.harmonics), strict=True))
        return {tensor.name: made[tensor.name] for tensor in bundle.card.decoder.inputs if tensor.name in made}
    struck = [ring(pitch_hz, octaves) for pitch_hz, octaves in zip(f0_hz.reshape(-1, HOPS), partials, strict=True)]
    harmonics, noise = map(np.concatenate, zip(*struck, strict=True))
    return {"harmonics": harmonics, "noise": noise, "partials": np.repeat(partials, HOPS, axis=0)}


def _play(bundle: Bundle, frames: int, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """[hops, HOP]: what the decoder makes of controls and excitation, `frames` hops at a time."""
    decoder = Decoder(bundle, frames)
    audio = np.zeros((len(arrays["controls"]), HOP), np.float32)
    try:
        with bounded_memory():
            for at in range(0, len(audio), frames):
                for name, source in arrays.items():
                    getattr(decoder, name)[:] = source[at : at + frames]
                audio[at : at + frames] = decoder.run().reshape(frames, HOP)
    except Exception as error:  # ONNX Runtime has a class for each kind, all of them plain Exceptions
        where = str(bundle.folder / bundle.card.decoder.file)
        raise BadInput(f"the decoder does not play: {str(error)[:300]}", where, "use another bundle") from error
    return audio
