"""Families stream: any number of frames at a time, with their states, is what one pass is."""

import math
from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small import said, small  # noqa: E402

from neurorack.engine.excitation import F_TOP_HZ, HARMONICS  # noqa: E402
from neurorack.learn import descent  # noqa: E402
from neurorack.learn.descent import Descent  # noqa: E402
from neurorack.learn.families import ddsp, sing, wavenet  # noqa: E402
from neurorack.learn.families.standard import Standard  # noqa: E402
from neurorack.learn.trim import cost  # noqa: E402
from neurorack.learn.trim.groups import Groups  # noqa: E402
from neurorack.words import C4_HZ  # noqa: E402

FRAMES = 12
STREAMING = ["wavenet", "sing", "ddsp"]
RATES = {"wavenet": 250.0, "sing": 187.5, "ddsp": 750.0}


@pytest.fixture(autouse=True, scope="module")
def quick():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descent, "_WARM_STEPS", 5)
        yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize("family", STREAMING)
def test_streaming_in_any_block_equals_one_pass(family, frames):
    model = small(family)
    example = model.example(FRAMES)
    with torch.no_grad():
        whole, end = model(*example)
        parts, states = [], model.initial_states()
        for at in range(0, FRAMES, frames):
            part = [given[:, _along(given, at) : _along(given, at + frames)] for given in example]
            out, states = model(*part, states)
            parts.append(out)
    assert whole.std() > 1e-3
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=0)
    assert set(states) == set(model.initial_states()) == set(end)
    for name, state in states.items():
        assert state.shape == model.initial_states()[name].shape, name
        torch.testing.assert_close(state, end[name], atol=1e-5, rtol=0)


def _along(given: torch.Tensor, frame: int) -> int:
    return frame * given.shape[1] // FRAMES


@pytest.mark.parametrize("family", STREAMING)
def test_states_matter(family):
    """Without them streaming would not be one pass: the test above can fail."""
    model = small(family)
    example = model.example(FRAMES)
    with torch.no_grad():
        whole, _ = model(*example)
        half = [given[:, _along(given, 6) :] for given in example]
        forgetful, _ = model(*half)
    assert (whole[:, whole.shape[1] // 2 :] - forgetful).abs().max() > 1e-3


@pytest.mark.parametrize("family", STREAMING)
def test_nothing_later_is_heard_sooner(family):
    model = small(family)
    example = model.example(FRAMES)
    later = [given.clone() for given in example]
    for given in later:
        given[:, _along(given, 7) :] = given[:, _along(given, 7) :].flip(1)
    mine, theirs = said(model, example)[0], said(model, tuple(later))[0]
    at = 7 * mine.shape[1] // FRAMES
    torch.testing.assert_close(mine[:, :at], theirs[:, :at], atol=1e-5, rtol=0)
    assert not torch.equal(mine[:, at:], theirs[:, at:])


@pytest.mark.parametrize("family", STREAMING)
def test_rows_of_a_batch_do_not_mix(family):
    model = small(family)
    example = [torch.cat([given, model.example(FRAMES)[i]]) for i, given in enumerate(model.example(FRAMES))]
    both, alone = said(model, tuple(example))[0], said(model, tuple(given[1:] for given in example))[0]
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("model", "parameters", "mmacs_per_s"),
    [
        (wavenet.WaveNet, (0.3e6, 0.45e6), (4_500, 6_500)),
        (sing.Sing, (0.9e6, 1.1e6), (170, 210)),
        (ddsp.Ddsp, (0.55e6, 0.7e6), (420, 520)),
    ],
)
def test_dense_networks_are_of_a_size_that_trains_in_minutes(model, parameters, mmacs_per_s):
    dense = model()
    low, high = parameters
    assert low < cost.parameters(dense)(dense.widths) < high
    low, high = mmacs_per_s
    assert low < cost.macs_per_s(dense)(dense.widths) / 1e6 < high
    Groups.of(dense)


@pytest.mark.parametrize("family", STREAMING)
def test_frames_are_as_long_as_they_say(family):
    model = small(family)
    rate_hz = wavenet.SAMPLE_RATE_HZ if family == "wavenet" else 48_000
    assert said(model, model.example(FRAMES))[0].shape[1] * RATES[family] == FRAMES * rate_hz
    assert model.frames_per_s == RATES[family]


def test_wavenet_learns_what_comes_next():
    torch.manual_seed(0)
    model = wavenet.WaveNet(wavenet.dense_widths(4, 16, 16, 24, 24), latent=2, dilations=(1, 2, 4, 8))
    steps = wavenet.to_steps(0.5 * torch.sin(torch.arange(512.0) * 0.2 + torch.tensor([[0.0], [2.0]])))

    def loss() -> torch.Tensor:
        logits, _ = model(wavenet.before(steps), torch.zeros(2, 8, 8))
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), steps.flatten())

    before, after = learnt(model, loss, 60)
    assert abs(before - math.log(wavenet.STEPS)) < 0.3 and after < 2.5  # of 5.5 nats


def test_sing_learns_a_tone():
    torch.manual_seed(0)
    model = sing.Sing(sing.dense_widths(16, 24), latent=2)
    wave = 0.3 * torch.sin(torch.arange(16 * sing.HOP) * (2 * math.pi * 3 / sing.HOP))[None]

    def loss() -> torch.Tensor:
        return (model(torch.zeros(1, 16, 8))[0] - wave).square().mean() / wave.square().mean()

    before, after = learnt(model, loss, 80)
    assert before > 0.9 and after < 0.2


