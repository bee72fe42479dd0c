"""What the panel shows of devices and cluster, as one page and as JSON for programs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from berofos_agent.cluster.relays import RelayState
from berofos_agent.cluster.status import DEGRADED, ClusterStatus
from berofos_agent.device.inspection import Inspection, as_json, remarks
from berofos_agent.device.settings import WATCHDOG_FAILURE
from berofos_agent.device.topology import LINES, SCENARIO
from berofos_agent.page.card import Card, card


class Event(NamedTuple):
    """Something that the panel noticed, at a second of time.time()."""

    at: float
    text: str


@dataclass(frozen=True)
class ClusterState:
    """What is known of the cluster; `error` says why that is nothing."""

    status: ClusterStatus | None = None
    relays: Sequence[RelayState] = ()
    devices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By relay resource, the devices that it names; none for all."""
    error: str = ""


@dataclass(frozen=True)
class State:
    """Everything that was read, and how many seconds ago; older than `limit` is worth a warning."""

    devices: Sequence[Inspection] = ()
    known: Mapping[str, Inspection] = field(default_factory=dict)
    """By device, the last answer that told a relay mode."""
    cluster: ClusterState | None = None
    events: Sequence[Event] = ()
    age: float = 0.0
    limit: float = 15.0


# --- the page ------------------------------------------------------------------------------------------------------


def page(state: State, host: str) -> dict[str, Any]:
    """Return all that the page shows; `host` is the name of this host."""
    trouble = f"Not read for {state.age:.0f} s: what is shown is old." if state.age > state.limit else ""
    return {
        "title": f"bero*fos devices, seen from {host}",
        "trouble": trouble,
        "cards": [_card(one, state) for one in state.devices],
        "tables": [*cluster_tables(state.cluster or ClusterState()), _events(state.events)],
    }


def _card(one: Inspection, state: State) -> Card:
    known = one if one.mode else state.known.get(one.device)
    settings = known.settings if known else {}
    relay = _relay_of(one.device, state.cluster)
    facts = [
        ("MAC", one.mac or "unknown"),
        ("firmware", one.firmware or "unknown"),
        ("answered within", f"{one.milliseconds} ms" if not one.error else "no answer"),
    ]
    problems = [remark.text for remark in remarks(one)]
    ends, notes = {"A": "provider"}, {}
    if relay:
        ends.update(B=relay.port_b_node, D=relay.port_d_node or "PBX")
        if settings.get("scenario") == SCENARIO["bypass"]:
            ends["C"] = relay.port_b_node
        notes = {port: _note(name, relay, state.cluster) for port, name in ends.items() if port in "BD"}
        facts.insert(0, ("relay resource", relay.id))
        if one.mode and relay.mode and one.mode != relay.mode:
            problems.append(f"the lines are at {relay.name_of(one.mode)}, and should be at {relay.node}")
    power = "flash" if one.in_flash_mode else "on" if one.mode else "unknown"
    return card(
        one.device,
        one.entry.host,
        power=power,
        settings=settings,
        problems=problems,
        facts=facts,
        ends=ends,
        notes=notes,
    )


def _relay_of(device: str, cluster: ClusterState | None) -> RelayState | None:
    for relay in cluster.relays if cluster else ():
        named = cluster.devices.get(relay.id) if cluster else ()
        if not named or device in named:
            return relay
    return None


def _note(name: str, relay: RelayState, cluster: ClusterState | None) -> str:
    node = cluster.status.node(name) if cluster and cluster.status else None
    if node is None:
        return ""
    if node.condition != "online":
        return node.condition
    return "telephony" if name in relay.telephony_nodes else "online"


# --- the cluster as tables -----------------------------------------------------------------------------------------


def cluster_tables(cluster: ClusterState) -> Iterator[dict[str, Any]]:
    """Yield the tables of the cluster: nodes, resources, failed actions, fencing."""
    live = cluster.status
    if live is None:
        why = cluster.error or "not read yet"
        yield _table("Cluster", ("", ""), [("no cluster", why)])
        return
    yield _table(
        "Cluster",
        ("", ""),
        [
            ("quorum", "yes" if live.with_quorum else "NO QUORUM"),
            ("fencing", "enabled" if live.fencing_enabled else "DISABLED"),
            ("decides (DC)", live.dc or "nobody"),
            *([("maintenance", "the cluster manages nothing")] if live.maintenance else []),
        ],
    )
    attributes = [(relay, f"{relay.id} could start here") for relay in cluster.relays]
    yield _table(
        "Nodes",
        ("node", "condition", *(head for _, head in attributes)),
        [
            (node.name, node.condition, *(_readiness(node.name, relay) for relay, _ in attributes))
            for node in live.nodes
        ],
    )
    yield _table("Resources", ("resource", "where", "role", "remarks"), _resources(live, cluster.relays))
    failures = [
        (one.resource, one.operation, one.node, "degraded" if one.code == DEGRADED else str(one.code), one.reason)
        for one in live.failures
    ]
    if failures:
        yield _table("Failed actions", ("resource", "action", "node", "exit", "reason"), failures)
    if live.fencing:
        rows = [(one.target, f"{one.action} {one.status}", _moment(one.at), one.reason) for one in live.fencing]
        yield _table("Fencing", ("node", "what", "when", "reason"), rows)


