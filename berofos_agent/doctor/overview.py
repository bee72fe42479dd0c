"""The present state in one object: devices, nodes and relay resources, with a verdict and the next step."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from berofos_agent.agent.readiness import READY
from berofos_agent.cluster import cib, status
from berofos_agent.device.topology import LINES
from berofos_agent.doctor import kicks
from berofos_agent.doctor.checks import examine_present
from berofos_agent.doctor.findings import Facts, Finding, Inspected, Severity

if TYPE_CHECKING:
    from berofos_agent.cluster.relays import RelayState
    from berofos_agent.cluster.status import ClusterStatus
    from berofos_agent.device.inspection import Inspection
    from berofos_agent.doctor.kicks import Kicks


@dataclass(frozen=True)
class View:
    """Everything to show: the facts, and what the doctor found in them."""

    facts: Facts
    live: ClusterStatus
    findings: Sequence[Finding]
    config: str
    """The absolute path, as resources name it."""
    kicks: Mapping[str, Kicks] = field(default_factory=dict)
    """By resource, what its kick daemon on this host did."""

    def state_of(self, device: str) -> RelayState | None:
        """Return the relay resource that controls a device of the configuration file."""
        for relay, given in self.facts.parsed:
            if given.has(self.config, device):
                return next((state for state in self.facts.states if state.id == relay.id), None)
        return None

    @property
    def severity(self) -> Severity:
        """The severity of the verdict."""
        return self.findings[0].check.severity if self.findings else Severity.CLEAN

    @property
    def severity_name(self) -> str:
        """The severity in the word that is shown."""
        return "OK" if self.severity is Severity.CLEAN else self.severity.name

    @property
    def verdict(self) -> str:
        """What is wrong first of all, or that all is well, in one sentence."""
        if self.findings:
            problem = self.findings[0].problem
            return f"{problem.subject} {problem.text}"
        places = sorted(
            {f"{state.name_of(state.mode)} ({LINES[state.mode]})" for state in self.facts.states if state.mode}
        )
        return f"the lines are at {' and '.join(places) or 'an unknown place'}, where they should be"

    @property
    def next_step(self) -> str:
        """What to do about it."""
        return self.findings[0].problem.fix if self.findings else "nothing to do"


def read_cluster(config: str) -> View:
    """Return the running cluster's view, without devices, for the relays of a configuration file.

    Raises ConfigurationError if there is no cluster to ask.
    """
    cluster, live = cib.read_live(), status.read()
    kicked = {relay.id: kicks.read(relay) for relay in cluster.relays}
    known = {resource: one for resource, one in kicked.items() if one}
    return View(Facts(cluster, status=live), live, [], os.path.abspath(config), known)


def read_view(config: str) -> View | None:
    """Return the same; None if the cluster has no relay resource."""
    view = read_cluster(config)
    return view if view.facts.relays else None


def with_devices(view: View, inspections: Sequence[Inspection]) -> View:
    """Return the view with the devices in it, and with what the doctor's checks of the present find."""
    facts = dataclasses.replace(view.facts, inspected=[Inspected(view.config, one) for one in inspections])
    return dataclasses.replace(view, facts=facts, findings=examine_present(facts))


def ready(view: View, node: str) -> str:
    """Whether a node could take over: the reason that says no, of any relay resource."""
    waiting = [state for state in view.facts.states if node not in state.nodes]
    if not waiting:
        return "has the lines"
    known = view.live.node(node)
    answers = [(known and state.ready_on(known)) or "unknown" for state in waiting]
    return next((answer for answer in answers if answer != READY), READY)


def as_json(view: View, devices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return everything for a program; `devices` are the devices as without a cluster."""
    found = []
    for one in devices:
        state = view.state_of(one["device"])
        mode = state.mode if state else ""
        found.append(
            {
                **one,
                "resource": state.id if state else None,
                "node": (state.name_of(one["mode"]) if state and one["mode"] else "") or None,
                "expected_mode": mode or None,
                "expected_node": (state.name_of(mode) if state else "") or None,
            }
        )
    return {
        "time": _iso(view.live.at),
        "devices": found,
        "relays": [_relay_json(state, view.kicks.get(state.id)) for state in view.facts.states],
        "nodes": [
            {"node": node.name, "state": node.condition, "ready": ready(view, node.name)} for node in view.live.nodes
        ],
        "quorum": view.live.with_quorum,
        "maintenance": view.live.maintenance,
        "fencing": {
            "enabled": view.live.fencing_enabled,
            "history": [
                {"node": one.target, "action": one.action, "status": one.status, "time": _iso(one.at)}
                for one in view.live.fencing
            ],
        },
        "findings": [
            {
                "check": one.check.id,
                "severity": one.check.severity.name.lower(),
                "text": f"{one.problem.subject} {one.problem.text}",
                "fix": one.problem.fix,
            }
            for one in view.findings
        ],
        "verdict": {"severity": view.severity.name.lower(), "text": view.verdict, "next_step": view.next_step},
    }


def _relay_json(state: RelayState, kicked: Kicks | None) -> dict[str, Any]:
    start = state.last_start
    return {
        "resource": state.id,
        "nodes": list(state.nodes),
        "managed": state.managed,
        "blocked": state.blocked,
        "degraded": bool(state.nodes and state.reason),
        "reason": state.reason or None,
        "telephony": state.telephony or None,
        "telephony_nodes": list(state.telephony_nodes),
        "expected_node": state.name_of(state.mode) or None,
        "lines": dict(state.lines),
        "ready": dict(state.readiness),
        "fail_counts": {one.node: one.count for one in state.fail_counts},
        "kicks": kicked.as_json() if kicked else None,
        "last_switch": {"node": start.node, "time": _iso(start.at)} if start else None,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
