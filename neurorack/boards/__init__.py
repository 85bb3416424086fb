"""The boards that ship, a TOML each, to be used by name or copied: `board.load_board` reads them."""

from pathlib import Path

BOARDS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
"""Files by name."""

DEFAULT_BOARD = BOARDS["orin"]

BOARD_HELP = f"what is soldered where: {', '.join(BOARDS)}, or a file of your own (default: {DEFAULT_BOARD.stem})"


def board_file(text: str) -> Path:
    """The file that `--board` means: of a shipped board where it is the name of one, else the path itself."""
    return BOARDS.get(text, Path(text))
