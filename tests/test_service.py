"""What systemd's units start is what the daemon would start, and they are locked in as far as they can be."""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from neurorack import service
from neurorack.cli import build_parser
from neurorack.daemon import SHUT_DOWN, Daemon, add_options
from neurorack.engine.guard import Rung
from neurorack.jacks.hold import SAFE_S
from neurorack.keeper import PAUSES_S, STEADY_S, Keeper, Watcher
from neurorack.notify import FEED_S
from neurorack.rack.control import RackControl
from neurorack.rundir import holder
from neurorack.shared import INTENT, METERS, Snapshot

SYSTEMD = Path(__file__).parents[1] / "systemd"
UNITS = SYSTEMD / "lib/systemd/system"
PARTS, CONTROLLERS = ("engine", "jacks", "daemon", "remote"), ("midi", "osc")

PATIENCE_S = 60.0

RUN_BY = r"(?:sudo )?(?:-u neurorack )?(?:\.venv/bin/)?neurorack ((?:update|models .|calibrate|doctor|console).*)"
"""A command of ours, however it is called."""


@pytest.fixture
def became(monkeypatch):
    """The command line that `main` becomes, instead of becoming it."""
    found: list[list[str]] = []
    monkeypatch.setattr(service.os, "execv", lambda path, command: found.append(command))
    monkeypatch.setattr(service, "_write_to", lambda path: None)
    return found


SHEET = """
name = "sheet"
[module]
bundle = "skins"
listens = "other.toml"
[sources.still]
kind = "constant"
volts = 1.0
"""


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--device", "alsa", "--block", "256", "--listen"],
        ["--rack", "--specimen", "3", "--bundle", "skins"],
        ["--board", "nano", "--calibration", "mine.toml"],
        ["--rack", "sheet.toml"],
    ],
)
def test_a_unit_becomes_the_process_that_the_daemon_would_start(tmp_path, monkeypatch, became, options):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("[voct]\n")
    Path("sheet.toml").write_text(SHEET)
    run_dir = tmp_path / "run"
    options = [*options, "--run-dir", str(run_dir)]
    assert {service.main([part, *options]) for part in ("engine", "jacks", "remote")} == {None}
    parser = argparse.ArgumentParser()
    add_options(parser)
    daemon = Daemon(parser.parse_args(options), attached=False)
    assert [tuple(command) for command in became] == [(*k.command, *k.first) for k in daemon._keepers]
    daemon._lock.release()


@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_controller_has_its_own_options_and_its_lines_go_to_the_journal(tmp_path, monkeypatch, became, name):
    monkeypatch.setattr(service, "_write_to", lambda path: pytest.fail("no daemon passes these on"))
    monkeypatch.setenv(f"NEURORACK_{name.upper()}", "--run-dir 'my module'")
    service.main([name, "--device", "alsa", "--run-dir", str(tmp_path)])
    assert became == [[sys.executable, "-m", "neurorack", name, "--run-dir", str(tmp_path), "--run-dir", "my module"]]
    monkeypatch.setenv(f"NEURORACK_{name.upper()}", "--run-dir 'my")
    assert service.main([name, "--run-dir", str(tmp_path)]) == 2


def test_an_instrument_that_is_remembered_is_the_engines_first(tmp_path, became, state_dir):
    from neurorack.settings.model import Settings, Sound
    from neurorack.settings.store import Store

    sound = Sound(bundle="skins", knobs={})
    Store(state_dir).save(Settings(playing=sound))
    service.main(["engine", "--run-dir", str(tmp_path / "run")])
    assert became[0][-2:] == ["--first", "skins"]


