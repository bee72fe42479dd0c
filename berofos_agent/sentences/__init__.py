"""The sentences for people on call: what happened, where the lines are, what to do.

`berofos-alert` says them of a cluster, `berofos heartbeat` of one XiVO without a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from berofos_agent.device.topology import LINES

LONGEST = 900
"""Characters of a sentence. A reason has at most 128, a node attribute the reasons of all devices."""


class Severity(Enum):
    """Whether somebody has to do something."""

    PROBLEM = "problem"
    RECOVERY = "recovery"
    NOTICE = "notice"


@dataclass(frozen=True)
class Sentence:
    """A sentence, and the row of SENTENCES that it comes from."""

    kind: str
    text: str

    @property
    def severity(self) -> Severity:
        """Whether somebody has to do something."""
        return SENTENCES[self.kind][0]


_PROBLEM, _RECOVERY, _NOTICE = Severity.PROBLEM, Severity.RECOVERY, Severity.NOTICE

SENTENCES: Mapping[str, tuple[Severity, str]] = {
    "started": (_NOTICE, "{resource} started on {node}: {place}; nothing to do"),
    "running-again": (_RECOVERY, "{resource} runs on {node} again: {place}; nothing to do"),
    "started-degraded": (_PROBLEM, "{resource} started on {node}, but {reason}; {place}; {advice}"),
    "degraded": (_PROBLEM, "{resource} on {node} is degraded: {reason}; {place}; {advice}"),
    "recovered": (_RECOVERY, "{resource} on {node} has recovered: {place}; nothing to do"),
    "failed": (_PROBLEM, "{resource} failed on {node}: {reason}; the cluster stops and starts it; {advice}"),
    "start-failed": (
        _PROBLEM,
        "{resource} could not start on {node}: {reason}; the lines that did not move are where they were, telephony "
        "stays; {advice}",
    ),
    "stop-failed": (
        _PROBLEM,
        "{resource} could not stop on {node}: {reason}; another node takes the lines when it starts there; {advice}",
    ),
    "at-pbx": (
        _NOTICE,
        "{resource} stopped on {node}: its lines are at the PBX; if nobody stopped it, find out why: berofos doctor",
    ),
    "not-ready": (_PROBLEM, "{node} could not take over {resource}: {reason}; {place}; {advice}"),
    "ready": (_RECOVERY, "{node} could take over {resource} again: {place}; nothing to do"),
    "lost": (_PROBLEM, "{node} has left the cluster: {place}; find out why, then start it again"),
    "fenced": (_PROBLEM, "{node} was fenced: {place}; find out why before you rely on it again"),
    "fencing-failed": (
        _PROBLEM,
        "{node} could not be fenced: {reason}; no line moves before that succeeds; check the fence device now",
    ),
    "back": (_RECOVERY, "{node} is back in the cluster: {place}; nothing to do"),
    "STARTING": (_NOTICE, "the heartbeat has started: the lines stay where they are until telephony is healthy"),
    "RUNNING": (_NOTICE, "the heartbeat has the lines of all devices: they are at port B; nothing to do"),
    "WDOG_FAILED": (
        _PROBLEM,
        "{device}: the lines have left port B and are at port D; they come back once telephony is healthy; find out "
        "why: journalctl --unit=berofos-heartbeat",
    ),
    "WDOG_OK": (_RECOVERY, "{device}: the lines are back at port B; nothing to do"),
    "STOPPED": (
        _NOTICE,
        "the heartbeat was stopped: its log says for each device where the lines are and whether its watchdog is off; "
        "start it again when you have finished: systemctl start berofos-heartbeat",
    ),
    "TEST": (_NOTICE, "this is a test of berofos-alert: no line has moved; nothing to do"),
}
"""By kind, the severity and the sentence."""

HEARTBEAT = ("STARTING", "RUNNING", "WDOG_FAILED", "WDOG_OK", "STOPPED")
"""The kinds that are events of `berofos heartbeat`."""

ADVICE: Sequence[tuple[str, str]] = (
    (r"; (?!also )(add|bnfos|check|correct|find|install|power-cycle|run|set|update|switch) ", ""),
    (r"no answer|does not answer|not answered|[Cc]onnection|[Nn]o route", "check its power and network"),
    (r"password", "correct its login in bnfos.conf on all nodes"),
    (r"watchdog expired", "find out why nobody kicked it"),
    (r"relay is in position", "find out who moved it"),
    (r"span", "check the line and its card"),
    (r"bnfos\.conf", "correct bnfos.conf there"),
    (r"timed out|Timed Out", "look into the system log of that node"),
)
"""What to do, by a pattern of the reason; the first that matches. It is empty where the reason says so itself."""

OTHERWISE = "run: berofos doctor"

_POSITIONS = frozenset(LINES.values())


def say(kind: str, reason: str = "", **words: str) -> Sentence:
    """Return the sentence of a kind; `words` are what its row of SENTENCES names, `reason` decides the advice."""
    text = SENTENCES[kind][1].format_map(
        {"reason": clean(reason), "advice": advice(reason), **{name: clean(word) for name, word in words.items()}}
    )
    return Sentence(kind, re.sub(r"(; )+$", "", text)[:LONGEST])


def advice(reason: str) -> str:
    """Return what to do about a reason; empty if it says so itself."""
    return next((what for pattern, what in ADVICE if re.search(pattern, reason)), OTHERWISE)


def place(position: str, port_b_node: str, port_d_node: str) -> str:
    """Return where the lines are, by the position in a node attribute: A-B, A-D, A-B/A-D or unknown.

    `port_d_node` is empty if port D leads to a PBX.
    """
    owners = {LINES["1"]: f"on {port_b_node}", LINES["0"]: f"on {port_d_node}" if port_d_node else "at the PBX"}
    found = sorted(_POSITIONS & set(position.split("/")))
    if not found or not port_b_node:
        return "its lines are where they were last seen"
    if len(found) == 1:
        return f"its lines are {owners[found[0]]} ({found[0]})"
    return "some of its lines are " + ", some ".join(f"{owners[one]} ({one})" for one in found)


def together(places: Iterable[tuple[str, str]]) -> str:
    """Return one phrase for the places of several resources, each with its resource."""
    named = [
        text.replace("its lines", f"the lines of {name}").replace("its relays", f"the relays of {name}")
        for name, text in places
    ]
    return ", ".join(dict.fromkeys(named)) or "no line has moved"


def clean(text: str) -> str:
    """Return text that can neither end a line nor be markup in a mail, a chat or a terminal."""
    line = " ".join(text.split()).replace("<", "(").replace(">", ")").replace("`", "'")
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:LONGEST]
