"""What every command promises: 0, or 2 and one line on stderr; help with an example; JSON where it gives data."""

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import wave
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

from neurorack import bundle, cli, demo
from neurorack.command import INTERRUPTED
from neurorack.errors import BadInput
from neurorack.rack import view
from neurorack.rundir import holder

COMMANDS = [
    ["run"],
    ["render"],
    ["bench"],
    ["demo"],
    ["doctor"],
    ["calibrate"],
    ["train"],
    ["evaluate"],
    ["export"],
    ["trim"],
    ["models", "list"],
    ["models", "show"],
    ["models", "verify"],
    ["models", "install"],
    ["console"],
    ["midi"],
    ["osc"],
    ["update"],
    ["ctl"],
    *(["ctl", deed] for deed in ("get", "set", "watch", "panic", "metrics", "log", "diagnostics")),
    ["presets"],
    *(["presets", deed] for deed in ("list", "save", "recall", "rename", "clear")),
    ["gestures"],
    *(["gestures", deed] for deed in ("list", "record", "rename", "remove")),
]


@pytest.fixture
def place(tmp_path, monkeypatch, tiny_bundle):
    """A folder to work in, with one installed bundle and a run directory of its own."""
    shutil.copytree(tiny_bundle, tmp_path / "models" / "tiny")
    monkeypatch.setenv("NEURORACK_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NEURORACK_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("NEURORACK_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def neurorack(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "neurorack", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment,
        timeout=120,
        **options,
    )


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main([*command, "--help"])
    assert left.value.code == 0
    assert f"example: neurorack {' '.join(command)}".rstrip() in capsys.readouterr().out


def test_the_table_of_commands_is_whole():
    made = cli.build_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert set(made) == {command[0] for command in COMMANDS}


@pytest.mark.parametrize("command", [["train", "x", "--out", "y"], ["evaluate", "x"], ["export", "x", "--out", "y"]])
def test_without_the_offline_part_it_says_what_to_install(command, tmp_path):
    code = f"import sys; sys.modules['torch'] = None; from neurorack.cli import main; sys.exit(main({command!r}))"
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "pip install 'neurorack[train]'" in done.stderr


BAD_VOLTS = {
    "text.csv": "t,cv1\n0,0\n1,loud\n",
    "nan.csv": "t,cv1\n0,nan\n",
    "back.csv": "t,cv1\n1,0\n0,0\n",
    "unknown.csv": "t,cv7\n0,0\n",
    "empty.csv": "",
}

BAD = [
    [],
    ["play"],
    ["run"],
    ["run", "--rack", "none.toml", "--headless"],
    ["run", "--rack", "--headless", "--bundle", "nobody"],
    ["run", "--rack", "--headless", "--block", "100"],
    ["run", "--rack", "--headless", "--block", "many"],
    ["run", "--rack", "--headless", "--seconds", "-1"],
    ["run", "--rack", "--headless", "--seconds", "nan"],
    ["run", "--rack", "--headless", "--assign", "cv9=rms"],
    ["run", "--rack", "--headless", "--assign", "cv1"],
    ["run", "--rack", "--headless", "--board", "none.toml"],
    ["run", "--rack", "--headless", "--out", "a_file"],
    ["run", "--rack", "--headless", "--run-dir", "a_file"],
    ["run", "--rack", "--headless", "--calibration", "none.toml"],
    ["run", "--rack", "--headless", "--calibration", "a_file"],
    ["run", "--rack", "--headless", "--calibration", "."],
    ["run", "--rack", "--headless", "--calibration", ""],
    ["run", "--board", "none.toml"],
    ["render"],
    ["render", "nobody", "--cv", "good.csv", "--out", "o.wav"],
    ["render", "tampered", "--cv", "good.csv", "--out", "o.wav"],
    ["render", "tiny", "--cv", "none.csv", "--out", "o.wav"],
    ["render", "tiny", "--cv", "good.csv", "--out", "none/o.wav"],
    ["render", "tiny", "--cv", "good.csv", "--out", "o.wav", "--assign", "cv1=loudness"],
    ["render", "tiny", "--cv", "good.csv", "--out", "o.wav", "--gesture", "none"],
    ["render", "tiny", "--cv", "good.csv", "--out", "o.wav", "--seed", "-1"],
    *(["render", "tiny", "--cv", name, "--out", "o.wav"] for name in BAD_VOLTS),
    ["bench", "--seconds", "soon"],
    ["bench", "--blocks", "many"],
    ["bench", "--bundle", "nobody"],
    ["doctor", "--board", "none.toml"],
    ["midi", "--map", "none.toml"],
    ["midi", "--map", "a_file"],
    ["osc", "--listen", "nowhere"],
    ["osc", "--port", "0"],
    ["calibrate"],
    ["calibrate", "--board", "none.toml"],
    ["calibrate", "--rack", "--points", "1,3"],
    ["calibrate", "--rack", "--points", "0,one"],
    ["calibrate", "--rack", "--points", "0,nan"],
    ["calibrate", "--rack", "--points", "0,0.1"],
    ["calibrate", "--rack", "--points", "0,9"],
    ["calibrate", "--rack", "--specimen", "-1"],
    ["calibrate", "--rack", "--json", "--out", "a_file/calibration.toml"],
    ["calibrate", "--rack", "--json", "--picture", "a_file/cal.png"],
    ["run", "--rack", "--headless", "--specimen", "-1"],
    ["models"],
    ["models", "show", "nobody"],
    ["models", "show", ".."],
    ["models", "verify", "tampered"],
    ["models", "install", "none.zip"],
    ["models", "install", "a_file"],
    ["models", "install", "models/tiny"],
    ["presets"],
    ["presets", "play", "1"],
    ["presets", "save", "1"],
    ["presets", "recall", "1"],
    ["presets", "recall", "one"],
    ["presets", "clear", "65"],
    ["presets", "rename", "0", "none"],
    ["gestures", "record"],
    ["gestures", "record", "--name", "x" * 25],
    ["gestures", "rename", "nobody", "somebody"],
    ["gestures", "remove", "nobody"],
]


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_is_one_line_and_status_2(place, arguments, capfd):
    shutil.copytree(place / "models" / "tiny", place / "models" / "tampered")
    decoder = place / "models" / "tampered" / "decoder.onnx"
    decoder.write_bytes(decoder.read_bytes()[:-1] + b"?")
    (place / "a_file").write_text("nothing much")
    (place / "good.csv").write_text("t,cv1\n0,0\n0.1,1\n")
    for name, text in BAD_VOLTS.items():
        (place / name).write_text(text)
    if "--headless" in arguments:  # what a process of its own refuses
        done = neurorack(*arguments, "--device", "null")
        status, out, err = done.returncode, done.stdout, done.stderr
    else:
        status = cli.main(arguments)
        out, err = capfd.readouterr()
    assert status == 2, err
    assert err.startswith("neurorack: ")
    assert len(err.splitlines()) == 1, err
    assert out == ""
    assert [holder(place / "run" / f"{name}.lock") for name in ("daemon", "engine", "jacks")] == [0, 0, 0]


def test_what_the_jacks_refuse_is_what_the_player_reads(place):
    """Though the engine's last words are logged after it."""
    (place / "board.toml").write_text("not a board")
    done = neurorack("run", "--rack", "--headless", "--device", "null", "--bundle", "tiny", "--board", "board.toml")
    assert done.returncode == 2
    assert "the board is not TOML" in done.stderr


@pytest.mark.parametrize("name", ["intent", "daemon.lock", "daemon.err", "engine.err"])
def test_a_folder_in_the_way_is_named(place, name):
    (place / "run" / name).mkdir(parents=True)
    (place / "run").chmod(0o700)
    done = neurorack("run", "--rack", "--headless", "--device", "null", "--bundle", "tiny", "--seconds", "0.1")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert name in done.stderr and "irectory" in done.stderr
    assert done.stderr.startswith("neurorack: cannot ") and "give another --run-dir" in done.stderr
    assert [holder(place / "run" / f"{part}.lock") for part in ("engine", "jacks")] == [0, 0]


def test_a_run_directory_removed_under_the_demo_is_named_though_the_daemons_lines_went_with_it(place):
    command = [sys.executable, "-m", "neurorack", "run", "--rack", "--device", "null", "--bundle", "tiny", "--json"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as demo:
        while not (place / "run" / "tap").exists():
            assert demo.poll() is None
            time.sleep(0.02)
        shutil.rmtree(place / "run", ignore_errors=True)
        said = demo.communicate(timeout=60)[1]
    assert demo.returncode == 2
    assert said.startswith("neurorack: the run directory was removed under the module") and said.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["models", "install", ""],
        ["render", "tiny", "--out", ""],
        ["render", "tiny", "--out", "a.wav", "--cv", ""],
        ["render", "tiny", "--out", "a.wav", "--in", ""],
        ["demo", "--out", ""],
        ["bench", "--picture", ""],
        ["update", ""],
        ["ctl", "diagnostics", ""],
    ],
    ids=" ".join,
)
def test_an_empty_name_is_no_file_anywhere(place, command, capfd):
    assert cli.main(command) == 2
    assert "an empty name is no f" in capfd.readouterr().err


