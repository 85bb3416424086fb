"""The socket's server: a process of its own that reads the run directory's files and passes wishes on to the daemon.

`python -m neurorack.remote.server --run-dir DIR`, kept alive by the daemon, outlives it as engine and jacks do.

Of its own, because whatever a thousand clients do to it then costs neither sound nor panel: it runs below both, and
what it asks of the daemon is one letter at a time, at most fifty a second. One thread, one loop, nobody is waited for:

    epoll ─▶ accept ≤ 8 ─▶ of each client ≤ 4 KB read, ≤ 16 messages answered ─▶ watches that are due ─▶ metrics

A client that is slow to read gets fewer looks of its watch; one that reads nothing for ten seconds is dropped.
"""

import argparse
import contextlib
import grp
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

import neurorack
from neurorack import crash, gestures
from neurorack.ending import Ending
from neurorack.errors import BadInput
from neurorack.mailbox import ANSWER_S, Asking, short_path
from neurorack.notify import Progress
from neurorack.presets import Reply, Request
from neurorack.remote import messages
from neurorack.remote.messages import ANSWER_MAX, FASTEST_S, LINE_MAX, PATHS_MAX, SLOWEST_S, SOCKET, VERSIONS, refusal
from neurorack.remote.metrics import Metrics, prometheus
from neurorack.remote.notes import Notes
from neurorack.remote.tree import Leaf, Tree, below, chosen
from neurorack.rundir import Held, Lock, holder
from neurorack.shared import Switch
from neurorack.statedir import state_dir

CLIENTS_MAX = 32
ACCEPTS_A_TURN, MESSAGES_A_TURN = 8, 16

GREETING_S = 5.0
"""A client that has not said hello by then is dropped."""
STUCK_S = 10.0
"""And one that has not read anything for so long while there is something to read."""

FRESH_S = 0.02
"""A tree no older is given again: a thousand questions at once cost one look."""

TURN_S = 0.02
"""From one letter to the daemon to the next."""
LETTERS_MAX = 64
"""Wishes that may wait for the daemon."""

PRESETS_S = 2.0
"""How often the daemon is asked for its presets while anybody is there."""

COUNT_S = 1.0
"""How often is counted what the metrics count."""

ALONE_S = 15.0
"""With neither daemon nor engine nor jacks for so long there is nothing to look after."""

LOG_BYTES = 16 << 10

NICE = 5
"""Below daemon and panel where all want the CPU; engine and jacks have priorities of another kind."""

GROUP = "neurorack"


@dataclass
class _Watching:
    id: Any
    paths: Sequence[str]
    every_s: float
    due_s: float
    told: dict[str, Leaf] = field(default_factory=dict)


@dataclass(eq=False)
class _Client:
    socket: socket.socket
    since_s: float
    inbox: bytearray = field(default_factory=bytearray)
    outbox: bytearray = field(default_factory=bytearray)
    version: int = 0  # 0: not greeted yet
    read_only: bool = True
    watching: _Watching | None = None
    wrote_s: float = 0.0
    last: bool = False  # drop it once it has read its answer

    @property
    def answers(self) -> bool:
        """Whether to do what it says: not while it does not read itself."""
        return not self.last and len(self.outbox) < LINE_MAX

    @property
    def hears(self) -> bool:
        """Whether to read from it."""
        return self.answers and len(self.inbox) < LINE_MAX


@dataclass
class _Letter:
    client: _Client | None
    id: Any
    request: Request | gestures.Request
    until_s: float
    """When whoever wrote it is told that the daemon does not answer."""


