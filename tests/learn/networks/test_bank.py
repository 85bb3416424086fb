"""The filter bank: bands add up to a pure delay, and stay where they belong."""

import numpy as np

from neurorack.learn.networks import bank
from neurorack.words import SAMPLE_RATE_HZ


def test_equal_gains_give_a_pure_delay_up_to_the_top():
    total = bank.responses().sum(axis=0)
    f_hz = np.fft.rfftfreq(8192, 1 / SAMPLE_RATE_HZ)
    response = np.abs(np.fft.rfft(total, 8192))
    np.testing.assert_allclose(response[f_hz < 17_500], 1.0, rtol=0, atol=2e-3)
    np.testing.assert_allclose(total, total[::-1], atol=1e-15)


def test_the_delay_is_within_three_milliseconds():
    assert bank.DELAY / SAMPLE_RATE_HZ < 0.003
    assert int(np.abs(bank.responses().sum(axis=0)).argmax()) == bank.DELAY


def test_every_band_keeps_its_power_between_its_limits():
    f_hz = np.fft.rfftfreq(16_384, 1 / SAMPLE_RATE_HZ)
    power = np.abs(np.fft.rfft(bank.responses(), 16_384)) ** 2
    for (low, high), band in zip(bank.limits_hz(), power, strict=True):
        near = (f_hz > low - bank.BIN_HZ) & (f_hz < high + bank.BIN_HZ)
        assert band[near].sum() / band.sum() > 0.99


def test_band_power_is_what_white_noise_keeps():
    noise = np.random.default_rng(0).standard_normal(200_000)
    for response, power in zip(bank.responses()[::5], bank.band_power()[::5], strict=True):
        assert abs(np.convolve(noise, response).var() / power - 1) < 0.1