def test_a_mistyped_value_does_not_name_a_function(place, capfd):
    assert cli.main(["run", "--gate-delay", "soon"]) == 2
    assert "--gate-delay: invalid value: 'soon'" in capfd.readouterr().err


@pytest.mark.parametrize("command", [["run", "--rack"], ["doctor"]], ids=" ".join)
def test_an_empty_run_dir_is_not_the_current_folder(place, command, capfd):
    assert cli.main([*command, "--run-dir", ""]) == 2
    assert "an empty name is no folder" in capfd.readouterr().err


def test_a_run_whose_daemon_is_killed_ends_engine_and_jacks_and_says_so(place):
    command = [sys.executable, "-m", "neurorack", "run", "--rack", "--headless", "--device", "null", "--bundle", "tiny"]
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
    locks = [place / "run" / f"{name}.lock" for name in ("daemon", "engine", "jacks")]
    give_up = time.monotonic() + 30
    while not all(map(holder, locks)) and time.monotonic() < give_up:
        time.sleep(0.02)
    os.kill(holder(locks[0]), signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert "daemon was killed (SIGKILL)" in err and err.count("\n") == 1
    assert list(map(holder, locks)) == [0, 0, 0]


@pytest.mark.parametrize(("bundle", "reason"), [("nobody", "no bundle 'nobody'"), ("tampered", "sha256")])
def test_what_the_engine_refuses_is_what_the_player_reads(place, bundle, reason):
    shutil.copytree(place / "models" / "tiny", place / "models" / "tampered")
    decoder = place / "models" / "tampered" / "decoder.onnx"
    decoder.write_bytes(decoder.read_bytes()[:-1] + b"?")
    done = neurorack("run", "--rack", "--headless", "--device", "null", "--bundle", bundle)
    assert done.returncode == 2
    assert reason in done.stderr


def test_without_a_terminal_the_demo_is_played_and_told(place):
    done = neurorack("run", "--rack", "--device", "null", "--bundle", "tiny", "--seconds", "1.5", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["bundle"] == "tiny"
    assert report["device"] == "null"
    assert report["blocks"] * report["block"] >= 1.5 * 48_000
    assert report["rms_db"] > -60
    with wave.open(report["sound"]) as sound:
        assert sound.getnframes() == 72_000
        assert np.any(np.frombuffer(sound.readframes(72_000), np.uint8))
    assert Path(report["picture"]).read_bytes().startswith(b"\x89PNG")
    assert holder(place / "run" / "engine.lock") == 0


def test_an_interrupt_ends_everything_quietly(place):
    command = [sys.executable, "-m", "neurorack", "run", "--rack", "--headless", "--device", "null", "--bundle", "tiny"]
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # ignored where tests run in the background
    )
    give_up = time.monotonic() + 30
    while not holder(place / "run" / "engine.lock") and time.monotonic() < give_up:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED
    assert (out, err) == (b"", b"")
    assert [holder(place / "run" / f"{name}.lock") for name in ("daemon", "engine", "jacks")] == [0, 0, 0]


def test_in_a_terminal_the_module_is_shown_until_quit(place):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 150, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1]), "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "neurorack", "run", "--rack", "--device", "null", "--bundle", "tiny"]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    seen, asked, give_up = b"", False, time.monotonic() + 60
    while process.poll() is None and time.monotonic() < give_up:
        if select.select([master], [], [], 0.1)[0]:
            try:
                seen += os.read(master, 65_536)
            except OSError:  # the other end is closed
                break
        if not asked and b"voct" in seen and len(seen) > 4000:
            os.write(master, b"q")
            asked = True
    assert process.wait(30) == 0, seen[-2000:]
    os.close(master)
    assert asked
    assert [holder(place / "run" / f"{name}.lock") for name in ("daemon", "engine", "jacks")] == [0, 0, 0]


