"""The command `neurorack`: reads the command line and hands over. What a command needs is imported when it runs.

Every command exits with 0, or with 2 and one line on stderr that says what is wrong, where, and the mend.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import neurorack
from neurorack.arguments import file, folder
from neurorack.command import Parser, answered
from neurorack.controllers.commands import add_commands as add_controllers
from neurorack.errors import BadInput
from neurorack.remote.ctl import add_commands as add_ctl
from neurorack.terminal import complain, plain, tell
from neurorack.words import BLOCKS, GATE2_TASKS

VIEW_S = 2.0
"""The view opens when the module sounds, or after so long: then its display says why not."""


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="neurorack",
        description="A neural voice that lives in a Eurorack module.",
        epilog="example: neurorack run --rack",
    )
    parser.add_argument("--version", action="version", version=f"neurorack {neurorack.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)

    def command(
        name: str, run: Callable[[argparse.Namespace], int], what: str, example: str
    ) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(
            name, help=what, description=what[0].upper() + what[1:] + ".", epilog=f"example: {example}"
        )
        made.set_defaults(run=run)
        return made

    _add_run(
        command(
            "run", _run, "play the module, on real chips or on the virtual rack", "neurorack run --rack --bundle fluid"
        )
    )
    _add_render(
        command(
            "render",
            _render,
            "play a file of volts into a WAV file, faster than real time",
            "neurorack render fluid --cv take.csv --out take.wav --assign cv1=centroid",
        )
    )
    _add_demo(
        command("demo", _demo, "render racks to sound and picture, or list the packaged ones", "neurorack demo morph")
    )
    _add_bench(
        command(
            "bench", _bench, "measure the audio callback against an empty one", "neurorack bench --seconds 20 --json"
        )
    )
    _add_doctor(
        command("doctor", _doctor, "say what is there, what is missing and what to do", "neurorack doctor --json")
    )
    _add_calibrate(
        command(
            "calibrate",
            _calibrate,
            "bring voct in tune, to the cent",
            "neurorack calibrate --points=-1,0,1,3; without a module: neurorack calibrate --rack",
        )
    )
    _add_update(command)
    _add_offline(command)

    presets = command(
        "presets", _presets, "list, save, recall, rename and clear presets", "neurorack presets save 3 --name rain"
    )
    gestures = command(
        "gestures", _gestures, "record gestures live; list, rename and remove them", "neurorack gestures record"
    )
    ctl = command(
        "ctl", _models_list, "read, change and watch a module that runs; panic, metrics", "neurorack ctl get system"
    )
    _add_console(
        command(
            "console",
            _console,
            "look after a module in a terminal, over SSH too",
            "neurorack console --read-only; ssh -t module neurorack console",
        )
    )
    add_controllers(command)
    models = command(
        "models", _models_list, "list, show, verify and install instruments", "neurorack models show fluid"
    )
    commands = models.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    _json(command("list", _models_list, "list the installed instruments", "neurorack models list"))
    for name, run, what in (
        ("show", _models_show, "show an instrument's card"),
        ("verify", _models_verify, "prove that an instrument is whole and harmless"),
    ):
        made = command(name, run, what, f"neurorack models {name} fluid")
        made.add_argument("bundle", metavar="BUNDLE", help="a name or a folder")
        _json(made)
    install = command(
        "install",
        _models_install,
        "install an instrument from a folder or an archive",
        "neurorack models install bells.zip",
    )
    install.add_argument(
        "source", type=file, metavar="FOLDER|ARCHIVE", help="a bundle's folder, .zip or .tar(.gz, .xz)"
    )
    install.add_argument("--replace", action="store_true", help="replace an installed one of the same name")
    _json(install)
    commands = gestures.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    _add_gestures(command)
    commands = presets.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    _add_presets(command)
    commands = ctl.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    add_ctl(command)
    return parser


def _add_offline(command: Callable[..., argparse.ArgumentParser]) -> None:
    from neurorack.learn.commands import options

    options.add_train(
        command(
            "train",
            options.train,
            "make an instrument of a folder of recordings",
            "neurorack train recordings/bells --out models/bells --minutes 45",
        )
    )
    options.add_trim(
        command(
            "trim",
            options.trim,
            "make an instrument smaller and faster, round by round",
            "neurorack trim models/bells --keep 0.2 --by time --out models/small-bells; "
            "neurorack trim fluid --family sing --keep 0.03 --out models/sing",
        )
    )
    options.add_evaluate(
        command(
            "evaluate",
            options.evaluate,
            "measure how well an instrument obeys and sounds",
            "neurorack evaluate models/bells --report bells.html",
        )
    )
    options.add_export(
        command(
            "export",
            options.export,
            "write a checkpoint or an instrument as an instrument of its own",
            "neurorack export models/bells.work/run-0123456789/checkpoint.pt --out models/early-bells",
        )
    )


def _add_update(command: Callable[..., argparse.ArgumentParser]) -> None:
    from neurorack.update import command as update

    update.add_options(
        command("update", update.run, "install a signed update, and say which version plays", update.EXAMPLE)
    )


def _add_presets(command: Callable[..., argparse.ArgumentParser]) -> None:
    from neurorack.daemon import add_run_dir

    for name, what, example in (
        ("list", "list the presets", "list"),
        ("save", "store what plays as a preset", "save 3 --name 'glass rain'"),
        ("recall", "play a preset; a pot takes over as it passes the stored value", "recall 3"),
        ("rename", "give a preset another name", "rename 3 'slow bells'"),
        ("clear", "empty a preset", "clear 3"),
    ):
        made = command(name, _presets, what, f"neurorack presets {example}")
        made.set_defaults(do=name, number=0, name=None)
        if name != "list":
            made.add_argument("number", type=int, metavar="NUMBER", help="1 to 64")
        if name in ("save", "rename"):
            made.add_argument("--name" if name == "save" else "name", metavar="NAME", help="at most 24 characters")
        add_run_dir(made)
        _json(made)


def _add_gestures(command: Callable[..., argparse.ArgumentParser]) -> None:
    from neurorack.daemon import add_run_dir

    for name, what, example in (
        ("list", "list what a gate can play, recorded gestures last", "list"),
        ("record", "record the knobs from the next gate to the end of its sound, 20 s at most", "record --name sweep"),
        ("rename", "give a recorded gesture another name", "rename 'take 1' sweep"),
        ("remove", "throw a recorded gesture away", "remove sweep"),
    ):
        made = command(name, _gestures, what, f"neurorack gestures {example}")
        made.set_defaults(do=name, gesture="", name="")
        if name in ("rename", "remove"):
            made.add_argument("gesture", metavar="GESTURE", help="its name")
        if name in ("record", "rename"):
            made.add_argument("--name" if name == "record" else "name", metavar="NAME", help="at most 24 characters")
        add_run_dir(made)
        _json(made)


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def _add_run(parser: argparse.ArgumentParser) -> None:
    from neurorack.daemon import add_options

    add_options(parser)
    parser.add_argument("--seconds", type=float, metavar="S", help="without a terminal: how long to play (default 20)")
    parser.add_argument(
        "--out", type=folder, default=Path("out"), metavar="DIR", help="without a terminal: where sound and picture go"
    )
    parser.add_argument("--headless", action="store_true", help="do as without a terminal")
    _json(parser)


def _add_render(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", metavar="BUNDLE", help="the instrument: a name or a folder")
    parser.add_argument("--cv", type=file, metavar="FILE", help="volts file: CSV with t and any of the input jacks")
    parser.add_argument(
        "--in",
        dest="sound",
        type=file,
        metavar="SOUND",
        help="a sound file to play with the instrument's timbre, instead of gestures; --cv is optional then",
    )
    parser.add_argument("--out", type=file, required=True, metavar="FILE.wav", help="where the sound goes")
    parser.add_argument(
        "--assign",
        action="append",
        default=[],
        metavar="JACK=KNOB",
        help="patch a jack to a knob, e.g. cv1=centroid; may be repeated",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of all that is random: the same seed, the same bits"
    )
    parser.add_argument("--gesture", metavar="NAME", help="what a gate plays (default: the instrument's first)")
    parser.add_argument(
        "--depth", type=float, default=1.0, metavar="D", help="of the gesture around its medians, 0…4 (default 1)"
    )
    parser.add_argument(
        "--intonation", type=float, default=1.0, metavar="I", help="of the gesture's own pitch, 0…2 (default 1)"
    )
    parser.add_argument("--morph-to", metavar="NAME", help="where the knob `morph` goes (default: the next gesture)")
    parser.add_argument(
        "--gate2", default=GATE2_TASKS[0], metavar="TASK", help=f"what gate2 does: {', '.join(GATE2_TASKS)}"
    )
    parser.add_argument(
        "--scale", default="off", metavar="SCALE", help="notes for voct: off, major, minor, … or 101011010101 from C"
    )
    parser.add_argument(
        "--find-seed", type=int, default=0, metavar="N", help="where the knobs find1 and find2 lead, 0…9999 (default 0)"
    )
    parser.add_argument(
        "--block", type=int, default=128, choices=BLOCKS, metavar="N", help="samples a block: 64, 128, 256 or 512"
    )
    _json(parser)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "racks",
        nargs="*",
        metavar="RACK",
        help="a name or a file, as for `neurorack run --rack`; none: lists the names",
    )
    parser.add_argument(
        "--out", type=folder, default=Path("out") / "demos", metavar="DIR", help="where NAME.wav and NAME.png go"
    )
    _json(parser)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    from neurorack.bench import add_options

    add_options(parser)


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    from neurorack.boards import BOARD_HELP, board_file

    parser.add_argument("--board", type=board_file, metavar="BOARD", help=BOARD_HELP)
    parser.add_argument(
        "--run-dir", type=folder, metavar="DIR", help="where the processes meet (default: found by itself)"
    )
    _json(parser)


def _add_calibrate(parser: argparse.ArgumentParser) -> None:
    from neurorack.boards import BOARD_HELP, board_file

    parser.add_argument(
        "--points",
        metavar="VOLTS",
        help="voltages to measure, 0 among them (default 0,1,3); more are welcome: --points=-1,0,1,2,3,4,5",
    )
    parser.add_argument(
        "--rack",
        action="store_true",
        help="calibrate a virtual module, whose voltages come by themselves; with --points or --json it asks nothing",
    )
    parser.add_argument(
        "--specimen", type=int, default=1, metavar="N", help="with --rack: which one, of other parts each (default 1)"
    )
    parser.add_argument("--board", type=board_file, metavar="BOARD", help=BOARD_HELP)
    parser.add_argument(
        "--run-dir", type=folder, metavar="DIR", help="where the processes meet (default: found by itself)"
    )
    parser.add_argument("--out", type=file, metavar="FILE", help="where it goes (default: where the module looks)")
    parser.add_argument("--picture", type=file, metavar="FILE.png", help="draw the error before and after")
    _json(parser)


def _add_console(parser: argparse.ArgumentParser) -> None:
    from neurorack.daemon import add_run_dir

    parser.add_argument("--read-only", action="store_true", help="look, and change nothing")
    add_run_dir(parser)


def _run(options: argparse.Namespace) -> int:
    from neurorack import demo

    rack = options.rack is not None
    if not rack:
        _want_chips(options.board)
    if options.headless or options.seconds is not None or options.json or (rack and not _in_terminal()):
        demo.print_report(demo.play(options), as_json=options.json)
        return 0
    if not rack:
        from neurorack.daemon import Daemon

        return Daemon(options, attached=False).run()
    with demo.Module(options) as module:
        from neurorack.rack.view import run_view

        try:
            module.sounds(VIEW_S)
            run_view(module.run_dir, module.check)
        except BadInput:
            if not module.shut_down:
                raise
            print("the module was shut down at its panel")
    return 0


def _want_chips(board: Path | None) -> None:
    """Raise BadInput where this machine lacks the bus of the jacks or the GPIO chip."""
    from neurorack.board import load_board
    from neurorack.boards import DEFAULT_BOARD
    from neurorack.jacks.lines import chip_device

    loaded = load_board(board)
    device, where = loaded.bus_of(loaded.adc.voct).device, str(board or DEFAULT_BOARD)
    mend = "use the virtual rack with --rack, or give another --board"
    if not Path(device).exists():
        raise BadInput(f"the module's chips are not here, there is no {device}", where, mend)
    try:
        chip_device(loaded.gpio.chip)
    except BadInput as error:
        raise BadInput(f"the module's lines are not here, {error.what}: {error.where}", where, mend) from error


def _in_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _render(options: argparse.Namespace) -> int:
    from neurorack import render

    report = render.render(
        options.bundle,
        options.cv,
        options.out,
        options.assign,
        seed=options.seed,
        gesture=options.gesture,
        depth=options.depth,
        intonation=options.intonation,
        morph_to=options.morph_to,
        gate2=options.gate2,
        scale=options.scale,
        find_seed=options.find_seed,
        block=options.block,
        sound=options.sound,
    )
    if options.json:
        _print(report)
    else:
        level = (
            "silence" if report["rms_dbfs"] is None else f"{report['rms_dbfs']} dB rms, {report['peak_dbfs']} dB peak"
        )
        played = f"{report['seconds']:.2f} s of {report['bundle']}"
        _say(f"{report['out']}: {played}, {level}, {report['times_real_time']:g} × real time")
    return 0


def _demo(options: argparse.Namespace) -> int:
    from neurorack import demos

    if not options.racks:
        listed = demos.listed()
        if options.json:
            _print([{"name": name, "about": about} for name, about in listed])
        for name, about in listed if not options.json else ():
            _say(f"{name}\t{about}")
        return 0
    reports = []
    for rack in options.racks:
        reports.append(report := demos.render(rack, options.out))
        if not options.json:
            speed = f"{report['seconds']:.1f} s of {report['bundle']}, {report['times_real_time']:g} × real time"
            _say(f"{report['sound']} and {report['picture']}: {speed}")
    if options.json:
        _print(reports)
    return 0


def _bench(options: argparse.Namespace) -> int:
    from neurorack.bench import run_options

    return run_options(options)


def _calibrate(options: argparse.Namespace) -> int:
    from neurorack import calibrate
    from neurorack.rundir import default_run_dir, holder

    if not options.rack and not holder((options.run_dir or default_run_dir()) / "jacks.lock"):
        _want_chips(options.board)
    return calibrate.run(options, asks=_in_terminal() and not options.json)


def _console(options: argparse.Namespace) -> int:
    if not _in_terminal():
        raise BadInput("the console needs a terminal", "neurorack console", "use ssh -t, or `neurorack ctl`")
    from neurorack.console.app import run_console
    from neurorack.remote.client import find_run_dir

    return run_console(find_run_dir(options.run_dir), read_only=options.read_only)


def _doctor(options: argparse.Namespace) -> int:
    from neurorack import doctor

    report = doctor.examine(options.board, options.run_dir)
    if options.json:
        _print(report.to_json())
    else:
        tell(report.describe(colour=sys.stdout.isatty()))
    return report.status


def _models_list(options: argparse.Namespace) -> int:
    from neurorack import bundle

    rows: list[dict[str, Any]] = []
    for found in bundle.installed():
        try:
            card = bundle.read_card(found)
        except BadInput as error:
            rows.append({"name": found.name, "folder": str(found), "fault": str(error)})
        else:
            what = {"title": card.title, "version": card.version, "license": card.license}
            size = {"gestures": card.gestures.names, "parameters": card.cost.parameters}
            rows.append({"name": card.name, "folder": str(found), **what, **size})
    if options.json:
        _print(rows)
        return 0
    for row in rows:
        told = row.get("fault") or f"{row['title']} {row['version']}, {row['license']}, {len(row['gestures'])} gestures"
        _say(f"{row['name']}\t{told}")
    if not rows:
        _say("none is installed; see `neurorack models install --help`")
    return 0


def _models_show(options: argparse.Namespace) -> int:
    from neurorack import bundle
    from neurorack.onnx_graph import read_graph

    folder = bundle.find(options.bundle)
    card = bundle.read_card(folder)
    if options.json:
        import msgspec

        _print(msgspec.to_builtins(card))
        return 0
    _say(f"{card.name}: {card.title}, version {card.version}, {card.license}")
    _say(f"  in        {folder}")
    for source in card.sources:
        _say(f"  from      {source.name} ({source.license}): {source.what}")
    _say(f"  gestures  {', '.join(card.gestures.names)}")
    _say(f"  space     {'new ones by find1 and find2' if card.space else 'none: find1 and find2 do nothing'}")
    for knob in card.knobs:
        _say(f"  knob      {knob.name}, {knob.low:g} to {knob.high:g} {knob.unit}".rstrip())
    cost = card.cost
    graph = read_graph(bundle.load(str(folder)).decoder_onnx)
    nodes = f"a graph of {len(graph.operators)} nodes"
    _say(f"  cost      {cost.parameters} parameters, {cost.macs_per_s / 1e6:.1f} MMAC per second of sound, {nodes}")
    if cost.dense_parameters is not None and cost.dense_macs_per_s is not None:
        _say(f"  trimmed   from {cost.dense_parameters} parameters, {cost.dense_macs_per_s / 1e6:.1f} MMAC")
    for name, taken in (("measured", cost.measured), ("dense", cost.dense_measured)):
        if taken is not None:
            _say(f"  {name:9} {taken}")
    _say(f"  delay     {card.delay_samples} samples")
    if card.ahead:
        _say("  played    from takes rendered ahead: of its knobs pitch and level act")
    for name, figure in card.quality.items():
        _say(f"  quality   {name} {figure:g}")
    return 0


def _models_verify(options: argparse.Namespace) -> int:
    from neurorack import bundle
    from neurorack.engine.proof import prove

    loaded = bundle.load(options.bundle)
    prove(loaded)
    if options.json:
        _print({"name": loaded.name, "folder": str(loaded.folder), "whole": True})
    else:
        _say(f"{loaded.name} is whole: card, decoder and {len(loaded.gestures)} gestures in {loaded.folder}")
    return 0


def _models_install(options: argparse.Namespace) -> int:
    from neurorack.install import install

    folder = install(options.source, replace=options.replace)
    if options.json:
        _print({"name": folder.name, "folder": str(folder)})
    else:
        _say(f"installed {folder.name} in {folder}; play it with `neurorack run --rack --bundle {folder.name}`")
    return 0


def _presets(options: argparse.Namespace) -> int:
    from neurorack import presets

    rows, live, notices = presets.request(presets.Request(options.do, options.number, options.name), options.run_dir)
    for notice in notices:
        complain(f"neurorack: {notice}")
    if options.json:
        _print([{"number": row.number, "name": row.name, "bundle": row.bundle, "gesture": row.gesture} for row in rows])
    elif options.do == "list":
        for row in rows:
            _say(f"{row.number}\t{row.name}\t{row.bundle}, gesture {row.gesture + 1}")
        if not rows:
            _say("all presets are empty; see `neurorack presets save --help`")
    else:
        done = {"save": "stored", "recall": "recalled", "rename": "renamed", "clear": "cleared"}[options.do]
        when = "" if live or options.do != "recall" else ": it plays when the module is started"
        _say(f"{done} preset {options.number}{when}")
    return 0


def _gestures(options: argparse.Namespace) -> int:
    from neurorack import gestures
    from neurorack.words import BUNDLE

    told = ""

    def tell_progress(reply: gestures.Reply) -> None:
        nonlocal told
        if reply.stage != told:
            told = reply.stage
            hint = ": Ctrl-C ends and keeps it" if told == "recording" else ""
            complain(f"neurorack: {told}{hint}")

    wanted = gestures.Request(options.do, options.gesture, options.name)
    reply = gestures.request(wanted, options.run_dir, BUNDLE, tell_progress)
    if options.json:
        names = [*((name, False) for name in reply.own), *((name, True) for name in reply.takes)]
        _print([{"name": name, "recorded": recorded} for name, recorded in names])
    elif options.do == "list":
        for number, name in enumerate([*reply.own, *reply.takes], 1):
            _say(f"{number}\t{name}" + ("\trecorded" if number > len(reply.own) else ""))
    elif options.do == "record":
        _say(f"kept as {reply.name}" if reply.stage == "kept" else "nothing was recorded")
    else:
        _say(f"{options.do}d {options.gesture}")
    return 0


def _print(data: Any) -> None:
    tell(json.dumps(data, indent=1, allow_nan=False))


def _say(line: str) -> None:
    tell(plain(line))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""

    def work() -> int:
        options = build_parser().parse_args(arguments)
        status: int = options.run(options)
        return status

    return answered(work)
