"""When the heartbeat kicks, and when it acquires lines, with times given as numbers."""

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
        ((GOOD, BAD, BAD), Condition.UNHEALTHY),
        ((GOOD, BAD, BAD, GOOD), Condition.UNHEALTHY),
        ((GOOD, BAD, BAD, GOOD, BAD, GOOD), Condition.UNHEALTHY),
        ((GOOD, BAD, BAD, GOOD, GOOD), Condition.HEALTHY),
    ],
    ids=[
        "nothing-yet",
        "never-healthy",
        "healthy",
        "one-failed",
        "flapping",
        "unhealthy",
        "one-successful",
        "unhealthy-and-flapping",
        "healthy-again",
    ],
)
def test_condition_changes_only_after_enough_checks_in_a_row(checks: tuple[bool, ...], condition: Condition) -> None:
    health = health_after(*checks)
    assert health.condition is condition
    assert health.kicks is (condition is Condition.HEALTHY)


def test_checked_returns_true_once_for_each_change() -> None:
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


HEALTHY, UNHEALTHY = health_after(GOOD), health_after(GOOD, BAD, BAD)


def lines_here() -> Lines:
    """Return lines with interval 15 and recover 30, acquired at 100."""
    lines = Lines(15, 30)
    assert lines.should_acquire(100, HEALTHY)
    assert not lines.acquired(100)
    return lines


def test_lines_are_acquired_at_once_after_the_start_but_only_while_healthy() -> None:
    assert Lines(15, 30).should_acquire(1, HEALTHY)
    assert not Lines(15, 30).should_acquire(1, UNHEALTHY)
    assert not Lines(15, 30).should_acquire(1, Health(2))


def test_answered_kicks_keep_the_lines() -> None:
    lines = lines_here()
    for now in range(105, 1000, 5):
        assert not lines.answered(now)
        assert not lines.expired(now + 4)
    assert lines.place is Place.HERE


def test_an_interval_without_an_answer_loses_the_lines_once() -> None:
    lines = lines_here()
    lines.answered(105)
    assert not lines.expired(119.9)
    assert lines.expired(120)
    assert not lines.expired(121)
    assert lines.place is Place.LOST


def test_lost_lines_are_acquired_again_after_the_recovery_time() -> None:
    lines = lines_here()
    assert lines.expired(200)
    assert not lines.should_acquire(240, HEALTHY), "no kick is answered"
    for now in range(300, 330, 5):
        lines.answered(now)
        assert not lines.should_acquire(now, HEALTHY)
    lines.answered(330)
    assert not lines.should_acquire(330, UNHEALTHY)
    assert lines.should_acquire(330, HEALTHY)
    assert lines.acquired(331)
    assert lines.place is Place.HERE


def test_a_missed_kick_restarts_the_recovery_time() -> None:
    lines = lines_here()
    lines.expired(200)
    lines.answered(300)
    lines.answered(320)
    lines.answered(325)
    assert not lines.should_acquire(330, HEALTHY)
    for now in range(330, 350, 5):
        lines.answered(now)
    assert lines.should_acquire(350, HEALTHY)


def test_an_answer_after_a_gap_asks_for_an_inspection() -> None:
    """The device may have restarted in between, with its watchdog off."""
    lines = lines_here()
    assert not lines.answered(105)
    assert not lines.answered(110.5)
    assert lines.answered(117.5)
    assert lines.place is Place.HERE


def test_a_relay_in_the_wrong_position_is_switched_back_only_after_the_recovery_time() -> None:
    lines = lines_here()
    for now in range(105, 131, 5):
        lines.answered(now)
    lines.lost(131)
    for now in range(135, 161, 5):
        lines.answered(now)
    assert not lines.should_acquire(160, HEALTHY)
    assert lines.should_acquire(161, HEALTHY)
