"""The command `berofos`: finds the subcommand in a table and runs it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from berofos_agent import __version__
from berofos_agent.commands.commandline import WRONG_ARGUMENTS, Parser, guarded, path, with_output


@dataclass(frozen=True)
class Subcommand:
    """One row. The module has main(argv) -> exit status; it is imported only when it is called."""

    module: str
    meaning: str
    reads_config: bool = True
    """False if --config means something else, or is missing: then BEROFOS_CONFIG is not for it."""


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
    "rehearse": Subcommand("berofos_agent.commands.rehearse", "ask the scheduler what the cluster would do", False),
    "drill": Subcommand("berofos_agent.commands.drill", "move telephony to the other node and back, and watch", False),
    "heartbeat": Subcommand("berofos_agent.commands.heartbeat", "keep the lines at port B while telephony is healthy"),
    "report": Subcommand("berofos_agent.commands.report", "write an archive with all that a ticket needs"),
    "metrics": Subcommand("berofos_agent.commands.metrics", "print metrics for Prometheus"),
    "history": Subcommand("berofos_agent.commands.history", "show who moved the lines, when, why, and for how long"),
    "panel": Subcommand("berofos_agent.commands.panel", "serve a page that shows all devices and the cluster"),
    "simulate": Subcommand(
        "berofos_agent.commands.simulate", "simulate devices, to try everything without hardware", False
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    return with_output("berofos", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        parser().print_help(sys.stderr)
        return WRONG_ARGUMENTS
    given = parser().parse_args(words)
    row = SUBCOMMANDS[given.command]
    config = given.config or (os.environ.get("BEROFOS_CONFIG") if row.reads_config else None)
    arguments = [*(["--config", config] if config else []), *given.arguments]  # a later --config overrides it
    module = importlib.import_module(row.module)
    return guarded(f"berofos {given.command}", lambda: module.main(arguments))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the subcommand's name and of the options before it."""
    width = max(map(len, SUBCOMMANDS)) + 2
    rows = (f"  {name:{width}}{row.meaning}" for name, row in SUBCOMMANDS.items())
    parser = Parser(
        prog="berofos",
        usage="berofos [--config FILE] COMMAND [ARGUMENT ...]",
        description="Manage bero*fos ISDN failover switches.",
        epilog="\n".join(("commands:", *rows, "", "berofos COMMAND --help explains a command, with examples.")),
    )
    parser.add_argument("--config", type=path, metavar="FILE", help="file that declares the devices ($BEROFOS_CONFIG)")
    parser.add_argument("--version", action="version", version=f"berofos {__version__}")
    parser.add_argument("command", choices=SUBCOMMANDS, metavar="COMMAND", help="one of the commands below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="its options and arguments")
    return parser
