"""What is there, what is missing and what to do about it, from the sound card to the bundle.

Every check returns findings and none raises. What could hang or crash (PortAudio beside a dying sound server, real-time
limits) is tried in a child process with a time limit.
"""

import contextlib
import grp
import gzip
import json
import os
import platform
import pwd
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

import neurorack
from neurorack.errors import BadInput
from neurorack.keeper import describe
from neurorack.terminal import plain
from neurorack.words import HOP, SAMPLE_RATE_HZ

OK, NOTE, BROKEN = "ok", "note", "broken"
"""`note`: the module plays without it. `broken`: no sound can come out, or none as promised."""

I2C_NODES = Path("/sys/bus/i2c/devices")
KERNEL_CONFIG = Path("/proc/config.gz")
"""How the running kernel was made, where it tells: those of JetPack do, and have none below /boot."""

CPU_GROUPS = Path("/sys/fs/cgroup/cpu")
"""Of the first version of control groups; the root has its ration there."""

BUS_DEFAULT_HZ = 100_000
"""Of a bus whose device tree says nothing."""

CHILD_S = 60.0
"""Patience with a child: some providers compile for a while."""

BLOCK = 128
CALLS = 400
"""Timed inferences for each provider: half a second of a slow one."""


@dataclass(frozen=True)
class Finding:
    """One line: `topic` groups, `what` is the fact, `mend` what to do where `state` is not ok."""

    topic: str
    state: str
    what: str
    mend: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    findings: list[Finding]

    @property
    def status(self) -> int:
        """0, or 1 where something is broken."""
        return int(any(finding.state == BROKEN for finding in self.findings))

    def to_json(self) -> dict[str, Any]:
        return {
            "version": neurorack.__version__,
            "plays": self.status == 0,
            "findings": [asdict(f) for f in self.findings],
        }

    def describe(self, *, colour: bool = False) -> str:
        """A line a finding; the mend on a line of its own."""
        lines, topic = [], ""
        for finding in self.findings:
            if finding.topic != topic:
                topic = finding.topic
                lines.append(topic)
            mark = {OK: "ok    ", NOTE: "note  ", BROKEN: "BROKEN"}[finding.state]
            if colour:
                mark = f"\x1b[{ {OK: 32, NOTE: 33, BROKEN: 31}[finding.state] }m{mark}\x1b[0m"
            lines.append(f"  {mark} {plain(finding.what)}")
            if finding.mend:
                lines.append(f"         → {plain(finding.mend)}")
        broken = sum(finding.state == BROKEN for finding in self.findings)
        lines.append(f"{broken} to mend before the module plays as promised." if broken else "The module can play.")
        return "\n".join(lines)


def examine(board: Path | None = None, run_dir: Path | None = None) -> Report:
    """All checks. A board file that cannot be read is BadInput; what is missing of a `board` that was named is broken,
    while a machine without any may want to play on the virtual rack."""
    from neurorack.board import load_board

    loaded, missing = load_board(board), NOTE if board is None else BROKEN
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("machine", _machine),
        ("sound", _sound),
        ("chips", lambda: _chips(loaded, run_dir, missing)),
        ("jacks", lambda: _jacks(loaded, run_dir)),
        ("calibration", lambda: _calibration(loaded, run_dir)),
        ("lines", lambda: _lines(loaded, missing)),
        ("real time", _real_time),
        ("instruments", _instruments),
        ("run directory", lambda: _run_directory(run_dir)),
        ("settings", _settings),
    ]
    findings = []
    for topic, check in checks:
        try:
            findings += list(check())
        except BadInput as error:
            findings.append(Finding(topic, NOTE, f"{error.what} ({error.where})", error.mend))
        except Exception as error:  # a doctor that faints helps nobody
            findings.append(Finding(topic, NOTE, f"could not be examined: {type(error).__name__}: {error}"))
    return Report(findings)


