"""Accepts connections at a socket, a thread for each: what the web server and the orders of a simulator share."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Callable


class Listener:
    """Serves every connection that comes, until it is closed."""

    def __init__(self, name: str, listener: socket.socket, serve: Callable[[socket.socket, Any], None]) -> None:
        """`serve` is called with a connection and its peer's address; the connection is closed when it returns."""
        self._listener = listener
        self._serve = serve
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop listening and end all connections."""
        self._stopping.set()
        _shut_down(self._listener)
        if self._thread.ident is not None:
            self._thread.join()
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                _shut_down(connection)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, peer = self._listener.accept()
            except OSError:
                continue  # closing, or the client has left already
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._run, args=(connection, peer), daemon=True).start()

    def _run(self, connection: socket.socket, peer: Any) -> None:
        with connection, contextlib.suppress(OSError):  # a client that leaves before it has its answer is no fault
            self._serve(connection, peer)
        with self._lock:
            self._connections.discard(connection)


def _shut_down(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
