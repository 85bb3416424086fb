"""The panel against Doepfer's measures, its own parts and the eye: nothing collides, nothing is printed over a hole."""

import re
from itertools import combinations
from math import hypot

import pytest

from hardware.panel import artwork, drawing, layout
from hardware.panel.__main__ import HERE, files
from hardware.panel.drawing import CUT
from hardware.panel.layout import ITEMS
from neurorack.board import LED_NAMES
from neurorack.panel import picture
from neurorack.words import CV_JACKS, GATE_JACKS, POTS

DOEPFER_WIDTHS_MM = {14: 70.80, 16: 80.90, 18: 91.30, 20: 101.30, 21: 106.30, 22: 111.40, 28: 141.90}
"""A-100 construction details: width of a front panel by HP."""


def body(item):
    """Left, top, right, bottom behind the panel."""
    (w, h), y = item.kind.body_mm, item.y + item.kind.lower_mm
    return item.x - w / 2, y - h / 2, item.x + w / 2, y + h / 2


def hole(item):
    """Left, top, right, bottom."""
    w, h = item.kind.hole_mm * (3 - len(item.kind.hole_mm)) if len(item.kind.hole_mm) == 1 else item.kind.hole_mm
    return item.x - w / 2, item.y - h / 2, item.x + w / 2, item.y + h / 2


def front(item):
    """Nut or knob."""
    half = max(item.kind.front_mm / 2, 0)
    return item.x - half, item.y - half, item.x + half, item.y + half


def overlap(a, b, room_mm=0.0):
    return a[0] < b[2] + room_mm and b[0] < a[2] + room_mm and a[1] < b[3] + room_mm and b[1] < a[3] + room_mm


def test_the_panel_is_doepfers_3u():
    assert layout.HEIGHT_MM == 128.5
    assert DOEPFER_WIDTHS_MM[layout.HP] == layout.WIDTH_MM
    assert 0 < layout.HP * layout.HP_MM - layout.WIDTH_MM < 0.5


def test_mounting_slots_meet_the_rails_threads():
    xs = sorted({x for x, _ in layout.MOUNTS})
    ys = sorted({y for _, y in layout.MOUNTS})
    assert len(layout.MOUNTS) == 4
    assert xs[0] == 7.5 and ys == [3.0, 125.5] and ys[1] - ys[0] == 122.5
    assert (xs[1] - xs[0]) / layout.HP_MM == pytest.approx(round((xs[1] - xs[0]) / layout.HP_MM))
    assert layout.WIDTH_MM - xs[1] >= 7.0
    assert layout.SLOT_MM[1] == 3.2 <= layout.SLOT_MM[0]


def test_every_hole_is_on_the_grid():
    for item in ITEMS:
        assert (item.x - layout.MOUNT_X_MM) / layout.GRID_MM == pytest.approx(item.column)
        assert (item.y - layout.MOUNT_Y_MM) / layout.GRID_MM == pytest.approx(item.row)
        assert isinstance(item.column, int) and isinstance(item.row, int)


def test_nothing_behind_the_panel_collides_with_rails_neighbours_or_other_parts():
    for item in ITEMS:
        left, top, right, bottom = body(item)
        assert left >= 0.5 and right <= layout.WIDTH_MM - 0.5, item.name
        assert top >= layout.RAIL_MM and bottom <= layout.HEIGHT_MM - layout.RAIL_MM, item.name
    for a, b in combinations(ITEMS, 2):
        assert not overlap(body(a), body(b)), f"{a.name} and {b.name}"


def test_there_is_metal_between_holes_and_room_for_fingers():
    for a, b in combinations(ITEMS, 2):
        assert not overlap(hole(a), hole(b), 2.0), f"{a.name} and {b.name}"
        knobs = [item for item in (a, b) if item.kind in (layout.POT, layout.ENCODER)]
        assert not overlap(front(a), front(b), 5.0 if len(knobs) == 2 else 1.0), f"{a.name} and {b.name}"
        if a.kind is b.kind is layout.JACK:
            assert hypot(a.x - b.x, a.y - b.y) >= 12.7, f"plugs at {a.name} and {b.name}"


def test_legends_are_whole_on_the_panel_and_clear_of_holes_nuts_and_each_other():
    boxes = {item.name: artwork.label_box(item) for item in artwork.named()}
    for name, box in boxes.items():
        assert box[0] >= 1.5 and box[2] <= layout.WIDTH_MM - 1.5, name
        assert box[1] >= 6.0 and box[3] <= layout.HEIGHT_MM - 6.0, name
        for item in ITEMS:
            assert not overlap(box, hole(item), 0.4), f"{name} over {item.name}"
            assert not overlap(box, front(item), 0.2), f"{name} under {item.name}"
    for (a, box), (b, other) in combinations(boxes.items(), 2):
        assert not overlap(box, other, 0.8), f"{a} and {b}"


