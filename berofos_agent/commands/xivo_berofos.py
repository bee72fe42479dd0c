"""The command `xivo-berofos`, as XiVO's scripts call it: puts the lines on the master or on the slave."""

from __future__ import annotations

import argparse
import sys
import syslog
import time
from collections.abc import Sequence

from berofos_agent import __version__
from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import DONE
from berofos_agent.errors import BerofosError, ConfigurationError, ConfigurationMissing, NoDeviceDeclared

PROG = "xivo-berofos"

MODE = {"master": "1", "slave": "0"}

TOTAL_SECONDS = 8.0
"""For all devices together; a switch is up to three exchanges, and a script waits for it."""

_EXAMPLES = """\
  xivo-berofos master              # A-B on every device of /etc/bnfos.conf
  xivo-berofos -q --syslog slave    # A-D, from cron or a script

exit status: 0 if all devices are in position, or if bnfos.conf is missing or
declares no device; otherwise that of the first device that failed, see
berofos(8). The other devices are switched in any case."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return commandline.guarded(PROG, lambda: _run(parser().parse_args(argv)))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG, "Put the lines of all bero*fos devices on the master (port B) or slave (port D).", _EXAMPLES
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("-v", "--verbose", action="store_true", help="without effect; each device has its line anyway")
    parser.add_argument("--syslog", action="store_true", help="log every line printed; switches are always logged")
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    parser.add_argument("state", choices=MODE, help="who gets the lines")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    try:
        devices = commandline.devices_of(arguments)
    except ConfigurationMissing:
        _tell(arguments, "not configured -- doing nothing")
        return DONE
    except NoDeviceDeclared as exc:
        _tell(arguments, f"{exc} -- doing nothing")
        return DONE
    except ConfigurationError as exc:
        _log_error(arguments, exc)
        raise
    from berofos_agent.device.parallel import run_on_all

    mode = MODE[arguments.state]
    with commandline.uninterrupted():
        results = run_on_all(devices, lambda device, end: device.switch(mode, end), time.monotonic() + TOTAL_SECONDS)
        for result in results:
            if result.value:
                line = commandline.movement(result.device, result.value)
                if result.value.moved:
                    commandline.tell_syslog(PROG, f"{line}: xivo-berofos {arguments.state} by {commandline.user()}")
                _tell(arguments, line, logged=result.value.moved)
            elif result.error:
                _log_error(arguments, result.error)
        return commandline.complain_of(PROG, [result.error for result in results])


def _tell(arguments: argparse.Namespace, line: str, logged: bool = False) -> None:
    """Print a line on standard error, as XiVO's command does; with --syslog, log it as well, unless it is already."""
    if arguments.quiet:
        return
    commandline.print_error(line)
    if arguments.syslog and not logged:
        commandline.tell_syslog(PROG, line)


def _log_error(arguments: argparse.Namespace, problem: BerofosError) -> None:
    if arguments.syslog:
        commandline.tell_syslog(PROG, str(problem), syslog.LOG_ERR)


if __name__ == "__main__":
    sys.exit(main())
