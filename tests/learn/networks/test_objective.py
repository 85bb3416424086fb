"""What the losses are of, and whom each of them teaches."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from recordings import few  # noqa: E402

from neurorack.ears.descriptors import WINDOW  # noqa: E402
from neurorack.learn import scales  # noqa: E402
from neurorack.learn.clips import FRAMES  # noqa: E402
from neurorack.learn.networks.objective import Lesson, Objective, Weights, to_hops  # noqa: E402
from neurorack.learn.train import Recipe, Training  # noqa: E402

LATENT = 3


@pytest.fixture(scope="module", autouse=True)
def quick():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scales, "_FRAMES", 3000)
        yield
    torch.set_num_threads(before)


def lesson_of(kind: str) -> Lesson:
    training = Training(Recipe(kind, 10, batch=8, width=16, latent=LATENT), few(kind))
    return training.lesson(np.random.default_rng(0))


@pytest.fixture(scope="module")
def lesson(quick) -> Lesson:
    return lesson_of("pitched")


@pytest.fixture(scope="module")
def hits(quick) -> Lesson:
    return lesson_of("percussive")


def objective(kind: str = "pitched", **weights: float) -> Objective:
    torch.manual_seed(0)
    return Objective(kind, 16, LATENT, Weights(**weights), 0)


class Witness(torch.nn.Module):
    """In place of the spectrum's loss: keeps what it is given."""

    def forward(self, heard, target, bandwidth_hz):
        self.heard, self.target, self.bandwidth_hz = heard.detach(), target, bandwidth_hz
        return heard.sum(1)


def witnessed(kind: str, lesson: Lesson, **weights: float) -> Witness:
    losses = objective(kind, **weights)
    losses._spectrum = Witness()
    losses(lesson, 1.0)
    return losses._spectrum


TEACHES = {
    "spectrum": {"decoder", "encoder", "room"},
    "swap": {"decoder"},
    "hush": {"decoder"},
    "still": {"decoder"},
    "copy": {"decoder", "encoder"},
    "kl": {"encoder"},
    "spread": {"encoder"},
    "smooth": {"encoder"},
    "cycle": {"decoder", "encoder"},
    "keep": {"encoder", "teller"},
    "told": {"encoder"},
    "critic": {"critic"},
    "doubt": {"decoder"},
    "room": {"room"},
}
"""Which networks each loss has a gradient for."""


def test_every_loss_teaches_those_it_is_for_and_nobody_else(lesson):
    networks = objective(critic=0.1)
    losses = networks(lesson, 1.0)
    weights = dict(networks.named_parameters())
    taught = {}
    for name, loss in losses.items():
        found = torch.autograd.grad(loss, list(weights.values()), retain_graph=True, allow_unused=True)
        moved = {key.partition(".")[0] for key, g in zip(weights, found, strict=True) if g is not None and g.any()}
        taught[name] = moved
    assert taught == TEACHES


def test_adversary_and_critic_are_let_in_by_the_ramp_and_the_critic_learns_from_the_first_step(lesson):
    networks = objective(critic=0.1)
    with torch.no_grad():
        shut, half, full = (networks(lesson, ramp) for ramp in (0.0, 0.5, 1.0))
    for name in ("told", "doubt"):
        assert shut[name] == 0 < half[name]
        torch.testing.assert_close(full[name], 2 * half[name])
    assert shut["critic"] == full["critic"] > 0


def test_a_weight_of_none_leaves_an_ingredient_out(lesson):
    networks = objective(still=0, cycle=0, keep=0, adversary=0, critic=0, room=0)
    with torch.no_grad():
        assert set(networks(lesson, 1.0)) == {"spectrum", "swap", "copy", "kl", "spread", "smooth"}


def test_where_nothing_is_asked_to_sound_a_swap_is_not_judged(lesson):
    silent = lesson.wanted.clone()
    silent[..., 0] = -90.0
    with torch.no_grad():
        assert objective()(replace(lesson, wanted=silent), 0.0)["swap"] == 0


