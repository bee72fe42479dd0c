"""The heartbeat's own health checks: Asterisk itself where it can be asked, else the state of its unit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence

SOCKET = "/run/asterisk/asterisk.ctl"
"""Asterisk's control socket."""
SOCKET_VARIABLE = "BEROFOS_ASTERISK_CTL"

ASKS_ASTERISK = ("asterisk", "-rx", "core show uptime seconds")
"""A hung Asterisk does not answer this, while its unit stays active."""
ASKS_SYSTEMD = ("systemctl", "is-active", "--quiet", "asterisk")


def default_check(environ: Mapping[str, str] = os.environ) -> tuple[Sequence[str], str]:
    """Return the command that is the health check now, and why, in one line for the log."""
    path = environ.get(SOCKET_VARIABLE) or SOCKET
    program = shutil.which("asterisk", path=f"{environ.get('PATH', '')}:/usr/sbin")
    if not program:
        return ASKS_SYSTEMD, "state of the unit asterisk, as there is no program asterisk"
    if not os.path.exists(path):
        return ASKS_SYSTEMD, f"state of the unit asterisk, as there is no {path}"
    if not os.access(path, os.R_OK | os.W_OK):
        return ASKS_SYSTEMD, f"state of the unit asterisk, as this user may not use {path}"
    return (program, *ASKS_ASTERISK[1:]), "asks Asterisk (core show uptime seconds)"
