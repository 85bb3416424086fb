"""`neurorack bench`: what a block of sound costs on this machine, as excess over a callback that does nothing.

First each decoder by itself (`engine.footprint`). Then each block size is a trial in an engine's process of its own
(`engine.trial`), played by gates and moving knobs from here; with `load`, a drawing panel, a console that polls the
meters and an endless rendering job run beside it.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurorack.arguments import file
from neurorack.errors import BadInput
from neurorack.terminal import complain, plain, tell
from neurorack.words import BLOCKS

if TYPE_CHECKING:
    from neurorack.bundle import Card

SECONDS = 10.0
"""Of one trial, by default; half of it is the empty callback's."""

LOADS = ("panel", "console", "render")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options, for `neurorack bench` and `python -m neurorack.bench`."""
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="S", help="of each measurement (default 10)")
    parser.add_argument(
        "--blocks", default=",".join(map(str, BLOCKS)), metavar="N,N", help="block sizes (default 64,128,256,512)"
    )
    parser.add_argument("--bundle", action="append", metavar="NAME", help="a name or folder; may be given repeatedly")
    parser.add_argument("--device", default="null", metavar="NAME", help="null (default), jack or a card's name")
    parser.add_argument("--cpu", type=int, metavar="N", help="keep the callback on this CPU")
    parser.add_argument("--load", action="store_true", help="with panel, console and a rendering job beside it")
    parser.add_argument("--picture", type=file, metavar="FILE.png", help="draw the histograms")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run_options(options: argparse.Namespace) -> int:
    """The command, its options parsed."""
    try:
        blocks = [int(block) for block in options.blocks.split(",")]
    except ValueError:
        raise BadInput(f"{options.blocks!r} are no block sizes", "--blocks", "give e.g. 64,128") from None
    if options.picture:
        _check_picture(options.picture)
    report = run(
        options.seconds, blocks, options.bundle, device=options.device, cpu=options.cpu, load=options.load
    )  # fmt: skip
    if options.picture:
        draw(report, options.picture)
    tell(json.dumps(report) if options.json else describe(report))
    return 0


def _check_picture(path: Path) -> None:
    """Raise BadInput where the picture could not be written after the minutes of measuring."""
    if path.suffix.lower() != ".png":
        raise BadInput("cannot write the picture: it is a PNG", str(path), "give a file that ends in .png")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadInput("cannot write the picture there", str(path), "give a file in a folder that you may write to")


def _check_cpu(cpu: int) -> None:
    """Raise BadInput where this thread cannot be kept on that CPU: tried, since one that is isolated is not listed."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {cpu})
    except (OSError, ValueError, OverflowError):
        raise BadInput(f"there is no CPU {cpu}", "--cpu", f"give one of {sorted(before)}") from None
    os.sched_setaffinity(0, before)


def _check_device(device: str) -> None:
    """Raise BadInput where that card is not there: the null device in its place is none to measure.

    A process of its own looks, whose JACK client ends before the measurement.
    """
    if device not in ("null", "auto") and _python("neurorack.engine.device", device).wait() != 0:
        raise BadInput(
            f"no sound device is called {device!r}", "--device", "give null, or one that `neurorack doctor` lists"
        )


def run(
    seconds: float = SECONDS,
    blocks: Sequence[int] = BLOCKS,
    bundles: Sequence[str] | None = None,
    *,
    device: str = "null",
    cpu: int | None = None,
    load: bool = False,
) -> dict[str, Any]:
    """Measure every bundle (default: the first installed) at every block size; the report, ready for JSON."""
    from neurorack.bundle import find, installed, read_card

    if wrong := [block for block in blocks if block not in BLOCKS]:
        raise BadInput(f"no block size: {wrong[0]}", "--blocks", f"give any of {', '.join(map(str, BLOCKS))}")
    if not 2.0 <= seconds <= 3600.0:
        raise BadInput(f"{seconds:g} s is no time to measure", "--seconds", "give 2…3600")
    names = list(bundles or []) or [str(folder) for folder in installed()[:1]]
    if not names:
        raise BadInput("no bundle is installed", "bench", "install one with `neurorack models install`")
    if cpu is not None:
        _check_cpu(cpu)
    _check_device(device)
    cards = {name: read_card(find(name)) for name in names}
    decoders = [_decoder(name, cards[name]) for name in names]
    trials = []
    with _run_dir() as run_dir, _loads(names[0], run_dir, LOADS if load else ()):
        for name in names:
            for block in blocks:
                trial = _trial(run_dir, name, block, seconds, device, cpu)
                trials.append({"parameters": cards[name].cost.parameters, **trial, **_excess(trial)})
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "python": sys.version.split()[0],
        "load": list(LOADS) if load else [],
        "seconds": seconds,
        "decoders": decoders,
        "trials": trials,
    }


