"""The decoder: one ONNX Runtime session for one block size, run from the audio callback with no copy, no allocation.

The graph is stateless, so its states live here, twice: binding 0 reads the first set and writes the second, binding 1
the other way round, and `run` takes them in turn. All arrays are bound once, by address: inputs are written in place.
"""

from contextlib import nullcontext

import numpy as np

from neurorack.bundle import Bundle
from neurorack.errors import BadInput
from neurorack.onnx_session import CPU, bounded_memory, open_session

for _dtype in (np.float32, np.float64):
    np.finfo(_dtype)  # kept by numpy; made first under flushed denormals, numpy 2.2 warns on stderr of what it finds

WARM_RUNS = 4
"""Calls before the first real one: each binding twice, so that the arena has its final size."""


class Decoder:
    """`frames` hops per call. Fill `controls` [frames, C], `harmonics` [frames, 64, H], `noise` [frames, 64, BANDS],
    and `pulse` [frames, 64, BANDS] or `partials` [frames, H], whichever is not None, all float32, then `run`. States
    start at zero.
    """

    def __init__(self, bundle: Bundle, frames: int, provider: str = CPU) -> None:
        network = bundle.card.decoder
        self.frames = frames
        arrays = {t.name: _zeros(t.shape, frames) for t in network.inputs}
        self.controls, self.harmonics, self.noise = arrays["controls"], arrays["harmonics"], arrays["noise"]
        self.pulse, self.partials = arrays.get("pulse"), arrays.get("partials")
        states = {state for state, _ in network.states}
        self._inputs = [array for name, array in arrays.items() if name not in states]
        audio = _zeros(next(t.shape for t in network.outputs if t.name == "audio"), frames)
        self.audio = audio.reshape(-1)
        """[frames · 64] float32: what the newest `run` gave; the next one writes over it."""
        self._states: list[dict[str, np.ndarray]] = []
        for _ in range(2):
            self._states.append({s: np.zeros_like(arrays[s]) for s, _ in network.states})
        following = {after: before for before, after in network.states}
        self._turn = 0
        try:
            with bounded_memory() if provider == CPU else nullcontext():  # others reserve all address space they see
                self._session = open_session(bundle.decoder_onnx, frames, provider)
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
                for _ in range(WARM_RUNS):
                    self.run()
        except Exception as error:  # ONNX Runtime has a class for each kind, all of them plain Exceptions
            where = str(bundle.folder / network.file)
            raise BadInput(f"the decoder does not run: {str(error)[:300]}", where, "use another bundle") from error
        self.reset()

    def run(self) -> np.ndarray:
        """The next `frames` hops: `audio` [frames · 64]."""
        self._session.run_with_iobinding(self._bindings[self._turn], None)
        self._turn ^= 1
        return self.audio

    def reset(self) -> None:
        """Forget everything: all states zero, which also heals a state that is no number."""
        for states in self._states:
            for array in states.values():
                array.fill(0.0)
        for array in (*self._inputs, self.audio):
            array.fill(0.0)
        self._turn = 0


def _zeros(shape: list[int | str], frames: int) -> np.ndarray:
    return np.zeros([frames if size == "frames" else int(size) for size in shape], np.float32)
