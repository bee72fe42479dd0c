"""Lines for syslog. A daemon that hangs gets none: syslog(3) would wait for it, and with it what logs a switch."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import syslog
import time

SOCKET = "/dev/log"
WAIT_SECONDS = 0.5
"""A busy daemon makes room within this time; one that did not is not waited for again until it does."""

_tag = ""
_hangs = False


def name(tag: str) -> None:
    """Give the lines of this process a tag."""
    global _tag
    _tag = tag


def tell(priority: int, line: str, seconds: float = WAIT_SECONDS) -> None:
    """Log a line as facility daemon, or lose it if the daemon makes no room within `seconds`."""
    global _hangs
    text = f"<{syslog.LOG_DAEMON | priority}>{_tag}[{os.getpid()}]: {line}".replace("\0", " ")
    until = time.monotonic() + (0 if _hangs else seconds)
    with contextlib.suppress(OSError), _connected() as sock:
        _hangs = not _send(sock, text.encode(errors="backslashreplace"), until)


def has_room() -> bool:
    """Tell whether the daemon takes a line now; True also where there is none, as then nothing waits for it."""
    try:
        with _connected() as sock:
            return _makes_room(sock, 0 if _hangs else WAIT_SECONDS)
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


def _send(sock: socket.socket, data: bytes, until: float) -> bool:
    while True:
        _makes_room(sock, max(0.0, until - time.monotonic()))
        try:
            sock.send(data)
        except BlockingIOError:  # another process took the room
            if time.monotonic() >= until:
                return False
        else:
            return True


def _makes_room(sock: socket.socket, seconds: float) -> bool:
    room = select.poll()  # select takes no descriptor above 1023
    room.register(sock, select.POLLOUT)
    return bool(room.poll(seconds * 1000))
