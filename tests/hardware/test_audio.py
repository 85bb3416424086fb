"""Sound in and out in ngspice: Eurorack levels, mute by the data, abuse of both jacks."""

import numpy as np
import pytest

from hardware.circuit import audio, parts
from hardware.circuit.board import at

BLOCKS = ("audio", "codec", "mute")
ON = ("Vsupply v3a 0 3.3", "Vplus v12a 0 11.7", "Vminus v12n 0 -11.7", "Vbias cv_bias 0 1.2692")
OFF = ("Roff v3a 0 100k", "Coff v3a 0 10u", "Rplus v12a 0 1k", "Rminus v12n 0 1k", "Rbias cv_bias 0 1meg")
LISTENER = "Rlistener out_jack 0 100k"
SILENT = ("Vin in_jack 0 0", "Vdata data_seen 0 0")
OPEN = "Vgate mute_gate 0 2.2"


def playing(frequency_hz):
    """The codec at full scale."""
    return f"Vcodec codec_out 0 sin(1.65 {audio.FULL_SCALE_VPP / 2} {frequency_hz})"


def test_full_scale_is_ten_volts_at_the_jack(bench):
    run = bench.run(BLOCKS, "tran 10u 60m", [*ON, *SILENT, OPEN, LISTENER, playing(1000)], ["v(out_jack)"])
    late = run["v(out_jack)"][run["x"] > 40e-3]
    assert np.ptp(late) == pytest.approx(10.0, abs=0.2)
    assert late.mean() == pytest.approx(0, abs=0.05)


def test_the_output_is_flat_where_one_hears(bench):
    run = bench.run(
        ("audio", "codec"),
        "ac dec 20 5 200k",
        [*ON, SILENT[0], LISTENER, "Vcodec codec_out 0 dc 1.65 ac 1", "Rrelay out_open out_muted 0.1"],
        ["v(out_jack)"],
    )
    gain_db = 20 * np.log10(run["v(out_jack)"])
    middle_db = np.interp(1e3, run["x"], gain_db)
    assert middle_db == pytest.approx(20 * np.log10(10 / audio.FULL_SCALE_VPP), abs=0.2)
    assert np.interp(20, run["x"], gain_db) > middle_db - 1
    assert np.interp(20e3, run["x"], gain_db) > middle_db - 1


@pytest.mark.parametrize("frequency_hz", [1e3, 20e3])
def test_muted_means_a_hundred_decibels_down(bench, frequency_hz):
    sources = [*ON, *SILENT, LISTENER, playing(frequency_hz)]
    run = bench.run(
        BLOCKS, f"tran {0.02 / frequency_hz} {20 / frequency_hz}", sources, ["v(out_jack)", "v(out_amplified)"]
    )
    late = run["x"] > 10 / frequency_hz
    assert np.ptp(run["v(out_amplified)"][late]) > 8
    assert np.ptp(run["v(out_jack)"][late]) < 1e-5 * np.ptp(run["v(out_amplified)"][late])


MUTE_ON = ("Vplus v12a 0 11.7", "Rdriver driver data_seen 20", "Vopen out_open 0 1", "Rl out_muted 0 100k")
"""The driver between header and mute is a push-pull of 20 Ω (test_gates has it whole)."""
BITS_PER_S = 64 * 48_000
FRAME_CLOCK = "pulse(0 3.3 0 20n 20n 10.4u 20.833u)"
AT_REST = f"pulse(0 3.3 0 20n 20n {23 / BITS_PER_S} {32 / BITS_PER_S})"
"""A word of the engine's silence: 23 ones, then zeros."""


@pytest.mark.parametrize("master", ["computer", "codec"])
def test_sound_opens_the_relay_and_its_end_shuts_it_whoever_clocks_the_codec(bench, master):
    """Where the codec is the master its frame clock begins before the engine and goes on when that has died."""
    clock = {
        "codec": [f"Vframe lrclk 0 {FRAME_CLOCK}"],
        "computer": [f"Vbare bare 0 {FRAME_CLOCK}", "Bframe lrclk 0 v=v(bare)*v(runs)"],
    }[master]
    sources = [
        *MUTE_ON,
        *clock,
        f"Vwords words 0 {AT_REST}",
        "Vruns runs 0 pulse(0 1 5m 1u 1u 45m 1)",
        "Bdata driver 0 v=v(words)*v(runs)",
    ]
    run = bench.run(("mute",), "tran 4u 200m", sources, ["v(out_muted)", "v(mute_gate)"])
    heard_s = run["x"][run["v(out_muted)"] > 0.5]
    assert 10e-3 < heard_s[0] - 5e-3 < 40e-3
    assert 20e-3 < heard_s[-1] - 50e-3 < 145e-3
    assert 2.0 < run["v(mute_gate)"].max() < 2.7


