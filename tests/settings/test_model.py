"""What is remembered, and what may be done with presets."""

from typing import get_args

import msgspec
import pytest
from disk import settings

from neurorack import words
from neurorack.errors import BadInput
from neurorack.patch.matrix import CURVES
from neurorack.patch.voice import DEEPEST, FARTHEST
from neurorack.settings import model
from neurorack.settings.model import PRESETS, Settings, Sound, decode, encode

PLAYED = settings(5)


def test_its_words_are_those_of_the_module():
    """It spells them out, since it is read before numpy is."""
    assert get_args(model.JackName) == words.CV_JACKS
    assert get_args(model.KnobName) == words.PATCHABLE
    assert get_args(model.Gate2Task) == words.GATE2_TASKS
    assert get_args(model.PotName) == words.POTS
    assert get_args(model.CurveName) == CURVES
    assert decode(encode(Settings(playing=Sound(bundle="b", depth=DEEPEST, intonation=FARTHEST))), 1).playing


def test_a_preset_is_stored_recalled_renamed_and_cleared():
    stored = PLAYED.store(7, "glass  rain")
    assert stored.preset(7).name == "glass rain"
    other = Settings(playing=Sound(bundle="skins"), presets=stored.presets)
    assert other.recall(7).playing == PLAYED.playing
    assert other.rename(7, "x").preset(7).name == "x"
    assert other.store(7).preset(7) == model.Preset(name="glass rain", sound=Sound(bundle="skins")), "the name stays"
    assert 7 not in other.clear(7).presets
    assert list(PLAYED.store(9).store(8).presets) == [1, 8, 9, 64]


@pytest.mark.parametrize("number", [0, -1, PRESETS + 1])
def test_there_are_64_of_them(number):
    for deed in (PLAYED.store, PLAYED.recall, PLAYED.clear):
        with pytest.raises(BadInput, match="use 1 to 64"):
            deed(number)


def test_an_empty_one_can_only_be_stored_into():
    for deed in (PLAYED.recall, PLAYED.clear, lambda number: PLAYED.rename(number, "x")):
        with pytest.raises(BadInput, match="that preset is empty"):
            deed(2)
    with pytest.raises(BadInput, match="nothing has been played"):
        Settings().store(2)


@pytest.mark.parametrize("name", [" ", "x" * 25, "\x1b[31m", "a\u202eb"])
def test_a_name_that_no_display_holds_is_refused(name):
    with pytest.raises(BadInput, match="cannot be a name"):
        PLAYED.rename(1, name)


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ('"depth": 0.5', '"depth": 5'),
        ('"depth": 0.5', '"depth": "0.5"'),
        ('"base": 0.25', '"base": 11'),
        ('"cv1": -0.5', '"cv9": -0.5'),
        ('"pot2"', '"pot5"'),
        ('"s-curve"', '"zigzag"'),
        ('"gesture": 5', '"gesture": -1'),
        ('"gesture": 5', '"gesture": 5, "more": 1'),
        ('"64"', '"65"'),
        ('"name": "one"', '"name": "o\\u001bne"'),
        ('"bundle": "fluid"', '"bundle": ""'),
        ('"bundle": "fluid"', '"bundle": "a\\u0000"'),
    ],
)
def test_what_is_out_of_bounds_is_not_believed(what, instead):
    raw = encode(PLAYED).decode()
    assert what in raw
    with pytest.raises(ValueError):
        decode(raw.replace(what, instead).encode(), 1)


def test_the_largest_settings_that_are_legal_fit_into_a_file():
    from neurorack.settings.store import BYTES_MAX

    long, short = -1.2345678901234567e-300, 1.2345678901234567e-300  # as many characters as a number can have
    jacks = get_args(model.JackName)
    knob = model.Knob(base=long, pot="pot1", attenuverter=dict.fromkeys(jacks, long), offset=long, curve="exponential")
    widest = "\N{MUSICAL NOTE}"  # four bytes
    sound = Sound(
        bundle=widest * model.BUNDLE_CHARACTERS_MAX,
        gesture=0x7FFFFFFF,
        depth=short,
        intonation=short,
        knobs=dict.fromkeys(get_args(model.KnobName), knob),
        pots=(short,) * 4,
        morph_to=0x7FFFFFFF,
        gate2="next gesture",
        enveloped=jacks,
        scale=0xFFF,
        find_seed=words.FIND_SEED_MAX,
        found=model.Find(at=(short, short), change=b"\xff" * (2 * words.POINTS_MAX)),
        take="f" * 12,
        morph_take="f" * 12,
    )
    for whole, bare in ((sound, Sound(bundle="b")), (knob, model.Knob(base=0.0))):
        default = [field for field in whole.__struct_fields__ if getattr(whole, field) == getattr(bare, field)]
        assert not default, "what comes anew belongs here too"
    preset = model.Preset(name=widest * model.NAME_CHARACTERS_MAX, sound=sound)
    presets = dict.fromkeys(range(1, model.PRESETS + 1), preset)
    size = len(encode(Settings(playing=sound, presets=presets, encoder_swapped=True, before_panic=sound)))
    assert 2_400_000 < size < 2_500_000 < BYTES_MAX - 256


def test_a_jack_is_without_a_cable_once():
    with pytest.raises(ValueError):
        decode(b'{"playing": {"bundle": "b", "enveloped": [%s]}}' % b",".join([b'"cv1"'] * 6), model.schema())


def test_what_was_stored_before_performance_knobs_plays_as_it_did():
    sound = b'{"bundle": "b", "depth": 0.5, "knobs": {"rms": {"base": 0.2}}}'
    found = decode(b'{"playing": %s, "presets": {"3": {"name": "old", "sound": %s}}}' % (sound, sound), 1)
    assert model.schema() > 1, "an older one would refuse what is written now"
    assert found.preset(3).sound == Sound(bundle="b", depth=0.5, knobs={"rms": model.Knob(base=0.2)})
    assert (found.preset(3).sound.gate2, found.preset(3).sound.scale) == ("freeze", 0)


def test_what_was_stored_before_panic_could_be_undone_is_read_and_what_is_undone_is_kept():
    found = decode(b'{"playing": {"bundle": "b"}, "encoder_swapped": true}', 3)
    assert found == Settings(playing=Sound(bundle="b"), encoder_swapped=True)
    panicked = msgspec.structs.replace(found, before_panic=Sound(bundle="b", gesture=2))
    assert model.schema() > 3, "an older one would refuse what is written now"
    assert decode(encode(panicked), model.schema()) == panicked


@pytest.mark.parametrize("what", ['"scale": 4096', '"gate2": "dance"', '"enveloped": ["gate1"]', '"morph_to": -2'])
def test_performance_beyond_its_bounds_is_not_believed(what):
    with pytest.raises(ValueError):
        decode(b'{"playing": {"bundle": "b", %s}}' % what.encode(), model.schema())
