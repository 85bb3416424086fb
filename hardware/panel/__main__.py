"""Write the panel: neurorack.svg for a maker of panels, neurorack.pdf to print 1:1, face.svg as it will look.

python -m hardware.panel [FOLDER]
"""

import sys
from pathlib import Path

from hardware.panel import artwork, drawing
from hardware.panel.drawing import BARE, CUT, HINT, INK

HERE = Path(__file__).parent


def files() -> dict[str, bytes]:
    """All of them by name, the same bytes every time."""
    maker = {CUT: "#ff0000", INK: "#000000", BARE: "#ffffff"}
    face = {CUT: "#5d6166", INK: "#e9e4d8", BARE: "#17181b", HINT: "#5d6166"}
    paper = {CUT: 0.0, INK: 0.0, BARE: 1.0, HINT: 0.7}
    return {
        "neurorack.svg": drawing.svg(artwork.outline(artwork.draw()), maker, "#ffffff").encode(),
        "face.svg": drawing.svg(artwork.draw(), face, "#17181b").encode(),
        "neurorack.pdf": drawing.pdf(artwork.on_paper(artwork.outline(artwork.draw())), paper),
    }


def main(arguments: list[str]) -> int:
    """Writes into FOLDER, by default beside this file."""
    folder = Path(arguments[0]) if arguments else HERE
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (folder / name).write_bytes(content)
        print(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
