"""Combines the cluster's configuration with its live state: for each relay resource, where its lines should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from berofos_agent.agent.node import relay_mode_for
from berofos_agent.agent.readiness import READY
from berofos_agent.cluster.cib import Cluster, Relay
from berofos_agent.cluster.status import ONLINE, STARTING, Ban, ClusterStatus, FailCount, Failure, Node, Operation

AT_D = "0"
"""The relay mode in which the lines are at port D."""


@dataclass(frozen=True)
class RelayState:
    """The live state of one relay resource. A node or a mode that is not known is empty."""

    id: str
    port_b_node: str
    port_d_node: str
    """Empty if port D leads to a PBX."""
    on_stop: str = ""
    telephony: str = ""
    """The resource that the relay is colocated with."""
    telephony_nodes: Sequence[str] = ()
    """Where telephony runs, in the role of the colocation."""
    nodes: Sequence[str] = ()
    """Where the relay resource runs."""
    starting: bool = False
    """A start is under way."""
    managed: bool = True
    blocked: bool = False
    target_role: str = ""
    lines: Mapping[str, str] = field(default_factory=dict)
    """By node, the node attribute ID-lines: the position the agent saw last, and what was wrong."""
    readiness: Mapping[str, str] = field(default_factory=dict)
    """By node, the node attribute ID-ready: "yes", or the reason why the node could not take over."""
    failures: Sequence[Failure] = ()
    """The latest first."""
    fail_counts: Sequence[FailCount] = ()
    bans: Sequence[Ban] = ()
    last_start: Operation | None = None

    @property
    def node(self) -> str:
        """The node that should have the lines: that of telephony; without a colocation, that of the relay."""
        at = self.telephony_nodes if self.telephony else self.nodes
        both = [name for name in at if name in self.nodes]
        return at[0] if len(at) == 1 else both[0] if len(both) == 1 else ""

    @property
    def mode(self) -> str:
        """The relay mode that brings the lines to that node."""
        if self.node:
            return relay_mode_for(self.node, self.port_b_node, self.port_d_node or None) or ""
        return "" if self.port_d_node or self.on_stop == "keep" or self.nodes else AT_D

    @property
    def reason(self) -> str:
        """Why the resource is degraded where it runs, or why it is stopped; empty if nothing is wrong."""
        for node in self.nodes:
            return self.lines.get(node, "").partition("; ")[2]
        return next((failure.text for failure in self.failures), "")

    def name_of(self, mode: str) -> str:
        """Return who has the lines in a relay mode: a node's name, or PBX."""
        return {"1": self.port_b_node, "0": self.port_d_node or "PBX"}.get(mode, "")

    def ready_on(self, node: Node) -> str:
        """Return "yes" if a node could take over, else the reason; empty if that is not known.

        The monitor with role=Stopped goes on in standby and in maintenance, and has no reason to complain.
        """
        known = self.readiness.get(node.name, "")
        return known if known != READY or node.condition == ONLINE else f"no: {node.condition}"

    def is_cabled_to(self, node: str) -> bool:
        """Return whether a node is at one of the ports."""
        return relay_mode_for(node, self.port_b_node, self.port_d_node or None) is not None


def relay_states(cluster: Cluster, status: ClusterStatus) -> list[RelayState]:
    """Return the state of each relay resource of the configuration."""
    return [_state(cluster, status, relay) for relay in cluster.relays]


def _state(cluster: Cluster, status: ClusterStatus, relay: Relay) -> RelayState:
    followed = next((one for one in cluster.followed(relay) if one.mandatory), None)
    instances = status.of(relay.id)
    return RelayState(
        id=relay.id,
        port_b_node=relay.parameters.get("port_b_node", ""),
        port_d_node=relay.parameters.get("port_d_node", ""),
        on_stop=relay.parameters.get("on_stop", ""),
        telephony=followed.with_rsc if followed else "",
        telephony_nodes=status.where(followed.with_rsc, followed.with_role) if followed else (),
        nodes=status.where(relay.id),
        starting=any(one.role == STARTING for one in instances),
        managed=all(one.managed for one in instances),
        blocked=any(one.blocked for one in instances),
        target_role=next((one.target_role for one in instances), ""),
        lines=_attributes(status, f"{relay.id}-lines"),
        readiness=_attributes(status, f"{relay.id}-ready"),
        failures=status.failures_of(relay.id),
        fail_counts=[one for one in status.fail_counts if one.resource == relay.id],
        bans=[one for one in status.bans if one.resource in relay.names],
        last_start=status.last_start(relay.id),
    )


def _attributes(status: ClusterStatus, name: str) -> dict[str, str]:
    return {node.name: node.attributes[name] for node in status.nodes if name in node.attributes}
