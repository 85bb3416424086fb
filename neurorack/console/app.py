"""`neurorack console`: the module in a terminal of 80 × 24 or more, by keyboard alone, over a slow line too.

    head    what plays, how it is
    pages   1 panel  2 jacks  3 patch  …
    page    21 lines
    foot    a message, a question, or the keys

It looks ten times a second at the newest that its link has, and draws the lines that changed. Several may be open.
"""

import subprocess
import sys
import time
from pathlib import Path

from rich.text import Text
from textual import events
from textual.app import ComposeResult, SuspendNotSupported

from neurorack.console.link import LOOK_S, Link
from neurorack.console.lists import PresetsPage, SoundPage
from neurorack.console.looks import JacksPage, LoadPage, PanelPage
from neurorack.console.page import BAD, DIM, HEIGHT, WARM, WIDTH, Page, Question, Wish
from neurorack.console.patch import PatchPage
from neurorack.console.system import LogPage, SystemPage
from neurorack.errors import BadInput
from neurorack.fullscreen import Fullscreen
from neurorack.lines import Lines
from neurorack.remote.diagnostics import pack
from neurorack.terminal import plain

MESSAGE_S = 5.0
ARCHIVE = "neurorack-diagnostics.tar.gz"

KEYS = "1-8 tab pages  ! panic  q leave"


class Console(Fullscreen):
    """The whole screen."""

    CSS = f"""
    Screen {{ background: #15171c; color: #d8d6cf; layout: vertical; overflow: hidden; }}
    #head, #pages, #foot {{ width: {WIDTH}; height: 1; }}
    #page {{ width: {WIDTH}; height: {HEIGHT}; }}
    """

    def __init__(self, run_dir: Path, *, read_only: bool = False) -> None:
        super().__init__()
        self.link = Link(run_dir, read_only=read_only)
        self.pages: list[Page] = [
            PanelPage(), JacksPage(), PatchPage(), SoundPage(), PresetsPage(), LoadPage(), SystemPage(), LogPage()
        ]  # fmt: skip
        self.shown = 0
        self.question: Question | None = None
        self.answer = ""
        self._message, self._message_ends_s = "", 0.0

    def compose(self) -> ComposeResult:
        for part in ("head", "pages", "page", "foot"):
            yield Lines(part)

    def on_mount(self) -> None:
        self.set_interval(LOOK_S, self.look)
        self.look()

    def on_unmount(self) -> None:
        self.link.close()

    @property
    def page(self) -> Page:
        return self.pages[self.shown]

    def look(self) -> None:
        """Take up the newest, and draw what changed."""
        values = self.link.values
        for page in self.pages:
            page.look(values)
        parts = {"head": self._head(), "pages": self._titles(), "page": self.page.draw(values), "foot": self._foot()}
        for lines in self.query(Lines):  # none of them any more, where it is just being closed
            lines.show(parts[str(lines.id)])

    def _head(self) -> Text:
        values = self.link.values
        text = Text(" neurorack ", "bold", end="")
        if self.link.problem:
            return text.append(plain(self.link.problem)[: WIDTH - 12], BAD)
        engine, lost = values.get("system.engine", "gone"), values.get("meters.lost", 0)
        text.append(f" {str(values.get('system.bundle', '–'))[:20]} ", WARM)
        text.append(f" {engine} ", "" if engine == "playing" else BAD)
        text.append(f" load {100 * (values.get('meters.load') or 0.0):.0f} %  lost {lost} ", BAD if lost else DIM)
        if values.get("system.panic"):
            text.append(" SILENCED ", f"reverse {BAD}")
        if self.link.read_only:
            text.append(" read-only ", DIM)
        return text

    def _titles(self) -> Text:
        text = Text(" ")
        for index, page in enumerate(self.pages):
            text.append(f"{index + 1} {page.title}", "bold reverse" if index == self.shown else DIM).append("  ")
        return text

    def _foot(self) -> Text:
        if self.question is not None:
            return Text(f" {self.question.text}: {self.answer}█", WARM)
        if time.monotonic() < self._message_ends_s:
            return Text(f" {self._message[: WIDTH - 2]}", WARM)
        return Text(f" {self.page.hint}  {KEYS}"[:WIDTH] if self.page.hint else f" {KEYS}", DIM)

    def say(self, message: str) -> None:
        """Show a message in the last line for a while."""
        self._message, self._message_ends_s = plain(message), time.monotonic() + MESSAGE_S

    # --- keys ---

    def on_key(self, event: events.Key) -> None:
        """Every key but Ctrl-C comes here."""
        event.stop()
        key = event.character if event.character and event.character.isprintable() else event.key
        if self.question is not None:
            self._type(key)
        elif key == "q":
            self.exit()
        elif key in ("tab", "shift+tab"):
            self._show((self.shown + (1 if key == "tab" else -1)) % len(self.pages))
        elif key.isdecimal() and 1 <= int(key) <= len(self.pages):
            self._show(int(key) - 1)
        elif key == "!":
            self.wish({"do": "panic"})
        elif key == "c" and isinstance(self.page, SystemPage):
            self._calibrate()
        elif key == "d" and isinstance(self.page, SystemPage):
            self.say(f"packing {ARCHIVE} …")
            self.run_worker(self._pack, thread=True)
        else:
            self._do(self.page.key(key, self.link.values))
        self.look()

    def _show(self, page: int) -> None:
        self.shown = page
        if isinstance(self.page, LogPage):
            self._do(self.page.key("show", self.link.values))

    def _do(self, wanted: Wish | Question | None) -> None:
        if isinstance(wanted, Question):
            self.question, self.answer = wanted, wanted.answer
        elif wanted is not None:
            self.wish(wanted)

    def _type(self, key: str) -> None:
        assert self.question is not None
        if key == "enter":
            question, self.question = self.question, None
            self._do(question.then(self.answer))
        elif key == "escape":
            self.question = None
        elif key == "backspace":
            self.answer = self.answer[:-1]
        elif len(key) == 1 or key == "space":
            self.answer = (self.answer + (" " if key == "space" else key))[:60]

    def wish(self, wish: Wish) -> None:
        """Ask for it, without waiting; what comes of it is said in the last line."""
        page = self.page

        def ask() -> None:
            try:
                told = page.say(self.link.ask(wish))
            except BadInput as error:
                told = str(error)
            if told:
                self.call_from_thread(self.say, told)

        self.run_worker(ask, thread=True)

    def _pack(self) -> None:
        try:
            pack(self.link.run_dir, Path(ARCHIVE))
            told = f"wrote {Path(ARCHIVE).absolute()}"
        except BadInput as error:
            told = str(error)
        self.call_from_thread(self.say, told)

    def _calibrate(self) -> None:
        """The wizard has the terminal for as long as it takes."""
        if self.link.read_only:
            self.say("this console only reads")
            return
        command = [sys.executable, "-m", "neurorack", "calibrate", "--run-dir", str(self.link.run_dir)]
        try:
            with self.suspend():
                status = subprocess.run(command).returncode
        except SuspendNotSupported:
            self.say("not from this terminal: run `neurorack calibrate`")
            return
        self.say("back from calibrating" if status == 0 else f"`neurorack calibrate` ended with status {status}")


def run_console(run_dir: Path, *, read_only: bool) -> int:
    """Until a person quits; the exit status. Raises BadInput where no module answers at first, or it ends of itself."""
    from neurorack.remote.client import Client

    Client(run_dir, read_only=True).close()
    Console(run_dir, read_only=read_only).show()
    return 0
