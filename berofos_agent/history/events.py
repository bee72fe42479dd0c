"""From a line of a log to an event: what it says of the lines, or of what moved them. Without files and clock."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from berofos_agent.history.records import Record

SWITCH = "switch"
"""A relay was switched."""
CAUSE = "cause"
"""A reason to switch: a lost node, a relay in the wrong position, a failed resource, an order of a person."""
DECISION = "decision"
"""What Pacemaker's scheduler decided."""
FENCING = "fencing"
LINES = "lines"
"""Where the agent saw the lines, as a node attribute: all nodes log it, so it tells of the other node's switches."""
SPANS = "spans"
"""The spans are up again after a switch."""
OTHER = "other"


@dataclass(frozen=True)
class Event:
    """Something that happened, and where it was read."""

    at: datetime
    node: str
    kind: str
    text: str
    source: str
    line: int = 0
    """The line of the source; 0 if it has none."""
    program: str = ""
    device: str = ""
    before: str = ""
    after: str = ""
    who: str = ""
    """Who switched."""
    subject: str = ""
    """The node or resource that it is about."""
    is_of_cluster: bool = False
    """All nodes log it."""
    seconds: float = 0.0
    """Of SPANS, how long after the switch; of a lost node, for how long it had been silent."""
    why: str = ""
    """Of a switch: the first sign of the trouble."""
    since: datetime | None = None
    """Of a switch: when that was."""

    @property
    def without_seconds(self) -> float | None:
        """Return for how long callers were without, as far as the logs tell."""
        return max(0.0, (self.at - self.since).total_seconds()) + self.seconds if self.since else None


class _Rule(NamedTuple):
    """What a text means; `said` and the fields are formatted with the groups of the pattern."""

    pattern: str
    kind: str
    said: str
    fields: Mapping[str, str] = {}


_OF_NODE = r"\[(?P<on>[^]]{1,255})\](?: in \S+)?"
"""Behind the name of a node attribute; Pacemaker 3 names its set, "in instance_attributes"."""

_PACEMAKER = (
    _Rule(r"Node (?P<of>\S+) state is now lost", CAUSE, "node {of} is lost", {"subject": "{of}"}),
    _Rule(r"Node (?P<of>\S+) state is now member", OTHER, "node {of} is in the cluster"),
    _Rule(r"Actions: Fence \((?P<how>[^)]*)\) (?P<of>\S+) '(?P<why>.*)'", FENCING, "node {of} is to be fenced: {why}"),
    _Rule(
        r"Peer (?P<of>\S+) was (?P<not>not )?terminated \((?P<how>[^)]*)\) by (?P<by>.+?) on behalf of [^:]*: "
        r"(?P<end>.*)",
        FENCING,
        "node {of} was {not}fenced ({how}) by {by}: {end}",
    ),
    _Rule(
        r"Actions: (?P<what>Move|Recover|Restart|Start|Stop) +(?P<of>\S+) +\( *(?P<where>.*?) *\)",
        DECISION,
        "the cluster decides: {what} {of} ({where})",
        {"subject": "{of}"},
    ),
    _Rule(
        r"\+\+ /cib/configuration/constraints: +<rsc_location id=.cli-prefer-[^>]* rsc=.(?P<of>[^\"']+)[^>]* "
        r"node=.(?P<to>[^\"']+)",
        CAUSE,
        "somebody moves {of} to {to}",
        {"subject": "{of}"},
    ),
    _Rule(
        r"\+\+ /cib/configuration/constraints: +<rsc_location id=.cli-ban-[^>]* rsc=.(?P<of>[^\"']+)[^>]* "
        r"node=.(?P<to>[^\"']+)",
        CAUSE,
        "somebody bans {of} from {to}",
        {"subject": "{of}"},
    ),
    # With a lifetime, the node is in a rule.
    _Rule(
        r"\+\+ +<expression id=.cli-prefer-expr-(?P<of>[^\"']+).* value=.(?P<to>[^\"']+)",
        CAUSE,
        "somebody moves {of} to {to}",
        {"subject": "{of}"},
    ),
    _Rule(
        r"\+\+ +<expression id=.cli-ban-(?P<of>[^\"']+)-on-[^\"']+-expr.* value=.(?P<to>[^\"']+)",
        CAUSE,
        "somebody bans {of} from {to}",
        {"subject": "{of}"},
    ),
    _Rule(r"\+.*(?:name=.standby. value=.|-standby'\]: +@value=)(?:on|true)", CAUSE, "somebody puts a node in standby"),
    _Rule(
        # Pacemaker 3 says OK where 2.1 says ok. That a resource is promoted or degraded is no failure.
        r"Result of (?P<task>\w+) operation for (?P<of>\S+) on (?P<on>\S+): "
        r"(?!(?i:ok|not running|cancelled|ocf_degraded|degraded|service is (?:active|promoted) but|"
        r"(?:promoted|master)(?: \(degraded\)|$)))(?P<end>.*)",
        CAUSE,
        "{task} of {of} failed on {on}: {end}",
        {"subject": "{of}"},
    ),
    _Rule(
        # All nodes log it. "not running" above may also be the answer that a monitor with role=Stopped expects.
        rf"Setting fail-count-(?P<of>\S+)#(?P<task>[\w-]+)_\d+{_OF_NODE}: .* -> (?:\d|INFINITY)",
        CAUSE,
        "{task} of {of} failed on {on}",
        {"subject": "{of}"},
    ),
    _Rule(rf"Setting shutdown{_OF_NODE}: .* -> [1-9]", CAUSE, "node {on} is being shut down"),
    _Rule(
        rf"Setting (?P<of>\S+)-lines{_OF_NODE}: .* -> (?P<value>(?!.*\(last seen)A-[BD].*)",
        LINES,
        "{of} on {on}: {value}",
        {"subject": "{of}"},
    ),
)
_COROSYNC = (
    _Rule(
        r"A processor failed, forming new configuration: token timed out \((?P<ms>\d{1,7})ms\)",
        CAUSE,
        "the other node is silent ({ms} ms)",
        {"seconds": "{ms}e-3"},
    ),
)
_OURS = (
    _Rule(
        r"(?P<device>\S+): switched from (?P<before>A-[BD]|unknown) to (?P<after>A-[BD])(?: \((?P<ms1>\d+) ms\))?"
        r"(?:: (?P<who>.*?))?(?:, (?P<ms2>\d+) ms)?$",
        SWITCH,
        "{device}: {before} to {after}",
        {"device": "{device}", "before": "{before}", "after": "{after}", "who": "{who}"},
    ),
    _Rule(
        r"(?P<device>\S+): (?:watchdog off, )?lines at port (?P<port>[BD])(?:,.*)?$",
        SWITCH,
        "{device}: to A-{port}",
        {"device": "{device}", "after": "A-{port}", "who": "heartbeat"},
    ),
    _Rule(
        r"spans (?P<of>.*) are up, (?P<s>\d{1,7}) s after the switch", SPANS, "spans {of} are up", {"seconds": "{s}"}
    ),
    _Rule(r"(?!recovered: )(?P<all>.*(?:relay is in position|did not switch|health check failed).*)", CAUSE, "{all}"),
    _Rule(r"(?P<all>.+)", OTHER, "{all}"),
)


