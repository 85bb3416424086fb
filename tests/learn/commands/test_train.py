"""`neurorack train`, `export` and `evaluate`, from recordings to a bundle, with runs of a few steps."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("soundfile")

from recordings import hit, phrase  # noqa: E402

from neurorack import bundle, cli  # noqa: E402
from neurorack.command import INTERRUPTED  # noqa: E402
from neurorack.engine.proof import prove  # noqa: E402
from neurorack.learn import checkpoint  # noqa: E402
from neurorack.learn.commands import evaluate as command_evaluate  # noqa: E402
from neurorack.learn.commands import train as command_train  # noqa: E402
from neurorack.learn.commands import work  # noqa: E402
from neurorack.learn.commands.work import VALIDATION, Work  # noqa: E402
from neurorack.learn.evaluate import Results  # noqa: E402
from neurorack.learn.train import Recipe, Training  # noqa: E402

STEPS, NOTES = 4, 13

FIGURES = Results({"held_out_sounds": 7.0}, [], np.zeros((5, 5)), [], [])


def write_wav(path: Path, sound: np.ndarray, rate_hz: int = 48_000, width: int = 2) -> None:
    """`sound` [samples], 1.0 full scale, as integers of `width` bytes."""
    top = 2 ** (8 * width - 1) - 1
    values = np.round(sound * top).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width]
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(values.tobytes())


def note(f_hz: float, rate_hz: int = 48_000, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    partials = [k for k in range(1, 12) if k * f_hz < 0.4 * rate_hz]
    tone = sum(np.sin(2 * np.pi * k * f_hz * t) / k for k in partials)
    noise = np.random.default_rng(round(f_hz)).standard_normal(len(t))
    return (tone + 0.01 * noise) * np.interp(t, [0, 0.02, 0.7, 0.9], [0, 1, 0.6, 0]) / 4


@pytest.fixture(scope="module")
def sounds(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for i in range(NOTES):
        write_wav(folder / f"note{i}.wav", note(130.0 * 2 ** (i / 5)))
    return folder


@pytest.fixture(scope="module", autouse=True)
def unmeasured():
    """Measuring has tests of its own, and takes longer than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (command_train, command_evaluate):
            patch.setattr(module, "evaluate", lambda *_, **__: FIGURES)
            patch.setattr(module, "write_report", lambda path, *told: path.write_text(repr(told[-1])))
        patch.setattr(command_train, "Recipe", partial(Recipe, width=32))
        patch.setattr(command_train.sweeps, "table", lambda _: "figures")
        yield


@pytest.fixture(scope="module")
def made(sounds, unmeasured, tmp_path_factory) -> Path:
    """A finished bundle."""
    out = tmp_path_factory.mktemp("made") / "bells"
    assert train(sounds, out) == 0
    return out


def train(sounds: Path, out: Path, *more: str) -> int:
    options = ["--steps", str(STEPS), "--batch", "4", "--kind", "pitched", "--workers", "1"]
    return cli.main(["train", str(sounds), "--out", str(out), *options, *more])


@pytest.fixture
def out(made, tmp_path) -> Path:
    """Where a bundle may be made of the same recordings, which are prepared already."""
    shutil.copytree(made.parent / "bells.work" / "sounds", tmp_path / "bells.work" / "sounds")
    return tmp_path / "bells"


def run_of(out: Path) -> Path:
    return next(out.with_name(f"{out.name}.work").glob("run-*"))


def complaint(capsys) -> str:
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("neurorack:")]
    assert len(lines) == 1
    return lines[0]


def in_step(monkeypatch, number: int, act) -> None:
    """Have `act` done in the middle of this step."""
    real = Training.advance

    def advance(self):
        if self.step + 1 == number:
            act()
        return real(self)

    monkeypatch.setattr(Training, "advance", advance)


