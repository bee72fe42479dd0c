"""Two faults one after the other: the second one happens while the first one lasts, then both are over."""

from __future__ import annotations

import copy
import itertools
import random
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lxml import etree

from berofos_agent.cluster import shape
from berofos_agent.cluster.rehearsal import RESTLESS, STARTS, Stage, Subject, evaluate
from berofos_agent.cluster.scheduler import Answer, Scheduler
from berofos_agent.cluster.situations import SITUATIONS, Situation, Trouble

from .recommended import Recommended

FAULTS = [one for one in SITUATIONS if one.trouble not in (Trouble.START, Trouble.SPLIT)]
PAIRS = list(itertools.permutations(FAULTS, 2))

REMEMBERED = 500
"""Answers; one has some 50 KB."""

Pair = tuple[Situation, Situation]

KNOWN = {
    frozenset(("relay-stop-fails", start)): frozenset((STARTS, RESTLESS))
    for start in ("relay-start-fails", "relay-unreachable", "relay-keeps-failing")
}
"""What Pacemaker itself does against what has to hold; docs/rehearsal.md says why."""


def stages_of(recommended: Recommended, scheduler: Scheduler) -> list[Stage]:
    found = []
    for relay in recommended.cluster.relays:
        telephony = shape.telephony_of(recommended.cluster, relay)
        assert telephony
        found += Subject(recommended.cluster, scheduler, relay, telephony, recommended.has_quorum_device).stages()
    return found


def sample(stage: Stage, number: int | None, chance: random.Random) -> Sequence[Pair]:
    """Return the pairs that this stage can have, or so many of them."""
    possible = [pair for pair in PAIRS if not any(stage.lacks(one) for one in pair)]
    return possible if number is None else chance.sample(possible, min(number, len(possible)))


def ask(stage: Stage, pair: Pair) -> list[str]:
    """Return what does not hold in a pair of faults."""
    outcome = stage.course(*pair)
    first, second = pair
    both = replace(
        second,
        trouble=Trouble.TELEPHONY if outcome.alone else Trouble.RELAY,
        outage=first.outage or second.outage,
        silent=False,
    )
    # With two faults, no node may be left; telephony has to be where it would be without the relay.
    expected = KNOWN.get(frozenset((first.id, second.id)), frozenset())
    return [one for one in evaluate(both, outcome, passive="") if one not in expected]


class Remembering(Scheduler):
    """Asks the same only once: all pairs that begin with one fault have their first part in common.

    A CIB is validated in its first run, and what crm_simulate made of it is not: that took 22 of 44 ms a run.
    """

    def __init__(self) -> None:
        super().__init__()
        self._answers: OrderedDict[tuple[bytes, tuple[str, ...]], Answer] = OrderedDict()

    def run(self, cib: Any, options: Sequence[str]) -> Answer:
        key = (etree.tostring(cib), tuple(options))
        answer = self._answers.pop(key, None) or super().run(cib, options)
        answer.cib.set("validate-with", "none")
        self._answers[key] = answer
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return replace(answer, cib=copy.deepcopy(answer.cib))


class Recorder(Scheduler):
    """Keeps what the scheduler was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Any, Sequence[str]]] = []

    def run(self, cib: Any, options: Sequence[str]) -> Answer:
        self.asked.append((cib, options))
        return super().run(cib, options)
