"""The encoder held down: the panic of whoever has no keyboard at hand."""

HELD_S = 5.5
"""Five seconds beyond a long press: nobody holds it so long by mistake."""


class Hold:
    """Feed it every edge; `held` says once, of every push that lasts, when it has lasted HELD_S.

    A turn begins the time anew, since fine steps are made with the encoder pushed. A push counts only where the button
    was seen up before: one that is stuck from the start, a short circuit, is none.
    """

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._seen_up = False

    def edge(self, t_ns: int, line: str, level: int) -> None:
        if line == "encoder_push":
            self._since_ns = t_ns if level and self._seen_up else None
            self._seen_up |= not level
        elif line in ("encoder_a", "encoder_b") and self._since_ns is not None:
            self._since_ns = t_ns

    def held(self, now_ns: int) -> bool:
        if self._since_ns is None or now_ns - self._since_ns < HELD_S * 1e9:
            return False
        self._since_ns = None
        return True
