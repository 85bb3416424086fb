"""The pages of the menu, a family a file.

home      what plays, and the way into the menu
knobs     the knobs, and what feeds each
patch     the jacks, and what each feeds
sounds    gestures and instruments
presets   store, recall, rename, clear
scope     the output as a curve and as a spectrum
meters    tuner, load and losses, temperature, addresses
system    calibration, shut down, reset, about
"""
