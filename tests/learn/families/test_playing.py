"""A family's decoder in a bundle: the module loads it, plays it in any block, and refuses what does not fit."""

import shutil
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small import small  # noqa: E402

from neurorack import bundle  # noqa: E402
from neurorack.bundle import Cost  # noqa: E402
from neurorack.engine.decoder import Decoder  # noqa: E402
from neurorack.engine.player import Player  # noqa: E402
from neurorack.engine.proof import prove  # noqa: E402
from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn.evaluate.instrument import Instrument, streaming_difference  # noqa: E402
from neurorack.learn.families.ddsp import Ddsp  # noqa: E402
from neurorack.learn.families.export import DELAYS, EXPORTS  # noqa: E402
from neurorack.learn.families.sing import Sing  # noqa: E402
from neurorack.learn.families.wavenet import WaveNet  # noqa: E402
from neurorack.learn.pack import revoice  # noqa: E402
from neurorack.words import BLOCKS, HOP  # noqa: E402

COST = Cost(1_000, 2e6, 20_000, 9e7)
SAMPLES = 16_384


@pytest.fixture(scope="module")
def voices(hearing_bundle: Path, tmp_path_factory) -> dict[str, bundle.Bundle]:
    made = {}
    networks = {"ddsp": Ddsp, "sing": Sing, "wavenet": partial(WaveNet, dilations=(1, 2, 32))}
    for family, network in networks.items():
        torch.manual_seed(2)
        model = network(small(family).widths, latent=8).eval()
        folder = tmp_path_factory.mktemp("voiced") / family
        changes = {"title": "Another voice", "cost": COST, "delay_samples": DELAYS.get(family, 0)}
        revoice(bundle.load(hearing_bundle), partial(EXPORTS[family], model), folder, changes)
        made[family] = bundle.load(folder)
    return made


@pytest.fixture(params=list(EXPORTS))
def made(request, voices) -> bundle.Bundle:
    return voices[request.param]


@pytest.fixture
def sing(voices) -> bundle.Bundle:
    return voices["sing"]


def played(made: bundle.Bundle, block: int) -> np.ndarray:
    player = Player(made, block)
    random = np.random.default_rng(0)
    out = np.zeros((SAMPLES // block, block), np.float32)
    for number, each in enumerate(out):
        if number * block % 2_048 == 0:
            player.set_targets(float(random.uniform(100, 900)), random.random(5))
        if number * block % 8_192 == 0:
            player.gate(0, "gate1", 1)
        player.render(each)
    return out.ravel()


def test_it_is_the_source_with_another_voice(made, hearing_bundle):
    source = bundle.load(hearing_bundle)
    prove(made)
    assert (made.card.title, made.card.cost, made.card.knobs) == ("Another voice", COST, source.card.knobs)
    assert made.encoder_onnx == source.encoder_onnx
    for mine, own in zip(made.gestures, source.gestures, strict=True):
        np.testing.assert_array_equal(mine.descriptors, own.descriptors)
        np.testing.assert_array_equal(mine.median[1:], own.median[1:])


@pytest.mark.parametrize("made", ["ddsp", "sing"], indirect=True)  # draws part for good where controls differ at all
@pytest.mark.parametrize("block", BLOCKS[1:])
def test_it_plays_the_same_in_blocks_of_every_size(made, block):
    hop_by_hop = played(made, HOP)
    assert hop_by_hop.std() > 1e-4
    # targets reach the next row of controls: those of a block are there from its first hop on
    np.testing.assert_allclose(played(made, block), hop_by_hop, atol=1e-4 * max(1.0, np.abs(hop_by_hop).max()))


def test_after_a_reset_it_plays_the_same_again(made):
    decoder = Decoder(made, 1)
    decoder.controls[:] = np.linspace(-1, 1, decoder.controls.size).reshape(decoder.controls.shape)
    controls = decoder.controls.copy()
    first = [decoder.run().copy() for _ in range(9)]
    decoder.reset()
    decoder.controls[:] = controls
    np.testing.assert_array_equal([decoder.run().copy() for _ in range(9)], first)


def test_a_frame_of_several_hops_follows_its_first(sing):
    rows = np.random.default_rng(1).normal(size=(16, 6 + sing.card.latent)).astype(np.float32)
    later = rows.copy()
    later[np.arange(16) % 4 != 0] += 1.0  # nobody looks
    audio = []
    for controls in (rows, later):
        decoder = Decoder(sing, 2)
        audio.append([])
        for at in range(0, 16, 2):
            decoder.controls[:] = controls[at : at + 2]
            audio[-1].append(decoder.run().copy())
    np.testing.assert_array_equal(*audio)
    with pytest.raises(ValueError, match="3 hops at a time"):
        Decoder(sing, 3)


def test_it_can_be_measured_as_any_other(made):
    assert streaming_difference(Instrument(made)) < 1e-4


def test_waves_of_another_length_than_a_block_are_refused(sing, tmp_path):
    folder = tmp_path / sing.name
    shutil.copytree(sing.folder, folder)
    graph = (folder / "decoder.onnx").read_bytes()
    import onnx

    model = onnx.load_from_string(graph)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 192
    onnx.save(model, str(folder / "decoder.onnx"))
    card = msgspec.structs.replace(sing.card, decoder=bundle.describe_network(folder / "decoder.onnx"))
    bundle.write_card(folder, card)
    with pytest.raises(BadInput, match=r"'audio' has shape \('frames', 192\)"):
        bundle.load(folder)


def test_a_decoder_without_harmonics_takes_no_other_excitation(made, tmp_path):
    folder = tmp_path / made.name
    shutil.copytree(made.folder, folder)
    bundle.write_card(folder, msgspec.structs.replace(made.card, harmonics=40 - made.card.harmonics))
    with pytest.raises(BadInput, match="input 'harmonics' has shape"):
        bundle.load(folder)
