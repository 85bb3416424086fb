"""WaveNet's exported graph draws what torch says it should, in blocks of any size, and comes out at 48 kHz in time."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from small import small  # noqa: E402

from neurorack.bundle import DRAWS  # noqa: E402
from neurorack.engine.draws import LARGEST, Draws  # noqa: E402
from neurorack.learn.families import wavenet  # noqa: E402
from neurorack.learn.families.export_wavenet import DELAY, TIMES, export_wavenet, polyphase  # noqa: E402
from neurorack.learn.families.wavenet import WaveNet  # noqa: E402
from neurorack.learn.trim.groups import Groups, masked, trimmed  # noqa: E402
from neurorack.onnx_session import open_session  # noqa: E402
from neurorack.words import HOP, SAMPLE_RATE_HZ  # noqa: E402

HOPS = 48
"""256 ms, or 16 of the network's own frames."""
OFF = 1e-5
"""How far what a step is worth may lie from what torch says."""


def of_both_kinds() -> WaveNet:
    """Dilations of less than a hop, of exactly as much, and of more; not in order."""
    torch.manual_seed(3)
    widths = wavenet.dense_widths(7, 8, 8, 8, 8) | {"gate0": 3, "gate5": 11}
    model = WaveNet(widths, latent=2, dilations=(1, 2, 32, 64, 21, 22, 128)).eval()
    model.standard.centre += 0.3
    return model


@pytest.fixture(scope="module", params=["short", "both kinds"])
def model(request) -> WaveNet:
    return small("wavenet") if request.param == "short" else of_both_kinds()


class Graph:
    def __init__(self, model: WaveNet, folder: Path) -> None:
        export_wavenet(model, folder / "decoder.onnx")
        self.session = open_session((folder / "decoder.onnx").read_bytes(), None)

    def play(self, controls: np.ndarray, uniform: np.ndarray, frames: int) -> np.ndarray:
        """[hops · HOP], so many hops at a time."""
        names = [port.name for port in self.session.get_outputs()]
        states = {p.name: np.zeros(p.shape, np.float32) for p in self.session.get_inputs() if "state_" in p.name}
        parts = []
        for at in range(0, len(controls), frames):
            given = {"controls": controls[at : at + frames], "uniform": uniform[at : at + frames]}
            audio, *following = self.session.run(names, given | states)
            states = {f"state_{n[len('next_') :]}": value for n, value in zip(names[1:], following, strict=True)}
            parts.append(audio.ravel())
        return np.concatenate(parts)


@pytest.fixture(scope="module")
def graph(model, tmp_path_factory) -> Graph:
    return Graph(model, tmp_path_factory.mktemp("wavenet"))


