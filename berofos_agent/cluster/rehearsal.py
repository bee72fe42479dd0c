"""Asks Pacemaker's scheduler what the cluster does in each situation, and compares it with what has to hold.

Each situation is asked from each node that can have telephony, starting from a cluster at rest. To tell what happens
because of the relay, the cluster without the relay is asked the same.
"""

from __future__ import annotations

import copy
import datetime
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Callable

from berofos_agent.agent.node import relay_mode_for
from berofos_agent.cluster import shape, stage
from berofos_agent.cluster.cib import Cluster, Relay, operations
from berofos_agent.cluster.scheduler import Scheduler
from berofos_agent.cluster.shape import Telephony
from berofos_agent.cluster.situations import SITUATIONS, Situation, Trouble
from berofos_agent.cluster.stage import Course

LATER = datetime.timedelta(days=7)
"""How long after a failure the trouble is over: what expires at all has expired by then."""

DISTURBED = "telephony-disturbed"
APART = "relay-apart"
FENCED = "fenced"
STARTS = "started-again"
RESTLESS = "no-rest"
NOT_BACK = "relay-not-back"
UNNOTICED = "unnoticed"
SPLIT = "both-sides"
DOWN = "telephony-down"

VIOLATIONS: Mapping[str, str] = {
    DISTURBED: "the relay moves, stops or restarts telephony",
    APART: "the relay is not where telephony is",
    FENCED: "a node is fenced because of the relay",
    STARTS: "the relay is started more often than once",
    RESTLESS: "the relay is restarted without end",
    NOT_BACK: "the relay stays stopped when the trouble is over",
    UNNOTICED: "the cluster does not notice",
    SPLIT: "both nodes take telephony and the lines",
    DOWN: "no node takes telephony",
}
"""What has to hold does not, if one of these is so."""


@dataclass(frozen=True)
class Outcome:
    """What the scheduler did in one situation; all judgement is made from this alone."""

    telephony_before: Sequence[str] = ()
    telephony_at: Sequence[str] = ()
    lines_at: Sequence[str] = ()
    telephony_later: Sequence[str] = ()
    lines_later: Sequence[str] = ()
    fenced: Sequence[str] = ()
    changes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """How often each primitive of telephony was started, stopped, promoted or demoted on each node."""
    alone: Outcome | None = None
    """The same without the relay; None where the relay itself is in trouble, so that nothing would happen."""
    starts: int = 0
    starts_later: int = 0
    at_rest: bool = True
    several_instances: bool = False
    """Telephony is active on several nodes by design, and the relay may be on any of them."""


@dataclass(frozen=True)
class Row:
    """One situation of one relay resource, and what came of it."""

    relay: str
    telephony: str
    active: str
    situation: str
    text: str
    outcome: Outcome
    violations: Sequence[str]


def evaluate(situation: Situation, outcome: Outcome, passive: str) -> list[str]:
    """Return what does not hold, as keys of VIOLATIONS."""
    found = list(_during(situation, outcome, passive))
    if outcome.telephony_later or outcome.lines_later:
        if _apart(outcome, outcome.telephony_later, outcome.lines_later):
            found.append(APART if outcome.lines_later else NOT_BACK)
    elif situation.trouble is not Trouble.SPLIT and (outcome.alone is None or outcome.alone.telephony_later):
        found.append(DOWN)
    return list(dict.fromkeys(found))


def _during(situation: Situation, outcome: Outcome, passive: str) -> Iterator[str]:
    trouble, alone = situation.trouble, outcome.alone
    if trouble is Trouble.SPLIT:
        if outcome.telephony_at == [passive] and not set(outcome.telephony_before) <= set(outcome.fenced):
            yield SPLIT
    elif alone is None:
        if outcome.changes:
            yield DISTURBED
        if outcome.fenced:
            yield FENCED
    else:
        if (outcome.telephony_at, outcome.telephony_later, outcome.changes) != (
            alone.telephony_at,
            alone.telephony_later,
            alone.changes,
        ):
            yield DISTURBED
        if set(outcome.fenced) - set(alone.fenced):
            yield FENCED
        if passive and not outcome.telephony_at:
            yield DOWN
    if not (situation.outage and not outcome.lines_at) and _apart(outcome, outcome.telephony_at, outcome.lines_at):
        yield APART
    if max(outcome.starts, outcome.starts_later) > (0 if situation.silent else 1):
        yield STARTS
    if not outcome.at_rest and (alone is None or alone.at_rest):
        yield RESTLESS


def _apart(outcome: Outcome, telephony: Sequence[str], lines: Sequence[str]) -> bool:
    if outcome.several_instances and telephony:
        return len(lines) != 1 or lines[0] not in telephony
    return list(telephony) != list(lines)


