"""A stand-in for a server's hardware watchdog: once written to, it wants a byte in time, or it resets the server.

It is a named pipe where the server has /dev/watchdog. A pipe knows no ioctl, so SBD runs with -T: it takes the time-out
as the hardware has it.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

MAGIC_CLOSE = b"V"
"""Written last, this switches a Linux watchdog off."""


class HardwareWatchdog:
    """Watches one server, from a thread of its own."""

    def __init__(self, path: Path, seconds: float, reset: Callable[[], None]) -> None:
        """Make the pipe. `reset` is called, from the thread, `seconds` after the last byte."""
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._seconds = seconds
        self._reset = reset
        self._deadline: float | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watchdog {path.parent.name}", daemon=True)
        self._thread.start()

    def switch_off(self) -> None:
        """Forget what the server wrote, as at a reset or without power."""
        with self._lock:
            self._read()
            self._deadline = None

    def close(self) -> None:
        """End watching."""
        self._over.set()
        self._thread.join()
        os.close(self._pipe)

    def _watch(self) -> None:
        while not self._over.is_set():
            select.select([self._pipe], [], [], 0.1)
            with self._lock:
                written = self._read()
                if written:
                    self._deadline = None if written.endswith(MAGIC_CLOSE) else time.monotonic() + self._seconds
                expired = self._deadline is not None and time.monotonic() > self._deadline
            if expired:
                self._reset()

    def _read(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            return os.read(self._pipe, 4096)
        return b""
