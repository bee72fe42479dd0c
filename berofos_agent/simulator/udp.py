"""The UDP side of simulated devices: the answer to a datagram, and the server."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Callable

from berofos_agent.device import frame
from berofos_agent.device.frame import Command, Frame
from berofos_agent.device.resolver import Address
from berofos_agent.errors import FrameError
from berofos_agent.simulator.model import SimulatedDevice

MALFORMED = 2


def answer(device: SimulatedDevice, datagram: bytes) -> bytes | None:
    """Return what the device answers to a datagram, None for nothing; counts what it heard."""
    try:
        request = frame.decode(datagram)
    except FrameError:
        device.count("rubbish")
        return None
    name, payload_of = _COMMANDS.get(request.command, ("unknown", None))
    is_own = request.command == Command.SCAN or request.mac == device.mac or device.faults.on("any-mac")
    if not is_own:
        device.count("foreign")
        return None
    device.count(name)
    if payload_of is None or device.deaf or device.faults.drops():
        return None
    if device.faults.on("noise"):
        return os.urandom(32)
    try:
        return frame.encode(request.command, payload_of(device, request))
    except struct.error:
        return frame.encode(request.command, frame.error_payload(device.told_mac(), MALFORMED))


def _scan(device: SimulatedDevice, _request: Frame) -> bytes:
    return frame.encode_scan_reply(device.scan_reply())


def _netconf(device: SimulatedDevice, request: Frame) -> bytes:
    try:
        network = frame.decode_network_settings(request.payload)
    except FrameError:
        return frame.error_payload(device.told_mac(), MALFORMED)
    return frame.error_payload(device.told_mac(), device.set_network(network))


def _prepare(device: SimulatedDevice, request: Frame) -> bytes:
    pages, checksum = struct.unpack_from("!HB", request.payload, 6)
    return frame.error_payload(device.told_mac(), device.flash_prepare(pages, checksum))


def _page(device: SimulatedDevice, request: Frame) -> bytes:
    (index,) = struct.unpack_from("!H", request.payload, 6)
    return frame.error_payload(device.told_mac(), device.flash_page(index, request.payload[8:]))


def _erase(device: SimulatedDevice, _request: Frame) -> bytes:
    return frame.error_payload(device.told_mac(), device.erase())


def _ping(device: SimulatedDevice, request: Frame) -> bytes:
    (number,) = struct.unpack_from("!H", request.payload, 6)
    return frame.ping_payload(device.told_mac(), number)


def _kick(device: SimulatedDevice, _request: Frame) -> bytes:
    error = device.kick()
    return device.told_mac() if device.faults.on("bare-kick") else frame.error_payload(device.told_mac(), error)


_COMMANDS: dict[int, tuple[str, Callable[[SimulatedDevice, Frame], bytes]]] = {
    Command.SCAN: ("scan", _scan),
    Command.NETCONF: ("netconf", _netconf),
    Command.FLASH_PREPARE: ("prepare", _prepare),
    Command.FLASH_PAGE: ("page", _page),
    Command.ERASE: ("erase", _erase),
    Command.PING: ("ping", _ping),
    Command.KICK: ("kick", _kick),
}


_About = list[tuple[int, int, bytes]]

_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # named by newer Pythons only; Linux has 8
_PKTINFO = struct.Struct("=i4s4s")
_ABOUT_BYTES = socket.CMSG_SPACE(_PKTINFO.size)


def bind(address: Address, *, shared: bool = False) -> socket.socket:
    """Return a socket for a server; several may be bound to a shared one, and all hear a broadcast. Raises OSError."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if shared:
            datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif IPv4Address(address[0]).is_unspecified:
            datagrams.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        datagrams.bind(address)
    except OSError:
        datagrams.close()
        raise
    return datagrams


def _answered_from(about: _About) -> _About:
    """Make what the kernel says about a datagram to 0.0.0.0 into an order to answer from the address it was sent to."""
    return [
        (level, kind, _PKTINFO.pack(0, _PKTINFO.unpack(data)[1], bytes(4)))
        for level, kind, data in about
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO)
    ]


@dataclass(frozen=True)
class _Way:
    """The way an answer goes back."""

    listener: socket.socket
    sender: Address
    about: _About


class UdpServer:
    """Reads the sockets of all devices of a simulator in one thread.

    Devices may share a socket, and each receives what is sent there. What arrives at a socket bound to a broadcast
    address, every device receives and answers from its own socket.
    """

    def __init__(
        self, devices: Sequence[tuple[SimulatedDevice, socket.socket]], broadcast: Sequence[socket.socket] = ()
    ) -> None:
        self._devices = devices
        self._broadcast = broadcast
        self._waker, self._woken = socket.socketpair()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="udp", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop reading; the sockets are their owner's to close."""
        self._stopping.set()
        self._waker.send(b"0")
        self._thread.join()
        self._waker.close()
        self._woken.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in {listener for _, listener in self._devices} | {*self._broadcast, self._woken}:
                selector.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if self._stopping.is_set():
                        return
                    heard = key.fileobj
                    assert isinstance(heard, socket.socket)
                    datagram, about, _, sender = heard.recvmsg(65535, _ABOUT_BYTES)
                    for device, listener in self._devices:
                        if heard is listener or heard in self._broadcast:
                            self._hand_over(device, datagram, _Way(listener, sender, _answered_from(about)))

    def _hand_over(self, device: SimulatedDevice, datagram: bytes, back: _Way) -> None:
        delay = device.faults.seconds("slow")
        if delay:
            slow = threading.Timer(delay, self._answer, (device, datagram, back))
            slow.daemon = True
            slow.start()
        else:
            self._answer(device, datagram, back)

    def _answer(self, device: SimulatedDevice, datagram: bytes, back: _Way) -> None:
        reply = answer(device, datagram)
        if reply is not None:
            # The client or this server may be gone by now; a datagram is lost then, as on any network.
            with contextlib.suppress(OSError):
                back.listener.sendmsg([reply], back.about, 0, back.sender)
