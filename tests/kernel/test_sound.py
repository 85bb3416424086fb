"""The engine plays through PortAudio and ALSA to a card of the kernel's, in blocks of 128.

The card is snd-aloop, which gives back what was played at its other end. It has no analogue side and no clock of its
own (see word_clock.py), so nothing is said here about a codec's latency, mixer or drift.
"""

import numpy as np

from neurorack.words import SAMPLE_RATE_HZ


def test_a_tone_arrives_whole_in_blocks_of_128(start_engine, loopback):
    engine = start_engine("--device", loopback.device, "--block", "128", bundle="tone@440").playing()
    audio = loopback.record(2.0)[SAMPLE_RATE_HZ // 2 :]
    phase = 2 * np.pi * 440 / SAMPLE_RATE_HZ * np.arange(len(audio))
    waves = np.column_stack([np.sin(phase), np.cos(phase)])
    fit, *_ = np.linalg.lstsq(waves, audio, rcond=None)
    assert abs(np.hypot(*fit) - 0.25) < 1e-4
    assert np.abs(audio - waves @ fit).max() < 1e-3  # not a sample is missing
    meters = engine.meters()
    assert (meters["device"], meters["notice"]) == (b"ALSA Loopback: PCM (hw:0,0)", b"")
    assert (meters["block"], meters["device_flags"], meters["realtime"]) == (128, 0, 1)
