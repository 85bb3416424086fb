"""Volts in: converters, gates and the encoder, from bus transactions to calibrated, rested volts."""
