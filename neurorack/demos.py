"""The command `demo`: racks rendered to sound and picture."""

from pathlib import Path
from typing import Any

from neurorack.errors import BadInput
from neurorack.rack.plan import find_rack, load_rack, packaged_racks
from neurorack.rendering import play_rack
from neurorack.rendering_picture import save_picture
from neurorack.words import SAMPLE_RATE_HZ


def listed() -> list[tuple[str, str]]:
    """(name, what it shows) of the racks that come with the package."""
    return [(name, load_rack(find_rack(name)).about) for name in packaged_racks()]


def render(rack: str, folder: Path) -> dict[str, Any]:
    """Play a rack into NAME.wav and NAME.png in the folder; a report for programs. Raises BadInput."""
    rendering = play_rack(rack)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot make the folder: {error.strerror}", str(folder), "give another --out") from error
    sound, picture = folder / f"{rendering.name}.wav", folder / f"{rendering.name}.png"
    rendering.save(sound)
    save_picture(rendering, picture)
    seconds = len(rendering.sound) / SAMPLE_RATE_HZ
    return {
        "name": rendering.name,
        "about": rendering.about,
        "bundle": rendering.bundle,
        "seconds": seconds,
        "sound": str(sound),
        "picture": str(picture),
        "took_s": round(rendering.took_s, 3),
        "times_real_time": round(seconds / rendering.took_s, 2),
    }
