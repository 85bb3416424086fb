"""neurorack: a neural voice that lives in a Eurorack module."""

__version__ = "0.1.0"
