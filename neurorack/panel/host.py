"""The machine under the module: how warm it is, and where it can be reached."""

import fcntl
import socket
import struct
from pathlib import Path

THERMAL = Path("/sys/class/thermal")

_SIOCGIFADDR = 0x8915  # netdevice(7): the IPv4 address of an interface


def warmest_c(thermal: Path = THERMAL) -> float | None:
    """Of all zones the kernel measures, None where there is none. Zones that are asleep refuse to be read."""
    found = []
    for zone in thermal.glob("thermal_zone*/temp"):
        try:
            found.append(int(zone.read_text()) / 1000)
        except (OSError, ValueError):
            continue
    return max(found, default=None)


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
