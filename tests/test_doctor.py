"""The doctor tells what is missing and what to do, and faints at nothing."""

import gzip
import json
import os
import re
import shutil
import time

import msgspec
import numpy as np
import pytest
from locked import locked_out

from neurorack import doctor
from neurorack.board import load_board
from neurorack.boards import BOARDS, DEFAULT_BOARD
from neurorack.bundle import describe_network, read_card, write_card
from neurorack.doctor import BROKEN, NOTE, OK, examine
from neurorack.errors import BadInput
from neurorack.jacks.bus import HELD_LOW, open_bus
from neurorack.jacks.calibration import Calibration, Correction, former_path
from neurorack.jacks.nominal import InForce
from neurorack.jacks.reference import Reference
from neurorack.jacks.report import uncalibrated_cents
from neurorack.jacks.smbus import SmbusOnly
from neurorack.mailbox import Mailbox
from neurorack.rack.bus import RackBus
from neurorack.rack.control import RackControl
from neurorack.rundir import Lock, stranger
from neurorack.shared import PANEL, VOLTS, Snapshot, Switch
from neurorack.statedir import calibration_path
from neurorack.words import CV_JACKS

VOCT = InForce.of_board(load_board()).nominals[0]


@pytest.fixture
def models(tmp_path, monkeypatch, tiny_bundle):
    folder = tmp_path / "models"
    shutil.copytree(tiny_bundle, folder / "tiny")
    monkeypatch.setenv("NEURORACK_MODELS", str(folder))
    return folder


@pytest.fixture
def make_broken(make_tiny_bundle):
    """Makes a bundle that is whole by its card and graph, of which the runtime refuses the decoder's shapes."""

    def make(folder):
        import onnx

        make_tiny_bundle(folder)
        network = onnx.load(str(folder / "decoder.onnx"))
        for constant in network.graph.initializer:
            if constant.name == "weights":
                constant.CopyFrom(onnx.numpy_helper.from_array(np.zeros((3, 1), np.float32), "weights"))
        onnx.save(network, str(folder / "decoder.onnx"))
        card = read_card(folder)
        write_card(folder, msgspec.structs.replace(card, decoder=describe_network(folder / "decoder.onnx")))

    return make


@pytest.fixture
def rack_board(tmp_path):
    """The packaged board on the virtual rack's buses."""
    text = DEFAULT_BOARD.read_text().replace("/dev/i2c-7", "rack:a").replace("/dev/i2c-1", "rack:b")
    (tmp_path / "board.toml").write_text(text)
    (tmp_path / "run").mkdir(mode=0o700)
    return tmp_path / "board.toml"


@pytest.fixture
def only(monkeypatch):
    """Leaves the doctor these checks alone: the others take seconds."""

    def leave(*names):
        for name in ("_machine", "_sound", "_chips", "_jacks", "_calibration", "_lines", "_real_time", "_instruments"):
            if name not in names:
                monkeypatch.setattr(doctor, name, lambda *_: iter(()))

    return leave


def told(report, topic):
    return [finding for finding in report.findings if finding.topic == topic]


def test_on_a_machine_without_chips_the_module_can_still_play(models, tmp_path):
    report = examine(run_dir=tmp_path / "run")
    assert report.status == 0
    assert all(finding.mend for finding in report.findings if finding.state != OK)
    assert any("no such I2C bus" in finding.what and "--rack" in finding.mend for finding in told(report, "chips"))
    assert {finding.topic for finding in report.findings} >= {"machine", "sound", "chips", "lines", "real time"}
    json.dumps(report.to_json(), allow_nan=False)
    assert report.describe().endswith("The module can play.")


def test_chips_are_asked_by_their_addresses(models, tmp_path, rack_board):
    chips = told(examine(rack_board, tmp_path / "run"), "chips")
    assert [finding.state for finding in chips] == [OK] * 5
    assert "0x48" in chips[0].what


