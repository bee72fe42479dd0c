"""One bero*fos: reads and writes its settings, switches its relay."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, NamedTuple

from berofos_agent.config.bnfosconf import Entry, Login
from berofos_agent.device.reading import Difference, differences
from berofos_agent.device.settings import REQUEST_SECONDS, SETTINGS, USER, Values, check, with_their_groups
from berofos_agent.device.topology import PORT_OF_MODE
from berofos_agent.device.web import WebClient
from berofos_agent.errors import DeviceError, DidNotFollow, Moved, Refused, SectionError, StuckRelay, Unreachable

if TYPE_CHECKING:
    from berofos_agent.device.frame import ScanReply
    from berofos_agent.device.gbl4 import Gbl4Client

FOLLOW_SECONDS = 2.0
"""How long a written setting may read as before; a client of the vendor waited as long after a switch."""
FOLLOW_PAUSE_SECONDS = 0.1
FIND_SECONDS = 0.5
"""How long the answer to a broadcast may take; on one LAN it is there after milliseconds."""

_LEASED = ("address", "netmask", "gateway", "dns")


class Switched(NamedTuple):
    """What a switch did: the relay mode before and after, and how long it took until that was read back."""

    before: str
    after: str
    milliseconds: int

    @property
    def moved(self) -> bool:
        """False if the relay stood there already, so that nothing was written."""
        return self.before != self.after


class Written(NamedTuple):
    """What a write did: all settings as read back, and what changed beside those asked for."""

    settings: Values
    restored: list[str]
    """Settings that got lost on the way and were written back."""
    changed: list[Difference]
    """What a DHCP server may have changed; `expected` is what it was before."""


class Device:
    """A device of bnfos.conf; one exchange takes at most `request_seconds`, whatever the deadline."""

    def __init__(self, entry: Entry, request_seconds: float = REQUEST_SECONDS) -> None:
        self.entry = entry
        self.name = entry.name
        self.request_seconds = request_seconds

    @cached_property
    def web(self) -> WebClient:
        """The way to the device over HTTP; raises SectionError if bnfos.conf is wrong about the device."""
        self._require_usable()
        return WebClient(self.name, self.entry.host, self.entry.port, self.entry.login)

    @cached_property
    def gbl4(self) -> Gbl4Client:
        """The way to the device over UDP, imported when it is first needed: the hot path needs HTTP only."""
        self._require_usable()
        from berofos_agent.device.gbl4 import Gbl4Client

        return Gbl4Client(self.name, self.entry.host, self.entry.mac)

    def _require_usable(self) -> None:
        if self.entry.problem:
            raise SectionError(self.name, self.entry.problem)

    def read(self, deadline: float) -> Values:
        """Return all settings; `deadline` is in time.monotonic() seconds. Raises a DeviceError."""
        return self.web.read(self.seconds(deadline))

    def read_or_find(self, deadline: float) -> Values:
        """Return all settings, as `read` does; raise Moved if the device answers at another address now.

        It is looked for with a broadcast, by its MAC, and only after it has not answered at its own address. Nothing is
        sent to the other address: whether that is really this device is for people to decide.
        """
        try:
            return self.read(deadline)
        except SectionError:
            raise
        except Unreachable:
            address = self._find(min(FIND_SECONDS, deadline - time.monotonic()))
            if not address:
                raise
        raise Moved(self.name, self.entry.host, address)

    def _find(self, seconds: float) -> str:
        """Return where the device answers a broadcast now, empty if nowhere or if it has a name or is on this host."""
        from berofos_agent.device import gbl4

        try:
            is_on_the_lan = not IPv4Address(self.entry.host).is_loopback
        except ValueError:
            return ""
        if not self.entry.mac or not is_on_the_lan or seconds <= 0:
            return ""
        try:
            found = {reply.mac: address for address, reply in gbl4.broadcast_scan(quiet=seconds, seconds=seconds)}
        except OSError:
            return ""
        address = found.get(self.entry.mac, "")
        return "" if address == self.entry.host else address

    def write(self, values: Mapping[str, str], before: Values, deadline: float) -> Written:
        """Write settings in one request, with the stored flags of their groups, and read them back.

        `before` is what the device reported last. Raises DidNotFollow if a setting reads otherwise afterwards, asked
        for or not. A setting that cannot be read (apwd), or is not reported by this firmware, is not compared.
        """
        self.web.write(with_their_groups(values, before), self.seconds(deadline))
        return self.confirm(values, before, deadline)

    def confirm(self, values: Mapping[str, str], before: Values, deadline: float) -> Written:
        """Read back what was written, and write back what changed beside it; as `write` does after its request."""
        settings = self._read_back(values, deadline)
        if not any(_is_stored(keyword) for keyword in values):
            return Written(settings, [], [])  # what differs was changed by somebody else, who is to keep it
        kept = {key: value for key, value in before.items() if key not in values and _is_stored(key)}
        changed = differences(settings, kept, unreported=True)
        moved = [one for one in changed if one.keyword in _LEASED]
        lost = {one.keyword: one.expected for one in changed if one not in moved}
        if not lost:
            return Written(settings, [], moved)
        writable = {keyword: value for keyword, value in lost.items() if _is_writable(keyword, value)}
        self.web.write(with_their_groups(writable, {**settings, **lost, **values}), self.seconds(deadline))
        settings = self.read(deadline)
        gone = differences(settings, lost, unreported=True)
        if gone:
            names = ", ".join(f"{one.keyword}={settings.get(one.keyword, '?')}, was {one.expected}" for one in gone)
            raise DidNotFollow(self.name, f"the write changed other settings: {names}", "set them again")
        return Written(settings, list(lost), moved)

    def _read_back(self, values: Mapping[str, str], deadline: float) -> Values:
        if "apwd" in values:
            self.web.login = Login(self.web.login.user if self.web.login else USER, values["apwd"])
        follow_until = min(deadline, time.monotonic() + FOLLOW_SECONDS)
        wrong: list[Difference] = []
        while True:
            try:
                settings = self.read(deadline)
            except Unreachable:
                if not wrong:
                    raise
                break  # there was no time for another look, so what was seen last stands
            except Refused:
                if "apwd" not in values:
                    raise
                raise DidNotFollow(self.name, "does not accept the new password", "try the old one") from None
            wrong = differences(settings, values)
            if not wrong:
                return settings
            if time.monotonic() + FOLLOW_PAUSE_SECONDS >= follow_until:
                break
            time.sleep(FOLLOW_PAUSE_SECONDS)
        raise _not_taken(self.name, wrong)

    def switch(self, mode: str, deadline: float) -> Switched:
        """Bring the relay to a mode ("0" or "1"), writing only if it is in the other position; raise a DeviceError."""
        began = time.monotonic()
        settings = self.read_or_find(deadline)
        before = settings.get("mode", "")
        if before != mode:
            after = self._move(mode, settings, deadline)
            if after != mode:
                raise DidNotFollow(self.name, "reports no relay mode", "update its firmware")
        return Switched(before, mode, round((time.monotonic() - began) * 1000))

    def _move(self, mode: str, before: Values, deadline: float) -> str:
        """Write the relay mode and return it as read back: the device may act on a request whose answer is lost."""
        try:
            return self.write({"mode": mode}, before, deadline).settings.get("mode", "")
        except Unreachable:
            with contextlib.suppress(DeviceError):
                if self.read(deadline).get("mode") == mode:
                    return mode
            raise

    def identify(self, deadline: float) -> ScanReply:
        """Return what the device reports of itself over UDP; raise NotABerofos for a MAC other than bnfos.conf's."""
        return self.gbl4.scan(self.seconds(deadline))

    def seconds(self, deadline: float) -> float:
        """Return how long one exchange may take."""
        return max(0.0, min(self.request_seconds, deadline - time.monotonic()))


def _is_stored(keyword: str) -> bool:
    return keyword in SETTINGS and SETTINGS[keyword].is_stored


def _is_writable(keyword: str, value: str) -> bool:
    """Tell whether a client may write what the device reported, such as a very long text."""
    try:
        return check(keyword, value) == value
    except ValueError:
        return False


def _not_taken(name: str, wrong: Sequence[Difference]) -> DidNotFollow:
    for one in wrong:
        if one.keyword == "mode":
            return StuckRelay(
                name,
                f"relay did not switch: mode is still {one.now} after writing {one.expected}",
                f"power-cycle it; if that fails, move its cables to {PORT_OF_MODE.get(one.expected, '').upper()}",
            )
    return DidNotFollow(name, f"setting not taken: {', '.join(map(str, wrong))}")
