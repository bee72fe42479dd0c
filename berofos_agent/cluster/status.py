"""Reads the live state of the cluster from `crm_mon --output-as=xml`.

Tested with the XML of Pacemaker 2.1 and 3.0. `parse` is a pure function; `read` asks the running cluster.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from berofos_agent.cluster.tools import ANSWER, parse_xml, run
from berofos_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from lxml.etree import _Element

QUERY_SECONDS = 5.0
COMMAND = ("crm_mon", "--one-shot", "--inactive", "--output-as=xml", "--include=all")

INFINITY = 1000000
"""Pacemaker's INFINITY: a fail-count after a failed start."""
_NEVER = str(-INFINITY)
"""The weight of a ban; a smaller one only makes a node less likely."""

DEGRADED = 190
"""The exit code of a degraded monitor (OCF_DEGRADED). The resource runs; the failure has no fail-count."""

PENDING = 193
"""The code of an operation that is under way."""

STARTING = "Starting"
ONLINE = "online"
_ACTIVE_ROLES = ("Started", "Promoted", "Unpromoted", "Master", "Slave")
_SAME_ROLE = {"Master": "Promoted", "Slave": "Unpromoted"}
"""Pacemaker 2.0 has the older names."""


@dataclass(frozen=True)
class Node:
    """One node, with its transient and permanent attributes."""

    name: str
    online: bool
    standby: bool
    maintenance: bool
    unclean: bool
    pending: bool
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def condition(self) -> str:
        """The state in one word: online, standby, maintenance, pending, UNCLEAN (to be fenced) or OFFLINE."""
        if self.unclean:
            return "UNCLEAN"
        if not self.online:
            return "OFFLINE"
        conditions = (("pending", self.pending), ("standby", self.standby), ("maintenance", self.maintenance))
        return next((name for name, holds in conditions if holds), ONLINE)


@dataclass(frozen=True)
class Instance:
    """One instance of a resource. `id` is without the number of a clone's instance."""

    id: str
    agent: str
    role: str
    nodes: Sequence[str]
    managed: bool
    blocked: bool
    pending: str
    target_role: str
    parents: Sequence[str] = ()
    """The ids of its clone or bundle and of its group, from outside to inside."""
    replica: str = ""
    """The number of its replica in a bundle."""

    @property
    def active(self) -> bool:
        """True while it runs, in any role."""
        return self.role in _ACTIVE_ROLES and bool(self.nodes)


@dataclass(frozen=True)
class Failure:
    """One failed action, as crm_mon lists it; a degraded monitor is one too."""

    resource: str
    operation: str
    node: str
    code: int
    reason: str
    at: datetime | None
    end: str = ""
    """How Pacemaker says that it ended: error, Timed Out, not installed."""

    @property
    def text(self) -> str:
        """The reason; of an agent that was killed, and so gave none, what failed and how."""
        return self.reason or f"{self.operation} failed on {self.node} ({self.end.lower() or self.code})"


@dataclass(frozen=True)
class FailCount:
    """How often a resource failed on a node. From `threshold` on, Pacemaker does not start it there."""

    resource: str
    node: str
    count: int
    threshold: int

    @property
    def keeps_away(self) -> bool:
        """True if the resource may not run on the node because of it."""
        return self.count >= (self.threshold or INFINITY)


@dataclass(frozen=True)
class Ban:
    """A location constraint that keeps a resource away from a node."""

    id: str
    resource: str
    node: str


@dataclass(frozen=True)
class Fencing:
    """One fencing action; `status` is success, failed or pending."""

    target: str
    action: str
    status: str
    at: datetime | None
    reason: str = ""


@dataclass(frozen=True)
class Operation:
    """The last result of one operation in the history.

    `interval` is in seconds, 0 for a start, stop or probe; `seconds` is how long it took, None if that is not known.
    """

    resource: str
    node: str
    task: str
    code: int
    interval: float
    at: datetime | None
    seconds: float | None = None


