"""A folder of recordings → a corpus to train on and one held out.

Every file is worked on by a function of its own, `work`, whose result depends on the file and the kind alone: here, in
processes, or on Ray. Results are kept by content, so that a second run is instant and an interrupted one goes on.
"""

import hashlib
import os
import signal
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context
from pathlib import Path

import msgspec
import numpy as np
from tqdm import tqdm

from neurorack.bundle import Source
from neurorack.ears.features import features
from neurorack.errors import BadInput
from neurorack.learn.cluster import on_ray, want_ray
from neurorack.learn.corpus import LOUD_DB, SOFT_DB, Corpus, Sound, load_corpus
from neurorack.learn.prepare.bandwidth import find_bandwidth_hz
from neurorack.learn.prepare.cut import cut_sounds, loudest_db
from neurorack.learn.prepare.kind import Traits, decide, traits_of
from neurorack.learn.prepare.modes import find_modes
from neurorack.learn.prepare.pitch import track_f0
from neurorack.learn.prepare.read import examine, looks_like_audio, pieces
from neurorack.words import HOP, KINDS, SAMPLE_RATE_HZ

VERSION = 2
"""Of what is kept: a change of the work makes it anew."""

WANTED_S, NEEDED_S = 30.0, 10.0
"""Less sound than the first is warned of, less than the second refused."""

_SAMPLED_FILES, _SAMPLED_SOUNDS = 40, 12
"""The kind is told from so many files, evenly chosen, and so many sounds of each."""
_FAINT_DB, _SOFT_BELOW_DB = 40.0, 12.0
"""So far below the loudest of its recording, a sound is dropped, or counts as soft."""
_VOICED = {"pitched": 0.2, "speaking": 0.05, "percussive": 0.0}
"""A sound with a smaller share of pitch is dropped."""
_SAME_BEL = 0.08
"""Two sounds that differ by less, rms over bands and time, are the same one."""
_HELD_OUT = 0.1
_FEW_FILES = 5
_FADE = SAMPLE_RATE_HZ // 1000


@dataclass(frozen=True)
class Skipped:
    """A file, or sounds of one, that nothing is learnt from."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{_readable(self.path)}: {self.reason}"


@dataclass(frozen=True, eq=False)
class Worked:
    """What came of one file."""

    sounds: list[Sound]
    reason: str
    """Why it, or part of it, was skipped; empty if nothing was."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A folder, ready."""

    train: Corpus
    validation: Corpus
    skipped: list[Skipped]
    report: str
    """Lines for the user."""


def prepare(
    folder: Path,
    cache: Path,
    *,
    kind: str | None = None,
    workers: int = 1,
    ray: bool = False,
    progress: bool = True,
) -> Prepared:
    """Everything under `folder` as two corpora of `kind` (told from the sounds where it is None).

    BadInput where there is too little to learn from. Results do not depend on `workers` or `ray`.
    """
    if kind is not None and kind not in KINDS:
        raise BadInput(f"no kind {kind!r}", "--kind", f"give one of: {', '.join(KINDS)}")
    paths, skipped = find_recordings(folder)
    keys, paths = _distinct(folder, paths, skipped)
    if not paths:
        raise _nothing("no recording in it", folder, skipped)
    run = _on_ray(workers) if ray else _serial if workers <= 1 else _in_processes(workers)
    why = "as told"
    if kind is None:
        kind, why = _told(paths, keys, cache, run, progress)
    worked = _all(work, paths, keys, kind, cache, run, progress)
    sounds: list[Sound] = []
    for path, result in zip(paths, worked, strict=True):
        name = _readable(path.relative_to(folder))
        sounds += [replace(s, name=f"{name} {s.name}", source=name) for s in result.sounds]
        if result.reason:
            skipped.append(Skipped(path, result.reason))
    sounds, same = _without_repeats(sounds)
    seconds = sum(len(s.audio) for s in sounds) / SAMPLE_RATE_HZ
    if seconds < NEEDED_S or len(sounds) < 2:
        repeats = f", {same} sounds repeat another" if same else ""
        raise _nothing(f"only {seconds:.1f} s of sound to learn from{repeats}", folder, skipped)
    sources = sorted({s.source for s in sounds})
    held = _held_out(sounds)
    origin = [Source(folder.resolve().name[:60], "as its owner gave it", f"{len(sources)} recordings, {seconds:.0f} s")]
    train, validation = (
        Corpus(kind, [s for s, out in zip(sounds, held, strict=True) if out == wanted], origin)
        for wanted in (False, True)
    )
    report = [
        f"{len(sounds)} sounds, {seconds:.0f} s, of {len(sources)} files; {len(validation)} sounds held out",
        f"{kind}: {why}",
        *([f"{same} sounds dropped that repeat another"] if same else []),
        *(f"skipped {s}" for s in skipped),
    ]
    if seconds < WANTED_S:
        report.append(f"warning: less than {WANTED_S:.0f} s of sound; the more there is, the better it will play")
    return Prepared(train, validation, skipped, "\n".join(report))


