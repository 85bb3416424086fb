"""OSC's datagrams: what the page says is played, and no harm comes of anything else."""

import contextlib
import random
import struct

import pytest

from neurorack.controllers.keys import Keys
from neurorack.controllers.osc import BYTES_MAX, DEPTH_MAX, Osc, messages
from neurorack.errors import BadInput


def text(said: str) -> bytes:
    raw = said.encode() + b"\0"
    return raw + bytes(-len(raw) % 4)


def message(address: str, *arguments: object) -> bytes:
    """As OSC 1.0 writes it."""
    tags, raw = ",", b""
    for a in arguments:
        if isinstance(a, bool):
            tags += "FT"[a]
        elif isinstance(a, int):
            tags, raw = tags + "i", raw + struct.pack(">i", a)
        elif isinstance(a, float):
            tags, raw = tags + "f", raw + struct.pack(">f", a)
        else:
            tags, raw = tags + "s", raw + text(str(a))
    return text(address) + text(tags) + raw


def bundle(*elements: bytes) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


@pytest.fixture
def osc(heard):
    return Osc(heard, Keys(heard, legato=True, velocity=0.5))


@pytest.fixture
def send(osc):
    def do(*datagrams: bytes) -> None:
        for datagram in datagrams:
            for one in messages(datagram):
                osc.hear(one)

    return do


def test_the_specifications_own_example_is_read():
    raw = bytes.fromhex("2f6f7363696c6c61746f722f342f6672657175656e637900 2c660000 43dc0000")
    assert list(messages(raw)) == [("/oscillator/4/frequency", [440.0])]
    raw = bytes.fromhex("2f666f6f00000000 2c69697366660000 000003e8 ffffffff 68656c6c6f000000 3f9df3b6 40b5b22d")
    ((address, arguments),) = messages(raw)
    assert address == "/foo" and arguments[:3] == [1000, -1, "hello"]
    assert arguments[3:] == pytest.approx([1.234, 5.678])


@pytest.mark.parametrize(
    ("datagram", "deed"),
    [
        (message("/knob/centroid", 0.5), ("set", "knob.centroid.base", 0.5)),
        (message("/knob/morph/attenuverter/cv1", -1), ("set", "knob.morph.attenuverter.cv1", -1)),
        (message("/knob/rms/pot", "pot2"), ("set", "knob.rms.pot", "pot2")),
        (message("/bundle", "skins"), ("set", "bundle", "skins")),
        (message("/gesture", "pluck"), ("set", "gesture", "pluck")),
        (message("/gesture", 3.0), ("set", "gesture", 3)),
        (message("/gate2", "tap"), ("set", "gate2", "tap")),
        (message("/enveloped", "cv1", "cv3"), ("set", "enveloped", ["cv1", "cv3"])),
        (message("/preset", 4.0), ("recall", 4)),
        (message("/panic"), ("panic",)),
        (text("/panic"), ("panic",)),  # of old senders, without types
    ],
)
def test_addresses_set_what_they_name(send, heard, datagram, deed):
    send(datagram)
    assert heard.deeds == [deed]


def test_notes_have_pitch_velocity_and_an_end(send, heard):
    send(message("/note", 72, 100))
    assert (heard.gate, heard.volts, heard.level > 0) == (True, 1.0, True)
    send(message("/note", 60.5, 64.0), message("/note", 72, 0))
    assert (heard.gate, heard.semitones, heard.level) == (True, pytest.approx(0.5), 0)
    send(message("/notes/off"))
    assert not heard.gate
    send(message("/note", 60), message("/note", 60, 0))
    assert (heard.gate, heard.strikes) == (False, 2)


def test_gate_and_volts_play_as_a_pair_of_cables(send, heard):
    send(message("/volts", -0.5), message("/gate", 1))
    assert (heard.gate, heard.volts) == (True, -0.5)
    send(message("/volts", 0.25))
    assert (heard.gate, heard.volts, heard.strikes) == (True, 0.25, 1)
    send(message("/gate", False))
    assert not heard.gate


