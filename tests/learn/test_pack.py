"""A bundle is there whole or not at all, says where its sounds come from, and plays its gestures equally loud."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from recordings import ORIGINS, corpus, hit, note, phrase  # noqa: E402

from neurorack import bundle  # noqa: E402
from neurorack.bundle import Knob  # noqa: E402
from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn import pack as packing  # noqa: E402
from neurorack.learn import scales, space  # noqa: E402
from neurorack.learn.commands.space import add_space  # noqa: E402
from neurorack.learn.corpus import Corpus  # noqa: E402
from neurorack.learn.loudness import EVEN_PHON, heard_phon  # noqa: E402
from neurorack.learn.networks.decoder import Decoder  # noqa: E402
from neurorack.learn.networks.encoder import Encoder  # noqa: E402
from neurorack.learn.pack import pack, set_aside  # noqa: E402

FILES = ["card.json", "decoder.onnx", "encoder.onnx", "gestures.safetensors"]


@pytest.fixture(scope="module")
def knobs() -> list[Knob]:
    random = np.random.default_rng(0)
    rows = random.standard_normal((2000, 5)) * [8, 1, 0.6, 0.5, 1] + [-20, 10.5, 11, 1.3, 0]
    return scales.fit(random.uniform(-3, 4, len(rows)), rows)


def networks(latent: int = 8, *, modal: bool = False) -> tuple[Decoder, Encoder]:
    torch.manual_seed(0)
    return Decoder(32, latent, modal=modal), Encoder(latent)


@pytest.fixture(scope="module")
def notes() -> Corpus:
    return corpus(
        "pitched",
        [
            note(0.005, 0.1, bright=0.2, name="pluck", source="a"),
            note(0.2, bright=0.7, name="bow", source="b"),
            note(0.01, 0.5, bright=0.5, name="bell", source="c"),
            note(0.05, vibrato_cents=30, name="voice", source="d"),
        ],
    )


@pytest.fixture(scope="module")
def packed(knobs, notes, tmp_path_factory) -> bundle.Bundle:
    folder = tmp_path_factory.mktemp("models") / "made"
    pack(*networks(), knobs, notes, folder, "Made for a test", "CC0-1.0", {"spearman": 0.5})
    return bundle.load(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_packed_bundle_is_whole_and_its_card_tells_what_it_is(packed):
    card = packed.card
    assert sorted(contents(packed.folder)) == FILES
    assert (card.name, card.title, card.license, card.kind) == ("made", "Made for a test", "CC0-1.0", "pitched")
    assert card.sources == ORIGINS
    assert card.quality == {"spearman": 0.5}
    assert sorted(card.gestures.names) == ["bell", "bow", "pluck", "voice"]
    assert packed.encoder_onnx
    assert not (packed.folder.parent / ".packing").exists()


def test_gestures_are_equally_loud(packed):
    heard = heard_phon(packed)
    assert np.ptp(heard) <= 2 * EVEN_PHON


def test_gestures_of_equal_level_would_not_be_equally_loud(packed, knobs, notes, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "even_medians", lambda made: [gesture.median for gesture in made.gestures])
    pack(*networks(), knobs, notes, tmp_path / "uneven", "Uneven")
    assert np.ptp(heard_phon(bundle.load(tmp_path / "uneven"))) > 2.0


def test_a_percussive_bundle_is_modal_and_its_gestures_bring_their_modes(knobs, tmp_path):
    hits = [hit(0.05 * 3**i, 100 * 2**i, noise=0.2 * i, name=f"drum-{i}", source=f"kit-{i}") for i in range(3)]
    card = pack(*networks(modal=True), knobs, corpus("percussive", hits), tmp_path / "drums", "Drums")
    made = bundle.load(tmp_path / "drums")
    assert (card.kind, card.harmonics) == ("percussive", 24)
    assert all(len(gesture.partials) == 24 and gesture.loop_start == gesture.loop_end for gesture in made.gestures)
    assert np.ptp(heard_phon(made)) <= 2 * EVEN_PHON


def test_a_speaking_bundle_has_a_latent_of_its_own_size(knobs, tmp_path):
    phrases = [phrase(steady_s=s, name=f"phrase {s}", source=f"{s}")[0] for s in (0.0, 0.4)]
    card = pack(*networks(16), knobs, corpus("speaking", phrases), tmp_path / "speaker", "Speaker")
    made = bundle.load(tmp_path / "speaker")
    assert (card.kind, card.latent) == ("speaking", 16)
    assert all(gesture.pitch.min() < -0.4 for gesture in made.gestures)


def test_a_bundle_is_there_whole_or_not_at_all(packed, knobs, notes, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    folder = tmp_path / "half"
    monkeypatch.setattr(packing, "write_card", fail)
    with pytest.raises(BadInput, match="No space left on device"):
        pack(*networks(), knobs, notes, folder, "Half")
    assert not list(tmp_path.iterdir())
    before = contents(packed.folder)
    with pytest.raises(BadInput):
        pack(*networks(), knobs, notes, packed.folder, "Again")
    assert contents(packed.folder) == before


def test_a_bundle_is_replaced_only_by_one_that_plays(knobs, notes, tmp_path):
    folder = tmp_path / "kept"
    pack(*networks(), knobs, notes, folder, "First")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "notes.png").write_bytes(b"picture")
    before = contents(folder)
    broken, encoder = networks()
    with torch.no_grad():
        broken.out.bias.fill_(float("nan"))
    with pytest.raises(BadInput, match="no number"):
        pack(broken, encoder, knobs, notes, folder, "Broken")
    assert contents(folder) == before
    pack(*networks(), knobs, notes, folder, "Second")
    assert bundle.load(folder).card.title == "Second"
    assert (folder / "pictures" / "notes.png").read_bytes() == b"picture"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_a_folder_of_other_things_is_left_alone(knobs, notes, tmp_path):
    (tmp_path / "photo.png").write_bytes(b"mine")
    with pytest.raises(BadInput, match="something else than a bundle"):
        pack(*networks(), knobs, notes, tmp_path, "Nowhere")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]


def test_an_empty_folder_becomes_no_bundle(tmp_path):
    with pytest.raises(BadInput, match="missing"), set_aside(tmp_path / "empty"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.fixture
def quickly(monkeypatch) -> None:
    """A space of few gestures, in a moment."""
    monkeypatch.setattr(space, "LEAST", 10)
    monkeypatch.setattr(space, "STEPS", 20)


def test_a_corpus_that_is_large_enough_gets_a_space(knobs, notes, tmp_path, quickly):
    said: list[str] = []
    pack(*networks(), knobs, corpus("pitched", notes.sounds * 3), tmp_path / "made", "Made", say=said.append)
    made = bundle.load(tmp_path / "made")
    assert made.space_onnx and made.card.space is not None
    assert {"space_error", "space_error_of_nearest", "space_error_of_mean"} == set(made.card.quality)
    assert not [line for line in said if "space" in line]


def test_a_bundle_that_is_there_gets_a_space_and_stays_as_it_is(packed, notes, tmp_path, quickly):
    folder = Path(shutil.copytree(packed.folder, tmp_path / "made"))
    before = bundle.load(folder)
    with pytest.raises(BadInput, match="it takes 10"):
        add_space(before, notes)
    assert contents(folder) == contents(packed.folder)
    add_space(before, corpus("pitched", notes.sounds * 3))
    after = bundle.load(folder)
    assert after.space_onnx
    assert {k: v for k, v in after.card.quality.items() if not k.startswith("space_")} == before.card.quality
    assert msgspec.structs.replace(after.card, space=None, quality=before.card.quality) == before.card
    assert contents(folder).items() >= {k: v for k, v in contents(packed.folder).items() if k != "card.json"}.items()
