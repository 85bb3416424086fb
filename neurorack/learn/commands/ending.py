"""How a long command ends: asked to, it says so in a line, and the same command given again goes on."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from neurorack.errors import BadInput
from neurorack.learn import loop
from neurorack.statedir import mend_of
from neurorack.terminal import complain


def resumable(work: Callable[[], int], folder: Path) -> int:
    """Exit status of `work`, which keeps what it has done in `folder`: 130 or 143 where it was interrupted; BadInput
    where a file, a folder or a device cannot be used."""
    try:
        with _ending():
            return work()
    except loop.Stopped as stopped:
        complain(f"neurorack: stopped at step {stopped.step}, saved; give the same command again and it goes on")
        return stopped.status
    except KeyboardInterrupt as asked:
        complain("neurorack: stopped; give the same command again and it goes on where it was")
        return 143 if isinstance(asked, _Terminated) else 130
    except RuntimeError as error:
        if fault := loop.device_fault(error):
            raise fault from error
        raise
    except BrokenPipeError:
        raise  # whoever reads has gone: no fault of the folder's
    except OSError as error:
        mend = f"{mend_of(error)}; what has been done is kept"
        raise BadInput(f"cannot use it: {error.strerror or error}", str(error.filename or folder), mend) from error


class _Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@contextmanager
def _ending() -> Iterator[None]:
    """SIGTERM ends what is done within as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