def _compiled(rules: Iterable[_Rule]) -> list[tuple[re.Pattern[str], _Rule]]:
    return [(re.compile(rule.pattern), rule) for rule in rules]


_OUR_RULES, _PACEMAKER_RULES, _COROSYNC_RULES = map(_compiled, (_OURS, _PACEMAKER, _COROSYNC))
_RULES = (
    (re.compile(r"(?:xivo-)?berofos\b(?!-alert).*|bnfos"), _OUR_RULES),
    (re.compile(r"pacemaker[\w-]*"), _PACEMAKER_RULES),
    (re.compile(r"corosync"), _COROSYNC_RULES),
)
_AGENT = re.compile(r"berofos\((.*)\)")
"""The agent's name in a log, with that of the resource in it."""

IS_WORTH_IT = re.compile(
    rb"berofos|bnfos|state is now|Actions:|terminated \(|Result of |cli-prefer-|cli-ban-|standby|-lines\[|"
    rb"fail-count-|shutdown\[|token timed"
)
"""What a line contains that could be an event: logs are long, and parsing a line takes fifty times as long as this."""


def event_of(record: Record, source: str, line: int = 0) -> Event | None:
    """Return what a record says of the lines; None if it is about something else."""
    for programs, rules in _RULES:
        if not programs.fullmatch(record.program):
            continue
        for pattern, rule in rules:
            match = pattern.match(record.text)
            if match:
                groups = {name: value or "" for name, value in match.groupdict().items()}
                fields: dict[str, Any] = {name: value.format_map(groups) for name, value in rule.fields.items()}
                fields["seconds"] = float(fields.get("seconds", 0))
                text, node = rule.said.format_map(groups), groups.get("on")
                return Event(
                    record.at,
                    node or record.node,
                    rule.kind,
                    text,
                    source,
                    line,
                    record.program,
                    is_of_cluster=rules is _PACEMAKER_RULES and not node,
                    **fields,
                )
    return None


# --- several events --------------------------------------------------------------------------------------------

SAME_SECONDS = 1.5
"""The same text of the same node within this time is the same event: syslog has whole seconds, Pacemaker's log not."""
TOGETHER_SECONDS = 2.0
"""Switches of one resource within this time are one."""
NEAR_SECONDS = 3.0
"""A node attribute follows the agent's own line within this time."""
SIGN_SECONDS = 120.0
"""The first sign of a trouble is found by going back from the switch, from sign to sign, over gaps up to this long:
fencing by IPMI takes a minute."""


