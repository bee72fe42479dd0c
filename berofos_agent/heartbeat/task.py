"""Work done by a child process while this one goes on: the HTTP library never enters a process that lives long.

A heartbeat speaks HTTP a few times a day. In its child the library costs 15 MiB for a second, here it would for ever.
"""

from __future__ import annotations

import json
import os
import signal
from typing import Any, Callable


class Errand:
    """One piece of work. `work` returns what JSON can carry; it is called in the child."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._reader, writer = os.pipe()
        self._heard = b""
        self._pid = os.fork()
        if not self._pid:
            os.close(self._reader)
            _do(work, writer)
        os.close(writer)

    def fileno(self) -> int:
        """Readable when there is something to be taken; for select."""
        return self._reader

    def take(self) -> bool:
        """Read what has come; return whether the work is over."""
        data = os.read(self._reader, 65536)
        self._heard += data
        if data:
            return False
        os.close(self._reader)
        os.waitpid(self._pid, 0)
        return True

    def cancel(self) -> None:
        """End the child; take() then says that the work is over."""
        os.kill(self._pid, signal.SIGKILL)

    @property
    def result(self) -> Any:
        """What the work returned; None if it came to no end."""
        try:
            return json.loads(self._heard)
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
