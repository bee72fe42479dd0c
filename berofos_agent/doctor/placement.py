"""Checks of where a relay runs: fencing, clones, nodes, colocations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from berofos_agent.agent import parameters
from berofos_agent.agent.node import relay_mode_for
from berofos_agent.cluster import shape
from berofos_agent.cluster.cib import Cluster, FenceDevice, Relay, is_off, seconds
from berofos_agent.cluster.recommendation import FENCING_DELAY, PRIORITY
from berofos_agent.doctor import remedies
from berofos_agent.doctor.findings import CLUSTER, Facts, Problem
from berofos_agent.errors import ParameterError

OLDEST_FEATURE_SET = (3, 7, 0)
"""Debian 11's Pacemaker 2.0.5 has 3.6.1 and no `critical`; builds with 3.7.1 have it, and so has all from 2.1.0 on."""
_TELEPHONY = "TELEPHONY"
_CREATE_FENCING = f"create a stonith resource, see {remedies.page('quick-start.md')}"


def not_judged(facts: Facts) -> Iterator[Problem]:
    """The cluster cannot be asked for its configuration, or the scheduler not for what it would do."""
    if facts.why_no_cluster and not facts.heartbeat:
        text = f"was not checked: {facts.why_no_cluster}"
        yield Problem(CLUSTER, text, "systemctl start pacemaker, or berofos doctor --cib FILE")
    if facts.why_no_rehearsal:
        yield Problem(CLUSTER, f"was not rehearsed: {facts.why_no_rehearsal}", "berofos rehearse")


def old_cluster(facts: Facts) -> Iterator[Problem]:
    """The cluster is too old (Pacemaker before 2.1.0, without critical=false): a failed relay moves telephony."""
    feature_set = facts.cluster.feature_set if facts.cluster else ""
    if feature_set and tuple(map(int, re.findall("[0-9]+", feature_set))) < OLDEST_FEATURE_SET:
        yield Problem(
            CLUSTER,
            f"has Pacemaker's feature set {feature_set}, which has no critical=false: "
            "a relay that cannot be switched moves telephony to the other node",
            "upgrade all nodes to Pacemaker 2.1.0 or later",
        )


def no_relay(facts: Facts) -> Iterator[Problem]:
    """No resource of the cluster switches the lines."""
    if facts.cluster and not facts.cluster.relays:
        text = "has no resource ocf:xivo:berofos, so nothing switches the lines"
        yield Problem(CLUSTER, text, "berofos cluster-config --follow TELEPHONY --port-b NODE --port-d NODE")


# --- fencing ---------------------------------------------------------------------------------------------------


def no_fencing(facts: Facts) -> Iterator[Problem]:
    """Two nodes, and no fencing: each believes the other is dead, and both switch the relay."""
    if not facts.cluster or len(facts.cluster.members) < 2:
        return
    text = "when the nodes lose contact, both switch the relay repeatedly"
    if is_off(facts.cluster.option("stonith-enabled", "true")):
        enable = remedies.set_property(facts.cluster.option_name("stonith-enabled"), "true")
        fix = enable if facts.cluster.fencing else f"{_CREATE_FENCING}; then {enable}"
        yield Problem(CLUSTER, f"fencing is disabled: {text}", fix)
    elif not facts.cluster.fencing and not _fences_by_watchdog(facts.cluster):
        yield Problem(CLUSTER, f"has no fence device: {text}", _CREATE_FENCING)


def unfenced_node(facts: Facts) -> Iterator[Problem]:
    """No fence device fences a node: when it dies, the other one waits for its fencing and takes over nothing."""
    cluster = facts.cluster
    if not cluster or not _is_fenced(cluster) or _fences_by_watchdog(cluster):
        return
    ports = [(given.port_b_node, given.port_d_node) for _relay, given in facts.parsed]
    for node in [name for name in cluster.members if any(relay_mode_for(name, *both) for both in ports)]:
        able = [device for device in cluster.fencing if _fences(device, node)]
        if not any(device.enabled for device in able):
            names = " and ".join(device.id for device in able)
            yield Problem(
                node,
                f"cannot be fenced: {f'{names} is disabled' if able else 'no fence device names it'}; "
                "when it dies, telephony and lines stay where they are",
                remedies.delete_meta(able[0].id, "target-role") if able else _CREATE_FENCING,
            )


