"""What lies between the processes: memory-mapped files in the run directory, and no lock.

Some shapes, each with one writer, and any number of readers; anybody may turn a switch:

`Snapshot`   the newest value of something; a torn or absent one leaves the reader's previous in force
`EdgeRing`   every edge in order, with the kernel's timestamp; each reader keeps its own place
`AudioTap`   the last seconds of sound, for recorders and scopes
`FrameTap`   the last seconds of what the decoder was asked for, for who records gestures
`Switch`     on or off, one byte: whole by nature

A slot is proven whole by its number at both ends *and* a checksum, since on Arm two stores may become
visible in either order. Space is reserved with `posix_fallocate`, so a full tmpfs is an error at open
and never a SIGBUS in the audio callback.
"""

import contextlib
import mmap
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from neurorack.errors import BadInput
from neurorack.words import (
    CV_JACKS,
    DESCRIPTORS,
    GATE_JACKS,
    HOP,
    KNOBS,
    PATCHABLE,
    PERFORMANCE,
    POINTS_MAX,
    POTS,
    SAMPLE_RATE_HZ,
)

VOLTS = np.dtype(
    [
        ("t_ns", "i8"),  # when this snapshot was written
        ("cv_v", "f8", len(CV_JACKS)),  # calibrated and smoothed
        ("over", "i1", len(CV_JACKS)),  # 1 above what the jack takes, −1 below, 0 within
        ("count", "u8", len(CV_JACKS)),  # readings since start…
        ("sum_v", "f8", len(CV_JACKS)),  # …and their nominal volts together, for who calibrates
        ("gain", "f8", len(CV_JACKS)),  # what nominal volts count in: pin = offset_v + gain × jack…
        ("offset_v", "f8", len(CV_JACKS)),
        ("reference_v", "f8"),  # …and `voct`'s beside this reference; 0: the board has none
        ("reference_used", "u1"),  # once it has been seen since the start
        ("reference_lost", "u1"),  # the newest reading of it cannot be it
        ("pot", "f8", len(POTS)),  # 0…1
        ("picked", "f8", len(POTS)),  # where the knobs of the pots stand: at a recalled value until its pot passes it
        ("waiting", "u1", len(POTS)),  # pots that have not passed theirs yet
        ("recalled_ns", "i8"),  # of the patch those values came with
        ("gate", "u1", len(GATE_JACKS)),  # level now, for the panel
        ("chip_ok", "u1", 3),  # voct, cv and pot ADC answer
        ("bus_low", "u1"),  # their bus is held low: none of them can answer
        ("readings", "u8", 3),  # conversions read per chip since start
        ("i2c_errors", "u8"),
        ("pid", "i4"),
    ]
)
"""Written by the jacks process, read by the panel."""

CONTROLS = np.dtype(
    [
        ("t_ns", "i8"),  # when the youngest reading in it was converted
        ("pitch_hz", "f8"),
        ("descriptors", "f8", len(DESCRIPTORS)),  # knob positions 0…1
        ("performance", "f8", len(PERFORMANCE)),  # the same; `scrub` is −1 where nothing feeds it
        (
            "envelope",
            "f8",
            len(KNOBS) + len(PERFORMANCE),
        ),  # its envelope's share in each
    ]
)
"""Knob targets: written beside the jacks, read by the engine at every block."""

PATCH = np.dtype(
    [
        ("base", "f8", len(PATCHABLE)),  # pitch in volts, knobs 0…1, where no pot is the base
        ("pot", "i1", len(PATCHABLE)),  # index of the pot that is the base, or -1
        ("attenuverter", "f8", (len(PATCHABLE), len(CV_JACKS))),  # -1…+1
        ("offset", "f8", len(PATCHABLE)),  # volts for pitch, knob units otherwise
        ("curve", "i1", len(PATCHABLE)),  # index into patch.matrix.CURVES
        ("enveloped", "u1", len(CV_JACKS)),  # jacks without a cable: their attenuverters get the gesture's envelope
        ("scale", "u2"),  # notes to which the jacks' pitch is drawn, bit 0 is C; 0: any pitch
        ("recalled", "f8", len(POTS)),  # what stands in for each pot until it passes it; NaN: the pot itself
        ("recalled_ns", "i8"),  # when that was recalled: another time, and all pots begin to wait again
    ]
)
"""Which jack feeds which knob: written by the daemon, read beside the jacks."""

