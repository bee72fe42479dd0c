"""What happened to a simulated device, for tests and people to look at afterwards."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Callable, Union

Entry = dict[str, Union[str, float, bool]]
Listener = Callable[[Entry], None]

_KEPT = 10_000


class History:
    """Entries in the order they happened, requests by kind, and how regularly the watchdog was kicked.

    Not locked: the device that owns it is.
    """

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float], listener: Listener | None) -> None:
        self._clock = clock
        self._wall = wall
        self._listener = listener
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.entries: deque[Entry] = deque(maxlen=_KEPT)
        self.requests: Counter[str] = Counter()
        self.kicks = 0
        self.largest_gap = 0.0

    def note(self, event: str, details: Mapping[str, str | bool], moment: float | None = None) -> None:
        """Add an entry; `moment` is when it happened by the clock, if that was not just now."""
        now = self._clock()
        happened = now if moment is None else moment
        entry: Entry = {"at": self._wall() - (now - happened), "monotonic": happened, "event": event}
        entry.update(details)
        self.entries.append(entry)
        if self._listener:
            self._listener(entry)

    def kicked(self, gap: float) -> None:
        """Count a kick that came so many seconds after the one before, or after arming."""
        self.kicks += 1
        self.largest_gap = max(self.largest_gap, gap)
