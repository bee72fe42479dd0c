"""`bnfos --kick -c -b`: kicks the watchdog in the background, and logs when kicks begin to fail and succeed again."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Callable

from berofos_agent.commands.bnfos.context import Context
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
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        context.reporter.info(f"{entry.name}: kicking its watchdog every {context.wait:g} s (process {os.getpid()})")
        keep_kicking(context, entry.name, lambda: device.kick(context.seconds), time.sleep)
    except SystemExit:
        context.reporter.info(f"{entry.name}: no longer kicking its watchdog (ended by a signal)")
    except Exception as exc:
        context.reporter.error(f"{entry.name}: no longer kicking its watchdog: {exc!r}")
    os._exit(0)


def keep_kicking(context: Context, name: str, kick: Callable[[], None], sleep: Callable[[float], None]) -> None:
    """Kick on and on, and report when kicks begin to fail or succeed again; returns only by an exception of `sleep`."""
    works = True
    while True:
        try:
            kick()
            if not works:
                context.reporter.info(f"{name}: takes kicks again")
            works = True
        except DeviceError as exc:
            if works:
                context.reporter.error(f"{exc}; going on")
            works = False
        sleep(context.wait)


def _let_go_of_terminal() -> None:
    os.chdir("/")
    sys.stdout.flush()
    sys.stderr.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
