"""The command `berofos history`: who moved the lines, when, why, and for how long callers were without."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import DONE, FAILED, HELP_COLUMNS, NARROW_COLUMNS
from berofos_agent.commands.picture import Paint, plain
from berofos_agent.errors import BerofosError

if TYPE_CHECKING:
    from berofos_agent.history.events import Event
    from berofos_agent.history.logs import Findings

PROG = "berofos history"

DEFAULT_SINCE = "7 days ago"

_EXAMPLES = """\
  berofos history                         # the last seven days, of this node
  berofos history --since "2 hours ago"
  berofos history --since "2026-11-24 22:00" --until 06:30
  berofos history --json > /run/xivo-2.json    # on xivo-2; copy it to xivo-1
  berofos history --from /run/xivo-2.json      # on xivo-1: both nodes

exit status: 0, 1 if nothing could be read, 2 wrong arguments"""

_UNITS = {"s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "day": 86400, "week": 604800}
_MOST_SECONDS = 30 * 365 * 86400


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    arguments = parser().parse_args(argv)
    if arguments.since > arguments.until:
        parser().error("--since is after --until")
    found, events = gather(arguments)
    if arguments.json:
        print(json.dumps(as_json(found, events), indent=2))
    else:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else HELP_COLUMNS
        for line in as_text(found, events, columns, commandline.painter(sys.stdout, os.environ)):
            print(line)
    for problem in found.problems:
        commandline.complain(PROG, problem)
    return DONE if found.sources else FAILED


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Show who moved the lines, when and why, and for how long callers were without, as syslog, the journal, the "
        "logs of Pacemaker and Corosync, the kick daemon and the devices tell. Each row ends with where it was read.",
        _EXAMPLES,
    )
    parser.add_argument(
        "--from",
        dest="files",
        action="append",
        type=commandline.path,
        default=[],
        metavar="FILE",
        help="also read this file: the other node's history as JSON, or a log of it; can be repeated",
    )
    for name, default, meaning in (
        ("--since", DEFAULT_SINCE, "leave out what was before (%(default)s)"),
        ("--until", "now", "leave out what was after (%(default)s)"),
    ):
        parser.add_argument(name, type=moment, default=default, metavar="TIME", help=meaning)
    parser.add_argument("--no-devices", action="store_true", help="do not ask the devices")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def moment(text: str, now: datetime | None = None) -> datetime:
    """Argument type: a time in ISO form, a time of the last 24 hours, now, today, yesterday, or "2 hours ago"."""
    now = now or datetime.now().astimezone()
    word = " ".join(text.split()).lower()
    ago = re.fullmatch(r"(\d{1,9}) ?([a-z]+?)s?(?: ago)?", word)
    clock = re.fullmatch(r"(\d{1,2}):(\d\d)(?::(\d\d))?", word)
    midnight = now.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)  # perhaps of another offset than now
    names = {"today": midnight, "yesterday": midnight - timedelta(days=1)}
    try:
        if word == "now":
            return now
        if word in names:
            return names[word].astimezone()
        if ago:
            return now - timedelta(seconds=min(_MOST_SECONDS, int(ago[1]) * _UNITS[ago[2]]))
        if clock:
            at = midnight.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0))
            return at.astimezone() if at.astimezone() <= now else (at - timedelta(days=1)).astimezone()
        at = datetime.fromisoformat(word.upper().replace("Z", "+00:00"))
        return at if at.tzinfo else at.astimezone()
    except (ValueError, OverflowError, OSError, KeyError):
        raise argparse.ArgumentTypeError(
            f"not a time: {text!r}; write 2026-11-25 02:30, 02:30, yesterday or '2 hours ago'"
        ) from None


def gather(arguments: argparse.Namespace) -> tuple[Findings, list[Event]]:
    """Read everything; return what was found, and the events in order of time."""
    from berofos_agent.history import logs
    from berofos_agent.history.events import concise, explained, told_once

    found = logs.Findings(arguments.since, arguments.until)
    logs.read_all(found)
    for path in arguments.files:
        logs.read_file(path, found)
    if not arguments.no_devices and found.until >= datetime.now().astimezone() - timedelta(minutes=1):
        found.until += timedelta(minutes=1)
        _ask_devices(arguments, found)
    return found, concise(explained(told_once(found.events)))


def _ask_devices(arguments: argparse.Namespace, found: Findings) -> None:
    """Add what the devices say: they know where the lines are, but of the past only that the watchdog expired."""
    try:
        devices = commandline.devices_of(arguments)
    except BerofosError as exc:
        found.problems.append(str(exc))
        return
    from berofos_agent.device.parallel import read_all

    node = os.uname().nodename
    for reading in read_all(devices, time.monotonic() + arguments.timeout + 1):
        if reading.failure:
            found.problems.append(str(reading.failure))
            continue
        found.sources.append(reading.device)
        for event in _from_device(reading.device, reading.settings, node):
            found.add(event)


def _from_device(device: str, settings: Any, node: str) -> Iterator[Event]:
    from berofos_agent.device.settings import WATCHDOG_FAILURE, WATCHDOG_ON, watchdog_interval
    from berofos_agent.device.topology import LINES
    from berofos_agent.history.events import OTHER, Event

    now = datetime.now().astimezone()
    expired = "; its watchdog has expired since it was armed" if settings.get("wdogstate") == WATCHDOG_FAILURE else ""
    yield Event(now, node, OTHER, f"{device}: lines now at {LINES[settings['mode']]}{expired}", device, device=device)
    left, interval = settings.get("wdogrtime", ""), watchdog_interval(settings)
    is_number = re.fullmatch("[0-9]{1,5}", left)
    if settings.get("wdogstate") == WATCHDOG_ON and is_number and int(left) <= interval:
        at = now - timedelta(seconds=interval - int(left))
        yield Event(at, node, OTHER, f"{device}: its watchdog was kicked last", device, device=device)


# --- output ----------------------------------------------------------------------------------------------------


def as_json(found: Findings, events: Sequence[Event]) -> dict[str, Any]:
    """Return the history as JSON data; `--from` of another node takes it."""
    from berofos_agent.history import logs

    rows = [
        {**logs.as_json(event), **({} if event.without_seconds is None else {"without_seconds": event.without_seconds})}
        for event in events
    ]
    return {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "events": rows,
        "left_out": found.left_out,
        "sources": found.sources,
        "problems": found.problems,
    }


def as_text(found: Findings, events: Sequence[Event], columns: int, paint: Paint = plain) -> Iterator[str]:
    """Yield the lines of a table, a heading for each day, and of the list of what was read."""
    from berofos_agent.history.events import CAUSE, SWITCH

    numbers = {name: number for number, name in enumerate(dict.fromkeys(event.source for event in events), 1)}
    rows = [(_row(group, numbers), group[0]) for group in _together(events)]
    head = ("time", "node", "what happened", "without", "read in")
    widths = [max(len(head[at]), *(len(row[at]) for row, _event in rows)) if rows else len(head[at]) for at in range(5)]
    widths[1] = min(widths[1], 16)
    widths[2] = max(20, min(widths[2], columns - widths[0] - widths[1] - widths[3] - widths[4] - 8))
    is_narrow = columns < NARROW_COLUMNS
    day = None
    for row, event in rows:
        if event.at.astimezone().date() != day:
            yield from [""] if day else [] if is_narrow else [_line(head, widths)]
            day = event.at.astimezone().date()
            yield f"{day:%Y-%m-%d}"
        colour = {SWITCH: "green", CAUSE: "yellow"}.get(event.kind)
        for line in _narrow(row, head, columns) if is_narrow else _wide(row, widths):
            yield paint(line, colour) if colour else line
    yield ""
    for line in _summary(found, events):
        yield from textwrap.wrap(line, columns, subsequent_indent="  ")
    yield from (f"{number}: {name}" for name, number in numbers.items())


def _wide(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of an event in the table; only what happened is wrapped."""
    parts = textwrap.wrap(row[2], widths[2], subsequent_indent="  ") or [""]
    yield _line((row[0], row[1][: widths[1]], parts[0], row[3], row[4]), widths)
    yield from (" " * (widths[0] + widths[1] + 4) + part for part in parts[1:])


