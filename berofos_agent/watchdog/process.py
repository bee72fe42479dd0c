"""Starts, finds and ends the kicker and reads its report; knows no device, and no more than the standard library.

A stop depends on this module. The kicker is found by the lock it holds: the kernel tells whose that is, and no
process that took over its number can hold it.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import sys
import time
from types import MappingProxyType
from typing import NamedTuple

from berofos_agent.errors import KickDaemonError
from berofos_agent.watchdog.paths import kicker_lock, report_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

KICKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kickd.py")
LAUNCH_SECONDS = 2.0
END_SECONDS = 2.0
_PAUSE_SECONDS = 0.01

_FLOCK = "hhqqi"  # struct flock: type, whence, start, length, pid


class Kicks(NamedTuple):
    """How one device takes its kicks."""

    answered_at: float
    """Seconds since boot; 0 if none was answered yet."""
    unanswered: int
    """Kicks in a row that were not answered."""


class Report(NamedTuple):
    """What the kicker wrote last, and when; empty before its first line."""

    at: float = 0.0
    devices: Mapping[str, Kicks] = MappingProxyType({})


def launch(state: str, token: str, seconds: float, targets: Mapping[str, str]) -> None:
    """Start a kicker that outlives this process, and return when it has its lock; raise KickDaemonError.

    `targets` are ADDRESS:PORT:DATAGRAM by device. The token must be in the state file already. The kicker gets
    none of our files: the cluster waits until what an agent started has closed its output.
    """
    import subprocess

    orders = [f"{name}={how}" for name, how in targets.items()]
    try:
        process = subprocess.Popen(
            [sys.executable or "/usr/bin/python3", "-IS", KICKER, state, token, f"{seconds:g}", *orders],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
    except OSError as exc:
        raise KickDaemonError(f"the kicker cannot be started: {exc.strerror}") from exc
    until = time.monotonic() + LAUNCH_SECONDS
    while pid_of(state) != process.pid:
        if process.poll() is not None:
            raise KickDaemonError(f"the kicker ended at once with status {process.returncode}")
        if time.monotonic() > until:
            process.kill()
            process.wait()
            raise KickDaemonError(f"the kicker did not start within {LAUNCH_SECONDS:g} s")
        time.sleep(_PAUSE_SECONDS)
    process.returncode = 0  # it is not ours to wait for any more


def pid_of(state: str) -> int:
    """Return the process that holds the kicker's lock, 0 if none does."""
    try:
        lock = os.open(kicker_lock(state), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, fcntl.fcntl(lock, fcntl.F_GETLK, asked))
    finally:
        os.close(lock)
    return 0 if kind == fcntl.F_UNLCK else int(pid)


def _is_kicker(pid: int, state: str) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            line = file.read()
    except OSError:
        return False
    # The kernel takes a dying process's memory, command line included, before its files and with them the lock.
    words = line.split(b"\0")
    return not line or (os.fsencode(state) in words and any(word.endswith(b"/kickd.py") for word in words))


def end(state: str) -> bool:
    """End the kicker, frozen or not, and return when it is gone, whether there was one; raise KickDaemonError."""
    pid = pid_of(state)
    if pid:
        _kill(state, pid)
    for path in (report_path(state), f"{report_path(state)}.tmp", kicker_lock(state)):
        try:
            os.unlink(path)
        except OSError:
            continue
    return bool(pid)


def _kill(state: str, pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if pid_of(state) != pid:  # it ended by itself, and the number may be another's now
            return
        if not _is_kicker(pid, state):
            raise KickDaemonError(f"process {pid} has a lock on {kicker_lock(state)}, but is no kicker; end it")
        signal.pidfd_send_signal(process, signal.SIGKILL)  # it has nothing to clean up; works on a frozen one too
        gone = select.poll()
        gone.register(process, select.POLLIN)
        if not gone.poll(END_SECONDS * 1000):
            raise KickDaemonError(f"the kicker (process {pid}) does not end")
    except ProcessLookupError:
        return
    finally:
        os.close(process)


def read_report(state: str) -> Report:
    """Return what the kicker wrote last."""
    try:
        with open(report_path(state), encoding="utf-8") as file:
            (_word, at), *rows = (line.split() for line in file)
        return Report(float(at), {name: Kicks(float(answered), int(lost)) for name, answered, lost in rows})
    except (OSError, ValueError):
        return Report()
