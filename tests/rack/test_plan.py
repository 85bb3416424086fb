"""What a rack's TOML may say, and what is refused."""

from pathlib import Path

import pytest

from neurorack.errors import BadInput
from neurorack.rack.plan import DEMO, LONGEST_CHAIN, load_rack

GOOD = """
name = "test"
[sources.seq]
kind = "sequencer"
tempo_bpm = 120
steps_v = [0.0, 1.0]
[sources.env]
kind = "envelope"
trigger = "seq.gate"
[cables]
voct = "seq.cv"
gate1 = "seq.gate"
[pots]
pot1 = 0.25
"""


@pytest.fixture
def load(tmp_path: Path):
    def make(text: str, seed: int | None = None):
        path = tmp_path / "rack.toml"
        path.write_text(text, encoding="utf-8")
        return load_rack(path, seed)

    return make


def test_a_rack_has_sources_cables_and_pots(load) -> None:
    rack = load(GOOD)
    assert list(rack.outputs) == ["seq.cv", "seq.gate", "env.out"]
    assert rack.cables == {"voct": "seq.cv", "gate1": "seq.gate"}
    assert rack.pots == {"pot1": 0.25}
    assert rack.outputs["seq.cv"].volts(125_000_000) == 1.0


def test_every_kind_of_source_can_be_made(load, tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_text("t,voct\n0,1.5\n")
    rack = load(
        GOOD
        + """
[sources.lfo]
kind = "lfo"
rate_hz = 1
[sources.chance]
kind = "random"
rate_hz = 1
[sources.rest]
kind = "constant"
volts = -2
[sources.keys]
kind = "keyboard"
[sources.rows]
kind = "volts_file"
path = "take.csv"
"""
    )
    assert list(rack.outputs)[3:] == ["lfo.out", "chance.out", "rest.out", "keys.cv", "keys.gate", "rows.voct"]
    assert rack.outputs["rest.out"].volts(5) == -2
    assert rack.outputs["rows.voct"].volts(5) == 1.5


def test_the_order_of_sources_does_not_matter(load) -> None:
    early = '[sources.accent]\nkind = "envelope"\ntrigger = "seq.gate"\n'
    head, tail = GOOD.split("[sources.seq]")
    assert next(iter(load(f"{head}{early}[sources.seq]{tail}").outputs)) == "accent.out"


def test_a_seed_changes_what_is_random(load) -> None:
    text = 'name = "x"\nseed = 1\n[sources.r]\nkind = "random"\nrate_hz = 5\n'
    values = [load(text, seed).outputs["r.out"].volts(0) for seed in (None, 1, 2)]
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize(
    ("before", "after", "where", "what"),
    [
        ('name = "test"', "name = ", "rack.toml", "not TOML"),
        ('name = "test"', "", "top level", "name"),
        ('kind = "sequencer"', 'kind = "theremin"', "sources", "theremin"),
        ('kind = "sequencer"', "", "sources", "kind"),
        ("tempo_bpm = 120", "tempo_bpm = 0", "sources.seq.tempo_bpm", ">= 10"),
        ("tempo_bpm = 120", 'tempo_bpm = "fast"', "tempo_bpm", "float"),
        ("tempo_bpm = 120", "tempo_bpm = 120\nwobble = 1", "sources", "wobble"),
        ("[0.0, 1.0]", "[]", "steps_v", "length >= 1"),
        ("[0.0, 1.0]", "[0.0, 13.0]", "steps_v", "<= 12"),
        ("[0.0, 1.0]", "[0.0, nan]", "sources.seq.steps_v[1]", "float"),
        ("tempo_bpm = 120", "tempo_bpm = 120\ncv_lag_s = 0.1", "cv_lag_s", "<= 0.005"),
        ('trigger = "seq.gate"', 'trigger = "seq.out"', "sources.env.trigger", "no output 'seq.out'"),
        ('trigger = "seq.gate"', 'trigger = "env.out"', "sources.env.trigger", "leads back"),
        ('voct = "seq.cv"', 'voct = "seq.volts"', "cables.voct", "no output 'seq.volts'"),
        ('voct = "seq.cv"', 'cv9 = "seq.cv"', "cables", "no jack 'cv9'"),
        ("[sources.env]", '[sources.f]\nkind = "volts_file"\npath = "\\u0000"\n[sources.env]', "sources.f.path", "str"),
        ("sources.seq", "sources.Seq", "sources", "'Seq' is no name"),
        ("[sources.env]", "[[sources]]", "rack.toml", "not TOML"),
        ("pot1 = 0.25", "pot1 = 1.25", "pots", "<= 1"),
        ("pot1 = 0.25", "pot9 = 0.25", "pots", "no pot 'pot9'"),
    ],
)
def test_a_mistake_is_named_with_its_place(load, before: str, after: str, where: str, what: str) -> None:
    assert before in GOOD
    with pytest.raises(BadInput) as caught:
        load(GOOD.replace(before, after))
    line = str(caught.value)
    assert "rack.toml" in line and where in line and what in line


def test_two_envelopes_cannot_wait_for_each_other(load) -> None:
    ring = '[sources.a]\nkind = "envelope"\ntrigger = "b.out"\n[sources.b]\nkind = "envelope"\ntrigger = "a.out"\n'
    with pytest.raises(BadInput, match="leads back"):
        load('name = "ring"\n' + ring)


def chain(count: int) -> list[str]:
    """Tables of envelopes, each triggered by the one before."""
    ends = ["seq.gate", *(f"e{i}.out" for i in range(count))]
    return [f'[sources.e{i}]\nkind = "envelope"\ntrigger = "{ends[i]}"\n' for i in range(count)]


@pytest.mark.parametrize("count", [LONGEST_CHAIN + 1, 900])
@pytest.mark.parametrize("step", [1, -1, 7], ids=["forwards", "backwards", "mixed"])
def test_a_long_chain_of_envelopes_is_refused(load, count: int, step: int) -> None:
    tables = chain(count)
    with pytest.raises(BadInput, match=r"more than 8 envelopes in a chain \(.*rack\.toml, key sources\.e\d+\.trigger"):
        load(GOOD + "".join(tables[i * step % count] for i in range(count)))


def test_the_longest_chain_of_envelopes_plays(load) -> None:
    for tables in (chain(LONGEST_CHAIN), chain(LONGEST_CHAIN)[::-1]):
        last = load(GOOD + "".join(tables)).outputs[f"e{LONGEST_CHAIN - 1}.out"]
        assert any(last.volts(t * 10_000_000) for t in range(100))


@pytest.mark.parametrize(
    "value", ["[" * 20_000 + "]" * 20_000, "[" * 20_000, "{b=" * 20_000, "9" * 5_000], ids=lambda v: v[:3]
)
def test_a_value_beyond_all_bounds_is_named_with_its_file(load, value: str) -> None:
    with pytest.raises(BadInput, match=r"rack\.toml.*: \w"):
        load(f"a = {value}\n{GOOD}")


def test_a_rack_without_sources_is_refused(load) -> None:
    for text in ('name = "x"\n', 'name = "x"\nsources = 3\n'):
        with pytest.raises(BadInput, match="no sources"):
            load(text)


def test_a_rack_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the rack"):
        load_rack(tmp_path / "none.toml")


def test_a_broken_volts_file_inside_is_named(load, tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_text("t,voct\n0,loud\n")
    with pytest.raises(BadInput, match=r"take\.csv:2, column voct"):
        load('name = "x"\n[sources.rows]\nkind = "volts_file"\npath = "take.csv"\n')


def test_the_demo_plays_every_jack() -> None:
    rack = load_rack(DEMO)
    assert set(rack.cables) == {"voct", "cv1", "cv2", "cv3", "cv4", "gate1", "gate2"}
    for jack, end in rack.cables.items():
        volts = [rack.outputs[end].volts(t * 50_000_000) for t in range(400)]
        assert max(volts) - min(volts) > 1.0, f"{jack} stands still"


def test_the_demo_is_in_tune_and_in_reach() -> None:
    rack = load_rack(DEMO)
    lag_ns, beat_ns = 20_000_000, 312_500_000
    notes = [rack.outputs["seq.cv"].volts(n * beat_ns + 100_000_000 + lag_ns) * 12 for n in range(16)]
    assert all(abs(note - round(note)) < 1e-4 for note in notes)
    assert len(set(notes)) >= 8, "a melody"
    assert all(-24 <= note <= 48 for note in notes)