def fencing_without_delay(facts: Facts) -> Iterator[Problem]:
    """The node with telephony has no head start in fencing, so the nodes may fence each other."""
    cluster = facts.cluster
    if not cluster or len(cluster.members) != 2 or not _is_fenced(cluster):
        return
    one, other = cluster.members
    random = any(seconds(device.parameters.get("pcmk_delay_max", "0")) > 0 for device in cluster.fencing)
    if facts.quorum_device or random or _has_priority_delay(cluster) or _delay(cluster, one) != _delay(cluster, other):
        return
    telephony = next(filter(None, (shape.telephony_of(cluster, relay) for relay in cluster.relays)), None)
    yield Problem(
        CLUSTER,
        "fencing has no delay: when the nodes lose contact, they fence each other, or only the active one is fenced",
        f"{remedies.set_meta(telephony.id if telephony else _TELEPHONY, 'priority', PRIORITY)} && "
        f"{remedies.set_property('priority-fencing-delay', FENCING_DELAY)}",
    )


def waiting_order(facts: Facts) -> Iterator[Problem]:
    """An order makes the lines wait for telephony, though they need not.

    With a telephony resource that took 8 s to start, the lines of a killed node were on the other one after 10.2 s with
    such an order and after 2.3 s without. ISDN lines take up to 30 s to wake up, and can do so while telephony starts.
    """
    for id, waiting in facts.cluster.orders.items() if facts.cluster else ():
        for relay in facts.relays:
            if set(relay.names) & set(waiting):
                text = f"waits for another resource to start (order {id}): the lines move later than they could"
                yield Problem(relay.id, text, remedies.delete_constraint("order", id))


def _is_fenced(cluster: Cluster) -> bool:
    return bool(cluster.fencing) and not is_off(cluster.option("stonith-enabled", "true"))


def _fences_by_watchdog(cluster: Cluster) -> bool:
    """Return True with a time for SBD without disks; a negative one lets Pacemaker calculate it."""
    return seconds(cluster.option("stonith-watchdog-timeout", "0").strip().lstrip("-")) > 0


def _has_priority_delay(cluster: Cluster) -> bool:
    """Return True if the node with telephony has a head start: that takes a delay, and a priority of some resource."""
    delay = seconds(cluster.option("priority-fencing-delay", "0")) > 0
    pairs = cluster.tree.xpath("configuration/resources//meta_attributes/nvpair[@name='priority']") if delay else ()
    return any(pair.get("value", "0") not in ("", "0") for pair in pairs)


def _fences(device: FenceDevice, node: str) -> bool:
    if device.parameters.get("pcmk_host_check", "static-list") != "static-list":
        return True  # the device itself says which
    listed = device.parameters.get("pcmk_host_list", "").replace(",", " ").split()
    mapped = [pair.partition(":")[0] for pair in re.split(r"[;,\s]+", device.parameters.get("pcmk_host_map", ""))]
    named = [name.lower() for name in (*listed, *mapped) if name]
    return not named or node.lower() in named


def _delay(cluster: Cluster, node: str) -> float:
    """Seconds that fencing of this node is delayed."""
    delays = [_base_delay(device, node) for device in cluster.fencing if _fences(device, node)]
    return min(delays, default=0.0)


def _base_delay(device: FenceDevice, node: str) -> float:
    text = device.parameters.get("pcmk_delay_base", "0")
    if ":" not in text:
        return seconds(text)
    by_node = dict(pair.partition(":")[::2] for pair in re.split(r"[;\s]+", text.lower()))
    return seconds(by_node.get(node.lower(), "0"))


# --- where the relay runs --------------------------------------------------------------------------------------


def cloned(facts: Facts) -> Iterator[Problem]:
    """The relay resource is cloned, and two instances switch the lines back and forth."""
    for cluster, relay in _relays(facts):
        clone = relay.cloned_by
        if clone:
            # pcs removes the clone's colocations with it, and crm deletes nothing that runs and is managed.
            lost = [one for one in cluster.followed(relay) if one.rsc == clone and one.mandatory]
            colocate = [remedies.colocate(relay.id, one.with_rsc, one.with_role) for one in lost]
            by_pcs = " && ".join([f"pcs resource unclone {relay.id}", *colocate])
            by_crm = f"crm resource unmanage {clone} && crm configure delete {clone}"
            text = f"is cloned by {clone}: two instances control one relay"
            yield Problem(relay.id, text, f"{by_pcs}; or, with crmsh: {by_crm}")


def bad_parameters(facts: Facts) -> Iterator[Problem]:
    """A parameter has an invalid value: the agent answers with exit code 6."""
    for relay in facts.relays:
        try:
            parameters.parse(relay.parameters.get)
        except ParameterError as exc:
            name = re.match(r"\w+", str(exc))
            yield Problem(relay.id, str(exc), remedies.set_parameter(relay.id, name[0] if name else "NAME", "VALUE"))


