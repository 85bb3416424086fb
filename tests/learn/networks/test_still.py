"""What is said of a sound at rest is what is heard in the sound, once it is made."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.corpus import MODES  # noqa: E402
from neurorack.learn.networks.excite import Elements  # noqa: E402
from neurorack.learn.networks.still import Still, nearest  # noqa: E402
from neurorack.learn.networks.twins import Descriptors  # noqa: E402
from neurorack.words import BANDS, C4_HZ, DESCRIPTORS  # noqa: E402

HOPS = 192
WITHIN = {"rms": 0.3, "centroid": 0.06, "bandwidth": 0.08, "sharpness": 0.05, "boominess": 0.2}
"""In the descriptors' units: a tenth of a knob's travel at most."""


@pytest.fixture(scope="module")
def elements() -> Elements:
    return Elements(HOPS)


def heard(elements: torch.Tensor, gains: torch.Tensor) -> np.ndarray:
    """Descriptors [5] of the sound of gains [elements], between its ends."""
    frames = Descriptors()((elements @ gains).flatten(1))[:, 4:-4]
    return frames.mean((0, 1)).numpy()


def compare(said: torch.Tensor, heard: np.ndarray) -> None:
    for name, ours, theirs in zip(DESCRIPTORS, said.flatten().tolist(), heard, strict=True):
        assert ours == pytest.approx(theirs, abs=WITHIN[name]), name


@pytest.mark.parametrize("pitch_oct", [-1.0, 0.0, 2.0, 4.0])
@pytest.mark.parametrize("noisy", [False, True])
def test_a_harmonic_sound_at_rest_is_described_without_being_made(elements, pitch_oct, noisy):
    made = elements.harmonic(np.full((4, HOPS), C4_HZ * 2**pitch_oct), np.random.default_rng(1))
    torch.manual_seed(2)
    gains = torch.exp(torch.randn(made.shape[-1]) - 0.06 * torch.arange(made.shape[-1])) * 0.05
    gains[-BANDS:] *= 3.0 if noisy else 0.0
    said = Still(modal=False)(gains[None, None], torch.full((1, 1, 1), pitch_oct))
    compare(said, heard(made, gains))


def test_a_struck_sound_at_rest_is_described_without_being_made(elements):
    octaves = np.sort(np.random.default_rng(3).uniform(0, 5, (1, MODES))).astype(np.float32)
    made = elements.modal(np.full((1, HOPS), 150.0), octaves, np.array([-4800]), np.random.default_rng(1))
    torch.manual_seed(4)
    gains = torch.exp(torch.randn(made.shape[-1]) - 0.1 * torch.arange(made.shape[-1])) * 0.05
    pitch_oct = torch.full((1, 1, 1), float(np.log2(150.0 / C4_HZ)))
    said = Still(modal=True)(gains[None, None], pitch_oct, torch.from_numpy(octaves)[:, None])
    compare(said, heard(made, gains))


def test_the_nearest_pitch_is_within_half_a_semitone():
    pitch_oct = np.linspace(-4.4, 4.4, 999)
    assert np.abs(nearest(pitch_oct) - pitch_oct).max() <= 1 / 24 + 1e-9