def test_a_folder_of_recordings_becomes_a_bundle_that_plays(made):
    loaded = bundle.load(made)
    prove(loaded)
    assert loaded.card.kind == "pitched" and loaded.card.quality["training_steps"] == STEPS
    work = made.with_name("bells.work")
    assert (work / "report.html").exists() and (run_of(made) / "training.csv").exists()
    tour = heard(work / "preview.wav")
    assert len(tour) > 5 * 48_000 and np.abs(tour).max() > 1000


def test_the_same_command_again_says_at_once_that_it_is_finished(made, sounds, capsys, monkeypatch):
    monkeypatch.setattr(command_train, "prepare", pytest.fail)
    assert train(sounds, made) == 0
    told = capsys.readouterr().out
    assert "is finished" in told and f"neurorack run --rack --bundle {made}" in told


def test_a_bundle_of_an_older_schema_is_not_finished(sounds, monkeypatch):
    now = work.fingerprint(sounds, "asked")
    assert work.fingerprint(sounds, "asked") == now
    monkeypatch.setattr(work, "SCHEMA", work.SCHEMA - 1)
    assert work.fingerprint(sounds, "asked") != now


def test_interrupted_and_given_again_it_ends_with_the_same_weights(made, sounds, out, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        in_step(patch, 2, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert train(sounds, out) == 130
    assert "stopped at step 2, saved; give the same command again" in complaint(capsys)
    assert not out.exists()
    assert train(sounds, out) == 0
    assert "going on from step 2" in capsys.readouterr().out
    for file in ("decoder.onnx", "encoder.onnx", "gestures.safetensors"):
        assert (out / file).read_bytes() == (made / file).read_bytes(), file


def test_sigterm_ends_it_as_well(sounds, out, monkeypatch):
    in_step(monkeypatch, 3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert train(sounds, out) == 143
    assert checkpoint.read_newest(run_of(out))[0]["step"] == 3


def test_a_lost_gpu_ends_it_in_one_line(sounds, out, capsys, monkeypatch):
    def lose() -> None:
        raise RuntimeError("CUDA error: the launch timed out and was terminated")

    in_step(monkeypatch, 3, lose)
    assert train(sounds, out) == 2
    assert "the device failed at step 3" in complaint(capsys)
    assert checkpoint.read_newest(run_of(out))[0] is not None


def test_a_gradient_that_is_no_number_ends_it_in_one_line(sounds, out, capsys, monkeypatch):
    def advance(self):
        for parameter in self.objective.parameters():
            parameter.data.fill_(float("nan"))
        return real(self)

    real = Training.advance
    monkeypatch.setattr(Training, "advance", advance)
    assert train(sounds, out) == 2
    assert "is no number at step 1" in complaint(capsys)


def test_a_full_disk_ends_it_in_one_line_and_it_goes_on_later(sounds, out, capsys, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert train(sounds, out) == 2
    assert "no room left to write" in complaint(capsys)
    assert train(sounds, out) == 0


def test_a_second_training_in_the_same_place_is_refused(sounds, out, capsys):
    with checkpoint.held(Work(out).folder):
        assert train(sounds, out) == 2
    assert "another training is at work here" in complaint(capsys)


def test_a_bundle_of_somebody_else_is_not_replaced(tiny_bundle, sounds, tmp_path, capsys):
    shutil.copytree(tiny_bundle, tmp_path / "mine")
    assert train(sounds, tmp_path / "mine") == 2
    assert "--force" in complaint(capsys)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("dear diary")
    assert train(sounds, tmp_path / "notes", "--force") == 2
    assert "not a bundle" in complaint(capsys)
    assert (tmp_path / "notes" / "diary.txt").exists()


def test_folders_that_nothing_can_be_learnt_from_are_refused(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    write_wav(tmp_path / "silent" / "a.wav", np.zeros(96_000))
    for folder in ("empty", "silent", "nowhere"):
        assert train(tmp_path / folder, tmp_path / "out") == 2
        assert folder in complaint(capsys)
    assert not (tmp_path / "out").exists()


def test_an_instrument_does_not_lie_among_its_own_sounds(sounds, capsys):
    assert train(sounds, sounds / "mine") == 2
    assert "among its own sounds" in complaint(capsys)
    assert not (sounds / "mine.work").exists()


def test_a_broken_file_among_many_is_named_and_odd_formats_are_taken(sounds, out, tmp_path, capsys):
    shutil.copytree(sounds, tmp_path / "mixed")
    (tmp_path / "mixed" / "broken.wav").write_bytes(b"RIFF\x00\x10\x00\x00WAVEfmt nonsense")
    write_wav(tmp_path / "mixed" / "phone.wav", note(200.0, 8_000), 8_000)
    write_wav(tmp_path / "mixed" / "fine.wav", note(300.0, 192_000), 192_000, 3)
    assert train(tmp_path / "mixed", out) == 0
    told = capsys.readouterr().out
    assert "broken.wav: " in told and f"{NOTES + 2} files" in told
    prove(bundle.load(out))
    report = (out.with_name("bells.work") / "report.html").read_text()
    assert "broken.wav: " in report and "'minutes': 0." in report and f"'steps': {STEPS}" in report
    fewer = "gestures, not 16: of 14 sounds"
    assert fewer in report and fewer in told


def heard(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def previewed(monkeypatch, learnt_s: float = 0.0) -> None:
    monkeypatch.setattr(command_train, "PREVIEW_S", 0.0)
    monkeypatch.setattr(command_train, "LEARNT_S", learnt_s)


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return all(map(same, a, b)) if isinstance(a, (list, tuple)) else a == b


def test_a_first_preview_is_to_be_heard_before_the_end_and_changes_no_weight(made, sounds, out, capsys, monkeypatch):
    early = []
    previewed(monkeypatch)
    in_step(monkeypatch, STEPS, lambda: early.append(heard(out.with_name("bells.work") / "preview.wav")))
    assert train(sounds, out) == 0
    assert capsys.readouterr().out.count("a first preview, after 1 steps") == 1
    assert len(early[0]) > 5 * 48_000 and np.abs(early[0]).max() > 1000
    with_it, without = (checkpoint.read_newest(run_of(each))[0]["state"] for each in (out, made))
    assert same(with_it, without)


def test_numbers_near_0_are_none_from_the_first_step_on(sounds, out, monkeypatch):
    torch.set_flush_denormal(False)  # a fresh process counts with them, until the first session of ONNX Runtime
    products = []
    in_step(monkeypatch, 1, lambda: products.append(float(torch.tensor(1e-40) * 1)))
    in_step(monkeypatch, 1, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert train(sounds, out) == 130
    assert products == [0.0]


def test_there_is_no_preview_of_what_has_hardly_trained(sounds, out, capsys, monkeypatch):
    previewed(monkeypatch, learnt_s=1e6)
    in_step(monkeypatch, STEPS, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert train(sounds, out) == 130
    assert "preview, after" not in capsys.readouterr().out


def test_training_goes_on_where_a_preview_cannot_be_written(sounds, out, capsys, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    previewed(monkeypatch)
    in_step(monkeypatch, STEPS, lambda: os.kill(os.getpid(), signal.SIGINT))
    monkeypatch.setattr(command_train, "make_bundle", full)
    assert train(sounds, out) == 130
    assert "no preview yet: [Errno 28]" in capsys.readouterr().out


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """A file system of this size in `folder`; the test is skipped where nobody may mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=256m", str(folder)], check=True)


def test_a_disk_that_is_full_for_preparing_is_one_line_and_it_goes_on_later(sounds, tmp_path, capsys, monkeypatch):
    with small_disk(tmp_path / "disk", 300):
        assert train(sounds, tmp_path / "disk" / "bells") == 2
        assert "No space left on device" in complaint(capsys)
        enlarge(tmp_path / "disk")
        in_step(monkeypatch, 1, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert train(sounds, tmp_path / "disk" / "bells") == 130  # it has prepared them, and trains


def test_a_disk_that_is_full_for_packing_is_one_line_and_it_goes_on_later(made, sounds, tmp_path, capsys):
    kept = made.with_name("bells.work")
    size = sum(-(-path.stat().st_size // 4096) * 4 for path in kept.rglob("*") if path.is_file())
    with small_disk(tmp_path / "disk", size + 200):
        shutil.copytree(kept, tmp_path / "disk" / "bells.work")
        (tmp_path / "disk" / "bells.work" / "finished.json").unlink()
        assert train(sounds, tmp_path / "disk" / "bells") == 2
        assert "No space left on device" in complaint(capsys)
        assert [path.name for path in (tmp_path / "disk").iterdir()] == ["bells.work"]
        enlarge(tmp_path / "disk")
        assert train(sounds, tmp_path / "disk" / "bells") == 0
        assert (tmp_path / "disk" / "bells" / "decoder.onnx").read_bytes() == (made / "decoder.onnx").read_bytes()


def test_sigterm_while_preparing_ends_it_in_one_line_and_leaves_no_process(tmp_path):
    for i in range(4):
        write_wav(tmp_path / "long" / f"{i}.wav", np.tile(note(130.0 * 2 ** (i / 5)), 240))
    command = [sys.executable, "-m", "neurorack", "train", str(tmp_path / "long"), "--out", str(tmp_path / "bells")]
    options = ["--kind", "pitched", "--workers", "2", "--device", "cpu"]
    training = subprocess.Popen(
        [*command, *options], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    assert training.stderr is not None
    said = b""
    while b"recordings" not in said:
        said += training.stderr.read1()
    time.sleep(1.0)  # the workers are at work
    os.kill(training.pid, signal.SIGTERM)
    said += training.communicate(timeout=30)[1]
    assert training.returncode == 143, said.decode()
    assert b"neurorack: stopped; give the same command again" in said and b"Traceback" not in said
    with pytest.raises(ProcessLookupError):
        for _ in range(100):  # multiprocessing's own helper goes a moment after the others
            os.killpg(training.pid, 0)
            time.sleep(0.1)


@pytest.mark.parametrize("kind", ["pitched", "percussive", "speaking"])
def test_half_a_minute_of_any_kind_becomes_an_instrument_that_is_heard(kind, tmp_path, capsys):
    for i in range(16):
        rate_hz = 30_000 + 1000 * i
        sound = {
            "pitched": note(200.0, seconds=2.2),
            "percussive": np.tile(hit(0.05 + 0.02 * i, noise=0.1).audio / 32768.0, 2),
            "speaking": np.tile(phrase(steady_s=0.1)[0].audio / 32768.0, 2),
        }[kind]
        write_wav(tmp_path / "sounds" / f"sound{i}.wav", sound, rate_hz)
    assert train(tmp_path / "sounds", tmp_path / "mine", "--kind", kind) == 0
    (tmp_path / "cv.csv").write_text("t,gate1,voct\n0,5,0\n0.8,0,0\n1,0,0\n")
    played = ["render", str(tmp_path / "mine"), "--cv", str(tmp_path / "cv.csv"), "--out", str(tmp_path / "out.wav")]
    capsys.readouterr()
    assert cli.main([*played, "--json"]) == 0
    assert -60 < json.loads(capsys.readouterr().out)["rms_dbfs"] < -6
    assert bundle.load(tmp_path / "mine").card.kind == kind


def test_a_checkpoint_is_exported_as_the_bundle_it_became(made, tmp_path):
    assert cli.main(["export", str(run_of(made) / checkpoint.NEWEST), "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "decoder.onnx").read_bytes() == (made / "decoder.onnx").read_bytes()
    assert bundle.load(tmp_path / "again").card.name == "again"


def test_a_bundle_is_exported_under_another_name(made, tmp_path):
    assert cli.main(["export", str(made), "--out", str(tmp_path / "other"), "--title", "Other bells"]) == 0
    card = bundle.load(tmp_path / "other").card
    assert (card.name, card.title, card.kind) == ("other", "Other bells", "pitched")


def test_a_damaged_checkpoint_is_not_exported(made, tmp_path, capsys):
    damaged = tmp_path / "checkpoint.pt"
    damaged.write_bytes((run_of(made) / checkpoint.NEWEST).read_bytes()[:-1])
    assert cli.main(["export", str(damaged), "--out", str(tmp_path / "x")]) == 2
    assert "not a whole checkpoint" in complaint(capsys)


def test_random_weights_of_any_width_are_exported(tmp_path):
    assert cli.main(["export", "--random", "--width", "24", "--out", str(tmp_path / "w24")]) == 0
    prove(bundle.load(tmp_path / "w24"))


@pytest.mark.parametrize("more", [[], ["--sounds"], ["--write"]])
def test_a_bundle_is_evaluated_on_what_it_has_not_learned_from(made, sounds, tmp_path, capsys, monkeypatch, more):
    shutil.copytree(made.parent, tmp_path / "made")
    given, again = [], replace(FIGURES, figures={"heard_again": 7.0})
    monkeypatch.setattr(command_evaluate, "evaluate", lambda *all: given.append(all) or again)
    more = [*more, str(sounds)] if more == ["--sounds"] else more
    assert cli.main(["evaluate", str(tmp_path / "made" / "bells"), "--json", *more]) == 0
    assert '"heard_again": 7.0' in capsys.readouterr().out
    assert len(given[0][1]) == (NOTES if "--sounds" in more else 1) and given[0][3]
    quality = bundle.load(tmp_path / "made" / "bells").card.quality
    assert ("heard_again" in quality) == ("--write" in more) and quality["training_steps"] == STEPS


def test_a_checkpoint_is_evaluated_like_the_bundle_it_became(made, capsys):
    assert cli.main(["evaluate", str(run_of(made) / checkpoint.NEWEST), "--json"]) == 0
    assert "held_out_sounds" in capsys.readouterr().out


def test_where_nothing_was_held_out_the_measuring_knows(made, sounds, tmp_path, monkeypatch):
    shutil.copytree(made.parent, tmp_path / "made")
    out, given = tmp_path / "made" / "bells", []
    (run_of(out) / VALIDATION).unlink()
    monkeypatch.setattr(command_evaluate, "evaluate", lambda *all: given.append(all) or FIGURES)
    assert cli.main(["evaluate", str(out)]) == 0
    assert len(given[0][1]) == NOTES - 1 and not given[0][3]


def forged(path: Path, made: Path, **changes: object) -> Path:
    """A checkpoint with a right checksum, beside the sounds of a real one."""
    shutil.copytree(run_of(made), path)
    checkpoint.write(path, checkpoint.read(path / checkpoint.NEWEST) | changes)
    return path / checkpoint.NEWEST


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"width": -1},
            {"width": 10**6},
            {"width": []},
            {"width": [16, 0]},
            {"width": [1] * 65},
            {"encoder": 0},
            {"encoder": [3]},
        ),
        *({"latent": 0}, {"kind": "foo"}, {"seed": -5}),
    ],
)
def test_a_checkpoint_of_an_impossible_recipe_is_refused(made, tmp_path, capsys, change):
    recipe = json.loads(checkpoint.read(run_of(made) / checkpoint.NEWEST)["recipe"]) | change
    path = forged(tmp_path / "run", made, recipe=json.dumps(recipe))
    assert cli.main(["export", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "not a whole checkpoint" in complaint(capsys)


def test_a_checkpoint_whose_weights_do_not_fit_is_refused(made, tmp_path, capsys):
    path = forged(tmp_path / "run", made, state={})
    assert cli.main(["export", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "do not fit" in complaint(capsys)


def test_an_interrupt_waits_until_the_command_is_there(sounds, out, monkeypatch):
    def importing(name: str) -> object:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # of a process, a thread of torch may take it
        imported.append(name)
        return command_train

    imported = []
    monkeypatch.setattr("importlib.import_module", importing)
    assert cli.main(["train", str(sounds), "--out", str(out)]) == INTERRUPTED
    assert imported == ["neurorack.learn.commands.train"]
