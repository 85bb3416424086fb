"""Give the loopback card its time: `python word_clock.py BLOCK` plays silence to snd-dummy in periods of BLOCK samples.

By itself snd-aloop counts the kernel's ticks of 4 ms, longer than a block of 128. It can take the periods of another
card instead, and snd-dummy's come from a high-resolution timer.
"""

import os
import signal
import sys

import sounddevice

if __name__ == "__main__":
    block = int(sys.argv[1])
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(80))
    silence = sounddevice.RawOutputStream(
        samplerate=48_000,
        blocksize=block,
        device="hw:1,0",
        channels=2,
        dtype="int16",
        latency=2 * block / 48_000,  # as the engine asks for it: periods of one block
        callback=lambda buffer, frames, times, flags: None,
    )
    with silence:
        print("runs", flush=True)
        signal.pause()
