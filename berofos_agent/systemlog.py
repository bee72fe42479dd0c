"""Lines for syslog. A daemon that hangs gets none: syslog(3) would wait for it, and with it what logs a switch."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import syslog

SOCKET = "/dev/log"
WAIT_MS = 100
"""A busy daemon makes room within this time."""

_tag = ""


def name(tag: str) -> None:
    """Give the lines of this process a tag."""
    global _tag
    _tag = tag


def tell(priority: int, line: str, wait_ms: int = WAIT_MS) -> None:
    """Log a line as facility daemon, or lose it if the daemon makes no room in time."""
    text = f"<{syslog.LOG_DAEMON | priority}>{_tag}[{os.getpid()}]: {line}".replace("\0", " ")
    with contextlib.suppress(OSError), _connected() as sock:
        if _makes_room(sock, wait_ms):
            sock.send(text.encode(errors="backslashreplace"))


def has_room() -> bool:
    """Tell whether the daemon takes a line now; True also where there is none, as then nothing waits for it."""
    try:
        with _connected() as sock:
            return _makes_room(sock, WAIT_MS)
    except OSError:
        return True


def _connected() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        sock.connect(SOCKET)
    except OSError:
        sock.close()
        raise
    return sock


def _makes_room(sock: socket.socket, wait_ms: int) -> bool:
    room = select.poll()  # select takes no descriptor above 1023
    room.register(sock, select.POLLOUT)
    return bool(room.poll(wait_ms))
