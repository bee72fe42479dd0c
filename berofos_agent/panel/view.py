"""What the panel shows of devices and cluster, as one page and as JSON for programs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from berofos_agent.cluster.relays import RelayState
from berofos_agent.cluster.status import DEGRADED, ClusterStatus, Node
from berofos_agent.device import inspection
from berofos_agent.device.inspection import Inspection, remarks
from berofos_agent.device.settings import WATCHDOG_FAILURE
from berofos_agent.device.topology import LINES, SCENARIO
from berofos_agent.doctor import overview
from berofos_agent.doctor.overview import View
from berofos_agent.page.card import Card, card

NOT_READ = "not read yet"


class Event(NamedTuple):
    """Something that the panel noticed, at a second of time.time()."""

    at: float
    text: str


@dataclass(frozen=True)
class State:
    """Everything that was read, and how many seconds ago; older than its limit is worth a warning."""

    devices: Sequence[Inspection] = ()
    known: Mapping[str, Inspection] = field(default_factory=dict)
    """By device, the last answer that told a relay mode."""
    cluster: View | str = NOT_READ
    """The cluster, without devices; or why there is none."""
    events: Sequence[Event] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    """By device, how often it was found in another position than at the reading before."""
    age: float = 0.0
    """Of what is known of the devices."""
    limit: float = 15.0
    cluster_age: float = 0.0
    cluster_limit: float = 20.0

    @property
    def view(self) -> View | None:
        """Cluster and devices with the verdict; None without a cluster that has a relay resource."""
        if isinstance(self.cluster, str) or not self.cluster.facts.relays:
            return None
        return overview.with_devices(self.cluster, self.devices)


# --- the page ------------------------------------------------------------------------------------------------------


def page(state: State, host: str) -> dict[str, Any]:
    """Return all that the page shows; `host` is the name of this host."""
    view = state.view
    shown: dict[str, Any] = {
        "title": f"bero*fos devices, seen from {host}",
        "trouble": _trouble(state),
        **({"verdict": _verdict(view)} if view else {}),
        "cards": [_card(one, state, view) for one in state.devices],
        "tables": [*cluster_tables(state.cluster), _events(state.events)],
    }
    return {name: _printable(value) for name, value in shown.items()}


def _printable(value: Any) -> Any:
    """Return a part of the page without characters that could turn the text beside them around, or are not seen."""
    if isinstance(value, str):
        return "".join(letter if letter.isprintable() else "?" for letter in value)
    if isinstance(value, dict):
        return {name: _printable(one) for name, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, (list, tuple)) else value


def _trouble(state: State) -> str:
    """Return what of the page is old; empty if nothing is. Devices and cluster are read apart: each may hang alone."""
    if state.age > state.limit:
        return f"Not read for {state.age:.0f} s: what is shown is old."
    if state.cluster_age > state.cluster_limit:
        return f"The cluster was not read for {state.cluster_age:.0f} s: what is shown of it is old."
    return ""


def _verdict(view: View) -> dict[str, str]:
    """Return the verdict as `berofos status` has it."""
    text = f"{view.severity_name}: {view.verdict}"
    return {"severity": view.severity.name.lower(), "text": text, "next_step": view.next_step}


def _card(one: Inspection, state: State, view: View | None) -> Card:
    known = one if one.mode else state.known.get(one.device)
    settings = known.settings if known else {}
    relay = view.state_of(one.device) if view else None
    facts = [
        ("MAC", one.mac or "unknown"),
        ("firmware", one.firmware or "unknown"),
        ("answered within", f"{one.milliseconds} ms" if not one.error else "no answer"),
    ]
    problems = [remark.text for remark in remarks(one)]
    ends, notes = {"A": "provider"}, {}
    if view and relay:
        ends.update(B=relay.port_b_node, D=relay.port_d_node or "PBX")
        if settings.get("scenario") == SCENARIO["bypass"]:
            ends["C"] = relay.port_b_node
        notes = {port: _note(name, relay, view) for port, name in ends.items() if port in "BD"}
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


def _note(name: str, relay: RelayState, view: View) -> str:
    node = view.live.node(name)
    if node is None:
        return ""
    if node.condition != "online":
        return node.condition
    return "telephony" if name in relay.telephony_nodes else "online"


# --- the cluster as tables -----------------------------------------------------------------------------------------


def cluster_tables(cluster: View | str) -> Iterator[dict[str, Any]]:
    """Yield the tables of the cluster: nodes, resources, failed actions, fencing; or why there is none."""
    if isinstance(cluster, str):
        yield _table("Cluster", ("", ""), [("no cluster", cluster)])
        return
    live, relays = cluster.live, cluster.facts.states
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
    attributes = [(relay, f"{relay.id} could start here") for relay in relays]
    yield _table(
        "Nodes",
        ("node", "condition", *(head for _, head in attributes)),
        [(node.name, node.condition, *(_readiness(node, relay) for relay, _ in attributes)) for node in live.nodes],
    )
    yield _table("Resources", ("resource", "where", "role", "remarks"), _resources(live, relays))
    failures = [
        (one.resource, one.operation, one.node, "degraded" if one.code == DEGRADED else str(one.code), one.reason)
        for one in live.failures
    ]
    if failures:
        yield _table("Failed actions", ("resource", "action", "node", "exit", "reason"), failures)
    if live.fencing:
        rows = [(one.target, f"{one.action} {one.status}", _moment(one.at), one.reason) for one in live.fencing]
        yield _table("Fencing", ("node", "what", "when", "reason"), rows)


def _readiness(node: Node, relay: RelayState) -> str:
    return "has it" if node.name in relay.nodes else relay.ready_on(node) or "not checked"


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
    """Return what `berofos status --json` has on a cluster node, with the events and the age; else only the devices."""
    devices: list[dict[str, Any]] = [inspection.as_json(one) for one in state.devices]
    view = state.view
    return {
        **(overview.as_json(view, devices) if view else {"devices": devices}),
        "cluster_error": state.cluster if isinstance(state.cluster, str) else None,
        "age_seconds": round(state.age, 1),
        "cluster_age_seconds": round(state.cluster_age, 1),
        "events": [{"at": round(one.at, 1), "text": one.text} for one in state.events],
    }


# --- what has changed ----------------------------------------------------------------------------------------------


def device_changes(before: Sequence[Inspection], after: Sequence[Inspection]) -> Iterator[str]:
    """Yield a sentence for each thing that is not as it was at the reading before."""
    for old, new in zip(before, after):
        if old.mode and new.mode and old.mode != new.mode:
            yield f"{new.device}: lines moved from {LINES[old.mode]} to {LINES[new.mode]}"
        if new.failure and not old.failure:
            yield f"{new.device}: {new.failure.advice}"
        if old.failure and not new.failure:
            lines = f", lines at {LINES[new.mode]}" if new.mode else ""
            yield f"{new.device}: answers again{lines}"
        if new.settings.get("wdogstate") == WATCHDOG_FAILURE != old.settings.get("wdogstate", WATCHDOG_FAILURE):
            yield f"{new.device}: watchdog expired"


def cluster_changes(before: View | str, after: View | str) -> Iterator[str]:
    """Yield a sentence for each thing of the cluster that is not as it was at the reading before."""
    if isinstance(before, str) or isinstance(after, str):
        if before != after:
            yield f"cluster: {after if isinstance(after, str) else 'answers again'}"
        return
    for node in after.live.nodes:
        old = before.live.node(node.name)
        if old and old.condition != node.condition:
            yield f"{node.name}: {old.condition} before, now {node.condition}"
    places = {one.id: one.nodes for one in before.live.instances}
    for one in after.live.instances:
        if one.id in places and list(places[one.id]) != list(one.nodes):
            yield f"{one.id}: {'runs on ' + ', '.join(one.nodes) if one.nodes else 'stopped'}"
    known = {(one.target, one.at) for one in before.live.fencing}
    for fencing in after.live.fencing:
        if (fencing.target, fencing.at) not in known:
            yield f"{fencing.target}: fencing ({fencing.action}) {fencing.status}"
