"""The command `bnfos`, a drop-in for the vendor's: runs what was asked for and turns its end into an exit status.

Values go to standard output, talk to standard error, or to syslog with -s. Nothing but --set, --get and --show needs
more than the standard library, so nothing else imports it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Callable

from berofos_agent.commands.bnfos import options
from berofos_agent.commands.bnfos.context import Job, Lan, Talk
from berofos_agent.errors import BerofosError

DONE, FAILED, INTERRUPTED = 0, 1, 130


def main(argv: Sequence[str] | None = None, lan: Lan = Lan()) -> int:  # noqa: B008 - it is frozen
    """Run the command and return its exit status; `lan` says where devices listen, which only a test changes."""
    arguments = options.parse(sys.argv[1:] if argv is None else argv)
    talk = Talk(to_syslog=bool(arguments.s or arguments.b))
    job = Job(arguments, talk, lan)
    try:
        work = _work(arguments.mode)
        if arguments.b and arguments.c:
            from berofos_agent.commands.bnfos import kick

            return kick.in_background(job)
        return _run(job, work)
    except BerofosError as exc:
        talk.complain(exc)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # bnfos --show | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _work(mode: str) -> Callable[[Job], None]:
    if mode in options.WEB_MODES:
        from berofos_agent.commands.bnfos import web

        return web.WORK[mode]
    if mode == "flash":
        from berofos_agent.commands.bnfos import flash

        return flash.flash
    from berofos_agent.commands.bnfos import lan

    return lan.WORK[mode]


def _run(job: Job, work: Callable[[Job], None]) -> int:
    """Do the work once, or on and on with -c, whatever becomes of each round."""
    if not job.arguments.c:
        work(job)
        return DONE
    while True:
        try:
            work(job)
        except BerofosError as exc:
            job.talk.complain(exc)
        time.sleep(job.wait)
