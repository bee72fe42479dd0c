"""One event as Pacemaker hands it to an alert agent, in environment variables; Pacemaker Explained, "Alerts".

Observed with Pacemaker 2.1.5: a resource's event comes to the node of the operation; a node's event to all other
nodes; a fencing event to all that survive. Attribute events come to the one node whose attribute daemon writes the
CIB, and with each change of one node's value also those of the other nodes, unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from berofos_agent.errors import ConfigurationError

PREFIX = "CRM_alert_"

PENDING, CANCELLED = -1, 1
"""Values of CRM_alert_status for an operation that has no result."""
TIMED_OUT = 2

LAST_SEEN = " (last seen "
"""The agent writes this into INSTANCE-lines when it stops after a failure."""

_LONGEST = 4096
YEAR_2200 = 7_258_118_400


@dataclass(frozen=True)
class Event:
    """An event. What its kind does not have is empty or 0."""

    kind: str
    """node, fencing, resource or attribute."""
    node: str
    at: float
    """Seconds since 1970; 0 if Pacemaker did not say."""
    sequence: int = 0
    """Counts the events of one daemon of this node."""
    resource: str = ""
    task: str = ""
    interval: int = 0
    """Milliseconds; 0 for a start, a stop or a probe."""
    code: int = 0
    expected: int = 0
    status: int = 0
    description: str = ""
    attribute: str = ""
    value: str = ""

    @property
    def needs_nobody(self) -> bool:
        """True if nobody needs to hear of it, whatever the state of the cluster is."""
        return _NEEDS_NOBODY[self.kind](self)


def parse(environ: Mapping[str, str]) -> Event:
    """Return the event of an environment; raise ConfigurationError that names what is wrong."""
    kind = _text(environ, "kind")
    if kind not in _NEEDS_NOBODY:
        what = f"{PREFIX}kind={kind[:40]!r} is not an event" if kind else f"{PREFIX}kind is missing"
        raise ConfigurationError(f"{what}: Pacemaker runs this program; by hand: berofos-alert --to RECIPIENT")
    resource, attribute = _text(environ, "rsc"), _text(environ, "attribute_name")
    for name, value, needed_by in (("rsc", resource, "resource"), ("attribute_name", attribute, "attribute")):
        if kind == needed_by and not value:
            raise ConfigurationError(f"{PREFIX}{name} is missing")
    return Event(
        kind=kind,
        node=_text(environ, "node"),
        at=_time(environ),
        sequence=_number(environ, "node_sequence"),
        resource=resource.partition(":")[0],  # of a clone's instance
        task=_text(environ, "task"),
        interval=_number(environ, "interval"),
        code=_number(environ, "rc"),
        expected=_number(environ, "target_rc"),
        status=_number(environ, "status"),
        description=_text(environ, "desc"),
        attribute=attribute,
        value=_text(environ, "attribute_value"),
    )


def _text(environ: Mapping[str, str], name: str) -> str:
    return environ.get(PREFIX + name, "")[:_LONGEST].encode("utf-8", "replace").decode()


def _number(environ: Mapping[str, str], name: str) -> int:
    text = _text(environ, name)
    if not text:
        return 0
    if not re.fullmatch(r"-?[0-9]{1,12}", text):
        raise ConfigurationError(f"{PREFIX}{name}={text[:40]!r} is not a number")
    return int(text)


def _time(environ: Mapping[str, str]) -> float:
    seconds, micros = _number(environ, "timestamp_epoch"), _number(environ, "timestamp_usec")
    if not (0 <= seconds < YEAR_2200 and 0 <= micros < 1_000_000):
        raise ConfigurationError(f"{PREFIX}timestamp_epoch={seconds} is not a time")
    return seconds + micros / 1e6


def _of_a_resource(event: Event) -> bool:
    """True for probes, for the readiness monitor of a node without the lines, and for cancelled operations."""
    if event.status in (PENDING, CANCELLED) or event.task not in ("start", "stop", "monitor"):
        return True
    return event.task == "monitor" and (event.interval == 0 or event.expected != 0)


def _of_an_attribute(event: Event) -> bool:
    if event.attribute.endswith("-lines"):
        return "; " not in event.value or LAST_SEEN in event.value.partition("; ")[0]
    return not (event.attribute.endswith("-ready") and event.value)


def _of_a_node(event: Event) -> bool:
    return event.description not in ("lost", "member")


def _of_fencing(event: Event) -> bool:
    return bool(re.match(r"Operation '?on\b", event.description))  # unfencing


_NEEDS_NOBODY = {
    "resource": _of_a_resource,
    "attribute": _of_an_attribute,
    "node": _of_a_node,
    "fencing": _of_fencing,
}
