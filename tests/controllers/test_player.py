"""A keyboard in front of a module's real socket: bytes go in at a file like the kernel's, out comes what jacks read."""

import os
import pty
import select
import statistics
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from neurorack.controllers import ports
from neurorack.controllers.keys import Keys
from neurorack.controllers.knobs import load
from neurorack.controllers.midi import SENSED_S, Midi
from neurorack.controllers.player import Player
from neurorack.controllers.ports import Ports
from neurorack.controllers.serve import TURN_S, Log, turn
from neurorack.mailbox import ANSWER_S
from neurorack.remote.client import Client
from neurorack.shared import NOTE, Snapshot

PATIENCE_S = 20.0


class Desk:
    """`neurorack midi` without its process. Devices are in a folder; `lines` is what the log says."""

    def __init__(self, run_dir: Path, devices: Path) -> None:
        self.run_dir, self.devices, self.lines = run_dir, devices, []  # type: Path, Path, list[str]
        devices.mkdir()
        knobs = load()
        self.player = Player(run_dir, self.lines.append)
        self.keys = Keys(self.player, legato=knobs.legato, velocity=knobs.velocity)
        self.ports = Ports(Midi(self.player, self.keys, knobs), self.lines.append, devices, devices)
        self._note: Snapshot | None = None

    def plug(self, name: str = "midiC1D0") -> int:
        """A keyboard; writing to what is returned plays it, closing it pulls its plug."""
        keyboard, end = pty.openpty()
        tty.setraw(end)
        (self.devices / name).symlink_to(os.ttyname(end))
        self.until(lambda: any(name in line for line in self.lines))
        os.close(end)
        return keyboard

    def until(self, happens: Callable[[], object], longest_s: float = 0.01) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not happens():
            assert time.monotonic() < give_up, self.lines
            turn(self.player, self.ports, longest_s=longest_s)

    @property
    def note(self) -> Any:
        """What the jacks read."""
        if self._note is None:
            self._note = Snapshot(self.run_dir / "note", NOTE)
        self._note.refresh()
        return self._note.record

    def close(self) -> None:
        self.ports.close()
        self.player.close()


