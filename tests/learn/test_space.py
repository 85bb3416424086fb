"""A space says gestures again that it has never seen, and its graph finds what its weights say."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neurorack.learn import space
from neurorack.learn.space import COORDINATES, export_space, figures, heard_of, train
from neurorack.words import KNOTS

LATENT = 2
HEARD = heard_of(LATENT, 0)
WIDTH = 6 + LATENT


def gestures(count: int, seed: int) -> np.ndarray:
    """Points [count, P] of gestures with two things to them: how bright, and how fast they fade; and a little noise."""
    random, along = np.random.default_rng(seed), np.linspace(0, 1, KNOTS)
    bright, fade = random.normal(size=(2, count, 1))
    rows = np.zeros((count, KNOTS, WIDTH))
    rows[:, :, 1] = -20 * along * np.exp(0.7 * fade)
    rows[:, :, 2] = 0.3 * bright * (1 - 0.5 * along)
    described = np.concatenate([rows.reshape(count, -1), np.zeros((count, 3))], axis=1)
    return (described + 0.1 * HEARD * random.normal(size=described.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def made() -> space.Space:
    return train(gestures(200, 0), HEARD)


def test_what_it_has_never_heard_it_says_better_than_any_gesture_it_is_given(made: space.Space) -> None:
    found = figures(made, gestures(60, 1), gestures(16, 2))
    assert found["space_error"] < 0.6 * found["space_error_of_nearest"]
    assert found["space_error"] < 0.4 * found["space_error_of_mean"]


def test_coordinates_come_in_the_order_of_what_they_move(made: space.Space) -> None:
    coordinates = made.coordinates(gestures(60, 1))
    moved = []
    for column in range(COORDINATES):
        without = coordinates.clone()
        without[:, column] = 0.0
        moved.append(float((((made.said(coordinates) - made.said(without)) / HEARD) ** 2).mean()))
    assert moved[0] > moved[1] > moved[2] > moved[3]
    assert sum(moved[:3]) > 0.95 * sum(moved)


def test_the_graph_finds_what_the_weights_say(made: space.Space, tmp_path: Path) -> None:
    import onnxruntime

    export_space(made, tmp_path / "space.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "space.onnx"), providers=["CPUExecutionProvider"])
    known, steps = gestures(5, 3), np.random.default_rng(4).normal(size=(5, COORDINATES)).astype(np.float32)
    (changes,) = session.run(None, {"points": known, "steps": steps})
    before = made.coordinates(known)
    expected = made.said(before + torch.tensor(steps)) - made.said(before)
    assert np.abs((changes - expected) / HEARD).max() < 1e-3
    (still,) = session.run(None, {"points": known, "steps": 0 * steps})
    assert not still.any()


def test_the_same_seed_gives_the_same_space() -> None:
    one, same, other = (train(gestures(60, 0), HEARD, seed) for seed in (1, 1, 2))
    known = gestures(3, 5)
    assert torch.equal(one.coordinates(known), same.coordinates(known))
    assert not torch.allclose(one.coordinates(known), other.coordinates(known))


def test_training_leaves_the_random_state_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "STEPS", 5)
    before = torch.random.get_rng_state()
    train(gestures(30, 0), HEARD)
    assert torch.equal(before, torch.random.get_rng_state())
