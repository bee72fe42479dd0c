"""The command `berofos password`: sets a new password on the devices and in bnfos.conf."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence

from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import EXIT_STATUS, FAILED
from berofos_agent.config import bnfosconf
from berofos_agent.config.bnfosconf import Login
from berofos_agent.device import settings
from berofos_agent.errors import BerofosError, SectionError, row_of

PROG = "berofos password"

_PROMPTS = ("Old password (Enter: the one in FILE, or none): ", "New password: ", "New password again: ")

_EXAMPLES = """\
  berofos password          # one password for all devices of /etc/bnfos.conf
  berofos password fos2     # for fos2 only

If standard input is not a terminal, it must hold three lines: the old password
(may be empty), the new password, and the new password again."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    return _run(parser().parse_args(argv))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Set a new password on the devices, turn their password protection on, and write it into FILE. "
        f"A password has at most {settings.MAXIMUM_PASSWORD} characters.",
        _EXAMPLES,
    )
    commandline.add_devices(parser)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    declared = bnfosconf.select(bnfosconf.read(arguments.config), arguments.devices, arguments.config)
    entries = [entry for entry in declared if not entry.problem]
    status = commandline.complain_of(
        PROG, [SectionError(entry.name, entry.problem) for entry in declared if entry.problem]
    )
    old, new, again = _ask()
    if new != again:
        commandline.complain(PROG, "the two new passwords differ; nothing changed")
        return FAILED
    try:
        settings.check("apwd", new)
        if not new:
            raise ValueError("an empty password protects nothing; at least 1 character expected")
    except ValueError as exc:
        commandline.complain(PROG, f"{exc}; nothing changed")
        return FAILED
    from berofos_agent.device import password

    login = Login(settings.USER, old) if old else None
    changes = password.prepare(entries, arguments.config, login, new, arguments.timeout)
    for change in changes:
        try:
            password.make(change)
        except BerofosError as exc:
            commandline.complain(PROG, exc)
            status = status or row_of(exc, EXIT_STATUS)
        else:
            print(f"{change.entry.name}: new password set, protection on, written to {arguments.config}")
            commandline.tell_syslog("berofos", f"{change.entry.name}: new password set: berofos password")
    return status


def _ask() -> tuple[str, str, str]:
    """Return the old password (empty for none) and the new password twice; raise BerofosError at end of input."""
    if sys.stdin.isatty():
        try:
            old, new, again = map(getpass.getpass, _PROMPTS)
        except EOFError:
            raise BerofosError("no password given; nothing changed") from None
        return old, new, again
    lines = [sys.stdin.readline() for _prompt in _PROMPTS]
    if not all(lines):
        raise BerofosError("expected three lines on standard input: old password, new password, new password again")
    old, new, again = (line.rstrip("\n") for line in lines)
    return old, new, again
