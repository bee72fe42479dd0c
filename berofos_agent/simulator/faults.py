"""The ways a simulated device can misbehave, as named switches.

The model does stuck, wrong-mac, not-berofos and refuse-kick; web.py and udp.py do the others.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from berofos_agent.config.mac import format_mac, parse_mac


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"must be {what}, not {text!r}")
        return text

    return check


def _nothing(text: str) -> str:
    return _matching("on", "on or off")(text or "on")


def _interval(text: str) -> str:
    return _seconds(text or "1")


_seconds = _matching(r"[0-9]{1,5}(\.[0-9]{1,9})?", "a number of seconds")
_count = _matching("[0-9]{1,9}|forever", "a number or 'forever'")
_status = _matching("[2-5][0-9]{2}", "an HTTP status from 200 to 599")
_url = _matching("[!-~]+", "a URL")


@dataclass(frozen=True)
class Fault:
    """One switch; `check` returns its argument as it is kept, or raises ValueError."""

    name: str
    argument: str
    check: Callable[[str], str]
    meaning: str
    lasting: bool = False
    """True for a property of the device: `clear-faults` leaves it as it is."""


FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("stuck", "", _nothing, "the relay does not move, a write says success"),
        Fault("slow", "SECONDS", _seconds, "each exchange takes that long"),
        Fault("trickle", "[SECONDS]", _interval, "HTTP answers a byte at a time, a second apart"),
        Fault("drop", "N|forever", _count, "the next N connections are closed, datagrams lost"),
        Fault("noise", "", _nothing, "answers random bytes"),
        Fault("status", "N", _status, "HTTP answers this status"),
        Fault("redirect", "URL", _url, "HTTP redirects the client"),
        Fault("endless", "", _nothing, "HTTP answers a gigabyte"),
        Fault("silent", "", _nothing, "takes everything, answers nothing"),
        Fault("wrong-mac", "MAC", lambda text: format_mac(parse_mac(text)), "reports this MAC over UDP"),
        Fault("not-berofos", "", _nothing, "is some web server, and to a scan another product"),
        Fault("refuse-kick", "", _nothing, "answers a kick with an error"),
        Fault("digest", "", _nothing, "offers Digest instead of Basic authentication", lasting=True),
        # What docs/protocol.md is not certain of, marked (?) there, read the other way.
        Fault("scenario-box", "", _nothing, "scenario is a tick box, which firmware 1.3.3 clears", lasting=True),
        Fault("plain-flags", "", _nothing, "config.txt has 1 and 0 for tick boxes", lasting=True),
        Fault("short-version", "", _nothing, "reports firmware 1.53 as 1.5", lasting=True),
        Fault("rearm-moves", "", _nothing, "arming after a watchdog failure moves the relay back", lasting=True),
        Fault("flash-http", "", _nothing, "serves HTTP in flash mode too", lasting=True),
        Fault("any-mac", "", _nothing, "answers requests for another MAC", lasting=True),
        Fault("bare-kick", "", _nothing, "answers a kick without an error byte", lasting=True),
    )
}


class Faults:
    """Which switches are on. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._on: dict[str, str] = {}
        self._lock = threading.Lock()

    def switch(self, name: str, argument: str = "") -> None:
        """Switch on, or off with the argument "off"; raise ValueError for an argument that cannot be used."""
        with self._lock:
            if argument == "off":
                self._on.pop(name, None)
                return
            try:
                self._on[name] = FAULTS[name].check(argument)
            except ValueError as exc:
                raise ValueError(f"{name}: {exc}") from None

    def clear_faults(self) -> None:
        """Switch all off but the lasting ones."""
        with self._lock:
            self._on = {name: argument for name, argument in self._on.items() if FAULTS[name].lasting}

    def on(self, name: str) -> bool:
        return name in self._on

    def argument(self, name: str) -> str:
        """The argument of a switch that is on, "" otherwise."""
        return self._on.get(name, "")

    def seconds(self, name: str) -> float:
        """The argument of a switch that takes seconds, 0 while it is off."""
        return float(self._on.get(name, "0"))

    def drops(self) -> bool:
        """True when the exchange that begins now is one of those to be lost; counts it."""
        with self._lock:
            left = self._on.get("drop", "0")
            if left == "forever":
                return True
            if int(left) <= 1:
                self._on.pop("drop", None)
            else:
                self._on["drop"] = str(int(left) - 1)
            return int(left) >= 1

    def as_dict(self) -> dict[str, str]:
        with self._lock:
            return dict(self._on)
