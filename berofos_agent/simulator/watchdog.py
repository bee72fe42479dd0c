"""The watchdog timer of a simulated device: states 0 off, 1 armed, 2 failed."""

from __future__ import annotations

import math

from berofos_agent.device.settings import WATCHDOG_FAILURE, WATCHDOG_OFF, WATCHDOG_ON


class Watchdog:
    """All times are seconds of the device's clock, given from outside. Not locked: the device that owns it is."""

    def __init__(self) -> None:
        self.state = WATCHDOG_OFF
        self.fails_at = 0.0
        self._last_kick = 0.0

    @property
    def armed(self) -> bool:
        return self.state == WATCHDOG_ON

    def arm(self, now: float, interval: int) -> None:
        """Begin a fresh interval, after a failure too."""
        self.state = WATCHDOG_ON
        self._last_kick, self.fails_at = now, now + interval

    def disarm(self) -> None:
        self.state = WATCHDOG_OFF

    def kick(self, now: float, interval: int) -> float:
        """Begin a fresh interval and return the seconds since the last; only while armed."""
        gap = now - self._last_kick
        self.arm(now, interval)
        return gap

    def runs_out(self, now: float) -> bool:
        """True, once, when the interval is over; it is in failure then."""
        if not self.armed or now < self.fails_at:
            return False
        self.state = WATCHDOG_FAILURE
        return True

    def seconds_left(self, now: float) -> int:
        """Whole seconds to the failure, 0 while it is not armed."""
        return max(0, math.ceil(self.fails_at - now)) if self.armed else 0
