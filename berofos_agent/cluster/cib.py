"""Reads a CIB into facts about relays."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from berofos_agent.cluster.recommendation import AGENT
from berofos_agent.cluster.tools import ANSWER, parse_xml, query_cib
from berofos_agent.errors import ConfigurationError

MAXIMUM_BYTES = 32 << 20
QUERY_SECONDS = 5.0

NEW_NAMES: Mapping[str, str] = {
    "stonith-enabled": "fencing-enabled",
    "stonith-watchdog-timeout": "fencing-watchdog-timeout",
}
"""Cluster options that Pacemaker 3.0.2 renamed. It still reads the old name where the new one is not set."""

_CLONES = ("clone", "master", "bundle")
_OURS = "//primitive[@class='{}' and @provider='{}' and @type='{}']".format(*AGENT)
_FACTOR = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 0.001, "msec": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0, "hr": 3600.0}


_FALSE = ("false", "no", "off", "0", "n")
_TRUE = ("true", "yes", "on", "1", "y")


def is_off(value: str) -> bool:
    """Return True if Pacemaker reads this value as false."""
    return value.lower() in _FALSE


def is_on(value: str) -> bool:
    """Return True if Pacemaker reads this value as true."""
    return value.lower() in _TRUE


@dataclass(frozen=True)
class Operation:
    """One operation of a relay, times in seconds; NaN if it is not a time."""

    id: str
    name: str
    interval: float
    timeout: float | None
    depth: int
    on_fail: str
    role: str = ""
    enabled: bool = True


@dataclass(frozen=True)
class Colocation:
    """`rsc` is placed where `with_rsc` is."""

    id: str
    rsc: str
    with_rsc: str
    score: str
    influence: bool | None = None
    with_role: str = ""
    """The role that `with_rsc` has to be in; "" for any."""

    @property
    def mandatory(self) -> bool:
        """False for a preference that the cluster may ignore, and for a score that keeps the two apart."""
        return self.score.lstrip("+").upper() in ("INFINITY", "INF", "1000000")


@dataclass(frozen=True)
class Relay:
    """One resource of ocf:xivo:berofos, with what it inherits from templates, groups and defaults."""

    id: str
    parameters: Mapping[str, str]
    meta: Mapping[str, str]
    operations: Sequence[Operation]
    cloned_by: str = ""
    group: str = ""
    inherited: Mapping[str, str] = field(default_factory=dict)
    """By meta attribute that is not its own, the id of the nvpair."""

    @property
    def names(self) -> list[str]:
        """Every id by which a constraint can place it: its own, its group's, its clone's."""
        return [name for name in (self.id, self.group, self.cloned_by) if name]


@dataclass(frozen=True)
class FenceDevice:
    """One stonith resource; a disabled one fences nothing."""

    id: str
    parameters: Mapping[str, str]
    enabled: bool = True


@dataclass(frozen=True)
class Cluster:
    """The part of a CIB that concerns relays."""

    nodes: Sequence[str] = ()
    members: Sequence[str] = ()
    """The nodes with a vote in the quorum; the others are remote nodes and guests."""
    properties: Mapping[str, str] = field(default_factory=dict)
    operation_defaults: Mapping[str, str] = field(default_factory=dict)
    fencing: Sequence[FenceDevice] = ()
    relays: Sequence[Relay] = ()
    colocations: Sequence[Colocation] = ()
    orders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By id of an order constraint, the resources that wait for another one."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """By id of a location constraint that a move or ban left behind, the resource it places."""
    tree: Any = field(default=None, compare=False, repr=False)
    """The whole CIB, as lxml read it."""
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By node, its transient attributes, from the status section."""
    feature_set: str = ""
    """What the cluster's Pacemaker supports, such as 3.16.1; empty if the CIB does not name it."""

    def followed(self, relay: Relay) -> list[Colocation]:
        """Return the colocations that place a relay with another resource."""
        return [one for one in self.colocations if one.rsc in relay.names and one.with_rsc not in relay.names]

    def followers(self, relay: Relay) -> list[Colocation]:
        """Return those that bind another resource, which is no relay, to a relay."""
        found = [one for one in self.colocations if one.mandatory and one.with_rsc in relay.names]
        return [one for one in found if not any(one.rsc in other.names for other in self.relays)]

    def option_name(self, name: str) -> str:
        """Return the name that this cluster uses for a cluster option, by its name before Pacemaker 3.0.2."""
        new = NEW_NAMES.get(name, name)
        return new if new in self.properties else name

    def option(self, name: str, default: str) -> str:
        """Return the value of a cluster option, by its name before Pacemaker 3.0.2."""
        return self.properties.get(self.option_name(name), default)


