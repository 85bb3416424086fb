"""`neurorack ctl`: values, wishes, metrics and panic of a module that runs, for scripts and for hands over SSH."""

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from neurorack.arguments import file
from neurorack.errors import BadInput
from neurorack.terminal import plain, tell

PATHS = """\
paths that can be set:
  bundle NAME            the instrument               gesture NAME|N       what gate 1 plays, N from 0
  depth 0…4              of the gesture               intonation 0…2       of its pitch
  morph_to NAME|N        far end of morph, -1: next   gate2 TASK           freeze, retrigger, tap, …
  scale NAME|12 digits   notes for voct               enveloped JACK,JACK  jacks without a cable
  find_seed 0…9999       where find1, find2 lead      found null           drops what they had found
  knob.K.base 0…1        where the knob stands        knob.K.pot POT|null  what sets it
  knob.K.attenuverter.J  -1…1, of jack J              knob.K.offset        knob.K.curve NAME
K: pitch (in volts), rms, centroid, bandwidth, sharpness, boominess, morph, scrub, transient, variation, glide, release,
macro1, macro2, find1, find2, freeze, octave, fine. J: voct, cv1 … cv4.
"""

_TEXTS = ("bundle", "scale", "gate2")
"""Paths whose values are texts, whatever they look like."""

Command = Callable[..., argparse.ArgumentParser]


def add_commands(command: Command) -> None:
    """`command(name, run, what, example)` makes a parser."""
    from neurorack.daemon import add_run_dir

    def made(name: str, run: Callable[[argparse.Namespace], int], what: str, example: str) -> argparse.ArgumentParser:
        parser = command(name, run, what, example)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        add_run_dir(parser)
        parser.add_argument("--json", action="store_true", help="print JSON, for programs")
        return parser

    paths: dict[str, Any] = {
        "nargs": "*",
        "type": _utf_8,
        "metavar": "PATH",
        "help": "a value, or all below it (default: all)",
    }
    get = made("get", _get, "print values: knobs, patch, jacks, meters, system", "neurorack ctl get knob.centroid")
    get.add_argument("paths", **paths)
    change = made(
        "set",
        _set,
        "change a value of what plays",
        "neurorack ctl set knob.centroid.attenuverter.cv1 -0.5; neurorack ctl set gesture sitar",
    )
    change.epilog = f"{PATHS}\n{change.epilog}"
    change.add_argument("path", type=_utf_8, metavar="PATH", help="see below")
    change.add_argument("value", type=_utf_8, metavar="VALUE", help="a number, a name, null for none")
    watch = made("watch", _watch, "print values as they change, until Ctrl-C", "neurorack ctl watch jack meters.load")
    watch.add_argument("paths", **paths)
    watch.add_argument("--every", type=float, default=0.1, metavar="S", help="seconds from look to look (default 0.1)")
    watch.add_argument("--seconds", type=float, metavar="S", help="end after so long")
    made(
        "panic",
        _panic,
        "silence at once, then the sound of a module out of its box; works with the daemon dead",
        "neurorack ctl panic; neurorack ctl panic --undo",
    ).add_argument(
        "--undo",
        action="store_true",
        help="play again what played before the panic; once more, what came after, if anything (needs the daemon)",
    )
    made(
        "metrics", _metrics, "print what was counted, in Prometheus' text format", "neurorack ctl metrics"
    ).add_argument(
        "--history", action="store_true", help="with --json: the last day by 5 minutes and the last month by hours too"
    )
    log = made("log", _log, "print the last lines of a process, or of the last crash", "neurorack ctl log crash")
    log.add_argument(
        "of",
        choices=("daemon", "engine", "jacks", "remote", "crash"),
        metavar="PROCESS",
        help="engine, jacks, …, or crash: what was said before the last one, kept over the power",
    )
    diagnose = made(
        "diagnostics",
        _diagnostics,
        "pack what a friend needs to help: logs, settings, doctor's report, metrics",
        "neurorack ctl diagnostics trouble.tar.gz",
    )
    diagnose.add_argument("out", type=file, metavar="FILE.tar.gz", help="where it goes")


def _client(options: argparse.Namespace, *, read_only: bool = True) -> Any:
    from neurorack.remote.client import Client, find_run_dir

    return Client(find_run_dir(options.run_dir), read_only=read_only)


