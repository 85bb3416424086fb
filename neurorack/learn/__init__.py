"""Offline: sounds, descriptors, the decoder's network, its training, export and evaluation (extra: train)."""