def test_a_chip_that_does_not_answer_is_named(models, tmp_path, rack_board):
    rack_board.write_text(rack_board.read_text().replace("0x3C", "0x3D"))
    silent = [finding for finding in told(examine(rack_board, tmp_path / "run"), "chips") if finding.state != OK]
    assert len(silent) == 1
    assert "oled" in silent[0].what


@pytest.mark.parametrize("error", sorted(HELD_LOW))
def test_a_bus_held_low_is_named_once_instead_of_all_its_chips(models, tmp_path, rack_board, monkeypatch, error):
    def held(bus, *messages):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(RackBus, "i2c_rdwr", held)
    chips = told(examine(rack_board, tmp_path / "run"), "chips")
    assert [finding.state for finding in chips] == [BROKEN, BROKEN]
    assert re.fullmatch(r"bus a: SDA or SCL is held low, no chip can answer \(.+\)", chips[0].what)
    assert "one by one" in chips[0].mend


@pytest.mark.parametrize(("moved", "to"), [("adc_cv", 0x48), ("adc_pots", 0x49), ("adc_voct", 0x4A)])
def test_two_converters_at_one_address_are_told_with_the_one_that_is_missed(only, tmp_path, rack_board, moved, to):
    only("_chips")
    RackControl(tmp_path / "run").fault(moved, "strapped", address=to)
    found = [finding for finding in told(examine(rack_board, tmp_path / "run"), "chips") if finding.state != OK]
    said = {finding.what.split(" does not")[0].split(" is two")[0]: finding for finding in found}
    own = {"adc_voct": 0x48, "adc_cv": 0x49, "adc_pots": 0x4A}
    named = {address: f"{name.replace('_', '.')}: ads1115 at {address:#04x} on bus a" for name, address in own.items()}
    assert set(said) == {named[to], named[own[moved]]}
    assert "is two chips" in said[named[to]].what
    assert "does not answer" in said[named[own[moved]]].what
    assert all("ADDR to ground is 0x48" in finding.mend for finding in found)


def test_converters_that_are_at_work_are_not_disturbed(only, tmp_path, rack_board, monkeypatch):
    only("_chips")
    written = []
    whole = RackBus.i2c_rdwr
    monkeypatch.setattr(RackBus, "i2c_rdwr", lambda bus, *m: (written.extend(m), whole(bus, *m)))
    with Lock(tmp_path / "run" / "jacks.lock"):
        assert [f.state for f in told(examine(rack_board, tmp_path / "run"), "chips")] == [OK] * 5
    assert all(message.flags for message in written)  # reads alone


def test_a_module_that_one_may_not_look_into_is_not_disturbed_either(only, tmp_path, rack_board, monkeypatch):
    """The service's own folder, to a user who is not in its group."""
    only("_chips")
    monkeypatch.setattr("neurorack.rundir.may_enter", lambda path: False)
    monkeypatch.setattr("neurorack.jacks.twins.twins", lambda *_: pytest.fail("wrote to a converter"))
    assert [f.state for f in told(examine(rack_board, tmp_path / "run"), "chips")] == [OK] * 5


def test_whoever_may_not_look_into_a_module_is_told_how_to_get_in_and_nothing_faints(only, run_dir, monkeypatch):
    monkeypatch.setenv("NEURORACK_RUN_DIR", str(run_dir))
    only("_chips", "_jacks", "_calibration")
    board = load_board()
    with Lock(run_dir / "jacks.lock"), locked_out(run_dir):
        report = examine()
        strange = stranger(run_dir)
    assert not [finding for finding in report.findings if "could not be examined" in finding.what]
    for topic in ("jacks", "calibration", "run directory"):
        assert told(report, topic)[0].mend == strange.mend
    assert len(told(report, "chips")) == len(board.buses), "that there are none here is still told"


