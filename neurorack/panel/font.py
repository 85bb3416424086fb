"""The module's own letters: a proportional bitmap face of 5×7 pixels with one row for descenders.

Drawn for this project, so it carries the project's licence. A pixel of a 0.96″ display is 0.17 mm: capitals are
1.2 mm high, and the doubled face, for what a player reads from arm's length, 2.4 mm. Digits are all equally wide,
so a number that changes does not shake.
"""

from functools import lru_cache

import numpy as np

LINE = 8
"""Height of a line of text in pixels: one page of the display, so text that changes costs one page."""

_BANDS = """
A B C D E F G H I J K L M
.###. ####. .###. ####. ##### ##### .###. #...# ### ..### #...# #.... #...#
#...# #...# #...# #...# #.... #.... #...# #...# .#. ...#. #..#. #.... ##.##
#...# #...# #.... #...# #.... #.... #.... #...# .#. ...#. #.#.. #.... #.#.#
##### ####. #.... #...# ####. ####. #.### ##### .#. ...#. ##... #.... #.#.#
#...# #...# #.... #...# #.... #.... #...# #...# .#. ...#. #.#.. #.... #...#
#...# #...# #...# #...# #.... #.... #...# #...# .#. #..#. #..#. #.... #...#
#...# ####. .###. ####. ##### #.... .###. #...# ### .##.. #...# ##### #...#
..... ..... ..... ..... ..... ..... ..... ..... ... ..... ..... ..... .....
N O P Q R S T U V W X Y Z
#...# .###. ####. .###. ####. .#### ##### #...# #...# #...# #...# #...# #####
##..# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....#
#.#.# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# .#.#. .#.#. ...#.
#..## #...# ####. #...# ####. .###. ..#.. #...# #...# #.#.# ..#.. ..#.. ..#..
#...# #...# #.... #.#.# #.#.. ....# ..#.. #...# #...# #.#.# .#.#. ..#.. .#...
#...# #...# #.... #..#. #..#. ....# ..#.. #...# .#.#. ##.## #...# ..#.. #....
#...# .###. #.... .##.# #...# ####. ..#.. .###. ..#.. #...# #...# ..#.. #####
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
a b c d e f g h i j k l m
..... #.... ..... ....# ..... ..## ..... #.... # ..# #... #. .....
..... #.... ..... ....# ..... .#.. ..... #.... . ... #... #. .....
.###. ####. .###. .#### .###. #### .#### ####. # ..# #..# #. ####.
....# #...# #.... #...# #...# .#.. #...# #...# # ..# #.#. #. #.#.#
.#### #...# #.... #...# ##### .#.. #...# #...# # ..# ##.. #. #.#.#
#...# #...# #...# #...# #.... .#.. #...# #...# # ..# #.#. #. #.#.#
.#### ####. .###. .#### .###. .#.. .#### #...# # ..# #..# .# #.#.#
..... ..... ..... ..... ..... .... .###. ..... . ##. .... .. .....
n o p q r s t u v w x y z
..... ..... ..... ..... .... ..... .#.. ..... ..... ..... ..... ..... .....
..... ..... ..... ..... .... ..... .#.. ..... ..... ..... ..... ..... .....
####. .###. ####. .#### #.## .#### #### #...# #...# #...# #...# #...# #####
#...# #...# #...# #...# ##.. #.... .#.. #...# #...# #.#.# .#.#. #...# ...#.
#...# #...# #...# #...# #... .###. .#.. #...# #...# #.#.# ..#.. .#.#. ..#..
#...# #...# #...# #...# #... ....# .#.. #...# .#.#. #.#.# .#.#. .#.#. .#...
#...# .###. ####. .#### #... ####. ..## .#### ..#.. .#.#. #...# ..#.. #####
..... ..... #.... ....# .... ..... .... ..... ..... ..... ..... ##... .....
0 1 2 3 4 5 6 7 8 9
.###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###.
#...# .##.. #...# ...#. ..##. #.... .#... ....# #...# #...#
#..## ..#.. ....# ..#.. .#.#. ####. #.... ...#. #...# #...#
#.#.# ..#.. ...#. ...#. #..#. ....# ####. ..#.. .###. .####
##..# ..#.. ..#.. ....# ##### ....# #...# ..#.. #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#.
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .##..
..... ..... ..... ..... ..... ..... ..... ..... ..... .....
. , : ; ! ? ' " ` - _ + = * / \\ |
. .. . .. # .###. # #.# #. ... ..... ..... .... ..... ....# #.... #
. .. . .. # #...# # #.# .# ... ..... ..#.. .... #.#.# ....# #.... #
. .. # .# # ....# . ... .. ... ..... ..#.. #### .###. ...#. .#... #
. .. . .. # ...#. . ... .. ### ..... ##### .... ##### ..#.. ..#.. #
. .. . .. # ..#.. . ... .. ... ..... ..#.. #### .###. .#... ...#. #
. .. # .. . ..... . ... .. ... ..... ..#.. .... #.#.# #.... ....# #
# .# . .# # ..#.. . ... .. ... ..... ..... .... ..... #.... ....# #
. #. . #. . ..... . ... .. ... ##### ..... .... ..... ..... ..... #
( ) [ ] { } < > # % & @ $ ^ ~
..# #.. ## ## ..# #.. ...# #... ..... ##..# .##.. .###. ..#.. ..#.. .....
.#. .#. #. .# .#. .#. ..#. .#.. .#.#. ##..# #..#. #...# .#### .#.#. .....
#.. ..# #. .# .#. .#. .#.. ..#. ##### ...#. #.#.. #.### #.#.. #...# .#..#
#.. ..# #. .# #.. ..# #... ...# .#.#. ..#.. .#... #.#.# .###. ..... #.##.
#.. ..# #. .# .#. .#. .#.. ..#. ##### .#... #.#.# #.### ..#.# ..... .....
.#. .#. #. .# .#. .#. ..#. .#.. .#.#. #..## #..#. #.... ####. ..... .....
..# #.. ## ## ..# #.. ...# #... ..... #..## .##.# .###. ..#.. ..... .....
... ... .. .. ... ... .... .... ..... ..... ..... ..... ..... ..... .....
· ¢ ° × − → ← ✓ ♯ … ± ▶ ⚠ µ ␣
.. ..#.. .#. ..... ..... ..... ..... ...... ..#.# ..... ..#.. #... ...#... ..... .....
.. .#### #.# ..... ..... ..#.. ..#.. .....# ..#.# ..... ..#.. ##.. ..#.#.. ..... .....
.. #.#.. .#. #...# ..... ...#. .#... ....#. .#### ..... ##### ###. ..#.#.. #...# .....
## #.#.. ... .#.#. ##### ##### ##### #..#.. .#.#. ..... ..#.. #### .#.#.#. #...# .....
## #.#.. ... ..#.. ..... ...#. .#... #.#... ####. ..... ..#.. ###. .#...#. #...# #...#
.. .#### ... .#.#. ..... ..#.. ..#.. .#.... #.#.. ..... ..... ##.. #..#..# #..## #...#
.. ..#.. ... #...# ..... ..... ..... ...... #.#.. #.#.# ##### #... ####### ###.# #####
.. ..... ... ..... ..... ..... ..... ...... ..... ..... ..... .... ....... #.... .....
"""


