"""The virtual world around the module: chips that answer at register level, cables, sources.

sources, volts_file   what can be patched: volts as functions of time (`signals`)
plan, racks/          the TOML that describes a rack
state, control        what a person changes while it runs, shared between processes
world                 all of these together: volts at every jack at any time
chips/, module        the chips of the board, their pins wired to the world
bus, gpio             what drivers open: smbus2's and libgpiod's interfaces
"""
