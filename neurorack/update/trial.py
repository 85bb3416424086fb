"""The trial of a version: it stays if it plays, else the one before comes back.

    begun ──plays for 60 s─────────────────────────────▶ keep
      │
      ├──does not play for 30 s together────────────────▶ return
      ├──its processes have ended three times───────────▶ return
      └──begun a fourth time: power went, or the machine hung ▶ return

The watch runs by the code of the version that is `good`, from `guard-neurorack.service`, at the switch and at every
start of the machine until the trial has ended. It begins by starting the version on trial, so that what it hears is no
process of the version before, whoever was killed between the switch and here. What it knows of the version on trial it
asks of that (`sign`).
"""

import enum
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from neurorack.errors import BadInput
from neurorack.terminal import complain
from neurorack.update.home import Home

SILENCE_S = 30.0
KEEP_S = 60.0
ENDS_MAX = 3
ATTEMPTS_MAX = 3
LOOK_S = 2.0
"""Between two looks: each starts a Python, which takes a third of a second of a slow core."""


class Verdict(enum.Enum):
    WAIT, KEEP, RETURN = "wait", "keep", "return"


@dataclass(frozen=True)
class Sign:
    """Whether sound comes out, and the processes of the module by name, 0 for one that is not there; None where the
    version could not even be asked."""

    plays: bool
    pids: dict[str, int] | None


MUTE = Sign(False, None)


@dataclass
class Trial:
    """Judges one trial from its signs. Times are any clock's seconds that never fall."""

    begun_s: float
    ends: int = 0
    why: str = ""
    _heard_s: float | None = None
    """When it began to play as it still does."""
    _last_heard_s: float = field(init=False)
    _pids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._last_heard_s = self.begun_s

    def look(self, now_s: float, sign: Sign) -> Verdict:
        if sign.pids is not None:
            self.ends += sum(sign.pids.get(name, 0) != pid for name, pid in self._pids.items())
            self._pids = {name: pid for name, pid in sign.pids.items() if pid}
        if sign.plays:
            self._heard_s = now_s if self._heard_s is None else self._heard_s
            self._last_heard_s = now_s
        if self.ends >= ENDS_MAX:
            self.why = f"its processes ended {self.ends} times"
            return Verdict.RETURN
        if now_s - self._last_heard_s >= SILENCE_S:
            self.why = f"it did not play for {SILENCE_S:.0f} s"
            return Verdict.RETURN
        if self._heard_s is not None and sign.plays and now_s - self._heard_s >= KEEP_S:
            return Verdict.KEEP
        return Verdict.WAIT


def ask(version: Path) -> Sign:
    """What the version on trial says of itself."""
    command = [str(version / "bin/python"), "-m", "neurorack.update.sign"]
    try:
        done = subprocess.run(command, capture_output=True, cwd="/", timeout=10.0, check=True)
        told = json.loads(done.stdout)
        return Sign(told["plays"] is True, {str(name): int(pid) for name, pid in told["pids"].items()})
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError, AttributeError):
        return MUTE


def begin(home: Home) -> bool:
    """Count the attempt; False where there was one too many, and the good version is back."""
    try:
        attempts = home.attempt()
    except ValueError:  # a count that cannot be read is none to go on by
        attempts = ATTEMPTS_MAX + 1
    if attempts > ATTEMPTS_MAX:
        home.go_back(f"was begun {ATTEMPTS_MAX} times and never played for {KEEP_S:.0f} s")
        return False
    return True


def watch(home: Home) -> Verdict:
    """Watch the version on trial to its verdict, and carry that out."""
    assert home.current is not None
    version, trial = home.folder(home.current), Trial(time.monotonic())
    while (verdict := trial.look(time.monotonic(), ask(version))) is Verdict.WAIT:
        time.sleep(LOOK_S)
    if verdict is Verdict.KEEP:
        home.keep()
    else:
        home.go_back(trial.why)
    return verdict


def main() -> int:
    from neurorack.update.service import restart

    home = Home()
    version = home.current
    if not home.on_trial or version is None:
        return 0
    try:
        begun = begin(home)
        restart()
        if begun and watch(home) is Verdict.KEEP:
            complain(f"neurorack {version} plays: it stays")
        else:
            complain(f"neurorack {home.returned}: back to {home.good}")
            restart()
    except (OSError, BadInput) as error:
        complain(f"neurorack {version} is still on trial: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
