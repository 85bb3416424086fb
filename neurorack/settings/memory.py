"""The one owner of the settings: takes what shall be remembered and saves it now and then, beside the daemon's loop.

    remember ──▶ changed? ──step, at most every SAVE_S──▶ a thread writes ──step──▶ done, or one line for the player
    save ──▶ the next step, as soon as no other save is under way ──▶ a thread writes ──step──▶ whoever asked is told

A thread, because a card that is slow or dying holds an fsync for seconds, and panel and restarts must not wait for it.
It waits in the kernel, where it holds no lock of Python's.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from neurorack.rundir import Held, Lock
from neurorack.settings.model import Settings
from neurorack.settings.store import LOCK, Store

SAVE_S = 3.0
"""From one save to the next: what a pulled plug may cost, and what flash memory bears for years."""

RETRY_S = 30.0
"""After a save that failed."""

CLAIM_S = 1.0
"""How long the start waits for a command that is saving."""

END_S = 1.5
"""How long the end waits for the disk, at most twice: systemd gives us 5 s."""

_Told = Callable[[str], None]


class Memory:
    """`settings` is what the next start finds if the power stays. Never an error: `take_notices` says what is wrong.

    `clock_s` gives monotonic seconds. Where another process keeps the same folder, nothing is saved.
    """

    def __init__(self, folder: Path, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock_s = Store(folder), clock_s
        # Before they are read: else the first save overwrites what a command saves while the module starts.
        self._lock = _claim(folder / LOCK)
        self.settings = self._saved = self._store.load()
        self._notices, self._store.notices = self._store.notices, []
        self._thread: threading.Thread | None = None
        self._failure = ""
        self._failing = self._foreign = False
        self._due_s = -1e9
        self._waiting: _Told | None = None  # for the next save
        self._asked: _Told | None = None  # for the one under way

    @property
    def folder(self) -> Path:
        return self._store.folder

    @property
    def saved(self) -> bool:
        """Whether the disk has all of it."""
        return self.settings == self._saved

    def remember(self, settings: Settings) -> None:
        """Keep these from now on."""
        self.settings = settings

    def save(self, settings: Settings, told: _Told) -> None:
        """Keep these, and save them as soon as the disk is free. `told` hears of it in a later `step` or `close`:
        "" once they outlive the power, else why they do not. A second call before that takes the place of the first."""
        self.settings, self._waiting = settings, told

    def take_notices(self) -> list[str]:
        """Lines for the player since the last call; the same trouble is told once until a save succeeds."""
        notices, self._notices = self._notices, []
        return notices

    def step(self) -> None:
        """Begin a save where one is due, and hear of one that has ended. Returns at once."""
        if self._done(0.0) and (self._waiting is not None or self._clock_s() >= self._due_s):
            self._begin()

    def close(self) -> None:
        """Save what is not saved yet, as far as the disk is done in time, and let another process keep the folder."""
        if self._done(END_S):
            self._begin()
            if self._done(END_S) and self._lock is not None:
                self._lock.release()  # else that save may still come to its end

    def _done(self, wait_s: float) -> bool:
        """Whether no save is under way, after waiting for it so long."""
        if self._thread is not None:
            self._thread.join(wait_s)
            if self._thread.is_alive():
                return False
            self._thread = None
            self._hear()
        return True

    def _begin(self) -> None:
        """The first time even if nothing has changed: then it takes the lock."""
        self._asked, self._waiting = self._waiting, None
        if self._foreign:
            self._tell(self._failure)
            return
        if self._lock is not None and self.settings == self._saved:
            self._tell("")
            return
        self._thread = threading.Thread(target=self._save, args=(self.settings,), daemon=True)
        self._thread.start()

    def _save(self, settings: Settings) -> None:
        """In the thread: leaves `_saved`, or why not in `_failure`."""
        try:
            if self._lock is None:
                self._store.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = Lock(self._store.folder / LOCK)
            if settings != self._saved:
                self._store.save(settings)
            self._saved, self._failure = settings, ""
        except Held as held:
            self._foreign, self._failure = True, f"process {held.pid} keeps them"
        except OSError as error:
            self._failure = error.strerror or str(error)
        except ValueError as error:
            self._failure = str(error)

    def _hear(self) -> None:
        failed = bool(self._failure)
        if failed and not self._failing:
            self._notices.append(f"settings are not saved, {self._failure} ({self._store.folder}): plays on without")
        self._failing = failed
        self._tell(self._failure)
        self._due_s = self._clock_s() + (RETRY_S if failed else SAVE_S)

    def _tell(self, fault: str) -> None:
        told, self._asked = self._asked, None
        if told is not None:
            told(fault)


def _claim(path: Path) -> Lock | None:
    """The lock, if it can be had; where there is no folder yet, or it cannot be written to, the first save says so."""
    give_up = time.monotonic() + CLAIM_S
    while path.parent.is_dir() and time.monotonic() < give_up:
        try:
            return Lock(path)
        except Held:
            continue  # it has waited
        except OSError:
            break
    return None
