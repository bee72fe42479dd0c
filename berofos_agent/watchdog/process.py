"""Starts, finds and ends the kick daemon and reads its report.

A stop depends on this module, so it needs the standard library alone. The daemon is found by the lock it holds: the
kernel tells whose that is, and no process that took over its number can hold it.
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
from berofos_agent.watchdog.paths import daemon_lock, report_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from subprocess import Popen

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kickd.py")
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
    """What the kick daemon wrote last, and when; empty before its first line."""

    at: float = 0.0
    pid: int = 0
    devices: Mapping[str, Kicks] = MappingProxyType({})


def launch(
    state: str,
    token: str,
    seconds: float,
    targets: Mapping[str, str],
    limit: float = LAUNCH_SECONDS,
    syslog_tag: str = "berofos",
) -> None:
    """Put a kick daemon in the place of the one there is; return when it kicks. Raises KickDaemonError.

    `seconds` is from kick to kick; `targets` are ADDRESS:PORT:DATAGRAM by device; the token must be in the state file
    already. The one before is ended once the new one is ready, so that the kicks go on. The new one outlives this
    process and gets none of our files: the cluster waits until what an agent started has closed its output.
    """
    import subprocess

    before = pid_of(state)
    until = time.monotonic() + min(limit, LAUNCH_SECONDS)
    arguments = _arguments(state, token, seconds, targets, syslog_tag)
    try:
        process = subprocess.Popen(
            [sys.executable or "/usr/bin/python3", "-IS", PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
    except (OSError, MemoryError) as exc:
        raise KickDaemonError(
            f"the kick daemon cannot be started: {getattr(exc, 'strerror', exc)}; see syslog"
        ) from exc
    is_running = False
    try:
        _await_ready(process, until)
        _kill(state, before)
        while pid_of(state) != process.pid:
            _check_started(process, until)
            time.sleep(_PAUSE_SECONDS)
        is_running = True
    finally:
        if process.stdout:
            process.stdout.close()
        if is_running:
            process.returncode = 0  # it is not ours to wait for any more
        else:
            process.kill()
            process.wait()


def _arguments(state: str, token: str, seconds: float, targets: Mapping[str, str], syslog_tag: str) -> list[str]:
    return [state, token, f"{seconds:g}", syslog_tag, *(f"{name}={how}" for name, how in sorted(targets.items()))]


def runs_with(state: str, token: str, seconds: float, targets: Mapping[str, str], syslog_tag: str) -> bool:
    """Tell whether the kick daemon that runs was launched with these; without targets, whether none runs.

    Its command line says so: what the state file tells was wanted, but that launch may have failed, or been killed.
    """
    pid = pid_of(state)
    if not pid or not targets:
        return not pid and not targets
    wanted = [os.fsencode(word) for word in _arguments(state, token, seconds, targets, syslog_tag)]
    try:
        return _command_line(pid)[-len(wanted) :] == wanted
    except OSError:
        return False


def _await_ready(process: Popen[bytes], until: float) -> None:
    output = process.stdout
    while output and not select.select([output], [], [], _PAUSE_SECONDS)[0]:
        _check_started(process, until)
    if output and not output.readline():
        process.wait()
        _check_started(process, until)


def _check_started(process: Popen[bytes], until: float) -> None:
    if process.poll() is not None:
        raise KickDaemonError(f"the kick daemon exited at once with status {process.returncode}; see syslog")
    if time.monotonic() > until:
        raise KickDaemonError("the kick daemon did not start in time; check this node's load")


def pid_of(state: str) -> int:
    """Return the process that holds the kick daemon's lock, 0 if none does."""
    try:
        lock = os.open(daemon_lock(state), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, fcntl.fcntl(lock, fcntl.F_GETLK, asked))
    finally:
        os.close(lock)
    return 0 if kind == fcntl.F_UNLCK else int(pid)


def _is_kick_daemon(pid: int, state: str) -> bool:
    try:
        words = _command_line(pid)
    except OSError:
        return False
    # The kernel takes a dying process's memory, command line included, before its files and with them the lock.
    return not words or (os.fsencode(state) in words and any(word.endswith(b"/kickd.py") for word in words))


def _command_line(pid: int) -> list[bytes]:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().split(b"\0")[:-1]


def end(state: str) -> None:
    """End the kick daemon, frozen or not; return when it is gone, or if there is none. Raises KickDaemonError."""
    _kill(state, pid_of(state))
    for path in (report_path(state), f"{report_path(state)}.tmp", daemon_lock(state)):
        try:
            os.unlink(path)
        except OSError:
            continue


def _kill(state: str, pid: int) -> None:
    try:
        process = os.pidfd_open(pid) if pid else -1
    except ProcessLookupError:
        return
    if process < 0:
        return
    try:
        if pid_of(state) != pid:  # it ended by itself, and the number may be another's now
            return
        if not _is_kick_daemon(pid, state):
            raise KickDaemonError(
                f"process {pid} holds a lock on {daemon_lock(state)}, but is not a kick daemon; end it"
            )
        signal.pidfd_send_signal(process, signal.SIGKILL)  # it has nothing to clean up; works on a frozen one too
        gone = select.poll()
        gone.register(process, select.POLLIN)
        if not gone.poll(END_SECONDS * 1000):
            raise KickDaemonError(f"cannot stop the kick daemon (process {pid}); kill it")
    except ProcessLookupError:
        return
    finally:
        os.close(process)


def read_report(state: str) -> Report:
    """Return what the kick daemon wrote last."""
    try:
        with open(report_path(state), encoding="utf-8") as file:
            (_word, at, pid), *rows = (line.split() for line in file)
        return Report(float(at), int(pid), {name: Kicks(float(answered), int(lost)) for name, answered, lost in rows})
    except (OSError, ValueError):
        return Report()
