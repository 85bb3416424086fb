"""The decoder: one ONNX Runtime session for one block size, run from the audio callback with no copy, no allocation.

The graph is stateless, so its states live here, twice: binding 0 reads the first set and writes the second, binding 1
the other way round, and `run` takes them in turn. All arrays are bound once, by address: inputs are written in place.

A frame of the graph may be several hops long. It begins with its first hop, whose controls it follows, and is worked
out then; blocks that are shorter are served from it, one after the other, with no delay.
"""

from contextlib import nullcontext

import numpy as np

from neurorack.bundle import Bundle
from neurorack.errors import BadInput
from neurorack.onnx_session import CPU, bounded_memory, open_session
from neurorack.words import HOP

for _dtype in (np.float32, np.float64):
    np.finfo(_dtype)  # kept by numpy; made first under flushed denormals, numpy 2.2 warns on stderr of what it finds

WARM_RUNS = 4
"""Calls before the first real one: each binding twice, so that the arena has its final size."""


class Decoder:
    """`frames` hops per call: a multiple of the hops of the graph's frame, or a share of them (else ValueError). Fill
    `controls` [frames, C], and of `harmonics` [frames, 64, H], `noise` and `pulse` [frames, 64, BANDS] and `partials`
    [frames, H] and `uniform` [frames, DRAWS] those that are not None, all float32, then `run`. States start at zero.
    """

    def __init__(self, bundle: Bundle, frames: int, provider: str = CPU) -> None:
        network = bundle.card.decoder
        samples = next(t.shape for t in network.outputs if t.name == "audio")
        self._frame_hops = int(samples[1]) // HOP
        if frames % self._frame_hops and self._frame_hops % frames:
            raise ValueError(f"{frames} hops at a time do not go with frames of {self._frame_hops}")
        self.frames, rows = frames, max(1, frames // self._frame_hops)
        arrays = {t.name: _zeros(t.shape, rows) for t in network.inputs}
        self._followed = arrays["controls"]
        self.controls = (
            self._followed if self._frame_hops == 1 else _zeros(["frames", arrays["controls"].shape[1]], frames)
        )
        self.harmonics, self.noise = arrays.get("harmonics"), arrays.get("noise")
        self.pulse, self.partials = arrays.get("pulse"), arrays.get("partials")
        self.uniform = arrays.get("uniform")
        states = {state for state, _ in network.states}
        self._inputs = [self.controls, *(array for name, array in arrays.items() if name not in states)]
        audio = _zeros(samples, rows)
        self._parts = list(audio.reshape(-1, frames * HOP))
        self._states: list[dict[str, np.ndarray]] = []
        for _ in range(2):
            self._states.append({s: np.zeros_like(arrays[s]) for s, _ in network.states})
        following = {after: before for before, after in network.states}
        self._turn = self._part = 0
        try:
            with bounded_memory() if provider == CPU else nullcontext():  # others reserve all address space they see
                self._session = open_session(bundle.decoder_onnx, rows, provider)
                self._bindings = []
                for read, write in ((0, 1), (1, 0)):
                    binding = self._session.io_binding()
                    for tensor in network.inputs:
                        array = self._states[read].get(tensor.name, arrays[tensor.name])
                        binding.bind_input(tensor.name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
                    for tensor in network.outputs:
                        array = audio if tensor.name == "audio" else self._states[write][following[tensor.name]]
                        binding.bind_output(tensor.name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
                    self._bindings.append(binding)
                for _ in range(WARM_RUNS * len(self._parts)):
                    self.run()
        except Exception as error:  # ONNX Runtime has a class for each kind, all of them plain Exceptions
            where = str(bundle.folder / network.file)
            raise BadInput(f"the decoder does not run: {str(error)[:300]}", where, "use another bundle") from error
        self.reset()

    def run(self) -> np.ndarray:
        """The next `frames` hops [frames · 64]; the next call may write over them."""
        part = self._part
        if part == 0:
            if self._frame_hops > 1:
                self._followed[:] = self.controls[:: self._frame_hops]
            self._session.run_with_iobinding(self._bindings[self._turn], None)
            self._turn ^= 1
        self._part = (part + 1) % len(self._parts)
        return self._parts[part]

    def reset(self) -> None:
        """Forget everything: all states zero, which also heals a state that is no number."""
        for states in self._states:
            for array in states.values():
                array.fill(0.0)
        for array in (*self._inputs, *self._parts):
            array.fill(0.0)
        self._turn = self._part = 0


def _zeros(shape: list[int | str], frames: int) -> np.ndarray:
    return np.zeros([frames if size == "frames" else int(size) for size in shape], np.float32)