def _decoder(name: str, card: "Card") -> dict[str, Any]:
    """What the bundle's graph takes by itself, here and now; where it was trimmed, beside what its card says of the
    dense one, which was measured where the bundle was packed."""
    import msgspec

    from neurorack.bundle import ONNX_BYTES_MAX, find, read_file
    from neurorack.engine.footprint import footprint

    held, cost = card.decoder, msgspec.to_builtins(card.cost)
    taken = footprint(read_file(find(name), held.file, ONNX_BYTES_MAX, held.sha256, held.bytes))
    return {"bundle": card.name, **cost, "measured": msgspec.to_builtins(taken)}


def _excess(trial: dict[str, Any]) -> dict[str, Any]:
    """Duration beyond that of the empty callback, and its share of the period, percentile by percentile."""
    mine, empty = trial["callback"]["duration_us"], trial["empty"]["duration_us"]
    excess = {name: round(mine[name] - empty[name], 1) for name in mine}
    share = {name: round(value / trial["period_us"], 4) for name, value in excess.items()}
    return {"excess_us": excess, "share": share}


def _trial(run_dir: Path, bundle: str, block: int, seconds: float, device: str, cpu: int | None) -> dict[str, Any]:
    """One trial in its own process, fed with gates and knobs by this one."""
    command = ["--run-dir", str(run_dir), "--bundle", bundle, "--block", str(block), "--seconds", str(seconds)]
    command += ["--device", device, *([] if cpu is None else ["--cpu", str(cpu)])]
    with tempfile.TemporaryFile("w+") as answer, tempfile.TemporaryFile("w+") as complaint:
        hands = _Hands(run_dir)
        process = _python("neurorack.engine.trial", *command, stdout=answer, stderr=complaint)
        try:
            while process.poll() is None:
                hands.move()
                time.sleep(0.002)
        finally:
            process.kill()
            process.wait()
        answer.seek(0)
        complaint.seek(0)
        if process.returncode != 0:
            lines = complaint.read().strip().splitlines() or [f"it ended with status {process.returncode}"]
            raise BadInput(lines[-1], f"trial at block {block}", "")
        result: dict[str, Any] = json.load(answer)
        return result


class _Hands:
    """Plays: four notes a second, knobs that wander, written as the jacks process writes them."""

    def __init__(self, run_dir: Path) -> None:
        import numpy as np

        from neurorack.patch.performance import at_rest
        from neurorack.shared import CONTROLS, EdgeRing, Snapshot

        self._controls = Snapshot(run_dir / "controls", CONTROLS, create=True)
        self._controls.record["performance"] = at_rest()
        self._edges = EdgeRing(run_dir / "edges", create=True)
        self._rates_hz = np.array([0.31, 0.37, 0.41, 0.43, 0.47])
        self._np = np
        self._gate = 0

    def move(self) -> None:
        now_ns = time.monotonic_ns()
        t_s = now_ns * 1e-9
        record = self._controls.record
        record["t_ns"] = now_ns
        record["pitch_hz"] = 110.0 * 2 ** (int(t_s * 4) * 5 % 24 / 12)
        record["descriptors"] = 0.5 + 0.4 * self._np.sin(2 * self._np.pi * self._rates_hz * t_s)
        self._controls.publish()
        gate = int(t_s * 8) % 2
        if gate != self._gate:
            self._gate = gate
            self._edges.push(now_ns, "gate1", gate)