def find_recordings(folder: Path) -> tuple[list[Path], list[Skipped]]:
    """(files under `folder` that look like audio, in order; what cannot be opened). Hidden files are passed over, a
    linked folder is entered once."""
    if not folder.is_dir():
        raise BadInput("no such folder", str(folder), "give the folder that holds the recordings")
    paths, skipped, seen = [], [], set()

    def refused(error: OSError) -> None:
        skipped.append(Skipped(Path(error.filename), f"cannot be opened: {error.strerror}"))

    for root, folders, files in os.walk(folder, followlinks=True, onerror=refused):
        status = os.stat(root)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root) / name
            try:
                if not name.startswith(".") and looks_like_audio(path):
                    paths.append(path)
            except OSError as error:
                skipped.append(Skipped(path, f"cannot be opened: {error.strerror}"))
    return sorted(paths), skipped


def work(path: Path, kind: str) -> Worked:
    """All sounds of one file; of a broken one none, and the reason."""
    sounds, clipped, unpitched = [], 0, 0
    try:
        recording = examine(path)
        for at, audio in pieces(recording):
            bandwidth_hz = find_bandwidth_hz(audio, recording.rate_hz)
            for cut in cut_sounds(audio, kind):
                below_db = recording.loudest_db - loudest_db(audio[cut])
                if below_db > _FAINT_DB:
                    continue
                if recording.clips(at + cut.start, at + cut.stop):
                    clipped += 1
                    continue
                name = f"{(at + cut.start) / SAMPLE_RATE_HZ:.3f}"
                sound = _sound(name, audio[cut], kind, bandwidth_hz, below_db > _SOFT_BELOW_DB)
                if sound is None:
                    unpitched += 1
                else:
                    sounds.append(sound)
    except BadInput as error:
        return Worked([], f"{error.what}; {error.mend}" if error.mend else error.what)
    if not sounds and not clipped and not unpitched:
        return Worked([], "no sound of 0.05 s or more stands out in it")
    reasons = [f"{many} of its sounds {why}" for many, why in ((clipped, "clip"), (unpitched, "have no pitch")) if many]
    return Worked(sounds, " and ".join(reasons))


def survey(path: Path, kind: str) -> list[Traits]:
    """Traits of the first sounds of one file, to tell the kind from."""
    try:
        _, audio = next(pieces(examine(path)))
    except (BadInput, StopIteration):
        return []
    return [traits_of(audio[cut]) for cut in cut_sounds(audio, kind)[:_SAMPLED_SOUNDS]]


