"""Every demo is short, deterministic, on its page with its picture, and its sound does what its words say."""

import re
from collections.abc import Callable
from functools import cache
from itertools import chain, combinations, pairwise

import numpy as np
import pytest
from PIL import Image

from hardware.demos import ORDER, PAGE, PICTURES, page
from neurorack.rack.plan import find_rack, load_rack, packaged_racks
from neurorack.render import LEAD_NS
from neurorack.rendering import Rendering, play_rack
from neurorack.words import C4_HZ, SAMPLE_RATE_HZ

LATE_S = 0.009
"""What a gate plays begins so long after it: 6 ms and a block."""

played = cache(play_rack)


def part(shown: Rendering, begin_s: float, end_s: float) -> np.ndarray:
    """What jacks and gates of this time made, [n] float64."""
    begin, end = (round((t + LATE_S) * SAMPLE_RATE_HZ) for t in (begin_s, end_s))
    return shown.sound[begin:end].astype(np.float64)


def level_db(shown: Rendering, begin_s: float, end_s: float) -> float:
    return float(10 * np.log10(np.mean(part(shown, begin_s, end_s) ** 2) + 1e-10))


def levels_db(shown: Rendering, times_s: np.ndarray, length_s: float = 0.01) -> np.ndarray:
    return np.array([level_db(shown, t, t + length_s) for t in times_s])


def power(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(Hz, power) of a windowed piece."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    return np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ), spectrum


def centroid_hz(shown: Rendering, begin_s: float, end_s: float) -> float:
    hz, found = power(part(shown, begin_s, end_s))
    return float(np.sum(hz * found) / np.sum(found))


def spread_hz(shown: Rendering, begin_s: float, end_s: float) -> float:
    """Weighted by magnitude, as the knob's descriptor is."""
    hz, found = power(part(shown, begin_s, end_s))
    weight = np.sqrt(found) / np.sqrt(found).sum()
    return float(np.sqrt(np.sum((hz - np.sum(hz * weight)) ** 2 * weight)))


def share_db(shown: Rendering, begin_s: float, end_s: float, low_hz: float, high_hz: float) -> float:
    """How much of the power lies between two frequencies."""
    hz, found = power(part(shown, begin_s, end_s))
    inside = (hz >= low_hz) & (hz < high_hz)
    return float(10 * np.log10(found[inside].sum() / found.sum() + 1e-9))


def bands_db(shown: Rendering, begin_s: float, end_s: float) -> np.ndarray:
    """Power in 24 bands of a third of an octave from 60 Hz, down to 50 dB below the loudest."""
    hz, found = power(part(shown, begin_s, end_s))
    edges = 60 * 2.0 ** (np.arange(25) / 3)
    sums = [found[(hz >= low) & (hz < high)].sum() for low, high in pairwise(edges)]
    bands = 10 * np.log10(np.array(sums) + 1e-12)
    return np.maximum(bands, bands.max() - 50)


def pitch_v(shown: Rendering, begin_s: float, end_s: float, near_v: float) -> float:
    """Volts of the pitch within a fourth of `near_v`, by autocorrelation; to some cents."""
    sound = part(shown, begin_s, end_s)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound))) ** 2
    lags = np.fft.irfft(spectrum)
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(len(sound)), 4 * len(sound))) ** 2)
    low, high = (round(SAMPLE_RATE_HZ / (C4_HZ * 2.0 ** (near_v + by))) for by in (0.42, -0.42))
    fair = lags[low - 1 : high + 2] / window[low - 1 : high + 2]
    at = 1 + int(np.argmax(fair[1:-1]))
    before, here, after = fair[at - 1 : at + 2]
    lag = low - 1 + at + (before - after) / (2 * (before - 2 * here + after))
    return float(np.log2(SAMPLE_RATE_HZ / lag / C4_HZ))


