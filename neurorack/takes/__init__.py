"""Takes: gestures recorded live, from what the voice played while CVs moved its knobs.

take       from frames to a gesture
recording  waits for a gate, listens to the voice, knows when the take is over
store      the files: one a take, in a folder a bundle
shelf      the one owner of a bundle's takes: keeps, renames and removes them beside the daemon's loop
"""
