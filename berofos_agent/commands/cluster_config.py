"""The command `berofos cluster-config`: prints the recommended configuration for this cluster."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable

from berofos_agent.agent.node import relay_mode_for
from berofos_agent.cluster.recommendation import recommend
from berofos_agent.cluster.rendering import RENDERERS
from berofos_agent.commands import commandline
from berofos_agent.config import bnfosconf
from berofos_agent.errors import ConfigurationError, SectionError

if TYPE_CHECKING:
    from berofos_agent.cluster.cib import Cluster

_DESCRIPTION = """\
Print the cluster configuration for the devices of bnfos.conf, ready to apply.
With a node at port D it has one resource for all devices; if port D leads to a
PBX, one resource for each device. Nothing is changed."""

_EXAMPLES = """\
examples, the first two for two XiVOs, the third for a PBX at port D:
  berofos cluster-config --follow xivo --port-b xivo-1 --port-d xivo-2
  berofos cluster-config --follow xivo --port-b xivo-1 --port-d xivo-2 | sh
  berofos cluster-config --follow xivo --port-b xivo-1
  berofos cluster-config --xml --follow xivo --port-b xivo-1 --port-d xivo-2 |
    cibadmin --modify --allow-create --scope configuration --xml-pipe"""

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
_PATH = re.compile(r"/[\w./@+ -]*")


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    arguments = parser().parse_args(argv)
    cluster = _running_cluster()
    _require(arguments, cluster)
    port_d = arguments.port_d or ""
    for option, name in (("--port-b", arguments.port_b), ("--port-d", port_d)):
        if cluster and name:
            _known_node(option, name, cluster.nodes)
    if arguments.port_b.lower() == port_d.lower():
        raise ConfigurationError("--port-b and --port-d name the same node; leave --port-d out if D leads to a PBX")
    entries = bnfosconf.select(bnfosconf.read(arguments.config), [], arguments.config)
    follow, role = _telephony(arguments.follow, arguments.role, cluster)
    wanted = recommend(
        arguments.name,
        follow,
        arguments.port_b,
        port_d,
        [entry.name for entry in entries if not entry.problem],
        arguments.config,
        role,
    )
    sys.stdout.write(RENDERERS[arguments.tool or installed_tool()](wanted))
    wrong = [SectionError(entry.name, entry.problem) for entry in entries if entry.problem]
    return commandline.complain_of("berofos cluster-config", wrong)


def _running_cluster() -> Cluster | None:
    from berofos_agent.cluster import cib

    try:
        return cib.read_live()
    except ConfigurationError:
        return None


def _require(arguments: argparse.Namespace, cluster: Cluster | None) -> None:
    """End with status 2 if an argument is missing, and name what the running cluster has to choose from."""
    from berofos_agent.cluster import shape

    resources, nodes = (shape.candidates(cluster), cluster.nodes) if cluster else ([], ())
    offers: dict[str, tuple[str, Sequence[str]]] = {"follow": ("resources", resources), "port_b": ("nodes", nodes)}
    for name, (what, known) in offers.items():
        if getattr(arguments, name) is None:
            offer = f"; this cluster has the {what} {', '.join(known)}" if known else ""
            parser().error(f"--{name.replace('_', '-')} is required{offer}")


def _known_node(option: str, name: str, nodes: Sequence[str]) -> None:
    """Raise ConfigurationError for a name that no node has; a short name may stand for a full one."""
    if nodes and not any(relay_mode_for(node, name, None) for node in nodes):
        hint = commandline.did_you_mean(name, nodes) or f"; it has {', '.join(nodes)}"
        raise ConfigurationError(f"{option} {name}: the cluster has no such node{hint}")


def _telephony(id: str, role: str | None, cluster: Cluster | None) -> tuple[str, str]:
    """Return the resource to be colocated with and its role, as the cluster has it; without a cluster, as told.

    The instances of a clone are placed by the clone's constraints. Only the promoted one of a promotable clone has the
    lines. Before the CIB schema 3.7 (Pacemaker 2.1), the role is called Master.
    """
    from berofos_agent.cluster import shape

    if cluster is None:
        return id, role or ""
    tree = cluster.tree
    telephony = shape.find(tree.find("configuration"), id)
    if telephony is None:
        ids = [one.get("id", "") for one in tree.iterfind("configuration/resources//*[@id]") if shape.is_resource(one)]
        hint = commandline.did_you_mean(id, ids) or f"; it has {', '.join(ids) or 'none'}"
        raise ConfigurationError(f"--follow {id}: the cluster has no such resource{hint}")
    if role is None:
        role = shape.promoted_role(tree) if telephony.promotable else ""
    return telephony.id, role


def installed_tool(which: Callable[[str], str | None] = shutil.which) -> str:
    """Return the default output format: that of the installed tool, pcs if both are installed, XML if neither is."""
    return next((tool for tool in ("pcs", "crm") if which(tool)), "xml")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.Parser(
        prog="berofos cluster-config",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    tool = parser.add_mutually_exclusive_group()
    tool.add_argument("--crm", dest="tool", action="store_const", const="crm", help="commands for crmsh")
    tool.add_argument("--pcs", dest="tool", action="store_const", const="pcs", help="commands for pcs")
    tool.add_argument("--xml", dest="tool", action="store_const", const="xml", help="part of a CIB, for cibadmin")
    parser.add_argument(
        "--follow", type=_matching(_ID), metavar="RESOURCE", help="the telephony resource, such as xivo; required"
    )
    parser.add_argument(
        "--role",
        choices=("Promoted", "Master"),
        help="role of a promotable telephony resource that has the lines (default: as in the cluster, if it runs here)",
    )
    parser.add_argument(
        "--port-b", type=_matching(_NODE), metavar="NODE", help="node cabled to port B, such as xivo-1; required"
    )
    parser.add_argument(
        "--port-d",
        type=_matching(_NODE),
        metavar="NODE",
        help="node cabled to port D; leave out if port D leads to a PBX",
    )
    parser.add_argument("--name", type=_matching(_ID), default="relay", help="name of the relay resource (%(default)s)")
    parser.add_argument(
        "--config",
        type=_matching(_PATH),
        default=bnfosconf.DEFAULT_PATH,
        metavar="FILE",
        help="where the devices are declared (%(default)s)",
    )
    return parser


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    """Return an argument type for text without a special meaning in a shell, crmsh or XML."""

    @commandline.argument
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"{text!r} is not allowed here: use letters, digits, _ . -")
        return text

    return check
