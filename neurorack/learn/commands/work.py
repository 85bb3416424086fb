"""The folder beside a bundle in which it is made, `NAME.work`:

    sounds/            what was prepared of the recordings
    run-0123456789/    one training: checkpoints, losses, the sounds it learns from and those it does not
    preview.wav        how it sounds by now
    report.html        how well it obeys
    finished.json      what was asked for when the bundle was made, which one that is, and of which run

A run's name is a fingerprint of its recipe and sounds: another seed or other recordings are another run, the same ones
go on where they were.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec

from neurorack.bundle import CARD, NAME_CHARACTERS_MAX, SCHEMA
from neurorack.errors import BadInput
from neurorack.learn.corpus import Corpus, load_corpus

TRAIN, VALIDATION = "train.npz", "validation.npz"


class Finished(msgspec.Struct, frozen=True):
    """finished.json: fingerprints of what was asked for and of the card that came of it, and the run's name."""

    asked: str = ""
    card: str = ""
    run: str = ""


class Work:
    """Of the bundle that `out` is or will be."""

    def __init__(self, out: Path) -> None:
        self.out = Path(os.path.abspath(out))
        if not 1 <= len(self.out.name) <= NAME_CHARACTERS_MAX:
            raise BadInput("the instrument has no name, or too long a one", str(out), "give --out FOLDER/NAME")
        self.folder = self.out.with_name(f"{self.out.name}.work")
        self.sounds, self.preview = self.folder / "sounds", self.folder / "preview.wav"
        self.report = self.folder / "report.html"
        self._finished = self.folder / "finished.json"

    def check(self, force: bool) -> None:
        """BadInput where the bundle's place is taken by something that was not made here."""
        check_place(self.out, force or self._is_own())

    def is_finished(self, asked: str) -> bool:
        """Whether the bundle that is there was made of what is asked for now."""
        return self._is_own() and self._read().asked == asked

    def note(self, run: Path, asked: str = "") -> None:
        """Remember that the bundle that is there was made here, and, once it is finished, of what."""
        part = self._finished.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(Finished(asked, self._card(), run.name)))
        part.replace(self._finished)

    def held_out(self) -> tuple[Corpus, bool] | None:
        """What to measure the bundle on, as `held_out` has it; None where it was not made here."""
        run = self.run()
        return None if run is None else held_out(run)

    def run(self) -> Path | None:
        """The folder of the run that the bundle came from; None where it was not made here."""
        return self.folder / self._read().run if self._is_own() else None

    def run_folder(self, recipe: Any, corpus: Corpus) -> Path:
        digest = hashlib.sha256(msgspec.json.encode(recipe))
        for sound in corpus.sounds:
            about = (sound.name, sound.source, sound.gain, sound.bandwidth_hz, sound.held)
            digest.update(msgspec.json.encode(about))
            for values in (sound.audio, sound.f0_hz, sound.partials):
                digest.update(values.tobytes())
        return self.folder / f"run-{digest.hexdigest()[:10]}"

    def _is_own(self) -> bool:
        return self._card() != "" and self._card() == self._read().card

    def _card(self) -> str:
        try:
            return hashlib.sha256((self.out / CARD).read_bytes()).hexdigest()
        except OSError:
            return ""

    def _read(self) -> Finished:
        try:
            return msgspec.json.decode(self._finished.read_bytes(), type=Finished)
        except (OSError, msgspec.DecodeError):
            return Finished()


def fingerprint(folder: Path, *asked: object) -> str:
    """Of the files in a folder, by name, size and time, of what is asked for beside them, and of what bundles are like:
    one of an older schema is not finished, it plays no longer."""
    digest = hashlib.sha256(repr((SCHEMA, *asked)).encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            status = path.stat()
            digest.update(repr((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()


def keep_sounds(run: Path, train: Corpus, validation: Corpus) -> None:
    """Keep a run's sounds beside its checkpoints."""
    for name, corpus in ((TRAIN, train), (VALIDATION, validation)):
        if len(corpus) and not (run / name).exists():
            corpus.save(run / name)


def held_out(run: Path) -> tuple[Corpus, bool]:
    """(sounds to measure a run on, whether it does not learn from them): those it learns from where there are no
    others."""
    spared = (run / VALIDATION).exists()
    return load_corpus(run / VALIDATION if spared else run / TRAIN), spared


def check_place(out: Path, replace: bool) -> None:
    """BadInput where no bundle may be put."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / CARD).is_file():
        raise BadInput("there is something that is not a bundle", str(out), "give another --out")
    if not replace:
        mend = "give another --out, or --force to replace it"
        raise BadInput("there is a bundle that was not made here", str(out), mend)
