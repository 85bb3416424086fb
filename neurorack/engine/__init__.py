"""Frames to samples: the process that makes the sound."""