def test_nothing_but_the_computers_data_reaches_the_mute(board):
    """Header pin 40, an input of the codec in either arrangement; and no output of a chip but the driver's."""
    placed = [part for part in board.parts("mute") if part.kind.prefix != "TP"]
    own = {at(part, pin) for part in placed for _, pin, _ in part.kind.pins}
    joined = {net for net in own if net and any(part.block != "mute" for part, *_ in board.pins(net))}
    assert joined == {"data_seen", "V12A", "GND", "out_open", "out_muted"}
    driver = next(part for part in board.parts("gates") if part.kind is parts.SCHMITT)
    assert (at(driver, "A6"), at(driver, "Y6"), at(driver, "VCC")) == ("DATA_TO_CODEC", "data_seen", "V3H")
    ends = {(part.kind.prefix, name) for part, _, name in board.pins("DATA_TO_CODEC")}
    assert ends == {("J", "P40"), ("U", "I2S_DIN"), ("U", "A6")}


def test_loud_noise_opens_it_no_later_than_silence_does(bench):
    """Every other bit a one: the pump gets 160 ns for an edge, and sixteen times as many."""
    reached_v = []
    for data in (AT_REST, f"pulse(0 3.3 0 20n 20n {0.95 / BITS_PER_S} {2 / BITS_PER_S})"):
        run = bench.run(("mute",), "tran 50n 1m", [*MUTE_ON, f"Vdata driver 0 {data}"], ["v(mute_gate)"])
        reached_v.append(run["v(mute_gate)"][-1])
    assert 0.05 < reached_v[0] < reached_v[1]


@pytest.mark.parametrize("data", ["0", "3.3", "pulse(0 3.3 0 1u 1u 0.5m 1m)"], ids=["zeros", "high", "1 kHz"])
def test_data_that_stand_or_crawl_leave_it_muted(bench, data):
    sources = [*MUTE_ON, f"Vframe lrclk 0 {FRAME_CLOCK}", f"Vdata driver 0 {data}"]
    run = bench.run(("mute",), "tran 20u 150m", sources, ["v(out_muted)"])
    assert run["v(out_muted)"].max() < 1e-3


def test_ten_volts_at_the_input_stay_below_the_codecs_full_scale(bench):
    sources = [*ON, LISTENER, SILENT[1], "Vcodec codec_out 0 dc 1.65", "Vin in_jack 0 dc 0 ac 1"]
    run = bench.run(BLOCKS, "ac dec 20 5 200k", sources, ["v(codec_in)"])
    middle = np.interp(1e3, run["x"], run["v(codec_in)"])
    assert 0.85 * audio.FULL_SCALE_VPP < 10 * middle < audio.FULL_SCALE_VPP
    for edge_hz in (20, 20e3):
        assert np.interp(edge_hz, run["x"], run["v(codec_in)"]) > middle * 10 ** (-1 / 20)


@pytest.mark.parametrize("powered", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("volts", [12, -12, 15, -15])
def test_the_input_bears_eurorack_volts_even_as_they_jump(bench, volts, powered):
    """From 0 to one rail and at once to the other. The codec's pins keep to 0.3 V beyond its supply."""
    jump = f"Vin in_jack 0 pwl(0 0 1m 0 1.001m {volts} 60m {volts} 60.001m {-volts} 120m {-volts})"
    codec = "Vcodec codec_out 0 dc 1.65" if powered else "Rcodec codec_out 0 10k"
    sources = [*(ON if powered else OFF), jump, SILENT[1], LISTENER, codec]
    run = bench.run(BLOCKS, "tran 20u 120m", sources, ["v(codec_in)", "v(v3a)", "i(vin)"])
    assert run["v(codec_in)"].min() > -0.3
    assert (run["v(codec_in)"] - run["v(v3a)"]).max() < (0.3 if powered else 0.6)
    assert run["v(v3a)"].max() < 3.6
    assert np.abs(run["i(vin)"]).max() < 1e-3


@pytest.mark.parametrize("opened", [True, False], ids=["playing", "muted"])
@pytest.mark.parametrize("volts", [12, -12, 15, -15])
def test_the_output_bears_another_modules_output(bench, volts, opened):
    """OPA1677: 50 mA when shorted (SBOS855 §6.5). The kilohm's 0.66 W is not reached."""
    sources = [*ON, *SILENT, "Vcodec codec_out 0 dc 1.65", f"Vother out_jack 0 {volts}", *([OPEN] if opened else [])]
    run = bench.run(BLOCKS, "tran 20u 20m", sources, ["i(vother)", "v(out_amplified)"])
    amps = np.abs(run["i(vother)"]).max()
    assert amps < 20e-3
    assert amps**2 * 1e3 < 0.66 / 2
    assert np.abs(run["v(out_amplified)"]).max() < 11.7
