"""The loop around a training: it shows how far it is, writes down, keeps checkpoints, and ends well whatever happens.

what happens                      what is kept                            exit status
Ctrl-C, SIGTERM                   this step                               130, 143
a loss or gradient is no number   the last checkpoint, finite throughout  2
the device fails                  the last copy in memory                 2
no room to write                  the last checkpoint                     2
"""

import contextlib
import errno
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import msgspec
import torch
from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from neurorack.bundle import Knob
from neurorack.errors import BadInput
from neurorack.learn import checkpoint
from neurorack.learn.log import Log
from neurorack.learn.memory import keep_freed
from neurorack.learn.scale import Team
from neurorack.words import KINDS

CHECKPOINT_STEPS = 500
"""Two minutes of two cores: what a loss of power can cost."""
LOG_STEPS = 25
COPY_STEPS = 50
"""Between copies in memory, for the case that the device is lost."""

_SMOOTH = 0.98
"""Share that a loss on the bar keeps of what it was a step ago."""

_DEVICES = ("CUDA", "cuBLAS", "CUBLAS", "cuDNN", "CUDNN", "NCCL", "HIP", "gloo")
"""Words of errors for which an accelerator or another process is to blame, not the program."""


class Trains(Protocol):
    """What the loop needs of a training (`train.Training`)."""

    recipe: Any
    knobs: list[Knob]

    @property
    def step(self) -> int: ...

    def advance(self) -> dict[str, float]: ...
    def state(self) -> dict[str, Any]: ...
    def load_state(self, state: dict[str, Any]) -> None: ...


class Stopped(Exception):
    """Somebody asked the training to end, and it has: it stands saved at `step`."""

    def __init__(self, step: int, status: int) -> None:
        self.step, self.status = step, status
        super().__init__(f"stopped at step {step}")


def run(
    training: Trains,
    folder: Path,
    team: Team | None = None,
    *,
    say: Callable[[str], None] = print,
    watch: Callable[[], None] = lambda: None,
) -> float:
    """Train to the recipe's last step, from the folder's newest checkpoint where there is one; the seconds it took in
    all, those before an interruption included.

    `watch` is called after every step, by the process that leads. `Stopped` after a signal, BadInput as said above.
    """
    keep_freed()
    torch.set_flush_denormal(True)  # whatever sessions of ONNX Runtime have set: else weights would depend on it
    team = team or Team("cpu")
    if team.leads:
        folder.mkdir(parents=True, exist_ok=True)
    team.wait()
    seconds = _resume(training, folder, say if team.leads else lambda _: None)
    team.wait()  # nobody writes while another still reads
    keeper = _Keeper(training, folder, team, seconds)
    with _signals() as asked, numpy_on_one_thread(), keeper, _bar(training, team) as bar:
        while training.step < training.recipe.steps:
            losses = keeper.advance()
            bar.update()
            if team.leads:
                keeper.note(losses)
                bar.set_postfix({name: f"{loss:.3f}" for name, loss in keeper.smooth.items()}, refresh=False)
            last = training.step == training.recipe.steps
            stop = team.agree(bool(asked))
            if stop or last or training.step % CHECKPOINT_STEPS == 0:
                keeper.save()
            if stop:
                raise Stopped(training.step, 128 + (asked[0] if asked else signal.SIGTERM))
            if team.leads:
                watch()
    return keeper.seconds


def numpy_on_one_thread() -> contextlib.AbstractContextManager[Any]:
    """numpy multiplies on one thread. Its others go on spinning where torch, or another training, wants to work: a step
    of our instrument took 125 ms so on two cores, not 55, and one of SING 90, not 40."""
    limited: contextlib.AbstractContextManager[Any] = ThreadpoolController().select(user_api="blas").limit(limits=1)
    return limited


def device_fault(error: RuntimeError) -> BadInput | None:
    """What to say of an error for which an accelerator or another process is to blame; None of any other."""
    if not any(word in str(error) for word in _DEVICES):
        return None
    said = str(error).partition("\n")[0][:200]
    mend = "free its memory or see to it, or give --device cpu; what has been done is kept"
    return BadInput(f"the device failed ({said})", "training", mend)