def rises_db(shown: Rendering, at_s: float) -> float:
    """By how much it is louder just after a moment than just before."""
    return level_db(shown, at_s, at_s + 0.02) - level_db(shown, at_s - 0.03, at_s - 0.005)


def follows(shown: Rendering, jack: str, what: Callable[[float, float], float]) -> float:
    """Correlation of a measure of 0.2 s with the volts at a jack, while the note of 4.8 s is held."""
    begins = np.arange(0.5, 4.5, 0.1)
    volts = [shown.world.volts(jack, LEAD_NS + round((t + 0.1) * 1e9)) for t in begins]
    return float(np.corrcoef(volts, [what(t, t + 0.2) for t in begins])[0, 1])


def rms(shown: Rendering) -> None:
    assert follows(shown, "cv1", lambda *t: level_db(shown, *t)) > 0.9
    assert level_db(shown, 2.3, 2.7) - level_db(shown, 0.5, 0.7) > 10
    assert centroid_hz(shown, 2.4, 2.6) == pytest.approx(centroid_hz(shown, 1.4, 1.6), rel=0.25), "the timbre stays"


def centroid(shown: Rendering) -> None:
    assert follows(shown, "cv2", lambda *t: float(np.log(centroid_hz(shown, *t)))) > 0.9
    assert centroid_hz(shown, 2.3, 2.7) > 2 * centroid_hz(shown, 0.5, 0.7)
    assert np.ptp(levels_db(shown, np.arange(0.5, 4.5, 0.2), 0.2)) < 6, "the level stays"


def bandwidth(shown: Rendering) -> None:
    assert follows(shown, "cv3", lambda *t: float(np.log(spread_hz(shown, *t)))) > 0.9
    assert spread_hz(shown, 2.3, 2.7) > 1.5 * spread_hz(shown, 0.5, 0.7)


def sharpness(shown: Rendering) -> None:
    assert follows(shown, "cv4", lambda *t: share_db(shown, *t, 4_000, 20_000)) > 0.9
    assert share_db(shown, 2.3, 2.7, 4_000, 20_000) - share_db(shown, 0.5, 0.7, 4_000, 20_000) > 6


def boominess(shown: Rendering) -> None:
    assert follows(shown, "cv1", lambda *t: share_db(shown, *t, 60, 300)) > 0.8
    assert share_db(shown, 2.3, 2.7, 60, 300) - share_db(shown, 0.5, 0.7, 60, 300) > 3


def pitch(shown: Rendering) -> None:
    for number, volts in enumerate((-2, -1, 0, 1, 2, 1, 0, -1, -2)):
        assert pitch_v(shown, 0.5 * number + 0.15, 0.5 * number + 0.4, volts) == pytest.approx(volts, abs=0.01)


def scale(shown: Rendering) -> None:
    begins = np.arange(0.3, 4.5, 0.04)
    ramp_v = [1 - abs(1 - t / 2.5) for t in begins]
    notes = np.array([12 * pitch_v(shown, t, t + 0.05, v) for t, v in zip(begins, ramp_v, strict=True)])
    allowed = np.array([0, 3, 5, 7, 10, 12])
    off = np.abs(notes[:, None] - allowed)
    assert np.mean(off.min(axis=1) < 0.15) > 0.8, "but for the windows that a step cuts"
    assert set(off.argmin(axis=1)) == set(range(len(allowed)))


def glide(shown: Rendering) -> None:
    """At 1.5 s the pitch falls by an octave, at 4.5 s as well."""
    assert pitch_v(shown, 1.52, 1.60, -1) == pytest.approx(-1, abs=0.02)
    assert pitch_v(shown, 4.52, 4.60, -0.3) > -0.6
    assert pitch_v(shown, 5.15, 5.24, -1) < -0.9


def tune(shown: Rendering) -> None:
    for step, volts in enumerate((0, 1, 2, -1, 0, 1 / 12, -1 / 12, 0)):
        begin = 0.6 * step + 0.25
        assert pitch_v(shown, begin, begin + 0.25, volts) == pytest.approx(volts, abs=0.01)


