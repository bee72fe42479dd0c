"""One bero*fos: its relay, its settings, its watchdog; knows both protocols and nothing of a cluster."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from berofos_agent.config.bnfosconf import Entry
from berofos_agent.device.reading import Difference, differences
from berofos_agent.device.settings import Values
from berofos_agent.device.web import WebClient
from berofos_agent.errors import DeviceError, DidNotFollow, Unreachable

if TYPE_CHECKING:
    from berofos_agent.device.frame import ScanReply
    from berofos_agent.device.gbl4 import Gbl4Client

DEFAULT_REQUEST_SECONDS = 3.0
FOLLOW_SECONDS = 2.0
FOLLOW_PAUSE_SECONDS = 0.1


class Switched(NamedTuple):
    """What a switch did: the relay mode before and after, and how long it took until that was read back."""

    before: str
    after: str
    milliseconds: int

    @property
    def moved(self) -> bool:
        """False if the relay stood there already, so that nothing was written."""
        return self.before != self.after


class Device:
    """A device of bnfos.conf; one exchange takes at most `request_seconds`, whatever the deadline."""

    def __init__(self, entry: Entry, request_seconds: float = DEFAULT_REQUEST_SECONDS) -> None:
        self.entry = entry
        self.name = entry.name
        self.request_seconds = request_seconds
        self.web = WebClient(entry.name, entry.host, entry.port, entry.login)

    @cached_property
    def gbl4(self) -> Gbl4Client:
        """The way to the device over UDP, made when it is first needed: the hot path needs HTTP only."""
        from berofos_agent.device.gbl4 import Gbl4Client

        return Gbl4Client(self.name, self.entry.host, self.entry.mac)

    def read(self, deadline: float) -> Values:
        """Return all settings; `deadline` is in time.monotonic() seconds. Raises a DeviceError."""
        return self.web.read(self.seconds(deadline))

    def write(self, values: Mapping[str, str], deadline: float) -> Values:
        """Write settings and return all of them as read back; raise DidNotFollow if one reads otherwise.

        A setting that is never readable (apwd) or is not told by this firmware is not compared.
        """
        self.web.write(values, self.seconds(deadline))
        follow_until = min(deadline, time.monotonic() + FOLLOW_SECONDS)
        wrong: list[Difference] = []
        while True:
            try:
                told = self.read(deadline)
            except Unreachable:
                if not wrong:
                    raise
                break  # there was no time for another look, so what was seen last stands
            wrong = differences(told, values)
            if not wrong:
                return told
            if time.monotonic() + FOLLOW_PAUSE_SECONDS >= follow_until:
                break
            time.sleep(FOLLOW_PAUSE_SECONDS)
        raise DidNotFollow(self.name, _not_taken(wrong))

    def switch(self, mode: str, deadline: float) -> Switched:
        """Bring the relay to a mode ("0" or "1"), writing only if it is elsewhere; raise a DeviceError."""
        began = time.monotonic()
        before = self.read(deadline).get("mode", "")
        if before != mode:
            after = self._move(mode, deadline)
            if after != mode:
                raise DidNotFollow(self.name, "reports no relay mode; update its firmware")
        return Switched(before, mode, round((time.monotonic() - began) * 1000))

    def _move(self, mode: str, deadline: float) -> str:
        """Write the relay mode and return it as read back: an order can be heard though its answer was lost."""
        try:
            return self.write({"mode": mode}, deadline).get("mode", "")
        except Unreachable:
            with contextlib.suppress(DeviceError):
                if self.read(deadline).get("mode") == mode:
                    return mode
            raise

    def identify(self, deadline: float) -> ScanReply:
        """Return what the device tells of itself over UDP; raise NotABerofos for a MAC other than bnfos.conf's."""
        return self.gbl4.scan(self.seconds(deadline))

    def seconds(self, deadline: float) -> float:
        """Return how long one exchange may take."""
        return max(0.0, min(self.request_seconds, deadline - time.monotonic()))


def _not_taken(wrong: Sequence[Difference]) -> str:
    for one in wrong:
        if one.keyword == "mode":
            return f"relay did not switch: mode is still {one.now} after writing {one.expected}"
    return f"setting not taken: {', '.join(map(str, wrong))}"