NOTE = np.dtype(
    [
        ("t_ns", "i8"),  # when it was written; anew twice a second while its gate is up
        ("volts", "f8"),  # its pitch, 1 V an octave, 0 V is C4
        ("level", "f8"),  # what it adds to the position of the knob `rms`
        ("gate", "u1"),
        ("strikes", "u4"),  # notes begun so far, counted round
        ("players", "u1"),  # clients that play
    ]
)
"""What is played from afar, as by MIDI: written by the socket's server, read beside the jacks."""

INTENT = np.dtype(
    [
        ("bundle", "S4096"),  # name or folder of the bundle to play; the kernel takes no longer path
        ("gesture", "i4"),
        ("morph_to", "i4"),  # the gesture at the other end of `morph`; -1: the next
        ("gate2", "i1"),  # index into words.GATE2_TASKS
        ("find_seed", "i4"),  # of where find1 and find2 lead
        ("found_at", "f8", 2),  # where those stood when what is kept was found
        ("found_size", "i4"),  # numbers of that; 0: nothing is kept
        ("found", "f2", POINTS_MAX),
        ("depth", "f8"),  # of the gesture's descriptors around its medians
        ("intonation", "f8"),  # of the gesture's pitch
        ("gain_db", "f8"),
        ("gate_delay_s", "f8"),
        ("muted", "u1"),
        ("listen", "u1"),  # play what comes in at the card instead of the gesture
        ("sheltered", "u1"),  # it is the sound of a module out of its box, and not of the player's choosing
        ("takes", "u4"),  # another number: gestures recorded live have come or gone, read them again
    ]
)
"""What the player chose: written by the daemon, taken up by the engine's main thread."""

FOUND = np.dtype(
    [
        ("intent", "u8"),  # number of the intent it follows
        ("at", "f8", 2),  # where find1 and find2 stand
        ("size", "i4"),  # numbers of the change; 0: the chosen gesture as it is
        ("change", "f2", POINTS_MAX),  # `patch.found`
    ]
)
"""What is found, to be kept: written by the engine's main thread, read by the daemon when a preset is stored."""
LATENT_MAX, PARTIALS_MAX = 64, 128
"""What a bundle may have."""

FRAMES = np.dtype(
    [
        ("age", "i4"),  # samples from the newest start of a gesture to this frame, as far as a number holds them
        ("asked_oct", "f4"),  # the pitch that knobs and jacks ask for, octaves re C4
        ("gate", "u1"),  # gate 1 is up
        ("sounds", "u1"),  # the gesture goes on, or in its place another sound while the gate is up
        ("controls", "f4", 1 + len(DESCRIPTORS) + LATENT_MAX),  # pitch in octaves re C4, descriptors in units, latent
        ("partials", "f4", PARTIALS_MAX),  # what was struck, octaves above the pitch; of modal decoders
    ]
)
"""What the decoder was asked for, one a hop: written by the engine, read by who records a gesture."""

HISTOGRAM_BINS = 128
"""Log-spaced: bin b counts durations in [1 µs · 2^(b/8), 1 µs · 2^((b+1)/8)), up to 65 ms."""