def _machine() -> Iterator[Finding]:
    model = _text("/proc/device-tree/model") or platform.machine()
    python = platform.python_version()
    yield Finding("machine", OK, f"neurorack {neurorack.__version__}, Python {python}, {os.cpu_count()} cores, {model}")
    governors = {_text(path) for path in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")}
    if governors - {"performance", ""}:
        named = ", ".join(sorted(governors))
        mend = "sudo cpupower frequency-set -g performance (on a Jetson: sudo jetson_clocks)"
        yield Finding("machine", NOTE, f"processor clock follows the load ({named})", mend)


_LIST_DEVICES = """
import json, os
os.environ["JACK_NO_START_SERVER"] = "1"
import sounddevice
hosts = [host["name"] for host in sounddevice.query_hostapis()]
print(json.dumps([
    {"name": device["name"], "host": hosts[device["hostapi"]], "channels": device["max_output_channels"],
     "rate_hz": device["default_samplerate"]}
    for device in sounddevice.query_devices() if device["max_output_channels"]]))
"""


def _sound() -> Iterator[Finding]:
    status, printed, said = _child("-c", _LIST_DEVICES)
    null = "Until then the module plays to the null device."
    if status is None:
        yield Finding("sound", NOTE, "PortAudio hangs while it looks for cards", f"restart the sound server. {null}")
    elif status != 0:
        reason = said.strip().splitlines()[-1] if said.strip() else f"status {status}"
        yield Finding("sound", NOTE, f"PortAudio does not start: {reason}", f"apt-get install libportaudio2. {null}")
    else:
        devices = json.loads(printed)
        for device in devices:
            what = f"{device['name']} ({device['host']}), {device['channels']} channels, {device['rate_hz']:g} Hz"
            yield Finding("sound", OK, what, data=device)
        if not devices:
            yield Finding("sound", NOTE, "no sound card found", f"connect one or start jackd. {null}")
    cards = Path("/dev/snd")
    if cards.exists() and not all(os.access(card, os.W_OK) for card in cards.glob("pcm*p")):
        yield Finding("sound", NOTE, "may not use the sound cards", _join_group("audio"))


STRAPS = "give each converter its own address: ADDR to ground is 0x48, to its supply 0x49, to SDA 0x4a"
"""Where two answer at one address, another is silent (SBAS444, address selection)."""


def _chips(board: Any, run_dir: Path | None, missing: str) -> Iterator[Finding]:
    from smbus2 import i2c_msg

    from neurorack.clock import MonotonicClock
    from neurorack.jacks.bus import HELD_LOW, open_bus
    from neurorack.jacks.smbus import SmbusOnly
    from neurorack.jacks.twins import twins
    from neurorack.remote.client import find_run_dir
    from neurorack.rundir import holder, may_enter

    place = find_run_dir(run_dir)  # the service's, too: whose converters play are left alone
    plays = not may_enter(place) or bool(holder(place / "jacks.lock"))
    chips = {
        "adc.voct": board.adc.voct,
        "adc.cv": board.adc.cv,
        "adc.pots": board.adc.pots,
        "oled": board.oled,
        "leds": board.leds,
    }
    for name, bus in board.buses.items():
        yield from _bus_clock(name, bus)
        try:
            opened = open_bus(bus.device, MonotonicClock(), place)
        except BadInput as error:
            virtual = f"{error.mend}; without chips: `neurorack run --rack`"
            yield Finding("chips", missing, f"bus {name}: {error.what} ({error.where})", virtual)
            continue
        for key, chip in chips.items():
            if chip.bus != name:
                continue
            where = f"{key}: {chip.kind} at {chip.address:#04x} on bus {name}"
            try:
                opened.i2c_rdwr(i2c_msg.read(chip.address, 1))  # unlike read_byte it is not refused with EBUSY
                doubled = key.startswith("adc") and not plays and twins(opened, chip, MonotonicClock())
            except OSError as error:
                if error.errno in HELD_LOW:
                    mend = "switch off for ten seconds, then unplug its chips one by one; look for a short"
                    what = f"bus {name}: SDA or SCL is held low, no chip can answer ({error.strerror})"
                    yield Finding("chips", missing, what, mend)
                    break
                mend = "check its supply and wires" + (f"; {STRAPS}" if key.startswith("adc") else "")
                yield Finding("chips", missing, f"{where} does not answer ({error.strerror or error})", mend)
            else:
                if key == "oled" and isinstance(opened, SmbusOnly):
                    what = f"{where} stays dark: {bus.device} carries SMBus transfers alone, and no picture"
                    mend = "hang it on an I2C bus of the processor's own (`oled.bus`), or look by `neurorack console`"
                    yield Finding("chips", missing, what, mend)
                elif doubled:
                    yield Finding("chips", missing, f"{where} is two chips, what it reads is a mixture", STRAPS)
                else:
                    yield Finding("chips", OK, where)
        opened.close()


def _bus_clock(name: str, bus: Any) -> Iterator[Finding]:
    """The kernel's clock of a bus, as the device tree has it: big-endian, and 100 kHz where it says nothing."""
    node = I2C_NODES / Path(bus.device).name / "of_node"
    if not node.exists():
        return
    try:
        clock_hz = int.from_bytes((node / "clock-frequency").read_bytes()[:4], "big")
    except OSError:
        clock_hz = BUS_DEFAULT_HZ
    if clock_hz < bus.clock_hz:
        mend = f"set clock-frequency = <{bus.clock_hz}> in the device tree: readings come too late otherwise"
        yield Finding("chips", BROKEN, f"bus {name} runs at {clock_hz // 1000} kHz", mend)
    else:
        yield Finding("chips", OK, f"bus {name} runs at {clock_hz // 1000} kHz")


RESTS_CENTS = 5.0
"""A jack that strays further than this is not at rest: something plays into it."""

LEAST_HZ = {"voct": 400.0, "cv1": 120.0, "cv2": 120.0, "cv3": 120.0, "cv4": 120.0}
"""Readings a second that are promised."""


def _jacks(board: Any, run_dir: Path | None) -> Iterator[Finding]:
    """What the jacks read: from a module that runs, else read here for a second."""
    from neurorack.clock import MonotonicClock
    from neurorack.jacks.bus import open_bus
    from neurorack.jacks.rest import measure_rest
    from neurorack.jacks.scan import Scan
    from neurorack.remote.client import find_run_dir
    from neurorack.rundir import holder, may_enter, stranger
    from neurorack.shared import VOLTS, Snapshot
    from neurorack.words import CV_JACKS

    place, clock = find_run_dir(run_dir), MonotonicClock()
    if not may_enter(place):
        strange = stranger(place)
        yield Finding("jacks", NOTE, strange.what, strange.mend)
        return
    if holder(place / "jacks.lock"):
        newest = Snapshot(place / "volts", VOLTS)
        newest.refresh()
        for jack, volts, over in zip(CV_JACKS, newest.record.cv_v, newest.record.over, strict=True):
            yield _over(board, jack, int(over)) or Finding("jacks", OK, f"{jack} reads {volts:+.3f} V")
        if newest.record.reference_lost:
            yield _lost(float(newest.record.reference_v))
        newest.close()
        return
    try:
        bus = open_bus(board.bus_of(board.adc.voct).device, clock, place)
    except BadInput:
        return  # told with the chips
    scan = Scan(board, bus, None, clock)
    rests = measure_rest(scan, clock)
    bus.close()
    if scan.reference_lost:
        yield _lost(board.reference.volts)
    for rest, chip in zip(rests, (scan.readers[0], *[scan.readers[1]] * 4), strict=True):
        if not chip.ok:
            continue  # told with the chips
        finding, data = _over(board, rest.jack, rest.over), asdict(rest)
        if finding is not None:
            yield finding
        elif rest.rate_hz < LEAST_HZ[rest.jack]:
            what = f"{rest.jack} is read {rest.rate_hz:.0f} times a second, {LEAST_HZ[rest.jack]:.0f} are promised"
            yield Finding("jacks", NOTE, what, "end what else uses the bus or the processor", data)
        elif rest.noise_cents > RESTS_CENTS:
            yield Finding("jacks", OK, f"{rest.jack} moves around {rest.mean_v:+.3f} V", data=data)
        else:
            what = f"{rest.jack} rests at {rest.mean_v:+.4f} V, noise {rest.noise_cents:.2f} cents rms"
            yield Finding("jacks", OK, f"{what}, {rest.rate_hz:.0f} readings a second", data=data)


def _lost(reference_v: float) -> Finding:
    what = f"voct's converter does not see its reference of {reference_v:g} V: its own gain and drift are heard"
    mend = "check the wire to its input, or leave [reference] out of the board file; then calibrate"
    return Finding("jacks", NOTE, what, mend)


def _over(board: Any, jack: str, over: int) -> Finding | None:
    """A jack over range. Its pin stands at a rail, whatever drove it there: only the cable can tell."""
    if not over:
        return None
    limit_v = getattr(board.jacks, jack).high_v if over > 0 else getattr(board.jacks, jack).low_v
    mend = "pull its cable: if that changes nothing, its op-amp, the supply of that or a joint behind it is missing"
    return Finding("jacks", NOTE, f"{jack} is over range, beyond {limit_v:+g} V", mend, {"jack": jack, "over": over})


def _calibration(board: Any, run_dir: Path | None) -> Iterator[Finding]:
    """The one in force: of the jacks that run, else of those that would, with a reference where the board names one."""
    from neurorack.frontend import calibrated_by
    from neurorack.jacks.calibration import Calibration
    from neurorack.jacks.nominal import InForce
    from neurorack.jacks.report import PLAYED_V, before_cents, uncalibrated_cents
    from neurorack.remote.client import find_run_dir
    from neurorack.statedir import calibration_path

    place = find_run_dir(run_dir)
    path = calibrated_by(place) or calibration_path()
    now = _in_force(place) or InForce.of_board(board)
    calibration = Calibration.load(path, now)
    for notice in calibration.notices:
        mend = "mend the file, or run `neurorack calibrate`: what is damaged is kept beside, as *.damaged"
        yield Finding("calibration", NOTE, notice, mend)
    voct = calibration.corrections.get("voct")
    if voct is not None:
        points = ", ".join(f"{v:g}" for v in voct.true_v)
        off_cents = max(abs(before_cents(voct, v)) for v in PLAYED_V)
        what = f"voct was measured at {points} V: takes back up to {off_cents:.1f} cents ({path})"
        yield Finding("calibration", OK, what, data={"path": str(path), "jacks": list(calibration.corrections)})
    elif not calibration.notices:
        cents = uncalibrated_cents(board, beside_reference=now.nominals[0].reference_v > 0.0)
        what = f"voct plays uncalibrated, up to {cents:.0f} cents off (no {path})"
        yield Finding("calibration", NOTE, what, "run `neurorack calibrate`, or calibrate in the panel's menu")


def _in_force(place: Path) -> Any:
    """What the readings of the jacks that run there count in; None where none run, or none whose record we can read."""
    from neurorack.jacks.nominal import InForce
    from neurorack.rundir import holder
    from neurorack.shared import VOLTS, Snapshot

    if not holder(place / "jacks.lock"):
        return None
    try:
        newest = Snapshot(place / "volts", VOLTS)
    except BadInput:
        return None
    newest.refresh()
    now = InForce.of_record(newest.record)
    newest.close()
    return now


def _lines(board: Any, missing: str) -> Iterator[Finding]:
    from neurorack.jacks.lines import CONSUMER, chip_device, line_faults

    virtual = "without chips: `neurorack run --rack`"
    try:
        device = chip_device(board.gpio.chip)
        faults = [fault for fault in line_faults(board.gpio) if f"used by {CONSUMER}" not in fault.what]
    except BadInput as error:
        yield Finding("lines", missing, f"{error.what} ({error.where})", f"{error.mend}; {virtual}")
        return
    for fault in faults:
        yield Finding("lines", NOTE, f"{fault.what} ({fault.where})", fault.mend)
    if not faults:
        what = f"{device}, {board.gpio.chip}: every line is there and free, or in use by the module"
        yield Finding("lines", OK, what)


_TRY_FIFO = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(70))"
_TRY_LOCK = "import ctypes, sys; sys.exit(ctypes.CDLL(None).mlockall(7) != 0)"