def freeze(shown: Rendering) -> None:
    def again(begin_s: float) -> float:
        times = np.arange(begin_s, begin_s + 0.1, 0.005)
        return float(np.corrcoef(levels_db(shown, times), levels_db(shown, times + 0.1))[0, 1])

    assert again(2.45) > 0.9, "the last 100 ms go round"
    assert again(0.4) < 0.6, "which in the phrase they do not"
    risen = pitch_v(shown, 2.86, 2.96, -0.5) - pitch_v(shown, 2.36, 2.46, -0.75)  # five turns on
    assert risen == pytest.approx(0.25, abs=0.03), "and follow voct"


def retrigger(shown: Rendering) -> None:
    assert all(rises_db(shown, t) > 3 for t in (1.0, 2.0, 3.0))
    assert all(rises_db(shown, t) < 1 for t in (0.5, 1 / 3 + 1, 1.5))
    assert all(rises_db(shown, 2 + n / 6) > 3 for n in range(1, 12))


def tap(shown: Rendering) -> None:
    assert all(rises_db(shown, t) > 3 for t in np.arange(0.9, 5.0, 0.3))
    assert all(rises_db(shown, t) < 1 for t in (0.3, 5.4, 5.7, 6.0))


def next_gesture(shown: Rendering) -> None:
    hits = [bands_db(shown, 0.5 * n, 0.5 * n + 0.1) for n in range(8)]
    assert all(np.abs(one - other).mean() > 3 for one, other in pairwise(hits))


def next_preset(shown: Rendering) -> None:
    bars = [bands_db(shown, 1.6 * n, 1.6 * n + 1.6) for n in range(4)]
    assert all(np.abs(one - other).mean() > 2.5 for one, other in combinations(bars, 2)), "another instrument"
    played_v = [(0, 1 / 3, 7 / 12, 1), (-1 / 6, 1 / 4, 7 / 12, 5 / 6), (0, 4 / 3, 7 / 12, 0), (0, 1 / 3, 7 / 12, 1)]
    for step, volts in enumerate(chain(*played_v)):
        begin = 0.4 * step + 0.1
        assert pitch_v(shown, begin, begin + 0.14, volts) == pytest.approx(volts, abs=0.02), "in its own scale"


def morph(shown: Rendering) -> None:
    kept = [level_db(shown, 0.8 * n + 0.45, 0.8 * n + 0.55) - level_db(shown, 0.8 * n, 0.8 * n + 0.2) for n in range(6)]
    assert kept[-1] - kept[0] > 6, "what died away sings on"


def scrub(shown: Rendering) -> None:
    times = np.arange(0.4, 2.4, 0.02)
    there, back = levels_db(shown, times, 0.03), levels_db(shown, 5.0 - times - 0.03, 0.03)
    assert np.corrcoef(there, back)[0, 1] > 0.95
    assert np.ptp(there) > 12, "something is said"


def transient(shown: Rendering) -> None:
    begins = np.arange(8) / 2
    strokes = levels_db(shown, begins, 0.02) - levels_db(shown, begins + 0.1, 0.1)
    assert strokes[-1] - strokes[0] > 8
    assert np.all(np.diff(strokes) > 0)


def variation(shown: Rendering) -> None:
    hits = [bands_db(shown, 0.5 * n, 0.5 * n + 0.2) for n in range(8)]
    apart = [float(np.abs(one - other).mean()) for one, other in pairwise(hits)]
    assert max(apart[:3]) < 3 < min(apart[3:])


def macros(shown: Rendering) -> None:
    here, opposite, back = (bands_db(shown, t, t + 0.2) for t in (1.0, 2.25, 3.5))
    assert np.abs(here - opposite).mean() > 3 * np.abs(here - back).mean()
    assert np.ptp([pitch_v(shown, t, t + 0.2, 0.0) for t in np.arange(0.6, 4.4, 0.4)]) < 0.01


