"""What lines of logs say of the lines, what switches are due to, and for how long callers were without."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest

from berofos_agent.history.events import (
    CAUSE,
    DECISION,
    FENCING,
    LINES,
    OTHER,
    SPANS,
    SWITCH,
    Event,
    concise,
    event_of,
    explained,
    told_once,
)
from berofos_agent.history.records import Record

BEGIN = datetime(2026, 11, 25, 2, 0, 0, 500_000, timezone.utc)


def event(program: str, text: str, seconds: float = 0, node: str = "xivo-2") -> Event:
    found = event_of(Record(BEGIN + timedelta(seconds=seconds), node, program, text), "log", 1)
    assert found
    return found


def agent(text: str, seconds: float = 0, node: str = "xivo-2") -> Event:
    return event("berofos(relay)", text, seconds, node)


def pacemaker(text: str, seconds: float = 0, node: str = "xivo-2") -> Event:
    return event("pacemaker-controld", text, seconds, node)


@pytest.mark.parametrize(
    ("program", "text", "device", "before", "after", "who"),
    [
        (
            "berofos(relay)",
            "fos1: switched from A-B to A-D: start on xivo-2, 14 ms",
            "fos1",
            "A-B",
            "A-D",
            "start on xivo-2",
        ),
        (
            "berofos(relay)",
            "fos1: switched from unknown to A-D: stop, on_stop=fallback, 14 ms",
            "fos1",
            "unknown",
            "A-D",
            "stop, on_stop=fallback",
        ),
        (
            "berofos",
            "fos2: switched from A-D to A-B (35 ms): berofos switch by anna",
            "fos2",
            "A-D",
            "A-B",
            "berofos switch by anna",
        ),
        ("xivo-berofos", "fos2: switched from A-D to A-B (35 ms): master", "fos2", "A-D", "A-B", "master"),
        (
            "bnfos",
            "fos1: switched from A-D to A-B: bnfos --set mode=1 by root",
            "fos1",
            "A-D",
            "A-B",
            "bnfos --set mode=1 by root",
        ),
        ("berofos-heartbeat", "fos1: lines at port B, watchdog armed, interval 15 s", "fos1", "", "A-B", "heartbeat"),
        ("berofos-heartbeat", "fos1: watchdog off, lines at port D", "fos1", "", "A-D", "heartbeat"),
    ],
)
def test_a_switch_says_which_device_from_where_to_where_and_who(
    program: str, text: str, device: str, before: str, after: str, who: str
) -> None:
    found = event(program, text)
    assert (found.kind, found.device, found.before, found.after, found.who) == (SWITCH, device, before, after, who)


@pytest.mark.parametrize(
    ("program", "text", "kind", "said"),
    [
        ("pacemaker-attrd", "Node xivo-1 state is now lost", CAUSE, "node xivo-1 is lost"),
        ("pacemaker-attrd", "Node xivo-1 state is now member", OTHER, "node xivo-1 is in the cluster"),
        (
            "pacemaker-controld",
            "Peer xivo-2 was terminated (reboot) by xivo-1 on behalf of pacemaker-controld.50@xivo-1: OK",
            FENCING,
            "node xivo-2 was fenced (reboot) by xivo-1: OK",
        ),
        (
            "pacemaker-controld",
            "Peer xivo-2 was not terminated (reboot) by xivo-1 on behalf of pacemaker-controld.50: Timer expired",
            FENCING,
            "node xivo-2 was not fenced (reboot) by xivo-1: Timer expired",
        ),
        (
            "pacemaker-schedulerd",
            "Actions: Fence (reboot) xivo-2 'peer is no longer part of the cluster'",
            FENCING,
            "node xivo-2 is to be fenced: peer is no longer part of the cluster",
        ),
        (
            "pacemaker-schedulerd",
            "Actions: Move       relay       ( xivo-1 -> xivo-2 )",
            DECISION,
            "the cluster decides: Move relay (xivo-1 -> xivo-2)",
        ),
        (
            "pacemaker-based",
            '++ /cib/configuration/constraints:  <rsc_location id="cli-prefer-xivo" rsc="xivo" role="Started" '
            'node="xivo-2" score="INFINITY"/>',
            CAUSE,
            "somebody moves xivo to xivo-2",
        ),
        (
            "pacemaker-based",
            '++ /cib/configuration/constraints:  <rsc_location id="cli-ban-xivo-on-xivo-1" rsc="xivo" role="Started" '
            'node="xivo-1" score="-INFINITY"/>',
            CAUSE,
            "somebody bans xivo from xivo-1",
        ),
        (
            "pacemaker-based",  # with --lifetime
            '++   <expression id="cli-prefer-expr-xivo" attribute="#uname" operation="eq" value="xivo-2"/>',
            CAUSE,
            "somebody moves xivo to xivo-2",
        ),
        (
            "pacemaker-based",
            '++   <expression id="cli-ban-xivo-on-xivo-1-expr" attribute="#uname" operation="eq" value="xivo-1"/>',
            CAUSE,
            "somebody bans xivo from xivo-1",
        ),
        (
            "pacemaker-based",
            '++ <nvpair id="nodes-1-standby" name="standby" value="on"/>',
            CAUSE,
            "somebody puts a node in standby",
        ),
        (
            "pacemaker-controld",
            "Result of monitor operation for xivo on xivo-1: error (crashed)",
            CAUSE,
            "monitor of xivo failed on xivo-1: error (crashed)",
        ),
        (
            "pacemaker-controld",
            "Result of monitor operation for db on xivo-1: promoted (failed)",
            CAUSE,
            "monitor of db failed on xivo-1: promoted (failed)",
        ),
        (
            "pacemaker-attrd",
            "Setting fail-count-xivo#monitor_10000[xivo-1]: (unset) -> 1",
            CAUSE,
            "monitor of xivo failed on xivo-1",
        ),
        (
            "pacemaker-attrd",
            "Setting fail-count-xivo#start_0[xivo-1] in instance_attributes: (unset) -> INFINITY",
            CAUSE,
            "start of xivo failed on xivo-1",
        ),
        (
            "pacemaker-attrd",
            "Setting shutdown[xivo-2] in instance_attributes: (unset) -> 1796054916",
            CAUSE,
            "node xivo-2 is being shut down",
        ),
        ("pacemaker-attrd", "Setting relay-lines[xivo-2]: (unset) -> A-D", LINES, "relay on xivo-2: A-D"),
        (
            "pacemaker-attrd",  # of Pacemaker 3
            "Setting relay-lines[xivo-2] in instance_attributes: (unset) -> A-D",
            LINES,
            "relay on xivo-2: A-D",
        ),
        (
            "corosync",
            "A processor failed, forming new configuration: token timed out (1000ms), waiting 1200ms for consensus.",
            CAUSE,
            "the other node is silent (1000 ms)",
        ),
        ("berofos(relay)", "spans 1 2 are up, 12 s after the switch", SPANS, "spans 1 2 are up"),
        (
            "berofos(relay)",
            "fos1: no answer from 10.42.0.1 within 3 s",
            OTHER,
            "fos1: no answer from 10.42.0.1 within 3 s",
        ),
    ],
)
def test_a_line_says_what_happened(program: str, text: str, kind: str, said: str) -> None:
    found = event(program, text)
    assert (found.kind, found.text) == (kind, said)


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("berofos-alert", "relay failed on xivo-1: fos1: relay is in position A-D, expected A-B"),
        ("pacemaker-controld", "Result of monitor operation for relay on xivo-1: ok"),
        ("pacemaker-controld", "Result of start operation for relay on xivo-1: OK"),
        ("pacemaker-controld", "Result of monitor operation for relay on xivo-1: Not running"),
        ("pacemaker-controld", "Result of monitor operation for relay on xivo-1: OCF_DEGRADED (fos2: no answer)"),
        (
            "pacemaker-controld",  # of Pacemaker 3
            "Result of monitor operation for relay on xivo-1: Service is active but might fail soon (fos2: no answer)",
        ),
        ("pacemaker-controld", "Result of monitor operation for db on xivo-1: promoted"),
        ("pacemaker-controld", "Result of probe operation for db on xivo-1: Promoted"),
        ("pacemaker-controld", "Result of monitor operation for db on xivo-1: promoted (degraded)"),
        ("pacemaker-attrd", "Setting fail-count-xivo#monitor_10000[xivo-1]: 1 -> (unset)"),
        ("pacemaker-attrd", "Setting shutdown[xivo-2]: 1796054916 -> (unset)"),
        ("pacemaker-attrd", "Setting relay-lines[xivo-2]: A-D -> (unset)"),
        ("pacemaker-attrd", "Setting relay-lines[xivo-2] in instance_attributes: A-D -> (unset)"),
        ("sshd", "fos1: switched from A-B to A-D: start on xivo-2, 14 ms"),
        ("berofosx", "fos1: switched from A-B to A-D: start on xivo-2, 14 ms"),
    ],
)
def test_what_says_nothing_of_the_lines_is_passed_over(program: str, text: str) -> None:
    assert event_of(Record(BEGIN, "xivo-1", program, text), "log") is None


def test_what_several_daemons_and_logs_tell_is_told_once_with_the_finest_time() -> None:
    fine = pacemaker("Node xivo-1 state is now lost", 0.3)
    coarse = pacemaker("Node xivo-1 state is now lost", -0.5)
    later = pacemaker("Node xivo-1 state is now lost", 60)
    assert told_once([coarse, fine, fine, later]) == [fine, later]


def test_a_node_is_not_ready_for_the_other_ones_reason() -> None:
    both = [agent("this node is ready to take over", node=node) for node in ("xivo-1", "xivo-2")]
    assert len(told_once(both)) == 2


def test_what_the_agent_says_itself_is_not_repeated_by_pacemaker() -> None:
    said = agent("fos1: relay is in position A-B, expected A-D")
    repeated = [
        pacemaker(f"Result of monitor operation for relay on xivo-2: error ({said.text})", 0.1),
        pacemaker("Setting relay-lines[xivo-2]: A-D -> A-B/A-D; fos1: relay is in position A-B, expected A-D", 0.2),
    ]
    other_node = pacemaker("Setting relay-lines[xivo-1]: A-D -> A-B", 0.2)
    other_resource = pacemaker("Actions: Start xivo ( xivo-1 )", 0.3)
    decided = pacemaker("Actions: Start relay ( xivo-1 )", 0.3)
    assert concise([said, *repeated, other_node, other_resource, decided]) == [said, other_node, decided]


def test_a_count_of_failures_is_told_only_where_nothing_tells_the_failure_itself() -> None:
    result = "Result of monitor operation for {} on xivo-2: error (crashed)"
    count = "Setting fail-count-{}#monitor_10000[xivo-2]: (unset) -> 1"
    relay = [agent("fos1: relay is in position A-B, expected A-D"), pacemaker(count.format("relay"), 0.2)]
    xivo = [pacemaker(result.format("xivo"), 9), pacemaker(count.format("xivo"), 9.1)]
    alone = pacemaker(count.format("xivo"), 30)  # of "not running", or of the other node
    assert concise([*relay, *xivo, alone]) == [relay[0], xivo[0], alone]


def switches(events: list[Event]) -> list[tuple[str, str, float | None]]:
    found = concise(explained(told_once(events)))
    return [(one.device, one.why, one.without_seconds) for one in found if one.kind == SWITCH]


START = "{}: switched from A-B to A-D: start on xivo-2, 14 ms"


def test_callers_are_without_from_the_first_sign_of_the_trouble() -> None:
    night = [
        event("corosync", "A processor failed, forming new configuration: token timed out (1000ms), waiting", 10),
        pacemaker("Node xivo-1 state is now lost", 11.2),
        pacemaker("Actions: Fence (reboot) xivo-1 'peer is no longer part of the cluster'", 11.3),
        pacemaker("Peer xivo-1 was terminated (reboot) by xivo-2 on behalf of pacemaker-controld.50: OK", 90),
        agent(START.format("fos1"), 91),
        agent(START.format("fos2"), 91.5),
    ]
    assert switches(night) == [("fos1", "node xivo-1 is lost", 82.0), ("fos2", "node xivo-1 is lost", 82.5)]
    awake = [*night, agent("spans 1 2 are up, 12 s after the switch", 103)]
    assert [seconds for _device, _why, seconds in switches(awake)] == [94.0, 94.5]


def test_a_sign_of_before_the_last_switch_is_of_another_trouble() -> None:
    told = [
        pacemaker('++ /cib/configuration/constraints:  <rsc_location id="cli-prefer-x" rsc="xivo" node="xivo-2"/>'),
        agent(START.format("fos1"), 1),
        agent(START.format("fos2"), 1.1),
        agent("fos1: relay is in position A-B, expected A-D", 20),
        agent(START.format("fos1"), 21),
        agent(START.format("fos2"), 50),
    ]
    assert switches(told) == [
        ("fos1", "somebody moves xivo to xivo-2", 1.0),
        ("fos2", "somebody moves xivo to xivo-2", pytest.approx(1.1)),
        ("fos1", "fos1: relay is in position A-B, expected A-D", 1.0),
        ("fos2", "", None),
    ]


def test_a_trouble_that_the_other_node_ended_is_over() -> None:
    """Its own log is not here, but its node attribute says that the lines were in position."""
    told = [
        pacemaker('++ /cib/configuration/constraints:  <rsc_location id="cli-prefer-x" rsc="xivo" node="xivo-1"/>'),
        pacemaker("Setting relay-lines[xivo-1]: (unset) -> A-B", 2),
        pacemaker("Setting relay-lines[xivo-1]: A-B -> A-B; fos2: no answer from 10.42.0.202 within 3 s", 10),
        pacemaker("Node xivo-1 state is now lost", 20),
        agent(START.format("fos1"), 28),
    ]
    assert switches(told) == [("fos1", "node xivo-1 is lost", 8.0)]


def test_a_trouble_that_ended_without_a_switch_is_over_also_where_the_agent_tells_it() -> None:
    """The lines are here, the other node dies, and later somebody turns the relay by hand."""
    told = [
        pacemaker("Node xivo-1 state is now lost"),
        agent("fos1: no answer from 10.42.0.201 within 3 s", 1),
        agent("recovered: fos1: no answer from 10.42.0.201 within 3 s", 11),
        pacemaker("Setting relay-lines[xivo-2]: A-D; fos1: no answer from 10.42.0.201 within 3 s -> A-D", 11.1),
        agent("fos1: relay is in position A-B, expected A-D; find out who moved it", 22),
        agent(START.format("fos1"), 23),
    ]
    assert switches(told) == [("fos1", "fos1: relay is in position A-B, expected A-D; find out who moved it", 1.0)]


def test_a_cause_in_the_same_second_as_a_switch_without_fractions_comes_before_it() -> None:
    cause = pacemaker("Node xivo-1 state is now lost", 0.2)
    switch = agent(START.format("fos1"), -0.5)
    assert switch.at.microsecond == 0
    assert switches([switch, cause]) == [("fos1", "node xivo-1 is lost", 0.0)]


def test_another_devices_trouble_is_not_the_reason() -> None:
    told = [agent("fos2: relay is in position A-B, expected A-D"), agent(START.format("fos1"), 1)]
    assert switches(told) == [("fos1", "", None)]


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("berofos(relay)", "health check failed, " + "a, " * 5000),
        ("pacemaker-based", "Setting a" + "-lines[" * 2300),
    ],
    ids=["names", "brackets"],
)
def test_a_line_that_anybody_may_log_takes_no_time(program: str, text: str) -> None:
    began = time.process_time()
    line = event_of(Record(BEGIN, "xivo-2", program, text), "log", 1)
    explained([*([line] if line else []), agent("fos1: switched from A-B to A-D: start on xivo-2, 14 ms", 1)])
    assert time.process_time() - began < 0.15


@pytest.mark.parametrize("seconds", [-0.01, 0.01, 0.4])
def test_a_switch_is_due_to_what_the_agent_says_whenever_it_is_logged(seconds: float) -> None:
    """Of a busy machine: its syslog had what Pacemaker says of the monitor first."""
    said = "fos1: relay is in position A-B, expected A-D; find out who moved it"
    told = [
        pacemaker("Setting fail-count-relay#monitor_3000[xivo-2]: (unset) -> 1", node="xivo-1"),
        pacemaker(f"Result of monitor operation for relay on xivo-2: error ({said})", 0.001),
        agent(f"ERROR: {said}", seconds),
        agent("fos1: switched from A-B to A-D: start on xivo-2, 14 ms", 1),
    ]
    *_others, switch = explained(sorted(told, key=lambda one: one.at))
    assert switch.why.removeprefix("ERROR: ") == said