METERS = np.dtype(
    [
        ("t_ns", "i8"),  # entry of the newest callback
        ("pid", "i4"),
        ("started_ns", "i8"),
        ("first_sound_ns", "i8"),  # first callback that played unmuted, 0 before
        ("blocks", "u8"),
        ("lost", "u8"),  # ideal minus actual callbacks
        ("deadline_misses", "u8"),
        ("device_flags", "u8"),  # callbacks with an under- or overflow flag
        ("nan_resets", "u8"),
        ("edges", "u8"),
        ("late_edges", "u8"),  # acted on after their sample had passed
        ("clipped", "u8"),  # samples the soft limit bent by more than 1 dB
        ("stale_controls", "u8"),  # blocks played on a previous snapshot
        ("period_s", "f8"),
        ("sample_rate_hz", "f8"),
        ("block", "i4"),
        ("level_rms", "f8"),  # of the newest block, 1.0 full scale
        ("level_peak", "f8"),
        ("load", "f8"),  # callback duration / period, smoothed over ~1 s
        ("pitch_hz", "f8"),
        ("gate", "u1"),
        ("gesture", "i4"),
        ("realtime", "u1"),  # SCHED_FIFO was granted
        ("rung", "u1"),  # engine.guard.Rung: 0 what the player has chosen, 1 the safe sound, 2 the test tone
        ("device", "S64"),
        ("bundle", "S64"),
        ("notice", "S96"),  # why it plays to no card, or what went wrong last
        ("duration", "u8", HISTOGRAM_BINS),
        ("lateness", "u8", HISTOGRAM_BINS),  # of callback entry against the delay-locked clock
    ]
)
"""Written by the engine after every block."""

LED_NAMES = ("gate1", "gate2", "level", "clip", "load", "fault", "voltage", "engine")

PANEL = np.dtype(
    [
        ("t_ns", "i8"),
        ("pages", "u1", (8, 128)),  # as the SSD1306 has them: a byte is eight pixels of a column, bit 0 on top
        ("leds", "f4", len(LED_NAMES)),  # brightness as an eye sees it, 0…1
        ("notice", "S480"),  # what the daemon tells the player, UTF-8; cut where it is longer
    ]
)
"""What display and LEDs show: written by the panel, for whoever looks from afar."""


class _File:
    """A mapped file of fixed size with a magic that names its layout, so a stranger's is refused.

    It appears under its name whole, header and all: who opens it early finds nothing rather than half, and one of
    another size is replaced, never cut under a process that has it mapped.
    """

    offset = 64  # one cache line

    def __init__(self, path: Path, size: int, layout: bytes, *, create: bool) -> None:
        self.path = path
        header = struct.pack("<8sII", b"neurorak", zlib.crc32(layout), size)
        total, where = self.offset + size, str(path.parent)
        try:
            found = self._open(path, header, total)
        except FileNotFoundError:
            found = None
        except OSError as error:
            raise BadInput(f"cannot open {path.name}: {error.strerror}", where, "check who owns it") from error
        if found is None and not create:
            missing = "is not there" if not path.exists() else "is of another version"
            raise BadInput(f"{path.name} {missing}", where, "start the module, or start it again")
        try:
            self.map = found or self._make(path, header, total)
        except OSError as error:
            raise BadInput(f"no room for {path.name}: {error.strerror}", where, "free some space there") from error

    @staticmethod
    def _open(path: Path, header: bytes, total: int) -> mmap.mmap | None:
        """The file as it is; None where it is not of this layout."""
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if os.fstat(fd).st_size != total or os.pread(fd, len(header), 0) != header:
                return None
            return mmap.mmap(fd, total)
        finally:
            os.close(fd)

    @staticmethod
    def _make(path: Path, header: bytes, total: int) -> mmap.mmap:
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o660)
        try:
            os.posix_fallocate(fd, 0, total)
            os.pwrite(fd, header, 0)
            made = mmap.mmap(fd, total)
            os.rename(draft, path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)
        return made

    def close(self) -> None:
        self.map.close()


