"""The commands `neurorack midi` and `neurorack osc`: their options. `serve` does the work."""

import argparse
from collections.abc import Callable

LOOPBACK, PORT = "127.0.0.1", 9000

Command = Callable[..., argparse.ArgumentParser]


def add_commands(command: Command) -> None:
    """`command(name, run, what, example)` makes a parser."""
    from neurorack.arguments import file, folder

    midi = command(
        "midi",
        _midi,
        "play a module that runs by MIDI: notes, knobs and presets of every keyboard here",
        "neurorack midi; neurorack midi --map my-keyboard.toml",
    )
    midi.add_argument(
        "--map", type=file, metavar="FILE", help="TOML that says which controller turns which knob (default: packaged)"
    )
    osc = command(
        "osc",
        _osc,
        "play a module that runs by OSC: notes, knobs and presets over UDP",
        "neurorack osc; neurorack osc --listen 0.0.0.0 --port 9001",
    )
    osc.add_argument(
        "--listen",
        default=LOOPBACK,
        metavar="ADDRESS",
        help=f"take datagrams at this address of this machine (default {LOOPBACK}: its own alone; 0.0.0.0: anybody's)",
    )
    osc.add_argument("--port", type=port, default=PORT, metavar="N", help=f"of UDP, 1…65535 (default {PORT})")
    for made in (midi, osc):
        made.add_argument(
            "--run-dir", type=folder, metavar="DIR", help="of the module that is meant (default: found by itself)"
        )


def port(text: str) -> int:
    """1…65535."""
    value = int(text)
    if not 1 <= value <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not within 1…65535")
    return value


def _midi(options: argparse.Namespace) -> int:
    from neurorack.controllers.keys import Keys
    from neurorack.controllers.knobs import DEFAULT, load
    from neurorack.controllers.midi import Midi
    from neurorack.controllers.player import Player
    from neurorack.controllers.ports import Ports
    from neurorack.controllers.serve import Log, serve
    from neurorack.remote.client import find_run_dir

    knobs, log = load(options.map or DEFAULT), Log("midi")
    player = Player(find_run_dir(options.run_dir), log.say)
    keys = Keys(player, legato=knobs.legato, velocity=knobs.velocity)
    return serve(player, Ports(Midi(player, keys, knobs), log.say))


def _osc(options: argparse.Namespace) -> int:
    from neurorack.controllers.datagrams import Datagrams
    from neurorack.controllers.keys import Keys
    from neurorack.controllers.osc import Osc
    from neurorack.controllers.player import Player
    from neurorack.controllers.serve import Log, serve
    from neurorack.remote.client import find_run_dir

    log = Log("osc")
    player = Player(find_run_dir(options.run_dir), log.say)
    osc = Osc(player, Keys(player, legato=True, velocity=0.5))
    return serve(player, Datagrams(osc, options.listen, options.port, log.say))
