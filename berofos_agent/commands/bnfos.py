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

from berofos_agent.commands import bnfos_options
from berofos_agent.commands.bnfos_job import Job, Lan, Talk
from berofos_agent.errors import BerofosError

DONE, FAILED, INTERRUPTED = 0, 1, 130


def main(argv: Sequence[str] | None = None, lan: Lan = Lan()) -> int:  # noqa: B008 - it is frozen
    """Run the command and return its exit status; `lan` says where devices listen, which only a test changes."""
    arguments = bnfos_options.parse(sys.argv[1:] if argv is None else argv)
    talk = Talk(to_syslog=bool(arguments.s or arguments.b))
    job = Job(arguments, talk, lan)
    try:
        work = _work(arguments.mode)
        if arguments.b and arguments.c:
            from berofos_agent.commands import bnfos_kick

            return bnfos_kick.in_background(job)
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
    if mode in bnfos_options.WEB_MODES:
        from berofos_agent.commands import bnfos_web

        return bnfos_web.WORK[mode]
    if mode == "flash":
        from berofos_agent.commands import bnfos_flash

        return bnfos_flash.flash
    from berofos_agent.commands import bnfos_lan

    return bnfos_lan.WORK[mode]


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


if __name__ == "__main__":
    sys.exit(main())
