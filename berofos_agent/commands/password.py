"""The command `berofos password`: sets a new password on the devices and in bnfos.conf."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sys
from collections.abc import Sequence
from shlex import quote

from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import EXIT_STATUS, FAILED
from berofos_agent.config import bnfosconf
from berofos_agent.config.bnfosconf import Login
from berofos_agent.device import settings
from berofos_agent.errors import BerofosError, ConfigurationError, SectionError, row_of

PROG = "berofos password"

_PROMPTS = ("Old password (Enter: the one in {file}, or none): ", "New password: ", "New password again: ")

_RULES = (
    f"1 to {settings.MAXIMUM_PASSWORD} printable ASCII characters, no space at either end. The password crosses the "
    "network in clear text: use it nowhere else."
)

_EXAMPLES = """\
  berofos password          # one password for all devices of /etc/bnfos.conf
  berofos password fos2     # for fos2 only

If standard input is not a terminal, it must hold three lines: the old password
(may be empty), the new password, and the new password again."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    arguments = parser().parse_args(argv)
    declared = bnfosconf.select(bnfosconf.read(arguments.config), arguments.devices, arguments.config)
    entries = [entry for entry in declared if not entry.problem]
    status = commandline.complain_of(
        PROG, [SectionError(entry.name, entry.problem) for entry in declared if entry.problem]
    )
    old, new, again = _ask(arguments.config)
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
    before = bnfosconf.read_text(arguments.config)
    for change in changes:
        with commandline.uninterrupted():
            try:
                password.make(change)
            except BerofosError as exc:
                commandline.complain(PROG, exc)
                status = status or row_of(exc, EXIT_STATUS)
                continue
            print(f"{change.entry.name}: new password set, protection on, written to {arguments.config}", flush=True)
            commandline.tell_syslog("berofos", f"{change.entry.name}: new password set: berofos password")
    if bnfosconf.read_text(arguments.config) != before:  # of one device, too: the other node could not switch that one
        commandline.complain(PROG, f"now copy the file to each other node: {_how_to_copy(arguments.config)}")
        _tell_of_heartbeat()
    return status


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Set a new password on the devices, turn their password protection on, and write it into FILE. "
        f"A password has 1 to {settings.MAXIMUM_PASSWORD} printable ASCII characters.",
        _EXAMPLES,
    )
    commandline.add_devices(parser)
    return parser


def _tell_of_heartbeat() -> None:
    """The heartbeat read the file at its start: with the old password it could not take lost lines back."""
    from berofos_agent.doctor import files, heartbeat

    if heartbeat.state(files.switchers()) == heartbeat.ACTIVE:
        commandline.complain(
            PROG,
            f"{heartbeat.UNIT} still has the old password: systemctl restart {heartbeat.UNIT} when lines may move "
            "to port D and back",
        )


def _how_to_copy(path: str) -> str:
    """Return the command that copies a file to the other nodes of the cluster, with their names if there is one."""
    from berofos_agent.agent.node import this_node
    from berofos_agent.cluster import cib

    file, nodes = quote(os.path.abspath(path)), ["NODE"]
    with contextlib.suppress(ConfigurationError):
        here = this_node(os.environ).lower()
        nodes = [node for node in cib.read_live().members if node.lower() != here] or nodes
    return "; ".join(f"scp -p {file} {node}:{file}" for node in nodes)


def _ask(config: str) -> tuple[str, str, str]:
    """Return the old password (empty for none) and the new password twice; raise BerofosError at end of input."""
    if sys.stdin.isatty():
        print(_RULES, file=sys.stderr)
        with commandline.reading_password():
            old, new, again = (getpass.getpass(prompt.format(file=config)) for prompt in _PROMPTS)
        return old, new, again
    with commandline.reading_password():
        try:
            lines = [sys.stdin.readline() for _prompt in _PROMPTS]
        except OSError:  # that of nohup can only be written
            lines = [""]
        "".join(lines).encode()  # in the locales C and C.UTF-8, Python reads any byte
    if not all(lines):
        raise BerofosError(
            "expected three lines on standard input; give old password, new password, new password again"
        )
    old, new, again = (line.rstrip("\n") for line in lines)
    return old, new, again
