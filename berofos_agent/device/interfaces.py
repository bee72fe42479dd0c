"""The network interfaces of this host on which a broadcast can be sent."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct

_SIOCGIFFLAGS = 0x8913
_WANTED = 0x1 | 0x2
"""IFF_UP and IFF_BROADCAST of netdevice(7)."""


def with_broadcast() -> list[str]:
    """Return the interfaces that are up and can broadcast; the loopback cannot."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return [name for _index, name in socket.if_nameindex() if _flags(sock, name) & _WANTED == _WANTED]


def _flags(sock: socket.socket, name: str) -> int:
    with contextlib.suppress(OSError):  # it has gone meanwhile
        answer = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sH14x", name.encode(), 0))
        return int(struct.unpack("16sH14x", answer)[1])
    return 0
