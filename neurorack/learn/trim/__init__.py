"""Structured trimming: which channels a network can do without, and the network without them."""