def test_jacks_that_nobody_reads_are_measured(models, tmp_path, rack_board):
    hands = RackControl(tmp_path / "run")
    for jack in CV_JACKS:
        hands.unplug(jack)
    jacks = told(examine(rack_board, tmp_path / "run"), "jacks")
    assert [finding.data["jack"] for finding in jacks] == list(CV_JACKS)
    assert all(abs(finding.data["mean_v"]) < 2e-3 and finding.data["noise_cents"] < 0.7 for finding in jacks)
    assert all(" noise " in finding.what for finding in jacks if finding.state == OK)


def test_a_reference_that_is_not_wired_is_named(models, tmp_path, rack_board, monkeypatch):
    monkeypatch.setattr(Reference, "take", lambda made, code: None)
    jacks = told(examine(rack_board, tmp_path / "run"), "jacks")
    assert jacks[0].state == NOTE and "does not see its reference of 2.5 V" in jacks[0].what
    assert "[reference]" in jacks[0].mend


def test_a_reference_that_is_lost_is_told_by_the_module_that_runs(only, tmp_path, rack_board):
    only("_jacks")
    newest = Snapshot(tmp_path / "run" / "volts", VOLTS, create=True)
    newest.record.reference_v = 2.5
    for lost in (0, 1):
        newest.record.reference_lost = lost
        newest.publish()
        with Lock(tmp_path / "run" / "jacks.lock"):
            found = [f for f in told(examine(rack_board, tmp_path / "run"), "jacks") if f.state == NOTE]
        assert len(found) == lost
    assert "does not see its reference of 2.5 V" in found[0].what and "[reference]" in found[0].mend


def test_a_jack_over_range_is_told_from_the_module_that_runs(models, tmp_path, rack_board):
    newest = Snapshot(tmp_path / "run" / "volts", VOLTS, create=True)
    newest.record.over = (0, 0, -1, 0, 0)
    newest.publish()
    with Lock(tmp_path / "run" / "jacks.lock"):
        jacks = told(examine(rack_board, tmp_path / "run"), "jacks")
    assert [finding.state for finding in jacks] == [OK, OK, NOTE, OK, OK]
    assert jacks[2].what == "cv2 is over range, beyond -5 V"
    assert "op-amp" in jacks[2].mend


def test_every_shipped_board_can_be_examined_and_what_it_lacks_is_broken_where_it_was_named(only, tmp_path):
    only("_chips", "_lines")
    for board in (None, *BOARDS.values()):
        report = examine(board, tmp_path / "run")
        assert {f.state for f in (*told(report, "lines"), *told(report, "chips"))} == {BROKEN if board else NOTE}
        assert "no GPIO chip with this label" in told(report, "lines")[0].what
        assert report.status == (1 if board else 0)


def test_a_bus_at_its_default_speed_is_refused(models, tmp_path, rack_board, monkeypatch):
    monkeypatch.setattr(doctor, "I2C_NODES", tmp_path)
    (tmp_path / "rack:a" / "of_node").mkdir(parents=True)
    (tmp_path / "rack:b" / "of_node").mkdir(parents=True)
    (tmp_path / "rack:b" / "of_node" / "clock-frequency").write_bytes((400_000).to_bytes(4, "big"))
    report = examine(rack_board, tmp_path / "run")
    assert [f.what for f in told(report, "chips") if f.state == BROKEN] == ["bus a runs at 100 kHz"]
    assert report.status == 1


def test_a_provider_is_believed_only_after_real_inference(models, tmp_path):
    figures = [finding.data for finding in told(examine(run_dir=tmp_path / "run"), "instruments") if finding.data]
    assert figures[0]["provider"] == "CPUExecutionProvider"
    assert 0 < figures[0]["median_s"] <= figures[0]["p99_s"]


