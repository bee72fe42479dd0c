"""Simulated devices for all tests: real sockets on loopback, time that the test moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from berofos_agent import simulator


class Clock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def devices(clock: Clock) -> Iterator[simulator.Simulator]:
    """fos1 and fos2, on one UDP port."""
    with simulator.running(2, clock=clock) as up:
        yield up


@pytest.fixture
def fos1(devices: simulator.Simulator) -> simulator.RunningDevice:
    return devices["fos1"]