def _read_bands(bands: str) -> dict[str, np.ndarray]:
    lines = bands.strip("\n").split("\n")
    glyphs: dict[str, np.ndarray] = {" ": np.zeros((LINE, 3), bool)}
    for top in range(0, len(lines), LINE + 1):
        columns = [row.split(" ") for row in lines[top + 1 : top + 1 + LINE]]
        for index, letter in enumerate(lines[top].split(" ")):
            glyphs[letter] = np.array([[pixel == "#" for pixel in row[index]] for row in columns])
    return glyphs


_GLYPHS = _read_bands(_BANDS)
_UNKNOWN = np.pad(np.zeros((LINE - 3, 3), bool), ((1, 2), (1, 1)), constant_values=((True, False), (True, True)))


def _doubled(glyph: np.ndarray) -> np.ndarray:
    """Twice the size, with the gaps in diagonal strokes filled: a quarter of a dark pixel lights where both its
    neighbours at that corner are lit and the other two dark. Corners of straight strokes stay square, so D is no O."""
    p = np.pad(glyph, 1)
    up, down, left, right = p[:-2, 1:-1], p[2:, 1:-1], p[1:-1, :-2], p[1:-1, 2:]
    big = np.repeat(np.repeat(glyph, 2, axis=0), 2, axis=1)
    big[0::2, 0::2] |= up & left & ~down & ~right
    big[0::2, 1::2] |= up & right & ~down & ~left
    big[1::2, 0::2] |= down & left & ~up & ~right
    big[1::2, 1::2] |= down & right & ~up & ~left
    return big


@lru_cache(maxsize=256)
def set_text(text: str, scale: int = 1) -> np.ndarray:
    """`text` as pixels [8 · scale, width]; scale 1 or 2. A letter the face lacks becomes a box."""
    pieces: list[np.ndarray] = []
    for letter in text:
        glyph = _GLYPHS.get(letter, _UNKNOWN)
        pieces += [_doubled(glyph) if scale == 2 else glyph, np.zeros((LINE * scale, scale), bool)]
    return np.hstack(pieces[:-1]) if pieces else np.zeros((LINE * scale, 0), bool)


def width(text: str, scale: int = 1) -> int:
    """Pixels from the first to the last column of `text`."""
    return scale * max(sum(_GLYPHS.get(letter, _UNKNOWN).shape[1] + 1 for letter in text) - 1, 0)


def shorten(text: str, room: int) -> str:
    """`text`, or as much of it as fits `room` pixels with an ellipsis."""
    if width(text) <= room:
        return text
    text = text[: max(room, 0)]  # a name of thousands of letters is not measured thousands of times
    while text and width(text.rstrip() + "…") > room:
        text = text[:-1]
    return text.rstrip() + "…"


def shorten_left(text: str, room: int) -> str:
    """`text`, or as much of its end as fits `room` pixels: of a path the file is what matters."""
    if width(text) <= room:
        return text
    text = text[-max(room, 1) :]
    while text and width("…" + text) > room:
        text = text[1:]
    return "…" + text


def wrap(text: str, room: int) -> list[str]:
    """`text` in lines of at most `room` pixels, broken at spaces, or inside a word longer than a line."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if width(longer) <= room:
            line = longer
            continue
        if line:
            lines.append(line)
        while width(word) > room:
            cut = next(n for n in range(len(word) - 1, 0, -1) if width(word[:n]) <= room)
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    return [*lines, line] if line else lines