def _real_time() -> Iterator[Finding]:
    limits = "add `@audio - rtprio 95` and `@audio - memlock unlimited` to /etc/security/limits.d/audio.conf"
    granted = _child("-S", "-c", _TRY_FIFO)[0] == 0
    if granted:
        yield Finding("real time", OK, "SCHED_FIFO is granted")
    else:
        allowed = os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_RTPRIO)[1] >= 70
        grouped = _rt_groups()
        if allowed and grouped:
            mend = "this kernel rations real time by control group (RT_GROUP_SCHED): set cpu.rt_runtime_us of this one"
            mend += ", or start the kernel with rt_group_sched=0 where it knows that (Linux 6.16)"
        elif allowed:
            mend = "a container or sandbox refuses it: run outside, or give it CAP_SYS_NICE"
        else:
            mend = f"{limits}, {_join_group('audio')}, or use the systemd unit"
        what = "SCHED_FIFO is refused: under load blocks will be lost"
        yield Finding("real time", NOTE, what, mend, {"rt_group_sched": grouped})
    runtime = _text("/proc/sys/kernel/sched_rt_runtime_us")
    if granted and runtime not in ("", "-1"):
        share = 100 * int(runtime) / int(_text("/proc/sys/kernel/sched_rt_period_us") or "1000000")
        yield Finding("real time", OK, f"real-time processes may take {share:g} % of the processor")
    if _child("-S", "-c", _TRY_LOCK)[0] == 0:
        yield Finding("real time", OK, "memory can be locked")
    else:
        yield Finding("real time", NOTE, "memory cannot be locked: a page fault may cost a block", limits)


