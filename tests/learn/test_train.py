"""Training: it learns, it resumes, and it asks for what the knobs can ask."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.learn import train  # noqa: E402
from neurorack.learn.sounds import HELD_S, RELEASE_S, Notes  # noqa: E402
from neurorack.words import SAMPLE_RATE_HZ  # noqa: E402


@pytest.fixture(scope="module")
def notes() -> Notes:
    """A dozen synthetic notes: harmonics that fall off, an attack, a release, a breath of noise."""
    random = np.random.default_rng(0)
    t = np.arange(round((HELD_S + RELEASE_S) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    shape = np.interp(t, [0, 0.02, 0.3, HELD_S, HELD_S + 0.1], [0, 1, 0.7, 0.5, 0])
    midi = np.arange(28, 100, 6)
    f0_hz = 440.0 * 2.0 ** ((midi - 69) / 12)
    audio = []
    for i, f_hz in enumerate(f0_hz):
        partials = range(1, min(30, int(18_000 / f_hz)) + 1)
        tone = sum(np.sin(2 * np.pi * k * f_hz * t) * k ** -(0.8 + 0.15 * (i % 5)) for k in partials)
        tone = tone / tone.std() + 0.02 * random.standard_normal(len(t))
        audio.append((tone * shape * 4000).astype(np.int16))
    kinds = np.arange(len(midi))
    return Notes(np.stack(audio), f0_hz, kinds, midi, np.where(kinds % 2, 112, 48))


@pytest.fixture(scope="module", autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def small(steps: int) -> train.Recipe:
    return train.Recipe(steps, batch=4, width=48)


def test_a_short_run_learns_both_to_copy_and_to_obey(notes):
    run = train.Training(small(160), notes)
    losses = [run.advance() for _ in range(160)]
    for name in ("spectrum", "swap"):
        first, last = (np.mean([loss[name] for loss in part]) for part in (losses[:10], losses[-20:]))
        assert last < 0.6 * first, name


def test_stopped_and_resumed_is_as_if_never_stopped(notes, tmp_path):
    through = train.Training(small(6), notes)
    train.run(through, tmp_path / "through.pt")

    first = train.Training(small(6), notes)
    for _ in range(3):
        first.advance()
    first.save(tmp_path / "stopped.pt")
    second = train.Training(small(6), notes)
    train.run(second, tmp_path / "stopped.pt")
    assert second.step == 6
    for a, b in ((through.networks(), second.networks()), (through.average, second.average)):
        for (name, value), other in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
            assert torch.equal(value, other), name


def test_another_seed_gives_other_weights(notes):
    runs = [train.Training(train.Recipe(10, seed, batch=2, width=16), notes) for seed in (0, 1)]
    assert not torch.equal(*(run.decoder.hidden[0].weight for run in runs))


def test_knobs_are_drawn_over_their_whole_range():
    knobs = train.draw_knobs(400, np.random.default_rng(0))
    assert knobs.min() == 0 and knobs.max() == 1
    assert (knobs[:, 0] == 0).mean() > 0.03 and (knobs[:, 0] == 1).mean() > 0.03
    moving = (knobs[:, 0] != knobs[:, -1]).mean()
    assert 0.1 < moving < 0.5


def test_coarse_frames_reach_hops_on_straight_lines():
    coarse = torch.tensor([[[0.0], [4.0], [2.0]]])
    hops = train.to_hops(coarse)[0, :, 0]
    assert hops.tolist() == [1.0, 2.0, 3.0, 4.0, 3.5, 3.0, 2.5, 2.0]
