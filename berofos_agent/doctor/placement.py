"""What can be wrong with where a relay runs: fencing, clones, nodes, colocations; judges facts, asks nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator

from berofos_agent.agent import parameters
from berofos_agent.agent.node import relay_mode_for
from berofos_agent.agent.parameters import ParameterError
from berofos_agent.cluster.cib import Cluster, Colocation, FenceDevice, Relay, seconds
from berofos_agent.doctor import remedies
from berofos_agent.doctor.findings import CLUSTER, Facts, Trouble, is_off

HEAD_START_SECONDS = 3
_TELEPHONES = "TELEPHONES"
_CREATE_FENCING = "create a stonith resource, see fencing in docs/concepts.md"


def not_judged(facts: Facts) -> Iterator[Trouble]:
    """Nothing of the cluster could be read."""
    if facts.why_no_cluster:
        yield Trouble(
            CLUSTER,
            f"was not judged: {facts.why_no_cluster}",
            "systemctl start pacemaker, or berofos doctor --cib FILE",
        )


def no_relay(facts: Facts) -> Iterator[Trouble]:
    """A cluster that knows of no relay."""
    if facts.cluster and not facts.cluster.relays:
        yield Trouble(
            CLUSTER,
            "has no resource ocf:xivo:berofos, so nobody switches the lines",
            "berofos cluster-config --follow TELEPHONES --port-b NODE --port-d NODE",
        )


# --- fencing ---------------------------------------------------------------------------------------------------


def no_fencing(facts: Facts) -> Iterator[Trouble]:
    """Two nodes that both believe the other dead fight over the relay."""
    if not facts.cluster or len(facts.cluster.members) < 2:
        return
    text = "two nodes that do not hear each other will both switch the relay, for ever"
    if is_off(_stonith(facts.cluster)):
        enable = remedies.set_property("stonith-enabled", "true")
        mend = enable if facts.cluster.fencing else f"{_CREATE_FENCING}; then {enable}"
        yield Trouble(CLUSTER, f"fencing is switched off: {text}", mend)
    elif not facts.cluster.fencing and not seconds(facts.cluster.properties.get("stonith-watchdog-timeout", "0")) > 0:
        yield Trouble(CLUSTER, f"has no fence device: {text}", _CREATE_FENCING)


def fencing_without_delay(facts: Facts) -> Iterator[Trouble]:
    """Two nodes that shoot each other at the same moment both lie dead."""
    cluster = facts.cluster
    if not cluster or len(cluster.members) != 2 or not cluster.fencing or is_off(_stonith(cluster)):
        return
    one, other = cluster.members
    random = any(seconds(device.parameters.get("pcmk_delay_max", "0")) > 0 for device in cluster.fencing)
    priority = seconds(cluster.properties.get("priority-fencing-delay", "0")) > 0
    if facts.has_arbiter or random or priority or _delay(cluster, one) != _delay(cluster, other):
        return
    device = next((device for device in cluster.fencing if _fences(device, one)), cluster.fencing[0])
    both = _fences(device, other)
    delay = f"{one}:{HEAD_START_SECONDS};{other}:0" if both else f"{HEAD_START_SECONDS}s"
    yield Trouble(
        CLUSTER,
        "fencing gives no node a head start: two that do not hear each other kill each other",
        remedies.set_parameter(device.id, "pcmk_delay_base", delay),
    )


def _stonith(cluster: Cluster) -> str:
    return cluster.properties.get("stonith-enabled", "true")


def _fences(device: FenceDevice, node: str) -> bool:
    listed = device.parameters.get("pcmk_host_list", "").replace(",", " ").split()
    mapped = [pair.partition(":")[0] for pair in re.split(r"[;,\s]+", device.parameters.get("pcmk_host_map", ""))]
    named = [name.lower() for name in (*listed, *mapped) if name]
    return not named or node.lower() in named


def _delay(cluster: Cluster, node: str) -> float:
    """How long fencing of this node waits."""
    delays = [_base_delay(device, node) for device in cluster.fencing if _fences(device, node)]
    return min(delays, default=0.0)


def _base_delay(device: FenceDevice, node: str) -> float:
    text = device.parameters.get("pcmk_delay_base", "0")
    if ":" not in text:
        return seconds(text)
    by_node = dict(pair.partition(":")[::2] for pair in re.split(r"[;\s]+", text.lower()))
    return seconds(by_node.get(node.lower(), "0"))


# --- where the relay runs --------------------------------------------------------------------------------------


def cloned(facts: Facts) -> Iterator[Trouble]:
    """Two instances of one relay take the lines from each other."""
    for relay in facts.relays:
        if relay.cloned_by:
            yield Trouble(
                relay.id,
                f"is cloned by {relay.cloned_by}: two instances fight over one relay",
                f"pcs resource unclone {relay.id}, or crm configure delete {relay.cloned_by}",
            )


def bad_parameters(facts: Facts) -> Iterator[Trouble]:
    """A parameter the agent answers with exit code 6."""
    for relay in facts.relays:
        try:
            parameters.parse(relay.parameters.get)
        except ParameterError as exc:
            name = re.match(r"\w+", str(exc))
            yield Trouble(relay.id, str(exc), remedies.set_parameter(relay.id, name[0] if name else "NAME", "VALUE"))


def unknown_nodes(facts: Facts) -> Iterator[Trouble]:
    """A node that is misspelt never gets the lines."""
    for relay in facts.relays:
        for name in ("port_b_node", "port_d_node"):
            node = relay.parameters.get(name, "")
            known = facts.cluster.nodes if facts.cluster else ()
            if node and not any(relay_mode_for(one, node, None) for one in known):
                yield Trouble(
                    relay.id,
                    f"{name}={node} is no node of this cluster; it has {', '.join(known)}",
                    remedies.set_parameter(relay.id, name, "NODE"),
                )


def not_colocated(facts: Facts) -> Iterator[Trouble]:
    """The lines may be on one node and the telephones on the other."""
    for relay in facts.relays:
        followed = _followed(facts, relay)
        if any(one.mandatory for one in followed) or _followers(facts, relay):
            continue
        wish = f" (only with score {followed[0].score})" if followed else ""
        with_rsc = followed[0].with_rsc if followed else _TELEPHONES
        mend = remedies.colocate(relay.id, with_rsc)
        if followed:
            mend = f"{remedies.delete_colocation(followed[0].id)} && {mend}"
        yield Trouble(relay.id, f"is not colocated with the telephones{wish}: the lines may be elsewhere", mend)


def colocated_backwards(facts: Facts) -> Iterator[Trouble]:
    """The telephones depend on the relay: a relay fault stops them."""
    for relay in facts.relays:
        for follower, id in _followers(facts, relay):
            mend = f"{remedies.delete_colocation(id)} && {remedies.colocate(relay.id, follower)}"
            if id == relay.group:
                remove = f"pcs resource group remove {id} {relay.id}, or crm configure modgroup {id} remove {relay.id}"
                mend = f"{remove}; then {remedies.colocate(relay.id, follower)}"
            yield Trouble(relay.id, f"{follower} follows the relay ({id}): a relay fault stops the telephones", mend)


def critical(facts: Facts) -> Iterator[Trouble]:
    """A relay that does not start takes the telephones with it. A colocation's influence, if it has one, decides."""
    for relay in facts.relays:
        binding = [one for one in _followed(facts, relay) if one.mandatory]
        told = [one for one in binding if one.influence]
        by_default = [one for one in binding if one.influence is None]
        if told or (by_default and not is_off(relay.meta.get("critical", "true"))):
            yield Trouble(
                relay.id,
                "is critical: a relay that cannot be started moves the telephones to the other node",
                remedies.set_influence(told[0].id) if told else remedies.set_meta(relay.id, "critical"),
            )


def _followed(facts: Facts, relay: Relay) -> list[Colocation]:
    """The colocations that place the relay with something else."""
    found = [one for name in relay.names for one in facts.followed.get(name, ())]
    return [one for one in found if one.with_rsc not in relay.names]


def _followers(facts: Facts, relay: Relay) -> list[tuple[str, str]]:
    """Resources that are placed with the relay, and the constraint or group that says so."""
    found = [one for name in relay.names for one in facts.followers.get(name, ())]
    return [(one.rsc, one.id) for one in found if one.mandatory and one.rsc not in facts.relay_names]