def test_ddsp_learns_levels_and_a_balance_of_harmonics():
    torch.manual_seed(0)
    model = ddsp.Ddsp(ddsp.dense_widths(16, 24, 24), latent=2)
    controls = torch.zeros(4, 10, 8)
    controls[..., 1] = torch.linspace(-1, 1, 4)[:, None]
    target = torch.zeros(4, 10, ddsp.ELEMENTS)
    target[..., 0:20:2] = 10 ** (controls[..., 1:2] / 2) * 0.05

    def loss() -> torch.Tensor:
        gains, _ = model.gains(controls, torch.zeros(4, 24))
        return (gains - target).square().sum() / target.square().sum()

    before, after = learnt(model, loss, 80)
    assert after < 0.2 * before and after < 0.2


def test_ddsp_begins_at_the_level_that_is_asked_for():
    """Were it one level for all, the faintest clips, whose loss is a hundred times the others', would silence it."""
    torch.manual_seed(0)
    model = ddsp.Ddsp(latent=2)
    controls = torch.zeros(2, 1, 8)
    asked_db = torch.tensor([-70.0, -30.0])
    controls[:, 0, 1] = asked_db
    gains, _ = model.gains(controls, torch.zeros(2, model.widths["recurrent"]))
    harmonics_db = 20 * torch.log10(gains[:, 0, : -ddsp.BANDS].sum(1))
    assert (harmonics_db - asked_db).abs().max() < 8.0


def learnt(model: torch.nn.Module, loss: Callable[[], torch.Tensor], steps: int) -> tuple[float, float]:
    """The loss before and after some steps."""
    descent = Descent(model, model, steps, 1e-2, (0.9, 0.99))
    first = loss().item()
    for _ in range(steps):
        descent.take({"loss": loss()})
    return first, loss().item()


def test_a_wave_survives_its_steps():
    wave = torch.sin(torch.linspace(0, 40, 4000)) * torch.linspace(0, 1, 4000)
    steps = wavenet.to_steps(wave)
    assert steps.min() >= 0 and steps.max() <= wavenet.STEPS - 1
    again = wavenet.from_steps(steps)
    # a step of µ-law is ln(1 + µ) · (1 + µ|x|) / µ · 2 / µ wide; half of it is lost
    width = math.log(256) * (1 + 255 * wave.abs()) / 255 * 2 / 255
    assert ((again - wave).abs() <= 0.51 * width + 1e-6).all()
    assert torch.equal(wavenet.to_steps(again), steps)
    assert wavenet.to_steps(torch.zeros(1)) == wavenet.SILENCE


def test_wavenet_is_shown_what_came_before_and_no_more():
    model = small("wavenet")
    steps, controls = model.example(2)
    changed = steps.clone()
    changed[0, 50] = (steps[0, 50] + 100) % wavenet.STEPS
    mine, theirs = (said(model, (wavenet.before(each), controls))[0][0] for each in (steps, changed))
    differ = (mine != theirs).any(1).nonzero()[:, 0].tolist()
    assert differ[0] == 51 and differ[-1] <= 51 + sum(model.dilations)


def test_pieces_of_sing_join_without_steps():
    window = sing.Sing().window
    joined = sum(window[at : at + sing.HOP] for at in range(0, sing.PIECE, sing.HOP))
    torch.testing.assert_close(joined, torch.full((sing.HOP,), 2.0))


def test_ddsp_plays_no_harmonic_that_is_inaudible():
    model = small("ddsp")
    controls = torch.zeros(1, 4, 8)
    controls[..., 0] = 4.0
    with torch.no_grad():
        gains, _ = model.gains(controls, torch.zeros(1, 6))
    top = int(F_TOP_HZ / (C4_HZ * 16)) + 1
    assert gains[..., top:HARMONICS].abs().max() == 0.0 and gains[..., :top].min() > 0.0


def test_ddsp_hears_all_elements_but_the_pulse():
    elements = torch.arange(float(HARMONICS + 2 * 18)).expand(2, -1)
    kept = ddsp.heard(elements)[0].numpy()
    np.testing.assert_array_equal(kept, [*range(HARMONICS), *range(HARMONICS + 18, HARMONICS + 36)])


def test_controls_are_seen_even_and_the_pitch_alone():
    standard, random = Standard(2), np.random.default_rng(0)
    pitch_oct = random.normal(1, 2, 500)
    descriptors = random.standard_normal((500, 5)) @ random.standard_normal((5, 5)) + [-20, 10, 11, 1, 0]
    standard.take(pitch_oct, descriptors)
    rows = np.column_stack([pitch_oct, descriptors, random.standard_normal((500, 2))]).astype(np.float32)
    seen = standard(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(np.cov(seen[:, :6].T), np.eye(6), atol=0.02)
    np.testing.assert_allclose(seen.mean(0)[:6], 0.0, atol=1e-3)
    np.testing.assert_allclose(abs(np.corrcoef(seen[:, 0], pitch_oct)[0, 1]), 1.0, atol=1e-6)
    np.testing.assert_array_equal(seen[:, 6:], rows[:, 6:])
