"""The encoder held down: the panic of whoever has no keyboard at hand, and at power-on the way to safe mode."""

import math

HELD_S = 5.5
"""Five seconds beyond a long press: nobody holds it so long by mistake."""


SAFE_S = 1.0
"""Longer than a push on the way to the switch of the case."""


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


class HeldAtStart:
    """Feed it every edge since `began_ns`, oldest first: whether safe mode is asked for.

    The first word of the button says where it stood at the start. It must be let go after SAFE_S or more: one that is
    stuck would else take the player's settings away at every start.
    """

    def __init__(self, began_ns: int) -> None:
        self._began_ns = began_ns
        self._since_ns: int | None = None
        self.over = False
        """It was not held, or has been let go."""

    def edge(self, t_ns: int, line: str, level: int) -> bool:
        """True once: it has just been let go."""
        if self.over or line != "encoder_push" or t_ns < self._began_ns:
            return False
        if level:
            self._since_ns = t_ns if self._since_ns is None else self._since_ns
            return False
        self.over = True
        return self._since_ns is not None and t_ns - self._since_ns >= SAFE_S * 1e9

    def waits(self, now_ns: int) -> bool:
        """Whether letting go now asks for it."""
        return not self.over and self._since_ns is not None and now_ns - self._since_ns >= SAFE_S * 1e9