def test_a_bundle_plays_all_that_is_in_it_and_in_those_in_it(send, heard):
    inner = bundle(message("/knob/rms", 0.25), message("/note", 60, 64))
    send(bundle(message("/knob/centroid", 0.5), bundle(inner)))
    assert [deed[1] for deed in heard.deeds] == ["knob.centroid.base", "knob.rms.base"] and heard.gate


def deep(levels: int) -> bytes:
    raw = message("/panic")
    for _ in range(levels):
        raw = bundle(raw)
    return raw


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"/",
        b"/knob/centroid",
        b"knob\0\0\0\0,\0\0\0",
        text("/note") + b"if\0\0",
        text("/note") + text(",if") + b"\0\0\0\1",
        text("/note") + text(",i"),
        text("/note") + text(",b") + b"\0\0\0\0",
        text("/note") + text("," + "i" * 500),
        b"/\xff\xfe\0,\0\0\0",
        b"#bundle\0",
        bundle(b"")[:-2],
        bundle()[:-1] + b"\1\1",
        b"#bundle\0" + struct.pack(">Qi", 1, -4),
        b"#bundle\0" + struct.pack(">Qi", 1, -2147483648),
        b"#bundle\0" + struct.pack(">Qi", 1, 2147483647) + b"/a\0\0",
        deep(DEPTH_MAX + 1),
        deep(2_000),
    ],
)
def test_what_is_no_osc_is_refused_and_plays_nothing(send, heard, datagram):
    with contextlib.suppress(ValueError):
        send(datagram)
    assert not heard.deeds and not heard.strikes


@pytest.mark.parametrize(
    ("datagram", "complaint"),
    [
        (message("/knob/centroyd", 0.5), "address"),
        (message("/meters/lost", 0), "address"),
        (message("/" + "x" * 1000, 0), "address"),
        (message("/knob/centroid"), "0 arguments"),
        (message("/knob/centroid", 0.1, 0.2), "2 arguments"),
        (message("/knob/centroid", float("nan")), "number"),
        (message("/volts", float("inf")), "number"),
        (message("/note", "c4"), "number"),
        (message("/note", 1e30), "no note"),
        (message("/note"), "0 arguments"),
        (message("/preset", 65), "no preset"),
        (message("/preset", 1e30), "no preset"),
        (message("/gesture", "x" * 1000), "long"),
    ],
)
def test_what_means_nothing_is_said_in_one_line(send, heard, datagram, complaint):
    with pytest.raises(BadInput, match=complaint) as refused:
        send(datagram)
    assert len(str(refused.value)) < 200 and not heard.deeds and not heard.strikes


def test_a_hundred_thousand_spoilt_datagrams_harm_nothing_and_the_next_note_plays(send, heard):
    chance, good = random.Random(2), [
        message("/knob/centroid", 0.5), message("/note", 60, 64), message("/gesture", "pluck"), message("/volts", 1.0),
        bundle(message("/note", 60, 0), bundle(message("/gate", 1))), message("/enveloped", "cv1"), deep(3),
    ]  # fmt: skip
    refused = 0
    for _ in range(100_000):
        spoilt = bytearray(chance.choice(good))
        for _ in range(chance.randrange(4)):
            spoilt[chance.randrange(len(spoilt))] = chance.choice([0, 4, 0x2F, 0x7F, 0xFF, chance.randrange(256)])
        if chance.random() < 0.2:
            spoilt = spoilt[: chance.randrange(len(spoilt))] + chance.randbytes(chance.randrange(BYTES_MAX))
        try:
            send(bytes(spoilt))
        except (ValueError, BadInput):
            refused += 1
    assert refused > 1_000 and len(heard.deeds) > 1_000
    assert -10 <= heard.volts <= 10
    send(message("/notes/off"))
    assert not heard.gate
    send(message("/note", 72, 64))
    assert (heard.gate, heard.volts) == (True, pytest.approx(1.0))
