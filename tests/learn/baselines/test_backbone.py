"""The backbone has the published size, one frame is 1024 samples, and its cost is counted right."""

import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.baselines import backbone, cost  # noqa: E402
from neurorack.learn.baselines.backbone import FRAME, PUBLISHED, SMALL, Decoder, Encoder, draw_noise  # noqa: E402
from neurorack.learn.baselines.pqmf import BANDS  # noqa: E402
from neurorack.learn.export import macs_per_s  # noqa: E402
from neurorack.learn.networks import decoder as ours  # noqa: E402
from neurorack.learn.train import LATENT  # noqa: E402
from neurorack.onnx_session import open_session  # noqa: E402
from neurorack.words import SAMPLE_RATE_HZ  # noqa: E402


def size_of(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_at_the_published_size_it_has_the_published_parameters():
    assert size_of(Decoder(PUBLISHED)) == pytest.approx(12.8e6, rel=0.01)
    assert size_of(Encoder(PUBLISHED)) == pytest.approx(4.8e6, rel=0.05)


def test_the_small_one_learns_in_minutes():
    assert 0.5e6 < size_of(Decoder(SMALL)) + size_of(Encoder(SMALL)) < 1.5e6


def test_a_latent_frame_stands_for_1024_samples():
    mean, log_variance = Encoder(SMALL)(torch.zeros(2, BANDS, 5 * FRAME // BANDS))
    assert FRAME == 1024
    assert mean.shape == log_variance.shape == (2, SMALL.latent, 5)
    bands = Decoder(SMALL)(torch.zeros(2, SMALL.latent + 5, 5), draw_noise(2, 5, torch.Generator()))
    assert bands.shape == (2, BANDS, 5 * FRAME // BANDS)


def test_noise_is_heard_through_its_filters_alone():
    decoder = Decoder(SMALL)
    frames, generator = torch.zeros(1, SMALL.latent + 5, 2), torch.Generator().manual_seed(0)
    noise = draw_noise(1, 2, generator)
    with torch.no_grad():
        decoder.noise[-1].bias.fill_(10.0)
        loud = decoder(frames, noise) - decoder(frames, 0 * noise)
        decoder.noise[-1].bias.fill_(-10.0)
        mute = decoder(frames, noise) - decoder(frames, 0 * noise)
    assert loud.std() > 0.1
    assert mute.abs().max() < 1e-6


def test_multiplications_are_counted_as_by_hand():
    layers = [m for m in Decoder(SMALL).modules() if isinstance(m, torch.nn.Conv1d | torch.nn.ConvTranspose1d)]
    first = layers[0].weight.numel()
    counted = backbone.macs_per_frame(Decoder(SMALL))
    weights = sum(layer.weight.numel() for layer in layers)
    assert first < weights < counted < 128 * weights
    # the two residual convolutions of every dilation at the last stage run at all 128 band samples of a frame
    last = 6 * 3 * SMALL.capacity**2 * 128
    assert counted > last


def test_the_exported_graph_plays_what_the_network_plays():
    whole = cost.Whole(SMALL)
    onnx, given = cost.export(whole)
    played = open_session(onnx, None).run(None, given)[0]
    with torch.no_grad():
        wanted = whole(*(torch.from_numpy(value) for value in given.values())).numpy()
    assert played.shape == (1, FRAME)
    assert abs(played - wanted).max() < 1e-5


def test_ours_multiplies_a_hundred_times_less_often():
    theirs = backbone.macs_per_frame(Decoder(PUBLISHED)) * SAMPLE_RATE_HZ / FRAME
    for shape in ({}, {"modal": True}, {"latent": LATENT["speaking"]}):
        assert 100 * macs_per_s(ours.Decoder(**shape)) < theirs
