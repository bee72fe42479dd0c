"""Tells systemd how a service is, over the socket it names in the environment; a no-op without one."""

from __future__ import annotations

import os
import socket


def notify(*assignments: str) -> None:
    """Send assignments such as READY=1 (sd_notify(3)); that nobody listens is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto("\n".join(assignments).encode(), address)
    except OSError:
        return


def watchdog_seconds() -> float:
    """Return how often systemd wants to hear WATCHDOG=1, 0 for never."""
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 / 2 if text.isascii() and text.isdigit() else 0.0
