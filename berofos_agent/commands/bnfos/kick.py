"""`bnfos --kick -c -b`: keeps kicking in the background, and tells syslog when that begins to fail and works again."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Callable

from berofos_agent.commands.bnfos.context import Job, Talk
from berofos_agent.commands.bnfos.lan import client
from berofos_agent.errors import DeviceError


def in_background(job: Job) -> int:
    """Leave a process behind that goes on kicking, and return the exit status for the one in front.

    What is wrong with the configuration is found out in front. A device that does not answer is no reason not to
    start: it may be on its way up, and then nobody but this process would keep its watchdog quiet.
    """
    entry = job.target()
    device = client(job, entry)
    if os.fork():
        return 0
    os.setsid()
    if os.fork():
        os._exit(0)
    try:
        _let_go_of_terminal()
        signal.signal(signal.SIGTERM, _leave)
        job.talk.say(f"{entry.name}: kicking its watchdog every {job.wait:g} s (process {os.getpid()})")
        keep_kicking(job, lambda: device.kick(job.seconds), Reporter(job.talk, entry.name), time.sleep)
    except SystemExit:
        job.talk.say(f"{entry.name}: no longer kicking its watchdog (ended by a signal)")
    except Exception as exc:
        job.talk.complain(f"{entry.name}: no longer kicking its watchdog: {exc!r}")
    os._exit(0)


class Reporter:
    """Tells when kicking begins to fail and when it works again, not each time."""

    def __init__(self, talk: Talk, name: str) -> None:
        self._talk = talk
        self._name = name
        self._works = True

    def report(self, problem: DeviceError | None) -> None:
        """Take note of how a kick went."""
        if problem and self._works:
            self._talk.complain(f"{problem}; going on")
        elif not problem and not self._works:
            self._talk.say(f"{self._name}: takes kicks again")
        self._works = problem is None


def keep_kicking(job: Job, kick: Callable[[], None], reporter: Reporter, sleep: Callable[[float], None]) -> None:
    """Kick on and on; returns only by an exception of `sleep`."""
    while True:
        problem = None
        try:
            kick()
        except DeviceError as exc:
            problem = exc
        reporter.report(problem)
        sleep(job.wait)


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit


def _let_go_of_terminal() -> None:
    os.chdir("/")
    sys.stdout.flush()
    sys.stderr.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
