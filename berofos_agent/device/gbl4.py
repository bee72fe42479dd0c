"""GBL4 over UDP: asks a device, or the whole LAN, and waits for the right reply.

There is no request identifier and no authentication, so a reply is matched by checksum, command, sender and MAC,
and reading goes on when another datagram comes first. Facts from the protocol notes in docs/protocol.md.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any, Callable, TypeVar

from berofos_agent.config.mac import format_mac
from berofos_agent.device import frame
from berofos_agent.device.frame import Command, Frame, NetworkSettings, ScanReply
from berofos_agent.device.resolver import Address, resolve
from berofos_agent.errors import DeviceError, FrameError, NotABerofos, Unreachable, UnusableAnswer

BROADCAST = "255.255.255.255"
REPLY_SECONDS = 1.0
ERASE_SECONDS = 8.0
ATTEMPTS = 3
LARGEST_DATAGRAM = 1472
"""A frame fits one Ethernet packet; what is longer is none, and is not looked at."""
MOST_DEVICES = 4096
"""More than any LAN has; a flood of forged replies must not fill the memory."""

Decoded = TypeVar("Decoded")
Heard = TypeVar("Heard")

_PAYLOAD = len(frame.MAGIC) + 1


def _any(_reply: Frame) -> bool:
    return True


class Gbl4Client:
    """Speaks to one device; `name` is what its errors call it.

    `host` may be a broadcast address, for a device whose own is not known or out of reach. Its MAC has to be known
    then: the device and this client recognize requests and replies by it.
    """

    def __init__(self, name: str, host: str, mac: bytes | None = None, port: int = frame.PORT) -> None:
        self.name = name
        self.host = host
        self.mac = mac
        self.port = port

    def scan(self, seconds: float = REPLY_SECONDS * ATTEMPTS) -> ScanReply:
        """Return what the device reports of itself; raise Unreachable, NotABerofos or UnusableAnswer.

        Anyone can forge a reply, so a wrong one is passed over, and is the answer only if no right one comes.
        """
        doubts: list[DeviceError] = []
        with self.conversation(seconds) as conversation:

            def is_right(reply: Frame) -> bool:
                if conversation.is_broadcast and reply.mac != self.mac:
                    return False
                try:
                    self._judged(reply)
                except DeviceError as exc:
                    doubts[:] = [exc]
                    return False
                return True

            try:
                return self._judged(conversation.ask(Command.SCAN, b"", seconds, is_right))
            except Unreachable as exc:
                raise (doubts or [exc])[0] from None

    def _judged(self, answer: Frame) -> ScanReply:
        reply = self._decoded(frame.decode_scan_reply, answer)
        if not reply.is_berofos:
            raise NotABerofos(self.name, f"{self.host} is another product (hardware id {reply.hardware_id:04X})")
        if self.mac is not None and reply.mac != self.mac:
            raise NotABerofos(
                self.name,
                f"{self.host} has MAC {format_mac(reply.mac)}, not {format_mac(self.mac)}",
            )
        return reply

    def ping(self, number: int = 0, seconds: float = REPLY_SECONDS) -> float:
        """Send one ping, return the seconds until its reply; raise Unreachable."""
        mac = self.known_mac(seconds)
        began = time.monotonic()
        payload = frame.ping_payload(mac, number)
        self._ask(Command.PING, payload, seconds, is_reply=lambda reply: reply.payload[:8] == payload, attempts=1)
        return time.monotonic() - began

    def kick(self, seconds: float = REPLY_SECONDS * ATTEMPTS) -> None:
        """Start a fresh watchdog interval; raise Unreachable, or UnusableAnswer if the device refuses."""
        answer = self._ask(Command.KICK, frame.kick_payload(self.known_mac(seconds)), seconds)
        error = frame.SUCCESS if len(answer.payload) < 7 else frame.error_of(answer.payload)
        if error != frame.SUCCESS:
            raise UnusableAnswer(
                self.name, f"{self.host} refused the kick with error {error}", "check its watchdog and MAC"
            )

    def netconf(self, network: NetworkSettings, seconds: float = REPLY_SECONDS * ATTEMPTS) -> None:
        """Replace the whole network configuration; raise Unreachable, or UnusableAnswer if the device refuses."""
        payload = frame.encode_network_settings(self.known_mac(seconds), network)
        self._accepted("network configuration", self._ask(Command.NETCONF, payload, seconds))

    def erase(self, seconds: float = ERASE_SECONDS) -> None:
        """Erase settings and firmware; raise Unreachable, or UnusableAnswer if the device refuses."""
        self._accepted("erase", self._ask(Command.ERASE, self.known_mac(seconds), seconds, attempts=1))

    def _accepted(self, what: str, answer: Frame) -> None:
        error = self._decoded(frame.error_of, answer)
        if error != frame.SUCCESS:
            raise UnusableAnswer(self.name, f"refused the {what} with error {error}", "bring it into flash mode first")

    def known_mac(self, seconds: float = REPLY_SECONDS * ATTEMPTS) -> bytes:
        """Return the MAC; if it is not known, the device is asked, once. Raises as scan does."""
        if self.mac is None:
            self.mac = self.scan(seconds).mac
        return self.mac

    def _decoded(self, decoder: Callable[[bytes], Decoded], answer: Frame) -> Decoded:
        try:
            return decoder(answer.payload)
        except FrameError as exc:
            raise UnusableAnswer(self.name, f"{self.host} sent an unusable reply: {exc}") from exc

    def _ask(self, command: Command, payload: bytes, seconds: float, **how: Any) -> Frame:
        with self.conversation(seconds) as conversation:
            return conversation.ask(command, payload, seconds, **how)

    @contextlib.contextmanager
    def conversation(self, seconds: float = REPLY_SECONDS * ATTEMPTS) -> Iterator[Conversation]:
        """Open a socket for several exchanges; raise Unreachable for whatever the network says.

        `seconds` is how long a name server may take.
        """
        try:
            address = resolve(self.host, self.port, seconds)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                broadcast = is_broadcast(address)
                if broadcast:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                else:
                    sock.connect(address)  # the kernel then passes on datagrams of this sender only
                yield Conversation(self, sock, address, broadcast)
        except OSError as exc:
            raise Unreachable(self.name, f"{self.host}: {exc.strerror or exc} (UDP port {self.port})") from exc


class Conversation:
    """Exchanges with one device through one socket."""

    def __init__(self, client: Gbl4Client, sock: socket.socket, address: Address, broadcast: bool) -> None:
        self._client = client
        self._sock = sock
        self._send: Callable[[bytes], int] = (lambda data: sock.sendto(data, address)) if broadcast else sock.send
        self.is_broadcast = broadcast
        self._late = 0

    def ask(
        self,
        command: Command,
        payload: bytes,
        seconds: float,
        is_reply: Callable[[Frame], bool] = _any,
        attempts: int = ATTEMPTS,
    ) -> Frame:
        """Return the matching reply; a lost datagram is sent again, `attempts` times within `seconds` in all.

        Raises Unreachable if none comes.
        """
        datagram = frame.encode(command, payload)
        began = time.monotonic()
        self._send(datagram)
        return self._answer(command, datagram, began, seconds, is_reply, attempts)

    def ask_each(self, command: Command, payloads: Iterable[bytes], seconds: float, attempts: int) -> Iterator[Frame]:
        """Yield the reply to each request before sending the next one; each is asked for as `ask` does.

        The next request is made while the device works on the one before.
        """
        datagrams = (frame.encode(command, payload) for payload in payloads)
        datagram = next(datagrams, None)
        while datagram is not None:
            if self._late:
                self._pass_over_late_replies()
            began = time.monotonic()
            self._send(datagram)
            following = next(datagrams, None)
            yield self._answer(command, datagram, began, seconds, _any, attempts)
            datagram = following

    def _answer(
        self,
        command: Command,
        datagram: bytes,
        began: float,
        seconds: float,
        is_reply: Callable[[Frame], bool],
        attempts: int,
    ) -> Frame:
        mac = datagram[_PAYLOAD:-1][:6]
        for attempt in range(1, attempts + 1):
            until = began + seconds * attempt / attempts
            while (heard := _hear(self._sock, until, self._sock.recv)) is not None:
                reply = _reply_in(heard, command)
                if reply and reply.payload.startswith(mac) and is_reply(reply):
                    self._late = attempt - 1
                    return reply
            if attempt < attempts:
                self._send(datagram)
        where = f"{self._client.host} (UDP port {self._client.port})"
        raise Unreachable(self._client.name, f"no answer from {where} within {round(seconds, 1):g} s")

    def _pass_over_late_replies(self) -> None:
        """Wait a moment for as many replies as requests were sent again.

        A reply does not say which page it is for, so a late one would be taken for the next page's.
        """
        until = time.monotonic() + REPLY_SECONDS
        while self._late and _hear(self._sock, until, self._sock.recv) is not None:
            self._late -= 1
        self._late = 0


def broadcast_scan(
    address: str = BROADCAST,
    port: int = frame.PORT,
    quiet: float = REPLY_SECONDS,
    seconds: float = 5.0,
    interface: str = "",
) -> list[tuple[str, ScanReply]]:
    """Return (IP address, reply) of every bero*fos that answers a broadcast, each MAC once.

    Without an interface, the kernel's routes say where the broadcast goes.
    Ends after `quiet` seconds without an answer, after `seconds` at the latest. Raises OSError if nothing can be sent.
    """
    found: dict[bytes, tuple[str, ScanReply]] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if interface:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        request = frame.encode(Command.SCAN)
        end = time.monotonic() + seconds
        sock.sendto(request, (address, port))
        quiet_until = min(end, time.monotonic() + quiet)
        while True:
            heard = _hear(sock, quiet_until, sock.recvfrom)
            if heard is None:
                return list(found.values())
            datagram, sender = heard
            reply = _reply_in(datagram, Command.SCAN)
            try:
                scanned = frame.decode_scan_reply(reply.payload) if reply else None
            except FrameError:
                scanned = None
            if scanned and scanned.is_berofos and scanned.mac not in found and len(found) < MOST_DEVICES:
                found[scanned.mac] = (sender[0], scanned)
                quiet_until = min(end, time.monotonic() + quiet)


def is_broadcast(address: Address) -> bool:
    """True if the kernel, which knows the networks, takes this for a broadcast address; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(address)
        except PermissionError:
            return True
    return False


_decode = functools.lru_cache(maxsize=4)(frame.decode)
"""The acknowledgement of each page of a firmware image is the same."""


def _reply_in(datagram: bytes, command: Command) -> Frame | None:
    if len(datagram) > LARGEST_DATAGRAM:
        return None
    try:
        reply = _decode(datagram)
    except FrameError:
        return None
    return reply if reply.command == command else None


def _hear(sock: socket.socket, until: float, receive: Callable[[int], Heard]) -> Heard | None:
    """Return what is received next, None at that time; passes over 'port unreachable' of earlier sends."""
    while (left := until - time.monotonic()) > 0:
        # Setting a time limit costs as much as receiving a page's acknowledgement, so one a little short is kept.
        limit = sock.gettimeout()
        if limit is None or not left / 2 <= limit <= left:
            sock.settimeout(left * 0.9)
        try:
            return receive(LARGEST_DATAGRAM + 1)
        except (socket.timeout, ConnectionRefusedError):
            continue
    return None
