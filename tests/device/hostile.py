"""Servers that mean no good, on real sockets of loopback: what they answer is a list of bytes, or a flood of them."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

BLOCK = b"0" * 65536
FOREVER = itertools.count()
BOUND_BYTES = 16 << 20
"""More memory than this no answer may take; a hundred headers of 64 KiB, all that http.client allows, take 7 MiB."""


@dataclass
class HostileServer:
    """A TCP server that hears requests and answers the n-th connection with the n-th answer, the last one for ever."""

    answers: list[Iterable[bytes]]
    requests: list[bytes] = field(default_factory=list)
    port: int = 0

    def credentials(self) -> list[bytes]:
        """The lines of all requests that hold any."""
        lines = itertools.chain.from_iterable(request.split(b"\r\n") for request in self.requests)
        return [line for line in lines if line.lower().startswith((b"authorization:", b"proxy-authorization:"))]


@contextlib.contextmanager
def hostile_server(*answers: Iterable[bytes]) -> Iterator[HostileServer]:
    """Put a server up on 127.0.0.1; it closes a connection after its answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        server = HostileServer(list(answers), port=listener.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(server, listener, stack), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(server: HostileServer, listener: socket.socket, stack: contextlib.ExitStack) -> None:
    for number in itertools.count():
        try:
            connection = stack.enter_context(listener.accept()[0])
        except OSError:
            return
        answer = server.answers[min(number, len(server.answers) - 1)]
        threading.Thread(target=_serve, args=(server, connection, answer), daemon=True).start()


def _serve(server: HostileServer, connection: socket.socket, answer: Iterable[bytes]) -> None:
    with contextlib.suppress(OSError):
        server.requests.append(connection.recv(65536))
        for block in answer:
            connection.sendall(block)
        connection.shutdown(socket.SHUT_WR)


def trickle(data: bytes, pause: float = 0.05) -> Iterator[bytes]:
    """Send a byte at a time, each well within any time limit that starts anew with every byte."""
    for byte in data:
        time.sleep(pause)
        yield bytes([byte])


@contextlib.contextmanager
def ends_soon_and_small() -> Iterator[None]:
    """Detect a hang, generously, and an answer that is heaped up in memory."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < 8
    assert peak < BOUND_BYTES


@contextlib.contextmanager
def hostile_ear(*answers: bytes, flood: bool = False) -> Iterator[tuple[str, int]]:
    """Put a UDP server up that answers each datagram with all of these, again and again until the end in a flood."""
    stopping = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.05)
        thread = threading.Thread(target=_answer, args=(listener, answers, flood, stopping), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            stopping.set()
            thread.join()


def _answer(listener: socket.socket, answers: tuple[bytes, ...], flood: bool, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            sender = listener.recvfrom(2048)[1]
        except socket.timeout:
            continue
        for number in itertools.count():
            with contextlib.suppress(OSError):
                for answer in answers:
                    listener.sendto(answer, sender)
            if not flood or stopping.is_set() or number > 1_000_000:
                break
