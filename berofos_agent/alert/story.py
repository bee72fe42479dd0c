"""From an event and the state of the cluster to the sentence about it, if somebody needs to hear one.

A resource's event is told on the node of the operation, with the reason that the cluster has noted. What only a node
attribute shows (readiness, another reason of a relay that is degraded already) is told by the node whose attribute
daemon writes, LATER_SECONDS later, if it is still so and nobody has told it: the nodes share marks for that.
A node's event is told by the first node that is left.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Callable, Protocol

from berofos_agent import sentences
from berofos_agent.agent.node import relay_mode_for, without_wait
from berofos_agent.agent.readiness import READY
from berofos_agent.alert.event import LAST_SEEN, TIMED_OUT, Event
from berofos_agent.cluster.relays import RelayState
from berofos_agent.cluster.status import DEGRADED, ClusterStatus
from berofos_agent.device.topology import LINES
from berofos_agent.sentences import Sentence, Severity

LATER_SECONDS = 12.0
"""More than the recommended interval of a monitor, so that the node with the lines tells of a dead device first."""
BACK_SECONDS = 600.0
"""How long a node that came back may take until its cluster is up."""

_AT_FAULT = ("failed", "start-failed", "stop-failed")
_STARTED = ("started", "running-again", "started-degraded")
_GONE = ("lost", "fenced")


class NotYet(Exception):
    """It is too early to tell."""


@dataclass(frozen=True)
class View:
    """The cluster as this node sees it."""

    me: str
    status: ClusterStatus
    relays: Sequence[RelayState]
    to_pbx_on_stop: Mapping[str, bool] = field(default_factory=dict)
    """By relay resource, whether a stop puts its lines on the PBX."""

    def relay(self, name: str) -> RelayState | None:
        """Return a relay resource; None for another resource."""
        return next((one for one in self.relays if one.id == name), None)

    def is_first_without(self, node: str) -> bool:
        """Tell whether this node tells of another one: only one of those that are left does."""
        left = sorted(one.name for one in self.status.nodes if one.online and one.name.lower() != node.lower())
        return not left or left[0].lower() == self.me.lower()


class Notes(Protocol):
    """What was told before: on this node, and as marks that all nodes share."""

    def last(self, subject: str) -> tuple[str, str]:
        """Return kind and text of this node's last sentence about a subject; empty if there is none."""

    def note(self, subject: str, sentence: Sentence) -> None:
        """Note a sentence."""

    def mark(self, resource: str, node: str) -> str:
        """Return the mark of a resource on a node: what was told to be wrong there last; empty if nothing."""

    def set_mark(self, resource: str, node: str, mark: str) -> None:
        """Set a mark, or remove it."""


def compose(event: Event, view: View, notes: Notes, now: float) -> Sentence | None:
    """Return the sentence about an event, None if it needs nobody or was told; raise NotYet."""
    sentence = _HANDLERS[event.kind](event, view, notes, now)
    if sentence is None:
        return None
    about_node = event.kind in ("node", "fencing")
    subject = event.node if about_node else f"{event.resource or event.attribute.rpartition('-')[0]}@{event.node}"
    kind, told = notes.last(subject)
    was_told = (kind, without_wait(told)) == (sentence.kind, without_wait(sentence.text))
    notes.note(subject, sentence)
    if was_told and sentence.severity is Severity.PROBLEM:
        return None
    return None if about_node and not view.is_first_without(event.node) else sentence


# --- resources -------------------------------------------------------------------------------------------------


def _of_a_resource(event: Event, view: View, notes: Notes, _now: float) -> Sentence | None:
    relay = view.relay(event.resource)
    if relay is None:
        return None
    if event.code == event.expected and event.status != TIMED_OUT:
        return _AFTER_SUCCESS[event.task](event, relay, view, notes)
    if event.task == "monitor" and event.code == DEGRADED:
        return _after_degraded(event, relay, notes)
    reason = _reason(event, relay)
    kind = {"start": "start-failed", "stop": "stop-failed", "monitor": "failed"}[event.task]
    return sentences.say(kind, reason, resource=relay.id, node=event.node)


def _after_start(event: Event, relay: RelayState, _view: View, notes: Notes) -> Sentence | None:
    reason = condition(relay, event.node)
    notes.set_mark(relay.id, event.node, _mark("lines", reason))
    was_at_fault = notes.last(f"{relay.id}@{event.node}")[0] in _AT_FAULT
    kind = "started-degraded" if reason else "running-again" if was_at_fault else "started"
    return _about(kind, event, relay, reason)


def _after_stop(event: Event, relay: RelayState, view: View, _notes: Notes) -> Sentence | None:
    return _about("at-pbx", event, relay) if view.to_pbx_on_stop.get(relay.id) else None


def _after_monitor(event: Event, relay: RelayState, _view: View, notes: Notes) -> Sentence | None:
    if condition(relay, event.node) or not notes.mark(relay.id, event.node).startswith("lines"):
        return None
    notes.set_mark(relay.id, event.node, "")
    return _about("recovered", event, relay)


def _after_degraded(event: Event, relay: RelayState, notes: Notes) -> Sentence | None:
    here = [one for one in relay.failures if one.node == event.node]
    if here and here[0].code != DEGRADED:  # it has failed since, which has an event of its own
        return None
    noted, now = here[0].reason if here else "", condition(relay, event.node)
    return _degraded(event, relay, notes, now if without_wait(noted) in without_wait(now) else noted)