def unknown_nodes(facts: Facts) -> Iterator[Problem]:
    """A port is assigned to a node that is not in the cluster: it never gets the lines."""
    for relay in facts.relays:
        for name in ("port_b_node", "port_d_node"):
            node = relay.parameters.get(name, "")
            known = facts.cluster.nodes if facts.cluster else ()
            if node and not any(relay_mode_for(one, node, None) for one in known):
                text = f"{name}={node} is not a node of this cluster; its nodes are {', '.join(known)}"
                yield Problem(relay.id, text, remedies.set_parameter(relay.id, name, "NODE"))


def uncabled_node(facts: Facts) -> Iterator[Problem]:
    """Telephony may run on a node that has no port of the relay: the lines cannot follow it there."""
    cluster = facts.cluster
    if not cluster:
        return
    for relay, _given in facts.parsed:
        telephony = shape.telephony_of(cluster, relay)
        ports = [relay.parameters.get(name, "") for name in ("port_b_node", "port_d_node")]
        if not telephony or not all(any(relay_mode_for(one, port, None) for one in cluster.members) for port in ports):
            continue  # a PBX at port D, or what unknown_nodes finds
        for node in cluster.members:
            banned = (
                f"configuration/constraints/rsc_location[@rsc='{telephony.id}'][@node='{node}'][@score='-INFINITY']"
            )
            if not relay_mode_for(node, *ports) and cluster.tree.find(banned) is None:
                text = f"cannot follow {telephony.id} to {node}, which has no port: nobody would be heard there"
                yield Problem(relay.id, text, remedies.keep_away(telephony.id, node))


def not_colocated(facts: Facts) -> Iterator[Problem]:
    """The relay is not colocated with the telephony resource: the lines may be on another node."""
    for cluster, relay in _relays(facts):
        followed = cluster.followed(relay)
        if any(one.mandatory for one in followed) or cluster.followers(relay):
            continue
        wish = f" (only with score {followed[0].score})" if followed else ""
        with_rsc = followed[0].with_rsc if followed else _TELEPHONY
        fix = remedies.colocate(relay.id, with_rsc)
        if followed:
            fix = f"{remedies.delete_constraint('colocation', followed[0].id)} && {fix}"
        yield Problem(
            relay.id, f"is not colocated with the telephony resource{wish}: the lines may be on another node", fix
        )


def colocated_without_role(facts: Facts) -> Iterator[Problem]:
    """The relay is colocated with any instance of telephony, not with the promoted one."""
    for cluster, relay in _relays(facts):
        for one in cluster.followed(relay):
            telephony = shape.find(cluster.tree.find("configuration"), one.with_rsc)
            if telephony and telephony.promotable and one.mandatory and not shape.role_is_promoted(one.with_role):
                text = f"is colocated with any instance of {one.with_rsc}, not with the promoted one ({one.id})"
                colocate = remedies.colocate(relay.id, one.with_rsc, "Promoted")
                yield Problem(relay.id, text, f"{remedies.delete_constraint('colocation', one.id)} && {colocate}")


def colocated_backwards(facts: Facts) -> Iterator[Problem]:
    """Telephony is colocated with the relay (reversed): a relay failure stops telephony."""
    for cluster, relay in _relays(facts):
        for one in cluster.followers(relay):
            colocate = remedies.colocate(relay.id, one.rsc)
            fix = f"{remedies.delete_constraint('colocation', one.id)} && {colocate}"
            if one.id == relay.group:
                group = f"{one.id} remove {relay.id}"
                remove = f"pcs resource group remove {one.id} {relay.id}, or crm configure modgroup {group}"
                fix = f"{remove}; then {colocate}"
            text = f"{one.rsc} is colocated with the relay (reversed, {one.id}): a relay failure stops telephony"
            yield Problem(relay.id, text, fix)


def critical(facts: Facts) -> Iterator[Problem]:
    """A relay failure moves telephony to the other node."""
    for cluster, relay in _relays(facts):
        binding = [one for one in cluster.followed(relay) if one.mandatory]
        explicit = [one for one in binding if one.influence]
        by_default = [one for one in binding if one.influence is None]  # only these follow `critical`
        if explicit or (by_default and not is_off(relay.meta.get("critical", "true"))):
            yield Problem(
                relay.id,
                "is critical: a relay that cannot be started moves telephony to the other node",
                remedies.set_influence(explicit[0].id) if explicit else remedies.set_meta(relay.id, "critical"),
            )


def _relays(facts: Facts) -> Iterator[tuple[Cluster, Relay]]:
    """Yield each relay with its cluster."""
    if facts.cluster:
        yield from ((facts.cluster, relay) for relay in facts.relays)
