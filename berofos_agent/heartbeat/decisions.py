"""Decides when the heartbeat kicks, and when it acquires the lines.

Health, from a command that runs every few seconds:

    STARTING   one successful check                              HEALTHY
    HEALTHY    `fall` failed checks in a row: kicking stops      UNHEALTHY
    UNHEALTHY  `fall` successful checks in a row: kicks again    HEALTHY

The lines of a device:

    NOT_ACQUIRED  healthy: switch the relay, arm the watchdog    HERE
    HERE          no kick answered for a watchdog interval, or
                  the relay is in the wrong position             LOST
    LOST          healthy, and kicks answered for `recover`
                  seconds without a break: acquire them again    HERE

So a service that fails for a moment moves nothing, and a service that flaps gets the lines back once it is stable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

EXCHANGES = 3
"""How many exchanges with a device one task takes at most."""


class Condition(Enum):
    """The health of telephony."""

    STARTING = "not checked yet"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class Health:
    """The health of telephony, from the checks so far."""

    def __init__(self, fall: int) -> None:
        self.condition = Condition.STARTING
        self._fall = fall
        self._against = 0

    def checked(self, good: bool) -> bool:
        """Take the result of a check; return whether the condition changed."""
        if good is (self.condition is Condition.HEALTHY):
            self._against = 0
            return False
        self._against += 1
        if self.condition is not Condition.STARTING and self._against < self._fall:
            return False
        self._against = 0
        self.condition = Condition.HEALTHY if good else Condition.UNHEALTHY
        return True

    @property
    def kicks(self) -> bool:
        """True while devices are kicked."""
        return self.condition is Condition.HEALTHY


class Place(Enum):
    """Where the lines of a device are."""

    NOT_ACQUIRED = "not acquired yet"
    HERE = "here"
    LOST = "lost to port D"


@dataclass
class Lines:
    """The lines of one device. Times are seconds of one clock; `interval` is the watchdog's."""

    interval: float
    recover: float
    place: Place = Place.NOT_ACQUIRED
    armed_at: float = 0.0
    answered_at: float = 0.0
    steady_since: float = 0.0

    def answered(self, now: float) -> bool:
        """Note an answered kick; return whether kicks were missed before it, so that the device needs an inspection."""
        gap = now - max(self.answered_at, self.armed_at)
        if gap >= self.interval:
            self.steady_since = now
        self.answered_at = now
        return gap > self.interval * 0.4  # kicks come at a third of the interval

    def acquired(self, now: float) -> bool:
        """Note that the relay is switched and the watchdog armed; return whether the lines had been lost."""
        were_lost = self.place is Place.LOST
        self.place, self.armed_at = Place.HERE, now
        return were_lost

    def lost(self, now: float) -> None:
        """Note that the relay is in the wrong position."""
        self.place, self.steady_since = Place.LOST, now

    def expired(self, now: float) -> bool:
        """Return True once when the watchdog has expired, so that the lines are at port D."""
        if self.place is not Place.HERE or now - max(self.armed_at, self.answered_at) < self.interval:
            return False
        self.lost(now)
        return True

    def should_acquire(self, now: float, health: Health) -> bool:
        """Return whether it is time to acquire the lines."""
        if not health.kicks or self.place is Place.HERE:
            return False
        if self.place is Place.NOT_ACQUIRED:
            return True
        alive = now - self.answered_at < self.interval
        return alive and now - self.steady_since >= self.recover
