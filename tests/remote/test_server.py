"""The socket as its clients see it: a desk, a run directory with a playing module's files, the server in a thread."""

import dataclasses
import json
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from frames import frames
from rig import wait_for

from neurorack import cli
from neurorack.bundle import find, read_card
from neurorack.errors import BadInput
from neurorack.jacks.calibration import Calibration, Correction
from neurorack.jacks.nominal import Nominal
from neurorack.mailbox import Mailbox, short_path
from neurorack.remote import client as client_module
from neurorack.remote import server as module
from neurorack.remote.client import Client
from neurorack.remote.messages import LINE_MAX, SOCKET
from neurorack.remote.server import CLIENTS_MAX
from neurorack.settings.model import Find
from neurorack.shared import NOTE, FrameTap, Snapshot
from neurorack.takes import store
from neurorack.takes.take import gesture_of

PATIENCE_S = 20.0


Module = Any
"""As `served` has it: `playing`."""


@pytest.fixture
def client(playing: Module) -> Iterator[Client]:
    with Client(playing.run_dir) as made:
        yield made


class Raw:
    """A client without manners."""

    def __init__(self, run_dir: Path, *, hello: bool = True) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_S)
        with short_path(run_dir, SOCKET) as path:
            self.socket.connect(path)
        self._file = self.socket.makefile("rb")
        if hello:
            self.say(b'{"do":"hello","versions":[1]}\n')
            assert self.hear()["version"] == 1

    def say(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def hear(self) -> dict[str, Any]:
        """{} at the end of the connection."""
        try:
            line = self._file.readline()
        except ConnectionResetError:
            return {}
        return json.loads(line) if line else {}

    def close(self) -> None:
        self._file.close()
        self.socket.close()


def until(happens: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def value(client: Client, path: str) -> Any:
    return client.ask("get", paths=[path])["values"][path]


def test_the_socket_is_for_owner_and_group_alone(playing: Module):
    assert stat.S_IMODE((playing.run_dir / SOCKET).stat().st_mode) == 0o660
    assert stat.S_IMODE((playing.run_dir / "panic").stat().st_mode) == 0o660


def test_values_are_read_by_path_and_by_branch(playing: Module, client: Client):
    playing.play(cv_v=[0.5, 1, 2, 3, 4], gate=[1, 0], load=0.125)
    until(lambda: value(client, "jack.cv4.volts") == 4.0)
    jacks = client.ask("get", paths=["jack"])["values"]
    assert jacks["jack.voct.volts"] == 0.5 and jacks["jack.gate1.level"] == 1
    assert value(client, "meters.load") == 0.125
    assert value(client, "system.engine") == "playing"
    assert value(client, "gestures") == ["hold", "still"]
    everything = client.ask("get")["values"]
    assert everything.keys() >= jacks.keys() and "knob.centroid.attenuverter.cv1" in everything
    with pytest.raises(BadInput, match="no such value"):
        client.ask("get", paths=["knob.centroyd"])


def test_whether_the_reference_is_seen_can_be_read(playing: Module, client: Client):
    assert value(client, "jack.reference_ok") is None
    playing.play(reference_v=2.5)
    until(lambda: value(client, "jack.reference_ok") is True)
    playing.play(reference_lost=1)
    until(lambda: value(client, "jack.reference_ok") is False)


def test_only_what_plays_corrected_counts_as_calibrated(playing: Module, client: Client):
    line = Nominal(-0.3, 2.25)
    path = playing.run_dir / "calibration.toml"
    Calibration({"voct": Correction([0.0], [0.1], line), "cv1": Correction([0.0], [0.1])}).save(path)
    (playing.run_dir / "calibration").symlink_to(path)
    playing.play(gain=-0.3, offset_v=2.25)
    until(lambda: value(client, "calibration.jacks") == ["voct"])
    (notice,) = value(client, "calibration.notices")
    assert "cv1: it does not say" in notice
    playing.play(gain=-0.29703)
    until(lambda: value(client, "calibration.jacks") == [])
    assert len(value(client, "calibration.notices")) == 2


@pytest.mark.parametrize(
    ("path", "given", "after"),
    [
        ("depth", 2, 2.0),
        ("gesture", "still", 1),
        ("gate2", "tap", "tap"),
        ("scale", "major", "101011010101"),
        ("enveloped", ["cv3"], ["cv3"]),
        ("knob.morph.base", 0.5, 0.5),
        ("knob.boominess.attenuverter.cv2", -0.5, -0.5),
        ("knob.pitch.offset", 1.5, 1.5),
        ("knob.rms.curve", "s-curve", "s-curve"),
        ("knob.rms.pot", None, None),
        ("find_seed", 7, 7),
        ("found", None, None),
    ],
)
def test_what_is_set_plays_and_is_read_back(playing: Module, client: Client, path: str, given: Any, after: Any):
    assert client.ask("set", path=path, value=given)["done"]
    assert value(client, path) == after


def note(playing: Module) -> Any:
    """What the jacks read."""
    file = Snapshot(playing.run_dir / "note", NOTE)
    assert file.refresh()
    record = file.record.copy()
    file.close()
    return record


def test_a_note_is_played_moved_and_ended(playing: Module, client: Client):
    before = int(note(playing)["strikes"])
    assert client.ask("note", volts=0.25, gate=True, level=0.1)["done"]
    played = note(playing)
    assert (played["gate"], played["volts"], played["players"], played["strikes"]) == (1, 0.25, 1, before + 1)
    assert played["level"] == pytest.approx(0.1)
    client.ask("note", volts=0.5, gate=True)
    assert (note(playing)["volts"], note(playing)["strikes"]) == (0.5, before + 1), "it goes on"
    client.ask("note", volts=0.5, gate=True, strike=True)
    assert note(playing)["strikes"] == before + 2, "it begins anew"
    client.ask("note", volts=0.5, gate=False)
    assert (note(playing)["gate"], note(playing)["volts"]) == (0, 0.5)
    client.ask("note", volts=0.5, gate=False, strike=True)
    assert (note(playing)["gate"], note(playing)["strikes"]) == (0, before + 3), "it is over already"
    assert value(client, "note.strikes") == before + 3


def test_of_several_clients_the_last_note_plays_and_one_that_is_gone_holds_nothing(playing: Module, client: Client):
    with Client(playing.run_dir) as other:
        client.ask("note", volts=0.0, gate=True)
        other.ask("note", volts=1.0, gate=True)
        client.ask("note", volts=-1.0, gate=True)
        assert (note(playing)["volts"], note(playing)["players"]) == (1.0, 2), "a pitch that moves does not begin"
        other.ask("note", volts=1.0, gate=False)
        assert (note(playing)["gate"], note(playing)["volts"]) == (1, -1.0), "the one before is still held"
        other.ask("note", volts=2.0, gate=True)
        assert note(playing)["volts"] == 2.0
    until(lambda: note(playing)["volts"] == -1.0)
    client.close()
    until(lambda: (note(playing)["gate"], note(playing)["players"]) == (0, 0))


def test_a_note_that_is_held_is_written_anew_for_the_jacks(playing: Module, client: Client):
    client.ask("note", volts=0.0, gate=True)
    t_ns = int(note(playing)["t_ns"])
    until(lambda: int(note(playing)["t_ns"]) > t_ns)
    client.ask("note", volts=0.0, gate=False)
    t_ns = int(note(playing)["t_ns"])
    time.sleep(1.6)
    assert int(note(playing)["t_ns"]) == t_ns, "silence is not"


@pytest.mark.parametrize(
    "fields", [{}, {"volts": 11, "gate": True}, {"volts": "c", "gate": True}, {"volts": 0, "gate": 1, "level": 2}]
)
def test_a_note_that_cannot_be_is_refused(playing: Module, client: Client, fields: dict[str, Any]):
    before = note(playing)
    with pytest.raises(BadInput, match="not a message"):
        client.ask("note", **fields)
    assert note(playing) == before


def test_notes_are_of_version_2_and_for_those_who_may_do_more_than_look(playing: Module):
    raw = Raw(playing.run_dir)  # speaks version 1
    raw.say(b'{"do":"note","volts":0,"gate":true}\n')
    assert raw.hear()["error"]["code"] == "refused"
    raw.close()
    with Client(playing.run_dir, read_only=True) as looker, pytest.raises(BadInput, match="only reads"):
        looker.ask("note", volts=0, gate=True)
    assert not note(playing)["gate"]


def keep_take(playing: Module, state_dir: Path, name: str, number: int) -> None:
    """As a recording leaves it, when the disk has it."""
    card = read_card(find("tiny"))
    gesture = gesture_of(card, frames(seed=number), np.full(5, 0.5))
    store.save(state_dir, card, dataclasses.replace(gesture, name=name), number)
    playing.desk._turn_to("tiny")
    playing.desk._settle(others=True)


def test_recorded_gestures_are_listed_chosen_by_name_and_missed_when_they_are_gone(
    playing: Module, client: Client, state_dir: Path
):
    assert value(client, "takes") == []
    keep_take(playing, state_dir, "sweep", 1)
    until(lambda: value(client, "takes") == ["sweep"])
    assert value(client, "gestures") == ["hold", "still", "sweep"]
    client.ask("set", path="gesture", value="sweep")
    client.ask("set", path="morph_to", value="sweep")
    assert (value(client, "gesture"), value(client, "morph_to")) == (2, 2)
    assert playing.desk.sound.take
    client.ask("gesture", deed="rename", gesture="sweep", name="wind")
    until(lambda: playing.desk.follow(None) or playing.desk.takes == ["wind"])
    until(lambda: value(client, "takes") == ["wind"])
    assert client.ask("gesture", deed="remove", gesture="wind")["stage"] == "keeping"
    until(lambda: playing.desk.follow(None) or not playing.desk.takes)
    until(lambda: value(client, "gestures") == ["hold", "still"])
    assert value(client, "gesture") == 0


def test_a_recording_is_asked_for_and_given_up(playing: Module, client: Client):
    with pytest.raises(BadInput, match="frames"):
        client.ask("gesture", deed="record")
    FrameTap(playing.run_dir / "frames", create=True)
    answer = client.ask("gesture", deed="record", name="sweep")
    assert answer["done"] and answer["stage"] == "waiting for a gate"
    with pytest.raises(BadInput, match="is being recorded"):
        client.ask("gesture", deed="remove", gesture="nobody")
    assert client.ask("gesture", deed="cancel")["stage"] == "idle"
    with pytest.raises(BadInput, match="no recorded gesture is called 'nobody'"):
        client.ask("gesture", deed="remove", gesture="nobody")


def test_what_was_found_is_shown_and_dropped(playing: Module, client: Client):
    found = Find(at=(0.75, 0.5), change=np.ones(4, "<f2").tobytes())
    for drop in (("found", None), ("gesture", 0)):
        playing.desk.play(msgspec.structs.replace(playing.desk.sound, found=found))
        until(lambda: value(client, "found") == [0.75, 0.5])
        client.ask("set", path=drop[0], value=drop[1])
        assert value(client, "found") is None and playing.desk.sound.found is None


def test_a_knob_with_a_pot_stands_where_it_is_set_until_its_pot_passes(playing: Module, client: Client):
    until(lambda: playing.desk.sound.pots is not None)
    client.ask("set", path="knob.centroid.base", value=0.75)
    assert playing.desk.sound.pots == (0.1, 0.75, 0.3, 0.4), "the others as remembered"
    assert playing.desk.sound.knobs["centroid"].pot == "pot2"
    patch = playing.server.tree.record("patch")
    assert patch["recalled"][1] == 0.75 and patch["recalled_ns"] > 0


@pytest.mark.parametrize(
    ("path", "given", "complaint"),
    [
        ("depth", 5, "<= 4.0"),
        ("depth", "deep", "float"),
        ("knob.morph.base", 1.5, "give a number, 0…1"),
        ("knob.morph.base", True, "give a number"),
        ("knob.morph.attenuverter.cv9", 0.5, "cannot be set"),
        ("meters.lost", 0, "cannot be set"),
        ("gesture", "nobody", "no gesture"),
        ("bundle", "nobody", "nobody"),
        ("scale", "x", "no scale"),
        ("find_seed", 10_000, "<= 9999"),
        ("found", "x", "give null"),
    ],
)
def test_what_cannot_be_set_is_refused_and_nothing_changes(
    playing: Module, client: Client, path: str, given: Any, complaint: str
):
    before = playing.desk.sound
    with pytest.raises(BadInput, match=complaint):
        client.ask("set", path=path, value=given)
    assert playing.desk.sound == before


def test_presets_are_saved_recalled_and_listed(playing: Module, client: Client):
    client.ask("set", path="depth", value=3)
    rows = client.ask("preset", deed="save", number=5, name="deep")["presets"]
    assert {"number": 5, "name": "deep", "bundle": playing.desk.sound.bundle, "gesture": 0} in rows
    assert value(client, "preset.5.name") == "deep"
    client.ask("set", path="depth", value=1)
    client.ask("preset", deed="recall", number=5)
    assert value(client, "depth") == 3.0
    with pytest.raises(BadInput, match="empty"):
        client.ask("preset", deed="recall", number=6)


def test_who_only_reads_changes_nothing(playing: Module):
    with Client(playing.run_dir, read_only=True) as reader:
        for wish in (
            {"do": "set", "path": "depth", "value": 2},
            {"do": "panic"},
            {"do": "panic", "undo": True},
            {"do": "preset", "deed": "clear"},
            {"do": "gesture", "deed": "record"},
        ):
            with pytest.raises(BadInput, match="only reads"):
                reader.ask(**wish)
        assert reader.ask("preset", deed="list")["presets"]
        assert not playing.switch.on and playing.desk.sound.depth == 1.0


def test_a_watch_tells_what_changed_and_nothing_else(playing: Module, client: Client):
    first = client.ask("watch", paths=["jack.cv1", "depth"], every_s=0.1)["values"]
    assert first["depth"] == 1.0
    assert client.told(0.3) is None
    playing.play(cv_v=[0, 1.5, 0, 0, 0])
    assert client.told(PATIENCE_S) == {"jack.cv1.volts": 1.5}
    client.ask("watch", every_s=0)
    playing.play(cv_v=[0, 2.5, 0, 0, 0])
    assert client.told(0.3) is None


def test_a_preset_that_is_gone_is_told_as_null(playing: Module, client: Client):
    until(lambda: "preset.1.name" in client.ask("get", paths=["preset"])["values"])
    client.ask("watch", paths=["preset"])
    client.ask("preset", deed="clear", number=1)
    assert client.told(PATIENCE_S) == dict.fromkeys(("preset.1.bundle", "preset.1.gesture", "preset.1.name"))


def test_panic_needs_no_daemon(playing: Module, client: Client):
    playing.desk_sleeps = True
    assert client.ask("panic")["done"] and playing.switch.on


def test_a_panic_is_undone_from_afar_once(playing: Module, client: Client, capsys: pytest.CaptureFixture[str]):
    client.ask("set", path="depth", value=2)
    for undo in (["panic", "--undo"], ["panic", "--undo", "--json"]):
        playing.panics = True
        until(lambda: value(client, "depth") == 1.0)
        assert cli.main(["ctl", *undo, "--run-dir", str(playing.run_dir)]) == 0
        assert "once more plays what came after, if anything" in capsys.readouterr().out, "here nothing did"
        assert value(client, "depth") == 2.0 and not playing.switch.on
    assert cli.main(["ctl", "panic", "--undo", "--run-dir", str(playing.run_dir)]) == 2
    assert "no panic to undo" in capsys.readouterr().err


def test_the_panel_is_mirrored(playing: Module, client: Client):
    pixels = np.random.default_rng(1).integers(0, 256, (8, 128)).astype("u1")
    playing.panel.record["pages"], playing.panel.record["leds"] = pixels, 0.5
    playing.panel.publish()
    import base64

    until(lambda: base64.b64decode(value(client, "panel.page3")) == pixels[3].tobytes())
    assert value(client, "panel.led.clip") == 0.5


def test_that_a_safe_sound_plays_and_why_can_be_read(playing: Module, client: Client):
    paths = ["system.sheltered", "system.rung"]
    assert client.ask("get", paths=paths)["values"] == {"system.sheltered": False, "system.rung": "own"}
    playing.desk.shelter()
    playing.play(rung=2)
    wait_for(lambda: client.ask("get", paths=paths)["values"] == {"system.sheltered": True, "system.rung": "tone"})


def test_logs_are_read_from_their_end(playing: Module, client: Client):
    (playing.run_dir / "engine.err").write_text("".join(f"engine: line {i}\n" for i in range(5000)))
    lines = client.ask("log", of="engine")["lines"]
    assert lines[-1] == "engine: line 4999" and len("\n".join(lines)) <= module.LOG_BYTES
    with pytest.raises(BadInput, match="no log of jacks"):
        client.ask("log", of="jacks")


def test_versions_are_agreed_upon_before_anything_else(playing: Module):
    raw = Raw(playing.run_dir, hello=False)
    raw.say(b'{"id":7,"do":"hello","versions":[99, 1]}\n')
    assert raw.hear() | {"limits": 0} == {
        "id": 7, "version": 1, "neurorack": module.neurorack.__version__, "read_only": False, "limits": 0
    }  # fmt: skip
    for line, code in ((b'{"do":"hello","versions":[99]}\n', "version"), (b'{"do":"get"}\n', "hello")):
        stranger = Raw(playing.run_dir, hello=False)
        stranger.say(line)
        assert stranger.hear()["error"]["code"] == code
        assert stranger.hear() == {}


@pytest.mark.parametrize(
    "line",
    [
        b"?", b"{}", b"[]", b"null", b'{"do":"fly"}', b'{"do":"get","paths":"x"}', b'{"do":"get","more":1}',
        b'{"do":"set","path":"depth","value":{"a":1}}', b'{"do":"set","path":"depth","value":1e999}',
        b'{"do":"log","of":"../engine"}', b"\xff\xfe", b"[" * 3000, b'{"id":[1],"do":"get"}',
        b'{"do":"watch","every_s":-1}',
    ],
)  # fmt: skip
def test_what_is_no_message_is_answered_and_the_connection_goes_on(playing: Module, line: bytes):
    raw = Raw(playing.run_dir)
    raw.say(line + b'\n{"id":"then","do":"get","paths":["depth"]}\n')
    assert raw.hear()["error"]["code"] == "malformed"
    assert raw.hear() == {"id": "then", "values": {"depth": 1.0}}


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_that_is_too_long_ends_the_connection(playing: Module, end: bytes):
    raw = Raw(playing.run_dir)
    raw.say(b"x" * LINE_MAX + end)
    assert raw.hear()["error"]["code"] == "too-long"
    assert raw.hear() == {}


def test_messages_may_come_in_pieces_and_in_heaps(playing: Module):
    raw = Raw(playing.run_dir)
    line = b'{"do":"get","paths":["depth"]}\n'
    for byte in line:
        raw.say(bytes([byte]))
    assert raw.hear()["values"] == {"depth": 1.0}
    raw.say(line * 500)
    assert all(raw.hear()["values"] == {"depth": 1.0} for _ in range(500))


def test_one_client_too_many_is_told_so_and_room_comes_back(playing: Module):
    crowd = [Raw(playing.run_dir) for _ in range(CLIENTS_MAX)]
    late = Raw(playing.run_dir, hello=False)
    assert late.hear()["error"]["code"] == "full"
    assert late.hear() == {}
    crowd.pop().close()
    until(lambda: playing.server.clients < CLIENTS_MAX)
    Raw(playing.run_dir)


def test_who_says_no_hello_is_dropped(playing: Module, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "GREETING_S", 0.05)
    silent = Raw(playing.run_dir, hello=False)
    assert silent.hear()["error"]["code"] == "hello"
    assert silent.hear() == {}


def test_who_does_not_read_is_not_read_and_then_dropped(playing: Module, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "STUCK_S", 0.3)
    deaf = Raw(playing.run_dir)
    deaf.socket.settimeout(0.2)
    said = 0
    with pytest.raises(OSError):  # its own buffer is full, or it has been dropped
        while True:
            said += deaf.socket.send(b'{"do":"get"}\n' * 100)
    assert said < 4 << 20
    until(lambda: playing.server.clients == 0)
    with Client(playing.run_dir) as other:
        assert value(other, "depth") == 1.0


def test_a_client_that_is_gone_is_forgotten_while_its_wish_is_done(playing: Module):
    raw = Raw(playing.run_dir)
    raw.say(b'{"do":"set","path":"depth","value":2.5}\n')
    raw.close()
    until(lambda: playing.desk.sound.depth == 2.5)
    until(lambda: playing.server.clients == 0)


def test_a_daemon_that_sleeps_keeps_nobody_from_reading(playing: Module, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "ANSWER_S", 0.5)
    playing.desk_sleeps = True
    waiting = Raw(playing.run_dir)
    waiting.say(b'{"id":1,"do":"set","path":"depth","value":2}\n{"id":2,"do":"get","paths":["depth"]}\n')
    assert waiting.hear() == {"id": 2, "values": {"depth": 1.0}}
    assert waiting.hear()["error"]["what"] == "the daemon does not answer"
    playing.desk_sleeps = False
    with Client(playing.run_dir) as other:
        other.ask("set", path="depth", value=3)
        assert value(other, "depth") == 3.0


def test_more_wishes_than_may_wait_are_refused(playing: Module):
    playing.desk_sleeps = True
    raw = Raw(playing.run_dir)
    raw.say(b'{"id":1,"do":"set","path":"depth","value":2}\n' * (module.LETTERS_MAX + 10))
    assert raw.hear()["error"]["what"] == "too many wishes at once"
    playing.desk_sleeps = False


def test_without_a_daemon_wishes_are_refused_and_values_are_read(
    playing: Module, client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Mailbox, "renew", lambda mailbox: None)
    (playing.run_dir / "daemon.socket").unlink()
    with pytest.raises(BadInput, match="daemon does not run"):
        client.ask("set", path="depth", value=2)
    assert value(client, "depth") == 1.0
    assert value(client, "system.daemon") is False


def test_sockets_that_somebody_removed_come_back_and_who_is_connected_stays(playing: Module, client: Client):
    for name in ("daemon.socket", SOCKET):
        (playing.run_dir / name).unlink()
    until(lambda: all((playing.run_dir / name).is_socket() for name in ("daemon.socket", SOCKET)))
    with Client(playing.run_dir) as other:
        other.ask("set", path="depth", value=2)
        assert value(other, "depth") == value(client, "depth") == 2.0


def test_a_watch_faster_than_the_module_looks_is_refused(client: Client):
    with pytest.raises(BadInput, match=r"cannot look every 0\.05 s \(every_s\): give 0\.1…60, or 0 to end it"):
        client.ask("watch", paths=["depth"], every_s=0.05)


def test_what_the_daemon_tells_the_player_is_told_from_afar_while_it_lives(playing: Module, client: Client):
    def says() -> str:
        time.sleep(module.FRESH_S)
        return str(value(client, "system.notice"))

    playing.play(notice=b"no sound card")
    record = playing.panel.record
    record["notice"], record["t_ns"] = "größer · gone".encode(), time.monotonic_ns()
    playing.panel.publish()
    until(lambda: says() == "größer · gone · no sound card")
    until(lambda: says() == "no sound card")  # the panel has written nothing for half a second


def refusals_of_a_daemon_that_sleeps(playing: Module, wishes: int) -> list[dict[str, Any]]:
    """Of wishes that come while the server waits for the presets, which it asked for itself."""
    playing.desk_sleeps = True
    raw = Raw(playing.run_dir)
    until(lambda: playing.server._sent is not None)
    for depth in range(2, 2 + wishes):
        raw.say(b'{"do":"set","path":"depth","value":%d}\n' % depth)
    refused = [raw.hear()["error"] for _ in range(wishes)]
    playing.desk_sleeps = False
    raw.close()
    return refused


def test_a_wish_waits_for_no_question_of_the_servers_own(playing: Module, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "ANSWER_S", 1.0)
    monkeypatch.setattr(module, "PRESETS_S", 0.0)
    began_s = time.monotonic()
    (refused,) = refusals_of_a_daemon_that_sleeps(playing, 1)
    mend = "it may do it yet: look before you ask again"
    assert refused == {"what": "the daemon does not answer", "where": "", "mend": mend, "code": "daemon"}
    assert time.monotonic() - began_s < 1.0 + 2 * module.COUNT_S, "it looks for that once a second"


def test_wishes_that_a_sleeping_daemon_never_heard_are_given_back_unchanged(
    playing: Module, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "ANSWER_S", 1.0)
    first, _, third = refusals_of_a_daemon_that_sleeps(playing, 3)
    assert "may do it yet" in first["mend"] and "nothing has changed" in third["mend"]
    until(lambda: playing.desk.sound.depth in (2.0, 3.0))


def test_the_servers_own_word_of_a_daemon_that_sleeps_comes_before_the_client_gives_up(
    playing: Module, monkeypatch: pytest.MonkeyPatch
):
    assert client_module.WISH_S > module.ANSWER_S + module.COUNT_S
    monkeypatch.setattr(module, "ANSWER_S", 0.5)
    monkeypatch.setattr(client_module, "ANSWER_S", 0.5)
    with Client(playing.run_dir) as asking:
        playing.desk_sleeps = True
        with pytest.raises(BadInput, match="the daemon does not answer: it may do it yet"):
            asking.ask("set", path="depth", value=2)
    playing.desk_sleeps = False


@pytest.mark.parametrize("path", ["gesture", "morph_to"])
def test_a_gesture_beyond_those_there_are_is_refused_with_how_many_there_are(
    playing: Module, client: Client, path: str
):
    many = len(playing.desk.gestures)
    for number in (many, 9999, 1 << 40):
        told = rf"there is no gesture {number}, but {many} \({path}\): give 0…{many - 1}, or a name: the first is 0"
        with pytest.raises(BadInput, match=told):
            client.ask("set", path=path, value=number)
    client.ask("set", path=path, value=many - 1)
    assert value(client, path) == many - 1