class Snapshot:
    """The newest record of one dtype. One writer, any number of readers, never a wait.

    `Snapshot(path, dtype, create=True)` opens for writing; the file and what it holds survive the writer.
    """

    def __init__(self, path: Path, dtype: np.dtype, *, create: bool = False) -> None:
        self._file = _File(path, dtype.itemsize + 24, repr(dtype).encode(), create=create)
        self._map, self._at = self._file.map, self._file.offset
        self._dtype, self._size = dtype, dtype.itemsize
        self._ends = struct.Struct("<QI")
        self._head = struct.Struct("<Q")
        self._bytes = bytearray(self._size)
        self.record = np.frombuffer(self._bytes, dtype)[0:1].view(np.recarray)[0]
        """Fill its fields, then `publish`; after a successful `refresh` it holds the newest."""
        self._number = 0  # of what `record` holds

    @property
    def number(self) -> int:
        """Of what `record` holds: one more with every `publish`."""
        return self._number

    def field(self, name: str) -> np.ndarray:
        """One field of `record` as a view [1, …]: six times faster to write than by name."""
        return np.frombuffer(self._bytes, self._dtype)[name]

    def publish(self) -> None:
        """Write `record` out."""
        at = self._at
        number = self._number = self._head.unpack_from(self._map, at)[0] + 1
        self._head.pack_into(self._map, at, number)
        self._map[at + 8 : at + 8 + self._size] = self._bytes
        self._ends.pack_into(self._map, at + 8 + self._size, number, zlib.crc32(self._bytes, number & 0xFFFFFFFF))

    def refresh(self) -> bool:
        """Take up the newest whole record. False, and `record` unchanged, where there is none newer."""
        at = self._at
        number = self._head.unpack_from(self._map, at)[0]
        if number == self._number:
            return False
        raw = self._map[at + 8 : at + 20 + self._size]
        end, checksum = self._ends.unpack_from(raw, self._size)
        if end != number or zlib.crc32(memoryview(raw)[: self._size], number & 0xFFFFFFFF) != checksum:
            return False
        self._bytes[:] = raw[: self._size]
        self._number = number
        return True

    def close(self) -> None:
        self._file.close()


EDGE_JACKS = ("gate1", "gate2", "encoder_a", "encoder_b", "encoder_push")


class EdgeRing:
    """Edges in order. One writer; every reader keeps its own place and hears of what it missed.

    A slot is (number, t_ns, jack, level, checksum): copied first, verified after.
    """

    SLOTS = 1024

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._slot = struct.Struct("<QqBBxxI")
        self._file = _File(path, 8 + self.SLOTS * self._slot.size, b"edges 1", create=create)
        self._map, self._at = self._file.map, self._file.offset
        self._count = struct.Struct("<Q")
        self._written = self._count.unpack_from(self._map, self._at)[0]  # when it was opened, and by this writer
        self._read = self._written
        self.missed = 0
        """Edges that were overwritten before this reader came to them."""

    def push(self, t_ns: int, jack: str, level: int) -> None:
        """Append one edge: `level` 1 rises, 0 falls."""
        self._written += 1
        number, index = self._written, EDGE_JACKS.index(jack)
        check = self._check(number, t_ns, index, level)
        self._slot.pack_into(self._map, self._place(number), number, t_ns, index, level, check)
        self._count.pack_into(self._map, self._at, number)

    def read(self) -> list[tuple[int, str, int]]:
        """Edges since the last call, oldest first: (t_ns, jack, level)."""
        written = self._count.unpack_from(self._map, self._at)[0]
        if written == self._read:
            return []
        if written < self._read or written - self._read > self.SLOTS:
            self.missed += max(0, written - self._read - self.SLOTS)
            self._read = max(0, written - self.SLOTS)
        edges = []
        while self._read < written:
            number, t_ns, index, level, check = self._slot.unpack_from(self._map, self._place(self._read + 1))
            if number != self._read + 1 or index >= len(EDGE_JACKS) or check != self._check(number, t_ns, index, level):
                if number <= self._read:
                    break  # the count arrived before the slot: next time
                self.missed += 1
            else:
                edges.append((t_ns, EDGE_JACKS[index], level))
            self._read += 1
        return edges

    def kept(self) -> list[tuple[int, str, int]]:
        """Edges before it was opened that are still in it, oldest first: what a process that starts late must know."""
        edges = []
        for number in range(max(1, self._written - self.SLOTS + 1), self._written + 1):
            found, t_ns, index, level, check = self._slot.unpack_from(self._map, self._place(number))
            if found == number and index < len(EDGE_JACKS) and check == self._check(number, t_ns, index, level):
                edges.append((t_ns, EDGE_JACKS[index], level))
        return edges

    def levels(self) -> dict[str, int]:
        """Where every jack that is still in the ring stood when it was opened."""
        return {jack: level for _, jack, level in self.kept()}

    def _place(self, number: int) -> int:
        return self._at + 8 + (number % self.SLOTS) * self._slot.size

    @staticmethod
    def _check(number: int, t_ns: int, index: int, level: int) -> int:
        return zlib.crc32(b"%d %d %d %d" % (number, t_ns, index, level))

    def close(self) -> None:
        self._file.close()