class Server:
    """`step` until `over`. Raises BadInput where its socket cannot be made."""

    def __init__(self, run_dir: Path, metrics: Metrics) -> None:
        self.run_dir, self._metrics = run_dir, metrics
        self.tree = Tree(run_dir)
        self._clients: dict[int, _Client] = {}
        self._full: deque[int] = deque()  # clients with messages that have come but wait their turn
        self._values: tuple[float, dict[str, Leaf]] = (-FRESH_S, {})
        self._letters: deque[_Letter] = deque()
        self._sent: tuple[_Letter, Asking] | None = None
        self._letter_due_s = self._presets_due_s = self._takes_due_s = self._count_due_s = 0.0
        self._takes_of: tuple[str, int] | None = None  # bundle and count of the intent by which they were asked for
        self._seen_s = time.monotonic()
        self._notes = Notes(run_dir)
        self._epoll = select.epoll()
        self._listening = _listen(run_dir)
        self._epoll.register(self._listening, select.EPOLLIN)

    @property
    def over(self) -> bool:
        """There is nothing left to look after."""
        return time.monotonic() - self._seen_s > ALONE_S

    @property
    def clients(self) -> int:
        return len(self._clients)

    def wake_on(self, fd: int) -> None:
        """End a turn's wait as well when this can be read."""
        self._epoll.register(fd, select.EPOLLIN)

    def step(self, longest_s: float) -> None:
        """One turn: wait for something to do, at most so long, and do a bounded part of it."""
        for fd, events in self._epoll.poll(self._pause_s(longest_s), CLIENTS_MAX + 2):
            if fd == self._listening.fileno():
                self._accept()
            elif self._sent is not None and fd == self._sent[1].fileno():
                self._take_answer()
            elif (client := self._clients.get(fd)) is not None:
                self._serve(client, events)
        for _ in range(len(self._full)):
            if (client := self._clients.get(self._full.popleft())) is not None:
                self._answer_some(client)
        now_s = time.monotonic()
        self._send_letter(now_s)
        for client in list(self._clients.values()):
            self._look_after(client, now_s)
        if now_s >= self._count_due_s:
            self._count_due_s = now_s + COUNT_S
            self._count(now_s)
            self._notes.renew()
            self._listen_anew()

    def _pause_s(self, longest_s: float) -> float:
        now_s = time.monotonic()
        if self._full:
            return 0.0
        dues = [client.watching.due_s for client in self._clients.values() if client.watching and not client.outbox]
        if self._letters and self._sent is None:
            dues.append(self._letter_due_s)
        return max(0.0, min([self._count_due_s, now_s + longest_s, *dues]) - now_s)

    def _listen_anew(self) -> None:
        """Where somebody has removed the socket; whoever is connected stays so."""
        if (self.run_dir / SOCKET).exists():
            return
        with contextlib.suppress(BadInput):  # no more than a run directory that is gone: try again in a second
            made = _listen(self.run_dir)
            self._epoll.unregister(self._listening)
            self._listening.close()
            self._listening = made
            self._epoll.register(made, select.EPOLLIN)

    # --- clients ---

    def _accept(self) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                made, _ = self._listening.accept()
            except OSError:  # nobody else waits, or has gone again; or there are no descriptors left
                return
            made.setblocking(False)
            if len(self._clients) >= CLIENTS_MAX:
                error = BadInput(f"{CLIENTS_MAX} clients are here already", SOCKET, "end one of them, or wait")
                with contextlib.suppress(OSError):
                    made.send(messages.write({"id": None, "error": refusal(error, "full")}))
                made.close()
                continue
            client = _Client(made, time.monotonic())
            self._clients[made.fileno()] = client
            self._epoll.register(made, select.EPOLLIN)

    def _serve(self, client: _Client, events: int) -> None:
        if events & (select.EPOLLHUP | select.EPOLLERR) and not client.hears:
            self._drop(client)  # gone, and what it has said so far is not worth an answer
            return
        if events & select.EPOLLOUT:
            self._flush(client)
        if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and client.socket.fileno() >= 0:
            self._read(client)

    def _read(self, client: _Client) -> None:
        if not client.hears:
            return
        try:
            came = client.socket.recv(LINE_MAX)
        except BlockingIOError:
            return
        except OSError:
            came = b""
        if not came:
            self._drop(client)
            return
        client.inbox += came
        self._answer_some(client)

    def _answer_some(self, client: _Client) -> None:
        """Its next messages; what is left waits for the next turn."""
        for _ in range(MESSAGES_A_TURN):
            if not client.answers:
                break
            line, ended, rest = client.inbox.partition(b"\n")
            if len(line) >= LINE_MAX:
                error = BadInput(f"a line is longer than {LINE_MAX} bytes", "", "send shorter ones")
                self._part(client, error, "too-long")
                break
            if not ended:
                break
            client.inbox = rest
            if line.strip():
                self._answer(client, bytes(line))
        self._flush(client)

    def _answer(self, client: _Client, line: bytes) -> None:
        try:
            message = messages.read_message(line)
        except BadInput as error:
            self._tell(client, {"id": None, "error": refusal(error, "malformed")})
            return
        if isinstance(message, messages.Hello):
            self._greet(client, message)
        elif not client.version:
            self._part(client, BadInput("hello comes first", "", "say which versions you speak"), "hello", message.id)
        else:
            try:
                self._do(client, message)
            except BadInput as error:
                self._tell(client, {"id": message.id, "error": refusal(error)})

    def _greet(self, client: _Client, hello: messages.Hello) -> None:
        common = [version for version in VERSIONS if version in hello.versions]
        if not common:
            spoken = ", ".join(map(str, VERSIONS))
            error = BadInput(f"no common version, this side speaks {spoken}", "", "update the older of the two")
            self._part(client, error, "version", hello.id)
            return
        client.version, client.read_only = common[0], hello.read_only
        limits = {"line": LINE_MAX, "answer": ANSWER_MAX, "paths": PATHS_MAX, "every_s": FASTEST_S}
        told = {"version": common[0], "neurorack": neurorack.__version__, "read_only": hello.read_only}
        self._tell(client, {"id": hello.id, **told, "limits": limits})

    def _do(self, client: _Client, message: messages.Message) -> None:
        if client.read_only and messages.changes(message):
            raise BadInput("this connection only reads", "", "connect without read_only")
        if isinstance(message, messages.Get):
            self._tell(client, {"id": message.id, "values": chosen(self._read_tree(), message.paths)})
        elif isinstance(message, messages.Watch):
            self._watch(client, message)
        elif isinstance(message, messages.Set):
            self._post(client, message.id, Request("set", path=message.path, value=message.value))
        elif isinstance(message, messages.Note):
            if client.version < 2:
                raise BadInput("notes are of version 2", "", "say so in hello")
            self._notes.play(client.socket.fileno(), message)
            self._tell(client, {"id": message.id, "done": True})
        elif isinstance(message, messages.Presets):
            self._post(client, message.id, Request(message.deed, message.number, message.name))
        elif isinstance(message, messages.Gestures):
            self._post(client, message.id, gestures.Request(message.deed, message.gesture, message.name))
        elif isinstance(message, messages.Panic) and message.undo:
            if client.version < 2:
                raise BadInput("undo is of version 2", "", "say so in hello")
            self._post(client, message.id, Request("undo panic"))
        elif isinstance(message, messages.Panic):
            switch = Switch(self.run_dir / "panic")
            switch.on = True
            switch.close()
            self._tell(client, {"id": message.id, "done": True})
        elif isinstance(message, messages.Metrics):
            answer: dict[str, Any] = {"text": prometheus(self._metrics, self._read_tree())}
            if message.history:
                answer |= {name: self._metrics.rows(name) for name in ("recent", "hours")}
            self._tell(client, {"id": message.id, **answer})
        elif isinstance(message, messages.Log):
            self._tell(client, {"id": message.id, "lines": self._log(message.of)})

    def _watch(self, client: _Client, message: messages.Watch) -> None:
        every_s = message.every_s
        if 0.0 < every_s < FASTEST_S:
            mend = f"give {FASTEST_S:g}…{SLOWEST_S:g}, or 0 to end it"
            raise BadInput(f"cannot look every {every_s:g} s", "every_s", mend)
        values = chosen(self._read_tree(), message.paths)
        client.watching = None
        if every_s > 0.0:
            due_s = time.monotonic() + every_s
            client.watching = _Watching(message.id, message.paths, every_s, due_s, values)
        self._tell(client, {"id": message.id, "values": values})

    def _look_after(self, client: _Client, now_s: float) -> None:
        """Of a client: tell what has changed in its watch, drop it where it says nothing or hears nothing."""
        if client.outbox:
            if now_s - client.wrote_s > STUCK_S:
                self._drop(client)
            return
        if not client.version and now_s - client.since_s > GREETING_S:
            self._part(client, BadInput("no hello came", "", "say it first"), "hello")
            self._flush(client)
            return
        watching = client.watching
        if watching is None or now_s < watching.due_s:
            return
        watching.due_s = now_s + watching.every_s
        lies_below = below(watching.paths)
        values = {at: value for at, value in self._read_tree().items() if lies_below(at)}
        changed = {at: value for at, value in values.items() if at not in watching.told or watching.told[at] != value}
        changed |= dict.fromkeys(watching.told.keys() - values.keys())
        watching.told = values
        if changed:
            self._tell(client, {"watch": watching.id, "values": changed})
            self._flush(client)

    def _read_tree(self) -> dict[str, Leaf]:
        now_s = time.monotonic()
        if now_s - self._values[0] > FRESH_S:
            self._values = now_s, self.tree.read()
        return self._values[1]

    def _log(self, of: str) -> list[str]:
        if of == "crash":
            kept = crash.last(state_dir())
            return ["no process has crashed"] if kept is None else kept.lines()
        try:
            with open(self.run_dir / f"{of}.err", "rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_BYTES))
                return log.read(LOG_BYTES).decode("utf-8", "replace").splitlines()
        except OSError as error:
            raise BadInput(
                f"no log of {of}: {error.strerror}", str(self.run_dir), "see `journalctl -u 'neurorack*'`"
            ) from error

    def _tell(self, client: _Client, message: dict[str, Any]) -> None:
        line = messages.write(message)
        if len(line) > ANSWER_MAX:
            error = BadInput("the answer is too long", "", "ask for less at once")
            line = messages.write({"id": message.get("id"), "error": refusal(error, "too-long")})
        if not client.outbox:
            client.wrote_s = time.monotonic()
        client.outbox += line

    def _part(self, client: _Client, error: BadInput, code: str, id: Any = None) -> None:
        """A last word, and it is dropped."""
        self._tell(client, {"id": id, "error": refusal(error, code)})
        client.last = True

    def _flush(self, client: _Client) -> None:
        """Send what it takes; hear from it again once it has taken all."""
        if client.outbox:
            try:
                sent = client.socket.send(client.outbox)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._drop(client)
                return
            if sent:
                del client.outbox[:sent]
                client.wrote_s = time.monotonic()
        if client.last and not client.outbox:
            self._drop(client)
            return
        if client.answers and b"\n" in client.inbox and client.socket.fileno() not in self._full:
            self._full.append(client.socket.fileno())
        hear = select.EPOLLIN if client.hears else 0
        self._epoll.modify(client.socket, hear | (select.EPOLLOUT if client.outbox else 0))

    def _drop(self, client: _Client) -> None:
        del self._clients[client.socket.fileno()]
        self._notes.leave(client.socket.fileno())
        self._epoll.unregister(client.socket)
        client.socket.close()
        for letter in self._letters:
            if letter.client is client:
                letter.client = None  # done all the same: it has been asked for

    # --- the daemon ---

    def _post(self, client: _Client, id: Any, request: Request | gestures.Request) -> None:
        if len(self._letters) >= LETTERS_MAX:
            raise BadInput("too many wishes at once", "", "wait for the answers")
        self._letters.append(_Letter(client, id, request, time.monotonic() + ANSWER_S))

    def _send_letter(self, now_s: float) -> None:
        """The next one, once the one before is answered or has waited too long; what we ask ourselves gives way."""
        if self._sent is not None:
            letter = self._sent[0]
            if now_s < letter.until_s and not (letter.client is None and self._letters):
                return
            self._end_letter(_late("it may do it yet: look before you ask again"))
        while self._letters and now_s >= self._letters[0].until_s:
            self._reply(self._letters.popleft(), _late("nothing has changed: ask again when it does"))
        if not self._letters:
            self._ask_ourselves(now_s)
        if not self._letters or now_s < self._letter_due_s:
            return
        self._letter_due_s = now_s + TURN_S
        letter = self._letters.popleft()
        try:
            asking = Asking(self.run_dir)
        except OSError:
            self._reply(letter, {"error": _no_daemon(self.run_dir)})
            return
        try:
            asking.send(msgspec.json.encode(letter.request))
        except BlockingIOError:  # others write to it: try again
            asking.close()
            self._letters.appendleft(letter)
            return
        except OSError:
            asking.close()
            self._reply(letter, {"error": _no_daemon(self.run_dir)})
            return
        self._sent = letter, asking
        self._epoll.register(asking, select.EPOLLIN)

    def _ask_ourselves(self, now_s: float) -> None:
        """For the gestures where the intent says that there are others: the daemon knows which of them are whole. Else
        for the presets, while anybody is there."""
        intent = self.tree.record("intent")
        of = None if intent is None else (bytes(intent["bundle"]).decode(errors="replace"), int(intent["takes"]))
        if of is not None and of != self._takes_of and now_s >= self._takes_due_s:
            self._takes_of = of
            self._letters.append(_Letter(None, None, gestures.Request("list"), now_s + ANSWER_S))
        elif now_s >= self._presets_due_s and self._clients:
            self._presets_due_s = now_s + PRESETS_S
            self._letters.append(_Letter(None, None, Request("list"), now_s + ANSWER_S))

    def _take_answer(self) -> None:
        assert self._sent is not None
        listed = isinstance(self._sent[0].request, gestures.Request)
        reply: Reply | gestures.Reply
        try:
            raw = self._sent[1].take()
            reply = msgspec.json.decode(raw, type=gestures.Reply) if listed else msgspec.json.decode(raw, type=Reply)
        except BlockingIOError:
            return
        except OSError:
            self._end_letter({"error": _no_daemon(self.run_dir)})
            return
        except ValueError:
            error = BadInput("the daemon is of another version", str(self.run_dir), "start it anew")
            self._end_letter({"error": refusal(error, "daemon")})
            return
        if reply.refusal is not None:
            self._end_letter({"error": refusal(BadInput(*reply.refusal))})
            return
        self._values = -FRESH_S, {}
        if isinstance(reply, gestures.Reply):
            if self._takes_of is not None:
                self.tree.takes = self._takes_of[0], reply.takes
            told = ("takes", "stage", "left_s", "name", "fault")
            self._end_letter({"done": True, **{name: getattr(reply, name) for name in told}})
            return
        self.tree.presets = reply.presets
        rows = [msgspec.to_builtins(row) for row in reply.presets]
        setting = self._sent[0].request.do in ("set", "undo panic")
        self._end_letter({"done": True} if setting else {"done": True, "presets": rows})

    def _end_letter(self, answer: dict[str, Any]) -> None:
        assert self._sent is not None
        letter, asking = self._sent
        self._sent = None
        self._epoll.unregister(asking)
        asking.close()
        self._reply(letter, answer)

    def _reply(self, letter: _Letter, answer: dict[str, Any]) -> None:
        if "error" in answer and letter.client is None and isinstance(letter.request, gestures.Request):
            self._takes_of, self._takes_due_s = None, time.monotonic() + PRESETS_S
        client = letter.client
        if client is not None and client.socket.fileno() in self._clients:
            self._tell(client, {"id": letter.id, **answer})
            self._flush(client)

    def _count(self, now_s: float) -> None:
        self._metrics.step(self.tree)
        if any(holder(self.run_dir / f"{name}.lock") for name in ("daemon", "engine", "jacks")):
            self._seen_s = now_s

    def close(self) -> None:
        for client in list(self._clients.values()):
            self._drop(client)
        if self._sent is not None:
            self._sent[1].close()
        self._notes.close()
        self._listening.close()
        self._epoll.close()
        with contextlib.suppress(OSError):
            (self.run_dir / SOCKET).unlink()


def _no_daemon(run_dir: Path) -> dict[str, Any]:
    return refusal(BadInput("the daemon does not run", str(run_dir), "it is started again, or start it"), "daemon")


def _late(mend: str) -> dict[str, Any]:
    return {"error": refusal(BadInput("the daemon does not answer", "", mend), "daemon")}


def _listen(run_dir: Path) -> socket.socket:
    """The socket, for owner and group alone from its first moment."""
    path = run_dir / SOCKET
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    mask = os.umask(0o117)
    try:
        path.unlink(missing_ok=True)
        with short_path(run_dir, SOCKET) as name:
            listening.bind(name)
        with contextlib.suppress(KeyError, PermissionError):  # no such group, or not ours to give
            os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
        listening.listen(ACCEPTS_A_TURN * 4)
    except OSError as error:
        listening.close()
        raise BadInput(f"no socket for consoles: {error.strerror}", str(path), "remove what is in its place") from error
    finally:
        os.umask(mask)
    return listening


def main(arguments: Sequence[str] | None = None) -> int:
    """Until SIGTERM or SIGINT. Returns the exit status: 0, or 2 on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m neurorack.remote.server",
        description="Serve the module's socket: values, wishes, metrics.",
        epilog="example: python -m neurorack.remote.server --run-dir /run/neurorack",
    )
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="where the processes meet")
    options = parser.parse_args(arguments)
    ending = Ending()
    with contextlib.suppress(PermissionError):  # as a service: its unit has done so
        os.nice(NICE)
    try:
        with Lock(options.run_dir / "remote.lock"):
            metrics = Metrics(state_dir())
            server = Server(options.run_dir, metrics)
            server.wake_on(ending.fileno())
            progress = Progress()
            while not ending.asked and not server.over:
                progress.made()
                server.step(COUNT_S)
            server.close()
            metrics.save()
        return 0
    except Held as held:
        error = BadInput(f"it is served already, by process {held.pid}", str(options.run_dir), "stop it first")
    except BadInput as bad:
        error = bad
    except OSError as failed:
        error = BadInput(f"cannot run: {failed.strerror}", str(failed.filename or options.run_dir), "check --run-dir")
    print(f"remote: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