def _narrow(row: Sequence[str], head: Sequence[str], columns: int) -> Iterator[str]:
    """Yield the lines of an event where the table has no room: when and on which node, below it the rest."""
    yield f"{row[0]}  {row[1]}"[:columns]
    yield from textwrap.wrap(row[2], columns, initial_indent="  ", subsequent_indent="    ")
    yield from (f"  {head[at]:9}{row[at]}" for at in (3, 4) if row[at])


def _summary(found: Findings, events: Sequence[Event]) -> Iterator[str]:
    from berofos_agent.history.events import SWITCH

    switches = sum(event.kind == SWITCH for event in events)
    read = f"{_count(len(found.sources), 'source')} read, from {_stamp(found.since)} to {_stamp(found.until)}"
    yield f"{_count(switches, 'switch', 'es')} of a relay; {read}"
    if found.left_out:
        yield f"{found.left_out} earlier events are left out; use --until"


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"


def _stamp(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def _together(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield switches of several devices at once as one group, everything else by itself."""
    from berofos_agent.history.events import SWITCH

    def key(event: Event) -> object:
        return (event.node, event.before, event.after, event.who, event.why) if event.kind == SWITCH else id(event)

    for _key, group in itertools.groupby(events, key):
        together: list[Event] = []
        for event in group:
            if together and (event.at - together[0].at > timedelta(seconds=2) or event.device == together[-1].device):
                yield together
                together = []
            together.append(event)
        yield together


def _row(group: Sequence[Event], numbers: dict[str, int]) -> tuple[str, ...]:
    from berofos_agent.history.events import SWITCH

    event = group[-1]
    text = event.text
    if event.kind == SWITCH:
        names = ", ".join(one.device for one in group)
        text = f"{names}{event.text[len(event.device) :]}{f', {event.who}' if event.who else ''}"
        text += f"; why: {event.why}" if event.why else ""
    where = f"{numbers[event.source]}:{event.line}" if event.line else str(numbers[event.source])
    return f"{event.at.astimezone():%H:%M:%S}", event.node, text, _without(event), where


def _without(event: Event) -> str:
    if event.without_seconds is None:
        return ""
    is_exact = event.at.microsecond and event.without_seconds < 100
    return f"{event.without_seconds:.1f} s" if is_exact else f"{max(1.0, event.without_seconds):.0f} s"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths)).rstrip()
