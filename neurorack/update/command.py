"""`neurorack update`: what the player types; the road itself is in `install`."""

import argparse
import json

from neurorack.arguments import file
from neurorack.errors import BadInput
from neurorack.terminal import plain, tell

EXAMPLE = (
    "neurorack update, to see what plays; sudo neurorack update neurorack-0.2.0-py310-aarch64.update; "
    "sudo neurorack update --back, to have the version before"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=file, metavar="FILE", help="an update (default: say what is installed)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--check", action="store_true", help="only prove FILE, or else the files of the version that plays"
    )
    what.add_argument("--back", action="store_true", help="let the version before play again")
    what.add_argument("--older", action="store_true", help="install FILE even if it is older than what plays")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(options: argparse.Namespace) -> int:
    from neurorack.update import install
    from neurorack.update import manifest as listed
    from neurorack.update.home import Home

    home = Home()
    if options.back and options.file is not None:
        raise BadInput("--back takes no file", str(options.file), "give one of the two")
    if options.older and options.file is None:
        raise BadInput("there is no update to install", "--older", "name its file")
    if options.back:
        done = f"{install.go_back(home)} plays again"
    elif options.file is not None and options.check:
        manifest = install.check_file(options.file, home, older=True)
        done = f"{manifest.version} is whole and signed: {len(manifest.files)} files, {manifest.bytes >> 20} MiB"
    elif options.file is not None:
        version = install.install_file(options.file, home, older=options.older).version
        if install.service.here():
            install.await_verdict(version, home)
            done = f"{version} plays"
        else:
            done = f"{version} plays from the next start on"
    elif options.check:
        if home.current is None:
            raise BadInput("neurorack is not installed here", str(home.root), "install the Debian package first")
        manifest = listed.verify_folder(home.folder(home.current))
        done = f"{manifest.version} is whole: {len(manifest.files)} files"
    else:
        done = "no version is installed" if home.current is None else f"{home.current} plays"
    if options.json:
        links = {"current": home.current, "good": home.good, "former": home.former}
        tell(json.dumps({"said": done, **links, "on_trial": home.on_trial, "returned": home.returned}, indent=1))
        return 0
    tell(plain(done))
    if home.on_trial:
        tell(f"it is on trial; {home.good} comes back if it does not play")
    if home.former is not None and home.former != home.good:
        tell(f"to go back to {home.former}: sudo neurorack update --back")
    if home.returned:
        tell(plain(f"went again: {home.returned}"))
    return 0
