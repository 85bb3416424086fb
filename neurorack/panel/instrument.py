"""What the panel may ask of the module. The desk answers; a screen alone changes nothing."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from neurorack.settings.model import Preset, Sound
from neurorack.takes.shelf import Progress


class Instrument(Protocol):
    """Every method may raise BadInput, and then nothing has changed."""

    @property
    def sound(self) -> Sound:
        """What plays."""

    @property
    def bundle_name(self) -> str:
        """Of the bundle that `sound` asks for; the engine may still be loading it."""

    @property
    def licence(self) -> str:
        """Of that bundle."""

    @property
    def gestures(self) -> Sequence[str]:
        """Names of what a gate can play."""

    @property
    def finds(self) -> bool:
        """Whether `find1` and `find2` lead anywhere."""

    @property
    def presets(self) -> Mapping[int, Preset]:
        """By number from 1."""

    @property
    def takes(self) -> Sequence[str]:
        """Those of `gestures` that were recorded live: they are the last."""

    @property
    def recording(self) -> Progress:
        """How far the newest recording is, or the newest deed of `take`."""

    def take(self, deed: str, gesture: str = "", name: str = "") -> None:
        """Record, stop, cancel, rename or remove a gesture; only begins it."""

    @property
    def encoder_swapped(self) -> bool:
        """Whether the encoder turns the other way than the board says."""

    def swap_encoder(self) -> None:
        """Let it turn the other way from now on."""

    def play(self, sound: Sound, *, recall: bool = False) -> None:
        """Change what plays. With `recall` the pots' knobs go where `sound` has them, until a pot passes that."""

    @property
    def sheltered(self) -> bool:
        """Whether what plays is safe, and not remembered."""

    def shelter(self) -> None:
        """Play what a module out of its box does, and remember nothing of it."""

    def choose(self, bundle: str) -> None:
        """Play this instrument: from its beginning; out of shelter, as it is remembered."""

    def bundles(self) -> Sequence[str]:
        """Names of what is installed."""

    def preset(self, deed: str, number: int, name: str | None = None) -> None:
        """Save, recall, rename or clear a preset."""

    @property
    def panicked(self) -> bool:
        """Whether `undo_panic` has something to bring back."""

    def undo_panic(self) -> None:
        """Play what played before the last panic."""

    def reset(self) -> None:
        """Play and remember what a module out of its box does, without a preset. Calibration, recorded gestures and the
        encoder's direction stay."""
