"""A device of a few lines, no simulator: records what is sent to it byte for byte, and answers as the test says."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Callable, Optional

from berofos_agent.device.settings import MAGIC_KEY, MAGIC_VERSION

MAC = bytes.fromhex("00193200121D")
SCAN, NETCONF, PREPARE, PAGE, ERASE, PING, KICK = 1, 2, 3, 4, 5, 9, 11

Reply = Callable[[bytes], Optional[list[bytes]]]


def framed(command: int, payload: bytes) -> bytes:
    """A frame, made by hand."""
    head = b"GBL\x04" + bytes([command]) + payload
    sum_of = 0
    for byte in head:
        sum_of ^= byte
    return head + bytes([sum_of])


def scan_reply(mode: int = 0, hardware: int = 0x50, mac: bytes = MAC) -> bytes:
    """What a device tells of itself."""
    address = bytes([10, 34, 1, 50, 255, 255, 255, 0, 10, 34, 1, 1])
    return framed(SCAN, mac + struct.pack("!HBBBBB", hardware, 1, 0, 1, 53, mode) + address + b"\x03\x07\x01\x00\x50")


@dataclass
class Standin:
    """What it heard, and how it answers."""

    port: int = 0
    http_port: int = 0
    datagrams: list[bytes] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    replies: dict[int, Reply] = field(default_factory=dict)
    """By command, the datagrams sent in answer; otherwise success, and a scan is answered from flash mode."""
    told: dict[str, str] = field(default_factory=dict)
    """What config.txt says."""
    login: str = ""
    """The Authorization header it wants."""
    leaves_at: str = ""
    """With "write" it answers nothing over HTTP from the first write on, with "read" nothing after that."""

    answers_from: socket.socket | None = None
    """The socket that answers datagrams in place of its own."""

    def replies_to(self, request: bytes) -> list[bytes]:
        command = request[4]
        if command in self.replies:
            return self.replies[command](request) or []
        if command == SCAN:
            return [scan_reply(mode=1)]
        rest = request[11:13] if command == PING else b"\0"
        return [framed(command, MAC + rest)]

    def answer_to(self, request: bytes) -> bytes:
        if self.login and f"Authorization: {self.login}\r\n".encode() not in request:
            return b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
        body = "".join(f"{key}={value}\n" for key, value in {MAGIC_KEY: MAGIC_VERSION, **self.told}.items()).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [request.split(b" ", 2)[1].decode() for request in self.requests]

    def has_left(self) -> bool:
        """True if the request heard last gets no answer."""
        heard = {"": [], "read": self.targets()[:-1], "write": self.targets()}[self.leaves_at]
        return any("?" in target for target in heard)

    def commands(self) -> list[int]:
        """The commands of the datagrams heard, in order."""
        return [datagram[4] for datagram in self.datagrams]


@contextlib.contextmanager
def standing_in(**how: object) -> Iterator[Standin]:
    """Put one up on 127.0.0.1."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    tcp = socket.create_server(("127.0.0.1", 0))
    standin = Standin(udp.getsockname()[1], tcp.getsockname()[1], **how)  # type: ignore[arg-type]
    threads = [
        threading.Thread(target=work, args=(standin, sock), daemon=True)
        for work, sock in ((_serve_udp, udp), (_serve_tcp, tcp))
    ]
    for thread in threads:
        thread.start()
    yield standin
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
        waker.sendto(b"", udp.getsockname())
    tcp.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    udp.close()
    tcp.close()


def _serve_udp(standin: Standin, udp: socket.socket) -> None:
    while True:
        datagram, sender = udp.recvfrom(65535)
        if not datagram:
            return
        standin.datagrams.append(datagram)
        for reply in standin.replies_to(datagram):
            (standin.answers_from or udp).sendto(reply, sender)


def _serve_tcp(standin: Standin, tcp: socket.socket) -> None:
    while True:
        try:
            connection, _ = tcp.accept()
        except OSError:
            return
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                block = connection.recv(65536)
                if not block:
                    break
                request += block
            standin.requests.append(request)
            if standin.has_left():
                continue
            connection.sendall(standin.answer_to(request))
