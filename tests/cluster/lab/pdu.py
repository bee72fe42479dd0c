"""The lab's switched power socket: an honest fence device on the LAN.

One line over TCP: "off xivo-1", "on xivo-1", "status xivo-1" -> "ok on" or "ok off"; else "error" and why.
It says "off" only when the node's PID 1 is gone.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable

PORT = 8888


class Outlets:
    """What the socket can do to a node: ask whether it is on, take its power, give it back."""

    def __init__(self, is_on: Callable[[str], bool], off: Callable[[str], bool], on: Callable[[str], None]) -> None:
        self.is_on = is_on
        self.off = off
        self.on = on

    def execute(self, line: str) -> str:
        """Carry out one order and return the answer."""
        order, _, node = line.strip().partition(" ")
        try:
            if order == "off" and not self.off(node):
                return "error still on"
            if order == "on" and not self.is_on(node):
                self.on(node)
            if order not in ("off", "on", "status"):
                return "error unknown order"
            return "ok on" if self.is_on(node) else "ok off"
        except KeyError:
            return "error no such outlet"


class Pdu:
    """Serves the outlets on a listening socket, a thread an order."""

    def __init__(self, listener: socket.socket, outlets: Outlets) -> None:
        class Order(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(outlets.execute(self.rfile.readline(100).decode(errors="replace")).encode() + b"\n")

        self._server = socketserver.ThreadingTCPServer(listener.getsockname(), Order, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="pdu", daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
