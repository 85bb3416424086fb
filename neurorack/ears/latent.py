"""A bundle's encoder at run time: features of a sound → latent, of a whole sound or as it comes in.

Row t of the latent sees the features of frames t − 3 … t + 1, and zeros beyond the sound's ends. So a stream keeps five
frames, and has row t as soon as frame t + 1 is there.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from neurorack.bundle import Bundle
from neurorack.ears.features import FEATURES
from neurorack.errors import BadInput
from neurorack.onnx_session import bounded_memory, open_session

BEHIND, AHEAD = 3, 1
"""Frames before and after its own that a row sees."""

_WARM_RUNS = 3


def encode(bundle: Bundle, features: np.ndarray) -> np.ndarray:
    """Latent [frames, Z] of a whole sound's features [frames, FEATURES], both float32. Raises BadInput."""
    onnx = _encoder(bundle)
    with _told(bundle), bounded_memory():
        latent: np.ndarray = open_session(onnx, None).run(["latent"], {"features": features})[0]
    return latent


class LatentStream:
    """The same frame by frame, one frame late. Raises BadInput where the bundle has no encoder, or one that fails."""

    def __init__(self, bundle: Bundle) -> None:
        onnx = _encoder(bundle)
        self._frames = np.zeros((BEHIND + 1 + AHEAD, FEATURES), np.float32)
        self._rows = np.zeros((len(self._frames), bundle.card.latent), np.float32)
        with _told(bundle), bounded_memory():
            self._session = open_session(onnx, len(self._frames))
            self._binding = self._session.io_binding()
            for bind, name, array in (
                (self._binding.bind_input, "features", self._frames),
                (self._binding.bind_output, "latent", self._rows),
            ):
                bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
            for _ in range(_WARM_RUNS):
                self._session.run_with_iobinding(self._binding, None)

    def step(self, features: np.ndarray) -> np.ndarray:
        """Take the next frame's features [FEATURES]; the latent [Z] of the frame before it, until the next call."""
        frames = self._frames
        for row in range(len(frames) - 1):
            frames[row] = frames[row + 1]
        frames[-1] = features
        self._session.run_with_iobinding(self._binding, None)
        latent: np.ndarray = self._rows[BEHIND]
        return latent

    def reset(self) -> None:
        self._frames.fill(0.0)


def _encoder(bundle: Bundle) -> bytes:
    network, onnx = bundle.card.encoder, bundle.encoder_onnx
    if network is None or onnx is None:
        raise BadInput(f"{bundle.name} cannot listen, it has no encoder", str(bundle.folder), "choose another bundle")
    return onnx


@contextmanager
def _told(bundle: Bundle) -> Iterator[None]:
    """Say in one line what ONNX Runtime has against an encoder."""
    try:
        yield
    except Exception as error:  # it has a class for each kind, all of them plain Exceptions
        what = f"{bundle.name} cannot listen, its encoder does not run: {str(error)[:300]}"
        raise BadInput(what, str(bundle.folder), "choose another bundle") from error
