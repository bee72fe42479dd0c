"""GBL4 over UDP: asks a device, or the whole LAN, and waits for the right reply; knows no HTTP.

There is no request identifier and no authentication, so a reply is matched by checksum, command, sender and MAC,
and reading goes on when another datagram comes first. Facts from the protocol notes in docs/protocol.md.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Callable

from berofos_agent import frame
from berofos_agent.errors import NotABerofos, Unreachable, UnusableAnswer
from berofos_agent.frame import Command, Frame, FrameError, ScanReply

BROADCAST = "255.255.255.255"
REPLY_SECONDS = 1.0
ATTEMPTS = 3
LARGEST_DATAGRAM = 2048

Address = tuple[str, int]


class Gbl4Client:
    """Speaks to one device; `name` is what its errors call it."""

    def __init__(self, name: str, host: str, mac: bytes | None = None, port: int = frame.PORT) -> None:
        self.name = name
        self.host = host
        self.mac = mac
        self.port = port

    def scan(self, seconds: float = REPLY_SECONDS * ATTEMPTS) -> ScanReply:
        """Return what the device tells of itself; raise Unreachable, NotABerofos or UnusableAnswer."""
        answer = self._ask(Command.SCAN, b"", seconds)
        reply = self._decoded(frame.decode_scan_reply, answer)
        if not reply.is_berofos:
            raise NotABerofos(self.name, f"{self.host} is another product (hardware id {reply.hardware_id:04X})")
        if self.mac is not None and reply.mac != self.mac:
            raise NotABerofos(
                self.name,
                f"{self.host} has MAC {frame.format_mac(reply.mac)}, not {frame.format_mac(self.mac)}",
            )
        return reply

    def ping(self, number: int = 0, seconds: float = REPLY_SECONDS) -> float:
        """Send one ping, return the seconds until its reply; raise Unreachable."""
        mac = self._known_mac()
        began = time.monotonic()
        payload = frame.ping_payload(mac, number)
        self._ask(Command.PING, payload, seconds, lambda reply: reply.payload[:8] == payload, attempts=1)
        return time.monotonic() - began

    def kick(self, seconds: float = REPLY_SECONDS * ATTEMPTS) -> None:
        """Start a fresh watchdog interval; raise Unreachable, or UnusableAnswer if the device refuses."""
        answer = self._ask(Command.KICK, frame.kick_payload(self._known_mac()), seconds)
        error = frame.SUCCESS if len(answer.payload) < 7 else frame.error_of(answer.payload)
        if error != frame.SUCCESS:
            raise UnusableAnswer(self.name, f"{self.host} refused the kick with error {error}")

    def _known_mac(self) -> bytes:
        if self.mac is None:
            self.mac = self.scan().mac
        return self.mac

    def _decoded(self, decoder: Callable[[bytes], ScanReply], answer: Frame) -> ScanReply:
        try:
            return decoder(answer.payload)
        except FrameError as exc:
            raise UnusableAnswer(self.name, f"{self.host} sent an unusable reply: {exc}") from exc

    def _ask(
        self,
        command: Command,
        payload: bytes,
        seconds: float,
        is_reply: Callable[[Frame], bool] = lambda _reply: True,
        attempts: int = ATTEMPTS,
    ) -> Frame:
        """Return the matching reply; a lost datagram is sent again, `attempts` times within `seconds` in all."""
        end = time.monotonic() + seconds
        try:
            address = resolve(self.host, self.port)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.connect(address)  # the kernel then passes on datagrams of this sender only
                for attempt in range(attempts):
                    sock.send(frame.encode(command, payload))
                    wait_until = end - seconds * (attempts - 1 - attempt) / attempts
                    for datagram in _datagrams(sock, wait_until):
                        reply = _reply_in(datagram, command)
                        if reply and (not payload or reply.mac == payload[:6]) and is_reply(reply):
                            return reply
        except OSError as exc:
            raise Unreachable(self.name, f"{self.host}: {exc.strerror or exc} (UDP port {self.port})") from exc
        raise Unreachable(self.name, f"no answer from {self.host} (UDP port {self.port}) within {seconds:g} s")


def broadcast_scan(
    address: str = BROADCAST, port: int = frame.PORT, quiet: float = REPLY_SECONDS, seconds: float = 5.0
) -> list[tuple[str, ScanReply]]:
    """Return (IP address, reply) of every bero*fos that answers a broadcast, each MAC once.

    Ends after `quiet` seconds without an answer, after `seconds` at the latest. Raises OSError if nothing can be sent.
    """
    found: dict[bytes, tuple[str, ScanReply]] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        request = frame.encode(Command.SCAN)
        end = time.monotonic() + seconds
        sock.sendto(request, (address, port))
        quiet_until = min(end, time.monotonic() + quiet)
        while True:
            heard = _first(_senders(sock, quiet_until))
            if heard is None:
                return list(found.values())
            datagram, sender = heard
            reply = _reply_in(datagram, Command.SCAN)
            try:
                told = frame.decode_scan_reply(reply.payload) if reply else None
            except FrameError:
                told = None
            if told and told.is_berofos and told.mac not in found:
                found[told.mac] = (sender[0], told)
                quiet_until = min(end, time.monotonic() + quiet)


def resolve(host: str, port: int) -> Address:
    """Return the IPv4 address of a host name; raise OSError if it has none."""
    found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)
    return found[0][4]  # type: ignore[return-value]


def _reply_in(datagram: bytes, command: Command) -> Frame | None:
    try:
        reply = frame.decode(datagram)
    except FrameError:
        return None
    return reply if reply.command == command else None


def _datagrams(sock: socket.socket, until: float) -> Iterator[bytes]:
    for datagram, _sender in _senders(sock, until):
        yield datagram


def _senders(sock: socket.socket, until: float) -> Iterator[tuple[bytes, Address]]:
    """Yield datagrams with their senders until the time comes; passes over 'port unreachable' of earlier sends."""
    while (left := until - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            yield sock.recvfrom(LARGEST_DATAGRAM)
        except socket.timeout:
            return
        except ConnectionRefusedError:
            continue


def _first(items: Iterator[tuple[bytes, Address]]) -> tuple[bytes, Address] | None:
    return next(items, None)
