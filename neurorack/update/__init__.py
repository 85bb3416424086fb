"""How a version of the software replaces another on the module: whole, proven, and back again where it does not play.

    update file ─▶ signature ─▶ unpacked beside ─▶ self-test ─▶ `current` is switched ─▶ trial ─▶ `good` is switched
    (archive)      (signature)  (home)             (selftest)   (home)                  (trial)

What is installed is told by two links of /opt/neurorack, and each step is one rename: `current` is the version that
plays, `good` the one that last proved itself. Where they differ `current` is on trial, and `good`'s code watches it.
"""
