"""What people read: no stranger's text moves their terminal; an output that takes nothing is said in one line."""

import contextlib
import io
import sys

from neurorack.errors import BadInput


def plain(text: str) -> str:
    r"""`text` with everything escaped that a terminal does not print, tabs excepted.

    >>> plain("\x1b]0;owned\x07")
    '\\x1b]0;owned\\x07'
    """
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)


def open_output() -> None:
    """Let stdout replace what its encoding lacks; BadInput where it is closed, before a file takes its number."""
    if sys.stdout is None:
        raise BadInput("standard output is closed", "", "give it a place, e.g. >/dev/null")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def tell(text: str) -> None:
    """Print and flush. BadInput where the output is full; BrokenPipeError where its reader has gone."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise BadInput(f"cannot write: {error.strerror}", "standard output", "give it a place with room") from error


def drop_output() -> None:
    """Forget what stdout still holds, or Python complains of it as it ends."""
    sys.stdout = None  # type: ignore[assignment]


def complain(text: str) -> None:
    """A line on stderr, as far as there is one."""
    if sys.stderr is not None:  # else print would take stdout
        with contextlib.suppress(OSError):
            print(plain(text), file=sys.stderr, flush=True)
