"""What can be wrong with how a cluster watches and recovers a relay; judges facts, asks nobody."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Callable

from berofos_agent.cluster.cib import Operation, seconds
from berofos_agent.cluster.recommendation import ON_FAIL, OPERATIONS
from berofos_agent.cluster.recommendation import Operation as Advised
from berofos_agent.device.topology import WATCHDOG_SECONDS
from berofos_agent.doctor import remedies
from berofos_agent.doctor.findings import CLUSTER, Facts, Trouble, is_off, is_on

OUT_OF_HAND: Mapping[str, Callable[[str], bool]] = {
    "maintenance": is_on,
    "is-managed": is_off,
    "target-role": lambda value: value.lower() == "stopped",
}
"""By meta attribute, which values take a resource out of the cluster's hands."""

DEFAULT_OPERATION_SECONDS = 20.0
"""What Pacemaker takes where neither the operation nor op_defaults names a timeout."""


def start_failure_not_fatal(facts: Facts) -> Iterator[Trouble]:
    """A failed start is repeated 13 times a second."""
    if facts.cluster and is_off(facts.cluster.properties.get("start-failure-is-fatal", "true")):
        yield Trouble(
            CLUSTER,
            "start-failure-is-fatal=false: a start that fails is repeated without a pause",
            remedies.delete_property("start-failure-is-fatal"),
        )


def fallback_with_several_devices(facts: Facts) -> Iterator[Trouble]:
    """Recovery is stop and start, so the good lines are dropped for the sake of a bad one."""
    for relay, given in facts.parsed:
        declared = next((file.entries for file in facts.files if file.path == given.config), ())
        devices = given.devices or [entry.name for entry in declared]
        if given.on_stop == "fallback" and len(devices) > 1:
            yield Trouble(
                relay.id,
                f"has on_stop=fallback and {len(devices)} devices: one that fails drops the lines of all",
                f"{remedies.set_parameter(relay.id, 'devices', devices[0])}; a resource of its own for each other one "
                "(berofos cluster-config)",
            )


def shared_devices(facts: Facts) -> Iterator[Trouble]:
    """Two resources take one relay from each other."""
    of_all: dict[str, str] = {}
    of_one: dict[tuple[str, str], str] = {}
    for relay, given in facts.parsed:
        clashes = {of_one[given.config, name]: name for name in given.devices if (given.config, name) in of_one}
        if given.config in of_all:
            clashes = {of_all[given.config]: ", ".join(given.devices) or "all devices"}
        elif not given.devices:
            clashes = {other: name for (config, name), other in of_one.items() if config == given.config}
        for other, which in clashes.items():
            yield Trouble(
                relay.id,
                f"and {other} both switch {which}: they take the lines from each other",
                remedies.set_parameter(relay.id, "devices", "DEVICE"),
            )
        of_one.update({(given.config, name): relay.id for name in given.devices})
        if not given.devices:
            of_all[given.config] = relay.id


def no_monitor(facts: Facts) -> Iterator[Trouble]:
    """Without a monitor nobody notices a relay that was moved by hand."""
    yield from _missing_monitors(facts, deep=False)


def no_deep_monitor(facts: Facts) -> Iterator[Trouble]:
    """Settings that will bite later are judged by a monitor at level 10 only."""
    yield from _missing_monitors(facts, deep=True)


def _missing_monitors(facts: Facts, *, deep: bool) -> Iterator[Trouble]:
    monitors = [one for one in OPERATIONS if one.name == "monitor"]
    what = "has no monitor at level 10: settings that will bite later go unnoticed"
    if not deep:
        what = "has no monitor: a relay that was moved by hand goes unnoticed"
    for relay in facts.relays:
        levels = {bool(op.depth) for op in relay.operations if op.name == "monitor" and op.interval > 0}
        missing = [one for one in monitors if bool(one.depth) not in levels]
        # Where both are missing, that is one fault.
        if any(bool(one.depth) == deep for one in missing) and not (deep and not levels):
            yield Trouble(relay.id, what, " && ".join(remedies.add_operation(relay.id, one) for one in missing))


