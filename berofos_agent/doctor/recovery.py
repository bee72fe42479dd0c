"""Checks of how the cluster monitors and recovers a relay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Callable

from berofos_agent.cluster.cib import Operation, Relay, is_off, is_on, seconds
from berofos_agent.cluster.recommendation import ON_FAIL, OPERATIONS
from berofos_agent.cluster.recommendation import Operation as Recommended
from berofos_agent.device.topology import WATCHDOG_SECONDS
from berofos_agent.doctor import remedies
from berofos_agent.doctor.findings import CLUSTER, Facts, Problem

UNMANAGED: Mapping[str, Callable[[str], bool]] = {
    "maintenance": is_on,
    "is-managed": is_off,
    "target-role": lambda value: value.lower() == "stopped",
}
"""By meta attribute, the values with which the cluster does not manage a resource."""

DEFAULT_OPERATION_SECONDS = 20.0
"""Pacemaker's timeout where neither the operation nor op_defaults has one."""


def start_failure_not_fatal(facts: Facts) -> Iterator[Problem]:
    """A failed start is repeated without a pause: 13 times a second (Pacemaker 2.1.5)."""
    if facts.cluster and is_off(facts.cluster.properties.get("start-failure-is-fatal", "true")):
        text = "start-failure-is-fatal=false: a start that fails is repeated without a pause"
        yield Problem(CLUSTER, text, remedies.delete_property("start-failure-is-fatal"))


def fallback_with_several_devices(facts: Facts) -> Iterator[Problem]:
    """One failed device drops the lines of all: recovery is stop and start, with on_stop=fallback."""
    for relay, given in facts.parsed:
        declared = next((file.entries for file in facts.files if file.path == given.config), ())
        devices = given.devices or [entry.name for entry in declared]
        if given.on_stop == "fallback" and len(devices) > 1:
            # Another list of devices restarts the resource, and that stop would move the lines of all to port D.
            keep, one = (remedies.set_parameter(relay.id, *to) for to in (("on_stop", "keep"), ("devices", devices[0])))
            yield Problem(
                relay.id,
                f"has on_stop=fallback and {len(devices)} devices: one that fails drops the lines of all",
                f"{keep} && crm_resource --wait && {one}; a separate resource for each other device "
                "(berofos cluster-config); then on_stop=fallback again",
            )


def shared_devices(facts: Facts) -> Iterator[Problem]:
    """Several resources control one device and switch it back and forth."""
    for (one, first), (other, second) in combinations(facts.parsed, 2):
        named = second.devices or first.devices or ["all devices"]
        if first.devices and second.devices:
            named = [name for name in second.devices if name in first.devices]
        if first.config == second.config and named:
            text = f"and {one.id} both control {', '.join(named)}: they switch the lines back and forth"
            yield Problem(other.id, text, remedies.set_parameter(other.id, "devices", "DEVICE"))


def no_monitor(facts: Facts) -> Iterator[Problem]:
    """The relay resource has no monitor: a relay that was moved by hand goes unnoticed."""
    yield from _without(facts.relays, "has no monitor: a relay that was moved by hand goes unnoticed", _SHALLOW, _DEEP)


def no_deep_monitor(facts: Facts) -> Iterator[Problem]:
    """There is no monitor at level 10: latent misconfiguration of a device goes unnoticed."""
    monitored = [relay for relay in facts.relays if _runs(relay, _SHALLOW)]
    yield from _without(
        monitored, "has no monitor at level 10: latent misconfiguration of a device goes unnoticed", _DEEP
    )


def no_readiness_monitor(facts: Facts) -> Iterator[Problem]:
    """No monitor with role=Stopped checks whether the other node could take over."""
    text = "has no monitor with role=Stopped: what is wrong on the other node shows only when it has to take over"
    yield from _without([relay for relay in facts.relays if relay.parameters.get("port_d_node")], text, _STOPPED)


_SHALLOW, _DEEP, _STOPPED = (one for one in OPERATIONS if one.name == "monitor")


def _without(relays: Iterable[Relay], text: str, wanted: Recommended, *others: Recommended) -> Iterator[Problem]:
    """Yield the relays without an operation; the fix adds the others that are missing too."""
    for relay in relays:
        missing = {one: _fix(relay, one) for one in (wanted, *others) if not _runs(relay, one)}
        if wanted in missing:
            is_there = any(_is(op, wanted) for op in relay.operations)
            what = text.replace("has no monitor", "does not run its monitor", 1) if is_there else text
            yield Problem(relay.id, what, " && ".join(missing.values()))


def _runs(relay: Relay, recommended: Recommended) -> bool:
    return any(_is(op, recommended) and op.enabled and not _has_twin(relay, op) for op in relay.operations)


def _has_twin(relay: Relay, op: Operation) -> bool:
    """Return True if another operation has the same name and interval: Pacemaker then runs neither."""
    return any(one is not op and (one.name, one.interval) == (op.name, op.interval) for one in relay.operations)


