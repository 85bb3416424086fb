"""Honest rivals, trained on the same sounds in the same time and scored by the same measures.

python -m neurorack.learn.baselines --out out/baselines --minutes 5 --seeds 0 1 2

conditioned   the published backbone's recipe in small, descriptors beside its latent
fader         the same with an adversary that takes the descriptors out of the latent
lean          the conditioned one, so small that it multiplies as often as ours does
tilt          gain and a tilt filter on the recording itself, nothing learned
ours          the recipe that ships, and what is left of it without one ingredient at a time
"""
