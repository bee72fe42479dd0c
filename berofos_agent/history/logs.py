"""Where events are read: log files with their rotated ones, the journal, the kick daemons' reports, a file from afar.

Files are read as a stream: a line at a time, of a long one only the beginning, and of all events the latest ones.
"""

from __future__ import annotations

import bz2
import contextlib
import errno
import glob
import gzip
import heapq
import json
import lzma
import os
import re
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from typing import IO, Any, Callable

from berofos_agent.agent import statepath
from berofos_agent.cluster.tools import find
from berofos_agent.errors import ConfigurationError
from berofos_agent.history import records
from berofos_agent.history.events import IS_WORTH_IT, OTHER, Event, event_of
from berofos_agent.watchdog import process
from berofos_agent.watchdog.kickd import clock

LOGS = (
    "/var/log/syslog",
    "/var/log/messages",
    "/var/log/daemon.log",
    "/var/log/pacemaker/pacemaker.log",
    "/var/log/corosync/corosync.log",
)
"""Where Debian has them: rsyslog's, Pacemaker's and Corosync's, each with its rotated ones beside it."""
JOURNALS = ("/var/log/journal", "/run/log/journal")

LONGEST_LINE = 1 << 14
MOST_EVENTS = 5000
MOST_JSON_BYTES = 1 << 25
JOURNAL_SECONDS = 60.0

