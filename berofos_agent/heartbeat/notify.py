"""Reports the state of a service to systemd, over the socket that systemd names in the environment (sd_notify(3))."""

from __future__ import annotations

import os
import socket

WAIT_SECONDS = 0.2
"""For room in the socket of a systemd that hangs: kicks must go out meanwhile."""


def notify(*assignments: str) -> None:
    """Send assignments such as READY=1, or lose them; without a listener this does nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(WAIT_SECONDS)
            sock.sendto("\n".join(assignments).encode(), address)
    except OSError:
        return


def watchdog_seconds() -> float:
    """Return the seconds between two WATCHDOG=1, half of what systemd asks for; 0 if it asks for none."""
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 / 2 if text.isascii() and text.isdigit() else 0.0