def short_timeouts(facts: Facts) -> Iterator[Trouble]:
    """An operation that is killed too early."""
    for relay in facts.relays:
        for advised in OPERATIONS:
            found = next((op for op in relay.operations if _is(op, advised)), None)
            if advised.interval and not found:
                continue  # that is told by another check
            told = found.timeout if found and found.timeout is not None else _default_timeout(facts)
            if told < advised.timeout or math.isnan(told):
                name = f"{advised.name} at level {advised.depth}" if advised.depth else advised.name
                yield Trouble(
                    relay.id,
                    f"{name} has a timeout of {told:g} s; {advised.timeout} s are advised",
                    remedies.change_operation(found.id, "timeout", f"{advised.timeout}s")
                    if found
                    else remedies.add_operation(relay.id, advised),
                )


def stop_may_fence(facts: Facts) -> Iterator[Trouble]:
    """A stop that hangs must not take a telephone server down."""
    advised = next(one for one in OPERATIONS if one.name == "stop")
    for relay in facts.relays:
        found = next((op for op in relay.operations if op.name == "stop"), None)
        if not found or found.on_fail != ON_FAIL["stop"]:
            yield Trouble(
                relay.id,
                "a stop that hangs gets the node fenced, or blocks the relay",
                remedies.change_operation(found.id, "on-fail", ON_FAIL["stop"])
                if found
                else remedies.add_operation(relay.id, advised),
            )


def no_watchdog(facts: Facts) -> Iterator[Trouble]:
    """Where port D has no node, nobody is left to switch."""
    for relay, given in facts.parsed:
        if not given.port_d_node and not given.watchdog:
            yield Trouble(
                relay.id,
                "has no port_d_node and no watchdog: if the node dies, nobody puts the lines on port D",
                remedies.set_parameter(relay.id, "watchdog", str(WATCHDOG_SECONDS["bypass"])),
            )


def out_of_hand(facts: Facts) -> Iterator[Trouble]:
    """Work that was begun by hand, and never ended: the cluster does nothing."""
    if facts.cluster and is_on(facts.cluster.properties.get("maintenance-mode", "false")):
        yield Trouble(
            CLUSTER, "is in maintenance mode: nobody switches the lines", remedies.delete_property("maintenance-mode")
        )
    for relay in facts.relays:
        for name, holds in OUT_OF_HAND.items():
            if name in relay.meta and holds(relay.meta[name]):
                yield Trouble(
                    relay.id,
                    f"has {name}={relay.meta[name]}: nobody switches the lines",
                    remedies.delete_meta(relay.id, name),
                )


def no_failure_timeout(facts: Facts) -> Iterator[Trouble]:
    """A failed start is never tried again."""
    for relay in facts.relays:
        if not seconds(relay.meta.get("failure-timeout", "0")) > 0:
            yield Trouble(
                relay.id,
                "has no failure-timeout: a start that failed is never tried again",
                remedies.set_meta(relay.id, "failure-timeout"),
            )


def no_migration_threshold(facts: Facts) -> Iterator[Trouble]:
    """Two nodes that fight over a relay never come to rest."""
    for relay in facts.relays:
        if relay.meta.get("migration-threshold", "0").upper() in ("0", "INFINITY"):
            yield Trouble(
                relay.id,
                "has no migration-threshold: nodes that fight over the relay never come to rest",
                remedies.set_meta(relay.id, "migration-threshold"),
            )


def left_by_a_move(facts: Facts) -> Iterator[Trouble]:
    """A move or ban stays in force until it is cleared."""
    names = facts.relay_names | {one.with_rsc for name in facts.relay_names for one in facts.followed.get(name, ())}
    for id, rsc in (facts.cluster.moved if facts.cluster else {}).items():
        if rsc in names:
            yield Trouble(
                rsc,
                f"is still bound by a move or ban ({id}): it cannot go where the cluster would send it",
                f"crm_resource --clear --resource {rsc}",
            )


def _is(op: Operation, advised: Advised) -> bool:
    return op.name == advised.name and bool(op.interval) == bool(advised.interval) and op.depth == advised.depth


def _default_timeout(facts: Facts) -> float:
    told = facts.cluster.operation_defaults.get("timeout") if facts.cluster else None
    return DEFAULT_OPERATION_SECONDS if told is None else seconds(told)
