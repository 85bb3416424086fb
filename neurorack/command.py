"""What all command lines here have in common: they complain in one line, and end with 0, or with 2."""

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn

from neurorack.errors import BadInput
from neurorack.statedir import mend_of
from neurorack.terminal import complain, drop_output, open_output, tell

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


class Parser(argparse.ArgumentParser):
    """Complains in one line: BadInput."""

    def error(self, message: str) -> NoReturn:
        message = re.sub(r"invalid (?!int|float)\w+ value", "invalid value", message)  # not a function's name
        raise BadInput(message, self.prog, f"see `{self.prog} --help`")

    def _print_message(self, message: str, file: Any = None) -> None:
        tell(message.rstrip("\n"))  # help and version; the original swallows what cannot be written


def answered(work: Callable[[], int]) -> int:
    """The exit status of `work`, or of what it raised, which is said in a line."""
    try:
        open_output()
        return work()
    except BadInput as error:
        complain(f"neurorack: {error}")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `neurorack doctor | head`
        drop_output()
        return 0
    except OSError as error:
        if error.filename is None:  # no file of the player's: a fault of ours
            raise
        what = f"cannot use it: {error.strerror or error}"
        complain(f"neurorack: {BadInput(what, str(error.filename), mend_of(error))}")
        return 2
