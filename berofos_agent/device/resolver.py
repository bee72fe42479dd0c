"""Resolves a device's host name to its IPv4 address, within a time limit.

A look-up cannot be cut short: the C library waits for a silent name server as long as resolv.conf says. So it is
left to a thread nobody waits for longer than the limit. Devices speak IPv4 only.
"""

from __future__ import annotations

import socket
import threading

Address = tuple[str, int]


def resolve(host: str, port: int, seconds: float) -> Address:
    """Return the IPv4 address of a host; raise OSError if it has none, socket.timeout if that is not known in time."""
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return _looked_up(host, port, seconds)
    return host, port


def _looked_up(host: str, port: int, seconds: float) -> Address:
    found: list[Address | Exception] = []

    def look_up() -> None:
        try:
            address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
            found.append((str(address[0]), port))
        except (OSError, UnicodeError) as exc:
            found.append(exc)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    if not found:
        raise socket.timeout(f"the name server does not answer for {host}")
    if isinstance(found[0], UnicodeError):
        raise socket.gaierror(socket.EAI_NONAME, "no host name")
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]
