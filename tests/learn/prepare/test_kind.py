"""A folder's kind is told from how its sounds behave, with a reason."""

import numpy as np
import pytest

pytest.importorskip("swift_f0")
pytest.importorskip("soxr")

from neurorack.learn.prepare.kind import Traits, decide, traits_of

RATE = 48_000


def test_a_note_rests_and_a_hit_is_struck():
    n = np.arange(RATE) / RATE
    note = sum(np.sin(2 * np.pi * 220 * k * n) / k for k in range(1, 9)) * 0.1
    traits = traits_of(note)
    assert traits.resting > 0.8 and traits.struck == 0
    hit = np.random.default_rng(0).standard_normal(RATE) * np.exp(-n / 0.05) * 0.2
    traits = traits_of(hit)
    assert traits.struck == 1 and traits.resting < 0.2


@pytest.mark.parametrize(
    ("traits", "kind"),
    [
        (Traits(0.87, 0.85, 1.0, 1.2, 1.3), "pitched"),  # piano
        (Traits(0.9, 0.2, 0.0, 0.8, 2.0), "pitched"),  # a voice with much vibrato
        (Traits(0.27, 0.21, 0.72, 2.4, 0.3), "percussive"),  # drums
        (Traits(0.9, 0.8, 1.0, 1.0, 0.2), "percussive"),  # bass drums
        (Traits(0.05, 0.0, 0.1, 0.5, 5.0), "percussive"),  # textures of noise
        (Traits(0.55, 0.04, 0.18, 6.2, 2.0), "speaking"),
    ],
)
def test_the_kind_follows_from_the_traits(traits, kind):
    found, why = decide([traits, traits])
    assert found == kind
    assert "%" in why
