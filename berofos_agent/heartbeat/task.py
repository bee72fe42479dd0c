"""Runs a function in a child process and reads its result through a pipe, while the parent goes on.

The heartbeat uses HTTP a few times a day. The HTTP library takes 15 MiB: in a child only for a second, in the daemon
for ever. The alert agent bounds a delivery in time with it.
"""

from __future__ import annotations

import json
import os
import signal
from typing import Any, Callable


class Task:
    """One function call in a child process. `work` returns a value that JSON can represent."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._reader, writer = os.pipe()
        self._received = b""
        try:
            self._pid = os.fork()
        except OSError:
            os.close(self._reader)
            os.close(writer)
            raise
        if not self._pid:
            os.close(self._reader)
            _do(work, writer)
        os.close(writer)

    def fileno(self) -> int:
        """Return the pipe's descriptor, for select: readable when take() has something to do."""
        return self._reader

    def take(self) -> bool:
        """Read what has arrived; return whether the task has ended."""
        data = os.read(self._reader, 65536)
        self._received += data
        if data:
            return False
        os.close(self._reader)
        os.waitpid(self._pid, 0)
        return True

    def cancel(self) -> None:
        """Kill the child; take() then returns True."""
        os.kill(self._pid, signal.SIGKILL)

    @property
    def result(self) -> Any:
        """What `work` returned; None if it did not return."""
        try:
            return json.loads(self._received)
        except ValueError:
            return None


def _do(work: Callable[[], Any], writer: int) -> None:
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with open(writer, "w", encoding="utf-8") as file:
            json.dump(work(), file)
        status = 0
    finally:
        os._exit(status)
