"""The room: all but silent until a recording asks for one."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.networks.room import LENGTH, Room  # noqa: E402
from neurorack.words import SAMPLE_RATE_HZ  # noqa: E402

CLIP = 2 * LENGTH


def click(at: int = 100) -> torch.Tensor:
    audio = torch.zeros(1, CLIP)
    audio[0, at] = 1.0
    return audio


def reflections(room: Room, dry: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return room(dry) - dry


def db(power: torch.Tensor) -> float:
    return 10 * np.log10(power.sum().item())


def test_at_the_start_its_response_is_silent():
    assert db(reflections(Room(), click()) ** 2) < -30


def test_reflections_come_after_the_sound_and_end():
    room = Room()
    room.level_bel.data.fill_(0.0)
    wet = reflections(room, click(100))
    assert wet[0, :100].abs().max() < 1e-5
    assert wet[0, 100 : 100 + LENGTH].abs().max() > 0.1
    assert wet[0, 100 + LENGTH :].abs().max() < 1e-5
    assert reflections(room, click(CLIP - 100))[0, : CLIP - 100].abs().max() < 1e-5


def test_what_energy_says_is_about_what_is_heard():
    room = Room()
    room.level_bel.data.uniform_(-2, 0, generator=torch.Generator().manual_seed(0))
    heard = db(reflections(room, click()) ** 2)
    assert 10 * np.log10(room.energy().item()) == pytest.approx(heard, abs=3.0)


def test_it_learns_the_reflections_of_a_recording_and_a_dry_one_keeps_it_silent():
    random = torch.Generator().manual_seed(0)
    dry = torch.randn(1, CLIP, generator=random) * (torch.arange(CLIP) < 480)
    tail = torch.randn(LENGTH, generator=random) * torch.exp(-torch.arange(LENGTH) / (0.05 * SAMPLE_RATE_HZ)) * 0.03
    size = CLIP + LENGTH
    echoed = torch.fft.irfft(torch.fft.rfft(dry, size) * torch.fft.rfft(tail, size), size)[:, :CLIP]
    levels = []
    for target in (dry, dry + echoed):
        room = Room()
        optimiser = torch.optim.Adam(room.parameters(), 0.1)
        for _ in range(30):
            optimiser.zero_grad()
            spectra = (
                torch.stft(x, 512, window=torch.hann_window(512), center=False, return_complex=True).abs()
                for x in (room(dry), target)
            )
            loss = (torch.log(next(spectra) + 0.1) - torch.log(next(spectra) + 0.1)).abs().mean()
            (loss + 1e-2 * room.energy()).backward()
            optimiser.step()
        levels.append(db(reflections(room, click()) ** 2))
    assert levels[0] < -30 and levels[1] > levels[0] + 12


def test_its_response_is_no_weight_to_be_kept_and_the_seeds_own():
    assert set(Room(1).state_dict()) == {"level_bel", "decay_log"}
    torch.testing.assert_close(Room(1).bands, Room(1).bands)
    assert not torch.equal(Room(1).bands, Room(2).bands)
