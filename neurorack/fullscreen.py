"""A program that has the whole terminal: what is typed cannot end it, and where it ends of itself that is one line."""

import asyncio
import io
import re
import signal

from rich.console import Console
from textual.app import App
from textual.binding import Binding
from textual.drivers.linux_driver import LinuxDriver

from neurorack.errors import BadInput

TERMINATED = 128 + signal.SIGTERM
"""Exit status after SIGTERM, as shells have it."""


class Keyboard(LinuxDriver):
    """Textual's terminal, which hears on after bytes that are no UTF-8: of a terminal set to Latin-1, or a cat."""

    def run_input_thread(self) -> None:
        while True:
            try:
                return super().run_input_thread()
            except UnicodeDecodeError:  # what came with them is lost: a key, in as good as every case
                continue


class Fullscreen(App[None]):
    """Of which our terminals are made. Call `show`."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [Binding("ctrl+c", "quit", priority=True, show=False)]  # noqa: RUF012 (Textual's own form)

    def __init__(self) -> None:
        super().__init__(driver_class=Keyboard)
        self._said = io.StringIO()
        self.error_console = Console(file=self._said, markup=False, highlight=False)

    def on_load(self) -> None:
        """The terminal is not ours yet. SIGHUP ends us as ever: who sends it has taken the terminal away."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit, None, TERMINATED)

    def show(self) -> None:
        """Until a person leaves, or SIGTERM comes: that ends the program, once the terminal is as it was. Raises
        BadInput where it ends of itself."""
        self.run()
        if self.return_code == TERMINATED:
            raise SystemExit(TERMINATED)
        if self.return_code != 0:  # None where not even an exception ended it, but the thread that hears
            beneath_frame = re.split("[╯┘]", self._said.getvalue())[-1].partition("NOTE:")[0]
            raise BadInput(f"the screen has ended of itself: {beneath_frame.strip()}", "terminal", "start it again")
