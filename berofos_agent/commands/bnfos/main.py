"""The command `bnfos`, which replaces the vendor's: runs one mode and returns an exit status.

Values go to standard output, messages to standard error, or to syslog with -s. Only --set, --get and --show need
more than the standard library, and only they import it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Callable

from berofos_agent.commands.bnfos import options
from berofos_agent.commands.bnfos.context import Context, Lan, Reporter
from berofos_agent.commands.commandline import with_output
from berofos_agent.errors import BerofosError, missing_module

DONE, FAILED, INTERRUPTED = 0, 1, 130


def main(argv: Sequence[str] | None = None, lan: Lan = Lan()) -> int:  # noqa: B008 - it is frozen
    """Run the command and return its exit status; `lan` says where devices listen, which only a test changes."""
    return with_output("bnfos", lambda: _main(sys.argv[1:] if argv is None else argv, lan))


def _main(words: Sequence[str], lan: Lan) -> int:
    if not words:
        options.new_parser().print_help(sys.stderr)
        return options.WRONG_ARGUMENTS
    arguments = options.parse(words)
    _hide_passwords(arguments)
    # A flash that ended halfway leaves no firmware, and kicks that end put the lines on port D.
    reporter = Reporter(bool(arguments.s or arguments.b), goes_on=arguments.mode in ("flash", "kick"))
    context = Context(arguments, reporter, lan)
    try:
        work = _work(arguments.mode)
        if arguments.b and arguments.c:
            from berofos_agent.commands.bnfos import kick

            return kick.in_background(context)
        return _run(context, work)
    except BerofosError as exc:
        reporter.error(exc)
        return FAILED
    except ImportError as exc:
        reporter.error(missing_module(exc))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _hide_passwords(arguments: argparse.Namespace) -> None:
    """Take the passwords that were given on the command line out of the list of processes."""
    given = [(f"{arguments.u.user}:", arguments.u.password)] if arguments.u else []
    if arguments.mode == "set" and arguments.argument[0] == "apwd":
        given.append(("=", arguments.argument[1]))
    for before, secret in given:
        if secret:
            from berofos_agent.commands.bnfos import processlist

            processlist.hide(before, secret)


def _work(mode: str) -> Callable[[Context], None]:
    if mode in options.WEB_MODES:
        from berofos_agent.commands.bnfos import web

        return web.WORK[mode]
    if mode == "flash":
        from berofos_agent.commands.bnfos import flash

        return flash.flash
    from berofos_agent.commands.bnfos import lan

    return lan.WORK[mode]


def _run(context: Context, work: Callable[[Context], None]) -> int:
    """Do the work once, or on and on with -c, whatever becomes of each round."""
    if not context.arguments.c:
        work(context)
        return DONE
    while True:
        try:
            work(context)
        except BerofosError as exc:
            context.reporter.error(exc)
        time.sleep(context.wait)
