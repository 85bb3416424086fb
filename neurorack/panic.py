"""Panic: silence at once, then a sound that is known, whoever of the processes is dead.

The switch in the run directory is looked at by the audio callback itself, which fades out in 12 ms. What follows is the
daemon's: the sound of a module out of its box, and after a second the sound back. Where no daemon runs, whoever
panics takes its lock and does that in its place.

    ctl, socket, encoder held ──▶ switch on ──▶ engine: silent ──▶ daemon, or who panics: safe sound, switch off
"""

import time
from pathlib import Path

from neurorack.errors import BadInput
from neurorack.rundir import Held, Lock, holder
from neurorack.settings.playing import Playing, safe
from neurorack.shared import Switch
from neurorack.words import GATE_DELAY_S

ANSWER_S = 4.0
"""How long a daemon may take: four times what it needs (`daemon.PANIC_S`)."""

LOOK_S = 0.05


def panic(run_dir: Path, bundle: str, silence_s: float) -> str:
    """Silence the module of `run_dir` and see that after `silence_s` it plays safely on `bundle`; what has been done.

    Raises BadInput where no module plays there, or one that is not ours to touch. Where the daemon is there and does
    nothing, silence lasts, and so it says.
    """
    if not holder(run_dir / "engine.lock"):
        raise BadInput("no module plays there", str(run_dir), "start it, or give the --run-dir of one that plays")
    try:
        switch = Switch(run_dir / "panic")
    except BadInput as error:
        mend = "use the version that it runs, or start it again with this one"
        raise BadInput("the module that plays there has no panic of this version", str(run_dir), mend) from error
    switch.on = True
    try:
        lock = Lock(run_dir / "daemon.lock")
    except (Held, OSError):  # there is one, or whether there is one is not for us to say
        return _answered(switch)
    with lock:
        playing = Playing(run_dir, gate_delay_s=GATE_DELAY_S, listen=False)
        playing.play(safe(bundle))
        playing.close()
        try:
            time.sleep(silence_s)
        finally:  # whoever asked may be gone before it is over
            switch.on = False
    return "silenced without a daemon; plays as out of the box"


def _answered(switch: Switch) -> str:
    give_up = time.monotonic() + ANSWER_S
    while switch.on:
        if time.monotonic() > give_up:
            return "silenced; the daemon does not answer, and it stays silent until the daemon does"
        time.sleep(LOOK_S)
    return "silenced; plays as out of the box"