_ROTATED = re.compile(r"(?:[.-][0-9]{1,10})*(?:\.(?:gz|xz|bz2))?")
OPENERS: Mapping[str, Callable[[Any], Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
DAMAGES = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


@dataclass
class Findings:
    """What was read: the latest events, the sources, and one line for each that could not be read."""

    since: datetime
    until: datetime
    left_out: int = 0
    sources: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _latest: list[tuple[datetime, int, Event]] = field(default_factory=list)
    """A heap; the number keeps the order of events of one time."""
    _added: int = 0

    @property
    def events(self) -> list[Event]:
        """The events in order of time."""
        return [event for _at, _number, event in sorted(self._latest)]

    def add(self, event: Event | None) -> None:
        """Take an event, if it is in time; the oldest of too many is left out."""
        if event and self.since <= event.at <= self.until:
            self._added += 1
            heapq.heappush(self._latest, (event.at, self._added, event))
            if len(self._latest) > MOST_EVENTS:
                heapq.heappop(self._latest)
                self.left_out += 1


def read_all(found: Findings) -> None:
    """Read what this host has."""
    for base in LOGS:
        for path in rotated(base):
            read_file(path, found)
    read_journal(found)
    read_kicks(found)


def rotated(base: str) -> list[str]:
    """Return a log and its rotated files, the oldest first."""
    names = [name for name in glob.glob(f"{glob.escape(base)}*") if _ROTATED.fullmatch(name[len(base) :])]
    return sorted(names, key=lambda name: (_written_at(name), name))


def _written_at(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


# --- files -----------------------------------------------------------------------------------------------------


def read_file(path: str, found: Findings) -> None:
    """Read a log, or what `berofos history --json` printed on another node."""
    try:
        newest = datetime.fromtimestamp(os.stat(path).st_mtime).astimezone()
        if newest < found.since:
            return
        with opened(path) as file:
            found.sources.append(path)
            _read(file, path, newest, found)
    except DAMAGES as exc:
        found.problems.append(f"{path}: is damaged: {exc}; read as far as it goes")
    except OSError as exc:
        found.problems.append(f"{path}: {exc.strerror or exc}{'; run as root' if exc.errno == errno.EACCES else ''}")
    except ConfigurationError as exc:
        found.problems.append(f"{path}: {exc}")


@contextlib.contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Open a log that may be compressed; raise OSError, and DAMAGES when it is read."""
    # A pipe or a terminal would be waited for.
    flags, opener = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, OPENERS.get(os.path.splitext(path)[1])
    with open(os.open(path, flags), "rb") as raw, (opener or contextlib.nullcontext)(raw) as file:
        yield file


def _read(file: IO[bytes], path: str, newest: datetime, found: Findings) -> None:
    number, is_whole = 0, True
    for line in iter(lambda: file.readline(LONGEST_LINE), b""):
        is_begin, is_whole = is_whole, line.endswith(b"\n")
        number += is_begin
        if number == 1 and is_begin and line.strip() == b"{":
            _take_json(line + file.read(MOST_JSON_BYTES), found)
            return
        if is_begin and IS_WORTH_IT.search(line):
            record = records.parse(line.decode("utf-8", "replace"), newest)
            found.add(event_of(record, path, number) if record else None)


def _take_json(data: bytes, found: Findings) -> None:
    """Take the events of another node's history; raise ConfigurationError."""
    try:
        for item in json.loads(data)["events"]:
            found.add(from_json(item))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise ConfigurationError("is not a whole history; make it with berofos history --json") from None


def as_json(event: Event) -> dict[str, Any]:
    """Return an event as JSON data, without empty fields."""
    data = {name: value for name, value in ((one.name, getattr(event, one.name)) for one in fields(event)) if value}
    return {**data, **{name: data[name].isoformat() for name in ("at", "since") if name in data}}


def from_json(data: Mapping[str, Any]) -> Event:
    """Return the event; raise ValueError, KeyError, TypeError."""
    known = {one.name: str(one.type) for one in fields(Event)}
    values = {name: data[name] for name in known if name in data and name not in ("why", "since")}
    for name, value in values.items():
        if not isinstance(value, _JSON_TYPES.get(known[name], str)):
            raise TypeError(name)
    values = {name: records.printable(value) if isinstance(value, str) else value for name, value in values.items()}
    at = datetime.fromisoformat(values["at"])
    if not at.tzinfo or not abs(at.year - datetime.now(timezone.utc).year) <= records.YEARS:
        raise ValueError("at")
    if not 0 <= values.get("seconds", 0) < _MOST_SECONDS:  # false for what is not a number
        raise ValueError("seconds")
    return Event(**{**values, "at": at})


_MOST_SECONDS = 1e7
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,)}


# --- the journal -----------------------------------------------------------------------------------------------


def read_journal(found: Findings) -> None:
    """Read what our programs, Pacemaker and Corosync sent to the journal."""
    try:
        command = journal_command()
        if command:
            found.sources.append(JOURNAL)
            span = [f"--since=@{found.since.timestamp():.0f}", f"--until=@{found.until.timestamp() + 1:.0f}"]
            _stream([*command, "--output=json", *span], found)
    except (OSError, subprocess.TimeoutExpired) as exc:
        found.problems.append(f"journal: {getattr(exc, 'strerror', exc)}; run as root")


def journal_command() -> list[str]:
    """Return the command that prints what these programs sent to the journal; empty if there is nothing of them.

    Raises PermissionError, OSError, subprocess.TimeoutExpired.
    """
    program = find("journalctl")
    place = next((path for path in (f"{name}/{_machine_id()}" for name in JOURNALS) if os.path.isdir(path)), None)
    if program is None or place is None:
        return []
    if not os.access(place, os.R_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "Permission denied")
    command = [program, "--quiet", "--no-pager"]
    known = subprocess.run(
        [*command, "--field=SYSLOG_IDENTIFIER"], capture_output=True, timeout=JOURNAL_SECONDS, check=False
    ).stdout.decode("utf-8", "replace")
    tags = [f"--identifier={name}" for name in known.splitlines() if _IDENTIFIERS.match(name)]
    return [*command, *tags] if tags else []


JOURNAL = "journal"
_IDENTIFIERS = re.compile(r"berofos|xivo-berofos|bnfos|pacemaker|corosync")


def _machine_id() -> str:
    try:
        with open("/etc/machine-id", encoding="ascii", errors="replace") as file:
            return file.read(64).strip() or "none"
    except OSError:
        return "none"


def _stream(command: list[str], found: Findings) -> None:
    until = time.monotonic() + JOURNAL_SECONDS
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as journal:
        assert journal.stdout
        watch = threading.Timer(JOURNAL_SECONDS, journal.kill)  # it may hang before its first line
        watch.start()
        try:
            for line in _whole_lines(journal.stdout):
                found.add(_from_journal(line))
        finally:
            watch.cancel()
            journal.kill()
    if time.monotonic() > until:
        found.problems.append(f"journal: not read to its end within {JOURNAL_SECONDS:g} s; use --since")


def _whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    is_whole = True
    for line in iter(lambda: file.readline(4 * LONGEST_LINE), b""):
        is_begin, is_whole = is_whole, line.endswith(b"\n")
        if is_begin and is_whole:
            yield line


def _from_journal(line: bytes) -> Event | None:
    try:
        entry = json.loads(line)
        at = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1e6).astimezone()
        program, text, node = entry["SYSLOG_IDENTIFIER"], entry["MESSAGE"], entry["_HOSTNAME"]
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return None
    if not all(isinstance(one, str) for one in (program, text, node)):
        return None  # bytes that are not text
    return event_of(records.Record(at, node, program, records.plain(program, text)), JOURNAL)


# --- the kick daemon -------------------------------------------------------------------------------------------


def read_kicks(found: Findings, folder: str = statepath.DEFAULT_FOLDER) -> None:
    """Read what the kick daemons of this host reported last."""
    booted_at, node = time.time() - clock(), os.uname().nodename
    for path in sorted(glob.glob(f"{glob.escape(folder)}/*.state.kicks")):
        report = process.read_report(path[: -len(".kicks")])
        if report.at:
            found.sources.append(path)
        for name, kicks in report.devices.items():
            lost = f"; {kicks.unanswered} kicks since were not answered" if kicks.unanswered else ""
            if kicks.answered_at:
                at = datetime.fromtimestamp(booted_at + kicks.answered_at).astimezone()
                found.add(Event(at, node, OTHER, f"{name}: last answered a kick{lost}", path, device=name))
            elif lost:
                at = datetime.fromtimestamp(booted_at + report.at).astimezone()
                found.add(Event(at, node, OTHER, f"{name}: has not answered a kick{lost}", path, device=name))