@dataclass(frozen=True)
class ClusterStatus:
    """The live state of the whole cluster, as one node sees it."""

    at: datetime | None
    version: str
    dc: str
    with_quorum: bool
    fencing_enabled: bool
    maintenance: bool
    nodes: Sequence[Node]
    instances: Sequence[Instance]
    failures: Sequence[Failure] = ()
    fail_counts: Sequence[FailCount] = ()
    bans: Sequence[Ban] = ()
    fencing: Sequence[Fencing] = ()
    history: Sequence[Operation] = ()

    def node(self, name: str) -> Node | None:
        """Return the node with this name; case does not matter."""
        return next((node for node in self.nodes if node.name.lower() == name.lower()), None)

    def of(self, resource: str) -> list[Instance]:
        """Return the instances of a resource, or of all members of a group, clone or bundle."""
        return [one for one in self.instances if resource in (one.id, *one.parents)]

    def where(self, resource: str, role: str = "") -> list[str]:
        """Return the nodes where a resource runs; of a group, those where all members run.

        With a role ("Promoted"), only the nodes where it has that role.
        """
        wanted = _SAME_ROLE.get(role, role)
        nodes: dict[str, set[str]] = {}
        for one in self.of(resource):
            here = one.active and (wanted in ("", "Started") or _SAME_ROLE.get(one.role, one.role) == wanted)
            member = one.agent if one.replica else one.id  # each replica has ids of its own
            nodes.setdefault(member, set()).update(one.nodes if here else ())
        return sorted(set.intersection(*nodes.values())) if nodes else []

    def failures_of(self, resource: str) -> list[Failure]:
        """Return the failed actions of a resource, the latest first."""
        oldest = datetime.min.replace(tzinfo=timezone.utc)
        found = [failure for failure in self.failures if failure.resource == resource]
        return sorted(found, key=lambda failure: failure.at or oldest, reverse=True)

    def last_start(self, resource: str) -> Operation | None:
        """Return the latest successful start of a resource that is in the history."""
        starts = [one for one in self.history if (one.resource, one.task, one.code) == (resource, "start", 0)]
        return max((one for one in starts if one.at), key=lambda one: one.at, default=None)  # type: ignore[arg-type,return-value]


def read(seconds: float = QUERY_SECONDS, environ: Mapping[str, str] = os.environ) -> ClusterStatus:
    """Return the state of the running cluster; raise ConfigurationError with one line that says why there is none."""
    # crm_mon prints some times in local time without a zone, and in the language of the environment.
    answer = run(COMMAND, seconds, environ={**environ, "LC_ALL": "C", "TZ": "UTC0"})
    if answer.returncode:
        raise ConfigurationError(
            "the cluster is not running on this host, or this user may not query it; run this on a node as root"
        )
    return parse(answer.stdout, ANSWER + " ".join(COMMAND))


def parse(data: bytes, source: str = "crm_mon") -> ClusterStatus:
    """Return the state in crm_mon's output, with times in UTC; raise ConfigurationError that names `source`."""
    root = parse_xml(data, source)
    summary = root.find("summary")
    if summary is None:
        raise ConfigurationError(f"{source}: has no cluster status; `crm_mon --output-as=xml --inactive` prints one")
    dc, options = summary.find("current_dc"), summary.find("cluster_options")
    if dc is None or options is None:
        raise ConfigurationError(f"{source}: has no cluster status; try again once the cluster is up")
    history = list(_history(root))
    starting = {(one.resource, one.node) for one in history if (one.task, one.code) == ("start", PENDING)}
    return ClusterStatus(
        at=_time("".join(summary.xpath("last_update/@time"))),
        version=dc.get("version", ""),
        dc=dc.get("name", ""),
        with_quorum=_true(dc, "with_quorum"),
        fencing_enabled=_true(options, "fencing-enabled") or _true(options, "stonith-enabled"),
        maintenance=_true(options, "maintenance-mode"),
        nodes=_nodes(root),
        instances=[_unless_starting(one, starting) for one in _instances(root.find("resources"))],
        failures=[_failure(element) for element in root.iterfind("failures/failure")],
        fail_counts=list(_fail_counts(root)),
        bans=[
            Ban(*(one.get(name, "") for name in ("id", "resource", "node")))
            for one in root.iterfind("bans/ban")
            if one.get("weight", _NEVER) == _NEVER
        ],
        fencing=[_fencing(element) for element in root.iterfind("fence_history/fence_event")],
        history=history,
    )


def _nodes(root: _Element) -> list[Node]:
    attributes = {
        node.get("name", ""): {one.get("name", ""): one.get("value", "") for one in node.iterfind("attribute")}
        for node in root.iterfind("node_attributes/node")
    }
    return [
        Node(
            name=node.get("name", ""),
            **{flag: _true(node, flag) for flag in ("online", "standby", "maintenance", "unclean", "pending")},
            attributes=attributes.get(node.get("name", ""), {}),
        )
        for node in root.iterfind("nodes/node")
    ]


