"""Two processes learn what one does."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from scipy.io.wavfile import write  # noqa: E402

from neurorack import bundle  # noqa: E402
from neurorack.bundle import Source  # noqa: E402
from neurorack.engine.proof import prove  # noqa: E402
from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn import scale  # noqa: E402
from neurorack.learn.checkpoint import NEWEST  # noqa: E402
from neurorack.learn.corpus import Corpus, Sound  # noqa: E402
from neurorack.learn.log import read_table  # noqa: E402
from neurorack.words import HOP, SAMPLE_RATE_HZ  # noqa: E402

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
import torch
from neurorack.learn import loop
from neurorack.learn.corpus import load_corpus
from neurorack.learn.scale import team
from neurorack.learn.train import Recipe, Training

torch.set_num_threads(1)
corpus, folder = map(Path, sys.argv[1:])
loop.LOG_STEPS = 1
with team("cpu") as crew:
    assert crew.share(str(crew.rank)) == "0"
    recipe = Recipe("pitched", 8, batch=4, width=24)
    training = Training(recipe, load_corpus(corpus), crew.device, crew.world, crew.rank)
    loop.run(training, folder, crew)
"""


TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
CURVE_SHARE, UNEVEN_SHARE = 0.02, 0.08
"""By how much two processes' losses may differ from one's: sums in another order; and where a loss is no mean over
clips, but of how far they lie apart or of those that will do, which every process has fewer of."""


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=240, env=env)


def notes(seconds: float = 1.0) -> Corpus:
    sounds = []
    for i in range(4):
        f_hz = 200.0 * 2 ** (i / 2)
        t = np.arange(round(seconds * SAMPLE_RATE_HZ) // HOP * HOP) / SAMPLE_RATE_HZ
        tone = sum(np.sin(2 * np.pi * k * f_hz * t) / k for k in range(1, 10)) * np.interp(t, [0, 0.02, 1], [0, 1, 0.3])
        audio = (8000 * tone + np.random.default_rng(i).normal(0, 50, len(t))).astype(np.int16)
        f0_hz = np.full(len(t) // HOP, f_hz, np.float32)
        sounds.append(Sound(f"note{i}", f"note{i}", audio, 0.8, f0_hz, 20_000.0, len(t), np.zeros(0, np.float32)))
    return Corpus("pitched", sounds, [Source("made up", "CC0", "four notes")])


def losses(folder: Path) -> dict[str, np.ndarray]:
    rows = read_table(folder)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_two_processes_learn_what_one_does(tmp_path):
    notes().save(tmp_path / "notes.npz")
    (tmp_path / "program.py").write_text(PROGRAM)
    for name, launcher in (("one", []), ("two", TORCHRUN)):
        done = run([*launcher, *(str(tmp_path / part) for part in ("program.py", "notes.npz", name))])
        assert done.returncode == 0, done.stderr[-2000:]
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert one.keys() == two.keys() and len(one["step"]) == 8
    weights = [torch.load(tmp_path / name / NEWEST, weights_only=True)["state"]["networks"] for name in ("one", "two")]
    for name, value in weights[0].items():
        assert torch.allclose(value.float(), weights[1][name].float(), rtol=1e-2, atol=2e-3), name
    for name in one:
        share = UNEVEN_SHARE if name in ("copy", "spread") else CURVE_SHARE
        np.testing.assert_allclose(two[name], one[name], rtol=share, atol=1e-4, err_msg=name)


def test_the_whole_command_runs_in_two_processes(tmp_path):
    (tmp_path / "sounds").mkdir()
    for sound in notes(3.0).sounds:
        write(tmp_path / "sounds" / f"{sound.name}.wav", SAMPLE_RATE_HZ, sound.audio)
    command = ["-m", "neurorack", "train", str(tmp_path / "sounds"), "--out", str(tmp_path / "pair")]
    options = ["--steps", "2", "--batch", "4", "--kind", "pitched", "--workers", "1", "--device", "cpu"]
    done = run([*TORCHRUN, *command, *options])
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("pair is finished") == 1  # one of them talks
    prove(bundle.load(tmp_path / "pair"))
    again = run([*TORCHRUN, *command, *options])
    assert again.returncode == 0 and again.stdout.count("pair is finished") == 1


def test_alone_it_is_a_team_of_one():
    with scale.team("cpu") as crew:
        assert crew.leads and crew.device == "cpu"
        assert crew.agree(True) and not crew.agree(False) and crew.share("x") == "x"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said():
    with pytest.raises(BadInput, match="no GPU"):
        scale.choose_device("cuda")
    assert scale.choose_device("auto") == "cpu"
