"""Structured trimming: which channels a network can do without, and the network without them.

    groups        what belongs to each channel, stated by the model; cutting and masking it
    criteria      how much the network needs each channel (information: the harder of the questions)
    cost          what each channel costs: parameters, multiplications, time on this machine
    select        which channels stay, for a cost
    rounds        train, score, cut, rewind, and again
    joined        several networks trimmed as one
    sounds        what it learns from, is chosen by, and is tested on
    streaming     the time of networks as they ship
    feeds         what an instrument's gestures ask of its decoder
    int8          static int8, tried operator by operator
    microcontroller   what a decoder takes of a small chip's memory
    ships         the rounds' graphs, and the largest that fit
    report        a trimming as a page
    sweep         many of them (estimate: how long they will take; results, table: what they came to)

    python -m neurorack.learn.trim --out out/trim      all families, by some criteria, three seeds each

Scores by gradient cost as much as 8 training steps a round, those by any other criterion at most 18 (of 8 batches, for
dense SING, DDSP and WaveNet), and a cut less than one.
"""
