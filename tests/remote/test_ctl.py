"""`neurorack ctl` as a script uses it: one value, one line of complaint, status 2."""

import contextlib
import json
import socket
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from neurorack import cli, crash
from neurorack.remote import client, diagnostics
from neurorack.remote.ctl import parsed
from neurorack.remote.diagnostics import redacted


@pytest.fixture
def ctl(playing: Any, capsys: Any) -> Any:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["ctl", *arguments, "--run-dir", str(playing.run_dir)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_one_value_is_printed_bare_and_several_with_their_paths(ctl):
    assert ctl("get", "depth") == (0, "1.0\n", "")
    assert ctl("get", "gate2") == (0, "freeze\n", "")
    assert len(ctl("get", "depth", "gate2")[1].splitlines()) == 2
    status, out, _ = ctl("get", "knob.centroid")
    assert status == 0 and "knob.centroid.attenuverter.cv1\t-0.5" in out.splitlines()
    assert json.loads(ctl("get", "depth", "--json")[1]) == {"depth": 1.0}


@pytest.mark.parametrize(
    ("path", "text", "after"),
    [
        ("knob.sharpness.attenuverter.cv1", "-0.5", "-0.5"),
        ("gesture", "still", "1"),
        ("scale", "101011010101", "101011010101"),
        ("enveloped", "cv1,cv2", '["cv1", "cv2"]'),
        ("knob.rms.pot", "null", "null"),
    ],
)
def test_what_is_set_is_got(ctl, path: str, text: str, after: str):
    assert ctl("set", path, text) == (0, "", "")
    assert ctl("get", path)[1] == f"{after}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["set", "depth", "5"], "<= 4.0"),
        (["set", "nothing", "5"], "cannot be set"),
        (["get", "nothing"], "no such value"),
        (["get", "x\x1b]0;owned\x07"], r"\x1b"),
        (["watch", "jack", "--every", "0"], "0.1…60"),
        (["watch", "jack", "--seconds", "nan"], "0 or more"),
        (["metrics", "--history"], "--json"),
        (["log", "kernel"], "invalid choice"),
        (["set", "depth"], "VALUE"),
        (["set", "knob.centroid.base", "1e400"], "'1e400' is no place of a knob"),
        (["set", "knob.centroid.base", "NaN"], "'NaN' is no place of a knob"),
        (["set", "gesture", "\udcff"], r"VALUE: b'\xff' is not in UTF-8"),
        (["get", "\udcff"], r"PATH: b'\xff' is not in UTF-8"),
        (["get", *["depth"] * 17], "17 paths are too many (PATH): give 16 at most"),
        (["watch", *["depth"] * 17], "17 paths are too many (PATH): give 16 at most"),
    ],
)
def test_what_is_wrong_is_one_line_and_status_2(ctl, arguments: list[str], complaint: str):
    status, out, err = ctl(*arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1 and err.startswith("neurorack: ") and complaint in err


def test_without_a_module_it_is_one_line_too(run_dir: Path, capsys: Any):
    for place in (run_dir, run_dir / "nowhere"):
        assert cli.main(["ctl", "get", "--run-dir", str(place)]) == 2
        err = capsys.readouterr().err
        assert err == f"neurorack: no module answers ({place}): start the module, or give another --run-dir\n"


@pytest.mark.parametrize("put", [Path.touch, Path.mkdir])
def test_what_lies_in_the_sockets_place_is_named(run_dir: Path, capsys: Any, put: Any):
    put(place := run_dir / "remote.socket")
    assert cli.main(["ctl", "get", "--run-dir", str(run_dir)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"neurorack: what is there is no socket of a module ({place}): remove it")
    assert err.count("\n") == 1


def test_a_stranger_on_the_socket_is_told_of(run_dir: Path, capsys: Any):
    for answer, complaint in ((b"hello\n", "no JSON"), (b"x" * (1 << 20), "no end"), (b"", "hung up")):
        with socket.socket(socket.AF_UNIX) as listening:
            (run_dir / "remote.socket").unlink(missing_ok=True)
            listening.bind(str(run_dir / "remote.socket"))
            listening.listen()

            def serve(listening: socket.socket = listening, answer: bytes = answer) -> None:
                with listening.accept()[0] as made:
                    made.recv(4096)
                    made.settimeout(5.0)
                    with contextlib.suppress(OSError):
                        made.sendall(answer)

            thread = threading.Thread(target=serve)
            thread.start()
            assert cli.main(["ctl", "get", "--run-dir", str(run_dir)]) == 2
            thread.join()
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and complaint in err


def test_a_watch_ends_in_time_and_begins_with_all(ctl):
    status, out, _ = ctl("watch", "depth", "gate2", "--seconds", "0.2", "--json")
    assert status == 0 and json.loads(out.splitlines()[0]) == {"depth": 1.0, "gate2": "freeze"}


def test_metrics_are_text_and_with_json_a_history(ctl):
    status, out, _ = ctl("metrics")
    assert status == 0 and "# TYPE neurorack_blocks_total counter" in out
    told = json.loads(ctl("metrics", "--json", "--history")[1])
    assert told["text"].startswith("# HELP") and told["recent"] == told["hours"] == []


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("depth", "0.5", 0.5), ("depth", "1", 1), ("gesture", "pluck", "pluck"), ("knob.rms.pot", "null", None),
        ("scale", "101011010101", "101011010101"), ("enveloped", "", []), ("depth", '{"a": 1}', '{"a": 1}'),
    ],
)  # fmt: skip
def test_a_shells_words_become_values(path: str, text: str, value: Any):
    assert parsed(path, text) == value


