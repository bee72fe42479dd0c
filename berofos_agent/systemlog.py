"""Lines for syslog. A daemon that hangs gets none: syslog(3) waits for it, and what logs a switch would wait too."""

from __future__ import annotations

import select
import socket
import syslog

SOCKET = "/dev/log"
WAIT_MS = 100
"""A busy daemon makes room within this time."""


def tell(priority: int, line: str) -> None:
    """Log a line under the tag of syslog.openlog, or lose it."""
    if has_room():
        syslog.syslog(priority, line.replace("\0", " "))


def has_room() -> bool:
    """Tell whether the daemon takes a line now; True also where there is none, as syslog(3) then does not wait."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(SOCKET)
            room = select.poll()  # select takes no descriptor above 1023
            room.register(sock, select.POLLOUT)
            return bool(room.poll(WAIT_MS))
    except OSError:
        return True
