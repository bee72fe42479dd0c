"""Asks Pacemaker's scheduler what the cluster does in each situation, and compares it with what has to hold.

Each situation is asked from each node that can have telephony, starting from a cluster at rest. To tell what happens
because of the relay, the cluster without the relay is asked the same.
"""

from __future__ import annotations

import copy
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Callable

from berofos_agent.agent.node import relay_mode_for
from berofos_agent.cluster import shape, stage
from berofos_agent.cluster.cib import Cluster, Relay, operations
from berofos_agent.cluster.scheduler import Answer, Scheduler
from berofos_agent.cluster.shape import Telephony
from berofos_agent.cluster.situations import SITUATIONS, Situation, Trouble

LATER_SECONDS = 7 * 24 * 3600
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
UNASKED = "not-asked"

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
    UNASKED: "no fault could be rehearsed, as the scheduler keeps telephony on no node with lines",
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
    without_lines: Sequence[str] = ()
    """Nodes that are cabled to no port: while telephony is there, the PBX at port D has the lines."""


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
        if outcome.telephony_at == [passive] and not set(outcome.telephony_before) - {passive} <= set(outcome.fenced):
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
    # With telephony on several nodes, a relay that cannot be started on one of them is started on another one.
    most = 0 if situation.silent else 2 if outcome.several_instances and situation.outage else 1
    if max(outcome.starts, outcome.starts_later) > most:
        yield STARTS
    if not outcome.at_rest and (alone is None or alone.at_rest):
        yield RESTLESS


def _apart(outcome: Outcome, telephony: Sequence[str], lines: Sequence[str]) -> bool:
    if telephony and set(telephony) <= set(outcome.without_lines):
        return bool(lines)
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
    subjects, rows = [], []
    for relay in cluster.relays:
        telephony = shape.telephony_of(cluster, relay)
        if telephony:
            subjects.append(Subject(cluster, scheduler, relay, telephony, has_quorum_device))
        else:
            rows.append(Row(relay.id, "", "", "no-telephony", f"{relay.id} starts", Outcome(), [APART]))
    rows += [subject.start(one) for subject in subjects for one in situations if one.trouble is Trouble.START]
    wrong = {row.relay for row in rows if row.violations}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        stages = []
        for subject, found in zip(subjects, pool.map(Subject.stages, subjects)):
            stages += found
            if not found and subject.relay.id not in wrong:
                names = subject.relay.id, subject.telephony.id
                rows.append(Row(*names, "", "at-rest", "the cluster is at rest", Outcome(), [UNASKED]))
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


class Subject:
    """A relay resource and its telephony resource in a cluster."""

    def __init__(
        self, cluster: Cluster, scheduler: Scheduler, relay: Relay, telephony: Telephony, has_quorum_device: bool
    ) -> None:
        self.scheduler = scheduler
        self.relay = relay
        self.telephony = telephony
        relays = [one.id for one in cluster.relays]
        self.tree = stage.connected(cluster.tree, [*relays, telephony.id])
        self.others = stage.without(self.tree, relays)
        ports = relay.parameters.get("port_b_node", ""), relay.parameters.get("port_d_node")
        cabled = [name for name in cluster.members if relay_mode_for(name, *ports)]
        self.candidates = cabled or list(cluster.members)
        has_pbx = bool(cabled) and not relay.parameters.get("port_d_node")
        without_lines = [name for name in cluster.members if has_pbx and name not in cabled]
        self.by_design: dict[str, Any] = {
            "several_instances": telephony.several_instances,
            "without_lines": without_lines,
        }
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
            **self.by_design,
        )
        violations = evaluate(situation, outcome, passive="any")
        return Row(self.relay.id, self.telephony.id, "", situation.id, situation.text, outcome, violations)

    def stages(self) -> list[Stage]:
        """Return the cluster at rest, once for each node on which telephony stays."""
        found = []
        for active in self.candidates:
            home = stage.at_rest_on(self.scheduler, self.tree, active)
            if active in self.telephony_at(home):
                alone = stage.at_rest_on(self.scheduler, self.others, active)
                passive = next((name for name in self.candidates if name != active), "")
                found.append(Stage(self, active, passive, home.cib, alone.cib, self.telephony_at(home)))
        return found

    def telephony_at(self, course: Answer) -> list[str]:
        """Return the nodes on which telephony is active in its role."""
        return shape.nodes_of(self.telephony, course.places)

    def lines_at(self, course: Answer) -> list[str]:
        """Return the nodes on which the relay is started."""
        return sorted(course.places.get(self.relay.id, ()))


