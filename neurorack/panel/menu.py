"""Where the player is: a pile of pages, home at the bottom. Every event goes to the page on top.

home ──push──▶ page ──push──▶ page …       a page that refuses is covered by the reason
     ◀─long press─  ◀─long press─           until the next touch
"""

import numpy as np

from neurorack.errors import BadInput
from neurorack.panel.encoder import Event, Push, Turn
from neurorack.panel.page import Page, Refused
from neurorack.panel.state import PanelState


class Menu:
    def __init__(self, home: Page) -> None:
        self._pages = [home]

    @property
    def page(self) -> Page:
        """The page that is shown."""
        return self._pages[-1]

    @property
    def at_home(self) -> bool:
        return len(self._pages) == 1

    def touch(self, event: Event) -> None:
        """Take one event of the encoder."""
        page = self.page
        try:
            if isinstance(event, Turn):
                page.turn(event)
            elif event is Push.PRESS:
                entered = page.press()
                self._leave_ended()
                if entered is not None:
                    self._pages.append(entered)
            elif page.back() and not self.at_home:
                self._pages.pop()
        except BadInput as refusal:
            self._leave_ended()
            self._pages.append(Refused(refusal))
        self._leave_ended()

    def cover(self, page: Page) -> None:
        """Show this on top of where the player is."""
        self._pages.append(page)

    def step(self, state: PanelState) -> None:
        self.page.step(state)
        self._leave_ended()

    def draw(self, state: PanelState) -> np.ndarray:
        return self.page.draw(state)

    def _leave_ended(self) -> None:
        self._pages = [self._pages[0], *(page for page in self._pages[1:] if not page.over)]
