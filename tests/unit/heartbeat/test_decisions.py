"""When the heartbeat kicks and when it fetches lines back, on a clock that is moved by hand."""

from __future__ import annotations

import pytest

from berofos_agent.heartbeat.decisions import Condition, Health, Lines, Place

GOOD, BAD = True, False


def health_after(*checks: bool, fall: int = 2) -> Health:
    health = Health(fall)
    for good in checks:
        health.checked(good)
    return health


@pytest.mark.parametrize(
    ("checks", "condition"),
    [
        ((), Condition.STARTING),
        ((BAD, BAD, BAD), Condition.STARTING),
        ((BAD, GOOD), Condition.HEALTHY),
        ((GOOD, BAD), Condition.HEALTHY),
        ((GOOD, BAD, GOOD, BAD, GOOD), Condition.HEALTHY),
        ((GOOD, BAD, BAD), Condition.ILL),
        ((GOOD, BAD, BAD, GOOD), Condition.ILL),
        ((GOOD, BAD, BAD, GOOD, BAD, GOOD), Condition.ILL),
        ((GOOD, BAD, BAD, GOOD, GOOD), Condition.HEALTHY),
    ],
    ids=[
        "nothing-yet",
        "never-well",
        "well",
        "one-bad",
        "flapping",
        "ill",
        "one-good",
        "ill-and-flapping",
        "well-again",
    ],
)
def test_the_condition_follows_only_what_lasts(checks: tuple[bool, ...], condition: Condition) -> None:
    health = health_after(*checks)
    assert health.condition is condition
    assert health.kicks is (condition is Condition.HEALTHY)


def test_a_change_is_told_once() -> None:
    health = Health(2)
    assert [health.checked(good) for good in (GOOD, GOOD, BAD, BAD, BAD, GOOD, GOOD)] == [
        True,
        False,
        False,
        True,
        False,
        False,
        True,
    ]


WELL, ILL = health_after(GOOD), health_after(GOOD, BAD, BAD)


def lines_here() -> Lines:
    """Interval 15, to be well for 30; fetched at 100."""
    lines = Lines(15, 30)
    assert lines.is_to_be_fetched(100, WELL)
    assert not lines.fetched(100)
    return lines


def test_lines_are_fetched_at_once_in_the_beginning_and_only_for_healthy_telephones() -> None:
    assert Lines(15, 30).is_to_be_fetched(1, WELL)
    assert not Lines(15, 30).is_to_be_fetched(1, ILL)
    assert not Lines(15, 30).is_to_be_fetched(1, Health(2))


def test_kicks_that_are_answered_keep_the_lines() -> None:
    lines = lines_here()
    for now in range(105, 1000, 5):
        assert not lines.heard(now)
        assert not lines.ran_out(now + 4)
    assert lines.place is Place.HERE


def test_an_interval_without_an_answer_loses_them_once() -> None:
    lines = lines_here()
    lines.heard(105)
    assert not lines.ran_out(119.9)
    assert lines.ran_out(120)
    assert not lines.ran_out(121)
    assert lines.place is Place.LOST


def test_lost_lines_are_fetched_back_after_a_quiet_while() -> None:
    lines = lines_here()
    assert lines.ran_out(200)
    assert not lines.is_to_be_fetched(240, WELL), "nobody answers kicks"
    for now in range(300, 330, 5):
        lines.heard(now)
        assert not lines.is_to_be_fetched(now, WELL)
    lines.heard(330)
    assert not lines.is_to_be_fetched(330, ILL)
    assert lines.is_to_be_fetched(330, WELL)
    assert lines.fetched(331)
    assert lines.place is Place.HERE


def test_a_break_in_the_quiet_while_starts_it_anew() -> None:
    lines = lines_here()
    lines.ran_out(200)
    lines.heard(300)
    lines.heard(320)
    lines.heard(325)
    assert not lines.is_to_be_fetched(330, WELL)
    for now in range(330, 350, 5):
        lines.heard(now)
    assert lines.is_to_be_fetched(350, WELL)


def test_an_answer_after_a_gap_asks_for_a_look() -> None:
    """The device may have started anew in between, unarmed."""
    lines = lines_here()
    assert not lines.heard(105)
    assert not lines.heard(110.5)
    assert lines.heard(117.5)
    assert lines.place is Place.HERE


def test_a_relay_found_elsewhere_is_fetched_back_only_after_the_quiet_while() -> None:
    lines = lines_here()
    for now in range(105, 131, 5):
        lines.heard(now)
    lines.lost(131)
    for now in range(135, 161, 5):
        lines.heard(now)
    assert not lines.is_to_be_fetched(160, WELL)
    assert lines.is_to_be_fetched(161, WELL)
