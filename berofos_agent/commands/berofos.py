"""The command `berofos`: finds the subcommand in a table and hands over; knows no device."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from berofos_agent import __version__
from berofos_agent.commands.commandline import WRONG_ARGUMENTS, guarded


@dataclass(frozen=True)
class Subcommand:
    """One row; the module has main(argv) -> exit status, and is imported only when called."""

    module: str
    meaning: str


SUBCOMMANDS: Mapping[str, Subcommand] = {
    "status": Subcommand("berofos_agent.commands.status", "show every device and where its lines go"),
    "switch": Subcommand("berofos_agent.commands.switch", "put the lines on port B or on port D"),
    "provision": Subcommand("berofos_agent.commands.provision", "set devices up for two XiVOs, or for a PBX"),
    "password": Subcommand("berofos_agent.commands.password", "set a password on devices and in bnfos.conf"),
    "check": Subcommand("berofos_agent.commands.check", "check devices for a monitoring system"),
    "cluster-config": Subcommand("berofos_agent.commands.cluster_config", "print the cluster configuration to use"),
    "doctor": Subcommand("berofos_agent.commands.doctor", "say what is dangerous in cluster, files and devices"),
    "heartbeat": Subcommand("berofos_agent.commands.heartbeat", "keep the lines while the telephones work"),
    "simulate": Subcommand("berofos_agent.commands.simulate", "be a bero*fos, to try everything without hardware"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        parser().print_help(sys.stderr)
        return WRONG_ARGUMENTS
    name: str = parser().parse_args(arguments[:1]).command
    module = importlib.import_module(SUBCOMMANDS[name].module)
    return guarded(f"berofos {name}", lambda: module.main(arguments[1:]))


def parser() -> argparse.ArgumentParser:
    """Return the parser of what stands before the subcommand's own arguments."""
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
    return parser