def _rt_groups() -> bool:
    """This kernel has RT group scheduling, as far as one can see."""
    if "CONFIG_RT_GROUP_SCHED=y" in _text(f"/boot/config-{platform.release()}") + _unpacked(KERNEL_CONFIG):
        return True
    return (CPU_GROUPS / "cpu.rt_runtime_us").exists()


def _instruments() -> Iterator[Finding]:
    from neurorack import bundle

    try:
        import onnxruntime
    except ImportError as error:
        mend = "pip install onnxruntime; on a Jetson the onnxruntime-gpu wheel made for its JetPack"
        yield Finding("instruments", BROKEN, f"ONNX Runtime is missing: {error}", mend)
        return
    playing = []
    for folder in bundle.installed():
        try:
            loaded = bundle.load(folder)
            _play_once(loaded.folder)
        except BadInput as error:
            yield Finding("instruments", NOTE, f"{folder.name}: {error.what} ({error.where})", error.mend)
        else:
            playing.append(loaded.folder)
            what = f"{folder.name}: whole, {len(loaded.gestures)} gestures, {loaded.card.license}"
            yield Finding("instruments", OK, what)
    if not playing:
        where = ", ".join(map(str, bundle.folders()))
        yield Finding("instruments", BROKEN, f"no instrument that plays in {where}", "neurorack models install FOLDER")
        return
    works = [_provider(provider, playing[0]) for provider in onnxruntime.get_available_providers()]
    yield from (finding for finding in works if finding is not None)
    if not any(finding is not None and finding.state == OK for finding in works):
        mend = "install the build of ONNX Runtime made for this machine, or choose a smaller instrument"
        yield Finding("instruments", BROKEN, "no provider of ONNX Runtime plays in time", mend)


