"""The loop of `neurorack midi` and `neurorack osc`: asleep until something comes, from outside or from the module.

Neither process needs one of the module's, and none of them needs it: it waits for the socket, and when it ends, what it
holds falls.
"""

import contextlib
import select
import time
from collections.abc import Collection
from typing import Protocol

from neurorack.controllers.player import Player
from neurorack.ending import Ending
from neurorack.notify import Progress
from neurorack.terminal import complain

TURN_S = 1.0
"""The longest sleep."""

LINES, PAUSE_S = 10, 10.0
"""So many lines of a log in so many seconds: a stranger fills no disk."""


class Log:
    """Lines on stderr, where a unit's go to the journal."""

    def __init__(self, name: str) -> None:
        self._name, self._lines, self._since_s = name, 0, time.monotonic()

    def say(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s - self._since_s > PAUSE_S:
            self._lines, self._since_s = 0, now_s
        self._lines += 1
        if self._lines <= LINES:
            complain(f"{self._name}: {text}" + (" (and more like it)" if self._lines == LINES else ""))


class Source(Protocol):
    """What is heard: `ports.Ports`, `datagrams.Datagrams`."""

    @property
    def fds(self) -> Collection[int]: ...

    @property
    def due_s(self) -> float: ...

    def look(self) -> None: ...

    def read(self, fd: int) -> None: ...

    def close(self) -> None: ...


def turn(player: Player, source: Source, wake: Collection[int] = (), longest_s: float = TURN_S) -> None:
    """Wait for something, at most so long, and do it."""
    source.look()
    player.step()
    module = [player.fileno()] if player.fileno() >= 0 else []
    wait_s = max(0.0, min(source.due_s - time.monotonic(), longest_s))
    ready = select.select([*wake, *source.fds, *module], [], [], wait_s)[0]
    for fd in ready:
        if fd in source.fds:
            source.read(fd)
    if ready:
        player.step()


def serve(player: Player, source: Source) -> int:
    """Until SIGTERM or SIGINT. Returns the exit status."""
    ending, progress = Ending(), Progress()
    with contextlib.closing(source), contextlib.closing(player):
        while not ending.asked:
            progress.made()
            turn(player, source, [ending.fileno()])
    return 0
