"""Training: it learns, it resumes, it is shared, and it asks for what the knobs can ask."""

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from recordings import few  # noqa: E402

from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn import descent, scales, train  # noqa: E402
from neurorack.learn.clips import CLIP_HOPS  # noqa: E402
from neurorack.learn.heard import as_heard, ripple_hops  # noqa: E402
from neurorack.learn.networks.objective import Lesson, Weights  # noqa: E402
from neurorack.learn.train import Recipe, Training  # noqa: E402
from neurorack.words import C4_HZ  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def quick():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scales, "_FRAMES", 3000)
        patch.setattr(descent, "_WARM_STEPS", 5)
        yield
    torch.set_num_threads(before)


def small(kind: str = "pitched", steps: int = 4, *, world: int = 1, rank: int = 0, **recipe: object) -> Training:
    shape = {"batch": 4, "width": 16, "latent": 3} | recipe
    return Training(Recipe(kind, steps, **shape), few(kind), world=world, rank=rank)


def drawn(training: Training, seed: int = 0) -> Lesson:
    return training.lesson(np.random.default_rng(seed))


def test_a_short_run_learns_both_to_copy_and_to_obey():
    run = small(steps=32, width=32, rate=4e-3)
    exam = [drawn(run, 1000 + i) for i in range(6)]

    def losses(name: str) -> float:
        with torch.no_grad():
            return sum(run.objective(lesson, 0.0)[name].item() for lesson in exam)

    before = {name: losses(name) for name in ("spectrum", "swap")}
    for _ in range(32):
        run.advance()
    for name in before:
        assert losses(name) < 0.6 * before[name], name


@pytest.mark.parametrize("kind", ["pitched", "percussive"])
def test_stopped_and_resumed_is_bit_for_bit_as_if_never_stopped(kind, tmp_path):
    weights = Weights(critic=0.1)
    through, first, second = (small(kind, weights=weights) for _ in range(3))
    last = [through.advance() for _ in range(4)][-1]
    for _ in range(2):
        first.advance()
    torch.save(first.state(), tmp_path / "state.pt")
    second.load_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert second.step == 2
    second.advance()
    assert second.advance() == last
    for a, b in ((through.objective, second.objective), (through.average, second.average)):
        for (name, value), other in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
            assert torch.equal(value, other), name


def test_layers_may_have_widths_of_their_own_as_in_a_trimmed_network():
    uneven = Recipe("pitched", 4, width=(16, 9, 12), encoder=(20, 7))
    recipe = msgspec.json.decode(msgspec.json.encode(uneven), type=Recipe)
    run = small(width=recipe.width, encoder=recipe.encoder)
    run.advance()
    assert [layer.out_features for layer in run.average["decoder"].hidden] == [16, 9, 12]
    assert [layer.out_channels for layer in run.average["encoder"].layers] == [20, 7, 6]


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    def weights(seed: int) -> torch.Tensor:
        run = small(seed=seed)
        run.advance()
        return torch.cat([value.flatten() for value in run.objective.decoder.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))
    ours, theirs = small(seed=0), small(seed=1)
    assert not torch.equal(ours.objective.decoder.out.weight, theirs.objective.decoder.out.weight)
    asked, lesson = [], drawn(ours)
    for run in (ours, theirs):
        run.lesson = lambda random: asked.append(random.random()) or lesson
        run.advance()
        run.advance()
    assert len(set(asked)) == 4  # every step of every seed has draws of its own


def test_the_decoder_and_the_encoder_ship_and_nothing_else():
    run = small(weights=Weights(critic=0.1))
    assert set(run.average) == {"decoder", "encoder"}
    run.advance()
    for name, value in run.average.state_dict().items():
        assert torch.equal(value, run.objective.state_dict()[name]), name


def test_what_ships_lags_behind_what_learns():
    run = small()
    began = run.objective.decoder.out.weight.detach().clone()
    for _ in range(4):
        run.advance()
    shipped = (run.average["decoder"].out.weight - began).norm()
    assert 0 < shipped < (run.objective.decoder.out.weight - began).norm()


@pytest.fixture
def unspread(monkeypatch):
    """Processes that share a batch, each without the others."""
    monkeypatch.setattr(torch.nn.parallel, "DistributedDataParallel", lambda module: module)


@pytest.mark.parametrize(("kind", "world"), [("pitched", 2), ("percussive", 4)])
def test_the_shares_of_a_batch_together_are_the_batch(kind, world, unspread):
    whole = drawn(small(kind, batch=8))
    shares = [drawn(small(kind, batch=8, world=world, rank=rank)) for rank in range(world)]
    for name, value in vars(whole).items():
        parts = [getattr(share, name) for share in shares]
        if value is None:
            assert parts == [None] * world
        elif name == "orders":
            lent = torch.stack([part * world + rank for rank, part in enumerate(parts)], -1).flatten(1)
            assert torch.equal(lent, value)
        else:
            assert torch.equal(torch.stack(parts, 1).flatten(0, 1), value), name


@pytest.mark.parametrize("world", [1, 2, 3])
def test_latents_are_lent_only_among_a_processs_own_clips(world, unspread):
    run = small(batch=24, world=world)
    orders = run._orders(np.random.default_rng(0))
    assert (orders % world == np.arange(24) % world).all()
    assert (np.sort(orders, axis=1) == np.arange(24)).all()  # every clip lends once
    assert (orders != np.arange(24)).mean() > 0.25


@pytest.mark.parametrize(("batch", "world"), [(6, 1), (8, 3)])
def test_a_batch_that_cannot_be_shared_is_refused(batch, world):
    with pytest.raises(BadInput, match=f"batch of {batch}"):
        small(batch=batch, world=world)


