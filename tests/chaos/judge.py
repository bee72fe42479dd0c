"""What must be true when a round is over, judged from the devices' and the nodes' own records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .faults import Allowance

BY_THE_AGENT = "http"
"""The cause of a relay's movement that somebody asked for over the network."""

_RESULT_OF_STOP = re.compile(r"Result of stop operation for (\S+) on (\S+): (.+?)(?: \||$)")
_GOOD_STOPS = ("ok", "OK")
"""Pacemaker 2 and 3; 3 says in capitals what an executed action answered."""


@dataclass(frozen=True)
class Telephony:
    """Where telephony runs, and the number of the start that brought it there."""

    node: str
    start: str


@dataclass(frozen=True)
class Moved:
    """One movement of a relay: which device, who did it, and when (time.monotonic())."""

    device: str
    cause: str
    at: float = 0.0


@dataclass(frozen=True)
class Record:
    """What was seen in a round until the cluster had recovered."""

    before: Telephony
    after: Telephony
    movements: Sequence[Moved]
    fenced: Sequence[str]
    failed_stops: Sequence[str]
    internal_errors: Sequence[str]
    untruths: Sequence[str]
    """What the node attributes and the metrics said after that and the devices did not."""
    unsettled: str
    """What was still not right when the time to settle was over; empty when all was."""


def violations(record: Record, allowed: Allowance) -> list[str]:
    """Return what must not have happened, a sentence each."""
    found = [f"it did not settle: {record.unsettled}"] if record.unsettled else []
    found += [f"a stop failed: {stop}" for stop in record.failed_stops]
    found += [f"the agent met an internal error: {error}" for error in record.internal_errors]
    found += [f"not the truth: {untruth}" for untruth in record.untruths]
    for node, times in Counter(record.fenced).items():
        if node not in allowed.fenced:
            found.append(f"{node} was fenced, and nothing that was done to the nodes asked for it")
        elif times > 1:
            found.append(f"{node} was fenced {times} times for one fault")
    if not allowed.telephony and not record.unsettled and record.after != record.before:
        how = f"from {record.before.node} to {record.after.node}" if record.after.node != record.before.node else "anew"
        found.append(f"telephony was started {how}, and nothing that was done to the nodes asked for it")
    for device, times in Counter(each.device for each in record.movements if each.cause == BY_THE_AGENT).items():
        most = allowed.movements.get(device, 0)
        if times > most:
            found.append(f"the agent moved the relay of {device} {times} times, which is {most} times at most")
    return found


def failed_stops(lines: Iterable[str]) -> list[str]:
    """Return the stops that failed, from lines of Pacemaker's log."""
    stops = (match.groups() for match in map(_RESULT_OF_STOP.search, lines) if match)
    return [f"{resource} on {node}: {result}" for resource, node, result in stops if result not in _GOOD_STOPS]


def internal_errors(lines: Iterable[str]) -> list[str]:
    """Return the agent's internal errors, from lines of syslog."""
    return [line for line in lines if "berofos" in line and ("internal error" in line or "Traceback" in line)]
