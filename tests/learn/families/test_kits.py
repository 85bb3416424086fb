"""A family's kit makes a bundle that plays: WaveNet's live where it is small enough, else rendered ahead."""

import contextlib
import io
import wave
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from notes import make_notes  # noqa: E402

from neurorack import bundle, cli  # noqa: E402
from neurorack.learn import descent  # noqa: E402
from neurorack.learn.commands.trim import Source, _kit  # noqa: E402
from neurorack.learn.families import kits, tasks, wavenet  # noqa: E402
from neurorack.learn.families.export_wavenet import DELAY  # noqa: E402
from neurorack.learn.families.kits import About, FamilyKit, InstrumentKit  # noqa: E402
from neurorack.learn.families.tasks import WaveNetTask  # noqa: E402
from neurorack.learn.train import Recipe  # noqa: E402
from neurorack.learn.trim import streaming  # noqa: E402
from neurorack.learn.trim.groups import trimmed  # noqa: E402
from neurorack.learn.trim.sounds import Sounds, parted  # noqa: E402

DILATIONS = (1, 2, 4, 32)
WIDTHS = wavenet.dense_widths(len(DILATIONS), residual=8, gate=8, skip=16, head=16)
STEPS = 30
RECIPE = Recipe("pitched", 8, width=(8, 6, 7), encoder=(6, 5), batch=4)


@pytest.fixture(scope="module", autouse=True)
def quick():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descent, "_WARM_STEPS", 4)
        patch.setattr(streaming, "CALLS", 4)
        patch.setattr(WaveNetTask, "batch", 2)
        for name in ("_VALIDATED", "_TESTED"):
            patch.setattr(tasks, name, 2)
        patch.setattr(wavenet.WaveNet.__init__, "__defaults__", (None, 8, DILATIONS))
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def kit(hearing_bundle: Path) -> FamilyKit:
    train, rest = parted(make_notes(), 3)
    validation, test = parted(rest, 2)
    return FamilyKit("wavenet", bundle.load(hearing_bundle), Sounds(train, validation, test), WIDTHS)


def test_what_a_kit_trains_lies_where_it_is_told_to(kit, hearing_bundle):
    sounds, made = kit.task._sounds, bundle.load(hearing_bundle)
    of = Source(RECIPE, sounds, made)
    for made_kits in (
        (FamilyKit("wavenet", made, sounds, WIDTHS, "meta"), InstrumentKit(RECIPE, sounds, "meta")),
        (_kit("wavenet", of, "meta"), _kit("instrument", of, "meta")),
    ):
        for each in made_kits:
            network = each.task.run(each.task.widths, 9, 0).network
            assert all(parameter.is_meta for parameter in network.parameters())


@pytest.fixture(scope="module")
def trained(kit):
    run = kit.task.run(WIDTHS, STEPS, 0)
    before = kit.task.validation_loss(run.average.eval())
    for _ in range(STEPS):
        run.advance()
    model = run.average.eval()
    assert kit.task.validation_loss(model) < before
    return trimmed(model, {group: np.arange((width + 1) // 2) for group, width in WIDTHS.items()}).eval()


@pytest.fixture(scope="module", params=[False, True], ids=["live", "ahead"])
def made(request, kit, trained, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kits") / ("ahead" if request.param else "live")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kits, "LIVE_SHARE", 0.0 if request.param else 1e9)
        kit.pack(trained, WIDTHS, folder, About("Steps", "CC0-1.0", {}), say=lambda _: None)
    return folder


def rendered(folder: Path, tmp_path: Path, name: str, volts: float = 0.0) -> np.ndarray:
    cv = tmp_path / f"{name}.csv"
    cv.write_text(f"t,voct,gate1\n0,{volts},0\n0.05,{volts},5\n0.35,{volts},0\n0.4,{volts},0\n")
    with contextlib.redirect_stdout(io.StringIO()):
        assert cli.main(["render", str(folder), "--cv", str(cv), "--out", str(tmp_path / f"{name}.wav")]) == 0
    with wave.open(str(tmp_path / f"{name}.wav")) as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
    return (raw.astype(np.int32) << [8, 16, 24]).sum(1, dtype=np.int32) / 2.0**31


def test_its_bundle_is_verified_and_renders_the_same_every_time(made, tmp_path):
    card = bundle.load(made).card
    assert card.ahead == (made.name == "ahead") and card.delay_samples == DELAY
    assert card.cost.dense_parameters > card.cost.parameters
    assert cli.main(["models", "verify", str(made)]) == 0
    one, again = (rendered(made, tmp_path, name) for name in ("one", "again"))
    np.testing.assert_array_equal(one, again)
    assert np.isfinite(one).all() and one[6_000:].std() > 1e-4
    assert not one[: int(0.05 * 48_000)].any()


def test_a_frame_of_the_network_is_timed_whole(kit, trained):
    """Of the graph's frames it is three, with 64 samples at 16 kHz."""
    (stream,) = kit._streams(trained)
    assert (stream.frames, stream.seconds) == (3, 0.004)
    assert kit.timer([trained])[0] > 0
