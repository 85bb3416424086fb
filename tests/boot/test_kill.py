"""The module's processes, its card and the machine itself are killed at random moments, also while presets are saved
and while an update comes in: sound comes back soon, what was said to be stored is there, and every version that lies
there is whole. `--kills 200` makes it many.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections import defaultdict

import pytest
from machine import NEXT, Machine, children, key, make, waited_s
from rig import wait_for

from neurorack import __version__
from neurorack.keeper import STEADY_S
from neurorack.shared import VOLTS, Snapshot
from neurorack.update import manifest as listed

UPDATES = ("update", "power in an update")
VICTIMS = ("engine", "engine", "daemon", "daemon", "jacks", "jackd", "power", *UPDATES)
"""One after another at random; the first two are what happens most."""

WITHIN_S = {"engine": 1.0, "daemon": 2.0, "jacks": 2.0, "jackd": 10.0, "power": 4.0}
WITHIN_S |= {"update": 30.0, "power in an update": 8.0}
"""Until it sounds, or the killed one is back, less the time that it had no processor. An engine looks for a card that
has gone every four seconds. A version on trial is started once more by its watch."""

AFTER_SWITCH_S = 4.0
"""An update is killed up to so long after it has switched."""

PATIENCE_S = 120.0
"""On a computer that is busy otherwise."""

PRESETS = range(1, 9)


class Memory:
    """Presets as they were stored, by their number; one of which nobody has said that it is stored may be either."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._names: dict[int, set[str | None]] = {number: {None} for number in PRESETS}
        self.stored = 0

    def save(self, number: int, name: str) -> None:
        before = self._names[number]
        self._names[number] = before | {name}
        try:
            done = self._machine.neurorack("presets", "save", str(number), "--name", name)
        except subprocess.TimeoutExpired:
            return
        if done.returncode == 0:
            self._names[number] = {name}
            self.stored += 1

    def check(self) -> None:
        done = wait_for(
            lambda: d if (d := self._machine.neurorack("presets", "list", "--json")).returncode == 0 else None
        )
        found = {row["number"]: row["name"] for row in json.loads(done.stdout)}
        for number, names in self._names.items():
            assert found.get(number) in names, f"preset {number} is {found.get(number)}, one of {names} was stored"
            self._names[number] = {found.get(number)}


@pytest.fixture(scope="module")
def update_s(machine: Machine) -> float:
    """How long an update takes to the switch, by one that nobody kills."""
    shutil.copy(make("update", NEXT, "--key", str(key())), machine.root / "root/next.update")
    began_s = time.monotonic()
    updating = machine.begin("neurorack", "update", "/root/next.update")
    wait_for(lambda: machine.home.current == NEXT, 10 * PATIENCE_S)
    took_s = time.monotonic() - began_s
    updating.kill()
    updating.communicate()
    take_back(machine)
    return took_s


def take_back(machine: Machine) -> None:
    """Let the old version play; done while the machine is off."""
    home = machine.home
    if home.current == __version__ and not home.on_trial:
        return
    machine.cut_the_power()
    if home.good == __version__:
        home.go_back("taken back")
    else:  # on a busy computer the trial was over before we came to look
        home.begin_trial(__version__)
        home.keep()
    machine.boot()
    machine.sounds(patience_s=PATIENCE_S)


def killed_in_an_update_s(machine: Machine, victim: str, after_s: float) -> float:
    """Begin an update, kill it, or the machine, after a time; seconds until sound is sure to be there again. The old
    version plays or the new one, and whichever lies there is whole."""
    updating = machine.begin("neurorack", "update", "/root/next.update")
    time.sleep(after_s)
    at_ns = time.monotonic_ns()
    if victim == "update":
        for pid in children(updating.pid):
            os.kill(pid, signal.SIGKILL)
        time.sleep(1.0)  # it may have switched at the last instruction: until its watch has begun, the old one sounds
        if machine.home.on_trial:
            wait_for(lambda: machine.unit("guard-neurorack.service")["ActiveState"] == "active", PATIENCE_S)
        machine.sounds(patience_s=PATIENCE_S)
        seconds = (time.monotonic_ns() - at_ns) * 1e-9
    else:
        seconds = back_s(machine, "power")
    updating.kill()
    updating.communicate()
    assert {machine.home.good, machine.home.current} <= {__version__, NEXT}
    for folder in (machine.home.root / "versions").iterdir():
        assert listed.verify_folder(folder).version == folder.name
    return seconds


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.config.getoption("--seed"))


