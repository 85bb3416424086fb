"""A corpus is kept whole; what is damaged is refused in one line."""

from pathlib import Path

import numpy as np
import pytest
from recordings import few

from neurorack.errors import BadInput
from neurorack.learn.corpus import load_corpus


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    few("percussive").save(tmp_path / "sounds.npz")
    return tmp_path / "sounds.npz"


def test_what_is_kept_is_what_comes_back(kept):
    corpus, again = few("percussive"), load_corpus(kept)
    assert (again.kind, len(again), again.origins) == (corpus.kind, len(corpus), corpus.origins)
    for sound, same in zip(corpus.sounds, again.sounds, strict=True):
        assert (sound.name, sound.source, sound.gain, sound.held) == (same.name, same.source, same.gain, same.held)
        for values, others in ((sound.audio, same.audio), (sound.f0_hz, same.f0_hz), (sound.partials, same.partials)):
            np.testing.assert_array_equal(values, others)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(kept, share):
    data = kept.read_bytes()
    kept.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInput, match="cannot read prepared sounds"):
        load_corpus(kept)


def test_a_file_that_tells_of_other_things_is_refused(kept):
    np.savez(kept, about=np.frombuffer(b'{"kind": 3}', np.uint8), audio=[0], f0_hz=[0.0], partials=[0.0])
    with pytest.raises(BadInput, match="cannot read prepared sounds"):
        load_corpus(kept)
