"""A person's hands on the virtual module."""

from pathlib import Path

import numpy as np
import pytest

from neurorack.clock import SimulatedClock
from neurorack.errors import BadInput
from neurorack.rack.control import RackControl
from neurorack.rack.state import MOST_CONTACTS, MOST_KEYS
from neurorack.rack.world import World

MS = 1_000_000


@pytest.fixture
def world() -> World:
    return World.from_toml()


@pytest.fixture
def hands(world: World, clock: SimulatedClock) -> RackControl:
    clock.sleep_until_ns(500 * MS)
    return RackControl(world, clock)


def test_pots_stop_at_their_ends(hands: RackControl, world: World) -> None:
    for turned, position in ((0.3, 0.3), (7.0, 1.0), (-1.0, 0.0)):
        hands.turn_pot("pot2", turned)
        assert world.pot("pot2") == position


def decode(world: World) -> int:
    """Turns by the classic table: every valid step of A and B is a quarter."""
    cycle = [(0, 0), (1, 0), (1, 1), (0, 1)]
    levels = {"encoder_a": 0, "encoder_b": 0}
    quarters, at = 0, 0
    for contact in world.state.contacts:
        levels[contact.line] = contact.level
        to = cycle.index((levels["encoder_a"], levels["encoder_b"]))
        step = (to - at + 1) % 4 - 1
        assert abs(step) == 1, "one line at a time"
        quarters, at = quarters + step, to
    return quarters


def test_a_turn_is_four_edges_in_quadrature(hands: RackControl, world: World) -> None:
    hands.turn_encoder(3)
    assert decode(world) == 12
    hands.turn_encoder(-5)
    assert decode(world) == 12 - 20


def test_edges_of_a_turn_come_one_after_the_other(hands: RackControl, world: World) -> None:
    hands.turn_encoder(2)
    hands.turn_encoder(-1)  # at the same moment: waits its turn
    times = [contact.t_ns for contact in world.state.contacts]
    assert times[0] > 500 * MS
    assert min(np.diff(times)) >= MS
    assert [contact.number for contact in world.state.contacts] == list(range(1, 13))


def test_a_spun_encoder_passes_a_thousand_detents_a_second(hands: RackControl, world: World) -> None:
    hands.turn_encoder(200, 250_000)
    assert decode(world) == 800
    assert world.state.contacts[-1].t_ns == 700 * MS


def test_a_press_lasts_until_it_is_let_go(hands: RackControl, world: World, clock: SimulatedClock) -> None:
    hands.press_encoder(True)
    clock.sleep_until_ns(1200 * MS)
    hands.press_encoder(False)
    assert [(c.line, c.t_ns, c.level) for c in world.state.contacts] == [
        ("encoder_push", 500 * MS, 1),
        ("encoder_push", 1200 * MS, 0),
    ]


def test_contacts_of_long_ago_are_forgotten_but_not_how_the_lines_stand(
    hands: RackControl, world: World, clock: SimulatedClock
) -> None:
    hands.press_encoder(True)
    hands.turn_encoder(100)
    assert len(world.state.contacts) == 401
    clock.sleep_until_ns(60_000 * MS)
    hands.turn_encoder(1)
    assert [(c.number, c.line, c.level) for c in world.state.contacts] == [
        (1, "encoder_push", 1),
        (402, "encoder_a", 1),
        (403, "encoder_b", 1),
        (404, "encoder_a", 0),
        (405, "encoder_b", 0),
    ]


def test_the_document_never_outgrows_its_file(tmp_path: Path, clock: SimulatedClock) -> None:
    hands = RackControl(tmp_path, clock)
    for _ in range(5):
        hands.turn_encoder(100)
    for number in range(300):
        hands.key(number / 12, True)
    assert len(hands.world.state.contacts) == MOST_CONTACTS
    assert len(hands.world.state.keys) == MOST_KEYS


def test_cables_move(hands: RackControl, world: World) -> None:
    hands.patch("cv1", "seq.cv")
    assert world.signal("cv1") is world.signal("voct")
    hands.unplug("cv1")
    assert world.volts("cv1", 0) == 0.0
    hands.unplug("cv1")


def test_keys_play_the_last_one_pressed(hands: RackControl, world: World, clock: SimulatedClock) -> None:
    hands.patch("voct", "keys.cv")
    hands.patch("gate1", "keys.gate")

    def now() -> tuple[float, float]:
        return world.volts("voct", clock.now_ns()), world.volts("gate1", clock.now_ns())

    def later() -> None:
        clock.sleep_until_ns(clock.now_ns() + 100 * MS)

    hands.key(1.0, True)
    assert now() == (1.0, 5.0)
    later()
    hands.key(2.0, True)
    assert now() == (2.0, 5.0)
    later()
    hands.key(2.0, False)
    assert now() == (1.0, 5.0), "back to the one still held"
    later()
    hands.key(1.0, False)
    assert now() == (1.0, 0.0)
    assert [level for _, level in world.edges("gate1", 0, 2_000 * MS)] == [1, 0]


def test_things_break_and_are_mended(hands: RackControl, world: World) -> None:
    hands.fault("adc_cv", "silent", after=5)
    hands.fault("bus_b", "stuck", seconds=0.2)
    assert world.faults()["adc_cv"].after == 5
    assert world.faults()["bus_b"].seconds == 0.2
    hands.fault("adc_pots", "strapped", address=0x48)
    hands.fault("cv3", "open")
    assert (world.faults()["adc_pots"].address, world.faults()["cv3"].kind) == (0x48, "open")
    for what in ("adc_cv", "bus_b", "adc_pots", "cv3"):
        hands.repair(what)
    assert not world.faults()


def test_noise_can_be_switched(hands: RackControl, world: World) -> None:
    hands.noise(False)
    assert not world.noisy()
    hands.noise(True)
    assert world.noisy()


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("turn_pot", ("pot5", 0.5)),
        ("patch", ("out", "seq.cv")),
        ("patch", ("cv1", "seq.out")),
        ("fault", ("fan", "absent")),
        ("fault", ("bus_a", "absent")),
        ("fault", ("oled", "stuck")),
    ],
)
def test_what_is_not_there_is_refused(hands: RackControl, method: str, arguments: tuple) -> None:
    with pytest.raises(BadInput):
        getattr(hands, method)(*arguments)