def find(shown: Rendering) -> None:
    drum, *found, again = (bands_db(shown, 0.6 * n, 0.6 * n + 0.25) for n in range(9))
    assert np.abs(again - drum).mean() < 2, "the chosen one, as it was"
    assert min(np.abs(one - drum).mean() for one in found) > 4
    assert min(np.abs(one - other).mean() for one, other in combinations(found, 2)) > 2


def release(shown: Rendering) -> None:
    def tail_s(begin_s: float) -> float:
        levels = levels_db(shown, np.arange(begin_s, begin_s + 1.15, 0.01))
        return 0.01 * np.count_nonzero(levels > levels[0] - 40)

    tails = [tail_s(1.5 * n + 0.3) for n in range(5)]
    assert np.all(np.diff(tails) > 0) and tails[-1] > 5 * tails[0]


def envelope(shown: Rendering) -> None:
    for n in range(4):
        assert centroid_hz(shown, n + 0.01, n + 0.11) > 1.5 * centroid_hz(shown, n + 0.6, n + 0.8)


def fluid(shown: Rendering) -> None:
    for step, volts in ((0, 0.0), (3, 0.916667), (4, 1.0), (6, 0.75)):
        begin = step / 3 + 0.12
        assert pitch_v(shown, begin, begin + 0.15, volts) == pytest.approx(volts, abs=0.03)
    assert centroid_hz(shown, 0, 7) > 0


def skins(shown: Rendering) -> None:
    step_s = 60 / 96 / 4
    hits = [n for n in range(36) if n % 8 not in (1, 5)]
    begins = [(n + 0.1 * (n % 2)) * step_s for n in hits]
    assert np.mean([rises_db(shown, t) > 3 for t in begins[1:]]) > 0.8


def tongues(shown: Rendering) -> None:
    for begin_s in (0.04, 0.38):
        once, again = (pitch_v(shown, t, t + 0.08, near) for t, near in ((begin_s, -0.5), (begin_s + 1.5, -0.1)))
        assert again - once == pytest.approx(0.416667, abs=0.03), "the same melody, a fourth higher"


def audio_in(shown: Rendering) -> None:
    times = np.arange(0.2, 5.6, 0.02)
    drums, voice = levels_db(played("skins"), times, 0.03), levels_db(shown, times + 0.012, 0.03)
    assert np.corrcoef(np.maximum(drums, -60), np.maximum(voice, -60))[0, 1] > 0.8


CLAIMS = (
    *(fluid, skins, tongues, audio_in, rms, centroid, bandwidth, sharpness, boominess, pitch, scale, glide, tune),
    *(freeze, retrigger, tap, next_gesture, next_preset, morph, scrub, transient, variation, macros, find, release),
    envelope,
)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_what_a_demo_says_is_heard(claim: Callable[[Rendering], None]) -> None:
    shown = played(claim.__name__)
    assert len(shown.sound) / SAMPLE_RATE_HZ < 30
    assert 0.02 < np.abs(shown.sound).max() < 1
    claim(shown)


def test_every_rack_of_the_package_is_a_demo_with_a_claim() -> None:
    assert sorted(ORDER) == sorted(claim.__name__ for claim in CLAIMS) == sorted({*packaged_racks()} - {"demo"})


def test_the_same_rack_gives_the_same_bits() -> None:
    np.testing.assert_array_equal(play_rack("variation").sound, played("variation").sound)


def test_the_page_shows_each_with_two_sentences_and_a_small_picture() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m hardware.demos"
    for name in ORDER:
        assert len(re.findall(r"[.:!?](?= [A-Za-z]|$)", load_rack(find_rack(name)).about)) >= 2
        picture = PICTURES / f"{name}.png"
        assert picture.stat().st_size <= 60_000
        with Image.open(picture) as image:
            assert image.width == 760