def _readiness(node: str, relay: RelayState) -> str:
    return "has it" if node in relay.nodes else relay.readiness.get(node, "not checked")


def _resources(live: ClusterStatus, relays: Sequence[RelayState]) -> Iterator[Sequence[str]]:
    reasons = {relay.id: relay.reason for relay in relays}
    telephony = {relay.telephony for relay in relays}
    for one in live.instances:
        marks = [
            "telephony" if telephony & {one.id, *one.parents} else "",
            reasons.get(one.id, ""),
            "" if one.managed else "unmanaged",
            "blocked" if one.blocked else "",
            f"{one.pending}..." if one.pending else "",
            *(f"failed {each.count} times on {each.node}" for each in live.fail_counts if each.resource == one.id),
        ]
        yield one.id, ", ".join(one.nodes) or "nowhere", one.role, "; ".join(filter(None, marks))


def _events(events: Sequence[Event]) -> dict[str, Any]:
    return _table("Last movements", ("time", "what"), [(_clock(one.at), one.text) for one in reversed(events)])


def _clock(at: float) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(at))}.{int(at * 10) % 10}"


def _moment(at: datetime | None) -> str:
    return at.astimezone().strftime("%d %b %H:%M:%S") if at else ""


def _table(title: str, head: Sequence[str], rows: Any) -> dict[str, Any]:
    return {"title": title, "head": list(head), "rows": [list(row) for row in rows]}


# --- for programs --------------------------------------------------------------------------------------------------


def status(state: State) -> dict[str, Any]:
    """Return the same for programs; a device is told as `berofos status --json` tells it."""
    cluster = state.cluster or ClusterState()
    live = cluster.status
    return {
        "age_seconds": round(state.age, 1),
        "devices": [as_json(one) for one in state.devices],
        "cluster_error": cluster.error or None,
        "cluster": live
        and {
            "dc": live.dc,
            "quorum": live.with_quorum,
            "fencing": live.fencing_enabled,
            "maintenance": live.maintenance,
            "nodes": {node.name: node.condition for node in live.nodes},
            "relays": [
                {
                    "id": relay.id,
                    "nodes": list(relay.nodes),
                    "telephony": relay.telephony or None,
                    "telephony_nodes": list(relay.telephony_nodes),
                    "lines_should_be_at": relay.node or None,
                    "lines": dict(relay.lines),
                    "readiness": dict(relay.readiness),
                    "reason": relay.reason or None,
                }
                for relay in cluster.relays
            ],
        },
        "events": [{"at": round(one.at, 1), "text": one.text} for one in state.events],
    }


# --- what has changed ----------------------------------------------------------------------------------------------


def device_changes(before: Sequence[Inspection], after: Sequence[Inspection]) -> Iterator[str]:
    """Yield a sentence for each thing that is not as it was at the reading before."""
    for old, new in zip(before, after):
        if old.mode and new.mode and old.mode != new.mode:
            yield f"{new.device}: lines moved from {LINES[old.mode]} to {LINES[new.mode]}"
        if new.failure and not old.failure:
            yield f"{new.device}: {new.failure.what}"
        if old.failure and not new.failure:
            lines = f", lines at {LINES[new.mode]}" if new.mode else ""
            yield f"{new.device}: answers again{lines}"
        if new.settings.get("wdogstate") == WATCHDOG_FAILURE != old.settings.get("wdogstate", WATCHDOG_FAILURE):
            yield f"{new.device}: watchdog expired"


def cluster_changes(before: ClusterState, after: ClusterState) -> Iterator[str]:
    """Yield a sentence for each thing of the cluster that is not as it was at the reading before."""
    if before.error != after.error:
        yield f"cluster: {after.error or 'answers again'}"
    if not before.status or not after.status:
        return
    for node in after.status.nodes:
        old = before.status.node(node.name)
        if old and old.condition != node.condition:
            yield f"{node.name}: {old.condition} before, now {node.condition}"
    places = {one.id: one.nodes for one in before.status.instances}
    for one in after.status.instances:
        if one.id in places and list(places[one.id]) != list(one.nodes):
            yield f"{one.id}: {'runs on ' + ', '.join(one.nodes) if one.nodes else 'stopped'}"
    known = {(one.target, one.at) for one in before.status.fencing}
    for fencing in after.status.fencing:
        if (fencing.target, fencing.at) not in known:
            yield f"{fencing.target}: fencing ({fencing.action}) {fencing.status}"
