"""Writes bnfos(8) from the tables that the command itself is made of: python3 packaging/manual_bnfos.py > FILE."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from berofos_agent.commands.bnfos.options import EXAMPLES, MODES, NOTES, OPTIONS, needs_text
from berofos_agent.device.settings import SETTINGS

NAME = "bnfos \\- find, set up, flash and ask bero*fos ISDN failover switches"

DESCRIPTION = (
    "bnfos speaks to bero*fos devices over the network. It takes the place of the vendor's command of the same name "
    "and is called the same way.",
    "Devices are declared in /etc/bnfos.conf, a section each; \\-\\-scan \\-x writes it and \\-f uses it. "
    "What is given on the command line goes before what the file says.",
)

FILES = (
    "/etc/bnfos.conf",
    "The devices: mac, host, login (user:password) and port of each. \\-\\-scan \\-x adds what is new and corrects "
    "addresses; names, logins and comments stay. A file that cannot be understood is refused. Mode 0600.",
)


def manual() -> str:
    """Return the manual page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield '.\\" Made by packaging/manual_bnfos.py; change the tables in berofos_agent/commands/bnfos/options.py.'
    yield '.TH BNFOS 8 "" "resource-agents-berofos" "System Administration"'
    yield from (".SH NAME", NAME, ".SH SYNOPSIS", ".B bnfos", ".I MODE", ".RI [ OPTION ...]", ".SH DESCRIPTION")
    for paragraph in DESCRIPTION:
        yield from (".PP", paragraph)
    yield ".SH MODES"
    for mode in MODES.values():
        others = " ".join(f"-{letter}" for letter in mode.allows if letter not in mode.needs)
        needed = f"Needs {needs_text(mode)}. " if mode.needs else ""
        yield from _item(f"--{mode.name}", mode.metavar, f"{_sentence(mode.meaning)} {needed}May have {others}.")
    yield ".SH OPTIONS"
    for option in OPTIONS.values():
        yield from _item(f"-{option.letter}", option.metavar, _sentence(option.meaning))
    yield from _item("--config", "FILE", "Another configuration file than /etc/bnfos.conf.")
    yield from _item("--help", "", "All this in short; -h is HOST.")
    yield from _item("--version", "", "The version.")
    yield ".SH SETTINGS"
    for setting in SETTINGS.values():
        only = "" if setting.read and setting.write else " Only --get." if setting.read else " Only --set."
        yield from _item(setting.keyword, "", _sentence(setting.meaning) + only)
    yield ".SH NOTES"
    for paragraph in NOTES.split("\n\n"):
        yield ".PP"
        yield from (_escaped(line) for line in paragraph.splitlines())
    yield from (".SH FILES", ".TP", f".I {FILES[0]}", FILES[1])
    yield from (".SH EXAMPLES", ".nf", *(_escaped(line) for line in EXAMPLES.splitlines()), ".fi")
    yield from (".SH SEE ALSO", ".BR berofos (8),", ".BR xivo-berofos (8),", ".BR ocf_xivo_berofos (7)")


def _item(term: str, argument: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield f'.BI "{_escaped(term)} " "{_escaped(argument)}"' if argument else f".B {_escaped(term)}"
    yield _escaped(text)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _escaped(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    sys.stdout.write(manual())