def _instances(parent: _Element | None, parents: Sequence[str] = (), replica: str = "") -> Iterable[Instance]:
    """Yield all instances below an element; those of a bundle include its containers and addresses."""
    for element in [] if parent is None else parent:
        if element.tag == "replica":
            yield from _instances(element, parents, element.get("id", ""))
            continue
        if element.tag != "resource":
            yield from _instances(element, (*parents, element.get("id", "")), replica)
            continue
        yield Instance(
            id=element.get("id", "").partition(":")[0],
            agent=element.get("resource_agent", ""),
            nodes=[node.get("name", "") for node in element.iterfind("node")],
            role=element.get("role", ""),
            managed=_true(element, "managed"),
            blocked=_true(element, "blocked"),
            pending=element.get("pending", ""),
            target_role=element.get("target_role", ""),
            parents=tuple(parents),
            replica=replica,
        )


def _unless_starting(instance: Instance, starting: Container[tuple[str, str]]) -> Instance:
    """Return an instance in the role STARTING while its start is under way.

    Pacemaker 2.1.5 calls it Started already if its monitor with role=Stopped is under way on another node.
    """
    under_way = any((instance.id, node) in starting for node in instance.nodes)
    return replace(instance, role=STARTING) if under_way else instance


def _failure(element: _Element) -> Failure:
    """A failed action; op_key is RESOURCE_TASK_INTERVAL, where the id of the resource may have underscores too."""
    resource, _, rest = element.get("op_key", "").rpartition("_")[0].rpartition("_")
    status = element.get("status", "")
    return Failure(
        resource=resource.partition(":")[0] or element.get("id", ""),
        operation=element.get("task", rest),
        node=element.get("node", ""),
        code=_number(element, "exitcode"),
        reason=element.get("exitreason", ""),
        at=_time(element.get("last-rc-change", "")),
        end=element.get("exitstatus", "") if status.lower() in ("", *_COMPLETE) else status,
    )


_COMPLETE = ("complete", "done")
"""How Pacemaker 2.1 and 3.0 call an operation that was not cut short."""


def _histories(root: _Element) -> Iterable[tuple[str, str, _Element]]:
    for node in root.iterfind("node_history/node"):
        for history in node.iterfind("resource_history"):
            yield node.get("name", ""), history.get("id", "").partition(":")[0], history


def _fail_counts(root: _Element) -> Iterable[FailCount]:
    for node, resource, history in _histories(root):
        count = _number(history, "fail-count")
        if count:
            yield FailCount(resource, node, count, _number(history, "migration-threshold"))


def _history(root: _Element) -> Iterable[Operation]:
    for node, resource, history in _histories(root):
        for one in history.iterfind("operation_history"):
            interval = _number(one, "interval", "ms") / 1000
            at = _time(one.get("last-rc-change", ""))
            seconds = _number(one, "exec-time", "ms") / 1000 if "exec-time" in one.attrib else None
            yield Operation(resource, node, one.get("task", ""), _number(one, "rc"), interval, at, seconds)


def _fencing(element: _Element) -> Fencing:
    return Fencing(
        **{name: element.get(name, "") for name in ("target", "action", "status")},
        at=_time(element.get("completed", "")),
        reason=element.get("exit-reason", ""),
    )


def _true(element: _Element, name: str) -> bool:
    return element.get(name) == "true"


def _number(element: _Element, name: str, unit: str = "") -> int:
    """Return a number, 0 if there is none; Pacemaker also writes INFINITY."""
    text = element.get(name, "0")
    try:
        return int(text.removesuffix(unit).replace("INFINITY", str(INFINITY)))
    except ValueError:
        return 0


_TIMES = ("%a %b %d %H:%M:%S %Y", "%Y-%m-%d %H:%M:%SZ", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S.%fZ")
"""How crm_mon writes times: in the summary and the history, and in failures and fencing."""


def _time(text: str) -> datetime | None:
    """Return a time with its zone, UTC where none is written; None if it is not a time."""
    for form in _TIMES:
        try:
            time = datetime.strptime(text.strip(), form)  # noqa: DTZ007 (some forms have no zone)
        except ValueError:
            continue
        return time if time.tzinfo else time.replace(tzinfo=timezone.utc)
    return None
