"""Simulated devices for all tests: real sockets on loopback, time that the test moves."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from berofos_agent import simulator


def pytest_collection_finish() -> None:
    """Exempt from garbage collection what is there for good: thousands of tests.

    On a busy machine to go through them takes a second, in which no simulated device of this process answers.
    """
    gc.collect()
    gc.freeze()


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