def test_jacks_pots_and_leds_bear_the_names_of_the_design():
    legends = {item.name: item.legend for item in ITEMS}
    for name in (*CV_JACKS, *GATE_JACKS, "in", "out", *POTS):
        assert legends[name] == name
    leds = [item.name.removeprefix("led_") for item in ITEMS if item.kind is layout.LED]
    assert sorted(leds) == sorted(LED_NAMES) and len(leds) == 8
    for name in set(leds) - set(GATE_JACKS):
        assert legends[f"led_{name}"] == name


def test_the_virtual_panel_has_the_order_of_the_one_that_is_cut():
    """Row by row from the left, jacks and LEDs apart."""
    for kind, drawn in (
        (layout.JACK, {n: (x, picture._JACKS_Y[row]) for n, (x, row) in picture._JACKS.items()}),
        (layout.LED, picture._LEDS),
    ):
        cut = {item.name.removeprefix("led_"): (item.x, item.y) for item in ITEMS if item.kind is kind}
        assert read(drawn) == read(cut)
    assert sorted(picture._POT_X) == list(picture._POT_X) == [picture._JACKS[f"cv{n}"][0] for n in range(1, 5)]
    assert list(picture._POTS) == [item.name for item in ITEMS if item.kind is layout.POT]


def read(places):
    """Names in the order of reading."""
    return sorted(places, key=lambda name: (round(places[name][1], 3), places[name][0]))


def test_no_meaning_hangs_on_a_colour_alone():
    """Each LED is named, by its legend or by the jack that is nearest."""
    jacks = [item for item in ITEMS if item.kind is layout.JACK]
    for item in ITEMS:
        if item.kind is layout.LED:
            nearest = min(jacks, key=lambda jack: hypot(jack.x - item.x, jack.y - item.y))
            assert item.name == f"led_{item.legend or nearest.name}"


def test_every_part_of_the_table_is_on_the_schematic_and_the_other_way_round(board):
    drawn = [part.kind.number for part in board.parts()]
    wanted = {"PJ398SM": layout.JACK, "RD901F-40-15R1-B10K": layout.POT, "PEC11R-4215F-S0024": layout.ENCODER}
    for number, kind in wanted.items():
        assert drawn.count(number) == sum(item.kind is kind for item in ITEMS)
    assert sum(number.startswith("WP710A10") for number in drawn) == sum(item.kind is layout.LED for item in ITEMS)


def test_every_part_has_its_hole_in_the_drawing():
    cuts = [shape for shape in artwork.draw().shapes if shape.layer == CUT]
    assert len(cuts) == len(ITEMS) + len(layout.MOUNTS)
    for item in ITEMS:
        left, _, _, bottom = hole(item)
        found = [
            shape
            for shape in cuts
            if min(c[-2] for c in shape.path if len(c) > 2) == pytest.approx(left)
            and max(c[-1] for c in shape.path if len(c) > 2) == pytest.approx(bottom)
        ]
        assert len(found) == 1, item.name


@pytest.mark.parametrize("name", ["neurorack.svg", "neurorack.pdf", "face.svg"])
def test_what_is_committed_is_what_the_table_draws(name):
    assert (HERE / name).read_bytes() == files()[name], "run python -m hardware.panel"


def test_svg_and_pdf_are_one_to_one():
    written = files()
    head = written["neurorack.svg"].decode().splitlines()[0]
    assert f'width="{layout.WIDTH_MM:g}mm" height="{layout.HEIGHT_MM:g}mm"' in head
    page = written["neurorack.pdf"].decode()
    media = [float(value) for value in re.search(r"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", page).groups()]
    assert media == pytest.approx([210 / 25.4 * 72, 297 / 25.4 * 72], abs=0.01)
    matrix = [float(value) for value in re.search(r"stream\n(.*) cm", page).group(1).split()]
    assert matrix[0] == -matrix[3] == pytest.approx(72 / 25.4)
    assert page.count(" cm ") == 1


def test_the_pdf_is_whole(tmp_path):
    """Every object where the table of the file says, every stream as long as it says."""
    page = files()["neurorack.pdf"]
    start = int(re.search(rb"startxref\n(\d+)", page).group(1))
    rows = re.findall(rb"(\d{10}) 00000 n", page[start:])
    for number, row in enumerate(rows, 1):
        assert page[int(row) :].startswith(b"%d 0 obj" % number)
    length = int(re.search(rb"/Length (\d+)", page).group(1))
    body_at = page.index(b"stream\n") + 7
    assert page[body_at + length :].startswith(b"\nendstream")


def test_curves_close_in_on_their_circles():
    """A quarter of a circle in one Bézier is off by 0.03 %."""
    sheet = drawing.Drawing(20, 20)
    sheet.circle(CUT, 10, 10, 6, 0.1)
    before = sheet.shapes[0].path[0][1:]
    for command in sheet.shapes[0].path[1:-1]:
        x1, y1, x2, y2, x, y = command[1:]
        middle = ((before[0] + 3 * x1 + 3 * x2 + x) / 8, (before[1] + 3 * y1 + 3 * y2 + y) / 8)
        assert hypot(middle[0] - 10, middle[1] - 10) == pytest.approx(3, rel=4e-4)
        before = (x, y)
