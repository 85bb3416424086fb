"""The contract of `--cv FILE.csv`: what it plays, and that anything else is refused with its place."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.errors import BadInput
from neurorack.rack.signals import edges
from neurorack.rack.volts_file import VoltsFile

S = 1_000_000_000


@pytest.fixture
def read(tmp_path: Path):
    def make(text: str | bytes) -> VoltsFile:
        path = tmp_path / "take.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return VoltsFile(path)

    return make


def refused(read, text: str | bytes) -> str:
    with pytest.raises(BadInput) as caught:
        read(text)
    line = str(caught.value)
    assert "take.csv" in line and "\n" not in line
    assert caught.value.what and caught.value.mend
    return line


def at(file: VoltsFile, jack: str, *seconds: float) -> list[float]:
    return [file.tracks[jack].volts(round(t * S)) for t in seconds]


def test_cvs_run_straight_between_rows(read) -> None:
    file = read("t,voct,cv1\n0,0,5\n1,1,5\n2,-1,0\n")
    assert at(file, "voct", 0, 0.25, 1, 1.5, 2) == pytest.approx([0, 0.25, 1, 0, -1])
    assert at(file, "cv1", 0.5, 1.5) == pytest.approx([5, 2.5])


def test_cvs_hold_before_the_first_and_after_the_last_row(read) -> None:
    file = read("t,voct\n1,2.5\n2,3\n")
    assert at(file, "voct", 0, 1, 2, 99) == [2.5, 2.5, 3, 3]


def test_gates_hold(read) -> None:
    file = read("t,gate1\n0.5,5\n1,0\n")
    assert at(file, "gate1", 0, 0.4999, 0.5, 0.75, 0.9999, 1, 9) == [0, 0, 5, 5, 5, 0, 0]


def test_an_empty_cell_gives_nothing(read) -> None:
    file = read("t,voct,gate1\n0,0,5\n1,,\n2,2,0\n")
    assert at(file, "voct", 1, 1.5) == pytest.approx([1, 1.5])
    assert at(file, "gate1", 1.5, 2) == [5, 0]


def test_the_same_time_twice_is_a_step(read) -> None:
    file = read("t,voct\n0,0\n1,1\n1,3\n2,3\n")
    assert at(file, "voct", 0.5, 1 - 1e-9, 1, 1.5) == pytest.approx([0.5, 1, 3, 3], abs=1e-6)


def test_a_column_of_nothing_is_a_silent_jack(read) -> None:
    file = read("t,voct,gate1\n0,,\n1,,\n")
    assert at(file, "voct", 0, 1) == [0, 0]
    assert at(file, "gate1", 0, 1) == [0, 0]


def test_gate_edges_lie_where_the_held_volts_cross_the_thresholds(read) -> None:
    file = read("t,gate1\n0,0\n0.1,0.9\n0.2,1.1\n0.3,0.6\n0.4,0.4\n0.5,12\n0.6,0\n")
    assert edges(file.tracks["gate1"], -1, S, 0) == [
        (round(0.2 * S), 1),
        (round(0.4 * S), 0),
        (round(0.5 * S), 1),
        (round(0.6 * S), 0),
    ]


def test_columns_come_in_any_order_and_as_few_as_one_likes(read) -> None:
    file = read("gate2,t,cv4\n5,0,-1\n")
    assert set(file.tracks) == {"gate2", "cv4"}
    assert at(file, "cv4", 0) == [-1]
    assert read("t\n0\n3\n").duration_s == 3.0


def test_it_lasts_until_its_last_row(read) -> None:
    assert read("t,voct\n0,0\n2.5,\n").duration_s == 2.5


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_and_a_byte_order_mark(read, end: str) -> None:
    file = read("\ufeff" + end.join(["t,voct", "0, 1.5 ", "1,+2e0", "", ""]))
    assert at(file, "voct", 0, 1) == [1.5, 2]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "take.csv", "empty"),
        ("\n\n", "take.csv", "empty"),
        ("t,voct\n", "take.csv", "no rows"),
        ("voct,cv1\n0,1\n", "take.csv:1", "no column t"),
        ("t,cv9\n0,1\n", "take.csv:1, column 2", "unknown column 'cv9'"),
        ("t,Voct\n0,1\n", "take.csv:1, column 2", "unknown column 'Voct'"),
        ("t;voct\n0;1\n", "take.csv:1, column 1", "unknown column 't;voct'"),
        ("t,voct,\n0,1,\n", "take.csv:1, column 3", "without a name"),
        ("t,voct,voct\n0,1,1\n", "take.csv:1, column 3", "twice"),
        ("t,t\n0,0\n", "take.csv:1, column 2", "twice"),
        ("t,voct\n0,1\n1,high\n", "take.csv:3, column voct", "'high' is not a number"),
        ("t,voct\n0,nan\n", "take.csv:2, column voct", "'nan' is not a number"),
        ("t,voct\n0,-inf\n", "take.csv:2, column voct", "not a number"),
        ("t,voct\n0,1_0\n", "take.csv:2, column voct", "not a number"),
        ("t,voct\n0,0x1\n", "take.csv:2, column voct", "not a number"),
        ("t,voct\n0,١\n", "take.csv:2, column voct", "not a number"),
        ('t,voct\n0,"1"\n', "take.csv:2, column voct", "not a number"),
        ("t,voct\n0,1e999\n", "take.csv:2, column voct", "more than any jack takes"),
        ("t,gate1\n0,-25\n", "take.csv:2, column gate1", "more than any jack takes"),
        ("t,voct\n0,1\nsoon,1\n", "take.csv:3, column t", "not a number"),
        ("t,voct\n0,1\nnan,1\n", "take.csv:3, column t", "not a number"),
        ("t,voct\n0,1\n,1\n", "take.csv:3, column t", "no time"),
        ("t,voct\n-0.1,1\n", "take.csv:2, column t", "not between"),
        ("t,voct\n1e6,1\n", "take.csv:2, column t", "not between"),
        ("t,voct\n1,1\n0.5,1\n", "take.csv:3, column t", "time falls from 1 to 0.5"),
        ("t,voct\n0,1\n1\n", "take.csv:3, column 2", "1 cells in this row, 2 in the header"),
        ("t,voct\n0,1,2\n", "take.csv:2, column 3", "3 cells in this row, 2 in the header"),
        ("t,voct\n0,1\n\n1,1\n", "take.csv:3, column 2", "1 cells in this row"),
        (b"t,voct\n0,1\n1,\xff\n", "take.csv:3", "not UTF-8"),
        (b"t,voct\n0,1\n1,1\x00\n", "take.csv:3, column voct", "not a number"),
    ],
)
def test_anything_else_is_refused_with_its_place(read, text: str | bytes, where: str, what: str) -> None:
    line = refused(read, text)
    assert f"{where})" in line
    assert what in line


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the volts file"):
        VoltsFile(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="cannot read the volts file"):
        VoltsFile(tmp_path)


def test_a_file_too_large_is_refused(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurorack.rack.volts_file.LARGEST_BYTES", 10)
    assert "larger" in refused(read, "t,voct\n0,1\n")


volts = st.floats(-24, 24, allow_nan=False)
rows_strategy = st.lists(
    st.tuples(st.integers(0, 5_000), st.one_of(st.none(), volts), st.one_of(st.none(), volts)), min_size=1, max_size=20
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


@given(rows=rows_strategy, t_ms=st.integers(0, 6_000))
def test_it_plays_what_the_rows_say(tmp_path_factory, rows, t_ms: int) -> None:
    path = tmp_path_factory.mktemp("volts") / "take.csv"
    cell = {None: ""}
    path.write_text(
        "t,cv2,gate2\n" + "".join(f"{t / 1000},{cell.get(cv, cv)},{cell.get(gate, gate)}\n" for t, cv, gate in rows)
    )
    file = VoltsFile(path)
    given_cv = [(t, v) for t, v, _ in rows if v is not None]
    if given_cv and all(t != t_ms for t, _ in given_cv):
        expected = np.interp(t_ms, [t for t, _ in given_cv], [v for _, v in given_cv])
        assert file.tracks["cv2"].volts(t_ms * 1_000_000) == pytest.approx(expected, abs=1e-6)
    held = [v for t, _, v in rows if v is not None and t <= t_ms]
    assert file.tracks["gate2"].volts(t_ms * 1_000_000) == (held[-1] if held else 0.0)


@given(st.text(max_size=60) | st.text("t,voct10.\n- eE+", max_size=60).map(lambda text: "t,voct\n" + text))
def test_any_text_is_either_played_or_refused(tmp_path_factory, text: str) -> None:
    path = tmp_path_factory.mktemp("volts") / "take.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        file = VoltsFile(path)
    except BadInput as refusal:
        assert "take.csv" in str(refusal)
    else:
        for track in file.tracks.values():
            assert abs(track.volts(0)) <= 24.0
