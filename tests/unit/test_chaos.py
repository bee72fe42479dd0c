"""Chaos without a cluster: the same seed gives the same schedule, and each violation is found."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from tests.chaos.__main__ import Tally
from tests.chaos.faults import DEVICE_FAULTS, DEVICES, FAULTS, NODE_FAULTS, NOTHING, Allowance, Place, devices_of
from tests.chaos.judge import Moved, Record, Telephony, failed_stops, internal_errors, violations
from tests.chaos.schedule import LATEST_BEGIN, Event, Round, rounds

MANY = 400
PLACE = Place(active="xivo-1", passive="xivo-2")
QUIET = Record(
    before=Telephony("xivo-1", "8"),
    after=Telephony("xivo-1", "8"),
    movements=(),
    fenced=(),
    failed_stops=(),
    internal_errors=(),
    untruths=(),
    unsettled="",
)


def schedule(seed: int) -> list[Round]:
    return list(islice(rounds(seed), MANY))


def one(fault: str, *arguments: str, fencing: bool = True) -> Round:
    return Round(1, (Event(0, fault, arguments, 1),), fencing, cleanup=False)


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert schedule(7) == schedule(7)
    assert schedule(7) != schedule(8)


def test_every_fault_occurs_with_every_argument() -> None:
    drawn = {(event.fault, *event.arguments) for each in schedule(1) for event in each.events}
    for fault in FAULTS.values():
        for position, aim in enumerate(fault.aims):
            for argument in aim:
                assert any(found[0] == fault.name and found[1 + position] == argument for found in drawn), argument
        assert any(found[0] == fault.name for found in drawn)


def test_a_round_has_one_fault_of_the_nodes_and_one_of_each_device() -> None:
    for each in schedule(2):
        assert sum(event.fault in NODE_FAULTS for event in each.events) <= 1
        struck = [device for event in each.events for device in devices_of(event.fault, event.arguments)]
        assert len(struck) == len(set(struck))
        assert all(0 <= event.at <= LATEST_BEGIN < event.over + LATEST_BEGIN for event in each.events)


def test_separated_nodes_come_with_fencing_only() -> None:
    drawn = [(each.fencing, FAULTS[event.fault]) for each in schedule(3) for event in each.events]
    assert all(fencing for fencing, fault in drawn if fault.needs_fencing)
    assert {fencing for fencing, fault in drawn if fault.name == "kill"} == {True, False}


@pytest.mark.parametrize("fault", DEVICE_FAULTS)
def test_a_faulty_device_may_not_move_telephony_or_fence_a_node(fault: str) -> None:
    arguments = tuple(aim[-1] for aim in FAULTS[fault].aims)
    allowed = one(fault, *arguments).allowance(PLACE)
    assert not allowed.telephony
    assert allowed.fenced == frozenset()


@pytest.mark.parametrize("fault", ["kill", "standby", "kill Pacemaker"])
def test_a_fault_of_the_passive_node_moves_nothing(fault: str) -> None:
    arguments = ("passive", "pacemakerd")[: len(FAULTS[fault].aims)]
    allowed = one(fault, *arguments).allowance(PLACE)
    assert not allowed.telephony
    assert not any(allowed.movements.values())


def test_a_killed_node_is_fenced_only_if_fencing_is_configured() -> None:
    assert one("kill", "active").allowance(PLACE).fenced == {"xivo-1"}
    assert one("kill", "active", fencing=False).allowance(PLACE).fenced == frozenset()


@pytest.mark.parametrize("active", ["xivo-1", "xivo-2"])
def test_of_two_separated_nodes_the_one_without_telephony_is_fenced(active: str) -> None:
    passive = "xivo-2" if active == "xivo-1" else "xivo-1"
    allowed = one("cut node from node").allowance(Place(active, passive))
    assert allowed.fenced == {passive}
    assert not allowed.telephony


def test_a_failover_may_move_each_relay_once() -> None:
    allowed = one("kill", "active").allowance(PLACE)
    once = [Moved(device, "http") for device in DEVICES]
    moved = replace(QUIET, after=Telephony("xivo-2", "6"), movements=once, fenced=["xivo-1"])
    assert violations(moved, allowed) == []
    found = violations(replace(moved, movements=[*once, Moved("fos2", "http")]), allowed)
    assert found == ["the agent moved the relay of fos2 2 times, which is 1 times at most"]


def test_movements_by_hand_and_by_power_cuts_are_not_counted_as_the_agents() -> None:
    assert violations(replace(QUIET, movements=[Moved("fos1", "hand"), Moved("fos1", "power")]), NOTHING) == []


def test_a_round_without_errors_has_no_violation() -> None:
    assert violations(QUIET, NOTHING) == []


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (replace(QUIET, after=Telephony("xivo-2", "5")), "telephony was started from xivo-1 to xivo-2"),
        (replace(QUIET, after=Telephony("xivo-1", "11")), "telephony was started anew"),
        (replace(QUIET, fenced=["xivo-1"]), "xivo-1 was fenced, and nothing"),
        (replace(QUIET, failed_stops=["relay on xivo-1: error"]), "a stop failed: relay on xivo-1: error"),
        (replace(QUIET, internal_errors=["berofos: internal error"]), "the agent met an internal error"),
        (replace(QUIET, untruths=["relay-ready of xivo-2 is '', not 'yes'"]), "not the truth: relay-ready of xivo-2"),
        (replace(QUIET, unsettled="all is right again"), "it did not settle"),
        (replace(QUIET, movements=[Moved("fos1", "http")]), "the agent moved the relay of fos1 1 times"),
    ],
    ids=[
        "dragged-off",
        "restarted",
        "fenced",
        "stop-failed",
        "internal-error",
        "untruth",
        "unsettled",
        "moved-for-nothing",
    ],
)
def test_each_violation_is_found(seen: Record, said: str) -> None:
    found = violations(seen, NOTHING)
    assert len(found) == 1
    assert found[0].startswith(said)


def test_a_node_fenced_twice_for_one_fault_is_a_violation() -> None:
    allowed = Allowance(fenced=frozenset({"xivo-2"}))
    assert violations(replace(QUIET, fenced=["xivo-2", "xivo-2"]), allowed) == [
        "xivo-2 was fenced 2 times for one fault"
    ]


def test_failed_stops_are_found_in_the_log_of_pacemaker() -> None:
    log = [
        "pacemaker-controld [99] (log_executor_event) notice: Result of stop operation for xivo on xivo-1: ok | ",
        "pacemaker-controld [99] (log_executor_event) notice: Result of stop operation for xivo on xivo-1: OK | "
        "graph action confirmed; call=12 key=xivo_stop_0 rc=0",
        "pacemaker-controld [99] (log_executor_event) notice: Result of start operation for relay on xivo-1: "
        "error (fos1: did not follow) | graph action confirmed; call=9 key=relay_start_0 rc=1",
        "pacemaker-controld [99] (log_executor_event) error: Result of stop operation for relay on xivo-1: "
        "Timed Out after 20s (Resource agent did not exit within specified timeout) | call=9 key=relay_stop_0",
    ]
    found = ["relay on xivo-1: Timed Out after 20s (Resource agent did not exit within specified timeout)"]
    assert failed_stops(log) == found


def test_internal_errors_are_found_in_syslog() -> None:
    told = ["berofos[7]: start: internal error", "berofos[7]: fos1: switched from A-D to A-B", "sshd: internal error"]
    assert internal_errors(told) == told[:1]


def test_the_report_has_faults_settling_time_and_time_without_lines() -> None:
    tally = Tally()
    moved = [Moved("fos1", "http", at=103.1), Moved("fos2", "http", at=103.4)]
    failed_over = replace(QUIET, after=Telephony("xivo-2", "6"), movements=moved)
    tally.count(one("kill", "active"), 2.5, began=100.0, record=failed_over)
    tally.count(replace(one("slow", "fos1", "5"), number=2), 7.0, began=200.0, record=QUIET)
    assert tally.report() == [
        "2 faults in 2 rounds:",
        "     1  kill",
        "     1  slow",
        "time to settle after the last fault's end: median 4.8 s, slowest 7.0 s (round 2)",
        "failovers by 'kill': 1, the slowest 3.4 s until the last line had followed",
    ]
