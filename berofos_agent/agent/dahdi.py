"""What DAHDI says of its spans in /proc/dahdi/N; knows no cluster and no bero*fos.

The first line tells all:    Span 2: B4/0/2 "B4XXP (PCI) Card 0 Span 2" (MASTER) AMI/CCS RED ClockSource
What follows it are counts, and a line for each channel.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

FOLDER = "/proc/dahdi"
FOLDER_VARIABLE = "BEROFOS_PROC_DAHDI"
WAKING_SECONDS = 30.0
"""ISDN lines may take that long to come up on the side they were switched to."""

ALARMS = ("BLUE", "YELLOW", "RED", "LOOP", "RECOVERING", "NOTOPEN")

_FIRST_LINE = re.compile(r'Span ([0-9]+): (\S+) "(.*)"(.*)')


class Span(NamedTuple):
    """One span: its number, its name and its alarms, or why nothing is known of it."""

    number: str
    name: str = ""
    alarms: tuple[str, ...] = ()
    trouble: str = ""


def read(number: str, environ: Mapping[str, str]) -> Span:
    """Return what DAHDI says of a span; the environment may name another folder than /proc/dahdi."""
    path = os.path.join(environ.get(FOLDER_VARIABLE) or FOLDER, number)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return parse(number, file.readline(1000))
    except FileNotFoundError:
        return Span(number, trouble=f"{path} is missing; is the driver loaded?")
    except OSError as exc:
        return Span(number, trouble=f"{path}: {exc.strerror}")


def parse(number: str, line: str) -> Span:
    """Return what the first line of a span's file says."""
    match = _FIRST_LINE.match(line)
    if not match:
        return Span(number, trouble=f"{line[:40].strip()!r} is not understood")
    told = match.group(4).split()
    return Span(number, match.group(2), tuple(alarm for alarm in ALARMS if alarm in told))


def judge(spans: Iterable[Span]) -> str:
    """Return what is wrong with the first span that is not alive, and which others are not; empty if all are."""
    ill = [span for span in spans if span.alarms or span.trouble]
    if not ill:
        return ""
    others = f" (also {', '.join(span.number for span in ill[1:])})" if ill[1:] else ""
    first = ill[0]
    if first.trouble:
        return f"span {first.number}: {first.trouble}{others}"
    return f"span {first.number} ({first.name}): alarm {' '.join(first.alarms)}{others}; check cable and line"
