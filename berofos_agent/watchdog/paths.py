"""The files of a kick daemon, by the path of the state file that it belongs to."""

from __future__ import annotations


def daemon_lock(state: str) -> str:
    """Return the file that the kick daemon of this state file holds a lock on."""
    return f"{state}.kickd"


def report_path(state: str) -> str:
    """Return the file that the kick daemon of this state file reports to."""
    return f"{state}.kicks"
