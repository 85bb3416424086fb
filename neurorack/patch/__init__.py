"""Volts → knobs → frames: attenuverters, curves, pitch, gestures and the voice."""