def asked(model: WaveNet) -> tuple[np.ndarray, torch.Tensor]:
    """Controls [hops, columns], the same in the three hops of a frame, and steps that a teacher forces."""
    random = np.random.default_rng(0)
    frames = random.normal(size=(HOPS // TIMES, 6 + model.latent)).astype(np.float32)
    return np.repeat(frames, TIMES, 0), torch.from_numpy(random.integers(0, wavenet.STEPS, (1, HOPS * HOP // TIMES)))


def forcing(model: WaveNet, controls: np.ndarray, steps: torch.Tensor, upper: bool) -> np.ndarray:
    """Draws [hops, DRAWS] that make a network which says what torch says, within OFF, take exactly these steps.

    They lie OFF within the lower or upper end of what torch gives the step; in the middle where that is too narrow.
    """
    with torch.no_grad():
        logits, _ = model(wavenet.before(steps), torch.from_numpy(controls[::TIMES].copy())[None])
    below = torch.softmax(logits[0].double(), 1).cumsum(1).numpy()
    at, taken = np.arange(len(below)), steps[0].numpy()
    high, low = below[at, taken], np.where(taken > 0, below[at, taken - 1], 0.0)
    draws = np.where(high - low < 2 * OFF, (high + low) / 2, high - OFF if upper else low + OFF)
    assert (high - low >= 2 * OFF).mean() > 0.99
    uniform, used = np.zeros((HOPS, DRAWS), np.float32), 0
    for hop, row in enumerate(uniform):
        row[: DRAWS - (hop % TIMES > 0)] = draws[used : used + DRAWS - (hop % TIMES > 0)]
        used += DRAWS - (hop % TIMES > 0)
    assert used == len(draws)
    return uniform


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("frames", [1, 2, 5, HOPS])
def test_taught_in_blocks_of_any_size_it_says_what_torch_says_in_one_pass(model, graph, frames, upper):
    controls, steps = asked(model)
    heard = graph.play(controls, forcing(model, controls, steps, upper), frames)
    wanted = wavenet.from_steps(steps)[0].numpy()
    at_16khz = heard[DELAY::TIMES]
    np.testing.assert_allclose(at_16khz, wanted[: len(at_16khz)], atol=1e-6)


def test_left_to_its_draws_it_plays_the_same_to_the_bit_in_blocks_of_any_size(model, graph):
    controls, _ = asked(model)
    uniform = np.zeros((HOPS, DRAWS), np.float32)
    Draws(uniform, 4).render(np.zeros(HOPS))
    hop_by_hop = graph.play(controls, uniform, 1)
    assert hop_by_hop.std() > 1e-3
    for frames in (2, 3, 8, HOPS):
        np.testing.assert_array_equal(graph.play(controls, uniform, frames), hop_by_hop)


def test_a_trimmed_network_plays_what_the_masked_one_plays(model, tmp_path: Path):
    random = np.random.default_rng(1)
    keep = {
        group: np.sort(random.choice(width, max(1, 2 * width // 3), replace=False))
        for group, width in model.widths.items()
    }
    whole = small("wavenet") if len(model.dilations) == 3 else of_both_kinds()
    whole.load_state_dict(masked(model.state_dict(), Groups.of(model), keep))
    parts = trimmed(model, keep).eval()
    controls, steps = asked(model)
    for upper in (False, True):  # what the masked one would draw, the trimmed one draws
        heard = Graph(parts, tmp_path).play(controls, forcing(whole, controls, steps, upper), 4)
        wanted = wavenet.from_steps(steps)[0].numpy()
        np.testing.assert_allclose(heard[DELAY::TIMES], wanted[: len(heard[DELAY::TIMES])], atol=1e-6)


def test_the_largest_draw_takes_the_last_step_that_has_a_chance(tmp_path: Path):
    model = small("wavenet")
    with torch.no_grad():
        model.out.weight *= 0.1
        model.out.bias.uniform_(-1.0, 1.0)
        model.out.bias[200:] = -80.0
    controls = np.zeros((HOPS, 8), np.float32)
    heard = Graph(model, tmp_path).play(controls, np.full((HOPS, DRAWS), LARGEST), 4)[DELAY::TIMES]
    np.testing.assert_array_equal(heard, wavenet.from_steps(torch.tensor(199)).numpy())


def test_a_sample_costs_six_nodes_a_layer_and_few_more(model, tmp_path: Path):
    """In a small network they are what costs: about a microsecond each."""
    export_wavenet(model, tmp_path / "decoder.onnx")
    (hops,) = (n for n in onnx.load(str(tmp_path / "decoder.onnx")).graph.node if n.op_type == "Scan")
    (hop,) = (a.g for a in hops.attribute if a.name == "body")
    (samples,) = (n for n in hop.node if n.op_type == "Scan")
    (sample,) = (a.g for a in samples.attribute if a.name == "body")
    assert len(sample.node) <= 6 * len(model.dilations) + 21


@pytest.mark.parametrize(("f_hz", "off_db"), [(0, -100), (100, -80), (1_000, -75), (5_000, -70), (7_000, -50)])
def test_16_khz_become_48_in_time_and_without_images(f_hz: float, off_db: float):
    """A sine comes out as that sine DELAY samples later, and as nothing else."""
    filters, history = polyphase(), polyphase().shape[1]
    hops = 600
    at_48khz = 0.5 * np.cos(2 * np.pi * f_hz * np.arange(-DELAY, hops * HOP - DELAY) / SAMPLE_RATE_HZ)
    at_16khz = 0.5 * np.cos(2 * np.pi * f_hz * np.arange(-history, hops * HOP // TIMES) / wavenet.SAMPLE_RATE_HZ)
    made = np.zeros((hops, HOP))
    for hop in range(hops):
        newest = history + (HOP * (hop + 1) - 1) // TIMES
        made[hop] = at_16khz[newest - history + 1 : newest + 1] @ filters[hop % TIMES]
    off = made.ravel() - at_48khz
    assert 20 * np.log10(np.sqrt(np.mean(off**2)) / 0.5 + 1e-9) < off_db
    assert DELAY / SAMPLE_RATE_HZ <= 0.003
