"""The shape of the telephony resource: what it consists of, and in which role it has the lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from berofos_agent.cluster.cib import is_on
from berofos_agent.cluster.scheduler import PROMOTED

if TYPE_CHECKING:
    from berofos_agent.cluster.cib import Cluster, Relay

CONTAINERS = ("group", "clone", "master", "bundle")


@dataclass(frozen=True)
class Telephony:
    """The telephony resource."""

    id: str
    kind: str = "primitive"
    """primitive, group, clone, master or bundle, as in the CIB."""
    members: Sequence[str] = ()
    """Its primitives; the operations of the last one stand for the whole."""
    promotable: bool = False

    def has(self, primitive: str) -> bool:
        """Return True for its primitives, and for the containers of a bundle, which have names of their own."""
        return primitive in self.members or (self.kind == "bundle" and self.is_container(primitive))

    def is_container(self, primitive: str) -> bool:
        """Return True for a container of this bundle."""
        return bool(re.fullmatch(re.escape(self.id) + r"-(docker|podman|rkt)-[0-9]+", primitive))

    @property
    def several_instances(self) -> bool:
        """Active on several nodes at once, without a role that says which of them has the lines."""
        return self.kind in ("clone", "bundle") and not self.promotable


def telephony_of(cluster: Cluster, relay: Relay) -> Telephony | None:
    """Return what the relay is colocated with, or what is colocated with the relay, or the only other resource.

    None if there is no such resource.
    """
    ids = [one.with_rsc for one in cluster.followed(relay) if one.mandatory]
    ids += [one.rsc for one in cluster.followers(relay)]
    if not ids:
        others = candidates(cluster)
        ids = others if len(others) == 1 else []
    return find(cluster.tree.find("configuration"), ids[0]) if ids else None


def candidates(cluster: Cluster) -> list[str]:
    """Return the resources that may be telephony: groups, clones and resources on their own, but no relay."""
    found = filter(is_resource, cluster.tree.iterfind("configuration/resources/*"))
    relays = {name for relay in cluster.relays for name in relay.names}
    return [one.get("id") for one in found if one.get("class") != "stonith" and one.get("id") not in relays]


def find(configuration: Any, id: str) -> Telephony | None:
    """Return the resource of this id, or the clone or bundle that it is the primitive of; None if there is none."""
    element = next((one for one in configuration.iterfind("resources//*[@id]") if one.get("id") == id), None)
    if element is None or not is_resource(element):
        return None
    while element.getparent().tag in ("clone", "master", "bundle"):
        element = element.getparent()
    members = [element] if element.tag == "primitive" else element.iter("primitive")
    return Telephony(element.get("id"), element.tag, [one.get("id", "") for one in members], is_promotable(element))


def is_resource(element: Any) -> bool:
    """Return True for a primitive, and for what can contain one."""
    return element.tag in ("primitive", *CONTAINERS)


def nodes_of(telephony: Telephony, places: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the nodes on which telephony is active as a whole, and promoted if it is promotable."""
    if telephony.members:
        found = [places.get(member, {}) for member in telephony.members]
    else:  # a bundle without a primitive is its containers
        found = [{node: role for id, on in places.items() if telephony.is_container(id) for node, role in on.items()}]
    active = set.intersection(*map(set, found))
    return sorted(
        node for node in active if not telephony.promotable or any(role_is_promoted(one[node]) for one in found)
    )


def is_promotable(element: Any) -> bool:
    """Return True for a clone or bundle whose instances can be promoted."""
    if element.tag == "master":
        return True
    if element.tag == "bundle":
        runtime = next((one for one in element if one.get("image")), None)
        counts = {} if runtime is None else runtime.attrib
        return any(counts.get(name, "0") not in ("", "0") for name in ("promoted-max", "masters"))
    meta = {pair.get("name"): pair.get("value", "") for pair in element.iterfind("meta_attributes/nvpair")}
    return element.tag == "clone" and is_on(meta.get("promotable", "false"))


def role_is_promoted(role: str) -> bool:
    """Return True for the promoted role under either of its names."""
    return role in PROMOTED


def promoted_role(tree: Any) -> str:
    """Return the name of the promoted role in a CIB: Promoted since schema 3.7 (Pacemaker 2.1), before that Master."""
    match = re.fullmatch(r"pacemaker-(\d+)\.(\d+)", tree.get("validate-with", ""))
    return "Master" if match and (int(match[1]), int(match[2])) < (3, 7) else "Promoted"
