"""Gestures rendered before they are played, for decoders that are too slow to play live.

`Take` is what a decoder makes of one gesture, from its first row to its last at C4, with all knobs in the middle, and
`Taker` renders it a piece at a time, wherever there is time. `Ahead` plays takes as a decoder plays controls: where the
voice stands in its gesture says where to read, hop by hop, its pitch how fast, and its level how loud. All the other
knobs are as they were in the take, and do nothing; of two gestures the nearer end of `morph` plays.

At another pitch than the take's the read head does not keep pace with the gesture. When it is a period or WINDOW off,
whichever is more, it jumps to the gesture's place, by whole periods of the take, and what it leaves fades over into
what it comes to. In the same way a loop closes, a scrubbed or frozen gesture goes on sounding, and a release follows.
"""

from dataclasses import dataclass

import numpy as np

from neurorack.bundle import Bundle
from neurorack.engine.decoder import Decoder
from neurorack.engine.source import source_for
from neurorack.patch.gestures import Trajectory
from neurorack.patch.voice import Place, Voice
from neurorack.words import C4_HZ, HOP, SAMPLE_RATE_HZ

PIECE_HOPS = 8
"""Rendered in one go: 10 ms of sound, which a network at a quarter of real time makes in 43."""

LEAD_HOPS = 64
"""Of the first row, before it: as in a voice that waits for its gate, states have come to rest when it begins."""
TAIL_HOPS = 64
"""Of the last row, after it, for heads that are ahead and for what fades."""
_FIRST = LEAD_HOPS - 1
"""Hop that arrives at the first row."""

WINDOW = 960
"""20 ms."""
JOIN_HOPS = 6
"""8 ms, in which a jump fades over; where a gesture starts, one hop: the gain makes room there."""

RATIO_MIN, RATIO_MAX = 0.125, 8.0
"""Three octaves either way."""
LOUDER_MAX_DB = 24.0
"""Above the take's own level."""

_RAMP = np.arange(1, HOP + 1, dtype=np.float32) / HOP
_INTERPOLATED = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]], np.float32) / 2
"""Powers of the fraction × the four samples around (Catmull and Rom 1974)."""


@dataclass(frozen=True, eq=False)
class Take:
    """`audio` [(LEAD_HOPS + rows + TAIL_HOPS) · HOP] float32; pitch in octaves re C4 and level in dB, of every row."""

    audio: np.ndarray
    pitch_oct: np.ndarray
    rms_db: np.ndarray


class Taker:
    """Renders the takes of a bundle. The same seed gives the same takes, in whatever order."""

    def __init__(self, bundle: Bundle, seed: int = 0, *, noisy: bool = True) -> None:
        self.takes: list[Take | None] = [None] * len(bundle.gestures)
        self._bundle, self._seed = bundle, seed
        self._decoder = Decoder(bundle, PIECE_HOPS)
        self._source = source_for(self._decoder, seed, noisy=noisy)
        self._index = -1  # of the take in work
        self._audio = self._rows = np.zeros(0, np.float32)
        self._done = 0  # hops of it

    def work(self, first: int) -> bool:
        """Render a piece of gesture `first`, or, where that is there, of the next one that is not; whether `first` is
        there now."""
        count = len(self.takes)
        missing = [i for i in ((first + k) % count for k in range(count)) if self.takes[i] is None]
        if missing:
            if self._index != missing[0]:
                self._begin(missing[0])
            self._render_piece()
        return self.takes[first % count] is not None

    @property
    def complete(self) -> bool:
        return None not in self.takes

    def _begin(self, index: int) -> None:
        rows = Trajectory(self._bundle.gestures[index]).rows
        whole = LEAD_HOPS + len(rows) + TAIL_HOPS
        whole += -whole % PIECE_HOPS
        self._index, self._done = index, 0
        self._rows = rows[np.clip(np.arange(whole) - _FIRST, 0, len(rows) - 1)]
        self._audio = np.zeros((whole, HOP), np.float32)
        self._known = np.zeros((whole, 2), np.float32)
        self._voice = Voice(self._bundle, PIECE_HOPS * HOP, self._decoder.controls, self._seed)
        self._voice.set_targets(C4_HZ, np.full(len(self._bundle.card.knobs), 0.5))
        self._decoder.reset()
        if self._source is not None:
            self._source.reset()

    def _render_piece(self) -> None:
        piece = slice(self._done, self._done + PIECE_HOPS)
        self._voice.render(self._rows[piece])
        if self._source is not None:
            self._source.render(self._voice.f0_hz)
        self._known[piece] = self._decoder.controls[:, :2]
        self._audio[piece] = self._decoder.run().reshape(-1, HOP)
        self._done += PIECE_HOPS
        if self._done == len(self._audio):
            pitch_oct, rms_db = (column[_FIRST:].copy() for column in self._known.T)
            self.takes[self._index] = Take(self._audio.reshape(-1), pitch_oct, rms_db)


