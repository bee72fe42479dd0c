"""Writes the manual pages of the commands from their parsers, so that a page names every option there is.

    PYTHONPATH=. python3 packaging/manual_berofos.py FOLDER

What no parser says is written out here.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from berofos_agent import __version__
from berofos_agent.commands import commandline, xivo_berofos
from berofos_agent.commands.berofos import SUBCOMMANDS

_ABOUT = """\
A bero*fos is a relay for ISDN lines, controlled over the network. The lines come in on port A. In relay mode 1 they
are put through to port B, in relay mode 0, and without power, to port D. Devices are declared in /etc/bnfos.conf."""

_EXIT_STATUS: Mapping[int, str] = {
    0: "done",
    1: "not done, or something differs (provision \\-\\-check)",
    2: "wrong arguments",
    3: "bnfos.conf is missing or cannot be used",
    4: "a device does not answer",
    5: "a device refused the password, or wants one",
    6: "something that is no bero*fos answered, or one with another MAC",
    7: "an answer that cannot be used",
    8: "a setting was written, but reads back otherwise",
    130: "interrupted",
}

_FILES = """\
.TP
.I /etc/bnfos.conf
The devices: a section each, with mac, host, login and, if it is not 80, port. It holds passwords, so it should be
readable by root only. bnfos \\-\\-scan \\-x writes it.
.TP
.I /var/log/syslog
Each switch is one line."""


@dataclass(frozen=True)
class Page:
    """One manual page; `notes` is roff for what its parsers do not say."""

    name: str
    meaning: str
    notes: str
    see_also: str


PAGES = (
    Page(
        "berofos",
        "look after bero*fos ISDN failover switches",
        """\
.SH ENVIRONMENT
.TP
.B NO_COLOR
If it is set and not empty, nothing is printed in colour. Colour is only used on a terminal.
.SH EXIT STATUS
Where several devices fail, that of the first. check, doctor and those that say so have their own.
"""
        + "".join(f".TP\n.B {status}\n{meaning}\n" for status, meaning in _EXIT_STATUS.items()).rstrip(),
        "bnfos(8), xivo\\-berofos(8), ocf_xivo_berofos(7)",
    ),
    Page(
        "xivo-berofos",
        "put the ISDN lines on the master or on the slave",
        """\
.SH NOTES
A device whose lines are there already is not written to. Each switch is read back, and logged to syslog. Where a
cluster owns the relay (ocf_xivo_berofos(7)), it puts the lines back: this command is for XiVOs without one.""",
        "berofos(8), bnfos(8), ocf_xivo_berofos(7)",
    ),
)


def parsers(page: Page) -> list[argparse.ArgumentParser]:
    """Return the parsers a page describes."""
    if page.name == "xivo-berofos":
        return [xivo_berofos.parser()]
    return [importlib.import_module(row.module).parser() for row in SUBCOMMANDS.values()]


def text_of(page: Page) -> str:
    """Return a page as roff."""
    described = parsers(page)
    lines = [
        f'.TH {_roff(page.name.upper())} 8 "" "berofos {__version__}" "System administration"',
        ".SH NAME",
        f"{_roff(page.name)} \\- {_roff(page.meaning)}",
        ".SH SYNOPSIS",
        *_joined([_synopsis(parser) for parser in described], ".br"),
        ".SH DESCRIPTION",
        _roff(_ABOUT),
    ]
    if len(described) > 1:
        lines.append(".SH COMMANDS")
    for parser in described:
        if len(described) > 1:
            lines.append(f".SS {_roff(parser.prog)}")
        else:
            lines.append(".PP")
        lines += _description(parser)
    lines += [page.notes, ".SH FILES", _FILES, ".SH SEE ALSO", page.see_also]
    return "\n".join(lines) + "\n"


def _joined(parts: list[str], between: str) -> Iterator[str]:
    for number, part in enumerate(parts):
        if number:
            yield between
        yield part


def _synopsis(parser: argparse.ArgumentParser) -> str:
    words = [f"\\fB{_roff(parser.prog)}\\fR", "[\\fIOPTION\\fR...]"]
    for action in _positionals(parser):
        word = f"\\fI{_roff(str(action.metavar))}\\fR" if action.metavar else _choices(action)
        words.append(f"[{word}...]" if action.nargs == "*" else word)
    return " ".join(words)


def _description(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield _roff(" ".join((parser.description or "").split()))
    for action in [*_positionals(parser), *_options(parser)]:
        yield ".TP"
        yield _heading(action)
        yield _roff(parser._get_formatter()._expand_help(action))
    if parser.epilog:
        yield from (".PP", ".nf", _roff(parser.epilog).replace("\n\n", "\n.sp\n"), ".fi")


def _positionals(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not action.option_strings]


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    passed_over = (argparse._HelpAction, argparse._VersionAction)
    return [action for action in parser._actions if action.option_strings and not isinstance(action, passed_over)]


def _heading(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"\\fI{_roff(str(action.metavar))}\\fR" if action.metavar else _choices(action)
    names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in action.option_strings)
    if action.nargs == 0:
        return names
    metavar = action.metavar if isinstance(action.metavar, tuple) else (action.metavar or _choices(action),)
    value = " ".join(f"\\fI{_roff(str(name)) if action.metavar else name}\\fR" for name in metavar)
    return f"{names} [{value}]" if action.nargs == "?" else f"{names} {value}"


def _choices(action: argparse.Action) -> str:
    if not action.choices:
        return f"\\fI{_roff(action.dest.upper())}\\fR"
    return "{" + "|".join(f"\\fB{_roff(str(choice))}\\fR" for choice in action.choices) + "}"


def _roff(text: str) -> str:
    """Escape what roff would take for its own; a line must not begin with a dot or an apostrophe."""
    text = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha").replace("`", "\\(ga")
    )
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in text.split("\n"))


def unexplained() -> set[int]:
    """Return the exit statuses that no page explains."""
    return {*commandline.EXIT_STATUS.values(), commandline.WRONG_ARGUMENTS, commandline.INTERRUPTED} - set(_EXIT_STATUS)


if __name__ == "__main__":
    for page in PAGES:
        Path(sys.argv[1], f"{page.name}.8").write_text(text_of(page))