def back_s(machine: Machine, victim: str) -> float:
    """Kill it; seconds until it is back, less those it waited for a processor."""
    if victim == "power":
        machine.cut_the_power()
        machine.boot()
        engine = wait_for(lambda: machine.process("engine"), PATIENCE_S)
        machine_waited_s = waited_s(machine.pid)
        sound_ns = machine.sounds(patience_s=PATIENCE_S)
        return (sound_ns - machine.began_ns) * 1e-9 - machine_waited_s - waited_s(engine)
    engine, blocks = machine.process("engine"), int(machine.meters()["blocks"])
    killed = machine.process(victim)
    os.kill(killed, signal.SIGKILL)
    at_ns = time.monotonic_ns()
    if victim == "jackd":
        wait_for(lambda: machine.first_sound_ns() > at_ns and machine.meters()["device"] != b"null", PATIENCE_S)
    if victim in ("jackd", "engine"):
        sound_ns = machine.sounds(after_ns=at_ns, patience_s=PATIENCE_S)
        return (sound_ns - at_ns) * 1e-9 - waited_s(machine.process("engine"))
    new = wait_for(lambda: pid if (pid := machine.process(victim)) not in (0, killed) else 0, PATIENCE_S)
    since_ns = wait_for(lambda: ns if (ns := machine.active_since_ns(victim)) > at_ns else 0, PATIENCE_S)
    assert machine.process("engine") == engine and int(machine.meters()["blocks"]) > blocks, "the engine plays on"
    return (since_ns - at_ns) * 1e-9 - waited_s(new)


def test_killed_at_random_it_sounds_again_soon_and_forgets_nothing(machine, update_s, request, chance):
    memory, began_s = Memory(machine), defaultdict(float)
    took_s: dict[str, list[float]] = defaultdict(list)
    which: dict[str | None, int] = defaultdict(int)
    for kill in range(request.config.getoption("--kills")):
        victim = chance.choice(VICTIMS)
        # What ends again soon is made to wait: that is another test's.
        time.sleep(max(0.0, began_s[victim] + STEADY_S + 1.0 - time.monotonic()) + chance.random())
        saving = threading.Thread(target=memory.save, args=(chance.choice(PRESETS), f"kill {kill}"))
        saving.start()
        time.sleep(2.0 * chance.random())
        if victim in UPDATES:
            after_s = chance.uniform(0.0, update_s + AFTER_SWITCH_S)
            took_s[victim].append(killed_in_an_update_s(machine, victim, after_s))
            which[machine.home.current] += 1
        else:
            took_s[victim].append(back_s(machine, victim))
        saving.join()
        memory.check()
        take_back(machine)
        for name in ("engine", "jacks", "daemon") if victim in ("power", *UPDATES) else ("engine", victim):
            began_s[name] = time.monotonic()
        wait_for(lambda: machine.meters()["level_rms"] > 1e-3, PATIENCE_S)
        _volts_are_fresh(machine)
    for victim, seconds in sorted(took_s.items()):
        print(f"{victim}: {len(seconds)} times, back after {', '.join(f'{s:.2f}' for s in sorted(seconds))} s")
    print(f"{memory.stored} presets stored meanwhile; after updates that were killed there played {dict(which)}")
    late = {victim: max(seconds) for victim, seconds in took_s.items() if max(seconds) > WITHIN_S[victim]}
    assert not late


def _volts_are_fresh(machine: Machine) -> None:
    def fresh() -> bool:
        volts = Snapshot(machine.run_dir / "volts", VOLTS)
        there = volts.refresh() and time.monotonic_ns() - int(volts.record["t_ns"]) < 500_000_000
        volts.close()
        return bool(there)

    wait_for(fresh, PATIENCE_S)