def read_live() -> Cluster:
    """Return the facts of the running cluster's CIB; raise ConfigurationError."""
    return parse(query_cib(QUERY_SECONDS), f"{ANSWER}cibadmin --query")


def read_file(path: str) -> Cluster:
    """Return the facts of a CIB in a file; raise ConfigurationError."""
    try:
        with open(path, "rb") as file:
            return parse(file.read(MAXIMUM_BYTES + 1), path)
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read: {exc.strerror}; check its path and mode") from exc


def parse(data: bytes, path: str) -> Cluster:
    """Return the facts of a CIB; raise ConfigurationError that names `path`."""
    if len(data) > MAXIMUM_BYTES:
        raise ConfigurationError(f"{path}: is larger than {MAXIMUM_BYTES >> 20} MiB; `cibadmin --query` writes one")
    cib = parse_xml(data, path)
    if cib.getroottree().docinfo.internalDTD is not None:
        raise ConfigurationError(f"{path}: has a document type, so it is not a CIB; `cibadmin --query` writes one")
    configuration = cib.find("configuration") if cib.tag == "cib" else None
    if configuration is None:
        raise ConfigurationError(f"{path}: is not a CIB; `cibadmin --query` writes one")
    return _Reader(cib, configuration).cluster()


def operations(tree: Any, primitive: str) -> list[Operation]:
    """Return the operations of any primitive of a CIB, those of its template included."""
    reader = _Reader(tree, tree.find("configuration"))
    element = next((one for one in tree.iter("primitive") if one.get("id") == primitive), None)
    return [] if element is None else [reader.operation(op) for op in reader.operations(element)]


def seconds(text: str) -> float:
    """Return a time as Pacemaker accepts it (20, 20s, 1min, 1500ms, PT1M30S) in seconds; NaN if it is not one."""
    match = re.fullmatch(r"\s*([0-9]{1,9})\s*([a-z]*)\s*", text)
    if match:
        return float(match[1]) * _FACTOR.get(match[2], math.nan)
    iso = re.fullmatch(r"PT(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?", text.strip())
    return sum(float(part or 0) * factor for part, factor in zip(iso.groups(), (3600, 60, 1))) if iso else math.nan


