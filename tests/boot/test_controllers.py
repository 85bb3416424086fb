"""Keyboards and surfaces: nobody listens until the owner says so, and then from inside a sandbox, to this machine."""

import json
import os
from collections.abc import Iterator

import pytest
from machine import HOME, UNITS_FOLDER, USER, Machine
from rig import wait_for

MIDI, OSC = "neurorack-midi.service", "neurorack-osc.service"
OSC_PORT = 9000

HELD_HZ, C5_HZ = 261.6256 * 2**0.25, 523.251
"""What the cables hold, and what the keyboard plays."""

SEND = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes.fromhex(sys.argv[1]), ("127.0.0.1", int(sys.argv[2])))
"""

MORPH_THREE_QUARTERS = b"/knob/morph\0,f\0\0\x3f\x40\0\0"


@pytest.fixture(scope="module")
def both(machine: Machine) -> Machine:
    """A machine on which they are enabled as the manual says."""
    machine.say("systemctl", "enable", "--now", MIDI, OSC)
    wait_for(lambda: all(machine.unit(unit)["ActiveState"] == "active" for unit in (MIDI, OSC)), 60.0)
    return machine


@pytest.fixture
def keyboard(both: Machine) -> Iterator[int]:
    """A MIDI port of the machine, to write to: a pipe in place of its kernel's file, for want of a sound card."""
    device = "/dev/snd/midiC9D0"
    both.say("mkdir", "-p", "/dev/snd")
    both.say("mkfifo", "-m", "660", device)
    both.say("chown", "root:audio", device)
    wire = os.open(f"/proc/{both.pid}/root{device}", os.O_RDWR)  # both ends: it never looks pulled
    wait_for(lambda: "hears midiC9D0" in both.journal("-u", MIDI), 30.0)
    yield wire
    os.close(wire)
    both.say("rm", device)


def pitch_hz(machine: Machine) -> float:
    return float(machine.meters()["pitch_hz"])


def sounds_at(machine: Machine, hz: float) -> None:
    wait_for(lambda: abs(pitch_hz(machine) / hz - 1) < 1e-3, 30.0)


@pytest.mark.parametrize("unit", [MIDI, OSC])
def test_it_is_installed_and_off(machine: Machine, unit: str):
    assert machine.inside("systemctl", "is-enabled", unit).stdout.strip() == "disabled"
    assert machine.unit(unit)["ActiveState"] == "inactive"
    assert machine.inside("systemd-analyze", "verify", str(UNITS_FOLDER / unit)).returncode == 0


def test_none_of_the_modules_own_listens_to_the_network(machine: Machine):
    for table in ("tcp", "tcp6", "udp", "udp6"):
        assert machine.say("cat", f"/proc/net/{table}").count("\n") == 1


@pytest.mark.parametrize("unit", [MIDI, OSC])
def test_enabled_it_runs_as_the_modules_user_without_any_rights(both: Machine, unit: str):
    pid = both.unit(unit)["MainPID"]
    status = dict(line.split(":\t", 1) for line in both.say("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)
    assert set(status["Uid"].split()) == {both.say("id", "-u", USER).strip()}
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    said = both.say("systemd-analyze", "security", "--threshold=20", "--no-pager", unit)
    print(said.strip().splitlines()[-1])


def test_osc_listens_at_the_loopback_alone_and_midi_sees_no_network(both: Machine):
    heard = both.say("cat", "/proc/net/udp").splitlines()[1:]
    assert [line.split()[1] for line in heard] == [f"0100007F:{OSC_PORT:04X}"]
    assert both.say("cat", "/proc/net/udp6").count("\n") == 1
    own = both.say("readlink", f"/proc/{both.unit(MIDI)['MainPID']}/ns/net")
    assert own != both.say("readlink", "/proc/1/ns/net")
    allowed = both.unit(OSC)
    assert allowed["IPAddressAllow"].split() == ["127.0.0.0/8", "::1/128"]
    assert set(allowed["IPAddressDeny"].split()) == {"0.0.0.0/0", "::/0"}


def test_a_datagram_moves_a_knob(both: Machine):
    def morph() -> float:
        done = both.neurorack("ctl", "get", "--json", "knob.morph.base")
        return float(json.loads(done.stdout)["knob.morph.base"]) if done.returncode == 0 else -1.0

    assert wait_for(lambda: morph() >= 0.0, 60.0) and morph() != 0.75
    python = f"{HOME}/current/bin/python"
    both.say(python, "-c", SEND, MORPH_THREE_QUARTERS.hex(), str(OSC_PORT))
    wait_for(lambda: morph() == 0.75, 30.0)


def test_the_bytes_of_a_keyboard_play_a_note_beside_the_cables(both: Machine, keyboard: int):
    sounds_at(both, HELD_HZ)
    os.write(keyboard, bytes([0x90, 72, 100]))
    sounds_at(both, C5_HZ)
    os.write(keyboard, bytes([72, 0]))  # running status; velocity 0 is its end
    sounds_at(both, HELD_HZ)


def test_the_power_brings_both_back_and_switched_off_they_stay_so(both: Machine):
    both.cut_the_power()
    both.boot()
    both.sounds(patience_s=120.0)
    wait_for(lambda: all(both.unit(unit)["ActiveState"] == "active" for unit in (MIDI, OSC)), 60.0)
    both.say("systemctl", "disable", "--now", MIDI, OSC)
    assert [both.unit(unit)["ActiveState"] for unit in (MIDI, OSC)] == ["inactive"] * 2
    assert both.sounds()
