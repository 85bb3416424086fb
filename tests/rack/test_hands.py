from itertools import pairwise

import pytest

from neurorack.clock import SimulatedClock
from neurorack.panel.encoder import Button, Encoder, Event, Push, Quadrature, Turn
from neurorack.rack.control import RackControl
from neurorack.rack.hands import FIRST_S, LONG_PRESS_S, POT_STEP, REPEAT_S, Hands
from neurorack.rack.world import World


class Module:
    """A rack in memory and the hands on it."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(10**9)
        self.world = World.from_toml(epoch_ns=self.clock.now_ns())
        self.hands = Hands(RackControl(self.world, self.clock), self.clock)

    def wait(self, seconds: float) -> None:
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        while self.clock.now_ns() < end_ns:
            self.clock.sleep_until_ns(self.clock.now_ns() + 20_000_000)
            self.hands.step()

    def events(self) -> list[Event]:
        """What the panel would make of the encoder so far."""
        edges = [(c.t_ns, c.line, c.level) for c in self.world.contacts(0, self.clock.now_ns())]
        return Encoder(Quadrature(), Button()).read(edges, self.clock.now_ns())

    def volts(self, jack: str) -> float:
        return self.world.volts(jack, self.clock.now_ns())


@pytest.fixture
def module() -> Module:
    return Module()


def test_the_encoder_turns_as_the_panel_reads_it(module: Module) -> None:
    module.hands.turn(2)
    module.wait(0.2)
    (turn,) = module.events()
    assert turn.detents == 2 and not turn.fine


def test_it_turns_pushed_without_a_press_of_any_kind(module: Module) -> None:
    for _ in range(3):
        module.hands.turn_pushed(1)
        module.wait(0.2)
    module.wait(1.0)
    assert module.events() == [Turn(3, 3.0, fine=True)]
    module.hands.press()
    module.wait(0.3)
    assert module.events()[-1] is Push.PRESS


def test_a_push_can_be_held_as_long_as_a_panic_takes(module: Module) -> None:
    assert module.hands.toggle_hold()
    module.wait(6.0)
    assert module.events() == [Push.LONG_PRESS]
    assert not module.hands.toggle_hold()
    module.wait(0.1)
    pushes = [c.level for c in module.world.contacts(0, module.clock.now_ns()) if c.line == "encoder_push"]
    assert pushes[-1] == 0
    module.hands.press()
    module.wait(0.3)
    assert module.events()[-1] is Push.PRESS


def test_a_push_is_let_go_by_itself(module: Module) -> None:
    module.hands.press()
    module.wait(0.3)
    assert module.events() == [Push.PRESS]


def test_a_long_push_is_a_long_one_to_the_panel(module: Module) -> None:
    module.hands.press(LONG_PRESS_S)
    module.wait(1.0)
    assert module.events() == [Push.LONG_PRESS]


def test_what_is_typed_while_it_is_pushed_waits_for_its_turn(module: Module) -> None:
    module.hands.press(LONG_PRESS_S)
    module.hands.press(LONG_PRESS_S)
    module.hands.turn(2)
    module.hands.press()
    module.wait(3.0)
    first, second, turned, last = module.events()
    assert (first, second, last) == (Push.LONG_PRESS, Push.LONG_PRESS, Push.PRESS)
    assert isinstance(turned, Turn) and turned.detents == 2 and not turned.fine


def test_a_pot_turns_in_steps_and_stays_at_its_stops(module: Module) -> None:
    before = module.world.pot("pot2")
    module.hands.pot = 1
    module.hands.turn_pot(3)
    assert module.world.pot("pot2") == pytest.approx(before + 3 * POT_STEP)
    module.hands.turn_pot(999)
    assert module.world.pot("pot2") == 1.0
    module.hands.turn_pot(-999)
    assert module.world.pot("pot2") == 0.0


def test_a_tapped_key_sounds_for_a_while(module: Module) -> None:
    module.hands.plug_keyboard()
    module.hands.play("g")  # G, seven semitones up
    module.wait(FIRST_S - 0.1)
    assert module.volts("voct") == pytest.approx(7 / 12, abs=1e-6) and module.volts("gate1") > 1
    module.wait(0.2)
    assert module.volts("gate1") < 0.5 and module.volts("voct") == pytest.approx(7 / 12, abs=1e-6)


def test_a_key_held_down_sounds_until_it_repeats_no_more(module: Module) -> None:
    module.hands.plug_keyboard()
    module.hands.play("a")
    module.wait(0.6)
    for _ in range(20):
        module.hands.play("a")
        module.wait(0.04)
        assert module.volts("gate1") > 1
    module.wait(REPEAT_S + 0.05)
    assert module.volts("gate1") < 0.5


def test_the_next_key_takes_over_without_a_gap(module: Module) -> None:
    module.hands.plug_keyboard()
    began_ns = module.clock.now_ns()
    module.hands.play("a")
    module.wait(0.2)
    module.hands.shift_octave(1)
    module.hands.play("a")
    module.wait(0.2)
    assert module.volts("voct") == pytest.approx(1.0)
    assert len(module.world.edges("gate1", began_ns - 1, module.clock.now_ns(), 0)) == 1


def test_the_octave_has_ends(module: Module) -> None:
    for _ in range(9):
        module.hands.shift_octave(1)
    assert module.hands.octave == 3
    for _ in range(9):
        module.hands.shift_octave(-1)
    assert module.hands.octave == -3


def test_the_keyboard_is_plugged_and_the_old_cables_come_back(module: Module) -> None:
    before = dict(module.world.state.cables)
    assert not module.hands.keyboard_plays()
    assert module.hands.plug_keyboard() and module.hands.keyboard_plays()
    assert module.world.state.cables["voct"] == "keys.cv"
    assert not module.hands.plug_keyboard()
    assert module.world.state.cables == before


def test_a_cable_goes_round_every_output_and_none(module: Module) -> None:
    first, seen = module.world.state.cables.get("cv2", ""), []
    for _ in range(1 + len(module.world.outputs)):
        seen.append(module.world.state.cables.get("cv2", ""))
        module.hands.plug_next("cv2", 1)
    assert sorted(seen) == sorted(["", *module.world.outputs])
    assert module.world.state.cables.get("cv2", "") == first
    module.hands.plug_next("cv2", -1)
    assert module.world.state.cables.get("cv2", "") == seen[-1]


def test_one_thing_is_broken_at_a_time_and_at_last_nothing(module: Module) -> None:
    broken = []
    for _ in range(20):
        broken.append(module.hands.break_next())
        assert list(module.world.faults()) == [what for what in [broken[-1]] if what]
        if broken[-1] is None:
            break
    assert broken[-1] is None and len(set(broken)) == len(broken) >= 6
    assert all(a != b for a, b in pairwise(broken))


def test_noise_is_switched_off_and_on(module: Module) -> None:
    assert not module.hands.toggle_noise() and not module.world.noisy()
    assert module.hands.toggle_noise() and module.world.noisy()


def test_letting_go_ends_notes_and_pushes(module: Module) -> None:
    module.hands.plug_keyboard()
    module.hands.play("a")
    module.hands.press(LONG_PRESS_S)
    module.wait(0.1)
    module.hands.let_go()
    module.wait(0.02)
    assert module.volts("gate1") < 0.5
    assert module.world.contacts(0, module.clock.now_ns())[-1].level == 0
