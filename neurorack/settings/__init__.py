"""What the module remembers through a pulled plug: what it plays, and 64 presets.

model     the values, their bounds, and how older ones become today's
store     two generations of a file: always the old or the new one, whatever happens to the mains
memory    the one owner: saves what has changed, now and then, beside the daemon's loop
playing   from a remembered sound to the records that engine and jacks read, and back
"""
