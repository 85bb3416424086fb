"""The published families that trimming is tried on, beside our own decoder: WaveNet, SING, DDSP."""
