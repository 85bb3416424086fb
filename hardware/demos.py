"""The page of demos: demos.md and its pictures, from the racks of the package. Sounds go to out/, which git ignores.

python -m hardware.demos [NAME…]    renders these, by default all
"""

import shutil
import sys
from pathlib import Path

from neurorack import demos

PAGE = Path(__file__).with_name("demos.md")
PICTURES = Path(__file__).parent / "pictures" / "demos"
SOUNDS = Path("out") / "demos"

ORDER = (
    *("fluid", "skins", "tongues", "audio_in"),
    *("rms", "centroid", "bandwidth", "sharpness", "boominess"),
    *("pitch", "scale", "glide", "tune"),
    *("freeze", "retrigger", "tap", "next_gesture", "next_preset"),
    *("morph", "scrub", "transient", "variation", "macros", "find", "release", "envelope"),
)
"""As the page has them."""

_HEAD = """# What each control does

A patch for every feature, small enough to read in a minute. Hear one with `neurorack demo morph`, which renders
`out/demos/morph.wav` and this picture of it, bit for bit the same every time; play it with
`neurorack run --rack morph`, where everything can be moved. To make your own, copy the file, change it, and
give its path instead of the name.

In the pictures time runs to the right; above is what sounds, dark is loud, below are the volts and gates that made it.
"""


def page() -> str:
    """demos.md."""
    about = dict(demos.listed())
    return "\n".join([_HEAD, *(_entry(name, about[name]) for name in ORDER)])


def _entry(name: str, about: str) -> str:
    rack = f"[{name}.toml](../neurorack/rack/racks/{name}.toml)"
    return f"## {name}\n\n{about} {rack}\n\n![Spectrogram, volts and gates of {name}](pictures/demos/{name}.png)\n"


def main(names: list[str]) -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in names or ORDER:
        report = demos.render(name, SOUNDS)
        shutil.copy(report["picture"], PICTURES / f"{name}.png")
        print(report["sound"], PICTURES / f"{name}.png")
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