@contextmanager
def _run_dir() -> Iterator[Path]:
    """A run directory of its own, in memory where there is such a place: a module that plays is not disturbed."""
    memory = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(prefix="neurorack-bench-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _loads(bundle: str, run_dir: Path, names: Sequence[str]) -> Iterator[None]:
    """The module's other work, each in a process as in real life."""
    processes = [_python("neurorack.bench", "--be", name, "--bundle", bundle, cwd=str(run_dir)) for name in names]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _python(module: str, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
    package = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.Popen([sys.executable, "-m", module, *arguments], env=environment, text=True, **options)


def _be(load: str, bundle: str, run_dir: Path) -> None:
    """Be one of the loads, until killed (or left behind)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = os.getppid()
    if load == "render":
        import numpy as np

        from neurorack.engine.process import make_player

        _, player = make_player(bundle, 512, 1)
        out, count = np.zeros(512, np.float32), 0
        while os.getppid() == parent:
            if count % 47 == 0:
                player.gate(0, "gate1", count // 47 % 2)
            player.render(out)
            count += 1
    while os.getppid() == parent:
        if load == "panel":
            _draw_panel()
            time.sleep(1 / 30)
        else:
            _poll_meters(run_dir)
            time.sleep(1 / 50)


def _draw_panel() -> None:
    """A screenful as the panel makes it: text and bars on 128 × 64, turned into the display's pages."""
    import numpy as np
    from PIL import Image, ImageDraw

    image = Image.new("1", (128, 64))
    draw = ImageDraw.Draw(image)
    for row in range(5):
        draw.text((0, row * 12), f"{time.monotonic():.2f}", fill=1)
        draw.rectangle((60, row * 12, 60 + (time.monotonic_ns() >> 20) % 64, row * 12 + 8), fill=1)
    np.packbits(np.asarray(image).reshape(8, 8, 128), axis=1, bitorder="little").tobytes()


def _poll_meters(run_dir: Path) -> None:
    """What a console does: read the meters, write them as JSON."""
    from neurorack.engine.meters import percentile_s
    from neurorack.shared import METERS, Snapshot

    try:
        snapshot = Snapshot(run_dir / "meters", METERS)
    except BadInput:
        return
    if snapshot.refresh():
        record = snapshot.record
        seen = {name: record[name].tolist() for name in METERS.names or () if METERS[name].kind != "S"}
        seen["p999_s"] = percentile_s(record["duration"], 0.999)
        json.dumps(seen)
    snapshot.close()


def describe(report: dict[str, Any]) -> str:
    """The report as a table, times in microseconds, the share of the period in per cent."""
    first = report["trials"][0]
    lines = [
        f"{'decoder by itself':24}{'nodes':>7}{'parameters':>12}{'MMAC/s':>8}{'file, kB':>10}{'memory, MB':>12}"
        f"{'% at 64':>9}{'% at 128':>10}",
        *(line for decoder in report["decoders"] for line in _told(decoder)),
        "",
        f"device {first['device']}, {report['cpus']} CPUs, {report['seconds']:g} s each, "
        f"{'SCHED_FIFO' if first['realtime'] else 'no real-time priority'}, "
        f"{'beside ' + ', '.join(report['load']) if report['load'] else 'nothing beside it'}",
        *dict.fromkeys(trial["notice"] for trial in report["trials"] if trial["notice"]),
        "",
        f"{'':22}{'period':>8} {'callback, us':^24} {'empty, us':^24} {'excess, % of period':^23} "
        f"{'lost':^13} {'late p99.9':>10}",
        f"{'bundle':16}{'block':>6}{'us':>8} {'p50':>8}{'p99':>8}{'p99.9':>8} {'p50':>8}{'p99':>8}{'p99.9':>8} "
        f"{'p50':>7}{'p99':>8}{'p99.9':>8} {'call':>6}{'empty':>7} {'us':>10}",
    ]
    for trial in report["trials"]:
        mine, empty, share = trial["callback"], trial["empty"], trial["share"]
        cells = [f"{trial['bundle'][:15]:16}{trial['block']:6}{trial['period_us']:8.0f} "]
        cells += [f"{mine['duration_us'][p]:8.0f}" for p in ("p50", "p99", "p999")] + [" "]
        cells += [f"{empty['duration_us'][p]:8.0f}" for p in ("p50", "p99", "p999")] + [" "]
        cells += [f"{share['p50'] * 100:7.1f}", *(f"{share[p] * 100:8.1f}" for p in ("p99", "p999"))]
        cells += [f" {mine['lost']:6}{empty['lost']:7} {mine['lateness_us']['p999']:10.0f}"]
        lines.append("".join(cells))
    return "\n".join(map(plain, lines))


def _told(decoder: dict[str, Any]) -> Iterator[str]:
    """A line for the decoder, and one for the dense one that it comes from."""
    for before, name in (("", decoder["bundle"][:24]), ("dense_", "  before it was trimmed")):
        taken = decoder.get(f"{before}measured")
        if taken:
            yield (
                f"{name:24}{taken['nodes']:7}{decoder[f'{before}parameters']:12}"
                f"{decoder[f'{before}macs_per_s'] / 1e6:8.1f}{taken['file_bytes'] / 1e3:10.0f}"
                f"{taken['memory_bytes'] / 1e6:12.1f}{taken['share_64'] * 100:9.2f}{taken['share_128'] * 100:10.2f}"
            )


def draw(report: dict[str, Any], path: Path) -> None:
    """Histograms of callback (colour) and empty callback (grey) durations, one row a trial, as a PNG file."""
    from PIL import Image, ImageDraw, ImageFont

    from neurorack.engine.meters import bin_edges_s

    width, row, left, top = 960, 110, 150, 16
    trials = report["trials"]
    image = Image.new("RGB", (width, top + row * len(trials) + 46), "white")
    canvas, font = ImageDraw.Draw(image), ImageFont.load_default(size=13)
    edges_us = bin_edges_s() * 1e6

    def x(us: float) -> float:
        octave = min(1.0, max(0.0, log2(max(us, 1e-9)) / 16))
        return left + octave * (width - left - 20)

    for number, trial in enumerate(trials):
        base = top + row * (number + 1) - 14
        canvas.line((left, base, width - 20, base), fill="black")
        canvas.text((8, base - 60), f"{trial['bundle'][:16]}\nblock {trial['block']}", fill="black", font=font)
        for name, colour in (("empty", (150, 150, 150)), ("callback", (0, 110, 170))):
            counts = trial[name]["histogram"]
            most = log2(max(counts) + 1)
            for k, count in enumerate(counts):
                if count:
                    height = (row - 34) * log2(count + 1) / most
                    canvas.rectangle((x(edges_us[k]), base - height, x(edges_us[k + 1]), base - 1), fill=colour)
        for share, colour in ((0.25, (230, 160, 0)), (0.5, (220, 100, 0)), (1.0, (200, 0, 0))):
            at = x(trial["period_us"] * share)
            canvas.line((at, base - row + 26, at, base), fill=colour, width=2)
            canvas.text((at + 4, base - row + 22), f"{share:.0%}", fill=colour, font=font)
    bottom = top + row * len(trials)
    for exponent in range(17):
        us = 2.0**exponent
        label = f"{us:g}" if us < 1000 else f"{us / 1000:.0f}k"
        canvas.text((x(us) - 8, bottom - 6), label, fill="black", font=font)
    canvas.text(
        (left, bottom + 16),
        "microseconds in the callback (blue) and in an empty one (grey), counts in log scale; shares of the period",
        fill="black",
        font=font,
    )
    try:
        image.save(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot write the picture: {error}", str(path), "give a file that ends in .png") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m neurorack.bench`: the command without its command line, and each of its loads."""
    parser = argparse.ArgumentParser(prog="python -m neurorack.bench", description="See `neurorack bench`.")
    add_options(parser)
    parser.add_argument("--be", choices=LOADS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.be:
        _be(options.be, options.bundle[0], Path.cwd())
        return 0
    try:
        return run_options(options)
    except BadInput as fault:
        complain(str(fault))
        return 2


if __name__ == "__main__":
    sys.exit(main())
