"""Checks of what is: nodes, telephony, relay resources and positions at this moment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from shlex import quote

from berofos_agent.agent.node import relay_mode_for
from berofos_agent.agent.readiness import READY
from berofos_agent.cluster.cib import Relay
from berofos_agent.cluster.relays import RelayState
from berofos_agent.cluster.status import INFINITY
from berofos_agent.config.bnfosconf import DEFAULT_PATH
from berofos_agent.device.topology import LINES, PORT_OF_MODE
from berofos_agent.doctor import remedies
from berofos_agent.doctor.files import how_to_compare
from berofos_agent.doctor.findings import CLUSTER, Facts, Inspected, Problem

_DIGEST = re.compile("[0-9a-f]{12}")
"""What bnfosconf.digest returns."""
NOT_INSTALLED = 5
"""What Pacemaker answers a probe without the agent, which is no failure: crm_mon names it when it is too late."""
_LOOK = "crm_mon --one-shot --inactive"


def not_judged(facts: Facts) -> Iterator[Problem]:
    """The live state cannot be checked: crm_mon does not report it."""
    if facts.why_no_status:
        yield Problem(CLUSTER, f"has a live state that was not checked: {facts.why_no_status}", _LOOK)


def no_quorum(facts: Facts) -> Iterator[Problem]:
    """The cluster has no quorum: it starts and moves nothing, so it does not switch."""
    if facts.status and not facts.status.with_quorum:
        yield Problem(CLUSTER, "has no quorum: it starts and moves nothing", "corosync-quorumtool -s; start more nodes")


def node_offline(facts: Facts) -> Iterator[Problem]:
    """A node is not in the cluster and cannot take over."""
    for node in facts.status.nodes if facts.status else ():
        if node.condition in ("OFFLINE", "UNCLEAN", "pending"):
            yield Problem(
                node.name,
                f"is {node.condition}: it cannot take over",
                f"on {node.name}: systemctl start pacemaker, or journalctl --unit=corosync --unit=pacemaker",
            )


def node_standby(facts: Facts) -> Iterator[Problem]:
    """A node is in standby or maintenance and cannot take over."""
    transient = facts.cluster.attributes if facts.cluster else {}
    for node in facts.status.nodes if facts.status else ():
        if node.condition in ("standby", "maintenance"):
            is_transient = node.condition in transient.get(node.name, ())  # crm_attribute deletes the permanent one
            fix = f"crm_attribute --node {node.name} --name {node.condition}"
            fix += " --lifetime reboot --delete" if is_transient else " --delete"
            yield Problem(node.name, f"is in {node.condition}: it cannot take over", fix)


def telephony_stopped(facts: Facts) -> Iterator[Problem]:
    """Telephony runs on no node, so nobody answers calls, wherever the lines are."""
    for telephony in dict.fromkeys(state.telephony for state in facts.states if not state.telephony_nodes):
        if telephony and facts.status:
            disabled = any(one.target_role == "Stopped" for one in facts.status.of(telephony))
            yield Problem(
                telephony,
                "runs on no node: it is disabled (target-role=Stopped)" if disabled else "runs on no node",
                remedies.delete_meta(telephony, "target-role")
                if disabled
                else f"{_LOOK}; then crm_resource --cleanup --resource {telephony}",
            )


def relay_stopped(facts: Facts) -> Iterator[Problem]:
    """The relay resource failed or is stopped while telephony runs: nothing keeps the lines in position."""
    for state in facts.states:
        if state.telephony_nodes and not state.nodes and not state.starting and state.target_role != "Stopped":
            text = f"is stopped: {state.reason or 'no failure is listed'}"
            step = "correct that" if state.reason else f"see {remedies.page('troubleshooting.md')}"
            yield Problem(state.id, text, f"{step}, then {_cleanup(state)}")


def blocked(facts: Facts) -> Iterator[Problem]:
    """The cluster does not manage the relay any more after a failed action."""
    for state in facts.states:
        if state.blocked:
            failed = next((one.text for one in state.failures), "an action failed")
            text = f"is blocked: {state.reason or failed}"
            yield Problem(state.id, text, f"correct that, then {_cleanup(state)}")


def wrong_position(facts: Facts) -> Iterator[Problem]:
    """The lines are not where telephony runs: all devices of a resource are in the wrong position."""
    for state, devices in _owned(facts):
        modes = {device.inspection.mode for device in devices}
        if state.mode and modes and not modes & {state.mode}:
            yield Problem(
                state.id,
                f"has its lines at {' and '.join(sorted({_place(state, device) for device in devices}))}, "
                f"expected {LINES[state.mode]} ({state.name_of(state.mode)}): {_why(state)}",
                _switch(state, devices),
            )


def different_positions(facts: Facts) -> Iterator[Problem]:
    """The devices of one resource are in different positions, so some lines are at the wrong node."""
    for state, devices in _owned(facts):
        if len({device.inspection.mode for device in devices}) > 1:
            places = ", ".join(f"{device.name} at {_place(state, device)}" for device in devices)
            expected = f"; expected {LINES[state.mode]}" if state.mode else ""
            wrong = [device for device in devices if state.mode and device.inspection.mode != state.mode]
            yield Problem(
                state.id,
                f"has its devices in different positions: {places}{expected}",
                _switch(state, wrong) if wrong else f"start telephony ({state.telephony or 'the resource'}) first",
            )


def fail_counts(facts: Facts) -> Iterator[Problem]:
    """The cluster counts failures of the relay resource, or of telephony: enough of them keep it away from a node."""
    for telephony in dict.fromkeys(state.telephony for state in facts.states if state.telephony):
        members = {one.id for one in facts.status.of(telephony)} if facts.status else set()
        for one in facts.status.fail_counts if facts.status else ():
            if one.resource in members and one.keeps_away:
                text = f"has failed on {one.node}, so that telephony may not start there: no failover to it"
                fix = f"crm_resource --cleanup --resource {one.resource} --node {one.node}"
                yield Problem(one.resource, text, f"correct that, then {fix}")
    for state in facts.states:
        for one in state.fail_counts:
            count = "INFINITY" if one.count >= INFINITY else str(one.count)
            limit = "" if one.threshold in (0, INFINITY) else f" (limit {one.threshold})"
            effect = "it may not start there" if one.keeps_away else "it may start there"
            yield Problem(
                state.id, f"has the fail-count {count}{limit} on {one.node}: {effect}", _cleanup(state, one.node)
            )


def banned(facts: Facts) -> Iterator[Problem]:
    """A constraint keeps the relay resource away from a node."""
    moved = facts.cluster.moved if facts.cluster else {}
    relays = {relay.id: relay for relay in facts.relays}
    for state in facts.states:
        relay = relays.get(state.id)
        for ban in state.bans:
            is_third = relay is not None and _is_third_node(facts, relay, ban.node)
            if ban.id not in moved and not is_third:  # the constraint of a move or ban has its own check
                text = f"may not run on {ban.node} (constraint {ban.id}): no failover to it"
                yield Problem(state.id, text, remedies.delete_constraint("location", ban.id))


def degraded(facts: Facts) -> Iterator[Problem]:
    """The last monitor of a relay resource found a problem that no other check has found from here."""
    seen = {device.name for device in facts.inspected if device.inspection.failure}
    for state in facts.states:
        if state.nodes and state.reason and not any(f"{name}: " in state.reason for name in seen):
            text = f"is degraded on {state.nodes[0]}: {state.reason}"
            yield Problem(state.id, text, f"see {remedies.page('troubleshooting.md')}")


def not_ready(facts: Facts) -> Iterator[Problem]:
    """The node without the lines could not take over; its own monitor with role=Stopped says why."""
    for relay, node, reason in _attributes(facts, "ready"):
        running = any(state.id == relay.id and node in state.nodes for state in facts.states)
        if reason != READY and not running and not _is_third_node(facts, relay, node):
            fix = (
                f"correct that on {node}; its next monitor says so in {relay.id}-ready (crm_mon --show-node-attributes)"
            )
            yield Problem(node, f"could not take over {relay.id}: {reason}", fix)
    for relay in facts.relays:
        for one in facts.status.history if facts.status else ():
            is_missing = (one.resource, one.task, one.code) == (relay.id, "probe", NOT_INSTALLED)
            if is_missing and not _is_third_node(facts, relay, one.node):
                fix = f"install the package there; then crm_resource --refresh --resource {relay.id} --node {one.node}"
                yield Problem(one.node, f"could not take over {relay.id}: the agent is not installed there", fix)


def different_files(facts: Facts) -> Iterator[Problem]:
    """bnfos.conf declares other devices on the other node, so a failover moves other lines."""
    for relay in facts.relays:
        digests = {node: digest for one, node, digest in _attributes(facts, "config") if one == relay}
        if len(set(digests.values())) > 1:
            path = relay.parameters.get("config") or DEFAULT_PATH
            text = f"has other devices in {path} on {' than on '.join(sorted(digests))}"
            yield Problem(relay.id, text, how_to_compare(path, sorted(digests)))


def leftover_attributes(facts: Facts) -> Iterator[Problem]:
    """Node attributes of a relay resource that was deleted are left; crm_mon shows them as if they were true."""
    known = {relay.id for relay in facts.relays}
    for node, attributes in facts.cluster.attributes.items() if facts.cluster else ():
        left = [name for name in attributes if _is_ours(name, attributes) and name.rpartition("-")[0] not in known]
        if left:
            yield Problem(
                node,
                f"has node attributes of a resource that is not there any more: {', '.join(left)}",
                " && ".join(f"attrd_updater --delete --name {quote(name)} --node {node}" for name in left),
            )


def _is_ours(name: str, attributes: Mapping[str, str]) -> bool:
    """Tell whether the agent has set a node attribute, by its value or that of the one beside it."""
    resource, _, what = name.rpartition("-")
    if what == "lines":
        return attributes[name].startswith((*LINES.values(), "unknown"))
    return what in ("ready", "config") and bool(_DIGEST.fullmatch(attributes.get(f"{resource}-config", "")))


def _attributes(facts: Facts, what: str) -> Iterator[tuple[Relay, str, str]]:
    """The node attributes RESOURCE-what: resource, node and value."""
    for relay in facts.relays:
        for node, attributes in facts.cluster.attributes.items() if facts.cluster else ():
            if attributes.get(f"{relay.id}-{what}"):
                yield relay, node, attributes[f"{relay.id}-{what}"]


def _is_third_node(facts: Facts, relay: Relay, node: str) -> bool:
    """Tell whether a node is at neither port, and rightly so: the ports' nodes are others of the cluster."""
    ports = [relay.parameters.get(name, "") for name in ("port_b_node", "port_d_node")]
    known = facts.cluster.nodes if facts.cluster else ()
    return relay_mode_for(node, ports[0], ports[1] or None) is None and all(
        any(relay_mode_for(name, port, None) for name in known) for port in ports if port
    )


