"""The command `berofos heartbeat`: its arguments, its log and its events; heartbeat/loop.py does the work."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

from berofos_agent.commands import commandline
from berofos_agent.config import bnfosconf
from berofos_agent.heartbeat.daemon import ON_STOP, Heart, Orders

PROG = "berofos heartbeat"
SYSLOG_NAME = "berofos-heartbeat"

_EXAMPLES = """\
  berofos heartbeat
  berofos heartbeat --watchdog 30 --on-stop leave fos1
  berofos heartbeat --health "asterisk -rx 'core show uptime'"
  berofos heartbeat --event "logger -t lines"

On events the command given gets a word more, and the device if it is about one:
  STARTING     the heartbeat begins
  RUNNING      the lines of all devices are here for the first time
  WDOG_FAILED  a device's watchdog has put its lines through to port D
  WDOG_OK      they are back here
  STOPPED      the heartbeat ended in an orderly way"""


def main(argv: Sequence[str]) -> int:
    """Run until a signal ends it; return its exit status."""
    arguments = parser().parse_args(argv)
    entries = bnfosconf.select(bnfosconf.read(arguments.config), arguments.devices, arguments.config)
    orders = Orders(
        health=arguments.health,
        check_seconds=arguments.interval,
        fall=arguments.fall,
        watchdog=arguments.watchdog,
        recover=arguments.recover,
        on_stop=arguments.on_stop,
        request_seconds=arguments.timeout,
        event=arguments.event,
    )
    return Heart(entries, orders, _tell).beat()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Keep the lines at port B as long as this machine's telephone system is healthy: while it is, the devices' "
        "watchdogs are kicked; when it is not, or the machine dies, they put the lines through to port D. For one "
        "XiVO in front of a PBX, without a cluster.",
        _EXAMPLES,
    )
    parser.add_argument(
        "--health",
        type=_command,
        default=_command("systemctl is-active --quiet asterisk"),
        metavar="COMMAND",
        help="succeeds while the telephones work (systemctl is-active --quiet asterisk)",
    )
    parser.add_argument(
        "--interval", type=_seconds, default=5, metavar="SECONDS", help="from check to check (%(default)s)"
    )
    parser.add_argument(
        "--fall", type=_positive, default=2, metavar="N", help="checks in a row that change the verdict (%(default)s)"
    )
    parser.add_argument(
        "--watchdog",
        type=_positive,
        default=15,
        metavar="SECONDS",
        help="the devices' interval; a third of it from kick to kick (%(default)s)",
    )
    parser.add_argument(
        "--recover",
        type=_seconds,
        default=30,
        metavar="SECONDS",
        help="all must be well that long before lost lines are fetched back (%(default)s)",
    )
    parser.add_argument(
        "--on-stop",
        choices=ON_STOP,
        default=ON_STOP[0],
        help="when stopped: let the lines go to port D, or leave them (%(default)s)",
    )
    parser.add_argument("--event", type=_command, default=[], metavar="COMMAND", help="called on events")
    commandline.add_devices(parser)
    return parser


def _command(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r}: {exc}") from None
    if not words:
        raise argparse.ArgumentTypeError("a command expected")
    return words


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.1 to 86400")
    return seconds


def _tell(line: str) -> None:
    """Log a line; under systemd what goes to standard error is in the journal already."""
    print(line, file=sys.stderr, flush=True)
    if not os.environ.get("JOURNAL_STREAM"):
        commandline.tell_syslog(SYSLOG_NAME, line)