def describe(training: Trains, seconds: float) -> dict[str, Any]:
    """The training, which took so long, as a checkpoint, in the memory of the host."""
    return {
        "recipe": msgspec.json.encode(training.recipe).decode(),
        "kind": training.recipe.kind,
        "knobs": msgspec.json.encode(training.knobs).decode(),
        "step": training.step,
        "seconds": seconds,
        "state": _host_copy(training.state()),
    }


def _resume(training: Trains, folder: Path, say: Callable[[str], None]) -> float:
    """Go on from the folder's newest checkpoint; the seconds it took to get there."""
    found, damage = checkpoint.read_newest(folder)
    if damage:
        say(f"{damage}; going on from the one before")
    if found is None:
        return 0.0
    if not _same(found["recipe"], training.recipe) or not _near(found["knobs"], training.knobs):
        raise BadInput("the checkpoint is of another training", str(folder), "give another folder")
    try:
        training.load_state(found["state"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # a whole file, of another version
        mend = f"move {checkpoint.NEWEST} away, and give the same command again"
        raise BadInput(f"a checkpoint that no training left: {_line(error)}", str(folder), mend) from error
    if training.step < training.recipe.steps:
        say(f"going on from step {training.step} of {training.recipe.steps}")
    seconds: float = found.get("seconds", 0.0)  # checkpoints of old have none
    return seconds


def _line(error: Exception) -> str:
    return f"{type(error).__name__}, {str(error).partition(chr(10))[0][:100]}"


def _same(text: str, recipe: Any) -> bool:
    """What a recipe may have had no word for when the text was written counts as its default."""
    try:
        return bool(msgspec.json.decode(text, type=type(recipe)) == recipe)
    except msgspec.DecodeError:
        return False


def _near(text: str, knobs: Sequence[Knob]) -> bool:
    """Whether scales are of the same sounds: fitted on as many threads as before, or on more, they differ by 1e-14."""
    try:
        before = msgspec.json.decode(text, type=list[Knob])
    except msgspec.DecodeError:
        return False
    return len(before) == len(knobs) and all(
        map(_alike, map(msgspec.to_builtins, before), map(msgspec.to_builtins, knobs))
    )


def _alike(before: Any, now: Any) -> bool:
    if isinstance(before, dict) and isinstance(now, dict):
        return before.keys() == now.keys() and all(_alike(before[k], now[k]) for k in before)
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(_alike, before, now))
    if isinstance(before, float) and isinstance(now, float):
        return math.isclose(before, now, rel_tol=1e-9, abs_tol=1e-9)
    return bool(before == now)


class _Keeper:
    """Takes the steps of a training and sees to it that something good is left, whatever comes of them."""

    def __init__(self, training: Trains, folder: Path, team: Team, seconds: float) -> None:
        self._training, self._folder, self._leads = training, folder, team.leads
        self._begun_s = time.monotonic() - seconds
        self.smooth: dict[str, float] = {}
        self._since: list[dict[str, float]] = []  # the last row of the table
        self._copy = describe(training, seconds)
        self._log: Log | None = None

    def __enter__(self) -> None:
        if self._leads:
            with self._writing():
                self._log = Log(self._folder, self._training.step)

    def __exit__(self, *_: object) -> None:
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.close()

    @property
    def seconds(self) -> float:
        """How long the training has taken by now."""
        return time.monotonic() - self._begun_s

    def advance(self) -> dict[str, float]:
        """One step; BadInput where there is no going on."""
        training = self._training
        with self._failing():
            losses = training.advance()
        for name, loss in losses.items():
            if not math.isfinite(loss):
                raise self._no_number(f"the loss {name!r}", training.step)
        if training.step % COPY_STEPS == 0:
            self._take_copy()
        return losses

    def note(self, losses: dict[str, float]) -> None:
        """Remember a step's losses for the bar, and write the table's row when it is due."""
        for name, loss in losses.items():
            self.smooth[name] = _SMOOTH * self.smooth.get(name, loss) + (1 - _SMOOTH) * loss
        self._since.append(losses)
        step = self._training.step
        if self._log is not None and (step % LOG_STEPS == 0 or step == self._training.recipe.steps):
            means = {name: sum(row[name] for row in self._since) / len(self._since) for name in losses}
            self._since.clear()
            with self._writing():
                self._log.write(step, means)

    def save(self) -> None:
        if self._copy["step"] != self._training.step:
            self._take_copy()
        self._write()

    def _take_copy(self) -> None:
        """Copy the state to the host's memory; BadInput where it is spoilt, so that no copy ever is."""
        with self._failing():
            copy = describe(self._training, self.seconds)
        if not _finite(copy["state"]):
            raise self._no_number("a weight", self._training.step)
        self._copy = copy

    def _write(self) -> None:
        if self._leads:
            with self._writing():
                checkpoint.write(self._folder, self._copy)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except FloatingPointError as error:
            raise self._no_number(str(error), self._training.step + 1) from error
        except RuntimeError as error:
            if "non-finite" in str(error):  # as torch says of gradients
                raise self._no_number("the gradient", self._training.step + 1) from error
            if device_fault(error):
                raise self._device_lost(error) from error
            raise

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            what = "no room left to write" if full else f"cannot write: {error.strerror or error}"
            mend = f"{'make room' if full else 'mend that'} and give the same command again, it goes on from there"
            raise BadInput(f"{what}, {self._kept()} is kept", str(self._folder), mend) from error

    def _kept(self) -> str:
        """What the folder holds, in words."""
        try:
            newest, _ = checkpoint.read_newest(self._folder)
        except BadInput:
            newest = None
        return f"the checkpoint of step {newest['step']}" if newest else "no checkpoint yet"

    def _no_number(self, what: str, step: int) -> BadInput:
        newest = self._folder / checkpoint.NEWEST
        if newest.exists() and self._training.recipe.kind in KINDS:
            mend = f"try another --seed, or take the weights as they were: neurorack export {newest} --out FOLDER"
        else:
            mend = "try another --seed, or other sounds"
        return BadInput(f"{what} is no number at step {step}, {self._kept()} is kept", str(self._folder), mend)

    def _device_lost(self, error: RuntimeError) -> BadInput:
        self._write()  # the last copy
        said = str(error).partition("\n")[0][:200]
        room = isinstance(error, torch.OutOfMemoryError)
        mend = "free its memory" if room else "see to the device, or give --device cpu"
        what = f"the device failed at step {self._training.step + 1} ({said}), step {self._copy['step']} is saved"
        return BadInput(what, str(self._folder), f"{mend}, and give the same command again")


def _host_copy(part: Any) -> Any:
    """The same with every tensor copied into the host's memory."""
    if isinstance(part, torch.Tensor):
        return part.detach().to("cpu", copy=True)
    if isinstance(part, dict):
        return {key: _host_copy(value) for key, value in part.items()}
    return type(part)(map(_host_copy, part)) if isinstance(part, (list, tuple)) else part


def _finite(part: Any) -> bool:
    if isinstance(part, torch.Tensor):
        return bool(torch.isfinite(part).all())
    if isinstance(part, dict):
        part = list(part.values())
    return all(map(_finite, part)) if isinstance(part, (list, tuple)) else True


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Signals that asked for an end, as they come. The second one acts as if nobody were listening."""
    asked: list[int] = []
    kinds = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {kind: signal.getsignal(kind) for kind in kinds}

    def restore() -> None:
        for kind, handler in before.items():
            signal.signal(kind, handler)

    def hear(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        restore()

    for kind in kinds:
        signal.signal(kind, hear)
    try:
        yield asked
    finally:
        restore()


def _bar(training: Trains, team: Team) -> Any:
    seen = sys.stderr is not None and sys.stderr.isatty()
    return tqdm(
        total=training.recipe.steps,
        initial=training.step,
        desc="training",
        unit="step",
        mininterval=0.5 if seen else 60.0,  # a log takes a line a minute
        dynamic_ncols=True,
        disable=not team.leads,
    )
