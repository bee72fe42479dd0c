"""The command `berofos`: finds the subcommand in a table and runs it."""

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
    """One row. The module has main(argv) -> exit status; it is imported only when it is called."""

    module: str
    meaning: str


SUBCOMMANDS: Mapping[str, Subcommand] = {
    "status": Subcommand("berofos_agent.commands.status", "show every device and where its lines go"),
    "switch": Subcommand("berofos_agent.commands.switch", "switch the lines to port B or to port D"),
    "provision": Subcommand("berofos_agent.commands.provision", "configure devices for two XiVOs, or for a PBX"),
    "password": Subcommand("berofos_agent.commands.password", "set a new password on devices and in bnfos.conf"),
    "check": Subcommand("berofos_agent.commands.check", "check devices for a monitoring system"),
    "cluster-config": Subcommand(
        "berofos_agent.commands.cluster_config", "print the recommended cluster configuration"
    ),
    "doctor": Subcommand("berofos_agent.commands.doctor", "find problems in the cluster, in files and in devices"),
    "rehearse": Subcommand("berofos_agent.commands.rehearse", "ask the scheduler what the cluster would do"),
    "heartbeat": Subcommand("berofos_agent.commands.heartbeat", "keep the lines at port B while telephony is healthy"),
    "panel": Subcommand("berofos_agent.commands.panel", "serve a page that shows all devices and the cluster"),
    "simulate": Subcommand("berofos_agent.commands.simulate", "simulate devices, to try everything without hardware"),
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
    """Return the parser of the subcommand's name and of the options before it."""
    width = max(map(len, SUBCOMMANDS)) + 2
    rows = (f"  {name:{width}}{row.meaning}" for name, row in SUBCOMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="berofos",
        description="Manage bero*fos ISDN failover switches.",
        epilog="\n".join(("commands:", *rows, "", "berofos COMMAND --help explains a command, with examples.")),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"berofos {__version__}")
    parser.add_argument("command", choices=SUBCOMMANDS, metavar="COMMAND", help="one of the commands below")
    return parser
