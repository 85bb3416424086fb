"""Keyboards and control surfaces: MIDI and OSC in, each a client of the module's socket (`neurorack midi`, `osc`)."""