@pytest.fixture
def desk(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(ports, "LOOK_S", 0.05)
    made = Desk(run_dir, tmp_path / "snd")
    yield made
    made.close()


def test_keys_play_and_a_keyboard_that_is_pulled_lets_go(playing, desk):
    first, second = desk.plug(), desk.plug("midiC2D0")
    os.write(first, bytes.fromhex("90 3c 40 48 40"))
    desk.until(lambda: desk.note["gate"] and desk.note["volts"] == 1.0)
    os.write(second, bytes.fromhex("90 30 40"))
    desk.until(lambda: desk.note["volts"] == -1.0)
    os.close(second)
    (desk.devices / "midiC2D0").unlink()
    desk.until(lambda: desk.note["volts"] == 1.0)
    assert desk.note["gate"], "the other one's keys are down"
    os.close(first)
    (desk.devices / "midiC1D0").unlink()
    desk.until(lambda: not desk.note["gate"])
    assert sum("is gone" in line for line in desk.lines) == 2
    third = desk.plug()
    os.write(third, bytes.fromhex("90 3c 40"))
    desk.until(lambda: desk.note["gate"])
    os.close(third)


def test_a_cable_that_was_alive_and_says_it_no_more_lets_go(playing, desk):
    keyboard = desk.plug()
    os.write(keyboard, bytes.fromhex("fe 90 3c 40"))
    desk.until(lambda: desk.note["gate"])
    heard_s = time.monotonic()
    desk.until(lambda: not desk.note["gate"])
    assert time.monotonic() - heard_s > 0.25
    os.write(keyboard, bytes.fromhex("90 3c 40"))
    desk.until(lambda: desk.note["gate"], longest_s=0.1)
    assert not [line for line in desk.lines if "gone" in line]
    os.close(keyboard)


def test_a_process_that_slept_itself_takes_no_cable_for_pulled(playing, desk):
    keyboard = desk.plug()
    os.write(keyboard, bytes.fromhex("fe 90 3c 40"))
    desk.until(lambda: desk.note["gate"])
    strikes = int(desk.note["strikes"])
    time.sleep(1.1 * SENSED_S)
    os.write(keyboard, bytes.fromhex("fe"))
    time.sleep(0.1)  # through the terminal
    turn(desk.player, desk.ports, longest_s=0.0)
    os.write(keyboard, bytes.fromhex("90 40 40"))
    desk.until(lambda: desk.note["volts"] > 0.3)
    assert desk.note["strikes"] == strikes, "the first key is still down: legato"
    os.close(keyboard)


def test_whether_things_are_struck_is_known_of_the_instrument_that_plays(playing, desk, struck_bundle, monkeypatch):
    keyboard = desk.plug()
    os.write(keyboard, bytes.fromhex("90 3c 40"))
    desk.until(lambda: desk.note["gate"])
    assert not desk.player.struck
    own = os.environ["NEURORACK_MODELS"]
    monkeypatch.setenv("NEURORACK_MODELS", str(struck_bundle.parent))
    desk.player.set("bundle", struck_bundle.name)
    desk.until(lambda: desk.player.struck)
    strikes = int(desk.note["strikes"])
    os.write(keyboard, bytes.fromhex("90 40 40"))
    desk.until(lambda: desk.note["strikes"] == strikes + 1)
    monkeypatch.setenv("NEURORACK_MODELS", own)
    desk.player.set("bundle", "tiny")
    desk.until(lambda: not desk.player.struck)
    os.close(keyboard)


def test_the_process_that_ends_lets_go_and_leaves_the_pitch_to_the_cable(playing, desk):
    keyboard = desk.plug()
    os.write(keyboard, bytes.fromhex("90 3c 40"))
    desk.until(lambda: desk.note["gate"])
    desk.player.close()
    give_up = time.monotonic() + PATIENCE_S
    while desk.note["gate"] or desk.note["players"]:
        assert time.monotonic() < give_up
    os.close(keyboard)


def base(playing: Any, knob: str) -> float | None:
    """Where it stands without a cable; None where nobody has touched it."""
    knobs = playing.desk.sound.knobs
    return knobs[knob].base if knob in knobs else None


def test_controllers_turn_the_knobs_of_what_plays_and_programs_recall(playing, desk):
    keyboard = desk.plug()
    os.write(keyboard, bytes.fromhex("b0 01 40 b0 48 7f"))
    desk.until(lambda: (base(playing, "morph"), base(playing, "release")) == (0.5, 1.0))
    with Client(desk.run_dir) as client:
        client.ask("preset", deed="save", number=3, name="rain")
    os.write(keyboard, bytes.fromhex("b0 01 7f"))
    desk.until(lambda: base(playing, "morph") == 1.0)
    os.write(keyboard, bytes.fromhex("c0 02"))
    desk.until(lambda: base(playing, "morph") == 0.5)
    os.write(keyboard, bytes.fromhex("c0 3e"))
    desk.until(lambda: any("63" in line for line in desk.lines))
    os.close(keyboard)


def test_a_note_does_not_wait_for_knobs_whose_daemon_sleeps_and_the_newest_of_each_arrives(playing, desk):
    keyboard = desk.plug()
    desk.until(lambda: desk.player.fileno() >= 0)
    playing.desk_sleeps = True
    for value in range(128):
        os.write(keyboard, bytes([0xB0, 1, value, 70, 127 - value]))
        turn(desk.player, desk.ports, longest_s=0.0)
    begin_s = time.monotonic()
    os.write(keyboard, bytes.fromhex("90 48 40"))
    desk.until(lambda: desk.note["gate"] and desk.note["volts"] == 1.0)
    assert time.monotonic() - begin_s < ANSWER_S / 2, "no knob had its answer yet"
    playing.desk_sleeps = False
    desk.until(lambda: (base(playing, "morph"), base(playing, "variation")) == (1.0, 0.0))
    os.close(keyboard)


def test_short_notes_faster_than_the_socket_are_each_played_or_end_played(playing, desk):
    keyboard = desk.plug()
    desk.until(lambda: desk.player.fileno() >= 0)
    before = int(desk.note["strikes"])
    os.write(keyboard, bytes.fromhex("90 3c 40 3c 00"))
    desk.until(lambda: desk.note["strikes"] == before + 1)
    assert not desk.note["gate"], "it was over before it was sent"
    os.write(keyboard, bytes.fromhex("90") + bytes.fromhex("3c 40 3c 00") * 500 + bytes.fromhex("48 40"))
    desk.until(lambda: desk.note["gate"])
    assert desk.note["volts"] == 1.0
    os.close(keyboard)


def test_a_wish_that_the_module_cannot_read_holds_up_no_other(playing, desk):
    desk.until(lambda: desk.player.fileno() >= 0)
    desk.player.set("knob.morph.base", {"half": "way"})
    desk.player.set("knob.rms.attenuverter.cv1", "much")
    desk.player.set("knob.variation.base", 0.75)
    desk.until(lambda: base(playing, "variation") == 0.75)
    assert sum("not a message" in line or "float" in line for line in desk.lines) == 2


def test_it_waits_for_a_module_says_so_once_and_comes_back(desk, request):
    for _ in range(5):
        turn(desk.player, desk.ports, longest_s=0.01)
        desk.player._due_s = 0.0
    assert len(desk.lines) == 1 and desk.lines[0].startswith("waits: no module answers")
    desk.keys.press("a", 60, 60)  # nobody hears it
    playing = request.getfixturevalue("playing")
    desk.player._due_s = 0.0
    desk.until(lambda: desk.player.fileno() >= 0)
    assert "plays the module" in desk.lines[-1]
    for client in list(playing.server._clients.values()):
        client.socket.shutdown(2)
    desk.until(lambda: desk.player.fileno() < 0)
    desk.player._due_s = 0.0
    desk.until(lambda: desk.player.fileno() >= 0)
    desk.keys.press("a", 62, 62)
    desk.until(lambda: desk.note["gate"])


def test_ports_are_as_many_as_the_kernel_describes_and_what_may_not_be_opened_is_said_once(desk):
    (desk.devices / "card3").mkdir()
    (desk.devices / "card3/midi0").write_text(
        "MPK mini\n\nOutput 0\n  Tx bytes : 0\nInput 0\n  Rx bytes : 0\nInput 1\n"
    )
    os.mkfifo(desk.devices / "midiC3D0")
    held = os.open(desk.devices / "midiC3D0", os.O_RDWR)
    (desk.devices / "midiC4D0").symlink_to("nowhere")
    for _ in range(3):
        desk.ports._due_s = 0.0
        desk.ports.look()
    assert len(desk.ports.fds) == 2
    assert [line for line in desk.lines if "hears MPK mini" in line] == desk.lines[:1]
    assert len(desk.lines) == 2 and "No such file" in desk.lines[1]
    os.close(held)


def test_a_note_waits_for_nothing_but_the_socket(playing, desk):
    """From the byte to the jacks' record: never a sleep of a loop, whose longest is TURN_S. Medians."""
    keyboard = desk.plug()
    desk.until(lambda: desk.player.fileno() >= 0)
    through_s, bare_s = [], []
    with Client(desk.run_dir) as client:
        for number in range(60):
            begin_s, strikes = time.perf_counter(), int(desk.note["strikes"])
            os.write(keyboard, bytes([0x90, 60, 64 * (number % 2 == 0)]))
            while int(desk.note["strikes"]) == strikes if number % 2 == 0 else desk.note["gate"]:
                turn(desk.player, desk.ports)
            through_s.append(time.perf_counter() - begin_s)
            begin_s = time.perf_counter()
            client.ask("note", volts=0.0, gate=False)
            bare_s.append(time.perf_counter() - begin_s)
            while select.select([desk.player.fileno()], [], [], 0.0)[0]:
                desk.player.step()
    through, bare = (1e3 * statistics.median(times) for times in (through_s, bare_s))
    print(f"byte to record {through:.2f} ms, a question at the socket {bare:.2f} ms, ratio {through / bare:.2f}")
    assert through < 1e3 * TURN_S / 20
    os.close(keyboard)


def test_a_log_is_not_filled_by_a_stranger(capfd):
    log = Log("osc")
    for number in range(10_000):
        log.say(f"no OSC {number}")
    assert 1 < capfd.readouterr().err.count("\n") <= 10