# --- asking ------------------------------------------------------------------------------------------------------


def rehearse(
    cluster: Cluster,
    scheduler: Scheduler,
    has_quorum_device: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    situations: Sequence[Situation] = SITUATIONS,
) -> list[Row]:
    """Return what happens in each situation; raise ConfigurationError if the scheduler cannot be asked.

    `progress` is called with the number of rows that are ready and of all rows.
    """
    rows, subjects = [], []
    for relay in cluster.relays:
        telephony = shape.telephony_of(cluster, relay)
        if telephony:
            subjects.append(_Subject(cluster, scheduler, relay, telephony, has_quorum_device))
        else:
            rows.append(Row(relay.id, "", "", "no-telephony", f"{relay.id} starts", Outcome(), [APART]))
    rows += [subject.start(one) for subject in subjects for one in situations if one.trouble is Trouble.START]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        homes = [(subject, node) for subject in subjects for node in subject.candidates]
        stages = [one for one in pool.map(lambda home: home[0].at_home(home[1]), homes) if one]
        work = [(one, each) for one in stages for each in situations if each.trouble is not Trouble.START]
        futures = [pool.submit(one.ask, each) for one, each in work]
        try:
            for number, future in enumerate(futures, 1):
                row = future.result()
                rows += [row] if row else []
                progress(number, len(futures))
        finally:
            for future in futures:
                future.cancel()
    return rows


class _Subject:
    """A relay resource and its telephony resource in a cluster."""

    def __init__(
        self, cluster: Cluster, scheduler: Scheduler, relay: Relay, telephony: Telephony, has_quorum_device: bool
    ) -> None:
        self.scheduler = scheduler
        self.relay = relay
        self.telephony = telephony
        self.tree = cluster.tree
        self.others = stage.without(cluster.tree, [one.id for one in cluster.relays])
        ports = relay.parameters.get("port_b_node", ""), relay.parameters.get("port_d_node")
        cabled = [name for name in cluster.members if relay_mode_for(name, *ports)]
        self.candidates = cabled or list(cluster.members)
        # The agent answers 2 on a node that it is not cabled to, whatever the cluster's configuration says.
        self.never = [f"--op-fail={relay.id}_start_0@{name}=2" for name in cluster.members if name not in cabled]
        # With two nodes Corosync gives quorum to both sides (two_node), unless a quorum device decides.
        both_have_quorum = len(cluster.members) == 2 and not has_quorum_device
        self.names = {
            "relay": relay.id,
            "telephony": self.telephony.id,
            "quorum": "true" if both_have_quorum else "false",
            "relay_monitor": _monitor(cluster.tree, relay.id),
            "telephony_monitor": _monitor(cluster.tree, *self.telephony.members[-1:]),
            "telephony_start": f"{self.telephony.members[-1]}_start_0" if self.telephony.members else "",
        }
        self.names["telephony_failure"] = self.names["telephony_monitor"] or self.names["telephony_start"]

    def start(self, situation: Situation) -> Row:
        """Start the cluster from cold."""
        cib = stage.from_cold(self.tree)
        course = stage.settle(self.scheduler, cib, [f"--node-up={name}" for name in stage.nodes(cib)], self.never)
        outcome = Outcome(
            telephony_at=self.telephony_at(course),
            lines_at=self.lines_at(course),
            starts=_starts(course, self.relay.id),
            alone=Outcome(telephony_at=self.telephony_at(course)),
            at_rest=course.at_rest,
            several_instances=self.telephony.several_instances,
        )
        violations = evaluate(situation, outcome, passive="any")
        return Row(self.relay.id, self.telephony.id, "", situation.id, situation.text, outcome, violations)

    def at_home(self, active: str) -> _Stage | None:
        """Return the stage with telephony at rest on a node; None if it does not stay there."""
        home = stage.at_rest_on(self.scheduler, self.tree, active)
        if active not in self.telephony_at(home):
            return None
        alone = stage.at_rest_on(self.scheduler, self.others, active)
        passive = next((name for name in self.candidates if name != active), "")
        return _Stage(self, active, passive, home.cib, alone.cib, self.telephony_at(home))

    def telephony_at(self, course: Course) -> list[str]:
        """Return the nodes on which telephony is active in its role."""
        return shape.nodes_of(self.telephony, course.places)

    def lines_at(self, course: Course) -> list[str]:
        """Return the nodes on which the relay is started."""
        return sorted(course.places.get(self.relay.id, ()))


