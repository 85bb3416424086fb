"""Imports run one way, down the road, and the module needs nothing of the offline part."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "neurorack"

WORDS = {"words", "errors", "clock", "place", "shared", "rundir", "board", "boards", "bundle", "realtime", "statedir"}
WORDS |= {"onnx_graph", "onnx_session", "mailbox", "notify", "glyphs", "lines", "fullscreen", "crash", "ending"}
WORDS |= {"arguments"}
"""What every layer may use: words, files and descriptions; none of it knows a layer."""

ALLOWED = {
    "jacks": {"rack"},
    "patch": set(),
    "engine": {"patch", "ears", "takes"},
    "takes": {"patch", "settings"},
    "panel": {"jacks", "patch", "settings", "takes", "rack"},
    "rack": {"jacks", "panel"},
    "frontend": {"jacks", "patch", "rack"},
    "settings": {"patch"},
    "learn": {"patch", "engine", "ears", "terminal", "command"},
    "command": {"terminal"},
    "ears": {"patch"},
    "remote": {"jacks", "patch", "engine", "panel", "settings", "presets", "gestures", "panic", "terminal", "daemon"},
    "controllers": {"remote", "settings", "terminal", "daemon"},
    "console": {"remote", "panel", "terminal"},
}
"""Beyond itself and WORDS. Commands and the daemon, which join everything, are free."""

RACK_ONLY_IN = {
    "jacks/bus.py",
    "jacks/lines.py",
    "frontend.py",  # for a type
    "panel/picture.py",
    "render.py",
    "calibrate.py",
    "cli.py",
    "daemon.py",
    "demo.py",
    "demos.py",
    "patchsheet.py",
    "rendering.py",
    "rendering_picture.py",
}
"""Nobody else may ask whether the module is virtual."""

OFFLINE = {"torch", "scipy", "librosa", "matplotlib", "fluidsynth", "onnx", "soundfile", "tqdm", "numba", "sklearn"}

FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Everything a file may import at any time, with what it takes from packages of ours in full."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it goes"
            assert node.module is not None
            if node.module == "neurorack":
                yield from (f"neurorack.{alias.name}" for alias in node.names)
            else:
                yield node.module


def layer(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


def test_there_is_something_to_check():
    assert len(FILES) > 30
    assert set(imports(PACKAGE / "cli.py")) >= {"argparse", "neurorack.errors", "neurorack.bundle"}


@pytest.mark.parametrize("file", [f for f in FILES if layer(f) in ALLOWED or layer(f) in WORDS])
def test_imports_run_down_the_road(file):
    own = layer(file)
    used = {name.split(".")[1] for name in imports(PACKAGE / file) if name.startswith("neurorack.")}
    beyond = used - WORDS - {own, "__version__"} - ALLOWED.get(own, set())
    assert not beyond


def files_of(path: Path) -> set[str]:
    """Those of FILES that one imports, at any time: of `from x import y` y's where that is one, else x's."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("neurorack."):
            folder = PACKAGE.joinpath(*f"{node.module}".split(".")[1:])
            for alias in node.names:
                places = (folder / f"{alias.name}.py", folder.with_suffix(".py"), folder / "__init__.py")
                found |= {next(place for place in places if place.exists()).relative_to(PACKAGE).as_posix()}
    return found


def test_no_files_import_each_other_in_a_circle():
    graph = {file: files_of(PACKAGE / file) - {file} for file in FILES}
    assert graph["desk.py"] >= {"settings/memory.py", "settings/playing.py", "gestures.py"}
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("file", [f for f in FILES if layer(f) != "rack" and f not in RACK_ONLY_IN])
def test_nobody_else_asks_whether_the_module_is_virtual(file):
    assert not [name for name in imports(PACKAGE / file) if name.startswith("neurorack.rack")]


@pytest.mark.parametrize("file", [f for f in FILES if layer(f) != "learn"])
def test_nothing_at_run_time_imports_the_offline_part(file):
    names = set(imports(PACKAGE / file))
    if file == "cli.py":
        names -= {"neurorack.learn.commands", "neurorack.learn.commands.options"}  # light: see the processes below
    if file == "sound_in.py":
        names -= {"soundfile"}  # once a sound file is to be read
    assert not {name for name in names if name.split(".")[0] in OFFLINE or name.startswith("neurorack.learn")}


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        ("import neurorack.engine.process", {"onnxruntime", "soxr", "soundfile"}),  # its threads would take the signals
        ("import neurorack.engine.process, neurorack.engine.player", OFFLINE | {"textual", "PIL", "smbus2", "asyncio"}),
        ("import neurorack.daemon, neurorack.desk", OFFLINE | {"numpy", "textual", "onnxruntime"}),  # the engine waits
        ("import neurorack.frontend", OFFLINE | {"textual", "PIL", "onnxruntime", "sounddevice"}),
        ("import neurorack.remote.server", OFFLINE | {"textual", "PIL", "onnxruntime", "sounddevice", "smbus2"}),
        ("import neurorack.remote.client, neurorack.remote.ctl", OFFLINE | {"numpy", "msgspec", "textual"}),
        (
            "import neurorack.controllers.ports, neurorack.controllers.datagrams, neurorack.controllers.serve",
            OFFLINE | {"numpy", "textual", "asyncio", "onnxruntime"},
        ),
        ("import neurorack.daemon, neurorack.panel.panel", OFFLINE | {"textual", "PIL", "onnxruntime", "sounddevice"}),
        (
            "import neurorack.cli; neurorack.cli.build_parser()",
            OFFLINE | {"numpy", "msgspec", "textual", "onnxruntime"},
        ),
    ],
)
def test_a_process_loads_only_what_it_needs(program, unwanted):
    code = f"{program}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert not set(done.stdout.split()) & unwanted


MONOTONIC = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "sleep"}
"""What may be had of `time`. The time of day jumps by years when a module finds a network, or its battery is empty."""


def clock_calls(path: Path) -> Iterator[str]:
    """Everything a file takes from `time`, and the classes of `datetime` that know the date."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "datetime"):
            yield from (alias.name for alias in node.names if alias.name != "timedelta")
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name == "datetime")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time":
            yield node.attr


@pytest.mark.parametrize("file", FILES)
def test_nobody_asks_for_the_time_of_day(file):
    assert not set(clock_calls(PACKAGE / file)) - MONOTONIC


def test_a_module_whose_clock_jumps_by_years_plays_on(tmp_path):
    """The time of day as seen by everything in the process, the libraries too: each look is ten years from the last."""
    code = f"""
import time
years = iter(range(1, 1 << 40))
time.time = lambda: next(years) * 315e6 * (-1) ** next(years)
time.time_ns = lambda: int(time.time() * 1e9)
from pathlib import Path
from neurorack.board import load_board
from neurorack.clock import MonotonicClock
from neurorack.frontend import Frontend
from neurorack.rack.world import World
clock = MonotonicClock()
frontend = Frontend(load_board(rack=True), Path({str(tmp_path)!r}), clock, None, World.at_rest())
end_ns = clock.now_ns() + 1_000_000_000
while clock.now_ns() < end_ns:
    clock.sleep_until_ns(frontend.step())
print(*(reader.readings > 10 for reader in frontend.scan.readers), abs(frontend.scan.volts).max() < 1e-3)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.split() == ["True"] * 4