def test_before_a_strike_nothing_sounds_and_a_note_sounds_as_it_says(hits, lesson):
    heard = witnessed("percussive", hits, room=0).heard
    assert (hits.strike > 0).any()
    for audio, strike in zip(heard, hits.strike.tolist(), strict=True):
        assert not audio[: max(strike, 0)].any()
        assert audio[max(strike, 0) :].any()
    early = lesson.strike > 0
    assert witnessed("pitched", lesson, room=0).heard[early, 0].any()


def test_the_copy_is_compared_with_the_clip_between_its_margins_up_to_its_bandwidth(lesson):
    seen = witnessed("pitched", replace(lesson, bandwidth_hz=torch.arange(8.0)))
    torch.testing.assert_close(seen.target, lesson.audio[:, WINDOW // 2 : -WINDOW // 2])
    assert seen.heard.shape == seen.target.shape
    torch.testing.assert_close(seen.bandwidth_hz, torch.arange(8.0))


def test_the_copy_is_heard_in_the_room_and_the_swap_is_dry(lesson):
    networks = objective()
    with torch.no_grad():
        before = networks(lesson, 0.0)
        networks.room.level_bel.fill_(-0.5)
        after = networks(lesson, 0.0)
    assert after["spectrum"] != before["spectrum"]
    for name in ("swap", "copy", "cycle"):
        assert after[name] == before[name]


def test_a_clip_recorded_less_far_up_says_nothing_about_its_descriptors(lesson):
    networks = objective()
    with torch.no_grad():
        wide = networks(lesson, 0.0)["copy"]
        narrow = networks(replace(lesson, bandwidth_hz=torch.full((8,), 8000.0)), 0.0)["copy"]
    assert wide > 0 == narrow


def test_a_swap_is_judged_in_units_of_its_knobs_travel_and_far_misses_count_more(lesson):
    networks = objective()
    with torch.no_grad():
        near, far = (networks(replace(lesson, travel=lesson.travel * k), 0.0)["swap"] for k in (2e3, 1e3))
        torch.testing.assert_close(far / near, torch.tensor(2.0), atol=0.1, rtol=0)
        near, far = (networks(replace(lesson, travel=lesson.travel * k), 0.0)["swap"] for k in (2e-3, 1e-3))
        all_far = far
        torch.testing.assert_close(far / near, torch.tensor(2.0), atol=0.1, rtol=0)
        little = networks(replace(lesson, travel=lesson.travel * 1e3), 0.0)["swap"] * 1e6
    torch.testing.assert_close(all_far / little, torch.tensor(4.0), atol=0.2, rtol=0)


def test_latents_are_swapped_in_whole_mixed_or_with_one_frame_held(lesson):
    latent = 100.0 * torch.arange(8)[:, None, None] + torch.arange(FRAMES + 1.0)[:, None].expand(8, -1, LATENT)
    blend = torch.zeros(8, 1, 1)
    blend[1] = 0.25
    held = torch.full((8,), -1)
    held[2] = 7
    orders = torch.tensor([[3, 4, 5, 6, 7, 0, 1, 2], [7, 6, 5, 4, 3, 2, 1, 0]])
    swapped = objective()._swap(latent, replace(lesson, blend=blend, held=held, orders=orders))
    torch.testing.assert_close(swapped[0], latent[3])
    torch.testing.assert_close(swapped[1], 0.75 * latent[4] + 0.25 * latent[6])
    torch.testing.assert_close(swapped[2], latent[5, 7].expand(FRAMES + 1, -1))


def test_coarse_frames_reach_hops_on_straight_lines():
    coarse = torch.tensor([[[0.0], [4.0], [2.0]]])
    assert to_hops(coarse)[0, :, 0].tolist() == [1.0, 2.0, 3.0, 4.0, 3.5, 3.0, 2.5, 2.0]


@pytest.mark.parametrize("kind", ["percussive", "speaking"])
def test_every_kind_gives_losses_that_are_numbers_and_can_be_followed(kind, quick):
    networks = objective(kind, critic=0.1)
    losses = networks(lesson_of(kind), 1.0)
    assert set(losses) == set(TEACHES) - ({"hush"} if kind == "percussive" else set())
    torch.stack(list(losses.values())).sum().backward()
    for name, parameter in networks.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