def test_diagnostics_hold_what_helps_and_nothing_private(ctl, playing: Any, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(diagnostics.socket, "gethostname", lambda: "annsbox")
    (playing.run_dir / "engine.err").write_text("engine: /home/ann/models/x on annsbox at 192.168.1.17 has gone\n")
    out = tmp_path / "trouble.tar.gz"
    status, told, _ = ctl("diagnostics", str(out), "--json")
    assert status == 0 and json.loads(told)["file"] == str(out)
    with tarfile.open(out) as archive:
        texts = {Path(e.name).name: archive.extractfile(e).read().decode() for e in archive.getmembers()}  # type: ignore[union-attr]
    assert "engine: ~/models/x on (machine) at (address) has gone" in texts["engine.err"]
    assert "neurorack " in texts["versions.txt"] and "neurorack_blocks_total" in texts["metrics.txt"]
    assert json.loads(texts["values.json"])["depth"] == 1.0 and json.loads(texts["doctor.json"])["findings"]
    assert any(name.startswith("settings-") for name in texts)
    assert "jacks.err" in texts["missing.txt"]
    assert "annsbox" not in "".join(texts.values())


def test_what_was_said_before_the_last_crash_is_printed_and_packed(ctl, state_dir: Path, tmp_path: Path, monkeypatch):
    assert ctl("log", "crash") == (0, "no process has crashed\n", "")
    crash.keep(crash.crashed("engine", "SIGSEGV", b"Fatal Python error\n  File /home/ann/x\x1b[2J\n"), state_dir)
    status, out, _ = ctl("log", "crash")
    assert status == 0 and out.startswith("engine ended: SIGSEGV (") and "\nFatal Python error\n" in out
    assert "\x1b" not in out
    monkeypatch.setattr(diagnostics, "_told", lambda *command: "")
    assert ctl("diagnostics", str(tmp_path / "x.tar.gz"))[0] == 0
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        text = archive.extractfile("neurorack-diagnostics/crash.txt").read().decode()  # type: ignore[union-attr]
    assert text.startswith("engine ended: SIGSEGV (") and "ann" not in text


def test_diagnostics_that_cannot_be_written_are_told(ctl, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(diagnostics, "_told", lambda *command: "")
    status, _, err = ctl("diagnostics", str(tmp_path / "no" / "x.tar.gz"))
    assert status == 2 and err.count("\n") == 1 and "make its folder" in err


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('"/home/ann/x"', '"~/x"'), ("/root/.local", "~/.local"), ("at 10.0.0.7:22", "at (address):22"),
        ("fe80::1a2b:3c4d:5e6f:1", "(address)"), ("aa:bb:cc:dd:ee:ff", "(address)"), ("12:34:56 pm", "12:34:56 pm"),
        ("127.0.0.1", "127.0.0.1"), ("version 1.2.3", "version 1.2.3"), ("2026-01-01T12:00:00", "2026-01-01T12:00:00"),
    ],
)  # fmt: skip
def test_names_and_addresses_are_taken_out(text: str, after: str):
    assert redacted(text) == after


def test_ones_own_module_comes_before_the_service(tmp_path: Path, monkeypatch):
    own, service, other = tmp_path / "own", tmp_path / "service", tmp_path / "other"
    monkeypatch.setattr(client, "default_run_dir", lambda: own)
    monkeypatch.setattr(client, "SERVICE", service)
    assert client.find_run_dir(other) == other
    assert client.find_run_dir(None) == own, "there is no service"
    service.mkdir()
    assert client.find_run_dir(None) == service
    own.mkdir()
    (own / "panic").touch()
    assert client.find_run_dir(None) == own, "though its server is dead"
