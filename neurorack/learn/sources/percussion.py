"""Struck sounds: tabla, drums, cymbals, textures. CC0 and CC-BY recordings are learnt from; other kits only test.

Splits go by kit or, where one collection gathers many authors, by instrument.
"""

from pathlib import Path

import numpy as np

from neurorack.bundle import Source
from neurorack.errors import BadInput
from neurorack.learn.corpus import SOFT_DB, Corpus, Sound
from neurorack.learn.prepare.bandwidth import find_bandwidth_hz
from neurorack.learn.prepare.modes import find_modes
from neurorack.learn.prepare.read import read_audio
from neurorack.learn.sources.fetch import from_debian, from_npm, verify
from neurorack.learn.sources.ready import evenly, gain, kept, trimmed, without_rumble
from neurorack.words import HOP

SONIC_PI = "sonic-pi"
COLLECTION, COLLECTION_VERSION = "supersonic-scsynth-samples", "0.84.2"
COLLECTION_SHA256 = "8ba6e771588021232af0127139a54bddb6c216ccf2d948c0f0b96e5e54d33a54"
KITS_PACKAGE, KITS = "hydrogen-drumkits", "usr/share/hydrogen/data/drumkits"

TRAIN = {
    "tabla": (SONIC_PI, "tabla_*"),
    "drums": (SONIC_PI, "drum_[!r]*"),  # not the roll
    "kicks": (SONIC_PI, "bd_*"),
    "snares": (SONIC_PI, "sn_*"),
    "hats": (SONIC_PI, "hat_*"),
    "rides": (SONIC_PI, "ride_*"),
    "percussion": (SONIC_PI, "perc_*"),
    "textures": (
        SONIC_PI,
        "ambi_choir ambi_dark_woosh ambi_soft_buzz ambi_swoosh ambi_glass_hum ambi_glass_rub ambi_piano "
        "vinyl_backspin vinyl_scratch",
    ),
    "rumpf": ("rumpf_kit_z01_h2", "*"),
    "audiophob": ("Audiophob", "*"),
}
VALIDATION = {"electric": (SONIC_PI, "elec_*")}
TEST = {
    "djembe": ("circAfrique v4", "*"),
    "hands": ("Gimme A Hand 1.0", "*"),
    "forzee": ("ForzeeStereo", "*"),
    "pacific": ("BJA_Pacific", "*"),
    "empire": ("ElectricEmpireKit", "*"),
    "colombo": ("ColomboAcousticDrumkit", "*"),
}
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
"""Where each source's files lie: kit and patterns of their names. One-shots only: no loops, no tunes."""

ORIGINS = {
    SONIC_PI: Source("Sonic Pi samples", "CC0-1.0", f"one-shots of many authors; npm's {COLLECTION}"),
    "rumpf_kit_z01_h2": Source("rumpf_kit_z01", "CC-BY-3.0", "percussion by Emanuel Rumpf; Debian's hydrogen-drumkits"),
    "Audiophob": Source("Audiophob", "CC0-1.0", "drum kit by audiophobdubstep; Debian's hydrogen-drumkits"),
    "circAfrique v4": Source("circAfrique", "CC-BY-SA-3.0", "djembe and dunun by Jim Harney; test only"),
    "Gimme A Hand 1.0": Source("Gimme A Hand", "GPL-2", "hand drums by Glen MacArthur; test only"),
    "ForzeeStereo": Source("ForzeeStereo", "GPL-2", "drum kit by Sadovnikov and Belokurov; test only"),
    "BJA_Pacific": Source("BJA Pacific", "CC-BY-SA-3.0", "drum kit by Tanguay and Anderson; test only"),
    "ElectricEmpireKit": Source("Electric Empire", "GPL-2+", "synthetic drums by Artemiy Pavlov; test only"),
    "ColomboAcousticDrumkit": Source("Colombo", "GPL-2+", "drum kit by Marcos Guglielmetti; test only"),
}
SHA256 = {
    "rumpf_kit_z01_h2": "bc6b8f39e6b5af2aefbe713ff5e2065595ebc21626577d33c68e9fc8f82e744d",
    "Audiophob": "a5cf303c0bd9e6ffb5ba922d870818fa2675edebeb39677e9932d2d387096f33",
    "circAfrique v4": "778d9ed785ce6a8517994e5623110def4ce84cd9bd29f22661b3cb713c7037eb",
    "Gimme A Hand 1.0": "90abcac26da75dd71d5e070a7f7408c023206470a769510079d741cf73645fec",
    "ForzeeStereo": "544ff3f64c7f2c706c0f2f4a752dc8b78f9e529e48ee205918abe7fe6e0ac12e",
    "BJA_Pacific": "6fda4df00fcfd6788fc2cfb208e8d75c59952dd77fc827d2aabb2b43234f1fe8",
    "ElectricEmpireKit": "c6110a84488e70c00f5a45dc7ef12b7cd02b5209f2f0774195dd0019d91ebae8",
    "ColomboAcousticDrumkit": "098111d8fd2e84dbb1be57f4d79142bb6da6fd2bdd60427509675b554993614b",
}

