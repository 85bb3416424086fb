"""From afar: who is in the module's group looks after it over SSH, in a terminal too; a stranger is told how."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
from machine import Machine
from rig import wait_for
from versions import make_key

OWNER, STRANGER = "ann", "bob"
COLUMNS, ROWS = 80, 24


@pytest.fixture(scope="module")
def key(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of both users; sshd runs from here on."""
    made = make_key(tmp_path_factory.mktemp("ssh"))
    public = made.with_suffix(".pub").read_text().strip()
    for user, groups in ((OWNER, ("--groups", "neurorack")), (STRANGER, ())):
        machine.say("useradd", "--create-home", "--shell", "/bin/sh", *groups, user)
        script = f"umask 077; mkdir ~/.ssh; echo '{public}' > ~/.ssh/authorized_keys"
        machine.say("sh", "-c", f'runuser -l {user} -c "{script}"')
    machine.say("systemctl", "start", "ssh.service")
    wait_for(lambda: over_ssh(machine, made, STRANGER, "true").returncode == 0, 60.0)
    return made


def there(machine: Machine, key: Path, user: str, *command: str, terminal: bool = False) -> list[str]:
    """A command over SSH. The network is the machine's own, of which its loopback is all there is."""
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR")
    ssh = ("ssh", "-F", "none", *(f"-o{option}" for option in options), "-i", str(key), "-tt" if terminal else "-T")
    return ["nsenter", "--target", str(machine.pid), "--net", *ssh, f"{user}@127.0.0.1", *command]


def over_ssh(machine: Machine, key: Path, user: str, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        there(machine, key, user, *command),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def test_who_is_in_the_group_asks_and_sets(machine: Machine, key: Path):
    wait_for(lambda: over_ssh(machine, key, OWNER, "neurorack", "ctl", "get", "system").returncode == 0, 60.0)
    told = over_ssh(machine, key, OWNER, "neurorack", "ctl", "get", "system.engine")
    assert (told.returncode, told.stderr) == (0, "") and "playing" in told.stdout
    assert over_ssh(machine, key, OWNER, "neurorack", "ctl", "set", "depth", "1.5").returncode == 0
    assert "1.5" in over_ssh(machine, key, OWNER, "neurorack", "ctl", "get", "depth").stdout


@pytest.mark.parametrize("command", ["ctl get", "ctl panic"])
def test_a_stranger_is_told_in_one_line_which_group_to_join(machine: Machine, key: Path, command: str):
    refused = over_ssh(machine, key, STRANGER, "neurorack", *command.split())
    assert refused.returncode == 2 and refused.stdout == ""
    assert refused.stderr.count("\n") == 1 and "--groups neurorack" in refused.stderr, refused.stderr
    assert machine.sounds()


def test_the_console_fills_a_terminal_of_80_by_24_and_leaves_it_again(machine: Machine, key: Path):
    here, remote = pty.openpty()
    fcntl.ioctl(remote, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    command = there(machine, key, OWNER, "neurorack", "console", terminal=True)
    console = subprocess.Popen(command, stdin=remote, stdout=remote, stderr=remote, env=environment)
    os.close(remote)
    try:
        seen = _read(here, until=b"playing", patience_s=60.0)
        assert b"neurorack" in seen and b"8 log" in seen, "head and titles"
        more = _read(here, until=None, patience_s=1.0)
        assert more, "it moves while it plays"
        os.write(here, b"q")
        _read(here, until=None, patience_s=5.0, ends=console)
        assert console.wait(30) == 0
    finally:
        console.kill()
        console.wait()
        os.close(here)


def _read(
    terminal: int, until: bytes | None, patience_s: float, ends: "subprocess.Popen[bytes] | None" = None
) -> bytes:
    """What comes, until this does, or for so long, or until a process has ended."""
    came, give_up = b"", time.monotonic() + patience_s
    while time.monotonic() < give_up and not (until and until in came) and not (ends and ends.poll() is not None):
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                came += os.read(terminal, 1 << 16)
            except OSError:  # nobody has the other end any more
                break
    assert until is None or until in came, came[-2000:]
    return came
