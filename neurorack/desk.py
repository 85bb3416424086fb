"""The player's desk: what plays, what is remembered of it, and the one way to change either.

Panel, console and commands ask here; the daemon owns the desk and lets it step. Engine and jacks hear of a change from
the records of the run directory, the memory from `step`:

    play, presets ──▶ Playing: patch, intent ──▶ engine, jacks
                         │ step: where the pots' knobs stand
                         └──▶ Memory ──▶ two generations on the disk
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from neurorack.clock import Clock, MonotonicClock
from neurorack.errors import BadInput
from neurorack.settings.memory import Memory
from neurorack.settings.model import Gate2Task, Settings, Sound
from neurorack.words import POTS

if TYPE_CHECKING:  # with numpy, which `Desk` alone does without: the engine waits for what it says
    import numpy as np

    from neurorack.bundle import Card
    from neurorack.gestures import Reply as TakesReply
    from neurorack.gestures import Request as TakesRequest
    from neurorack.mailbox import Mailbox
    from neurorack.presets import Reply, Request
    from neurorack.settings.model import Preset
    from neurorack.settings.playing import Playing
    from neurorack.takes.shelf import Progress, Shelf


ON_DISK_S = 5.0
"""How long whoever changes a preset waits for the disk; cards that are slow, but alive, take a second."""


class Desk:
    """Once it is made it knows what to begin with; `begin` tells the others, `open` lets the player in.

    `bundle`, `assignments`, `intonation`, `gate2`, `scale` and `find_seed` are the command line's where it gives them:
    they overrule what is remembered. `out_of_the_box` is the bundle of a module that remembers none. `sound` and
    `presets` are a rack's: what plays, and what gate 2 leads through, in place of what is remembered.
    """

    def __init__(
        self,
        state_dir: Path,
        out_of_the_box: str,
        *,
        sound: Sound | None = None,
        presets: Sequence[Sound] = (),
        bundle: str | None,
        assignments: Sequence[str] = (),
        intonation: float | None = None,
        gate2: Gate2Task | None = None,
        scale: int | None = None,
        find_seed: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock_s = partial(_seconds, clock or MonotonicClock())
        self._memory, self._state_dir, self._first = Memory(state_dir, self._clock_s), state_dir, sound
        self._presets = dict(enumerate(presets, 1))
        self._out_of_the_box, self._assignments = out_of_the_box, assignments
        given = {"intonation": intonation, "gate2": gate2, "scale": scale, "find_seed": find_seed}
        self._given = {name: value for name, value in given.items() if value is not None}
        # A folder must be found again when the module is started from elsewhere.
        self._bundle = str(Path(bundle).resolve()) if bundle is not None and os.path.isdir(bundle) else bundle
        self._playing: Playing | None = None
        self._mailbox: Mailbox | None = None
        self._card: Card | None = None
        self._shelf: Shelf | None = None
        self._notices: list[str] = []
        self._preset = 0  # the one that gate 2 has come to
        self._waiting: tuple[Request, bytes | None, float] | None = None  # what, whom to answer, until when

    @property
    def engine_options(self) -> tuple[list[str], list[str]]:
        """(what an engine must have been started with to be taken over, what one that is started gets besides)."""
        if self._bundle is not None:
            return ["--bundle", self._bundle], []
        first = self._first or self._memory.settings.playing
        return ["--bundle", self._out_of_the_box], ["--first", self._out_of_the_box if first is None else first.bundle]

    def begin(self, run_dir: Path, *, plays_on: bool, gate_delay_s: float, listen: bool) -> None:
        """Tell engine and jacks what plays on, else what is remembered, else what a module out of its box plays."""
        from neurorack.patch.matrix import patched
        from neurorack.settings.playing import Playing, enveloped_of, is_safe, knobs_of, safe

        playing = Playing(run_dir, gate_delay_s=gate_delay_s, listen=listen)
        found = playing.found() if plays_on and self._first is None else None
        if found is not None and playing.sheltered:
            playing.play(found)
            self._playing = playing
            return
        playing.sheltered = False
        remembered = self._memory.settings.playing
        if found and is_safe(found) and remembered and not _alike(found, remembered):  # a panic without a daemon
            self._memory.remember(msgspec.structs.replace(self._memory.settings, before_panic=remembered))
        sound = found or self._first or remembered
        sound = sound or safe(self._out_of_the_box)
        if self._bundle not in (None, sound.bundle):
            sound = msgspec.structs.replace(sound, bundle=self._bundle, gesture=0, depth=1.0, found=None)
        if self._assignments:
            record = patched(self._assignments)
            patch = {"knobs": knobs_of(record), "enveloped": enveloped_of(record)}
            if patch != {"knobs": sound.knobs, "enveloped": sound.enveloped}:
                sound, found = msgspec.structs.replace(sound, **patch, pots=None), None
        sound = msgspec.structs.replace(sound, **self._given)
        playing.play(sound, recall=found is None)
        self._playing = playing  # and not before: what ends without a sound has none to remember

    def open(self, run_dir: Path) -> None:
        """Look the bundle up and open the mailbox. BadInput where the bundle cannot be found; all else goes on then.

        One that is remembered, but there no more, gives way to that of a module out of its box, as in the engine.
        """
        from neurorack.mailbox import Mailbox
        from neurorack.takes.shelf import Shelf

        self._frames, self._shelf = run_dir / "frames", Shelf(self._state_dir)
        try:
            self._mailbox = Mailbox(run_dir)
        except OSError as error:
            self._notices.append(f"presets cannot be asked for from outside: {error.strerror}")
        sound = self.sound
        try:
            self._turn_to(sound.bundle)
        except BadInput as error:
            if self._bundle is not None or sound.bundle == self._out_of_the_box:
                raise
            self._notices.append(f"plays {self._out_of_the_box}: {error}")
            self.play(msgspec.structs.replace(sound, bundle=self._out_of_the_box, gesture=0))
        else:
            self._settle()

    @property
    def sound(self) -> Sound:
        """What plays. From `begin` on."""
        assert self._playing is not None
        return self._playing.sound

    @property
    def gestures(self) -> Sequence[str]:
        """Names of what a gate can play."""
        if self._card is None or self._shelf is None:
            return ()
        return (*self._card.gestures.names, *self.takes)

    @property
    def takes(self) -> Sequence[str]:
        """Names of those that were recorded live: they are the last."""
        return [take.name for take in self._shelf.takes] if self._shelf is not None else []

    @property
    def recording(self) -> "Progress":
        """How far the newest recording, renaming or removal is."""
        from neurorack.takes.shelf import Progress

        return self._shelf.progress if self._shelf is not None else Progress()

    def take(self, deed: str, gesture: str = "", name: str = "") -> None:
        """Record, stop, cancel, rename or remove a gesture: `recording` says how far that is. Raises BadInput."""
        from neurorack.gestures import Request

        assert self._shelf is not None
        Request(deed, gesture, name).apply(self._shelf, self._frames)  # type: ignore[arg-type]

    @property
    def finds(self) -> bool:
        """Whether `find1` and `find2` lead anywhere."""
        return self._card is not None and self._card.space is not None

    @property
    def bundle_name(self) -> str:
        return self._card.name if self._card is not None else ""

    @property
    def licence(self) -> str:
        """Of the bundle."""
        return self._card.license if self._card is not None else ""

    @property
    def presets(self) -> "Mapping[int, Preset]":
        return self._memory.settings.presets

    def bundles(self) -> list[str]:
        """Names of what is installed."""
        from neurorack.bundle import installed

        return [folder.name for folder in installed()]

    def play(self, sound: Sound, *, recall: bool = False, sheltered: bool | None = None) -> None:
        """Change what plays. With `recall` the pots' knobs go where `sound` has them, until a pot passes that.
        `sheltered`: whether it is from now on, where that changes.

        Raises BadInput, and nothing changes, where its bundle is not there.
        """
        assert self._playing is not None
        before = self.sound
        if sound.bundle != before.bundle:
            self._turn_to(sound.bundle)
        elif self._card is None:
            with contextlib.suppress(BadInput):  # it was not there; it may have been installed since
                self._turn_to(sound.bundle)
        sound = self._settled(sound, by_id=recall)
        if sheltered is not None:
            self._playing.sheltered = sheltered
        if _chosen(sound) != _chosen(before) and sound.found == before.found:
            sound = msgspec.structs.replace(sound, found=None)  # it was found of the other one
        self._playing.play(sound, recall=recall)

    def _turn_to(self, bundle: str) -> None:
        from neurorack.bundle import find, read_card

        self._card = read_card(find(bundle))
        if self._shelf is not None:
            self._notices += self._shelf.turn_to(self._card)

    def _settle(self, *, others: bool = False) -> None:
        """Play on, each take by its id. With `others` some have come or gone: the engine hears of that and of the new
        numbers at once, or it would play a neighbour of the one that is meant."""
        assert self._playing is not None
        if (sound := self._settled(self.sound, by_id=True)) != self.sound or others:
            self._playing.play(sound, other_takes=others)

    def _settled(self, sound: Sound, *, by_id: bool) -> Sound:
        """With numbers and ids that agree: `by_id`, the numbers where those ids are now; else the other way round."""
        gesture = self._place(sound.gesture, sound.take if by_id else "")
        morph_to = self._place(sound.morph_to, sound.morph_take if by_id else "")
        if gesture is None or morph_to is None:
            self._notices.append(f"a recorded gesture is gone, or {self.bundle_name} is another version: plays its own")
        number, take = gesture or (0, "")
        far, far_take = morph_to or (-1, "")
        found = sound.found if gesture else None
        return msgspec.structs.replace(sound, gesture=number, take=take, morph_to=far, morph_take=far_take, found=found)

    def _place(self, number: int, take: str) -> tuple[int, str] | None:
        """(number, id of the take or "") of a gesture; None where the take is gone."""
        if self._card is None or self._shelf is None:
            return number, take
        own, ids = len(self._card.gestures.names), [one.id for one in self._shelf.takes]
        if take:
            return (own + ids.index(take), take) if take in ids else None
        if own <= number < own + len(ids):
            return number, ids[number - own]
        return number, ""

    @property
    def sheltered(self) -> bool:
        """Whether what plays is safe, and not remembered."""
        return self._playing is not None and self._playing.sheltered

    def shelter(self) -> None:
        """Play what a module out of its box does, and remember nothing of it."""
        self._remember_playing()
        self.play_safe(sheltered=True)

    def choose(self, bundle: str) -> None:
        """Play this instrument: from its beginning; out of shelter, as it is remembered. Raises BadInput."""
        remembered = self._memory.settings.playing
        if self.sheltered and remembered is not None and remembered.bundle == bundle:
            self.play(remembered, recall=True, sheltered=False)
        else:
            self.play(msgspec.structs.replace(self.sound, bundle=bundle, gesture=0, depth=1.0), sheltered=False)

    def preset(self, deed: str, number: int, name: str | None = None) -> None:
        """Save, recall, rename or clear a preset. Raises BadInput, and nothing changes, where that cannot be."""
        from neurorack.presets import Request

        self._remember_playing()
        self._memory.remember(self._apply(Request(deed, number, name)))  # type: ignore[arg-type]

    def play_safe(self, *, sheltered: bool | None = None) -> None:
        """Play what a module out of its box does, on the instrument that is there if its own is not.

        What played before is kept for `undo_panic`, across restarts too; out of shelter, where it was the player's.
        """
        from neurorack.settings.playing import safe

        assert self._playing is not None
        before = self._playing.keeping()
        try:
            self.play(safe(self._out_of_the_box), sheltered=sheltered)
        except BadInput:
            self.play(safe(self.sound.bundle), sheltered=sheltered)
        if not self.sheltered and not _alike(before, self.sound):  # a second panic leaves the first one's patch
            settings = msgspec.structs.replace(self._memory.settings, playing=self.sound, before_panic=before)
            self._memory.remember(settings)

    @property
    def panicked(self) -> bool:
        """Whether there is something for `undo_panic` to bring back."""
        return self._memory.settings.before_panic is not None

    def undo_panic(self) -> None:
        """Play what played before the panic. Raises BadInput, and nothing changes, where its bundle is gone.

        What was changed since takes its place: undone once more, that plays again. So nobody has to be asked, and a
        player who wants the other one after all loses nothing, until the next panic.
        """
        self._memory.remember(self._undone())

    def _undone(self) -> Settings:
        """The settings without the panic, not remembered yet; what played before it plays already."""
        from neurorack.settings.playing import safe

        before = self._memory.settings.before_panic
        if before is None:
            raise BadInput("there is no panic to undo", "", "recall a preset")
        assert self._playing is not None
        since = self._memory.settings.playing if self.sheltered else self._playing.keeping()  # as the player left it
        self.play(before, recall=True, sheltered=False)
        changed = since is not None and not _alike(since, safe(self._out_of_the_box))
        settings = self._memory.settings
        return msgspec.structs.replace(settings, playing=self.sound, before_panic=since if changed else None)

    def reset(self) -> None:
        """Play and remember what a module out of its box does, without a preset."""
        from neurorack.settings.playing import safe

        self.play(safe(self._out_of_the_box), sheltered=False)
        self._memory.remember(Settings(playing=self.sound, encoder_swapped=self._memory.settings.encoder_swapped))

    @property
    def encoder_swapped(self) -> bool:
        """Whether the encoder turns the other way than the board says."""
        return self._memory.settings.encoder_swapped

    def swap_encoder(self) -> None:
        self._memory.remember(msgspec.structs.replace(self._memory.settings, encoder_swapped=not self.encoder_swapped))

    def hear(self, edges: Sequence[tuple[int, str, int]]) -> None:
        """Do what gate 2 asks for with these edges (t_ns, jack, level), where it is not the voice that does it."""
        for _, jack, level in edges:
            if jack == "gate2" and level:
                if self.sound.gate2 == "next gesture" and self.gestures:
                    number = (self.sound.gesture + 1) % len(self.gestures)
                    self.play(msgspec.structs.replace(self.sound, gesture=number))
                elif self.sound.gate2 == "next preset":
                    self._next_preset()

    def _next_preset(self) -> None:
        """Recall the next one that is there and whose bundle is; gate 2 keeps its task, or there would be no way on."""
        sounds = self._presets or {number: preset.sound for number, preset in self.presets.items()}
        for number in sorted(sounds, key=lambda number: (number <= self._preset, number)):
            try:
                sound = msgspec.structs.replace(sounds[number], gate2=self.sound.gate2)
                self.play(sound, recall=True, sheltered=False)
            except BadInput as error:
                self._notices.append(f"preset {number} is passed over: {error}")
            else:
                self._preset = number
                return

    def follow(self, volts: "np.recarray | None") -> None:
        """Let a recording hear what was played since. Returns at once."""
        from neurorack.settings.playing import resting

        if self._shelf is None:
            return
        picked = (0.5,) * len(POTS) if volts is None else tuple(map(float, volts["picked"]))
        before = self._shelf.progress
        changed = self._shelf.step(lambda: resting(self.sound, picked))
        if (fault := self._shelf.progress.fault) and not before.fault:
            self._notices.append(f"recorded gestures: {fault}")
        if changed:
            self._settle(others=True)

    def step(self, volts: "np.recarray | None") -> None:
        """Let the memory have what plays now; `volts` is the newest record of the jacks. Returns at once."""
        if self._playing is not None:
            if volts is not None:
                self._playing.look(volts)
            self._remember_playing()
        self._memory.step()
        if self._mailbox is not None:
            self._mailbox.renew()
        if self._waiting is not None and self._clock_s() > self._waiting[2]:
            mend = "look with `neurorack presets list` in a while; `neurorack doctor` looks at the folder"
            self._refuse(BadInput(f"the disk takes longer than {ON_DISK_S:g} s", self._where(self._waiting[0]), mend))

    @property
    def waits(self) -> bool:
        """Somebody waits for the disk: `step` often, until it is done."""
        return self._waiting is not None

    def _remember_playing(self) -> None:
        if not self.sheltered and self.sound is not self._memory.settings.playing:
            self._memory.remember(msgspec.structs.replace(self._memory.settings, playing=self.sound))

    def _apply(self, request: "Request") -> Settings:
        """The settings afterwards, not remembered yet; what is recalled plays already."""
        settings = self._memory.settings
        if request.do == "undo panic":
            return self._undone()
        if request.do == "set":
            request = self._numbered(request)
        if request.do == "save" and self._playing is not None:
            stored = request.apply(msgspec.structs.replace(settings, playing=self._playing.keeping()))
            return msgspec.structs.replace(stored, playing=settings.playing)
        if self.sheltered:
            return self._apply_sheltered(request, settings)
        settings = request.apply(settings)
        if (sound := settings.playing) is not None and request.do in ("recall", "set"):
            self.play(sound, recall=request.do == "recall" or sound.pots != self.sound.pots)
        return settings

    def _numbered(self, request: "Request") -> "Request":
        """A gesture may be called by its name. Raises BadInput where there is none of that name or number."""
        name, many = request.value, len(self.gestures)
        if request.path not in ("gesture", "morph_to") or not many:
            return request
        if isinstance(name, int):
            if name >= many:
                what, mend = f"there is no gesture {name}, but {many}", f"give 0…{many - 1}, or a name: the first is 0"
                raise BadInput(what, request.path, mend)
            return request
        if not isinstance(name, str):
            return request
        if name not in self.gestures:
            raise BadInput(f"there is no gesture {name[:40]!r}", request.path, "see `neurorack ctl get gestures`")
        return msgspec.structs.replace(request, value=self.gestures.index(name))

    def _apply_sheltered(self, request: "Request", settings: Settings) -> Settings:
        """A preset or an instrument ends the shelter; another value is one of the safe sound, and not remembered."""
        asked = request.apply(msgspec.structs.replace(settings, playing=self.sound)).playing
        assert asked is not None
        if request.do == "recall":
            self.play(asked, recall=True, sheltered=False)
        elif request.do == "set" and request.path == "bundle":
            self.choose(asked.bundle)
        elif request.do == "set":
            self.play(asked, recall=asked.pots != self.sound.pots)
        else:
            return request.apply(settings)
        return settings if self.sheltered else msgspec.structs.replace(settings, playing=self.sound)

    @property
    def mail(self) -> list[int]:
        """Descriptors that become readable when somebody asks for something: then call `answer`. One at a time."""
        return [] if self._mailbox is None or self.waits else [self._mailbox.fileno()]

    def answer(self, volts: "np.recarray | None") -> None:
        """Do what a command asks for, and tell it: of a changed preset once that outlives the power."""
        from neurorack import gestures
        from neurorack.presets import Reply, read_request

        letter = self._mailbox.take() if self._mailbox is not None else None
        if letter is None:
            return
        raw, whom = letter
        try:
            request = read_request(raw)
            if isinstance(request, gestures.Request):
                self._post(whom, self._answer_take(request))
                return
            self.step(volts)
            before, settings = self._memory.settings, self._apply(request)
        except BadInput as error:
            self._post(whom, Reply.refused(error))
            return
        if settings.presets is before.presets:
            self._memory.remember(settings)
            self._post(whom, Reply.of(settings))
            return
        self._waiting = request, whom, self._clock_s() + ON_DISK_S
        self._memory.save(settings, partial(self._saved, self._waiting, before))
        self._memory.step()

    def _answer_take(self, request: "TakesRequest") -> "TakesReply":
        """At once: who waits for the end of a recording asks again."""
        from neurorack import gestures

        assert self._shelf is not None
        try:
            request.apply(self._shelf, self._frames)
        except BadInput as error:
            return gestures.Reply.refused(error)
        own = [] if self._card is None else self._card.gestures.names
        return gestures.Reply.of(self._shelf, self.bundle_name, own)

    def _saved(self, waiting: "tuple[Request, bytes | None, float]", before: Settings, fault: str) -> None:
        """Tell whoever still waits. A preset that is not on the disk is none: as it was before."""
        from neurorack.presets import Reply

        if waiting is not self._waiting:
            return  # told already that it takes too long; the memory goes on trying
        request, whom, _ = waiting
        if not fault:
            self._waiting = None
            self._post(whom, Reply.of(self._memory.settings))
            return
        self._memory.remember(self._memory.settings.with_preset(request.number, before.presets.get(request.number)))
        mend = "nothing was changed; `neurorack doctor` looks at the folder"
        self._refuse(BadInput(f"cannot save: {fault}", self._where(request), mend))

    def _refuse(self, error: BadInput) -> None:
        """Tell whoever waits, and wait no longer."""
        from neurorack.presets import Reply

        assert self._waiting is not None
        (_, whom, _), self._waiting = self._waiting, None
        self._post(whom, Reply.refused(error))

    def _where(self, request: "Request") -> str:
        return f"preset {request.number}, {self._memory.folder}"

    def _post(self, whom: bytes | None, reply: "Reply | TakesReply") -> None:
        assert self._mailbox is not None
        self._mailbox.answer(whom, msgspec.json.encode(reply))

    def take_notices(self) -> list[str]:
        """Lines for the player since the last call."""
        notices, self._notices = self._notices + self._memory.take_notices(), []
        return notices

    @property
    def saved(self) -> bool:
        """Whether the disk has all that is remembered: after `close` the power may go."""
        return self._memory.saved

    def close(self) -> None:
        """Save what is not saved yet, and leave nobody waiting."""
        if self._playing is not None:
            self._remember_playing()
        self._memory.close()
        if self._shelf is not None:
            self._shelf.finish()
        if self._waiting is not None:
            mend = "start the module again and look with `neurorack presets list`"
            self._refuse(BadInput("the module ends before the disk is done", self._where(self._waiting[0]), mend))


def _seconds(clock: Clock) -> float:
    return clock.now_ns() * 1e-9


def _alike(one: Sound, other: Sound) -> bool:
    """Whether they differ in where the pots stand at most."""
    return msgspec.structs.replace(one, pots=None) == msgspec.structs.replace(other, pots=None)


def _chosen(sound: Sound) -> tuple[str, int | str]:
    """The gesture that is played, by what names it for good."""
    return sound.bundle, sound.take or sound.gesture
