"""The command `berofos heartbeat`: its arguments and its log; heartbeat/daemon.py does the work."""

from __future__ import annotations

import argparse
import functools
import os
import shlex
import syslog
from collections.abc import Sequence

from berofos_agent import systemlog
from berofos_agent.commands import commandline
from berofos_agent.config import bnfosconf
from berofos_agent.heartbeat.daemon import ON_STOP, Daemon, Options

PROG = "berofos heartbeat"
SYSLOG_NAME = "berofos-heartbeat"

_EXAMPLES = """\
  berofos heartbeat
  berofos heartbeat --watchdog 30 --on-stop leave fos1
  berofos heartbeat --health "systemctl is-active --quiet xivo-ctid"
  berofos heartbeat --event "logger -t lines"
  berofos heartbeat --event "/usr/share/pacemaker/alerts/berofos-alert --to URL"

On each event the command of --event is run with the event's name appended, and
the device's name if the event is about one device:
  STARTING     the heartbeat has started
  RUNNING      the lines of all devices are at port B for the first time
  WDOG_FAILED  a device's watchdog has moved its lines to port D
  WDOG_OK      the lines of that device are back at port B
  STOPPED      the heartbeat was stopped
BEROFOS_SENTENCE in its environment says in one sentence what happened, where
the lines are and what to do; the log has that sentence too."""


def main(argv: Sequence[str]) -> int:
    """Run until a signal stops it; return its exit status."""
    arguments = parser().parse_args(argv)
    systemlog.name(SYSLOG_NAME)
    entries = bnfosconf.select(bnfosconf.read(arguments.config), arguments.devices, arguments.config)
    options = Options(
        health=arguments.health,
        check_seconds=arguments.interval,
        fall=arguments.fall,
        watchdog=arguments.watchdog,
        recover=arguments.recover,
        on_stop=arguments.on_stop,
        request_seconds=arguments.timeout,
        event=arguments.event,
    )
    return Daemon(entries, options, _log).run()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Keep the lines at port B while telephony on this host is healthy. As long as it is, the heartbeat kicks the "
        "devices' watchdogs. When health checks fail, or the host dies, the devices move the lines to port D by "
        "themselves. For one XiVO in front of a PBX, without a cluster.",
        _EXAMPLES,
    )
    parser.add_argument(
        "--health",
        type=_command,
        default=[],
        metavar="COMMAND",
        help="health check: exit status 0 means healthy (asks Asterisk, else systemd for its unit)",
    )
    whole, some = commandline.integer(1, 65535), commandline.seconds(0.1, 86400)
    add = functools.partial(commandline.add_number, parser)
    add("--interval", some, 5, "between two health checks")
    add("--fall", whole, 2, "results in a row that change the health", "N")
    add("--watchdog", whole, 15, "the devices' watchdog interval; a kick is sent every third of it")
    add("--recover", some, 30, "how long all must be healthy before lost lines are taken back")
    parser.add_argument(
        "--on-stop",
        choices=ON_STOP,
        default=ON_STOP[0],
        help="on stop: move the lines to port D, or leave them (%(default)s)",
    )
    parser.add_argument("--event", type=_command, default=[], metavar="COMMAND", help="run on each event")
    commandline.add_devices(parser)
    return parser


@commandline.argument
def _command(text: str) -> list[str]:
    words = shlex.split(text)
    if not words:
        raise ValueError("a command expected")
    return words


def _log(line: str) -> None:
    """Log a line; under systemd, standard error is in the journal already."""
    if not commandline.print_error(line, waits=False):  # kicks must go out meanwhile
        os.environ.pop("JOURNAL_STREAM", None)
        _tell_syslog("nobody reads standard error any more; the log goes on in syslog")
    if not os.environ.get("JOURNAL_STREAM"):
        _tell_syslog(line)


def _tell_syslog(line: str) -> None:
    systemlog.tell(syslog.LOG_NOTICE, line, seconds=0)
