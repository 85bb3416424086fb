"""The encoder held down: the panic of whoever has no keyboard at hand."""

import math

HELD_S = 5.5
"""Five seconds beyond a long press: nobody holds it so long by mistake."""


class Hold:
    """Feed it every edge; `held` says once, of every push that lasts, when it has lasted HELD_S.

    A turn begins the time anew, since fine steps are made with the encoder pushed. A push counts only where the button
    was seen up before: one that is stuck from the start, a short circuit, is none. `seen_up`: it was, by others.
    """

    def __init__(self, *, seen_up: bool = False) -> None:
        self._since_ns: int | None = None
        self._seen_up = seen_up

    def edge(self, t_ns: int, line: str, level: int) -> None:
        if line == "encoder_push":
            self._since_ns = t_ns if level and self._seen_up else None
            self._seen_up |= not level
        elif line in ("encoder_a", "encoder_b") and self._since_ns is not None:
            self._since_ns = t_ns

    def left_s(self, now_ns: int) -> float:
        """How much longer it must be held, inf where it is up or stuck."""
        return math.inf if self._since_ns is None else HELD_S - (now_ns - self._since_ns) * 1e-9

    def held(self, now_ns: int) -> bool:
        if self._since_ns is None or now_ns - self._since_ns < HELD_S * 1e9:
            return False
        self._since_ns = None
        return True
