"""Which faults happen when, from a seed alone: the same seed gives the same schedule."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .faults import DEVICE_FAULTS, FAULTS, NODE_FAULTS, Allowance, Arguments, Fault, Place, devices_of

LATEST_BEGIN = 4.0
LONG_SECONDS = 65.0
"""Longer than unreachable_grace, so that devices without an answer are given up."""
LONG_CHANCE = 1 / 12
WITH_FENCING = 0.7
WITH_CLEANUP = 0.6

MIXTURES = (("device",), ("device", "device"), ("node",), ("node",), ("node", "device"), ("node", "device", "device"))
"""What a round is made of, each as likely as the others."""


@dataclass(frozen=True)
class Event:
    """A fault: when it begins, in seconds since its round began, and how long it lasts."""

    at: float
    fault: str
    arguments: Arguments
    seconds: float

    @property
    def over(self) -> float:
        return self.at + self.seconds

    def __str__(self) -> str:
        what = " ".join((self.fault, *(f"'{each}'" if " " in each else each for each in self.arguments)))
        return f"{self.at:4.1f} s  {what}, for {self.seconds:.1f} s"


@dataclass(frozen=True)
class Round:
    """Some faults; after the last of them the cluster recovers."""

    number: int
    events: tuple[Event, ...]
    fencing: bool
    cleanup: bool
    """An administrator cleans up when every fault has ended; otherwise the cluster recovers by itself."""

    @property
    def seconds(self) -> float:
        """How long its faults last, without the time to recover."""
        return max(event.over for event in self.events)

    def allowance(self, place: Place) -> Allowance:
        """Return what all of it may be answered with."""
        allowed = Allowance()
        for event in self.events:
            allowed += FAULTS[event.fault].allows(place, event.arguments, self.fencing)
        return allowed


def rounds(seed: int) -> Iterator[Round]:
    """Return the schedule of a seed; it has no end."""
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        yield _round(chance, number)


def _round(chance: random.Random, number: int) -> Round:
    events: list[Event] = []
    for kind in chance.choice(MIXTURES):
        event = _event(chance, NODE_FAULTS if kind == "node" else DEVICE_FAULTS)
        taken = set().union(*(devices_of(other.fault, other.arguments) for other in events))
        if not taken & devices_of(event.fault, event.arguments):
            events.append(event)
    must_fence = any(FAULTS[event.fault].needs_fencing for event in events)
    fencing = chance.random() < WITH_FENCING or must_fence
    events.sort(key=lambda event: event.at)
    return Round(number, tuple(events), fencing, chance.random() < WITH_CLEANUP)


def _event(chance: random.Random, table: Mapping[str, Fault]) -> Event:
    fault = table[chance.choice(list(table))]
    arguments = tuple(chance.choice(aim) for aim in fault.aims)
    seconds = chance.uniform(*fault.seconds)
    if fault.may_last and chance.random() < LONG_CHANCE:
        seconds += LONG_SECONDS
    return Event(round(chance.uniform(0, LATEST_BEGIN), 1), fault.name, arguments, round(seconds, 1))