def test_a_provider_that_only_claims_to_be_there_is_a_note(models, tmp_path, monkeypatch):
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["NoSuchProvider", "CPUExecutionProvider"])
    found = told(examine(run_dir=tmp_path / "run"), "instruments")
    assert [f.state for f in found if "NoSuchProvider" in f.what] in ([NOTE], [])
    assert not any(f.state == OK and "NoSuchProvider" in f.what for f in found)


def test_a_damaged_bundle_is_told_and_none_at_all_is_fatal(models, tmp_path):
    (models / "tiny" / "decoder.onnx").write_bytes(b"no network")
    report = examine(run_dir=tmp_path / "run")
    assert [f.state for f in told(report, "instruments")] == [NOTE, BROKEN]
    assert "decoder.onnx" in told(report, "instruments")[0].what
    assert report.status == 1
    assert "1 to mend" in report.describe()


def test_a_check_that_fails_does_not_stop_the_others(models, tmp_path, monkeypatch):
    def faint():
        raise RuntimeError("oh")
        yield

    monkeypatch.setattr(doctor, "_sound", faint)
    report = examine(run_dir=tmp_path / "run")
    assert [f.what for f in told(report, "sound")] == ["could not be examined: RuntimeError: oh"]
    assert told(report, "run directory")


def test_a_run_directory_of_strangers_is_fatal(models, tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    assert examine(run_dir=tmp_path / "open").status == 1


def test_a_board_that_is_none_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match="cannot read the board"):
        examine(tmp_path / "none.toml")


def test_a_bundle_whose_decoder_cannot_run_is_named_and_the_runtime_is_not_blamed(models, tmp_path, make_broken):
    make_broken(models / "aaa")
    found = told(examine(run_dir=tmp_path / "run"), "instruments")
    assert [f.what.split(":")[0] for f in found if f.state == NOTE] == ["aaa"]
    assert "does not run" in found[0].what
    assert [f.data["bundle"] for f in found if f.data.get("provider") == "CPUExecutionProvider"] == ["tiny"]


def test_text_of_a_stranger_does_not_move_the_terminal():
    report = doctor.Report([doctor.Finding("instruments", NOTE, "\x1b]0;owned\x07", "\x1b[2J")])
    assert "\x1b" not in report.describe()


def test_a_run_directory_without_room_is_fatal(models, tmp_path, monkeypatch):
    monkeypatch.setattr("neurorack.rundir.ROOM_BYTES", 1 << 60)
    assert [f.state for f in told(examine(run_dir=tmp_path / "run"), "run directory")] == [BROKEN]


def test_the_calibration_in_force_is_looked_at(only, tmp_path, monkeypatch):
    only("_calibration")
    (tmp_path / "run").mkdir(mode=0o700)

    def said():
        return [(f.state, f.what) for f in told(examine(run_dir=tmp_path / "run"), "calibration")]

    cents = uncalibrated_cents(load_board(), beside_reference=True)
    assert said() == [(NOTE, f"voct plays uncalibrated, up to {cents:.0f} cents off (no {calibration_path()})")]
    sound = Calibration({"voct": Correction([0.01, 1.01, 3.01], [0.0, 1.0, 3.0], VOCT)})
    sound.save(calibration_path())
    where = f"voct was measured at 0, 1, 3 V: takes back up to 12.0 cents ({calibration_path()})"
    assert said() == [(OK, where)]
    sound.save(calibration_path())
    calibration_path().write_text("torn")
    (damaged, notice), *rest = said()
    assert damaged == NOTE and "the one before is used" in notice and rest == [(OK, where)]
    former_path(calibration_path()).write_text("torn")
    (damaged, notice), *rest = said()
    assert damaged == NOTE and "playing uncalibrated" in notice and rest == []
    with Lock(tmp_path / "run" / "jacks.lock"):
        (tmp_path / "run" / "calibration").symlink_to(tmp_path / "mine.toml")
        sound.save(tmp_path / "mine.toml")
        assert said() == [(OK, where.replace(str(calibration_path()), str(tmp_path / "mine.toml")))]


