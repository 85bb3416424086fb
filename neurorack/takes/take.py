"""From what the decoder was asked for, frame by frame, to a gesture like those of a bundle.

    gesture = [what was asked for, from the gate's hop to the last that sounds], and while the gate is held longer than
    it was: the last LOOP_HOPS before its fall, backwards and forwards, which meets itself wherever it turns

A target is knob + depth × (gesture − median). So the median is where the knobs stand without any cable, and the pitch
counts from what the jacks asked for at the start: with cables out and pots where they are, depth 1 and intonation 1,
the same gate plays the same frames again. Of what was heard only the 1 ms of a retrigger's dip is not in them.

A gate rises between two frames: the first row is that of the nearer one, 32 samples off at most. The release begins
with the last frame before the fall.
"""

import numpy as np

from neurorack.bundle import PITCH_MAX_OCT, Card, Gesture
from neurorack.patch.gestures import LATENT, TRIGGER_HOPS
from neurorack.patch.knobs import Scales
from neurorack.words import DESCRIPTORS, HOP, SAMPLE_RATE_HZ

TAKE_S = 20.0
TAKE_HOPS = round(TAKE_S * SAMPLE_RATE_HZ / HOP)

LOOP_HOPS = 1500
"""2 s: a bow's worth, and of a slow LFO enough not to stand still."""

ROWS_MAX = TAKE_HOPS + 2 * LOOP_HOPS + 1


def begins(frames: np.ndarray) -> np.ndarray:
    """In which of these FRAMES [n] a gesture starts, [n] bool."""
    starts: np.ndarray = (frames["age"] > 0) & (frames["age"] <= HOP)
    return starts


def gesture_of(card: Card, frames: np.ndarray, resting: np.ndarray) -> Gesture:
    """A nameless gesture of FRAMES [n], n ≥ 1, of which the gesture starts in the first or between the first two.

    `resting` [5] is where the descriptors' knobs stand without a cable, 0…1.
    """
    scales = Scales.from_card(card)
    controls = frames["controls"].astype(np.float64)
    pitch_oct, asked = controls[:, 0], controls[:, 1:LATENT]
    descriptors = scales.position_frames(pitch_oct, asked)
    descriptors[:, 0] = asked[:, 0]
    median = np.array(resting, float)
    median[0] = scales.physical(0.0, [float(resting[0])] * len(DESCRIPTORS))[0]
    moved_oct = np.clip(pitch_oct - _asked_oct(frames), -PITCH_MAX_OCT, PITCH_MAX_OCT)
    order, start, end = _order(frames, one_shot=card.kind == "percussive")
    modal = any(port.name == "partials" for port in card.decoder.inputs)
    return Gesture(
        name="",
        latent=frames["controls"][order, LATENT : LATENT + card.latent],
        descriptors=descriptors[order].astype(np.float32),
        median=median.astype(np.float32),
        loop_start=start,
        loop_end=end,
        pitch=moved_oct[order].astype(np.float32),
        partials=frames["partials"][-1, : card.harmonics].copy() if modal else None,
    )


def _asked_oct(frames: np.ndarray) -> float:
    """The pitch that was asked for when it started; before that it may have been any."""
    return float(frames["asked_oct"][np.argmax(begins(frames))])


def _order(frames: np.ndarray, *, one_shot: bool) -> tuple[np.ndarray, int, int]:
    """(which frame each row of the gesture is of, where its loop starts and ends)."""
    rows = np.arange(len(frames))
    held = np.nonzero(frames["gate"])[0]
    turn = int(held[-1]) if len(held) else 0
    if one_shot or turn == 0:
        return rows, len(rows), len(rows)
    length = min(max(turn - TRIGGER_HOPS, 1), LOOP_HOPS)  # not into the attack
    back, forth = np.arange(turn, turn - length, -1), np.arange(turn - length, turn)
    return np.concatenate([rows[:turn], back, forth, rows[turn:]]), turn, turn + 2 * length