class _Tap:
    """The last `length` items of a stream, written whole blocks at a time.

    The reader is far behind the writer by design, so a position is enough: what it reads is old and stands still.
    `spare` items ahead of the writer are not read any more.
    """

    def __init__(
        self, path: Path, item: np.dtype, length: int, layout: bytes, *, spare: int, create: bool = False
    ) -> None:
        self._file = _File(path, 8 + item.itemsize * length, layout, create=create)
        at = self._file.offset
        self._count = np.frombuffer(self._file.map, "u8", 1, at)
        self._ring = np.frombuffer(self._file.map, item, length, at + 8)
        self._plain = f"V{item.itemsize}" if item.names else item  # field by field records take several times as long
        self._in = self._ring.view(self._plain)
        self._length, self._spare = length, spare
        self._read = self.position
        self.missed = 0
        """Items that were overwritten before this reader came to them."""

    @property
    def position(self) -> int:
        """Items written since the ring began."""
        return int(self._count[0])

    def write(self, items: np.ndarray) -> None:
        """Append `items` [n], no more than the ring holds."""
        start, items = self.position % self._length, items.view(self._plain)
        first = min(len(items), self._length - start)
        self._in[start : start + first] = items[:first]
        if first < len(items):
            self._in[: len(items) - first] = items[first:]
        self._count[0] += len(items)

    def read(self) -> np.ndarray:
        """Items since the last call [n]."""
        end = self.position
        begin = max(self._read, end - self._length + self._spare)
        self.missed += begin - self._read
        self._read = end
        return self._ring[np.arange(begin, end) % self._length].copy()


class AudioTap(_Tap):
    """The last four seconds the engine played, mono float32."""

    SAMPLES = 4 * SAMPLE_RATE_HZ

    def __init__(self, path: Path, *, create: bool = False) -> None:
        super().__init__(path, np.dtype("f4"), self.SAMPLES, b"tap 1", spare=SAMPLE_RATE_HZ // 4, create=create)


class FrameTap(_Tap):
    """The last two seconds of FRAMES."""

    HOPS = 2 * SAMPLE_RATE_HZ // HOP

    def __init__(self, path: Path, *, create: bool = False) -> None:
        super().__init__(path, FRAMES, self.HOPS, repr(FRAMES).encode(), spare=self.HOPS // 8, create=create)


class Switch:
    """On or off, for any writer and any reader: one byte needs neither number nor checksum, and nobody waits.

    Who creates it opens it to the group: whoever may look after the module may use it.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._file = _File(path, 1, b"switch 1", create=create)
        self._map, self._at = self._file.map, self._file.offset
        if create:
            with contextlib.suppress(OSError):  # somebody else's, which is fine
                os.chmod(path, 0o660)

    @property
    def on(self) -> bool:
        return self._map[self._at] != 0

    @on.setter
    def on(self, on: bool) -> None:
        self._map[self._at] = on

    def close(self) -> None:
        self._file.close()