def told_once(events: Iterable[Event]) -> list[Event]:
    """Return the events in order of time, each once, by the source with the finest time."""
    found: dict[tuple[str, str], list[Event]] = {}
    for event in sorted(events, key=_order):
        before = found.setdefault(("" if event.is_of_cluster else event.node.lower(), event.text), [])
        if before and (event.at - before[-1].at).total_seconds() < SAME_SECONDS:
            if not before[-1].at.microsecond and event.at.microsecond:
                before[-1] = event
        else:
            before.append(event)
    return sorted((one for same in found.values() for one in same), key=_order)


def _order(event: Event) -> tuple[datetime, str, int]:
    """A time in whole seconds is that of the end of the second, as what led to the event often is in the same one."""
    at = event.at if event.at.microsecond else event.at + timedelta(microseconds=999_999)
    return at, event.source, event.line


def concise(events: Sequence[Event]) -> list[Event]:
    """Return the events without what the agent, or a failed operation, tells itself near them, and without decisions
    about other resources. What switches are due to has to be known before: it is seen from all events.
    """
    agents = [(event, match[1]) for event in events if (match := _AGENT.fullmatch(event.program))]
    relays = {name for _event, name in agents} | {event.subject for event in events if event.kind == LINES}
    failed = [(event, event.subject) for event in events if event.kind == CAUSE and event.subject]
    tellers = sorted([*agents, *failed], key=lambda told: _order(told[0]))
    times = [_order(event)[0] for event, _name in tellers]

    def is_told(event: Event) -> bool:
        near = timedelta(seconds=NEAR_SECONDS)
        others = tellers[bisect_left(times, event.at - near) : bisect_right(times, event.at + near)]
        is_count = event.text.endswith(f" failed on {event.node}")  # a fail-count, which has no reason
        return any(
            one.text.startswith(f"{event.text}: ")
            if one.subject
            else event.kind == LINES or one.text in event.text or is_count
            for one, name in others
            if name == event.subject and one.node.lower() == event.node.lower()
        )

    return [
        event
        for event in events
        if (event.kind != DECISION or event.subject in relays)
        and not (event.kind in (LINES, CAUSE) and event.subject and is_told(event))
    ]


def explained(events: Sequence[Event]) -> list[Event]:
    """Return the events with what the switches are due to, and for how long callers were without.

    From a switch, signs of trouble are followed back in time to the first one, but not beyond the device's switch
    before.
    """
    result: list[Event] = []
    for index, event in enumerate(events):
        signs = _signs(events, index) if event.kind == SWITCH else []
        if signs:
            why = _in_the_agents_words(next((sign for sign in signs if not sign.seconds), signs[0]), signs)
            since = signs[0].at - timedelta(seconds=signs[0].seconds)
            event = replace(event, why=why.text, since=since, seconds=_spans_seconds(events, index))
        result.append(event)
    return result


def _in_the_agents_words(why: Event, signs: Sequence[Event]) -> Event:
    """Return what the agent itself says of an operation that failed; a busy syslog daemon may log it later."""
    near = timedelta(seconds=SAME_SECONDS)
    agents = (one for one in signs if one.program == f"berofos({why.subject})" and abs(one.at - why.at) <= near)
    return next(agents, why) if why.kind == CAUSE and why.subject else why


def _signs(events: Sequence[Event], index: int) -> list[Event]:
    """Return the signs of the trouble that led to a switch, the first one first.

    A switch of the same resource ends it, as at a start all its devices come into position; so does a node attribute
    that says that they are, perhaps of the other node.
    """
    switch: Event = events[index]
    signs: list[Event] = []
    before = switch.at
    for event in (events[at] for at in range(index - 1, -1, -1)):
        is_clean = event.kind == LINES and "; " not in event.text and switch.program == f"berofos({event.subject})"
        is_same = event.program == switch.program or is_clean
        is_before = event.kind in (SWITCH, LINES) and (
            event.device == switch.device or (is_same and (switch.at - event.at).total_seconds() > TOGETHER_SECONDS)
        )
        if is_before or (before - event.at).total_seconds() > SIGN_SECONDS:
            break
        if event.kind in (CAUSE, FENCING) and not _is_of_another_device(event, switch):
            before = event.at
            signs.append(event)
    return signs[::-1]


def _is_of_another_device(event: Event, switch: Event) -> bool:
    """Tell whether a reason names devices, but not this one: fos1, fos2: relay is in position ..."""
    names = _NAMES.search(event.text)
    return names is not None and switch.device not in names[1].split(", ")


# Tried at the beginning of a list only: anybody may log a line of thousands of words.
_NAMES = re.compile(r"(?<![\w.-])(?<!, )((?:[\w.-]+, )*[\w.-]+): relay ")


def _spans_seconds(events: Sequence[Event], index: int) -> float:
    """Return how long after a switch the spans were up, if that was logged before the next switch."""
    switch = events[index]
    for event in (events[at] for at in range(index + 1, len(events))):
        if event.kind == SWITCH and event.device == switch.device:
            break
        if event.kind == SPANS and event.node == switch.node:
            return event.seconds
    return 0.0
