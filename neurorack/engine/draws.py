"""What a decoder that draws its samples one by one draws them with: a stream of numbers, the same for the same seed."""

import numpy as np

LARGEST = np.float32(1.0 - 2.0**-15)
"""Above, a sum of 256 chances in fp32 can no longer tell which is the last one."""


class Draws:
    """`render` fills `uniform` [hops, DRAWS] float32 with the next numbers of 0…LARGEST, in whatever blocks.

    Not `noisy`, all are ½: every sample is then the median of what it could be.
    """

    def __init__(self, uniform: np.ndarray, seed: int = 0, *, noisy: bool = True) -> None:
        self._uniform, self._seed, self._noisy = uniform, seed, noisy
        self.reset()

    def render(self, f0_hz: np.ndarray) -> None:
        """Whatever the pitch, which a decoder of this kind is told by its controls."""
        if self._noisy:
            self._random.random(dtype=np.float32, out=self._uniform)
            np.multiply(self._uniform, LARGEST, out=self._uniform)

    def reset(self) -> None:
        """Back to the seed's first numbers."""
        self._random = np.random.default_rng(self._seed)
        self._uniform.fill(0.5)