def test_a_calibration_is_judged_by_what_the_module_that_runs_counts_in(only, tmp_path):
    """Its board file may be another than the doctor was given."""
    only("_calibration")
    (tmp_path / "run").mkdir(mode=0o700)
    board = load_board()
    other = msgspec.structs.replace(VOCT, gain=-0.3)
    Calibration({"voct": Correction([0.01, 1.01], [0.0, 1.0], other)}).save(calibration_path())
    newest = Snapshot(tmp_path / "run" / "volts", VOLTS, create=True)
    newest.record.t_ns, newest.record.reference_v, newest.record.reference_used = 1, 2.5, 1
    newest.record.gain = [-0.3, *(jack.gain for jack in board.jacks.in_order()[1:])]
    newest.record.offset_v = [jack.offset_v for jack in board.jacks.in_order()]
    newest.publish()

    def said():
        return [(f.state, f.what) for f in told(examine(run_dir=tmp_path / "run"), "calibration")]

    ((state, what),) = said()
    assert state == NOTE and f"calibration {calibration_path()}, voct: its volts count in" in what
    with Lock(tmp_path / "run" / "jacks.lock"):
        assert [state for state, _ in said()] == [OK]
        newest.record.gain = [jack.gain for jack in board.jacks.in_order()]
        newest.publish()
        assert [state for state, _ in said()] == [NOTE]


def test_what_an_uncalibrated_module_may_be_off_by_depends_on_the_reference_in_force(only, tmp_path):
    only("_calibration")
    (tmp_path / "run").mkdir(mode=0o700)
    newest = Snapshot(tmp_path / "run" / "volts", VOLTS, create=True)
    newest.record.t_ns, newest.record.reference_v = 1, 2.5
    said = []
    for used in (0, 1):
        newest.record.reference_used = used
        newest.publish()
        with Lock(tmp_path / "run" / "jacks.lock"):
            said += [f.what for f in told(examine(run_dir=tmp_path / "run"), "calibration")]
    assert ["up to 50 cents off" in said[0], "up to 20 cents off" in said[1]] == [True, True]


def test_a_display_behind_an_adapter_of_smbus_alone_is_said_to_stay_dark(only, tmp_path, rack_board, monkeypatch):
    """The other chips answer there as ever."""
    only("_chips")

    monkeypatch.setattr("neurorack.jacks.bus.open_bus", lambda *place: SmbusOnly(open_bus(*place)))
    chips = told(examine(rack_board, tmp_path / "run"), "chips")
    (dark,) = [finding for finding in chips if finding.state != OK]
    assert "oled: ssd1306 at 0x3c on bus b stays dark" in dark.what and "SMBus transfers alone" in dark.what
    assert "oled.bus" in dark.mend and "neurorack console" in dark.mend
    assert len(chips) == 5


def test_settings_that_cannot_be_read_come_with_a_mend_of_their_own(only, state_dir):
    only()
    state_dir.mkdir(parents=True)
    (state_dir / "settings-4.a").symlink_to("settings-4.a")
    mends = [f.mend for f in told(examine(), "settings") if f.state == NOTE]
    assert ["until then nothing is saved" in mend for mend in mends] == [True]