# --- what the checks share -------------------------------------------------------------------------------------


def _owned(facts: Facts) -> Iterator[tuple[RelayState, list[Inspected]]]:
    """The relay resources with their devices, as far as these reported a position."""
    for relay, given in facts.parsed:
        state = next((one for one in facts.states if one.id == relay.id), None)
        if state:
            owned = [device for device in facts.inspected if given.has(device.path, device.name)]
            yield state, [device for device in owned if device.inspection.mode]


def _place(state: RelayState, device: Inspected) -> str:
    mode = device.inspection.mode or ""
    return f"{LINES[mode]} ({state.name_of(mode)})"


def _why(state: RelayState) -> str:
    if state.starting:
        return "the resource is being started"
    if not state.nodes:
        return f"the resource is stopped ({state.reason})" if state.reason else "the resource is stopped"
    return f"telephony runs on {state.node}" if state.telephony else f"the resource runs on {state.node}"


def _switch(state: RelayState, devices: list[Inspected]) -> str:
    names = [device.name for device in devices]
    command = f"berofos switch {PORT_OF_MODE[state.mode]} {' '.join(names)}"
    return f"{remedies.with_config(command, devices[0].path)}; if a relay does not move: power-cycle the device once"


def _cleanup(state: RelayState, node: str = "") -> str:
    return f"crm_resource --cleanup --resource {state.id}" + (f" --node {node}" if node else "")
