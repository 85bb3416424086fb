"""What families learn from: draws depend on seed and step alone, splits stay apart, and every family gets better."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from notes import make_notes  # noqa: E402
from recordings import corpus, hit  # noqa: E402
from small import DDSP, SING  # noqa: E402

from neurorack.ears.latent import BEHIND  # noqa: E402
from neurorack.learn import descent  # noqa: E402
from neurorack.learn.clips import CLIP, CLIP_HOPS, COARSE  # noqa: E402
from neurorack.learn.families import ddsp, sing, tasks, wavenet  # noqa: E402
from neurorack.learn.families.instrument import COUNTED, InstrumentTask  # noqa: E402
from neurorack.learn.families.tasks import TASKS, FamilyTask  # noqa: E402
from neurorack.learn.gestures import Encode  # noqa: E402
from neurorack.learn.train import Recipe  # noqa: E402
from neurorack.learn.trim import criteria  # noqa: E402
from neurorack.learn.trim.rounds import Lottery, Plan  # noqa: E402
from neurorack.learn.trim.sounds import Sounds, parted  # noqa: E402

WAVENET = wavenet.dense_widths(residual=4, gate=3, skip=4, head=4)
DENSE = {"ddsp": DDSP, "sing": SING, "wavenet": WAVENET}
RECIPE = Recipe("pitched", 8, width=(8, 6, 7), encoder=(6, 5), batch=4)


@pytest.fixture(autouse=True, scope="module")
def quick():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descent, "_WARM_STEPS", 2)
        for each in TASKS.values():
            patch.setattr(each, "batch", 2)
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sounds() -> Sounds:
    train, rest = parted(make_notes(), 3)
    validation, test = parted(rest, 2)
    return Sounds(train, validation, test)


@pytest.fixture(scope="module")
def struck() -> Sounds:
    hits = [hit(0.05 * 3**i, 100 * 2**i, noise=0.2 * i, name=f"drum-{i}", source=f"kit-{i}") for i in range(3)]
    return Sounds(*[corpus("percussive", hits)] * 3)


@pytest.fixture(scope="module", params=list(TASKS))
def task(request, sounds, hearing_bundle: Path) -> FamilyTask:
    return TASKS[request.param](sounds, Encode(hearing_bundle / "encoder.onnx"), 8, DENSE[request.param])


@pytest.fixture(scope="module")
def instrument(sounds) -> InstrumentTask:
    return InstrumentTask(RECIPE, sounds)


def test_what_an_encoder_knows_is_looked_at_when_it_hears_it_and_with_its_sign(instrument):
    (batch,) = instrument.batches(1, 0)
    model = instrument.run(instrument.widths, 1, 0).average
    for group, passed in criteria.watch(model, instrument, batch).items():
        assert instrument.at_frames(passed[0]).shape == (*instrument.target(batch).shape[:2], instrument.widths[group])
    hops = (torch.arange(batch.features.shape[1]) - BEHIND) * float(COARSE)
    seen = instrument.at_frames((hops - 100.0).expand(2, 3, -1))
    assert torch.equal(seen, (torch.arange(1.0, CLIP_HOPS + 1.0) - 100.0)[:, None].expand(2, -1, 3))


def test_a_run_learns(task):
    run = task.run(task.widths, 40, 0)
    lessons = task.batches(4, 1)

    def loss() -> float:
        with torch.no_grad():
            return sum(task.loss(run.average.eval(), lesson).item() for lesson in lessons)

    before = loss()
    for _ in range(40):
        run.advance()
    assert loss() < 0.99 * before
    assert run.step == 40


def test_a_device_holds_all_that_a_step_needs(sounds, struck, hearing_bundle):
    """On torch's device that computes nothing, but refuses what lies elsewhere."""
    for name, family in TASKS.items():
        task = family(sounds, Encode(hearing_bundle / "encoder.onnx"), 8, DENSE[name], "meta")
        network, lesson = task.run(task.widths, 9, 0).network, task.lesson(np.random.default_rng(0), device="meta")
        loss = task.loss(network, lesson)
        loss.backward()
        assert loss.is_meta and all(parameter.is_meta for parameter in network.parameters())
        assert all(not batch.wanted.is_meta for batch in task.batches(1, 0))
    for kind, heard in (("pitched", sounds), ("percussive", struck)):
        task = InstrumentTask(replace(RECIPE, kind=kind), heard, "meta")
        run = task.run(task.widths, 9, 0)
        losses = run.network(run.lesson(np.random.default_rng(0)), 1.0)
        torch.stack(list(losses.values())).sum().backward()
        assert {"spectrum", "swap", "still", "told", "keep"} <= losses.keys()
        assert all(loss.is_meta for loss in losses.values())
        assert not task.batches(1, 0)[0].audio.is_meta


def test_a_step_depends_on_seed_and_step_alone(task):
    one, other = (task.run(task.widths, 9, 5) for _ in range(2))
    one.advance()
    task.validation_loss(one.average)  # what is drawn in between changes nothing
    other.advance()
    assert one.advance() == other.advance()
    assert task.run(task.widths, 9, 6).advance() != task.run(task.widths, 9, 5).advance()


def test_lessons_say_what_the_clip_is_at_the_start_of_each_frame(task):
    lesson = task.lesson(np.random.default_rng(3))
    drawn = task.clips.draw(task.batch, np.random.default_rng(3))
    frames = CLIP_HOPS // task.frame_hops
    assert lesson.controls.shape == (2, frames, 14) and frames * task.frame_hops == CLIP_HOPS
    np.testing.assert_allclose(lesson.controls[:, :, 1:6], drawn.said[:, :: task.frame_hops], rtol=1e-6)
    assert task.show(task.run(task.widths, 9, 0).network, lesson).shape[:2] == lesson.wanted.shape
    assert task.target(lesson).shape == (2, frames, 3)