def test_settings_that_are_damaged_or_cannot_be_saved_are_told_and_not_fatal(models, state_dir):
    assert [f.state for f in told(examine(), "settings")] == [OK]
    assert not state_dir.exists(), "it looks and touches nothing"
    state_dir.mkdir(parents=True)
    (state_dir / "settings-4.a").write_text("?")
    assert [f.state for f in told(examine(), "settings")] == [NOTE, OK]
    (state_dir / "settings-4.a").unlink()
    state_dir.rmdir()
    state_dir.write_text("a file in its place")
    assert [f.state for f in told(examine(), "settings")] == [NOTE, NOTE]


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"CONFIG_RT_GROUP_SCHED=y\n")])
def test_a_kernel_that_rations_real_time_by_group_is_named_where_fifo_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.setattr(doctor, "KERNEL_CONFIG", tmp_path / "config.gz")
    monkeypatch.setattr(doctor.platform, "release", lambda: "0-of-no-kernel")
    monkeypatch.setattr(doctor, "_child", lambda *arguments: (1, "", ""))
    monkeypatch.setattr(doctor.os, "geteuid", lambda: 0)
    monkeypatch.setattr(doctor, "CPU_GROUPS", tmp_path / "cpu")
    (tmp_path / "config.gz").write_bytes(content)
    refused = next(finding for finding in doctor._real_time() if "SCHED_FIFO" in finding.what)
    assert ("RT_GROUP_SCHED" in refused.mend) == (len(content) > 10)


def test_it_makes_no_run_directory(only, tmp_path):
    only()
    examine(run_dir=tmp_path / "a" / "run")
    assert not (tmp_path / "a").exists()


def test_sockets_and_a_server_that_are_gone_beside_a_module_that_runs_are_told_with_a_mend(only, tmp_path):
    only()
    run_dir = tmp_path / "run"
    run_dir.mkdir(mode=0o700)

    def said():
        return [f.what.partition(" (")[0] for f in told(examine(run_dir=run_dir), "run directory") if f.mend]

    quiet = said()
    with Lock(run_dir / "daemon.lock"):
        box = Mailbox(run_dir)
        no_server = "the server of the socket does not run: no console, no keyboard reaches the module"
        assert said() == [*quiet, no_server]
        with Lock(run_dir / "remote.lock"):
            assert said() == [*quiet, "remote.socket is gone, though remote runs"]
            (run_dir / "daemon.socket").unlink()
            assert said()[len(quiet)] == "daemon.socket is gone, though daemon runs"
        box.close()


@pytest.fixture
def hanging(only, tmp_path, monkeypatch):
    """The run directory of a module that plays, whose daemon drew its panel a minute ago and answers nobody."""
    only()
    monkeypatch.setattr("neurorack.mailbox.ANSWER_S", 0.05)
    run_dir = tmp_path / "run"
    run_dir.mkdir(mode=0o700)
    panel, switch, box = Snapshot(run_dir / "panel", PANEL, create=True), Switch(run_dir / "panic", create=True), None
    panel.record["t_ns"] = time.monotonic_ns() - 60_000_000_000
    panel.publish()
    with Lock(run_dir / "engine.lock"), Lock(run_dir / "daemon.lock") as daemon:
        box = Mailbox(run_dir)
        yield run_dir, daemon, panel, switch
        box.close()
    switch.close()
    panel.close()


def test_a_daemon_that_hangs_is_told_with_since_when_and_whether_it_is_silent(hanging):
    run_dir, _, panel, switch = hanging
    report = examine(run_dir=run_dir)
    (found,) = broken(report)
    assert found.what == f"the daemon has not stirred for 60 s (process {os.getpid()})"
    assert f"kill -CONT {os.getpid()}" in found.mend and report.status == 1
    switch.on = True
    (found,) = broken(examine(run_dir=run_dir))
    assert found.what.startswith("silenced by panic, and the daemon has not stirred for 60 s")
    panel.record["t_ns"] = time.monotonic_ns()
    panel.publish()
    assert not broken(examine(run_dir=run_dir)), "a panic that lasts its second"


def test_a_panic_that_no_daemon_is_there_to_end_is_told(hanging):
    run_dir, daemon, _, switch = hanging
    daemon.release()
    assert not broken(examine(run_dir=run_dir)), "engine and jacks play on by themselves"
    switch.on = True
    (found,) = broken(examine(run_dir=run_dir))
    assert found.what == "silenced by panic, and no daemon runs to let it play again"
    assert "ctl panic" in found.mend


def broken(report):
    return [finding for finding in report.findings if finding.state == BROKEN]
