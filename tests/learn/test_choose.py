"""What becomes a gesture: good sounds, unlike each other, of many sources, the same ones every time."""

import numpy as np
import pytest
from recordings import corpus, hit, note, phrase, sound

from neurorack.errors import BadInput
from neurorack.learn.choose import choose, named, short_names
from neurorack.panel.font import width
from neurorack.words import SAMPLE_RATE_HZ

_MIX = np.random.default_rng(0).standard_normal((65, 8)) * 0.1


def encode(heard: np.ndarray) -> np.ndarray:
    return heard @ _MIX


@pytest.fixture(scope="module")
def notes():
    """Six sources: dull to bright, slow to plucked, three notes each."""
    made = []
    for i in range(6):
        for k, f0_hz in enumerate((220, 262, 311)):
            attack_s, decay_s = (0.005, 0.15 * 2**i) if i % 2 else (0.02 * 2**i, 1e9)
            one = note(
                attack_s, decay_s, f0_hz=f0_hz, bright=0.1 + 0.14 * i, name=f"Voice {i} {k}", source=f"voice-{i}"
            )
            made.append(one)
    return made


def names(choice) -> list[str]:
    return [one.name for one in choice.sounds]


def test_gestures_come_from_at_least_four_sources(notes):
    first = choose(corpus("pitched", notes), encode, 4)
    assert len({one.source for one in first.sounds}) == 4
    assert len({one.source for one in choose(corpus("pitched", notes), encode, 12).sounds}) == 6


def test_no_source_gives_more_than_a_few(notes):
    for count in (6, 12):
        chosen = [one.source for one in choose(corpus("pitched", notes), encode, count).sounds]
        assert max(chosen.count(source) for source in chosen) <= 2


def test_two_takes_of_one_note_do_not_both_become_gestures(notes):
    random = np.random.default_rng(0)
    again = []
    for one in notes[::3]:
        heard = one.audio + np.rint(random.standard_normal(len(one.audio)) * 2).astype(np.int16)
        again.append(sound(heard / 32767, one.f0_hz[0], name=f"{one.name} again", source=one.source, held=one.held))
    chosen = names(choose(corpus("pitched", notes[::3] + again), encode, 12))
    assert len(chosen) >= 5
    assert len({name.removesuffix(" again") for name in chosen}) == len(chosen)


def test_the_same_sounds_are_chosen_every_time(notes):
    assert names(choose(corpus("pitched", notes), encode, 8)) == names(choose(corpus("pitched", notes), encode, 8))


def test_sounds_that_are_named_become_gestures_in_that_order(notes):
    wanted = [notes[5].name, notes[0].name]
    assert [sound.name for sound in named(corpus("pitched", notes), wanted).sounds] == wanted
    with pytest.raises(BadInput, match="no sound 'tuba' to cut a gesture from"):
        named(corpus("pitched", notes), [*wanted, "tuba"])


def test_the_first_is_not_the_strangest(notes):
    strange = note(0.4, 0.05, f0_hz=270.0, bright=0.7, name="strange", source="strange")
    assert names(choose(corpus("pitched", [*notes, strange]), encode, 4))[0] != "strange"


def test_faint_clipped_short_and_unclear_sounds_are_passed_over(notes):
    random = np.random.default_rng(0)
    hiss = sound(0.1 * random.standard_normal(SAMPLE_RATE_HZ), 262.0, name="hiss", source="bad")
    good = note(name="faint", source="bad")
    faint = sound(good.audio / 32767 * 0.003, good.f0_hz[0], name="faint", source="bad", gain=300.0)
    clipped = sound(np.clip(good.audio / 32767 * 9, -1, 1), 300.0, name="clipped", source="bad")
    short = sound(good.audio[5000:14_000] / 32767, 300.0, name="short", source="bad")
    chosen = names(choose(corpus("pitched", [*notes, hiss, faint, clipped, short]), encode, 20))
    assert len(chosen) >= 6
    assert not {"hiss", "faint", "clipped", "short"} & set(chosen)


def test_a_folder_with_few_sounds_gives_fewer_gestures_and_says_why(notes):
    few = choose(corpus("pitched", notes[:2]), encode)
    assert len(few.sounds) == 2
    assert "2 gestures, not 16" in few.reason
    assert choose(corpus("pitched", notes), encode, 4).reason == ""


def test_one_sound_is_one_gesture_whatever_it_is_like():
    random = np.random.default_rng(0)
    hiss = sound(0.01 * random.standard_normal(3000), 262.0)
    assert len(choose(corpus("pitched", [hiss]), encode).sounds) == 1


def test_hits_and_phrases_are_chosen_too():
    hits = [hit(0.02 * 2**i, 100 * 1.7**k, noise=0.3 * k, name=f"hit {i}{k}", source=f"kit {k}")
            for i in range(4) for k in range(4)]  # fmt: skip
    struck = choose(corpus("percussive", hits), encode, 12)
    assert len(struck.sounds) == 12
    spoken = choose(corpus("speaking", [phrase(name="a")[0], phrase(steady_s=0.4, name="b")[0]]), encode)
    assert len(spoken.sounds) == 2


def test_names_are_short_and_different_and_the_display_has_letters_for_them():
    given = ["Kick 01", "Kick 02", "overdriven guitar lead (take 3).wav", "Ünder/çut", "снег", "", "007",
             "a-word-of-very-many-letters-antidisestablishmentarianism", "Kick-2"]  # fmt: skip
    short = short_names(given)
    assert len(set(short)) == len(given)
    assert all(1 <= len(name) <= 16 and name.isascii() and name.isprintable() for name in short)
    assert short[:2] == ["kick", "kick-2"]
    assert short[3:5] == ["under-cut", "sound"]
    assert short[6] == "007"
    assert max(map(width, short)) <= 128


def test_a_note_with_vibrato_is_not_the_same_note():
    takes = [note(0.05, vibrato_cents=cents, name=f"{cents}") for cents in (0, 25)]
    others = [note(0.05 + 0.01 * i, f0_hz=262 + i, name=f"other {i}") for i in range(4)]
    chosen = names(choose(corpus("pitched", [*takes, *others]), encode, 2))
    assert "25" in chosen