def test_sixteen_kilohertz_are_the_same_sound_at_the_same_time(sounds, hearing_bundle):
    task = TASKS["wavenet"](sounds, Encode(hearing_bundle / "encoder.onnx"), 8, WAVENET)
    drawn = task.clips.draw(2, np.random.default_rng(1))
    low = wavenet.from_steps(task.wanted(drawn)).numpy()
    whole = drawn.audio[:, 512 : 512 + CLIP]
    smooth = np.stack([np.convolve(row, np.full(3, 1 / 3), "same")[::3] for row in whole])
    assert low.shape == smooth.shape
    for row, other in zip(low, smooth, strict=True):
        shifts = [float(np.corrcoef(np.roll(row, shift), other)[0, 1]) for shift in range(-3, 4)]
        assert int(np.argmax(shifts)) == 3 and shifts[3] > 0.95


@pytest.mark.parametrize("criterion", ["gradient", "activation", "information"])
def test_every_criterion_finds_the_units_of_every_task(task, criterion, monkeypatch):
    monkeypatch.setattr(criteria.information, "_CLIPS_MIN", 4)
    model = task.run(task.widths, 9, 0).average
    scores = criteria.score(criterion, model, task, task.batches(2, 0))
    assert {group: len(values) for group, values in scores.items()} == task.widths
    assert all(np.isfinite(values).all() for values in scores.values()) and max(map(np.max, scores.values())) > 0


def test_test_and_validation_are_of_other_sounds_than_training(task, sounds):
    sources = [set(corpus.sources) for corpus in (sounds.train, sounds.validation)]
    assert not sources[0] & sources[1]
    assert len(task._validation.gain) == len(sounds.validation) and len(task._test.gain) == len(sounds.test)


def test_a_corpus_is_thinned_and_parted_by_source(sounds):
    whole = make_notes()
    thin = Sounds(whole, whole, whole).thinned(5, 3)
    assert [len(corpus) for corpus in (thin.train, thin.validation, thin.test)] == [5, 3, 3]
    rest, part = parted(whole, 2)
    assert not set(rest.sources) & set(part.sources) and len(rest) + len(part) == len(whole)
    alone = parted(parted(whole, 3)[1], 2)
    assert [len(corpus) for corpus in alone] == [2, 2]


def test_the_dense_networks_are_the_families_own(sounds, hearing_bundle):
    encode = Encode(hearing_bundle / "encoder.onnx")
    for name, family in (("ddsp", ddsp), ("sing", sing), ("wavenet", wavenet)):
        assert TASKS[name](sounds, encode, 8).widths == family.dense_widths()


def test_what_counts_of_the_instrument_is_what_ships(instrument):
    run = instrument.run(instrument.widths, 8, 0)
    lesson = instrument.batches(1, 0)[0]
    losses = run.objective(lesson, 0.0)
    room = run.objective.room
    run.objective.room = None  # what ships is dry
    dry = run.objective(lesson, 0.0)["spectrum"]
    run.objective.room = room
    parts = parts_of(run)
    expected = dry + sum(losses[name] for name in COUNTED if name != "spectrum")
    torch.testing.assert_close(instrument.loss(parts, lesson), expected)


def parts_of(run) -> dict:
    return {"decoder": run.objective.decoder, "encoder": run.objective.encoder}


def test_the_instrument_goes_through_a_lottery(instrument):
    plan = Plan("instrument", round_steps=3, rewind_step=1, keep=0.95, rounds=2, batches=1, criterion="magnitude")
    lottery = Lottery(instrument, plan, timer=lambda models: [1.0] * len(models))
    while lottery.step < plan.steps:
        lottery.advance()
    sizes = [result.macs_per_s for result in lottery.results]
    assert sizes[0] > sizes[1] > sizes[2]
    assert lottery.model(2)["decoder"].widths != lottery.model(0)["decoder"].widths
    assert all(np.isfinite(result.validation_loss) for result in lottery.results)


def test_a_struck_instrument_is_trimmed_too(struck):
    task = InstrumentTask(replace(RECIPE, kind="percussive"), struck)
    model = task.run(task.widths, 8, 0).average
    assert np.isfinite(task.validation_loss(model))
    scores = criteria.score("activation", model, task, task.batches(1, 0))
    assert {group: len(values) for group, values in scores.items()} == task.widths


def test_knobs_are_the_same_in_every_round(instrument):
    assert instrument.run(instrument.widths, 8, 1).knobs is instrument.run(instrument.widths, 8, 2).knobs


@pytest.mark.parametrize("criterion", ["gradient", "activation", "information"])
def test_every_criterion_finds_the_units_of_the_instrument(instrument, criterion, monkeypatch):
    monkeypatch.setattr(criteria.information, "_CLIPS_MIN", 4)
    model = instrument.run(instrument.widths, 8, 0).average
    scores = criteria.score(criterion, model, instrument, instrument.batches(1, 0))
    assert {group: len(values) for group, values in scores.items()} == instrument.widths
    assert all(np.isfinite(values).all() for values in scores.values()) and max(map(np.max, scores.values())) > 0


def test_a_loss_that_is_no_number_is_named(sounds, hearing_bundle, monkeypatch):
    task = TASKS["sing"](sounds, Encode(hearing_bundle / "encoder.onnx"), 8, SING)
    monkeypatch.setattr(tasks.SingTask, "loss", lambda self, model, batch: torch.tensor(float("nan")))
    with pytest.raises(FloatingPointError, match="loss"):
        task.run(task.widths, 9, 0).advance()
