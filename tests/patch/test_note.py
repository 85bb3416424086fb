"""Jack and note from afar share gate 1 and pitch: who began last has both."""

import numpy as np
import pytest

from neurorack.patch.note import STALE_NS, Gate1
from neurorack.shared import NOTE


@pytest.fixture
def gate():
    return Gate1()


class Afar:
    """Somebody who plays from afar, in front of a gate."""

    def __init__(self, gate: Gate1) -> None:
        self.gate, self.record, self.now_ns = gate, np.zeros(1, NOTE).view(np.recarray)[0], 10_000_000_000
        self.play(players=0)

    def play(self, *, late_ns: int = 0, strike: bool = False, **fields: object) -> tuple[int, ...]:
        fields = {"players": 1, "t_ns": self.now_ns - late_ns, **fields}
        for name, value in fields.items():
            self.record[name] = value
        self.record["strikes"] += strike
        return self.gate.note(self.record, self.now_ns)


@pytest.fixture
def afar(gate):
    return Afar(gate)


def test_without_anybody_afar_the_jack_is_as_it_was(gate):
    assert [gate.turn(level) for level in (0, 1, 1, 0)] == [(0,), (1,), (1,), (0,)]
    assert gate.played == (None, 0.0)


def test_a_note_raises_the_gate_and_brings_its_pitch_which_stays_for_its_release(gate, afar):
    assert afar.play(gate=1, volts=0.25, level=0.1, strike=True) == (1,)
    assert gate.played == (0.25, pytest.approx(0.1))
    assert afar.play(volts=0.5) == () and gate.played[0] == 0.5, "legato"
    assert afar.play(gate=0) == (0,)
    assert gate.played[0] == 0.5
    assert afar.play(players=0) == () and gate.played == (None, 0.0), "whoever played is gone"


def test_a_note_that_has_ended_already_is_played(afar):
    assert afar.play(gate=0, strike=True) == (1, 0)


def test_a_note_that_begins_anew_is_two_edges(afar):
    afar.play(gate=1, strike=True)
    assert afar.play(gate=1, strike=True) == (0, 1)
    assert afar.play(gate=0, strike=True) == (0, 1, 0)


def test_who_began_last_has_the_pitch_and_the_other_again_when_that_ends(gate, afar):
    gate.turn(1)
    assert afar.play(gate=1, volts=0.25, strike=True) == (0, 1) and gate.played[0] == 0.25
    assert gate.turn(1) == (0, 1) and gate.played[0] is None, "the jack begins"
    assert gate.turn(0) == () and gate.played[0] == 0.25, "the note is still held"
    assert gate.turn(1) == (0, 1)
    assert afar.play(gate=0) == () and gate.played[0] is None, "the jack still is"
    assert gate.turn(0) == (0,)


def test_a_note_whose_writer_is_dead_ends(gate, afar):
    afar.play(gate=1, strike=True)
    assert gate.held and afar.play(late_ns=STALE_NS - 1) == () and gate.held
    assert afar.play(late_ns=STALE_NS) == (0,) and not gate.held
    assert afar.play() == (1,), "it lives after all"


def test_jacks_that_start_again_begin_a_note_that_is_held_and_none_that_is_not():
    for held, edges in ((1, (1,)), (0, ())):
        afar = Afar(Gate1())
        afar.gate = Gate1()
        afar.record["strikes"] = 7
        assert afar.play(gate=held) == edges