def _fix(relay: Relay, recommended: Recommended) -> str:
    """Return the command that adds an operation, or lets one run that is disabled or has a twin."""
    op = next((op for op in relay.operations if _is(op, recommended)), None)
    if not op:
        return remedies.add_operation(relay.id, recommended)
    twin = remedies.change_operation(op.id, "interval", f"{recommended.interval}s") if _has_twin(relay, op) else ""
    return " && ".join(filter(None, [twin, "" if op.enabled else remedies.change_operation(op.id, "enabled", "true")]))


def short_timeouts(facts: Facts) -> Iterator[Problem]:
    """An operation has a shorter timeout than recommended."""
    for relay in facts.relays:
        for recommended in OPERATIONS:
            found = next((op for op in relay.operations if _is(op, recommended)), None)
            if recommended.interval and not found:
                continue  # reported by another check
            timeout = found.timeout if found and found.timeout is not None else _default_timeout(facts)
            if timeout < recommended.timeout or math.isnan(timeout):
                name = f"{recommended.name} at level {recommended.depth}" if recommended.depth else recommended.name
                yield Problem(
                    relay.id,
                    f"{name} has a timeout of {timeout:g} s; {recommended.timeout} s are recommended",
                    remedies.change_operation(found.id, "timeout", f"{recommended.timeout}s")
                    if found
                    else remedies.add_operation(relay.id, recommended),
                )


def stop_may_fence(facts: Facts) -> Iterator[Problem]:
    """A failed stop gets the node fenced."""
    recommended = next(one for one in OPERATIONS if one.name == "stop")
    for relay in facts.relays:
        found = next((op for op in relay.operations if op.name == "stop"), None)
        if not found or found.on_fail != ON_FAIL["stop"]:
            yield Problem(
                relay.id,
                "a failed stop gets the node fenced, or blocks the relay where there is no fencing",
                remedies.change_operation(found.id, "on-fail", ON_FAIL["stop"])
                if found
                else remedies.add_operation(relay.id, recommended),
            )


def no_watchdog(facts: Facts) -> Iterator[Problem]:
    """When the node dies, nothing switches the lines to the PBX at port D."""
    for relay, given in facts.parsed:
        if not given.port_d_node and not given.watchdog:
            text = "has no port_d_node and no watchdog: if the node dies, nothing switches the lines to port D"
            yield Problem(relay.id, text, remedies.set_parameter(relay.id, "watchdog", str(WATCHDOG_SECONDS["bypass"])))


def unmanaged(facts: Facts) -> Iterator[Problem]:
    """The cluster does not manage the relay: maintenance was begun and never ended."""
    if facts.cluster and is_on(facts.cluster.properties.get("maintenance-mode", "false")):
        text = "is in maintenance mode: nothing switches the lines"
        yield Problem(CLUSTER, text, remedies.delete_property("maintenance-mode"))
    for relay in facts.relays:
        for name, holds in UNMANAGED.items():
            if name in relay.meta and holds(relay.meta[name]):
                text = f"has {name}={relay.meta[name]}: nothing switches the lines"
                inherited = relay.inherited.get(name)
                fix = remedies.delete_pair(inherited) if inherited else remedies.delete_meta(relay.id, name)
                yield Problem(relay.id, text, fix)


def no_failure_timeout(facts: Facts) -> Iterator[Problem]:
    """A failed start is never tried again: there is no failure-timeout."""
    text = "has no failure-timeout: a failed start is not tried again"
    for relay in facts.relays:
        if not seconds(relay.meta.get("failure-timeout", "0")) > 0:
            yield Problem(relay.id, text, remedies.set_meta(relay.id, "failure-timeout"))


def no_migration_threshold(facts: Facts) -> Iterator[Problem]:
    """Repeated failover between nodes is not limited: there is no migration-threshold."""
    text = "has no migration-threshold: repeated failover between nodes is not limited"
    for relay in facts.relays:
        if relay.meta.get("migration-threshold", "0").upper() in ("0", "INFINITY"):
            yield Problem(relay.id, text, remedies.set_meta(relay.id, "migration-threshold"))


def leftover_move_constraint(facts: Facts) -> Iterator[Problem]:
    """A move or ban left a constraint behind, which stays until it is cleared."""
    cluster = facts.cluster
    names = {name for relay in facts.relays for name in relay.names}
    names |= {one.with_rsc for relay in facts.relays for one in (cluster.followed(relay) if cluster else ())}
    for id, rsc in (cluster.moved if cluster else {}).items():
        if rsc in names:
            text = f"is still bound by the constraint {id} of a move or ban"
            yield Problem(rsc, text, f"crm_resource --clear --resource {rsc}")


def _is(op: Operation, recommended: Recommended) -> bool:
    return (
        op.name == recommended.name
        and bool(op.interval) == bool(recommended.interval)
        and bool(op.depth) == bool(recommended.depth)
        and (op.role == "Stopped") == bool(recommended.role)
    )


def _default_timeout(facts: Facts) -> float:
    timeout = facts.cluster.operation_defaults.get("timeout") if facts.cluster else None
    return DEFAULT_OPERATION_SECONDS if timeout is None else seconds(timeout)
