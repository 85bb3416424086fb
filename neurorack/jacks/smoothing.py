"""Rest without lag: a reading near the value is averaged in, a reading far away passes at once."""


class Smoother:
    """Smooths the readings of one jack.

    A reading at least `jump` away becomes the value. Nearer ones pull it with a weight of (distance / jump)², so
    a glide is followed with a lag below `jump`; at rest the weight falls to `rest`, by a running mean
    1, 1/2, 1/3 … since the last jump, so that one noisy reading after a jump does not last.
    """

    def __init__(self, jump: float, rest: float) -> None:
        self._scale, self._rest = 1.0 / jump, rest
        self._weight = 1.0
        self.value = 0.0

    def take(self, reading: float) -> float:
        """The value after one more reading, same unit."""
        distance = reading - self.value
        pull = distance * self._scale
        pull *= pull
        if pull >= 1.0 or self._weight >= 1.0:
            self._weight = 0.5
            self.value = reading
            return reading
        self.value += (pull if pull > self._weight else self._weight) * distance
        if self._weight > self._rest:
            self._weight /= 1.0 + self._weight  # 1/n → 1/(n+1)
        return self.value
