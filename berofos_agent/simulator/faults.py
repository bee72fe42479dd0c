"""The ways a simulated device can misbehave, as named switches.

The model does stuck, wrong-mac, not-berofos and refuse-kick; web.py and udp.py do the others.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from berofos_agent.config.mac import format_mac, parse_mac


def _nothing(text: str) -> str:
    if text not in ("", "on"):
        raise ValueError(f"takes no argument but on and off, not {text!r}")
    return "on"


def _seconds(text: str) -> str:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 86400:
        raise ValueError(f"needs a number of seconds, not {text!r}")
    return text


def _interval(text: str) -> str:
    return _seconds(text or "1")


def _count(text: str) -> str:
    if text != "forever" and not (text.isascii() and text.isdigit()):
        raise ValueError(f"needs a number or 'forever', not {text!r}")
    return text


def _status(text: str) -> str:
    if not (text.isascii() and text.isdigit()) or not 200 <= int(text) <= 599:
        raise ValueError(f"needs an HTTP status from 200 to 599, not {text!r}")
    return text


def _url(text: str) -> str:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"needs a URL, not {text!r}")
    return text


def _mac(text: str) -> str:
    try:
        return format_mac(parse_mac(text))
    except ValueError:
        raise ValueError(f"needs a MAC address, not {text!r}") from None


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
        Fault("wrong-mac", "MAC", _mac, "reports this MAC over UDP"),
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
                raise ValueError(f"{name} {exc}") from None

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
