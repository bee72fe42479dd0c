"""The events and messages of one recipient that are not done yet, as files, in the order of the events.

Pacemaker runs a process for each event, and they overtake each other: so each puts its event here, and one after the
other does all that is due, behind a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from berofos_agent.alert.notes import replace_file

FOLDERS = ("/var/lib/pacemaker/berofos-alert", "/run/crm/berofos-alert")
"""Where hacluster may write. The second one is for a disk that is full."""
MOST_ITEMS = 1000
_SUFFIX = ".event"
_PAUSE_SECONDS = 0.1


class Queue:
    """The files of one recipient."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @property
    def notes_path(self) -> str:
        """Where the notes of this recipient are."""
        return os.path.join(self.folder, "notes.json")

    def put(self, at: float, sequence: int, item: Mapping[str, Any]) -> str:
        """Add an item and return its name; raise OSError. Names sort by the time of the event."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        name = f"{at:017.6f}-{max(sequence, 0):012d}-{os.getpid()}{_SUFFIX}"
        self.replace(name, item)
        return name

    def names(self) -> list[str]:
        """Return the names of all items, in the order of their events."""
        try:
            return sorted(name for name in os.listdir(self.folder) if name.endswith(_SUFFIX))
        except OSError:
            return []

    def excess(self) -> Sequence[str]:
        """Return the names of the oldest items that are too many."""
        return self.names()[:-MOST_ITEMS]

    def read(self, name: str) -> dict[str, Any] | None:
        """Return an item; None if it is damaged or gone."""
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                item = json.load(file)
        except (OSError, ValueError, RecursionError):
            return None
        return item if isinstance(item, dict) else None

    def replace(self, name: str, item: Mapping[str, Any]) -> None:
        """Write an item in one step; raise OSError."""
        replace_file(os.path.join(self.folder, name), json.dumps(item))

    def remove(self, name: str) -> None:
        """Remove an item; raise OSError if it stays."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.folder, name))

    def has(self, name: str) -> bool:
        """Tell whether an item is still to be done."""
        return os.path.exists(os.path.join(self.folder, name))

    @property
    def problem(self) -> str:
        """Why the last delivery failed; empty if it did not."""
        try:
            with open(os.path.join(self.folder, "problem"), encoding="utf-8") as file:
                return file.read()
        except (OSError, ValueError):
            return ""

    @problem.setter
    def problem(self, problem: str) -> None:
        replace_file(os.path.join(self.folder, "problem"), problem)

    @contextlib.contextmanager
    def lock(self, what: str, until: float) -> Iterator[bool]:
        """Wait until no other process does this; yield False if one still does at `until` (time.monotonic())."""
        with open(os.path.join(self.folder, what), "a", encoding="utf-8") as file:
            is_mine = False
            while not is_mine and time.monotonic() <= until:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    is_mine = True
                except BlockingIOError:
                    time.sleep(_PAUSE_SECONDS)
            yield is_mine
