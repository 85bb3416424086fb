"""How every run here goes downhill: Adam, a rate that rises, then falls, and an average of the last weights to keep."""

import copy
import math

import torch

_WARM_STEPS = 100
_LEAST_RATE = 0.01
"""What is left of the rate at the end."""
_RAMP = (0.1, 0.4)
"""Adversaries are let in between these shares of a run."""
_STEEPEST = 2.0
"""Norm to which gradients are cut."""
_AVERAGED, _AT_FIRST = 0.998, 20.0
"""The average looks back over 500 steps; over few while there are only few."""


class Descent:
    """Of `networks` that learn, over `steps`; of `kept`, which is among them, the weights are averaged."""

    def __init__(
        self, networks: torch.nn.Module, kept: torch.nn.Module, steps: int, rate: float, betas: tuple[float, float]
    ) -> None:
        self.step = 0
        self.average = copy.deepcopy(kept)
        self._networks, self._kept, self._steps, self._rate = networks, kept, steps, rate
        self._optimiser = torch.optim.Adam(networks.parameters(), rate, betas=betas)

    @property
    def ramp(self) -> float:
        """How far adversaries have been let in, 0…1."""
        begin, end = _RAMP
        return min(1.0, max(0.0, (self.step / self._steps - begin) / (end - begin)))

    def take(self, losses: dict[str, torch.Tensor]) -> None:
        """The next step down the sum of weighted losses. RuntimeError where a gradient is no number."""
        fall = _LEAST_RATE + (1.0 - _LEAST_RATE) * math.cos(math.pi / 2 * self.step / self._steps) ** 2
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * min(1.0, (self.step + 1) / _WARM_STEPS) * fall
        self._optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(self._networks.parameters(), _STEEPEST, error_if_nonfinite=True)
        self._optimiser.step()
        keep = min(_AVERAGED, self.step / (self.step + _AT_FIRST))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self._kept.parameters(), strict=True):
                mean.lerp_(value, 1 - keep)
            for mean, value in zip(self.average.buffers(), self._kept.buffers(), strict=True):
                mean.copy_(value)  # a norm's own averages
        self.step += 1

    def state(self) -> dict[str, object]:
        return {
            "step": self.step,
            "networks": self._networks.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def load_state(self, state: dict) -> None:
        """Go on from the state of a run by the same recipe."""
        self.step = state["step"]
        self._networks.load_state_dict(state["networks"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
