"""The module played by a program: a daemon of its own in the background, and a demo that nobody has to watch.

Without a terminal `neurorack run --rack` plays the rack's patch for a while in real time, records it, takes a picture
of the panel and says what it did.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from typing import Any

from neurorack.daemon import SHUT_DOWN, to_arguments
from neurorack.errors import BadInput
from neurorack.keeper import Keeper
from neurorack.keeper import describe as describe_status
from neurorack.rundir import check_room, holder, in_the_way, open_run_dir
from neurorack.terminal import plain, tell

SECONDS = 20.0
SECONDS_MAX = 3600.0

FIRST_SOUND_S = 20.0
"""How long a slow machine may take until it sounds."""

END_S = 5.0
"""The daemon's patience with engine and jacks, and a little more."""

LOOK_S = 0.02
STEP_S = 0.25
"""Between two looks for the first sound, and at the tap."""


class Module:
    """A daemon in a process of its own that ends with this one, however this one ends: it listens to our pipe.

    >>> with Module(options) as module: module.sounds(within_s=20)
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.started_ns = time.monotonic_ns()
        self.run_dir = open_run_dir(options.run_dir)
        check_room(self.run_dir)
        self._heard = b""
        command = [sys.executable, "-m", "neurorack.daemon", *to_arguments(options), "--attached"]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8:backslashreplace"}  # as `log` reads it
        # Two instances may share the file for the moment in which the second is refused, hence a+.
        with in_the_way(self.run_dir):
            self._err = open(self.run_dir / "daemon.err", "ab+")  # noqa: SIM115 (its name may be removed)
            self._told = self._err.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=self._err,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    @property
    def log(self) -> list[str]:
        """What it has said so far."""
        if not self._err.closed:
            self._hear()
        return [line.removeprefix("neurorack: ") for line in self._heard.decode("utf-8", "replace").splitlines()]

    def _hear(self) -> None:
        """Not with `read`: the daemon's descriptor is at the same place in the file."""
        fd = self._err.fileno()
        self._heard = os.pread(fd, os.fstat(fd).st_size, self._told)

    def check(self) -> None:
        """Raise BadInput where it has ended, with its reason."""
        status = self._process.poll()
        if status is None:
            return
        if status == SHUT_DOWN:
            raise BadInput("the module was shut down at its panel", str(self.run_dir), "start it again")
        if status == 0:
            raise BadInput("the module was ended from elsewhere", str(self.run_dir), "start it again")
        if status < 0:
            what = f"the module's daemon was killed ({describe_status(status)}): engine and jacks end with it"
            raise BadInput(what, str(self.run_dir), "start it again; `dmesg` says whether memory ran out")
        raise BadInput((self.log or [f"the module ended without a word, {describe_status(status)}"])[-1])

    @property
    def shut_down(self) -> bool:
        """Whether it has ended because the player asked for it at the panel."""
        return self._process.poll() == SHUT_DOWN

    def sounds(self, within_s: float) -> float | None:
        """Wait for the engine: seconds from our start to its first sound, None where that takes too long."""
        from neurorack.shared import METERS, Snapshot

        meters = None
        while time.monotonic_ns() - self.started_ns < within_s * 1e9:
            self.check()
            try:
                meters = meters or Snapshot(self.run_dir / "meters", METERS)
            except BadInput:  # not yet made
                meters = None
            if meters is not None and meters.refresh():
                record = meters.record
                if record["first_sound_ns"] and record["t_ns"] > self.started_ns:
                    return max(0.0, (int(record["first_sound_ns"]) - self.started_ns) * 1e-9)
            time.sleep(LOOK_S)
        return None

    def __enter__(self) -> "Module":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            status = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._hear()
        self._err.close()
        if status < 0:
            self._end_orphans()

    def _end_orphans(self) -> None:
        """End engine and jacks of a daemon that could not, unless another daemon has taken them over."""
        if holder(self.run_dir / "daemon.lock"):
            return
        for name in ("engine", "jacks", "remote"):
            keeper = Keeper(name, (), self.run_dir, lambda line: None)
            if keeper.adopt():
                keeper.stop()


def play(options: argparse.Namespace) -> dict[str, Any]:
    """Play for `options.seconds` (20), write what sounded and how the panel looked under `options.out`; the report."""
    from neurorack.recorder import Recorder
    from neurorack.shared import METERS, Snapshot
    from neurorack.words import SAMPLE_RATE_HZ

    seconds = SECONDS if options.seconds is None else options.seconds
    if not (math.isfinite(seconds) and 0 < seconds <= SECONDS_MAX):
        raise BadInput(f"cannot play for {seconds:g} s", "--seconds", f"give more than 0 and at most {SECONDS_MAX:g}")
    out = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot make the folder: {error.strerror}", str(out), "give another --out") from error
    wav, png = out / "demo.wav", out / "panel.png"
    with Module(options) as module:
        first_sound_s = module.sounds(FIRST_SOUND_S)
        if first_sound_s is None:
            raise BadInput(f"no sound within {FIRST_SOUND_S:g} s", (module.log or [""])[-1], "run `neurorack doctor`")
        meters = Snapshot(module.run_dir / "meters", METERS)
        with Recorder(module.run_dir / "tap", wav) as recorder:
            samples = round(seconds * SAMPLE_RATE_HZ)
            give_up = time.monotonic() + seconds + 10
            while recorder.samples < samples and time.monotonic() < give_up:
                time.sleep(min(STEP_S, max(LOOK_S, (samples - recorder.samples) / SAMPLE_RATE_HZ)))
                module.check()
                recorder.step(samples)
            meters.refresh()
            if options.rack is not None:
                from neurorack.panel.picture import save_picture

                save_picture(module.run_dir, png)
    m = meters.record
    return {
        "device": bytes(m["device"]).decode(errors="replace"),
        "notice": bytes(m["notice"]).decode(errors="replace"),
        "bundle": bytes(m["bundle"]).decode(errors="replace"),
        "block": int(m["block"]),
        "seconds": recorder.samples / SAMPLE_RATE_HZ,
        "first_sound_s": round(first_sound_s, 3),
        "blocks": int(m["blocks"]),
        "lost": int(m["lost"]),
        "load": round(float(m["load"]), 4),
        "rms_db": decibels(recorder.rms),
        "peak_db": decibels(recorder.peak),
        "sound": str(wav),
        "picture": str(png) if options.rack is not None else None,
        "log": module.log,
    }


def decibels(amplitude: float) -> float | None:
    """Of full scale; None for silence, which JSON has no number for."""
    return round(20 * math.log10(amplitude), 1) if amplitude > 0 else None


def describe(report: dict[str, Any]) -> str:
    """The report of `play` as a few lines for a person."""
    silent = report["rms_db"] is None
    level = "silence" if silent else f"{report['rms_db']} dB rms, {report['peak_db']} dB peak"
    lines = [
        f"Played {report['bundle']} for {report['seconds']:.1f} s to {report['device']}: {level}.",
        f"First sound after {report['first_sound_s']:.2f} s; {report['blocks']} blocks of {report['block']} samples, "
        f"{report['lost']} lost, load {100 * report['load']:.0f} %.",
        f"Wrote {report['sound']}" + (f" and {report['picture']}." if report["picture"] else "."),
    ]
    if report["notice"]:
        lines.insert(1, f"Note: {report['notice']}.")
    lines += [f"Note: {line}" for line in report["log"]]
    return "\n".join(map(plain, lines))


def print_report(report: dict[str, Any], *, as_json: bool) -> None:
    tell(json.dumps(report, indent=1) if as_json else describe(report))
