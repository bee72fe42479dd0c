"""What DAHDI says of its spans in /proc/dahdi/N.

The first line has all that is needed:    Span 2: B4/0/2 "B4XXP (PCI) Card 0 Span 2" (MASTER) AMI/CCS RED ClockSource
Behind it are counts, and a line for each channel.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

FOLDER = "/proc/dahdi"
FOLDER_VARIABLE = "BEROFOS_PROC_DAHDI"
WAKING_SECONDS = 30.0
"""ISDN lines may take that long to come up on the side they were switched to."""

ALARMS = ("BLUE", "YELLOW", "RED", "LOOP", "RECOVERING", "NOTOPEN")

_FIRST_LINE = re.compile(r'Span ([0-9]+): (\S+) "(.*)"(.*)')

_D_CHANNEL = re.compile(r"^\w+ D-channel: ([0-9]+)\nStatus: (Provisioned.*)$", re.MULTILINE)
"""What `pri show span` of Asterisk's chan_dahdi says of a D-channel: Provisioned, [In Alarm, ]Up or Down, Active ..."""


class Span(NamedTuple):
    """One span: its number, its name and its alarms, or why nothing is known of it."""

    number: str
    name: str = ""
    alarms: tuple[str, ...] = ()
    problem: str = ""


def read(number: str, folder: str = "") -> Span:
    """Return what DAHDI says of a span; tests have another folder than /proc/dahdi."""
    path = os.path.join(folder or FOLDER, number)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return parse(number, file.readline(1000))
    except FileNotFoundError:
        return Span(number, problem=f"{path} is missing; load the driver or correct spans")
    except OSError as exc:
        return Span(number, problem=f"{path} cannot be read: {exc.strerror}; correct spans")


def parse(number: str, line: str) -> Span:
    """Return what the first line of a span's file says."""
    match = _FIRST_LINE.match(line)
    if not match:
        return Span(number, problem=f"{line[:40].strip()!r} is not understood; report it")
    words = match.group(4).split()
    return Span(number, match.group(2), tuple(alarm for alarm in ALARMS if alarm in words))


def evaluate_layer2(number: str, told: str) -> str:
    """Return what is wrong with a span by what Asterisk says of it, empty if nothing or if it says nothing.

    A span with a D-channel in reserve is up if one of them is.
    """
    if is_layer2_up(told) is not False:
        return ""
    channel = _D_CHANNEL.findall(told)[0][0]
    return f"span {number}: layer 2 is down (D-channel {channel}); try a call over it, else restart chan_dahdi"


def is_layer2_up(told: str) -> bool | None:
    """Return whether a D-channel of a span is up, by what Asterisk says of it; None if it says nothing."""
    channels = _D_CHANNEL.findall(told)
    return any("Up" in status.split(", ") for _channel, status in channels) if channels else None


def ask_layer2(number: str) -> list[str]:
    """Return the command that asks Asterisk for a span."""
    return ["asterisk", "-rx", f"pri show span {number}"]


def evaluate(spans: Iterable[Span]) -> str:
    """Return what is wrong with the first span that is not alive, and which others are not; empty if all are."""
    bad = [span for span in spans if span.alarms or span.problem]
    if not bad:
        return ""
    others = f" (also {', '.join(span.number for span in bad[1:])})" if bad[1:] else ""
    first = bad[0]
    if first.problem:
        return f"span {first.number}: {first.problem}{others}"
    return f"span {first.number} ({first.name}): alarm {' '.join(first.alarms)}{others}; check cable and line"