def _get(options: argparse.Namespace) -> int:
    with _client(options) as client:
        values = client.ask("get", paths=_paths(options, client))["values"]
    if options.json:
        tell(json.dumps(values, indent=1))
    elif len(options.paths) == 1 and list(values) == options.paths:
        tell(plain(_text(values[options.paths[0]])))  # for $(…)
    else:
        _print(values)
    return 0


def _paths(options: argparse.Namespace, client: Any) -> list[str]:
    """Raises BadInput where they are more than the module takes."""
    paths: list[str] = options.paths
    if len(paths) > (most := client.server["limits"]["paths"]):
        raise BadInput(f"{len(paths)} paths are too many", "PATH", f"give {most} at most, or what they are below")
    return paths


def _set(options: argparse.Namespace) -> int:
    with _client(options, read_only=False) as client:
        client.ask("set", path=options.path, value=parsed(options.path, options.value))
    if options.json:
        tell(json.dumps({"done": True}))
    return 0


def _watch(options: argparse.Namespace) -> int:
    if not 0.1 <= options.every <= 60.0:
        raise BadInput(f"cannot look every {options.every:g} s", "--every", "give 0.1…60")
    if options.seconds is not None and not options.seconds >= 0.0:
        raise BadInput(f"cannot end after {options.seconds:g} s", "--seconds", "give 0 or more")
    ends_s = None if options.seconds is None else time.monotonic() + options.seconds
    with _client(options) as client:
        values = client.ask("watch", paths=_paths(options, client), every_s=options.every)["values"]
        while True:
            if values is not None and options.json:
                tell(json.dumps(values))
            elif values is not None:
                _print(values)
            left_s = 1.0 if ends_s is None else min(1.0, ends_s - time.monotonic())
            if left_s <= 0:
                return 0
            values = client.told(left_s)


def _panic(options: argparse.Namespace) -> int:
    from neurorack.daemon import PANIC_S
    from neurorack.panic import panic
    from neurorack.remote.client import find_run_dir
    from neurorack.words import BUNDLE

    if options.undo:
        with _client(options, read_only=False) as client:
            client.ask("panic", undo=True)
        done = "plays what played before the panic; until the next, --undo once more plays what came after, if anything"
    else:
        done = panic(find_run_dir(options.run_dir), BUNDLE, PANIC_S)
    tell(json.dumps({"done": done}) if options.json else done)
    return 0


def _metrics(options: argparse.Namespace) -> int:
    if options.history and not options.json:
        raise BadInput("Prometheus' format has no history", "--history", "give --json too")
    with _client(options) as client:
        answer = client.ask("metrics", history=options.history)
    del answer["id"]
    tell(json.dumps(answer) if options.json else answer["text"].rstrip("\n"))
    return 0


def _log(options: argparse.Namespace) -> int:
    with _client(options) as client:
        lines = client.ask("log", of=options.of)["lines"]
    tell(json.dumps(lines) if options.json else "\n".join(map(plain, lines)))
    return 0


def _diagnostics(options: argparse.Namespace) -> int:
    from neurorack.remote.client import find_run_dir
    from neurorack.remote.diagnostics import pack

    names = pack(find_run_dir(options.run_dir), options.out)
    told = f"wrote {options.out}: {', '.join(names)}"
    tell(json.dumps({"file": str(options.out), "names": names}) if options.json else plain(told))
    return 0


def _utf_8(text: str) -> str:
    """Refuses bytes that are no UTF-8, which no message can carry."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError(f"{os.fsencode(text)!r} is not in UTF-8") from error
    return text


def parsed(path: str, text: str) -> Any:
    """A value as a shell gives it: "0.5" → 0.5, "null" → None, "pluck" → "pluck", "cv1,cv2" → ["cv1", "cv2"]."""
    if path == "enveloped":
        return [jack for jack in text.split(",") if jack]
    if path in _TEXTS:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, float) and not math.isfinite(value):  # of 1e400 and NaN, that JSON has no number for
        return text
    return value if isinstance(value, int | float | str | None) else text


def _print(values: Mapping[str, Any]) -> None:
    for path, value in values.items():
        tell(plain(f"{path}\t{_text(value)}"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
