"""When a voltage is known, and why it is refused."""

from collections.abc import Callable

import numpy as np
import pytest

from neurorack.jacks.measure import VOCT_LIMIT_V, Measurement, confidence

CENTS = 1_200
LOOK_MS = 10


def measured(signal: Callable[[float], float], noise_v: float = 180e-6, rate: int = 800, seed: int = 1) -> Measurement:
    """Readings of `signal` (volts at seconds) as the jacks publish them, until it is done or refused."""
    rng, measurement = np.random.default_rng(seed), Measurement(VOCT_LIMIT_V)
    count, sum_v = 0, 0.0
    for look in range(3_000):
        t_s = look * LOOK_MS / 1_000
        for number in range(round(rate * LOOK_MS / 1_000)):
            sum_v += signal(t_s + number / rate) + noise_v * rng.standard_normal()
            count += 1
        measurement.take(round(t_s * 1e9), count, sum_v)
        if measurement.done or measurement.fault:
            return measurement
    raise AssertionError("it never ends")


def test_a_voltage_at_rest_is_known_to_a_fraction_of_a_cent_in_two_seconds():
    measurement = measured(lambda s: 1.0123)
    assert measurement.done
    assert abs(measurement.estimate.mean_v - 1.0123) * CENTS < 0.15
    assert measurement.estimate.confidence_v <= VOCT_LIMIT_V
    assert len(measurement._means) <= 20


def test_a_noisier_one_takes_longer_and_is_known_as_well():
    noisy = measured(lambda s: 0.5, noise_v=4e-3)
    assert noisy.done and len(noisy._means) > 20
    assert abs(noisy.estimate.mean_v - 0.5) * CENTS < 0.4


def test_the_interval_holds_the_truth_in_95_of_100_cases():
    rng = np.random.default_rng(3)
    hits = [abs(np.mean(means)) <= confidence(list(means)) for means in rng.standard_normal((4_000, 10))]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize("hum_hz", [50, 60])
def test_hum_averages_out(hum_hz):
    measurement = measured(lambda s: 1.0 + 2e-3 * np.sin(2 * np.pi * hum_hz * s))
    assert measurement.done
    assert abs(measurement.estimate.mean_v - 1.0) * CENTS < 0.2


def test_what_creeps_up_is_waited_for():
    measurement = measured(lambda s: 1.0 - np.exp(-s / 0.4))
    assert measurement.done
    assert abs(measurement.estimate.mean_v - 1.0) * CENTS < 0.3


@pytest.mark.parametrize(
    ("signal", "noise_v", "words"),
    [
        (lambda s: 1.0 + 1e-3 * s, 180e-6, "drifts by"),
        (lambda s: 2.0 * np.sin(2 * np.pi * 0.7 * s), 180e-6, "does not settle"),
        (lambda s: 1.0 + (0.02 if s > 0.85 else 0.0), 180e-6, "jumped by +"),
        (lambda s: 1.0, 12e-3, "too noisy"),
    ],
    ids=["drift", "lfo", "jump", "noise"],
)
def test_what_does_not_stand_still_is_refused(signal, noise_v, words):
    measurement = measured(signal, noise_v)
    assert words in measurement.fault
    assert not measurement.done


def test_a_silent_converter_is_said_and_not_waited_for():
    measurement = Measurement(VOCT_LIMIT_V)
    for ms in range(0, 1_200, 10):
        measurement.take(ms * 1_000_000, 7, 7.0)
    assert "silent" in measurement.fault


def test_a_jacks_process_that_starts_anew_costs_what_it_had_counted():
    measurement = Measurement(VOCT_LIMIT_V)
    for look in range(200):
        count = 8 * look if look < 60 else 8 * (look - 60)
        measurement.take(look * 10_000_000, count, 1.5 * count)
    assert measurement.done
    assert measurement.estimate.mean_v == pytest.approx(1.5)


def test_progress_rises_to_one():
    measurement, progress = Measurement(VOCT_LIMIT_V), []
    for look in range(200):
        measurement.take(look * 10_000_000, 8 * look, 0.25 * 8 * look)
        progress.append(measurement.progress)
    assert progress[0] == 0.0 and progress[-1] == 1.0
    assert progress == sorted(progress)
