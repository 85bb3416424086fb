"""Frames → samples: the process that makes sound, and everything the callback touches."""