def test_bad_options_are_refused_in_one_line(tmp_path, capsys):
    (tmp_path / "run").write_text("")
    assert service.main(["engine", "--run-dir", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_pauses_grow_while_it_ends_soon_and_not_for_one_that_has_lived(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(service.time, "monotonic", lambda: now[0])
    starts, pauses = tmp_path / "engine.starts", []
    for _ in range(10):
        pauses.append(service.pause_s(starts))
        now[0] += pauses[-1] + 0.5
    assert pauses == [0.0, *PAUSES_S, *PAUSES_S[-1:] * 2]
    now[0] += STEADY_S
    assert service.pause_s(starts) == 0.0
    now[0] = 5.0  # the machine was started anew, and the folder was kept
    assert service.pause_s(starts) == 0.0
    starts.write_text('["x"')
    assert service.pause_s(starts) == 0.0


HOLD = """
import sys, time
from pathlib import Path
from neurorack.rundir import Lock
with Lock(Path(sys.argv[1])):
    print("part: here", file=open(sys.argv[2], "a"), flush=True)
    time.sleep(60)
"""


def test_a_process_that_others_keep_is_found_and_missed_and_neither_started_nor_ended(tmp_path):
    lines: list[str] = []
    watcher = Watcher("part", tmp_path, lines.append)
    watcher.begin()
    assert watcher.pid == 0 and watcher.due_s is not None and watcher.gone_s > 0
    command = [sys.executable, "-c", HOLD, str(watcher.lock), str(tmp_path / "part.err")]
    with subprocess.Popen(command) as process:
        give_up = time.monotonic() + 30
        while not holder(watcher.lock) and time.monotonic() < give_up:
            time.sleep(0.02)
        watcher.begin()
        assert watcher.pid == process.pid and watcher.gone_s == 0
        while not watcher.last_words and time.monotonic() < give_up:
            watcher.tail()
        watcher.signal(signal.SIGKILL)
        watcher.check_pulse()
        watcher.stop()
        assert process.poll() is None and watcher.last_words == "here"
        watcher.begin()
        process.kill()
        process.wait()
    assert watcher.ended() is None and watcher.due_s is not None
    assert isinstance(watcher, Keeper) and watcher.pid == 0


@pytest.fixture
def units(tmp_path, tiny_bundle) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts a part as its unit does, on the virtual rack and the null device; `told` hears what it tells systemd."""
    run_dir, started = tmp_path / "run", []

    def start(part: str) -> "subprocess.Popen[str]":
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(str(tmp_path / f"{part}{len(started)}"))
        told.settimeout(PATIENCE_S)
        options = ["--run-dir", str(run_dir), "--rack", "--device", "null", "--bundle", str(tiny_bundle)]
        command = [sys.executable, "-m", "neurorack.service", part, *options]
        environment = {**os.environ, "NOTIFY_SOCKET": told.getsockname()}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, text=True)
        process.told = told  # type: ignore[attr-defined]
        started.append(process)
        assert told.recv(100) == b"READY=1\nWATCHDOG=1"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.told.close()


def meters(run_dir: Path) -> np.record:
    snapshot = Snapshot(run_dir / "meters", METERS)
    snapshot.refresh()
    return snapshot.record


def test_a_daemon_that_comes_and_goes_leaves_engine_and_jacks_to_others(units, tmp_path):
    run_dir = tmp_path / "run"
    daemon = units("daemon")
    engine, jacks = units("engine"), units("jacks")
    assert (holder(run_dir / "engine.lock"), holder(run_dir / "jacks.lock")) == (engine.pid, jacks.pid)
    assert meters(run_dir)["first_sound_ns"] > 0, "ready means that it plays"
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(PATIENCE_S) == 0
    assert "neurorack: engine is there" in (run_dir / "daemon.err").read_text(), "as `neurorack ctl log daemon` tells"
    units("daemon").kill()
    units("daemon")
    assert (engine.poll(), jacks.poll()) == (None, None)
    assert (holder(run_dir / "engine.lock"), holder(run_dir / "jacks.lock")) == (engine.pid, jacks.pid)
    for part in (engine, jacks):
        assert part.told.recv(100) == b"WATCHDOG=1"


def test_what_plays_is_what_the_next_daemon_finds_and_what_the_next_engine_begins_with(units, tmp_path):
    run_dir = tmp_path / "run"
    daemon, engine = units("daemon"), units("engine")
    intent = Snapshot(run_dir / "intent", INTENT, create=True)
    assert intent.refresh()
    intent.record["gesture"] = 1
    intent.publish()
    daemon.kill()
    engine.kill()
    engine.wait()
    daemon.wait()
    units("daemon")
    units("engine")
    assert intent.refresh() and intent.record["gesture"] == 1
    give_up = time.monotonic() + PATIENCE_S
    while meters(run_dir)["gesture"] != 1 and time.monotonic() < give_up:
        time.sleep(0.02)
    assert meters(run_dir)["gesture"] == 1


def test_an_engine_that_its_unit_starts_again_and_again_plays_safely_at_the_fourth_start(units, tmp_path):
    for rung in (Rung.OWN, Rung.OWN, Rung.OWN, Rung.SAFE):
        engine = units("engine")
        assert meters(tmp_path / "run")["rung"] == rung
        engine.send_signal(signal.SIGSEGV)
        assert engine.wait(PATIENCE_S) == -signal.SIGSEGV
    engine = units("engine")
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(PATIENCE_S) == 0
    units("engine")
    assert meters(tmp_path / "run")["rung"] == Rung.OWN, "after systemctl restart"


def test_the_encoder_held_at_power_on_and_let_go_is_safe_mode_until_the_next_one(units, tmp_path):
    run_dir = tmp_path / "run"
    daemon = units("daemon")
    hands = RackControl(run_dir)
    hands.press_encoder(True)
    units("jacks")
    time.sleep(SAFE_S + 0.2)
    hands.press_encoder(False)
    intent = Snapshot(run_dir / "intent", INTENT)
    give_up = time.monotonic() + PATIENCE_S
    while not (intent.refresh() and intent.record["sheltered"]) and time.monotonic() < give_up:
        time.sleep(0.02)
    assert (intent.record["sheltered"], intent.record["bundle"]) == (1, b"fluid")
    daemon.kill()
    daemon.wait()
    hands.press_encoder(True)
    units("daemon")  # no power-on: it finds what plays
    hands.press_encoder(False)
    intent.refresh()
    assert (intent.record["sheltered"], intent.record["bundle"]) == (1, b"fluid")


def lines_of(unit: str) -> list[str]:
    """Of a unit and what is laid over it, without comments."""
    files = [UNITS / unit]
    if unit.startswith("neurorack-"):
        files.append(UNITS / "neurorack-.service.d/common.conf")
    return [line for file in files for line in file.read_text().splitlines() if line and line[0] not in "#["]


def test_the_unit_cuts_the_power_after_a_shut_down_alone_and_starts_the_module_after_all_else():
    lines = lines_of("neurorack-daemon.service")
    assert any(f'"$EXIT_STATUS" = {SHUT_DOWN} ' in line and "systemctl poweroff" in line for line in lines)
    assert f"RestartPreventExitStatus={SHUT_DOWN}" in lines
    assert all("Restart=always" in lines_of(f"neurorack-{part}.service") for part in PARTS)


@pytest.mark.parametrize("part", [*PARTS, *CONTROLLERS])
def test_a_watchdog_waits_for_several_feeds_and_a_start_for_the_longest_pause(part):
    text = "\n".join(lines_of(f"neurorack-{part}.service"))
    watchdog_s, start_s = (
        int(re.search(f"^{name}=(\\d+)$", text, re.M)[1]) for name in ("WatchdogSec", "TimeoutStartSec")
    )
    assert watchdog_s >= 10 * FEED_S
    assert start_s > PAUSES_S[-1] + 15


@pytest.mark.parametrize("part", PARTS)
def test_no_unit_takes_another_down_or_forbids_what_sound_needs(part):
    lines = lines_of(f"neurorack-{part}.service")
    assert not [
        line for line in lines if re.match("BindsTo|Requires=|Requisite|MemoryDenyWriteExecute|RestrictRealtime", line)
    ]


@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_controller_is_off_until_somebody_wants_it_and_goes_with_the_module(name):
    assert f"neurorack-{name}" not in "\n".join(lines_of("neurorack.target"))
    lines = lines_of(f"neurorack-{name}.service")
    assert "WantedBy=neurorack.target" in lines and "PartOf=neurorack.target" in lines
    assert not [line for line in lines if re.match("BindsTo|Requires=|Requisite", line)]


def test_each_controller_has_what_it_needs_and_no_more():
    midi, osc = (lines_of(f"neurorack-{name}.service") for name in CONTROLLERS)
    assert "DeviceAllow=char-alsa r" in midi and "PrivateNetwork=yes" in midi
    assert {"PrivateDevices=yes", "IPAddressDeny=any", "IPAddressAllow=localhost"} <= set(osc)
    assert not [line for line in osc if line.startswith("DeviceAllow")]
    for lines in (midi, osc):
        assert "CapabilityBoundingSet=" in lines and not [line for line in lines if "AmbientCapabilities" in line]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("part", [*PARTS, *CONTROLLERS])
def test_the_exposure_that_systemd_reckons_is_two_at_most(tmp_path, part):
    shutil.copytree(SYSTEMD / "lib", tmp_path / "etc")
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--root={tmp_path}", "--threshold=20"]
    done = subprocess.run([*command, f"neurorack-{part}.service"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


@pytest.mark.parametrize("page", ["README.md", "updating.md"])
def test_the_commands_of_a_page_are_those_there_are_and_its_links_lead_somewhere(page):
    text = (SYSTEMD / page).read_text().partition("## The update file")[0]
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    commands = [line.partition("#")[0] for line in (*lines, *re.findall(r"`([^`\n]+)`", text)) if "…" not in line]
    ours = [match[1].split() for command in commands if (match := re.match(RUN_BY, command.strip()))]
    assert ours
    for words in ours:
        build_parser().parse_args(words)
    makefile = (SYSTEMD.parent / "Makefile").read_text()
    assert not [m for m in re.findall(r"make ([a-z-]+)", " ".join(commands)) if f"\n{m}:" not in makefile]
    assert not [link for link in re.findall(r"\]\(([^)#:]+)\)", text) if not (SYSTEMD / link).exists()]


def test_the_readme_explains_what_the_units_say():
    readme = (SYSTEMD / "README.md").read_text()
    assert not [name for name in os.listdir(SYSTEMD / "lib") if name not in readme]
    assert not [path.name for path in UNITS.iterdir() if path.name not in readme]
    rules = {path.name for path in (SYSTEMD / "lib/udev/rules.d").iterdir()}
    assert not [name for name in rules if name not in readme]
