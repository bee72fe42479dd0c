"""When the heartbeat kicks, and when it fetches lines back; pure decisions, no clock, no socket, no process.

Health, judged by a command every few seconds:

    STARTING  one good check                                    HEALTHY
    HEALTHY   `fall` bad checks in a row: no more kicks          ILL
    ILL       `fall` good checks in a row: kicks again           HEALTHY

The lines of a device:

    AWAY      healthy: fetched, and the watchdog armed           HERE
    HERE      no kick answered for a watchdog interval, or
              the relay found elsewhere                          LOST
    LOST      healthy, and kicks answered for `recover` seconds
              without a break: fetched again                     HERE

So a service that is ill for a moment moves nothing, and one that flaps gets the lines back when it has stopped to.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

EXCHANGES = 3
"""How many exchanges with a device it takes, at most, to fetch its lines or to leave them."""


class Condition(Enum):
    """How the telephone system is."""

    STARTING = "starting"
    HEALTHY = "healthy"
    ILL = "ill"


class Health:
    """How the telephone system is, from the checks so far."""

    def __init__(self, fall: int) -> None:
        self.condition = Condition.STARTING
        self._fall = fall
        self._against = 0

    def checked(self, good: bool) -> bool:
        """Take a check's result; return whether the condition changed."""
        if good is (self.condition is Condition.HEALTHY):
            self._against = 0
            return False
        self._against += 1
        if self.condition is Condition.STARTING:
            if not good:
                return False
        elif self._against < self._fall:
            return False
        self._against = 0
        self.condition = Condition.HEALTHY if good else Condition.ILL
        return True

    @property
    def kicks(self) -> bool:
        """True while devices are to be kicked."""
        return self.condition is Condition.HEALTHY


class Place(Enum):
    """Where the lines of a device are."""

    AWAY = "not fetched yet"
    HERE = "here"
    LOST = "lost to port D"


@dataclass
class Lines:
    """The lines of one device. Times are seconds of one clock; `interval` is the watchdog's."""

    interval: float
    recover: float
    place: Place = Place.AWAY
    armed_at: float = 0.0
    answered_at: float = 0.0
    steady_since: float = 0.0

    def heard(self, now: float) -> bool:
        """A kick was answered; return whether the one before is so long ago that the device should be looked at."""
        gap = now - max(self.answered_at, self.armed_at)
        if gap >= self.interval:
            self.steady_since = now
        self.answered_at = now
        return gap > self.interval * 0.4

    def fetched(self, now: float) -> bool:
        """The relay is here and the watchdog armed; return whether the lines had been lost."""
        were_lost = self.place is Place.LOST
        self.place, self.armed_at = Place.HERE, now
        return were_lost

    def lost(self, now: float) -> None:
        """The relay was found elsewhere."""
        self.place, self.steady_since = Place.LOST, now

    def ran_out(self, now: float) -> bool:
        """Tell, once, that the watchdog has put the lines through to port D."""
        if self.place is not Place.HERE or now - max(self.armed_at, self.answered_at) < self.interval:
            return False
        self.lost(now)
        return True

    def is_to_be_fetched(self, now: float, health: Health) -> bool:
        """Tell whether it is time to fetch the lines."""
        if not health.kicks or self.place is Place.HERE:
            return False
        if self.place is Place.AWAY:
            return True
        alive = now - self.answered_at < self.interval
        return alive and now - self.steady_since >= self.recover
