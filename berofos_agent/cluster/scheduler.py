"""Asks Pacemaker's scheduler, offline, what it would do with a CIB: one run of crm_simulate at a time."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from berofos_agent.cluster.cib import seconds
from berofos_agent.cluster.tools import ANSWER, find, parse_xml, why_failed
from berofos_agent.cluster.tools import run as run_tool
from berofos_agent.errors import ConfigurationError

RUN_SECONDS = 30.0
"""For one run. 15 to 60 ms are usual, so a scheduler that takes this long hangs, or starts hundreds of resources."""

PROMOTED = ("Promoted", "Master")
"""The role's name, and the one it has before Pacemaker 2.1."""

_EVENTS = ("--node-", "--op-inject", "--quorum")
"""The options that change the CIB before the scheduler acts; --op-fail is for its actions."""
_END = "revised_cluster_status"
_INSTANCE = re.compile(r":[0-9]+$")
_ACTIVE = ("0", "8", "190", "191")
"""Exit codes of a monitor that finds a resource active."""
_PSEUDO = re.compile(r"(.+)_(start|stop|promote|demote)_0")
_CHANGES = ("start", "stop", "promote", "demote", "migrate_to", "migrate_from")


@dataclass(frozen=True)
class Action:
    """One operation of the transition; the node is "" for what a fenced node no longer has to do."""

    resource: str
    operation: str
    node: str


@dataclass(frozen=True)
class Answer:
    """What the scheduler did in one run."""

    cib: Any
    """The CIB afterwards, an lxml element."""
    places: Mapping[str, Mapping[str, str]]
    """By primitive, the nodes it is active on, and its role there."""
    actions: Sequence[Action]
    """Starts, stops, promotions and demotions, in their order."""
    fenced: Sequence[str]
    online: Sequence[str]
    at_rest: bool
    """There is nothing that the scheduler would do next: nothing failed on the way, or nothing was done."""


class Scheduler:
    """Runs crm_simulate. It leaves no file, as a CIB may contain passwords."""

    def __init__(self, seconds: float = RUN_SECONDS, total: float = math.inf) -> None:
        """Give one run, and all runs together, so many seconds."""
        self.seconds = seconds
        self._end = time.monotonic() + total
        self.runs = 0
        self._in_two_steps = False

    def run(self, cib: Any, options: Sequence[str]) -> Answer:
        """Let the scheduler act once on a CIB; raise ConfigurationError if crm_simulate is missing, fails or hangs.

        Pacemaker 3.0.0 does what follows an event, and says nothing of it: there, the event is a run of its own.
        """
        in_two_steps, events = self._in_two_steps, [one for one in options if one.startswith(_EVENTS)]
        before, others = cib, options
        if in_two_steps and events:
            before, _ = self._call(cib, events)
            others = [one for one in options if one not in events]
        after, result = self._call(before, ["--simulate", *others])
        if events and not in_two_steps and result.find(_END) is None:
            self._in_two_steps = True
            return self.run(cib, options)
        return _answer(after, result)

    def _call(self, cib: Any, options: Sequence[str]) -> tuple[Any, Any]:
        """Return the CIB that crm_simulate saves, and what it prints."""
        if not find("crm_simulate"):
            raise ConfigurationError("there is no crm_simulate on this host; install pacemaker-cli-utils")
        self.runs += 1
        seconds = min(self.seconds, self._end - time.monotonic())
        if seconds <= 0:
            raise ConfigurationError("the scheduler needs too long for this configuration; try again on an idle host")
        with open(os.memfd_create("cib"), "rb") as saved:
            path = f"/proc/{os.getpid()}/fd/{saved.fileno()}"
            argv = ["crm_simulate", "--xml-pipe", "--save-output", path, "--output-as=xml", *options]
            ended = run_tool(argv, seconds, stdin=etree.tostring(cib))
            if ended.returncode:
                raise ConfigurationError(why_failed("crm_simulate", ended, "check the CIB with crm_verify"))
            after = saved.read()
        # Thousands of resources nest no deeper, but their text may be longer than libxml2 takes by default.
        cib, told = (parse_xml(data, f"{ANSWER}crm_simulate", huge=True) for data in (after, ended.stdout))
        return cib, told


def _answer(after: Any, result: Any) -> Answer:
    status = result.find(_END)
    if status is None:
        raise ConfigurationError(f"crm_simulate gave an unusable answer: no {_END}; run crm_verify")
    transition = result.find("transition")
    steps = () if transition is None else transition
    places = _places(status)
    for resource, node, ms in _cancelled_readiness(after, steps):
        if len(places.get(resource, {})) > 1 or not _is_active(after, resource, node, ms):
            places.get(resource, {}).pop(node, None)
    actions = [action for step in steps for action in _actions(step)]
    fenced = [step.get("target", "") for step in steps if step.tag == "fencing_action"]
    online = [node.get("name", "") for node in status.iterfind("nodes/node") if node.get("online") == "true"]
    # An operation that fails is followed by its fail-count, and ends the transition.
    has_failed = any(step.tag == "inject_attr" for step in steps)
    return Answer(after, places, actions, fenced, online, not has_failed or not (actions or fenced))


def _cancelled_readiness(after: Any, steps: Any) -> set[tuple[str, str, str]]:
    """Return where a monitor with role=Stopped was cancelled, and nothing started: resource, node and milliseconds.

    crm_simulate 2.1.5 notes the cancellation as an operation that ended with 0, and then takes the resource to be
    active there. Pacemaker cancels that monitor on a node without quorum.
    """
    at_rest = {
        (primitive.get("id"), str(round(1000 * seconds(op.get("interval", "0")))))
        for primitive in after.iter("primitive")
        for op in primitive.iterfind("operations/op[@role='Stopped']")
    }
    calls = [(step.get("resource"), step.get("node"), step.get("op"), step.get("interval", "0")) for step in steps]
    started = {(resource, node) for resource, node, op, _interval in calls if op == "start"}
    return {
        (resource, node, ms)
        for resource, node, op, ms in calls
        if op == "cancel" and (resource, ms) in at_rest and (resource, node) not in started
    }


def _is_active(cib: Any, resource: str, node: str, ignored: str) -> bool:
    """Return True if an operation found the resource active, other than the monitor of the ignored interval."""
    state = next(one for one in cib.iterfind("status/node_state") if one.get("uname") == node)
    return any(
        one.get("operation") in ("start", "monitor")
        and one.get("rc-code") in _ACTIVE
        and one.get("interval") != ignored
        for one in state.iterfind(f"lrm/lrm_resources/lrm_resource[@id='{resource}']/lrm_rsc_op")
    )


def _actions(step: Any) -> Iterator[Action]:
    if step.tag == "rsc_action" and step.get("op") in _CHANGES:
        yield Action(_INSTANCE.sub("", step.get("resource", "")), step.get("op"), step.get("node", ""))
    elif step.tag == "pseudo_action":
        match = _PSEUDO.fullmatch(step.get("task", ""))
        if match:
            yield Action(_INSTANCE.sub("", match[1]), match[2], "")


def _places(status: Any) -> dict[str, dict[str, str]]:
    places: dict[str, dict[str, str]] = {}
    for resource in status.iter("resource"):
        found = places.setdefault(_INSTANCE.sub("", resource.get("id", "")), {})
        if resource.get("active") == "true":
            found.update((node.get("name", ""), resource.get("role", "")) for node in resource.iterfind("node"))
    # A bundle's container runs on a host and its primitive on a guest node, which is itself a resource on that host.
    return {
        id: {host: role for node, role in found.items() for host in places.get(node) or (node,)}
        for id, found in places.items()
    }