LONGEST_S, FADE_S = 3.0, 0.3
"""Longer sounds are faded out."""
MOST_OF_A_TEST_KIT = 24


def corpus(split: str, cache: Path) -> Corpus:
    """Hits of a split, kept in `cache` for the next time."""
    made_of = (2, SPLITS[split], LONGEST_S, FADE_S, MOST_OF_A_TEST_KIT)
    return kept(cache, f"percussion-{split}", made_of, lambda: _collect(split, cache))


def files(kit: str, patterns: str, cache: Path) -> list[Path]:
    """Audio files of a kit whose names match one of the patterns, fetched and verified; in order."""
    if kit == SONIC_PI:
        folder = from_npm(COLLECTION, COLLECTION_VERSION, cache) / "samples"
        everything = list(folder.glob("*.flac"))
        verify(everything, folder, COLLECTION_SHA256)
    else:
        folder = from_debian(KITS_PACKAGE, f"{KITS}/{kit}", cache)
        everything = [path for path in folder.iterdir() if path.suffix in (".wav", ".flac", ".aiff")]
        verify(everything, folder, SHA256[kit])
    return sorted(path for path in everything if any(path.match(f"{pattern}.*") for pattern in patterns.split()))


def _collect(split: str, cache: Path) -> Corpus:
    from tqdm import tqdm

    wanted = []
    for source, (kit, patterns) in SPLITS[split].items():
        found = files(kit, patterns, cache)
        wanted += [(source, path) for path in (evenly(found, MOST_OF_A_TEST_KIT) if split == "test" else found)]
    sounds = []
    for source, path in tqdm(wanted, desc=f"hits ({split})", unit="hit", mininterval=1.0):
        try:
            audio, rate_hz = read_audio(path)
        except BadInput:  # a kit may hold a silent placeholder
            continue
        sounds.append(describe_hit(audio, rate_hz, path.stem, source))
    kits = dict.fromkeys(kit for kit, _ in SPLITS[split].values())
    return Corpus("percussive", sounds, [ORIGINS[kit] for kit in kits])


def describe_hit(audio: np.ndarray, rate_hz: float, name: str, source: str) -> Sound:
    """One hit [samples] at 48 kHz, from a file of `rate_hz`, as a sound of the corpus."""
    hit = trimmed(without_rumble(audio), LONGEST_S, FADE_S)
    f0_hz, partials = find_modes(hit / 32768.0)
    return Sound(
        name=name,
        source=source,
        audio=hit,
        gain=gain(hit, SOFT_DB if "soft" in name.lower() else 0.0),
        f0_hz=np.full(len(hit) // HOP, f0_hz, np.float32),
        bandwidth_hz=find_bandwidth_hz(hit / 32768.0, rate_hz),
        held=len(hit),
        partials=partials,
    )
