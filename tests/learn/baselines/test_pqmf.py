"""Bands make the sound again, and each holds its own part of the spectrum."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.baselines.pqmf import BANDS, Bank  # noqa: E402


def test_what_is_split_joins_again_within_55_db():
    bank, sound = Bank(), torch.randn(1, 8192, generator=torch.Generator().manual_seed(0))
    off = (bank.join(bank.split(sound)) - sound)[:, 100:-100]
    assert 10 * torch.log10(sound.square().mean() / off.square().mean()) > 55


@pytest.mark.parametrize("band", range(BANDS))
def test_a_tone_in_the_middle_of_a_band_is_in_it_and_25_db_down_in_the_next(band):
    t_s = np.arange(8192) / 48_000
    tone = torch.from_numpy(np.sin(2 * np.pi * (band + 0.5) * 3000 * t_s).astype(np.float32))[None]
    power = Bank().split(tone)[0, :, 100:-100].square().mean(1)
    assert power[band] == pytest.approx(0.5, rel=0.05)  # as the tone's own: a decoder's tanh has room for it
    others = torch.cat([power[:band], power[band + 1 :]])
    assert power[band] > 10**2.5 * others.max()
    assert power[band] > 1e6 * others.sort().values[-3]
