"""Writes the shell completions of all commands, which shtab makes from their parsers.

    python3 packaging/completions.py FOLDER      writes FOLDER/bash/berofos, FOLDER/zsh/_berofos, ...

They are made at build time, so they are never out of date. They do not start Python: that would take a tenth of a
second for each TAB.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import shtab

from berofos_agent.commands import xivo_berofos
from berofos_agent.commands.berofos import SUBCOMMANDS
from berofos_agent.commands.bnfos import options
from berofos_agent.device.settings import FLAG, SETTINGS

_NAMES = "sed -n 's/^[[:space:]]*\\[\\([^]]*\\)\\].*/\\1/p' /etc/bnfos.conf 2>/dev/null"
_KEYWORDS = "\n".join(SETTINGS)  # lines, as shtab 1.5.5 of Debian 12 splits at nothing else

_ASSIGNMENTS = "\n".join(
    f"{setting.keyword}={value}"
    for setting in SETTINGS.values()
    if setting.write
    for value in (("0", "1") if setting.kind is FLAG else ("",))
)

PREAMBLE = {
    "bash": f'_berofos_devices() {{ compgen -W "$({_NAMES})" -- "$1"; }}\n'
    f'_berofos_keywords() {{ compgen -W "{_KEYWORDS}" -- "$1"; }}\n'
    f'_berofos_assignments() {{ compgen -W "{_ASSIGNMENTS}" -- "$1"; }}\n',
    "zsh": f'_berofos_devices() {{ compadd -- ${{(f)"$({_NAMES})"}} }}\n'
    f'_berofos_keywords() {{ compadd -- ${{(f)"{_KEYWORDS}"}} }}\n'
    f'_berofos_assignments() {{ compadd -S "" -- ${{(f)"{_ASSIGNMENTS}"}} }}\n',
}

FILES: dict[str, str] = shtab.FILE
DEVICES = dict.fromkeys(PREAMBLE, "_berofos_devices")
KEYWORDS = dict.fromkeys(PREAMBLE, "_berofos_keywords")

COMPLETED_BY = {
    "DEVICE": DEVICES,
    "NAME": DEVICES,
    "KEY": KEYWORDS,
    "KEY=VALUE": dict.fromkeys(PREAMBLE, "_berofos_assignments"),
    "FILE": FILES,
    "SOCKET": FILES,
}
"""What completes an argument, by its name in the help."""

FILE_NAME = {"bash": "{}", "zsh": "_{}"}


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands by their names."""
    return {"berofos": _berofos(), "xivo-berofos": xivo_berofos.parser(), "bnfos": options.new_parser()}


def _berofos() -> argparse.ArgumentParser:
    """Return a parser with all subcommands; that of the command itself imports them only when they are called."""
    parser = argparse.ArgumentParser(prog="berofos")
    parser.add_argument("--version", action="version", version="")
    parser.add_argument("--config", metavar="FILE")
    commands = parser.add_subparsers()
    for name, row in SUBCOMMANDS.items():
        own = importlib.import_module(row.module).parser()
        commands.add_parser(name, help=row.meaning, description=row.meaning, parents=[own], add_help=False)
    return parser


def _actions(parser: argparse.ArgumentParser) -> Iterator[Any]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _actions(child)


def write(folder: Path) -> None:
    """Write the completions of all commands for bash and zsh."""
    for name, parser in parsers().items():
        for action in _actions(parser):
            if isinstance(action.metavar, str) and action.metavar in COMPLETED_BY:
                action.complete = COMPLETED_BY[action.metavar]
            if action.help:
                action.help = parser._get_formatter()._expand_help(action)
            if action.choices and not isinstance(action, argparse._SubParsersAction):
                action.choices = list(action.choices)  # shtab takes a table for subcommands
        for shell, preamble in PREAMBLE.items():
            path = folder / shell / FILE_NAME[shell].format(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_all_choices(shtab.complete(parser, shell, preamble=preamble)))


def _all_choices(text: str) -> str:
    """Return a script that offers all choices: shtab 1.5.5 (Debian 12) reads its arrays as plain variables."""
    if '_choices"' not in text:
        return text

    def as_lines(match: re.Match[str]) -> str:
        return f"{match.group(1)}=$'" + "\\n".join(re.findall(r"'([^']*)'", match.group(2))) + "'"

    return re.sub(r"^(_shtab\w+_choices)=\((.*)\)$", as_lines, text, flags=re.MULTILINE)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