@dataclass(frozen=True)
class _Stage:
    """The cluster at rest with telephony on `active`, with and without the relay."""

    subject: _Subject
    active: str
    passive: str
    home: Any
    alone: Any
    before: Sequence[str]

    def ask(self, situation: Situation) -> Row | None:
        """Return what happens; None if this cluster has nothing that the situation needs."""
        names = {**self.subject.names, "active": self.active, "passive": self.passive}
        told = " ".join(
            (*situation.options, *situation.failing, *situation.attribute, *situation.over, situation.prefer)
        )
        missing = [name for name, value in names.items() if not value and f"{{{name}}}" in told]
        text = situation.text.format_map(names)
        row = (self.subject.relay.id, self.subject.telephony.id, self.active, situation.id, text)
        if missing == ["relay_monitor"] and situation.id == "relay-moved-by-hand":
            return Row(*row, Outcome(self.before, self.before, self.before), [UNNOTICED])
        if missing:
            return None
        outcome = self._course(situation, self.home, names, self.subject.never)
        if situation.trouble in (Trouble.NODE, Trouble.TELEPHONY):
            outcome = replace(outcome, alone=self._course(situation, self.alone, names))
        return Row(*row, outcome, evaluate(situation, outcome, self.passive))

    def _course(self, situation: Situation, home: Any, names: Mapping[str, str], always: Sequence[str] = ()) -> Outcome:
        """Let the trouble begin and end, and return what happens."""
        subject, scheduler = self.subject, self.subject.scheduler
        cib = copy.deepcopy(home)
        attribute = [part.format_map(names) for part in situation.attribute]
        options = [option.format_map(names) for option in situation.options]
        failing = [f"--op-fail={one.format_map(names)}" for one in situation.failing]
        if attribute:
            node, name, value = attribute
            stage.set_attribute(cib, node, name, value)
        if situation.prefer:
            stage.prefer(cib, subject.telephony, situation.prefer.format_map(names))
        relay, members = subject.relay.id, subject.telephony.members
        courses: list[Course] = []
        # Only what runs can fail again; the cluster may have given the relay up.
        while len(courses) < situation.times and (not courses or self.active in subject.lines_at(courses[-1])):
            courses.append(stage.settle(scheduler, cib, options, [*always, *failing]))
            cib = courses[-1].cib
        last = courses[-1]
        outcome = Outcome(
            telephony_before=self.before,
            telephony_at=subject.telephony_at(last),
            lines_at=subject.lines_at(last),
            fenced=[name for one in courses for name in one.fenced],
            changes=sum((_changes(one, members) for one in courses), Counter()),
            starts=max(_starts(one, relay) for one in courses),
            at_rest=last.at_rest and not (1 < situation.times == len(courses) and _starts(last, relay)),
            several_instances=subject.telephony.several_instances,
        )
        if situation.trouble is Trouble.SPLIT:
            return outcome
        for node in [name for name in stage.nodes(cib) if name not in last.online]:
            stage.forget_failures(cib, node)
        if attribute:
            stage.set_attribute(cib, attribute[0], attribute[1], None)
        if situation.prefer:
            stage.unprefer(cib, subject.telephony)
        then = datetime.datetime.now(datetime.timezone.utc) + LATER
        later = stage.settle(
            scheduler,
            cib,
            [option.format_map(names) for option in situation.over],
            [*always, f"--set-datetime={then:%Y-%m-%d %H:%M:%SZ}"],
        )
        return replace(
            outcome,
            telephony_later=subject.telephony_at(later),
            lines_later=subject.lines_at(later),
            fenced=[*outcome.fenced, *later.fenced],
            changes=outcome.changes + _changes(later, members),
            starts_later=_starts(later, relay),
            at_rest=outcome.at_rest and later.at_rest,
        )


def _monitor(tree: Any, primitive: str = "") -> str:
    """Return the recurring monitor that notices a failure, as RESOURCE_monitor_MILLISECONDS; "" if there is none."""
    monitors = [
        one
        for one in operations(tree, primitive)
        if one.name == "monitor" and one.interval > 0 and one.role not in ("Stopped", "Unpromoted", "Slave")
    ]
    chosen = min(
        monitors, key=lambda one: (not shape.role_is_promoted(one.role), one.depth, one.interval), default=None
    )
    return "" if chosen is None else f"{primitive}_monitor_{chosen.interval * 1000:.0f}"


def _starts(course: Course, relay: str) -> int:
    return sum(1 for action in course.actions if action.resource == relay and action.operation == "start")


def _changes(course: Course, members: Sequence[str]) -> Counter[tuple[str, str, str]]:
    return Counter(
        (action.resource, action.operation, action.node) for action in course.actions if action.resource in members
    )