class _Reader:
    """Walks the configuration section. An element with id-ref is a reference to the one with that id."""

    def __init__(self, tree: Any, configuration: Any) -> None:
        self.tree = tree
        self.configuration = configuration
        self.by_id = {element.get("id"): element for element in configuration.xpath(".//*[@id]")}

    def cluster(self) -> Cluster:
        nodes = self.configuration.findall("nodes/node")
        relays = self._relays()
        return Cluster(
            nodes=[*(node.get("uname", "") for node in nodes), *self._remote_nodes()],
            members=[node.get("uname", "") for node in nodes if node.get("type", "member") == "member"],
            properties=self._pairs(self.configuration.iterfind("crm_config/cluster_property_set")),
            operation_defaults=self._pairs(self.configuration.iterfind("op_defaults/meta_attributes")),
            fencing=list(self._fencing()),
            relays=relays,
            colocations=[*self._colocations(), *self._groups(relays)],
            orders=self._orders(),
            moved=self._moved(),
            attributes={
                state.get("uname", ""): self._pairs(state.iterfind("transient_attributes/instance_attributes"))
                for state in self.tree.iterfind("status/node_state")
            },
            tree=self.tree,
            feature_set=self.tree.get("crm_feature_set", ""),
        )

    # --- resources -----------------------------------------------------------------------------------------

    def _relays(self) -> list[Relay]:
        found = self.configuration.xpath("resources" + _OURS)
        templates = [
            template.get("id", "")
            for template in self.configuration.xpath("resources" + _OURS.replace("primitive", "template"))
        ]
        found += [
            primitive
            for primitive in self.configuration.iterfind("resources//primitive[@template]")
            if primitive.get("template") in templates
        ]
        return [self._relay(primitive) for primitive in found]

    def _fencing(self) -> Iterator[FenceDevice]:
        for primitive in self.configuration.iterfind("resources//primitive"):
            template = self.by_id.get(primitive.get("template"))
            if "stonith" in (primitive.get("class"), None if template is None else template.get("class")):
                role = self._pairs(self._parts(primitive, "meta_attributes")).get("target-role", "")
                parameters = self._pairs(self._parts(primitive, "instance_attributes"))
                yield FenceDevice(primitive.get("id", ""), parameters, role.lower() != "stopped")

    def _relay(self, primitive: Any) -> Relay:
        above = list(primitive.iterancestors(*_CLONES, "group"))
        clones = [element for element in above if element.tag in _CLONES]
        groups = [element for element in above if element.tag == "group"]
        defaults = self.configuration.iterfind("rsc_defaults/meta_attributes")
        meta = self._nvpairs(defaults)
        for element in (*reversed(above), primitive):
            meta.update(self._nvpairs(self._parts(element, "meta_attributes")))
        own = self._nvpairs(primitive.findall("meta_attributes"))
        return Relay(
            id=primitive.get("id", ""),
            parameters=self._pairs(self._parts(primitive, "instance_attributes")),
            meta=_values(meta),
            operations=[self.operation(op) for op in self.operations(primitive)],
            cloned_by=clones[0].get("id", "") if clones else "",
            group=groups[0].get("id", "") if groups else "",
            inherited={name: pair.get("id", "") for name, pair in meta.items() if name not in own},
        )

    def _parts(self, element: Any, tag: str) -> list[Any]:
        """The child elements of a kind: those of its template first, so that its own override them."""
        template = self.by_id.get(element.get("template"))
        inherited = [] if template is None else template.findall(tag)
        return [*inherited, *element.findall(tag)]

    def operations(self, primitive: Any) -> Iterable[Any]:
        chosen: dict[tuple[str, float], list[Any]] = {}
        for operations in map(self._real, self._parts(primitive, "operations")):
            own: dict[tuple[str, float], list[Any]] = {}
            for op in map(self._real, operations.iterfind("op")):
                own.setdefault((op.get("name"), seconds(op.get("interval", "0"))), []).append(op)
            chosen.update(own)
        return [op for same in chosen.values() for op in same]

    def operation(self, op: Any) -> Operation:
        settings = {**self._pairs(op.iterfind("meta_attributes")), **self._pairs(op.iterfind("instance_attributes"))}
        settings.update(op.attrib)
        timeout = settings.get("timeout")
        level = settings.get("OCF_CHECK_LEVEL", "0")
        return Operation(
            id=settings.get("id", ""),
            name=settings.get("name", ""),
            interval=seconds(settings.get("interval", "0")),
            timeout=None if timeout is None else seconds(timeout),
            depth=int(level) if re.fullmatch("[0-9]{1,4}", level) else 0,
            on_fail=settings.get("on-fail", ""),
            role=settings.get("role", ""),
            enabled=not is_off(settings.get("enabled", "true")),
        )

    def _remote_nodes(self) -> list[str]:
        """Nodes that are resources: remote nodes by their id, guest nodes by a meta attribute."""
        remote = self.configuration.iterfind("resources//primitive[@type='remote']")
        guests = self.configuration.iterfind("resources//nvpair[@name='remote-node']")
        return [one.get("id", "") for one in remote] + [one.get("value", "") for one in guests]

    # --- constraints ---------------------------------------------------------------------------------------

    def _colocations(self) -> list[Colocation]:
        found = []
        for element in self.configuration.iterfind("constraints/rsc_colocation"):
            score, id = element.get("score", "0"), element.get("id", "")
            influence = {"true": True, "false": False}.get(element.get("influence", ""))
            role = element.get("with-rsc-role", "")
            pairs = [(element.get("rsc", ""), element.get("with-rsc", ""), role)] if element.get("rsc") else []
            earlier: list[str] = []
            # Within a set each member is placed with the one before it; a whole set with the set after it.
            for rsc_set in map(self._real, element.iterfind("resource_set")):
                members = [member.get("id", "") for member in rsc_set.iterfind("resource_ref")]
                role = rsc_set.get("role", "")
                if rsc_set.get("sequential", "true") == "true":
                    pairs += [(after, before, role) for before, after in zip(members, members[1:])]
                pairs += [(before, after, role) for before in earlier for after in members]
                earlier = members
            found += [
                Colocation(id, rsc, with_rsc, score, influence, role)
                for before, after, role in pairs
                for rsc in self._meant(before)
                for with_rsc in self._meant(after)
            ]
        return found

    def _meant(self, id: str) -> list[str]:
        """Return the resources that a constraint means by an id, which may be that of a tag or of a template."""
        element = self.by_id.get(id)
        if element is not None and element.tag == "tag":
            return [reference.get("id", "") for reference in element.iterfind("obj_ref")]
        made = [
            one.get("id", "")
            for one in self.configuration.iterfind("resources//primitive[@template]")
            if one.get("template") == id
        ]
        return made or [id]

    def _groups(self, relays: Sequence[Relay]) -> list[Colocation]:
        """A group's members are colocated, each with the one before it."""
        found = []
        for id in {relay.group for relay in relays if relay.group}:
            members = [member.get("id", "") for member in self.by_id[id].iterfind("primitive")]
            found += [Colocation(id, b, a, "INFINITY") for a, b in zip(members, members[1:])]
        return found

    def _orders(self) -> dict[str, list[str]]:
        orders = {}
        for order in self.configuration.iterfind("constraints/rsc_order"):
            waiting = [order.get("then")] if order.get("then") else []
            earlier = False
            for rsc_set in map(self._real, order.iterfind("resource_set")):
                members = [member.get("id", "") for member in rsc_set.iterfind("resource_ref")]
                waiting += members if earlier else members[1:] if rsc_set.get("sequential", "true") == "true" else []
                earlier = True
            orders[order.get("id", "")] = waiting
        return orders

    def _moved(self) -> dict[str, str]:
        return {
            location.get("id", ""): location.get("rsc", "")
            for location in self.configuration.iterfind("constraints/rsc_location")
            if re.match(r"cli-(prefer|ban|standby)-", location.get("id", ""))
        }

    # --- attributes ----------------------------------------------------------------------------------------

    def _real(self, element: Any) -> Any:
        return self.by_id.get(element.get("id-ref"), element)

    def _pairs(self, sets: Iterable[Any]) -> dict[str, str]:
        return _values(self._nvpairs(sets))

    def _nvpairs(self, sets: Iterable[Any]) -> dict[str, Any]:
        """Every nvpair by its name; of two with one name, the set with the higher score wins."""
        pairs: dict[str, Any] = {}
        for one in sorted(map(self._real, sets), key=_score):
            for nvpair in map(self._real, one.iterfind("nvpair")):
                pairs[nvpair.get("name", "")] = nvpair
        return pairs


def _values(pairs: Mapping[str, Any]) -> dict[str, str]:
    return {name: pair.get("value", "") for name, pair in pairs.items()}


def _score(attributes: Any) -> float:
    text = attributes.get("score", "0").upper().replace("INFINITY", "inf")
    try:
        return float(text)
    except ValueError:
        return 0.0
