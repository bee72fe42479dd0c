"""The command `berofos`: finds the subcommand in a table and hands over; knows no device."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from berofos_agent import __version__
from berofos_agent.errors import BerofosError


@dataclass(frozen=True)
class Subcommand:
    """One row; the module has main(argv) -> exit status, and is imported only when called."""

    module: str
    meaning: str


SUBCOMMANDS: Mapping[str, Subcommand] = {
    "simulate": Subcommand("berofos_agent.commands.simulate", "be a bero*fos, to try everything without hardware"),
}

FAILED, WRONG_ARGUMENTS, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = _parse(arguments[:1])
    try:
        status: int = importlib.import_module(SUBCOMMANDS[name].module).main(arguments[1:])
    except BerofosError as exc:
        print(f"berofos {name}: {exc}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _parse(arguments: Sequence[str]) -> str:
    width = max(map(len, SUBCOMMANDS)) + 2
    rows = (f"  {name:{width}}{row.meaning}" for name, row in SUBCOMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="berofos",
        description="Look after bero*fos ISDN failover switches.",
        epilog="\n".join(("commands:", *rows, "", "berofos COMMAND --help tells more, with an example.")),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"berofos {__version__}")
    parser.add_argument("command", choices=SUBCOMMANDS, metavar="COMMAND", help="one of those below")
    name: str = parser.parse_args(arguments).command
    return name