_PLAY_ONCE = """
import sys
from neurorack.bundle import load
from neurorack.engine.decoder import Decoder
from neurorack.errors import BadInput
try:
    Decoder(load(sys.argv[1]), int(sys.argv[2]))
except BadInput as error:
    sys.exit(error.what)
"""


def _play_once(folder: Path) -> None:
    """Raise BadInput where the bundle's own decoder does not run on the processor: that says nothing of a provider."""
    status, _, said = _child("-c", _PLAY_ONCE, str(folder), str(BLOCK // HOP))
    if status != 0:
        mend = "use another; where none plays, install the build of ONNX Runtime made for this machine"
        raise BadInput(_reason(status, said), str(folder), mend)


def _reason(status: int | None, said: str) -> str:
    """Why a child failed: it hung, or its last line, or how it ended."""
    if status is None:
        return "it hangs"
    return (said.strip().splitlines() or [f"it ends with {describe(status)}"])[-1][:120]


_TIME_INFERENCE = """
import json, sys, time
import numpy as np
import onnxruntime
from neurorack.bundle import load
from neurorack.engine.decoder import Decoder
folder, provider, frames, calls = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
loaded = load(folder)
taken = onnxruntime.InferenceSession(loaded.decoder_onnx, providers=[provider]).get_providers()[0]
if taken != provider:
    sys.exit("it does not start")
decoder = Decoder(loaded, frames, provider)
took_s = np.empty(calls)
for call in range(calls):
    began = time.perf_counter()
    decoder.run()
    took_s[call] = time.perf_counter() - began
median_s, p99_s = np.percentile(took_s, (50, 99))
print(json.dumps({"median_s": median_s, "p99_s": p99_s}))
"""


def _provider(provider: str, folder: Path) -> Finding | None:
    """Time real calls of a decoder: what `get_available_providers` says is only a hope.

    Where a provider does not start, ONNX Runtime quietly takes the processor instead; and some crash.
    """
    if provider == "AzureExecutionProvider":  # sends networks elsewhere and runs none
        return None
    status, printed, said = _child("-c", _TIME_INFERENCE, str(folder), provider, str(BLOCK // HOP), str(CALLS))
    if status != 0:
        reason = _reason(status, said)
        mend = "install the build of ONNX Runtime made for this machine"
        return Finding("instruments", NOTE, f"{provider} of ONNX Runtime does not work: {reason}", mend)
    data = json.loads(printed.splitlines()[-1])
    period_s = BLOCK / SAMPLE_RATE_HZ
    share = f"{100 * data['median_s'] / period_s:.1f} % of real time"
    figures = f"{data['median_s'] * 1e3:.3f} ms a block of {BLOCK} ({share}), p99 {data['p99_s'] * 1e3:.3f}"
    data = {"provider": provider, "bundle": folder.name, **data}
    if data["median_s"] > period_s:
        what = f"{provider} is too slow for {folder.name}: {figures}"
        return Finding("instruments", NOTE, what, "choose a smaller instrument, or another provider", data)
    return Finding("instruments", OK, f"{provider} plays {folder.name} in {figures}", data=data)


def _run_directory(run_dir: Path | None) -> Iterator[Finding]:
    from neurorack import mailbox
    from neurorack.remote import client
    from neurorack.rundir import check_room, check_run_dir, default_run_dir, holder, room_bytes

    try:
        place = check_run_dir(run_dir or default_run_dir())
        check_room(place)
    except BadInput as error:
        yield Finding("run directory", BROKEN, f"{error.what} ({error.where})", error.mend)
        return
    yield Finding("run directory", OK, f"{place}, room for {room_bytes(place) >> 20} MiB")
    if _filesystem(place) not in ("tmpfs", "ramfs"):
        what, mend = f"{place} is on a disk", "use one in memory: set NEURORACK_RUN_DIR, e.g. to /dev/shm/neurorack"
        yield Finding("run directory", NOTE, what, mend)
    running = {name: holder(place / f"{name}.lock") for name in ("daemon", "engine", "jacks", "remote")}
    alive = ", ".join(f"{name} (process {pid})" for name, pid in running.items() if pid)
    yield Finding("run directory", OK, f"running: {alive}" if alive else "no module runs here", data=running)
    yield from _daemon(place, running)
    if not running["daemon"]:
        return
    if not running["remote"]:
        what = "the server of the socket does not run: no console, no keyboard reaches the module"
        mend = "wait a few seconds, it is started again; else restart the daemon, `systemctl restart neurorack-daemon`"
        yield Finding("run directory", NOTE, f"{what} ({place})", mend)
    for name, socket in (("daemon", mailbox.SOCKET), ("remote", client.SOCKET)):
        if running[name] and not (place / socket).is_socket():
            mend = f"wait a second, it is made anew; else remove what is in its place, and end process {running[name]}"
            yield Finding("run directory", NOTE, f"{socket} is gone, though {name} runs ({place})", mend)


STILL_S = 3.0
"""A panel that stands still for so long has not been drawn sixty times: then the daemon itself is asked."""


def _daemon(place: Path, running: dict[str, int]) -> Iterator[Finding]:
    """A daemon that hangs; and a panic that none is there to end."""
    from neurorack.shared import Switch

    daemon = running["daemon"]
    if daemon and (still_s := _still_s(place)) > STILL_S and not _answers(place):
        why = f"the daemon has not stirred for {still_s:.0f} s (process {daemon})"
        mend = f"`kill -CONT {daemon}` where somebody has stopped it; else `kill -KILL {daemon}`, and start it again"
    elif running["engine"] and not daemon:
        why = "no daemon runs to let it play again"
        mend = "`neurorack ctl panic` once more plays as out of the box; or start the daemon"
    else:
        return
    silenced = False
    with contextlib.suppress(BadInput):  # no switch, no panic
        switch = Switch(place / "panic")
        silenced = bool(running["engine"]) and switch.on
        switch.close()
    if silenced:
        why = f"silenced by panic, and {why}"
    if silenced or daemon:
        yield Finding("run directory", BROKEN, why, mend)


def _still_s(place: Path) -> float:
    """Seconds since the daemon has drawn its panel; 0 where it never has."""
    from neurorack.shared import PANEL, Snapshot

    try:
        panel = Snapshot(place / "panel", PANEL)
    except BadInput:
        return 0.0
    drawn_ns = int(panel.record["t_ns"]) if panel.refresh() else 0
    panel.close()
    return (time.monotonic_ns() - drawn_ns) * 1e-9 if drawn_ns else 0.0


def _answers(place: Path) -> bool:
    """Whether the daemon takes a letter in good time."""
    from neurorack.mailbox import ask
    from neurorack.presets import Request

    try:
        return ask(place, msgspec.json.encode(Request("list"))) is not None
    except BadInput:
        return False


def _settings() -> Iterator[Finding]:
    from neurorack.settings.store import Store
    from neurorack.statedir import state_dir

    store = Store(state_dir())
    presets = len(store.load().presets)
    if store.barred:
        mend = "let the module's user read them, or move them elsewhere; until then nothing is saved"
    else:
        mend = "play on, the next save keeps them beside; or mend them while no module runs, as README.md has it"
    for notice in store.notices:
        yield Finding("settings", NOTE, notice, mend)
    there = next(place for place in (store.folder, *store.folder.resolve().parents) if os.path.exists(place))
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Finding("settings", OK, f"{store.folder}, {presets} presets")
    else:
        what, mend = f"nothing can be saved in {store.folder}", "chown it to you, or give another with NEURORACK_STATE"
        yield Finding("settings", NOTE, what, mend)


def _filesystem(place: Path) -> str:
    """Type of the file system that holds `place`: the mount with the longest path above it."""
    mounts = [line.split()[1:3] for line in _text("/proc/mounts").splitlines()]
    above = [(len(point), kind) for point, kind in mounts if place.is_relative_to(point)]
    return max(above)[1] if above else ""


def _join_group(group: str) -> str:
    user = pwd.getpwuid(os.geteuid()).pw_name
    try:
        grp.getgrnam(group)
    except KeyError:
        return f"there is no group {group} here: give {user} access with a udev rule"
    return f"sudo usermod -aG {group} {user}, then log in again"


def _child(*arguments: str) -> tuple[int | None, str, str]:
    """(status, stdout, stderr) of a Python of its own; status None where it hung."""
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=CHILD_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, "", ""
    return done.returncode, done.stdout, done.stderr


def _unpacked(path: Path) -> str:
    try:
        return gzip.decompress(path.read_bytes()).decode("ascii", "replace")
    except (OSError, EOFError, zlib.error):
        return ""


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""
