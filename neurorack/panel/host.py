"""The machine under the module: how warm it is, what feeds it, and where it can be reached."""

import contextlib
import fcntl
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys")

NO_SENSORS = ("PMIC-Die",)
"""Thermal zones that say a fixed 100 °C: the Jetson Nano's, where no sensor stands behind it."""

SUPPLY_RAILS = ("VDD_IN", "VIN_SYS_5V0", "POM_5V_IN")
"""What Orin Nano and NX, AGX Orin, and Nano call the rail that feeds the module, on their INA3221."""

_SIOCGIFADDR = 0x8915  # netdevice(7): the IPv4 address of an interface


def warmest_c(sysfs: Path = SYSFS) -> float | None:
    """Of all zones the kernel measures, None where there is none. Zones that are asleep refuse to be read."""
    found = []
    for zone in (sysfs / "class/thermal").glob("thermal_zone*"):
        if _text(zone / "type") not in NO_SENSORS and (millidegrees := _number(zone / "temp")) is not None:
            found.append(millidegrees / 1000)
    return max(found, default=None)


@dataclass(frozen=True)
class Supply:
    """What the machine says of its supply; None and 0 where it says nothing. The counts are since it was started."""

    volts: float | None = None
    dips: int = 0
    """Times its voltage was too low for the chip, which then slowed itself."""
    overloads: int = 0
    """Times its current, averaged, was too high; the short peaks, thousands a day on a healthy Orin, are left out."""
    overloaded: bool = False
    """More current than is good for it flows now."""


def supply(sysfs: Path = SYSFS) -> Supply:
    """From hwmon. An INA3221 gives in1…3_label, _input in mV and curr1…3_crit_alarm (kernel, Documentation/hwmon/
    ina3221.rst); Orin's soctherm_oc counts oc1 (under voltage), oc2 (average over current) and oc3 (instantaneous)
    in ocN_event_cnt (NVIDIA Jetson Linux Developer Guide r36, Platform Power and Performance, Jetson Orin)."""
    found = Supply()
    for chip in sorted((sysfs / "class/hwmon").glob("hwmon*")):
        name = _text(chip / "name")
        if name == "ina3221":
            for channel in _rails(chip):
                millivolts, alarm = _number(chip / f"in{channel}_input"), _number(chip / f"curr{channel}_crit_alarm")
                volts = None if millivolts is None else millivolts / 1000
                found = Supply(volts, found.dips, found.overloads, bool(alarm))
        elif name == "soctherm_oc":
            dips, overloads = (_number(chip / f"oc{n}_event_cnt") or 0 for n in (1, 2))
            found = Supply(found.volts, dips, overloads, found.overloaded)
    return found


def _rails(chip: Path) -> Iterator[int]:
    return (channel for channel in (1, 2, 3) if _text(chip / f"in{channel}_label") in SUPPLY_RAILS)


def _text(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text().strip()
    return ""


def _number(path: Path) -> int | None:
    with contextlib.suppress(ValueError):
        return int(_text(path))
    return None


def addresses() -> list[tuple[str, str]]:
    """(interface, IPv4 address) of those that have one, the loopback left out; none where sockets of the network are
    refused, as in the service's sandbox."""
    found: list[tuple[str, str]] = []
    try:
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    except OSError:
        return found
    with asking:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(asking, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # no address
            address = socket.inet_ntoa(answer[20:24])
            if not address.startswith("127."):
                found.append((name, address))
    return found
