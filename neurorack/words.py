"""The words every layer shares: names of jacks and knobs, and the grid of time.

jack voltage → chip → volts → knob → frame → sample → jack
"""

SAMPLE_RATE_HZ = 48_000
"""Rate of the decoder. Other device rates are converted at the very end of the road."""

HOP = 64
"""Samples per control frame (1.33 ms): the decoder's control period."""

BAND_EDGES_HZ = (
    *(20, 100, 200, 300, 420, 570, 760, 1_000, 1_300, 1_680),
    *(2_150, 2_730, 3_450, 4_350, 5_500, 7_000, 9_100, 12_400, 18_000),
)
"""Of the bands in which pulse and noise reach the decoder: about a critical band wide at the bottom, half an octave at
the top, beyond which nothing is excited."""

BANDS = len(BAND_EDGES_HZ) - 1

BLOCKS = (64, 128, 256, 512)
"""Block sizes, in samples, that a sound card may ask for."""

GATE_DELAY_S = 0.006
"""A gate waits for the CV that comes with it: up to 2 ms of a sequencer's lag, two conversions, and the way here."""

C4_HZ = 261.6255653005986
"""Pitch at 0 V on `voct` (A4 = 440 Hz, equal temperament)."""

CV_JACKS = ("voct", "cv1", "cv2", "cv3", "cv4")
"""Jacks that carry a continuous voltage, in the order of every volts array."""

GATE_JACKS = ("gate1", "gate2")
"""Jacks that carry on and off."""

POTS = ("pot1", "pot2", "pot3", "pot4")
"""Pots of the panel, the base of the first four knobs."""

BUNDLE = "fluid"
"""The instrument of a module out of its box."""

KINDS = ("pitched", "percussive", "speaking")
"""What an instrument is made of: notes, struck things, voices."""

DESCRIPTORS = ("rms", "centroid", "bandwidth", "sharpness", "boominess")
"""Descriptor knobs, in the order in which their scales are conditioned."""

KNOBS = ("pitch", *DESCRIPTORS)
"""Knobs of the sound: what a frame asks of the decoder, and a bundle's card scales."""

PERFORMANCE = (
    *("morph", "scrub", "transient", "variation", "glide", "release"),
    *("macro1", "macro2", "find1", "find2", "freeze"),
)
"""Knobs of how a gesture is played, which act in the voice; `patch.performance` says what their positions mean."""

TUNING = ("octave", "fine")
"""Knobs that shift the pitch, which act beside the jacks."""

PATCHABLE = (*KNOBS, *PERFORMANCE, *TUNING)
"""Everything a CV can be patched to, in the order of a patch's rows."""

KNOTS, STAGES = 67, 3
"""What `patch.found` describes a gesture by: rows, and lengths of stages."""
POINTS_MAX = KNOTS * (len(KNOBS) + 64) + STAGES + 128
"""Numbers of that at most, with the largest latent and the most partials of a bundle."""

FIND = ("find1", "find2")
"""Those of them that need a space of gestures."""

FIND_SEED_MAX = 9_999
"""Of the directions in which gestures are found."""

GATE2_TASKS = ("freeze", "retrigger", "tap", "next gesture", "next preset")
"""What `gate2` can be set to; the first is a new module's."""