@pytest.mark.parametrize("kind", ["percussive", "speaking"])
def test_modes_and_pitch_come_with_the_latent_they_belong_to(kind):
    lesson = drawn(small(kind, batch=24), 3)
    lender = lesson.orders[0]
    away = lesson.swap_pitch_oct - lesson.pitch_oct[lender]
    assert (away.std(1) < 1e-4).all()  # transposed as a whole
    assert away.mean(1).min() < -0.7 and away.mean(1).max() > 0.7
    assert (away.abs().amax((1, 2)) < 1e-4).float().mean() > 0.1  # and sometimes not at all
    if kind == "percussive":
        assert torch.equal(lesson.swap_octaves, lesson.octaves[lender])
        assert lesson.octaves.shape[1:] == (1, 24)
    else:
        assert lesson.swap_octaves is None and lesson.octaves is None


def test_a_pitched_swap_is_played_anywhere_and_stands():
    run = small(batch=24)
    pitch_oct = torch.cat([drawn(run, seed).swap_pitch_oct for seed in range(3)])
    standing = pitch_oct.std(1)[:, 0] < 1e-6
    assert 0.5 < standing.float().mean() < 0.9  # or moves as the lender does
    assert pitch_oct.min() < -2 and pitch_oct.max() > 3


def test_what_is_asked_lies_on_the_knobs_scales():
    run = small(batch=24)
    lesson = drawn(run)
    pitch_oct = lesson.swap_pitch_oct.flatten().numpy()
    asked = lesson.asked.flatten(0, 1).numpy()
    knobs = run.scales.position_frames(pitch_oct, asked)
    again = run.scales.physical_frames(pitch_oct, knobs, asked[:, 0])
    np.testing.assert_allclose(again, asked, atol=1e-3)
    ends = lesson.wanted.flatten(0, 1).numpy()
    np.testing.assert_allclose(lesson.travel.flatten(0, 1), run.scales.travel(pitch_oct[3::4], ends), rtol=1e-3)
    assert (lesson.travel > 0).all()


def test_some_swaps_are_asked_to_go_where_another_clip_goes(monkeypatch):
    run = small(batch=24)
    clips = run.clips.draw(24, np.random.default_rng(0))
    order, f0_hz = np.roll(np.arange(24), 4), np.full((24, CLIP_HOPS), 300.0)
    monkeypatch.setattr(train, "_CURVES", 1.0)
    asked = run._ask(clips, order, f0_hz, np.random.default_rng(0))
    curves = [as_heard(clips.said[i], ripple_hops(float(np.median(clips.f0_hz[i])))) for i in order]
    np.testing.assert_allclose(asked[..., 0], np.array(curves)[..., 0])
    there = np.log2(clips.f0_hz[order] / C4_HZ).reshape(-1)
    own = run.scales.position_frames(there, np.concatenate(curves))
    got = run.scales.position_frames(np.full(24 * CLIP_HOPS, np.log2(300 / C4_HZ)), asked.reshape(-1, 5))
    np.testing.assert_allclose(got[:, 1:], own[:, 1:], atol=1e-6)
    monkeypatch.setattr(train, "_CURVES", 0.0)
    drawn_db = run._ask(clips, order, f0_hz, np.random.default_rng(0))[..., 0]
    assert drawn_db.min() >= -60


def test_what_is_wanted_is_what_is_asked_where_it_rests():
    run = small(batch=24)
    lesson = drawn(run)
    still = (lesson.asked.std(1) < 1e-6).all(-1)
    assert still.any()
    torch.testing.assert_close(lesson.wanted[still], lesson.asked[still][:, 3::4], atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def knobs() -> np.ndarray:
    return train.draw_knobs(2000, np.random.default_rng(0))


def test_knobs_are_drawn_over_their_whole_range(knobs):
    assert knobs.shape == (2000, CLIP_HOPS, 5)
    assert knobs.min() == 0 and knobs.max() == 1
    for knob in knobs[:, 0].T:
        assert (knob == 0).mean() > 0.02 and (knob == 1).mean() > 0.02
        assert (np.histogram(knob, 10, (0, 1))[0] > 0.03 * len(knob)).all()


def test_knobs_rest_near_the_middle_in_half_of_the_clips_all_but_one(knobs):
    near = np.abs(knobs[:, 0] - 0.5) < 0.3
    assert 0.45 < (near.sum(axis=1) >= 4).mean() < 0.75
    alone = ~near & (near.sum(axis=1) == 4)[:, None]
    assert (alone.mean(axis=0) > 0.05).all()


def test_knobs_stand_glide_or_jump(knobs):
    steps = np.abs(np.diff(knobs, axis=1))
    moving = steps.sum(axis=1) > 1e-9
    assert 0.1 < moving.mean() < 0.35
    assert 0.3 < moving.any(axis=1).mean() < 0.6
    largest = steps.max(axis=1)[moving] / steps.sum(axis=1)[moving]
    jumps, glides = largest > 0.999, largest < 2 / CLIP_HOPS
    assert (jumps | glides).all()
    assert jumps.mean() == pytest.approx(0.25, abs=0.06)


def test_pitch_is_in_octaves_from_c4():
    run = small()
    clips = run.clips.draw(4, np.random.default_rng(0))
    pitch_oct = drawn(run).pitch_oct[..., 0].numpy()
    np.testing.assert_allclose(C4_HZ * np.exp2(pitch_oct), clips.f0_hz, rtol=1e-5)
