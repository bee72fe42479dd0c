"""The HTTP side of a simulated device: the answer to a request, and the server."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from berofos_agent.device.resolver import Address
from berofos_agent.device.settings import USER
from berofos_agent.page.content import HEADERS, MAXIMUM_ORDER
from berofos_agent.simulator import login, page
from berofos_agent.simulator.listener import Listener
from berofos_agent.simulator.model import SimulatedDevice

_GIGABYTE = 1 << 30
_BLOCK = b"0" * 65536
_PAGE = b"<html><head><title>bero*fos</title></head><body></body></html>\n"
_FOREIGN_PAGE = b"<html><head><title>Welcome</title></head><body>It works!</body></html>\n"


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int
    body: bytes = _PAGE
    content_type: str = "text/html"
    more: tuple[tuple[str, str], ...] = ()


def kind_of(target: str) -> str:
    """Return what a request is counted as."""
    path, _, query = target.partition("?")
    if path == "/config.txt":
        return "read"
    return "write" if path == "/" and query else "other"


def answer(device: SimulatedDevice, nonce: str, target: str, authorization: str) -> Answer:
    """Return what the device answers to a GET; a fault that replaces the answer keeps a write from being done."""
    if device.faults.on("status"):
        return _with_status(device, nonce, int(device.faults.argument("status")))
    if device.faults.on("redirect"):
        return Answer(302, more=(("Location", device.faults.argument("redirect")),))
    if device.faults.on("noise"):
        return Answer(200, os.urandom(600), "application/octet-stream")
    if device.faults.on("not-berofos"):
        return Answer(200, _FOREIGN_PAGE)
    password = device.password()
    if password is not None:
        digest = device.faults.on("digest")
        known = (
            login.digest_accepts(authorization, USER, password, "GET", target, nonce)
            if digest
            else login.basic_accepts(authorization, USER, password)
        )
        if not known:
            return _with_status(device, nonce, 401)
    kind = kind_of(target)
    if kind == "read":
        return Answer(200, device.config_text().encode(), "text/plain")
    if kind == "write":
        # http.server makes one letter of each byte.
        device.write(target.partition("?")[2].encode("latin-1").decode("utf-8", "replace"))
        return Answer(200)
    return Answer(404)


def _with_status(device: SimulatedDevice, nonce: str, status: int) -> Answer:
    if status != 401:
        return Answer(status)
    challenge = login.digest_challenge(nonce) if device.faults.on("digest") else login.basic_challenge()
    return Answer(401, more=(("WWW-Authenticate", challenge),))


class _Handler(BaseHTTPRequestHandler):
    """Reads one request, as the device does, and sends what `answer` says, at the pace the faults say."""

    server: WebServer  # type: ignore[assignment]
    timeout = None

    def do_GET(self) -> None:
        device, server = self.server.device, self.server
        self.close_connection = True
        if page.is_for_page(self.command, self.path):
            self._answer_page()
            return
        device.count(kind_of(self.path))
        if device.serves_http and device.faults.drops():
            return
        server.stopping.wait(device.faults.seconds("slow"))
        if not device.serves_http:
            _wait_until_left(self.connection)
            return
        if device.faults.on("endless"):
            self._send(Answer(200), _GIGABYTE, (_BLOCK for _ in range(_GIGABYTE // len(_BLOCK))))
        else:
            reply = answer(device, server.nonce, self.path, self.headers.get("Authorization", ""))
            self._send(reply, len(reply.body), iter((reply.body,)))

    def do_POST(self) -> None:
        self.close_connection = True
        self._answer_page()

    def _answer_page(self) -> None:
        """Answer the page that shows the device: it is not a client, so it is neither counted nor subject to faults."""
        self.server.device.count("connect", -1)
        length = self.headers.get("Content-Length", "0") if self.command == "POST" else "0"
        if not (length.isascii() and length.isdigit()) or int(length) > MAXIMUM_ORDER:
            self.send_error(400)
            return
        reply = page.answer(self.server.device, self.command, self.path, self.headers, self.rfile.read(int(length)))
        self.send_response(reply.status)
        for name, value in (*HEADERS, ("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def _send(self, reply: Answer, length: int, body: Iterator[bytes]) -> None:
        headers = (
            ("Content-Type", reply.content_type),
            ("Content-Length", str(length)),
            ("Connection", "close"),
            *reply.more,
        )
        first = f"HTTP/1.0 {reply.status} {self.responses.get(reply.status, ('',))[0]}\r\n"
        head = (first + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n").encode()
        pace = self.server.device.faults.seconds("trickle")
        if pace:
            self._trickle(head + b"".join(body), pace)
            return
        self.connection.sendall(head + next(body))
        for block in body:
            self.connection.sendall(block)

    def _trickle(self, answer: bytes, pace: float) -> None:
        for byte in answer:
            if not self.server.device.serves_http:
                _wait_until_left(self.connection)
                return
            self.connection.sendall(bytes((byte,)))
            if self.server.stopping.wait(pace):
                return

    def log_message(self, *_args: object) -> None:
        """Keep the terminal for the simulator's own lines."""


def _wait_until_left(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


class WebServer:
    """Serves one device, a thread a connection. Never refuses: without power it just does not answer."""

    def __init__(self, device: SimulatedDevice, listener: socket.socket) -> None:
        self.device = device
        self.nonce = os.urandom(8).hex()
        self.stopping = threading.Event()
        self._listener = Listener(f"http {device.name}", listener, self._serve)
        self.start = self._listener.start

    def close(self) -> None:
        """Stop listening and end all connections."""
        self.stopping.set()
        self._listener.close()

    def _serve(self, connection: socket.socket, peer: Address) -> None:
        self.device.count("connect")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _Handler(connection, peer, self)  # type: ignore[arg-type]