class Ahead:
    """Plays takes. A voice fills `controls` [hops, C] float32, of which pitch and level count, and tells its places."""

    def __init__(self, bundle: Bundle, hops: int, seed: int = 0, *, noisy: bool = True) -> None:
        self._taker = Taker(bundle, seed, noisy=noisy)
        self.controls = np.zeros((hops, 1 + len(bundle.card.knobs) + bundle.card.latent), np.float32)
        self._sound = np.zeros((hops, HOP), np.float32)
        self._old, self._new = _Head(), _Head()
        self._share, self._leaving = np.zeros((2, HOP), np.float32)
        self.reset()

    def work(self, first: int) -> bool:
        """As `Taker.work`. Not for the callback."""
        return self._taker.work(first)

    @property
    def complete(self) -> bool:
        """Nothing is left to work on."""
        return self._taker.complete

    def run(self, voice: Voice) -> np.ndarray:
        """The next hops [hops · HOP]; silence where a take is not there yet. The next call writes over them."""
        asked = self.controls[:, :2].tolist()
        for out, place, (pitch_oct, rms_db) in zip(self._sound, voice.places, asked, strict=True):
            take = self._taker.takes[place.gesture]
            if take is None:
                out.fill(0.0)
                self._new.take, self._fade = None, 0
                continue
            self._follow(take, place, pitch_oct)
            self._new.read(out, rms_db)
            if self._fade:
                self._fade_over(out, rms_db)
        return self._sound.reshape(-1)

    def reset(self) -> None:
        """Forget where it was reading."""
        self._new.take = self._old.take = None
        self._fade, self._fade_hops = 0, 1

    def _follow(self, take: Take, place: Place, pitch_oct: float) -> None:
        """Bring the head to where it is to read, for this hop."""
        head = self._new
        arrives = (LEAD_HOPS + place.position) * HOP  # at the end of the hop
        own_oct = float(take.pitch_oct[_row(take, place)])
        if take is not head.take or place.since <= HOP:
            ratio = _ratio(pitch_oct - own_oct)
            since = min(place.since, HOP)
            self._jump(take, arrives - since - (HOP - since) * ratio, 1)
        else:
            own_oct = float(take.pitch_oct[head.row])
            ratio = _ratio(pitch_oct - own_oct)
            period = SAMPLE_RATE_HZ / (C4_HZ * 2.0**own_oct)
            off = arrives - (head.at + HOP * ratio)
            if abs(off) > max(WINDOW, period) and not self._fade:
                self._jump(take, head.at + round(off / period) * period, JOIN_HOPS)
        self._new.ratio = ratio

    def _jump(self, take: Take, at: float, hops: int) -> None:
        if self._new.take is not None:
            self._old, self._new = self._new, self._old
            self._fade = self._fade_hops = hops
        self._new.go(take, at)

    def _fade_over(self, out: np.ndarray, rms_db: float) -> None:
        """From the head before to this one, in a straight line: by whole periods they say much the same."""
        leaving, share = self._leaving, self._share
        self._old.read(leaving, rms_db)
        np.subtract(self._fade, _RAMP, out=share)
        share /= self._fade_hops
        leaving -= out
        leaving *= share
        out += leaving
        self._fade -= 1


class _Head:
    """Where a take is being read, and how loud."""

    def __init__(self) -> None:
        self.take: Take | None = None
        self.at, self.ratio = 0.0, 1.0
        """Sample with which the next hop begins, and how many it goes on for each that it gives."""
        self._gain: float | None = None
        self._steps = np.arange(HOP, dtype=np.float64)
        self._places, self._before = np.empty((2, HOP))
        self._indices = np.empty((4, HOP), np.intp)
        self._around, self._powers = np.empty((2, 4, HOP), np.float32)
        self._fraction = np.empty(HOP, np.float32)

    @property
    def row(self) -> int:
        assert self.take is not None
        return min(max(int(self.at) // HOP - _FIRST, 0), len(self.take.rms_db) - 1)

    def go(self, take: Take, at: float) -> None:
        """Begin to read there."""
        self.take, self.at, self._gain = take, at, None

    def read(self, out: np.ndarray, rms_db: float) -> None:
        """The next HOP samples into `out`, at the level that is asked for whatever the take's is there."""
        assert self.take is not None
        louder_db = min(rms_db - float(self.take.rms_db[self.row]), LOUDER_MAX_DB)
        gain = float(10.0 ** (louder_db / 20.0))
        audio, places = self.take.audio, self._places
        np.multiply(self._steps, self.ratio, out=places)
        places += self.at
        self.at += HOP * self.ratio
        np.clip(places, 1.0, len(audio) - 3.0, out=places)
        np.floor(places, out=self._before)
        places -= self._before
        np.copyto(self._fraction, places, casting="same_kind")
        np.copyto(self._indices[1], self._before, casting="unsafe")
        for k in (0, 2, 3):
            np.add(self._indices[1], k - 1, out=self._indices[k])
        np.take(audio, self._indices, out=self._around, mode="clip")
        np.matmul(_INTERPOLATED, self._around, out=self._powers)
        out[:] = self._powers[3]
        for power in self._powers[2::-1]:
            out *= self._fraction
            out += power
        before = gain if self._gain is None else self._gain
        np.multiply(_RAMP, gain - before, out=self._fraction)
        self._fraction += before
        out *= self._fraction
        self._gain = gain


def _row(take: Take, place: Place) -> int:
    return min(round(place.position), len(take.rms_db) - 1)


def _ratio(octaves: float) -> float:
    if abs(octaves) < 1e-5:  # as good as the take's own pitch: sample by sample
        return 1.0
    return min(max(2.0**octaves, RATIO_MIN), RATIO_MAX)