def _sound(name: str, audio: np.ndarray, kind: str, bandwidth_hz: float, soft: bool) -> Sound | None:
    audio = audio.copy()
    audio[:_FADE] *= np.linspace(0, 1, _FADE, dtype=np.float32)
    audio[-_FADE:] *= np.linspace(1, 0, _FADE, dtype=np.float32)
    audio *= 0.9 / np.abs(audio).max()
    partials = np.zeros(0, np.float32)
    if kind == "percussive":
        f0, partials = find_modes(audio)
        f0_hz, voiced = np.full(len(audio) // HOP, f0, np.float32), 1.0
    else:
        f0_hz, voiced = track_f0(audio, kind)
    if voiced < _VOICED[kind]:
        return None
    gain = 10 ** ((LOUD_DB + (SOFT_DB if soft else 0.0) - loudest_db(audio)) / 20)
    whole = np.rint(audio * 32767).astype(np.int16)
    return Sound(name, "", whole, float(gain), f0_hz, bandwidth_hz, len(whole), partials)


Task = tuple[Callable[[Path, str], object], Path, str]
Run = Callable[[list[Task]], Iterator[tuple[int, object]]]
"""Tasks → (number of the task, its result), as they come."""


def _serial(tasks: list[Task]) -> Iterator[tuple[int, object]]:
    for number, (function, path, kind) in enumerate(tasks):
        yield number, function(path, kind)


def _deaf() -> None:
    """Ctrl-C reaches every process of a terminal: the first one alone answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _in_processes(workers: int) -> Run:
    def run(tasks: list[Task]) -> Iterator[tuple[int, object]]:
        before = set(active_children())
        with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_deaf) as pool:
            numbers = {pool.submit(f, path, kind): i for i, (f, path, kind) in enumerate(tasks)}
            try:
                for future in as_completed(numbers):
                    yield numbers[future], future.result()
            except BaseException:  # asked to end, or nobody wants the rest: a long recording is not waited for
                for child in set(active_children()) - before:
                    child.terminate()
                raise
            finally:
                pool.shutdown(cancel_futures=True)

    return run


def _on_ray(workers: int) -> Run:
    want_ray()
    return lambda tasks: on_ray([(f, (path.resolve(), kind)) for f, path, kind in tasks], workers)


def _all(
    function: Callable[[Path, str], Worked],
    paths: list[Path],
    keys: list[str],
    kind: str,
    cache: Path,
    run: Run,
    progress: bool,
) -> list[Worked]:
    """`function` of every file, in the order of `paths`; kept ones are not worked on again."""
    places = [cache / f"{key}-{kind}-{VERSION}" for key in keys]
    worked: dict[int, Worked] = {}
    with tqdm(total=len(paths), desc="recordings", unit="file", disable=not progress) as bar:
        for i, place in enumerate(places):
            if (kept := _kept(place, kind)) is not None:
                worked[i] = kept
                bar.update()
        missing = [i for i in range(len(paths)) if i not in worked]
        for number, result in run([(function, paths[i], kind) for i in missing]):
            assert isinstance(result, Worked)
            worked[missing[number]] = result
            _keep(places[missing[number]], kind, result)
            bar.update()
    return [worked[i] for i in range(len(paths))]


def _keep(place: Path, kind: str, result: Worked) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if result.sounds:
            Corpus(kind, result.sounds, []).save(place.with_suffix(".npz"))
        part = place.with_suffix(".part")
        part.write_bytes(msgspec.json.encode({"reason": result.reason, "sounds": len(result.sounds)}))
        part.replace(place.with_suffix(".json"))
    except OSError as error:
        raise BadInput(
            f"cannot keep prepared sounds: {error.strerror}", str(place.parent), "make room there"
        ) from error


def _kept(place: Path, kind: str) -> Worked | None:
    """What was kept, or None. Damaged files are made anew."""
    try:
        about = msgspec.json.decode(place.with_suffix(".json").read_bytes())
        sounds = load_corpus(place.with_suffix(".npz")).sounds if about["sounds"] else []
    except (OSError, BadInput, msgspec.DecodeError, KeyError, TypeError):
        return None
    return Worked(sounds, about["reason"])


def _told(paths: list[Path], keys: list[str], cache: Path, run: Run, progress: bool) -> tuple[str, str]:
    """(kind, reason), told from some of the files and kept for the next time."""
    place = cache / f"kind-{hashlib.sha256(' '.join(sorted(keys)).encode()).hexdigest()[:32]}-{VERSION}.json"
    try:
        kind, why = msgspec.json.decode(place.read_bytes(), type=tuple[str, str])
        return kind, why
    except (OSError, msgspec.DecodeError):
        pass
    chosen = sorted({int(i) for i in np.linspace(0, len(paths) - 1, min(len(paths), _SAMPLED_FILES))})
    tasks: list[Task] = [(survey, paths[i], "pitched") for i in chosen]
    found: dict[int, list[Traits]] = {}
    for number, result in tqdm(run(tasks), total=len(tasks), desc="listening", unit="file", disable=not progress):
        assert isinstance(result, list)
        found[number] = result
    traits = [t for number in sorted(found) for t in found[number]]
    kind, why = decide(traits) if traits else ("pitched", "nothing in it can be heard")
    if traits:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(msgspec.json.encode((kind, why)))
    return kind, why


_SAME = "the same as"


def _distinct(folder: Path, paths: list[Path], skipped: list[Skipped]) -> tuple[list[str], list[Path]]:
    """(content hashes, paths) of the files that can be read, each content once; the others join `skipped`."""
    first: dict[str, Path] = {}
    for path in paths:
        try:
            if not path.is_file():
                raise OSError(0, "not a plain file")
            key = _hash(path)
        except OSError as error:
            skipped.append(Skipped(path, f"cannot be opened: {error.strerror}"))
            continue
        if key in first:
            skipped.append(Skipped(path, f"{_SAME} {first[key].relative_to(folder)}"))
        else:
            first[key] = path
    return list(first), list(first.values())


def _hash(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _without_repeats(sounds: list[Sound]) -> tuple[list[Sound], int]:
    """(sounds without near copies of earlier ones, how many those were)."""
    prints = np.stack([_print(s) for s in sounds]) if sounds else np.zeros((0, 1), np.float32)
    kept: list[int] = []
    for i in range(len(sounds)):
        away = np.square(prints[kept] - prints[i]).mean(axis=1) if kept else np.zeros(0)
        if not (away < _SAME_BEL**2).any():
            kept.append(i)
    return [sounds[i] for i in kept], len(sounds) - len(kept)


def _print(sound: Sound) -> np.ndarray:
    """[512] float32: 64 mel bands in bels at 8 places of the first 0.4 s, by which a sound is known again."""
    audio = np.pad(sound.audio[: SAMPLE_RATE_HZ * 2 // 5] / 32768.0, (0, SAMPLE_RATE_HZ * 2 // 5))
    shown: np.ndarray = features(audio[: SAMPLE_RATE_HZ * 2 // 5])[:72, :64].reshape(8, 9, 64).mean(axis=1).ravel()
    return shown


def _held_out(sounds: list[Sound]) -> list[bool]:
    """Which sounds validate: whole files, about a tenth; of few files the last sounds of the longest."""
    lengths: dict[str, int] = {}
    for sound in sounds:
        lengths[sound.source] = lengths.get(sound.source, 0) + len(sound.audio)
    wanted = _HELD_OUT * sum(lengths.values())
    if len(lengths) >= _FEW_FILES:
        chosen: set[str] = set()
        for source in sorted(lengths, key=lambda name: (zlib.crc32(name.encode()), name)):
            held = sum(lengths[name] for name in chosen)
            if not chosen or held + lengths[source] <= 1.2 * wanted:
                chosen.add(source)
        return [s.source in chosen for s in sounds]
    longest = max(sorted(lengths), key=lambda name: lengths[name])
    own = [i for i, s in enumerate(sounds) if s.source == longest]
    last: set[int] = set()
    held = 0
    for i in reversed(own[1:] or own):
        if not last or held + len(sounds[i].audio) <= wanted:
            last.add(i)
            held += len(sounds[i].audio)
    return [i in last for i in range(len(sounds))]


def _readable(path: Path) -> str:
    """The path as text: names of files may hold bytes that are none."""
    return os.fsencode(path).decode(errors="replace")


def _nothing(what: str, folder: Path, skipped: list[Skipped]) -> BadInput:
    telling = sorted(skipped, key=lambda s: s.reason.startswith(_SAME))  # what the first of equals lacks says more
    why = f"; skipped {len(skipped)}, first {telling[0]}" if skipped else ""
    return BadInput(what + why, str(folder), f"put recordings of at least {WANTED_S:.0f} s in all there")