def _degraded(event: Event, relay: RelayState, notes: Notes, reason: str) -> Sentence | None:
    mark = _mark("lines", reason)
    if notes.mark(relay.id, event.node) == mark:
        return None
    notes.set_mark(relay.id, event.node, mark)
    return _about("degraded", event, relay, reason)


_AFTER_SUCCESS: Mapping[str, Callable[[Event, RelayState, View, Notes], Sentence | None]] = {
    "start": _after_start,
    "stop": _after_stop,
    "monitor": _after_monitor,
}


# --- node attributes -------------------------------------------------------------------------------------------


def _of_an_attribute(event: Event, view: View, notes: Notes, now: float) -> Sentence | None:
    name, _, what = event.attribute.rpartition("-")
    relay = view.relay(name)
    if relay is None:
        return None
    mark = notes.mark(name, event.node)
    if what == "ready" and event.value == READY and not mark.startswith("ready"):
        return None
    if now - event.at < LATER_SECONDS:
        raise NotYet
    value = (relay.lines if what == "lines" else relay.readiness).get(event.node, "")
    if value != event.value:  # what has changed since has an event of its own
        return None
    if what == "lines":
        reason = condition(relay, event.node)
        return _degraded(event, relay, notes, reason) if reason and event.node in relay.nodes else None
    if value == READY and mark.startswith("ready"):
        notes.set_mark(name, event.node, "")
        return _about("ready", event, relay)
    # The node with the lines says so too; how long it waited for an answer is no difference.
    known = any(without_wait(value) in without_wait(lines) for lines in relay.lines.values())
    if value == READY or known or mark == _mark("ready", value):
        return None
    notes.set_mark(name, event.node, _mark("ready", value))
    return _about("not-ready", event, relay, value)


def _mark(what: str, reason: str) -> str:
    return f"{what}:{hashlib.sha256(without_wait(reason).encode()).hexdigest()[:12]}" if reason else ""


# --- nodes and fencing -----------------------------------------------------------------------------------------


def _of_a_node(event: Event, view: View, notes: Notes, now: float) -> Sentence | None:
    if not _is_ours(event.node, view):
        return None
    age, node = now - event.at, view.status.node(event.node)
    is_online = node is not None and node.online
    if event.description == "member":
        if notes.last(event.node)[0] not in _GONE or age > BACK_SECONDS:
            return None
        if age < LATER_SECONDS or not is_online:
            raise NotYet
        return _about_node("back", event, view)
    if view.status.fencing_enabled:  # whether it was a failure or a shutdown shows a little later
        if age < LATER_SECONDS:
            raise NotYet
        if is_online or (node is not None and node.unclean) or notes.last(event.node)[0] == "fenced":
            return None
    return _about_node("lost", event, view)


def _of_fencing(event: Event, view: View, _notes: Notes, _now: float) -> Sentence | None:
    if not _is_ours(event.node, view):
        return None
    if event.code == 0:
        return _about_node("fenced", event, view)
    found = re.search(r": ([^:]*?) \(ref=", event.description)
    return _about_node("fencing-failed", event, view, found[1] if found else event.description)


def _is_ours(node: str, view: View) -> bool:
    names = {name.lower() for one in view.relays for name in (one.port_b_node, one.port_d_node)}
    return bool(node) and node.lower() in names


_HANDLERS: Mapping[str, Callable[[Event, View, Notes, float], Sentence | None]] = {
    "resource": _of_a_resource,
    "attribute": _of_an_attribute,
    "node": _of_a_node,
    "fencing": _of_fencing,
}


# --- words -----------------------------------------------------------------------------------------------------


def condition(relay: RelayState, node: str) -> str:
    """Return what is wrong with a relay that runs on a node, by its node attribute; empty if nothing is."""
    position, _, reason = relay.lines.get(node, "").partition("; ")
    return "" if LAST_SEEN in position else reason


def _reason(event: Event, relay: RelayState) -> str:
    """Return the reason that the cluster has noted for a failed operation."""
    if event.status == TIMED_OUT:
        return f"the {event.task} timed out"
    noted = (
        one.reason
        for one in relay.failures
        if (one.node, one.operation, one.code) == (event.node, event.task, event.code)
    )
    attribute = relay.lines.get(event.node, "").partition("; ")[2].partition(" failed: ")[2]
    return next(filter(None, noted), "") or attribute or f"{event.task}: {event.description or event.code}"


def _about(kind: str, event: Event, relay: RelayState, reason: str = "") -> Sentence:
    # What a node attribute no longer shows, as the resource has moved on, follows from the node where it started.
    mode = relay_mode_for(event.node, relay.port_b_node, relay.port_d_node or None) or ""
    place = _place(relay, "", LINES.get(mode, "") if kind in _STARTED else "")
    return sentences.say(kind, reason, resource=relay.id, node=event.node, place=place)


def _about_node(kind: str, event: Event, view: View, reason: str = "") -> Sentence:
    place = sentences.together((relay.id, _place(relay, event.node)) for relay in view.relays)
    return sentences.say(kind, reason, node=event.node, place=place)


def _place(relay: RelayState, gone: str, otherwise: str = "") -> str:
    """Return where the lines are, as the node where the relay runs has seen; `gone` has no say."""
    node = next((name for name in relay.nodes if name.lower() != gone.lower()), "")
    position = relay.lines.get(node, "").partition("; ")[0] or otherwise
    return sentences.place(position, relay.port_b_node, relay.port_d_node)