@dataclass(frozen=True)
class Stage:
    """The cluster at rest with telephony on `active`, with and without the relay."""

    subject: Subject
    active: str
    passive: str
    home: Any
    alone: Any
    before: Sequence[str]

    def ask(self, situation: Situation) -> Row | None:
        """Return what happens; None if this cluster has nothing that the situation needs."""
        names = self.names()
        missing = self.lacks(situation)
        text = situation.text.format_map(names)
        row = (self.subject.relay.id, self.subject.telephony.id, self.active, situation.id, text)
        if missing == ["relay_monitor"] and situation.id == "relay-moved-by-hand":
            return Row(*row, Outcome(self.before, self.before, self.before), [UNNOTICED])
        if missing:
            return None
        outcome = self.course(situation)
        return Row(*row, outcome, evaluate(situation, outcome, self.passive))

    def lacks(self, situation: Situation) -> list[str]:
        """Return what the situation needs and this cluster does not have."""
        names = self.names()
        parts = (situation.text, *situation.options, *situation.failing, *situation.attribute, situation.prefer)
        return [name for name, value in names.items() if not value and f"{{{name}}}" in " ".join(parts)]

    def course(self, *situations: Situation) -> Outcome:
        """Return what happens if troubles begin one after the other, and then end all at once."""
        outcome = self._course(self.home, situations, self.subject.never)
        others = [one for one in situations if one.trouble in (Trouble.NODE, Trouble.TELEPHONY)]
        return replace(outcome, alone=self._course(self.alone, others)) if others else outcome

    def names(self) -> dict[str, str]:
        """Return what the names in the texts of a situation stand for."""
        return {**self.subject.names, "active": self.active, "passive": self.passive}

    def _course(self, home: Any, situations: Sequence[Situation], always: Sequence[str] = ()) -> Outcome:
        course = _Course(self, home, always)
        for situation in situations:
            course.begin(situation)
        outcome = course.outcome()
        if any(one.trouble is Trouble.SPLIT for one in situations):
            return outcome
        course.end()
        ended = course.outcome()
        return replace(
            outcome,
            telephony_later=ended.telephony_at,
            lines_later=ended.lines_at,
            fenced=ended.fenced,
            changes=ended.changes,
            starts_later=_starts(course.answers[-1], self.subject.relay.id),
            at_rest=ended.at_rest,
        )


class _Course:
    """One cluster from its rest through troubles, which begin one after the other, until they end all at once."""

    def __init__(self, at: Stage, home: Any, always: Sequence[str]) -> None:
        """Begin with the CIB `home`; `always` are options for every run."""
        self.answers: list[Answer] = []
        self._before = at.before
        self._subject = at.subject
        self._names = at.names()
        self._cib = copy.deepcopy(home)
        self._always = always
        self._failing: list[str] = []
        self._over: list[str] = []
        self._attributes: list[tuple[str, str]] = []
        self._endless = False

    def begin(self, situation: Situation) -> None:
        """Let a trouble begin, and happen as often as it does."""
        names, relay = self._names, self._subject.relay.id
        if situation.attribute:
            node, name, value = (part.format_map(names) for part in situation.attribute)
            self._attributes.append((node, name))
            stage.set_attribute(self._cib, node, name, value)
        if situation.prefer:
            stage.prefer(self._cib, self._subject.telephony, situation.prefer.format_map(names))
        options = [option.format_map(names) for option in situation.options]
        self._failing += [f"--op-fail={one.format_map(names)}" for one in situation.failing]
        self._over += [option.format_map(names) for option in situation.over]
        for time in range(1, situation.times + 1):
            answer = self._settle(options, self._failing)
            self._endless = not answer.at_rest or (1 < time == situation.times and _starts(answer, relay) > 0)
            if names["active"] not in self._subject.lines_at(answer):
                break  # only what runs can fail again; the cluster may have given the relay up
        if self._subject.telephony_at(answer) == [names["passive"]]:
            names.update(active=names["passive"], passive=names["active"])

    def end(self) -> None:
        """Let all troubles end, and what expires expire."""
        online = self.answers[-1].online
        for node in [name for name in stage.nodes(self._cib) if name not in online]:
            stage.forget_failures(self._cib, node)
        for node, name in self._attributes:
            stage.set_attribute(self._cib, node, name, None)
        stage.unprefer(self._cib, self._subject.telephony)
        stage.let_pass(self._cib, LATER_SECONDS)
        self._endless |= not self._settle(self._over).at_rest

    def _settle(self, options: Sequence[str], failing: Sequence[str] = ()) -> Answer:
        answer = stage.settle(self._subject.scheduler, self._cib, options, [*self._always, *failing])
        self._cib = answer.cib
        self.answers.append(answer)
        return answer

    def outcome(self) -> Outcome:
        """Return what has come of it so far."""
        last = self.answers[-1]
        return Outcome(
            telephony_before=self._before,
            telephony_at=self._subject.telephony_at(last),
            lines_at=self._subject.lines_at(last),
            fenced=[name for one in self.answers for name in one.fenced],
            changes=sum((_changes(one, self._subject.telephony) for one in self.answers), Counter()),
            starts=max(_starts(one, self._subject.relay.id) for one in self.answers),
            at_rest=not self._endless,
            **self._subject.by_design,
        )


def _monitor(tree: Any, primitive: str = "") -> str:
    """Return the recurring monitor that notices a failure, as RESOURCE_monitor_MILLISECONDS; "" if there is none."""
    monitors = [
        one
        for one in operations(tree, primitive)
        if one.name == "monitor"
        and one.interval > 0
        and one.enabled
        and one.role not in ("Stopped", "Unpromoted", "Slave")
    ]
    chosen = min(
        monitors, key=lambda one: (not shape.role_is_promoted(one.role), one.depth, one.interval), default=None
    )
    return "" if chosen is None else f"{primitive}_monitor_{chosen.interval * 1000:.0f}"


def _starts(course: Answer, relay: str) -> int:
    return sum(1 for action in course.actions if action.resource == relay and action.operation == "start")


def _changes(course: Answer, telephony: Telephony) -> Counter[tuple[str, str, str]]:
    return Counter(
        (action.resource, action.operation, action.node) for action in course.actions if telephony.has(action.resource)
    )
