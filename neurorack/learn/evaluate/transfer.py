"""How long after a sound came in does the instrument do the same? Audio in to audio out, at block 128.

A tone whose level jumps at random goes through the follower and the player, and so does one that jumps between dark and
bright at a steady level. Curves of what went in and of what came out are shifted against each other until they agree
best; the block that a sound card holds before it hands it over is added. Its converters are not in it.

*onset*    rises of the level over 11 ms
*level*    the level over 21 ms, in dB
*timbre*   the centroid
"""

import numpy as np

from neurorack.bundle import Bundle
from neurorack.ears import descriptors
from neurorack.engine.player import Player
from neurorack.words import C4_HZ, DESCRIPTORS, HOP, SAMPLE_RATE_HZ

BLOCK = 128
F0_HZ = 440.0
LEAST = 0.2
"""Correlation of what went in and what came out, to speak of a delay."""
_LONGEST_S = 0.12
_STEP = 16
"""Samples between the values of the short level's curve."""
_RISE_SAMPLES = 512
_FLOOR_DB = -55.0
_LEVELS_DB = (-40.0, -15.0)
_TILTS = (2.5, 0.7)


def jumping(low: float, high: float, samples: int, random: np.random.Generator) -> np.ndarray:
    """[samples] that jump between two values every 90 to 250 ms, in 4 ms each time."""
    at, value, out = 0, low, np.empty(samples)
    while at < samples:
        end = at + round(random.uniform(0.09, 0.25) * SAMPLE_RATE_HZ)
        out[at:end] = value
        at, value = end, low + high - value
    ramp = np.ones(192) / 192
    smooth: np.ndarray = np.convolve(np.pad(out, (96, 95), mode="edge"), ramp, "valid")
    return smooth


def tone(tilt: np.ndarray) -> np.ndarray:
    """A tone [samples] of unit power whose harmonics fall off as k^-tilt."""
    phase = 2 * np.pi * F0_HZ * np.arange(len(tilt)) / SAMPLE_RATE_HZ
    numbers = range(1, 41)
    total = sum(np.sin(k * phase + k * k) * k**-tilt for k in numbers)
    power = sum(0.5 * k ** (-2 * tilt) for k in numbers)
    scaled: np.ndarray = total / np.sqrt(power)
    return scaled


def transfer(bundle: Bundle, heard: np.ndarray) -> np.ndarray:
    """What a sound [samples] makes the instrument play, block for block: the same samples, whole blocks of them."""
    player = Player(bundle, BLOCK)
    player.listen()
    assert player.follower is not None
    player.set_targets(C4_HZ, np.full(len(DESCRIPTORS), 0.5))
    out = np.zeros((len(heard) // BLOCK, BLOCK), np.float32)
    for block, sound in zip(out, heard[: out.size].reshape(-1, BLOCK).astype(np.float32), strict=True):
        player.render(block, player.follower.hear(sound))
    return out.reshape(-1)


def lag_s(before: np.ndarray, after: np.ndarray, step_s: float) -> float:
    """By how much curve `after` [n] comes later than `before` [n], values step_s apart; refined by a parabola.

    nan where it does not come at all: their correlation stays below LEAST."""
    before, after = before - before.mean(), after - after.mean()
    most = min(round(_LONGEST_S / step_s), len(before) // 2)
    inner = before[most : len(before) - most]
    score = np.array([inner @ after[most + by : len(after) - most + by] for by in range(most + 1)])
    best = int(score.argmax())
    if score[best] < LEAST * np.linalg.norm(before) * np.linalg.norm(after):
        return float("nan")
    part = 0.0
    if 0 < best < most:
        bend = score[best - 1] - 2 * score[best] + score[best + 1]
        part = 0.5 * (score[best - 1] - score[best + 1]) / bend if bend < 0 else 0.0
    return (best + float(part)) * step_s


def _rises(audio: np.ndarray) -> np.ndarray:
    """How fast the level rises, in dB a step; falls count as nothing."""
    shape = np.hanning(_RISE_SAMPLES + 2)[1:-1]
    power = np.convolve(audio.astype(np.float64) ** 2, shape / shape.sum(), "same")[::_STEP]
    risen: np.ndarray = np.maximum(np.diff(10 * np.log10(power + 10 ** (_FLOOR_DB / 10))), 0.0)
    return risen


def figures(bundle: Bundle, seconds: float) -> dict[str, float]:
    """`transfer_onset_ms`, `transfer_level_ms` and `transfer_timbre_ms`, of two tones of `seconds`."""
    random = np.random.default_rng(0)
    samples = round(seconds * SAMPLE_RATE_HZ) // BLOCK * BLOCK
    loud = tone(np.full(samples, 1.2)) * 10 ** (jumping(*_LEVELS_DB, samples, random) / 20)
    bright = tone(jumping(*_TILTS, samples, random)) * 10 ** (-20 / 20)
    skip = SAMPLE_RATE_HZ // 2
    levels, timbres = ((sound[skip:], transfer(bundle, sound)[skip:]) for sound in (loud, bright))
    described = [descriptors.describe(sound) for sound in (*levels, *timbres)]
    levels_db = [np.maximum(d[:, 0], _FLOOR_DB) for d in described[:2]]
    late_s = {
        "onset": lag_s(_rises(levels[0]), _rises(levels[1]), _STEP / SAMPLE_RATE_HZ),
        "level": lag_s(levels_db[0], levels_db[1], HOP / SAMPLE_RATE_HZ),
        "timbre": lag_s(described[2][:, 1], described[3][:, 1], HOP / SAMPLE_RATE_HZ),
    }
    return {f"transfer_{name}_ms": 1e3 * (late + BLOCK / SAMPLE_RATE_HZ) for name, late in late_s.items()}
