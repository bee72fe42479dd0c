"""Which cluster node this is, which port it is cabled to, and the node attribute that shows where the lines are."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from berofos_agent.config.bnfosconf import Entry, digest

if TYPE_CHECKING:
    from berofos_agent.agent.invocation import Invocation

COMMAND_SECONDS = 2.0
"""crm_node and attrd_updater wait for ever for a Pacemaker that does not answer."""

_VALUE = re.compile(r'^name="[^"]*" host="([^"]*)" value="(.*)"$', re.MULTILINE)
"""A line of `attrd_updater --query`."""


def this_node(environ: Mapping[str, str], seconds: float = COMMAND_SECONDS) -> str:
    """Return this node's name in the cluster.

    Every cluster operation has it in its environment; `crm_resource --force-*` does not, so there crm_node is asked.
    """
    named = environ.get("OCF_RESKEY_CRM_meta_on_node")
    return named or output_of(["crm_node", "-n"], environ, seconds).strip() or socket.gethostname()


def relay_mode_for(node: str, port_b_node: str, port_d_node: str | None) -> str | None:
    """Return the relay mode that brings the lines to this node: "1" on port B, "0" on port D, None on neither."""
    modes = {port_b_node: "1"}
    if port_d_node:
        modes[port_d_node] = "0"
    exact = [mode for name, mode in modes.items() if name.lower() == node.lower()]
    if exact:
        return exact[0]
    similar = [mode for name, mode in modes.items() if _short_against_full(name.lower(), node.lower())]
    return similar[0] if len(similar) == 1 else None


def _short_against_full(one: str, other: str) -> bool:
    return ("." in one) != ("." in other) and one.split(".")[0] == other.split(".")[0]


def without_wait(reason: str) -> str:
    """Return a reason without how long an answer was waited for: a busy node waits less, and nothing else is wrong."""
    return re.sub(r" within [0-9.]+ s\b", "", reason)


def set_attribute(name: str, value: str, environ: Mapping[str, str], seconds: float) -> None:
    """Set (or, without a value, delete) a transient attribute of this node; a failure is ignored."""
    change = ["-U", value] if value else ["-D"]
    output_of(["attrd_updater", "-n", name, *change], environ, seconds)


def publish_config(call: Invocation, node: str, entries: Sequence[Entry], deadline: float) -> str:
    """Show a digest of what bnfos.conf declares here; return what is wrong if another node's differs."""
    mine = digest(entries) if entries else ""
    known = publish(call.attribute("config"), mine, node, call.environ, deadline)
    others = [other for other, theirs in sorted(known.items()) if other != node and theirs and theirs != mine]
    return (
        f"bnfos.conf differs in its devices from that on {', '.join(others)}; copy the right one"
        if mine and others
        else ""
    )


def publish(name: str, value: str, node: str, environ: Mapping[str, str], deadline: float) -> dict[str, str]:
    """Set a transient attribute of this node unless it has that value; return each node's value before.

    Ends at the deadline (time.monotonic()), however Pacemaker's daemons hang.

    The attribute daemon is asked, as it forgets these attributes when it restarts. If pacemaker-execd or -controld dies
    alone, the CIB loses them and the daemon does not (Pacemaker 2.1.5; ClusterLabs/pacemaker pull request 1693); then
    the daemon is told to write all that it has. Only then, as each is an event for alerts.
    """
    # With the node's name in the environment, attrd_updater tells of this node only.
    plain = {key: environ[key] for key in environ if not key.startswith("OCF_RESKEY_CRM_meta_")}
    before = dict(
        _VALUE.findall(output_of(["attrd_updater", "-Q", "-A", "-n", name], plain, deadline - time.monotonic()))
    )
    if before.get(node, "") != value:
        set_attribute(name, value, environ, deadline - time.monotonic())
    elif value:
        in_cib = f"//node_state[@uname='{node}']//nvpair[@name='{name}']"
        if not output_of(["cibadmin", "--query", "--xpath", in_cib], environ, deadline - time.monotonic()):
            output_of(["attrd_updater", "-R"], environ, deadline - time.monotonic())
    return before


def output_of(command: Sequence[str], environ: Mapping[str, str], seconds: float) -> str:
    """Return what a command prints; empty if it fails, is not there, or takes longer than `seconds`."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=max(0.0, min(COMMAND_SECONDS, seconds)),
            check=True,
        )
        return done.stdout
    return ""
