"""`bnfos --kick -c -b`: kicks the watchdog in the background, and logs when kicks begin to fail and succeed again."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Callable

from berofos_agent.commands.bnfos.context import Context, Reporter
from berofos_agent.commands.bnfos.lan import client
from berofos_agent.errors import DeviceError


def in_background(context: Context) -> int:
    """Start a process that keeps kicking, and return the exit status of this one.

    The configuration is checked here, before the fork. A device that does not answer is not an error: it may be
    starting, and then only this process keeps its watchdog from expiring.
    """
    entry = context.target()
    device = client(context, entry)
    if os.fork():
        return 0
    os.setsid()
    if os.fork():
        os._exit(0)
    try:
        _let_go_of_terminal()
        signal.signal(signal.SIGTERM, _leave)
        context.reporter.info(f"{entry.name}: kicking its watchdog every {context.wait:g} s (process {os.getpid()})")
        keep_kicking(
            context, lambda: device.kick(context.seconds), FailureLog(context.reporter, entry.name), time.sleep
        )
    except SystemExit:
        context.reporter.info(f"{entry.name}: no longer kicking its watchdog (ended by a signal)")
    except Exception as exc:
        context.reporter.error(f"{entry.name}: no longer kicking its watchdog: {exc!r}")
    os._exit(0)


class FailureLog:
    """Reports when kicks begin to fail and when they succeed again, not each one."""

    def __init__(self, reporter: Reporter, name: str) -> None:
        self._reporter = reporter
        self._name = name
        self._works = True

    def report(self, problem: DeviceError | None) -> None:
        """Take note of how a kick went."""
        if problem and self._works:
            self._reporter.error(f"{problem}; going on")
        elif not problem and not self._works:
            self._reporter.info(f"{self._name}: takes kicks again")
        self._works = problem is None


def keep_kicking(context: Context, kick: Callable[[], None], log: FailureLog, sleep: Callable[[float], None]) -> None:
    """Kick on and on; returns only by an exception of `sleep`."""
    while True:
        problem = None
        try:
            kick()
        except DeviceError as exc:
            problem = exc
        log.report(problem)
        sleep(context.wait)


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit


def _let_go_of_terminal() -> None:
    os.chdir("/")
    sys.stdout.flush()
    sys.stderr.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