def test_render_tells_what_it_wrote(place):
    (place / "take.csv").write_text("t,voct,gate1\n0,0,0\n0.05,0,5\n0.2,0,0\n")
    done = neurorack("render", "tiny", "--cv", "take.csv", "--out", "take.wav", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["out"] == "take.wav"
    assert "take.wav" in neurorack("render", "tiny", "--cv", "take.csv", "--out", "take.wav").stdout


def test_doctor_gives_json_and_0_where_the_module_can_play(place):
    done = neurorack("doctor", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["plays"] is True


def test_models_are_listed_shown_verified_and_installed(place, tiny_bundle):
    listed = json.loads(neurorack("models", "list", "--json").stdout)
    assert [row["name"] for row in listed] == ["tiny"]
    assert "CC0-1.0" in neurorack("models", "list").stdout
    shown = neurorack("models", "show", "tiny").stdout
    assert "hold, still" in shown
    assert "centroid, 7 to 13 log2 Hz" in shown
    assert "measured" not in shown, "its card was written before decoders were measured"
    assert json.loads(neurorack("models", "show", "tiny", "--json").stdout)["name"] == "tiny"
    assert json.loads(neurorack("models", "verify", "tiny", "--json").stdout)["whole"] is True
    shutil.rmtree(place / "models" / "tiny")
    assert "none is installed" in neurorack("models", "list").stdout
    assert neurorack("models", "install", str(tiny_bundle)).returncode == 0
    assert neurorack("models", "verify", "tiny").returncode == 0


def test_a_strangers_text_does_not_move_the_terminal(place, monkeypatch, capsys):
    card = msgspec.structs.replace(bundle.read_card(place / "models" / "tiny"), title="\x1b]0;owned\x07")
    monkeypatch.setattr(bundle, "read_card", lambda folder: card)
    for command in (["list"], ["show", "tiny"]):
        assert cli.main(["models", *command]) == 0
        shown = capsys.readouterr().out
        assert "\x1b" not in shown and "owned" in shown


def test_a_damaged_bundle_is_listed_with_its_fault(place):
    (place / "models" / "tiny" / "card.json").write_text("{")
    assert "damaged" in neurorack("models", "list").stdout


def test_output_into_a_closed_pipe_is_no_error(place):
    command = f"{sys.executable} -m neurorack doctor | head -1; echo ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"


class ShutDownModule:
    """A module that is shut down at its panel while the terminal view is open, or ended otherwise."""

    run_dir = Path("nowhere")

    def __init__(self, shut_down: bool) -> None:
        self.shut_down = shut_down

    def sounds(self, within_s: float) -> float:
        return 1.0

    def check(self) -> None:
        raise BadInput("it has ended")

    def __enter__(self) -> "ShutDownModule":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("shut_down", "status"), [(True, 0), (False, 2)])
def test_a_module_shut_down_at_its_panel_ends_the_view_as_it_was_asked_to(monkeypatch, capsys, shut_down, status):
    monkeypatch.setattr(cli, "_in_terminal", lambda: True)
    monkeypatch.setattr(demo, "Module", lambda options: ShutDownModule(shut_down))
    monkeypatch.setattr(view, "run_view", lambda run_dir, check: check())
    assert cli.main(["run", "--rack"]) == status
    assert ("shut down at its panel" in capsys.readouterr().out) is shut_down


LONG = "x" * 300
"""A name of a folder or file has 255 bytes at most."""


@pytest.mark.parametrize(
    "command",
    [["ctl", "panic"], ["ctl", "get"], ["presets", "list"], ["gestures", "list"], ["midi"], ["osc"], ["doctor"]],
    ids=" ".join,
)
@pytest.mark.parametrize("variable", ["", "NEURORACK_RUN_DIR"])
def test_a_run_directory_with_an_impossible_name_is_one_line_and_nobody_waits_for_it(
    place, monkeypatch, capsys, command, variable
):
    if command == ["doctor"]:
        monkeypatch.setattr("neurorack.doctor._child", lambda *_: (1, "", ""))
    if variable:
        monkeypatch.setenv(variable, LONG)
    status = cli.main([*command, *(() if variable else ("--run-dir", LONG))])
    out, err = capsys.readouterr()
    if command == ["doctor"] and variable:
        assert status == 1 and f"({variable})" in out, "it says so, and goes on"
        return
    assert (status, out) == (2, "") and err.count("\n") == 1
    assert "file name too long: xxx" in err and err.endswith("give a shorter name\n")


def test_a_state_directory_with_an_impossible_name_is_one_line(place, monkeypatch, capsys):
    monkeypatch.setenv("NEURORACK_STATE", LONG)
    assert cli.main(["presets", "list"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "(NEURORACK_STATE): give a shorter name" in said


def test_an_error_of_a_file_that_nobody_foresaw_is_one_line_with_its_name_and_one_of_ours_is_not_hidden(
    monkeypatch, capsys
):
    def fails(options):
        raise error

    monkeypatch.setattr(cli, "_doctor", fails)
    error = OSError(30, "Read-only file system", "/some/file")
    assert cli.main(["doctor"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("neurorack: cannot use it: Read-only file system (/some/file): ") and said.count("\n") == 1
    error = OSError(9, "Bad file descriptor")
    with pytest.raises(OSError, match="Bad file"):
        cli.main(["doctor"])
