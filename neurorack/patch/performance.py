"""What the positions of the performance knobs mean, and how they move: no faster than the ear takes for a click.

morph      0…1      from the chosen gesture to the other one
scrub      0…1      place in the gesture; −1: time runs
transient  −1…+1    what the onset gets: ±ONSET, fading in ONSET_S
variation  0…1      of VARIES, at random, anew for every hit
glide      0…1 s    time constant of the pitch, the square of the position
release    ⅛…8      times the release's own time, 1 in the middle
macro1, 2  −1…+1    times MACRO standard deviations along the latent's first two principal axes
find1, 2   −1…+1    from what is chosen, or kept, to one end of what can be found (`patch.found`) and to the other
freeze     20…500 ms, length of the loop, exponential
"""

import numpy as np

from neurorack.words import HOP, KNOBS, PATCHABLE, PERFORMANCE, SAMPLE_RATE_HZ

SLEW_S = 0.004
"""Time constant of a knob: half way in 2.8 ms, three frames."""

RESTS = {"pitch": 0.0, "morph": 0.0, "scrub": 0.0, "variation": 0.0, "glide": 0.0}
"""Where a knob stands that nobody has touched; all others half way. Performance knobs do nothing there."""

REST = np.array([RESTS.get(name, 0.5) for name in PATCHABLE])

RUNNING = -1.0
"""The scrub of a gesture that runs in its own time."""

ONSET = np.array([12.0, 0.2, 0.0, 0.0, 0.0])
"""What `transient` adds to the descriptors at full: dB of level, positions of the others. More brightens too."""
ONSET_S = 0.025
"""Time constant: after 70 ms less than 1 dB is left."""

VARIES = np.array([1 / 12, 6.0, 0.25, 0.25, 0.25, 0.25])
"""Farthest that a hit is varied at full: octaves, dB, positions. The latent: two standard deviations of its own."""

MACRO = 2.0
GLIDE_MAX_S = 1.0
RELEASE_OCT = 3.0
FREEZE_MIN_S, FREEZE_MAX_S = 0.02, 0.5

MORPH, SCRUB, TRANSIENT, VARIATION, GLIDE, RELEASE, MACRO1, MACRO2, FIND1, FIND2, FREEZE = range(len(PERFORMANCE))
"""Columns, in the order of words.PERFORMANCE."""

PLAYED = len(KNOBS) + len(PERFORMANCE)
"""Of what an envelope can reach: pitch, descriptors, performance."""

FAR = 0.1
"""Of the travel of what leads from timbre to timbre, `scrub` too: a jump that is larger goes at once. What lies between
two timbres may be louder or softer than both, by up to 10 dB; slewed, the way through it would be heard, while the
decoder crosses from frame to frame unheard."""

_STILL = 1e-6
_AT_ONCE = np.array([SCRUB, GLIDE, FREEZE])
_TIMBRE = (MORPH, MACRO1, MACRO2, FIND1, FIND2)
_ONSET_HOPS = ONSET_S * SAMPLE_RATE_HZ / HOP
_AT_REST = REST[len(KNOBS) : PLAYED].copy()
_AT_REST[SCRUB] = RUNNING


def at_rest() -> np.ndarray:
    """Positions [11] at which gestures play as they are."""
    return _AT_REST.copy()


def freeze_hops(position: float) -> float:
    """Length of the loop.

    >>> freeze_hops(1.0) * HOP / SAMPLE_RATE_HZ
    0.5
    """
    length_s = FREEZE_MIN_S * (FREEZE_MAX_S / FREEZE_MIN_S) ** min(max(position, 0.0), 1.0)
    return length_s * SAMPLE_RATE_HZ / HOP


def glide_lag(position: float) -> float:
    """What is left of a step of the pitch after a hop; 0: nothing, it jumps."""
    constant_s = GLIDE_MAX_S * position * position
    return float(np.exp(-HOP / SAMPLE_RATE_HZ / constant_s)) if constant_s > _STILL else 0.0


def pace(release: float) -> float:
    """Rows a hop goes on in a release."""
    return float(2.0 ** (RELEASE_OCT * (1.0 - 2.0 * release)))


def onset(hops_since: np.ndarray) -> np.ndarray:
    """What is left of an onset so many hops after it."""
    left: np.ndarray = np.exp(hops_since / -_ONSET_HOPS)
    return left


class Slewed:
    """The eleven positions, hop by hop: `rows` [hops, 11] of the block. `scrub`, `glide` and `freeze` move at once, the
    frames or the pitch they lead to are smooth by themselves."""

    def __init__(self, hops: int, lag: np.ndarray) -> None:
        self.rows = np.tile(_AT_REST, (hops, 1))
        self.target = _AT_REST.copy()
        self.moving = True
        """Whether the rows of this block differ from the last of the one before."""
        self.neutral = True
        """Whether all of them are where nothing happens."""
        self._now = _AT_REST.copy()
        self._asked = b""
        self._lag, self._settled = lag, True
        self._heard = False

    def set(self, positions: np.ndarray) -> bool:
        """Where to go [11]; whether that is anywhere else than before."""
        asked = positions.tobytes()  # ten times as fast to compare
        if asked == self._asked and self._heard:
            return False
        self._asked = asked
        self.target[:] = positions
        if not self._heard:  # nothing has been heard yet
            self._now[:] = positions
        for knob in _TIMBRE:
            if abs(positions[knob] - self._now[knob]) > FAR:
                self._now[knob] = positions[knob]
        self._settled = False
        return True

    def render(self) -> None:
        """The next block of `rows`."""
        self._heard = True
        self.moving = not self._settled
        if self._settled:
            return
        now, target = self._now, self.target
        now -= target
        now[_AT_ONCE] = 0.0
        if np.abs(now).max() < _STILL:
            now[:] = 0.0
            self._settled = True
        np.multiply(self._lag, now, out=self.rows)
        self.rows += target
        now[:] = self.rows[-1]
        self.neutral = self._settled and bool((target == _AT_REST).all())


def principal_axes(latents: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Of gestures' latents [N, L] each: the first two principal axes, a standard deviation long, [2, L], and the
    standard deviation of every element [L]; float32. An axis points where its largest element is positive."""
    rows = np.concatenate(latents).astype(np.float64)
    rows -= rows.mean(axis=0)
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    axes = np.zeros((2, rows.shape[1]))
    for axis, which in zip(axes, np.argsort(values)[::-1], strict=False):
        vector = vectors[:, which]
        axis[:] = vector * np.sign(vector[np.argmax(np.abs(vector))]) * np.sqrt(max(values[which], 0.0))
    return axes.astype(np.float32), rows.std(axis=0).astype(np.float32)
