"""The network: shares of power, and nothing that can run away."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.engine.excitation import F_TOP_HZ, HARMONICS  # noqa: E402
from neurorack.learn.corpus import MODES  # noqa: E402
from neurorack.learn.networks.decoder import (  # noqa: E402
    BEFORE_LATENT,
    ENVELOPE,
    Decoder,
    _read_envelope,
    mix,
)
from neurorack.learn.networks.excite import Elements  # noqa: E402
from neurorack.words import BANDS, C4_HZ, HOP  # noqa: E402

CONTROLS = BEFORE_LATENT + 8
ELEMENTS = HARMONICS + 2 * BANDS


def wild_controls(rows: int, spread: float = 10.0) -> "torch.Tensor":
    controls = torch.from_numpy(np.random.default_rng(0).normal(0, spread, (rows, CONTROLS)).astype(np.float32))
    controls[:, 0] = torch.linspace(-5, 5, rows)
    return controls


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.manual_seed(0)
    return Decoder(64)


def test_power_is_what_the_level_knob_says_whatever_else_is_asked(decoder):
    controls = wild_controls(200)
    controls[:, 1] = -20.0
    with torch.no_grad():
        gains = decoder(controls)
    power = ((gains / decoder.scale) ** 2).sum(-1)
    torch.testing.assert_close(10 * torch.log10(power), torch.full((200,), -20.0), atol=1e-3, rtol=0)


@pytest.mark.parametrize("level_db", [60.0, 1e6])
def test_no_level_is_above_full_scale(decoder, level_db):
    controls = wild_controls(50)
    controls[:, 1] = level_db
    with torch.no_grad():
        assert ((decoder(controls) / decoder.scale) ** 2).sum(-1).max() < 1.001


def test_inaudible_harmonics_get_nothing(decoder):
    controls = wild_controls(20, 1.0)
    controls[:, 0] = 4.0
    top = int(F_TOP_HZ / (C4_HZ * 16)) + 1
    with torch.no_grad():
        gains = decoder(controls)
    assert gains[:, top + 1 : HARMONICS].max() < 1e-3 * gains.max()
    assert gains[:, HARMONICS : HARMONICS + BANDS].max() < 1e-3 * gains.max()


def test_sound_has_the_level_asked_for(decoder):
    controls = torch.zeros(3, 192, CONTROLS)
    controls[..., 1] = -18.0
    f0_hz = np.array([65.0, 262.0, 2100.0])
    controls[..., 0] = torch.from_numpy(np.log2(f0_hz / C4_HZ).astype(np.float32))[:, None]
    with torch.no_grad():
        audio = mix(decoder(controls), Elements(192).harmonic(np.tile(f0_hz[:, None], 192), np.random.default_rng(0)))
    np.testing.assert_allclose(10 * np.log10((audio.numpy() ** 2).mean(axis=1)), -18.0, atol=1.0)


def test_gains_glide_in_a_straight_line_from_frame_to_frame():
    gains = torch.zeros(1, 3, ELEMENTS)
    gains[0, :, 0] = torch.tensor([1.0, 3.0, 2.0])
    elements = torch.ones(1, 3, HOP, ELEMENTS)
    audio = mix(gains, elements, torch.zeros(1, 1, ELEMENTS))[0].numpy()
    np.testing.assert_allclose(audio, np.interp(np.arange(1, 3 * HOP + 1), [0, 64, 128, 192], [0, 1, 3, 2]), atol=1e-5)


def test_an_envelope_is_read_in_straight_lines_and_ends_in_nothing():
    points = torch.arange(1.0, ENVELOPE + 1)[None]
    at = torch.tensor([[-5.0, -1.0, -0.5, 0.0, 0.25, 7.5, ENVELOPE - 1.0, ENVELOPE - 0.5, ENVELOPE, 99.0]])
    said = [0.0, 0.0, 0.5, 1.0, 1.25, 8.5, ENVELOPE, ENVELOPE / 2, 0.0, 0.0]
    torch.testing.assert_close(_read_envelope(points, at), torch.tensor([said]))


def test_modes_above_the_top_get_nothing():
    torch.manual_seed(0)
    struck = Decoder(64, modal=True)
    octaves = torch.linspace(0, 8, MODES)
    controls = wild_controls(20, 1.0)
    controls[:, 0] = 1.0
    with torch.no_grad():
        gains = struck(controls, octaves.expand(20, -1))
    inaudible = 2 * C4_HZ * 2**octaves > F_TOP_HZ
    assert inaudible.any() and not inaudible.all()
    assert gains[:, :MODES][:, inaudible].max() < 1e-3 * gains.max()
    assert gains.shape == (20, MODES + BANDS)


def test_a_modes_brightness_goes_by_where_it_is():
    torch.manual_seed(0)
    struck = Decoder(64, modal=True)
    with torch.no_grad():
        struck.out.weight.zero_()
        gains = struck(torch.zeros(1, CONTROLS), torch.linspace(0, 5, MODES)[None])[0, :MODES]
    assert (gains[1:] < gains[:-1]).all()  # the envelope begins falling with frequency
