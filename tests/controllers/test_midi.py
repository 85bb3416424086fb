"""MIDI's bytes: notes and knobs out of every legal stream, and no harm out of any other."""

import random

import pytest

from neurorack.controllers.keys import Keys
from neurorack.controllers.knobs import Knobs, load
from neurorack.controllers.midi import Midi, Stream, position


def heard_in(data: bytes) -> list[tuple[int, int, int]]:
    return list(Stream().feed(data))


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        ("90 3c 40 80 3c 00", [(0x90, 60, 64), (0x80, 60, 0)]),
        ("90 3c 40 3c 00 3e 40", [(0x90, 60, 64), (0x90, 60, 0), (0x90, 62, 64)]),  # running status
        ("90 f8 3c fe 40", [(0x90, 60, 64)]),  # clock and active sensing inside of a note
        ("90 3c f8 40 f8 3e f8 40", [(0x90, 60, 64), (0x90, 62, 64)]),
        ("c0 05 06 d0 07", [(0xC0, 5, 0), (0xC0, 6, 0), (0xD0, 7, 0)]),
        ("90 3c 40 f0 7e 7f 06 01 f7 3e 40", [(0x90, 60, 64)]),  # exclusive ends running status
        ("f0 01 02 90 3c 40", [(0x90, 60, 64)]),  # an exclusive that was cut off
        ("f2 10 20 f3 05 f6 b0 4a 7f", [(0xB0, 74, 127)]),
        ("3c 40 00 90 3c 90 3e 40", [(0x90, 62, 64)]),  # joined in the middle, and a lost byte
        ("e0 00 40 7f 7f", [(0xE0, 0, 64), (0xE0, 127, 127)]),
        ("f9 fd ff f4 f5", []),
    ],
)
def test_messages_are_found_in_what_a_port_may_send(data, messages):
    raw = bytes.fromhex(data)
    assert heard_in(raw) == messages
    stream = Stream()
    assert [message for byte in raw for message in stream.feed(bytes([byte]))] == messages, "byte by byte the same"


@pytest.fixture
def play(heard):
    """`play("90 3c 40", port=1, **map)`: these bytes at this port."""
    streams: dict[int, Stream] = {}
    made: list[Midi] = []

    def feed(data: str, port: int = 0, **knobs: object) -> Midi:
        if not made:
            chosen = Knobs(**knobs) if knobs else load()  # type: ignore[arg-type]
            made.append(Midi(heard, Keys(heard, legato=chosen.legato, velocity=chosen.velocity), chosen))
        for message in streams.setdefault(port, Stream()).feed(bytes.fromhex(data)):
            made[0].hear(port, message)
        return made[0]

    return feed


def test_a_note_plays_at_its_pitch_and_one_of_velocity_zero_ends_it(play, heard):
    play("90 48 40")
    assert (heard.gate, heard.volts) == (True, 1.0)
    play("90 48 00")
    assert not heard.gate


@pytest.mark.parametrize(("data", "semitones"), [("e0 00 40", 0), ("e0 00 00", -2), ("e0 7f 7f", 2)])
def test_the_wheel_goes_two_semitones_either_way(play, heard, data, semitones):
    play(f"90 3c 40 {data}")
    assert heard.semitones == pytest.approx(semitones, abs=3e-4)


@pytest.mark.parametrize(
    ("data", "deed"),
    [
        ("b0 4a 7f", ("set", "knob.centroid.base", 1.0)),
        ("b3 07 00", ("set", "knob.rms.base", 0.0)),
        ("bf 01 40", ("set", "knob.morph.base", 0.5)),
        ("c0 00", ("recall", 1)),
        ("c0 3f", ("recall", 64)),
    ],
)
def test_controllers_turn_knobs_and_programs_are_presets(play, heard, data, deed):
    play(data)
    assert heard.deeds == [deed]


def test_what_has_no_meaning_here_does_nothing(play, heard):
    play("c0 40 c0 7f b0 00 01 b0 65 00 b0 77 40 d0 40 a0 3c 40")
    assert not heard.deeds and not heard.strikes


@pytest.mark.parametrize("number", [120, 123, 124, 127])
def test_all_notes_off_lets_go_of_its_channel_with_pedal_and_all(play, heard, number):
    play(f"b0 40 7f 90 3c 40 b1 {number:02x} 00")
    assert heard.gate, "that was another channel"
    play(f"b0 {number:02x} 00")
    assert not heard.gate
    play("90 3c 40 3c 00")
    assert not heard.gate, "the pedal is up"


def test_reset_all_controllers_lifts_the_pedal_and_centres_the_wheel(play, heard):
    play("e0 7f 7f b0 40 7f 90 3c 40 3c 00 b0 79 00")
    assert (heard.gate, heard.volts) == (False, 0.0)


def test_a_map_with_a_channel_hears_no_other(play, heard):
    play("90 3c 40 b0 4a 10", channel=2, cc={"74": "fine"})
    assert not heard.strikes and not heard.deeds
    play("91 3c 40 b1 4a 40")
    assert heard.gate and heard.deeds == [("set", "knob.fine.base", 0.5)]


def test_a_port_that_is_gone_lets_go_of_its_notes_alone(play, heard):
    midi = play("90 30 40", port=1)
    play("90 3c 40 9f 3e 40", port=2)
    midi.gone(2)
    assert (heard.gate, heard.semitones) == (True, -12)
    midi.gone(1)
    assert not heard.gate


def test_positions_run_over_the_whole_knob_and_rest_in_its_middle():
    positions = [position(value) for value in range(128)]
    assert positions == sorted(set(positions)) and (positions[0], positions[64], positions[127]) == (0.0, 0.5, 1.0)


def test_a_hundred_thousand_random_bytes_harm_nothing_and_the_next_note_plays(play, heard):
    chance = random.Random(1)
    for size in [1_009] * 50:
        play(chance.randbytes(size).hex(), legato=False, cc={"60": "centroid"})  # any byte
        likely = (chance.choice([0x90, 0x80, 0xB0, 0xC0, 0xE0, 0xF0, 0xF7, 0xFE, 60, 64, 0, 127]) for _ in range(size))
        play(bytes(likely).hex(), port=1)
    assert heard.strikes > 1_000 and heard.deeds, "it was heard"
    assert -10 <= heard.volts <= 10
    play("".join(f"b{channel:x}7b00" for channel in range(16)))
    play("".join(f"b{channel:x}7b00" for channel in range(16)), port=1)
    assert not heard.gate
    play("90 3c 40")
    assert (heard.gate, heard.volts) == (True, 0.0)
