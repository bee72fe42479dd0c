"""What the nodes send to /dev/log: kept in memory, and in a file for each node, as rsyslog of Debian writes it."""

from __future__ import annotations

import re
import selectors
import socket
import threading
import time
from datetime import datetime
from pathlib import Path

_PRIORITY = re.compile(rb"^<\d+>")
_STAMP = re.compile(r"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ")


class Collector:
    """One thread that reads the log socket of every node."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lines: dict[str, list[tuple[float, str]]] = {}
        self._ours, self._waker = socket.socketpair()
        self._selector.register(self._ours, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._collect, name="syslog", daemon=True)

    def listen(self, node: str, path: Path, log: Path) -> None:
        """Bind the log socket of a node; call before start."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(path))
        path.chmod(0o666)
        self._lines[node] = []
        self._selector.register(listener, selectors.EVENT_READ, (node, log))

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Close the sockets."""
        self._waker.close()
        if self._thread.is_alive():
            self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def lines(self, node: str) -> list[str]:
        """Return what the node logged, oldest first, without the priority."""
        return [line for _at, line in self._lines[node]]

    def first(self, node: str, words: str, since: float) -> float:
        """Return when (time.monotonic()) the node first logged these words from that moment on; raise LookupError."""
        for at, line in list(self._lines[node]):
            if at >= since and words in line:
                return at
        raise LookupError(f"{node} did not log {words!r}")

    def _collect(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                node, log = key.data
                datagram = key.fileobj.recv(65536)  # type: ignore[union-attr]
                line = _PRIORITY.sub(b"", datagram).rstrip(b"\0\n").decode(errors="replace")
                self._lines[node].append((time.monotonic(), line))
                with log.open("a", encoding="utf-8") as file:
                    file.write(f"{datetime.now().astimezone().isoformat()} {node} {_STAMP.sub('', line)}\n")
