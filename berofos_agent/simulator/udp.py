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
from typing import Any, Callable

from berofos_agent.device import frame
from berofos_agent.device.frame import Command
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
    name, work = _COMMANDS.get(request.command, ("unknown", None))
    is_own = request.command == Command.SCAN or request.mac == device.mac or device.faults.on("any-mac")
    if not is_own:
        device.count("foreign")
        return None
    device.count(name)
    if work is None or device.deaf or device.faults.drops():
        return None
    if device.faults.on("noise"):
        return os.urandom(32)
    try:
        result = work(device, request.payload)
    except (struct.error, FrameError):
        result = MALFORMED
    payload = frame.error_payload(device.told_mac(), result) if isinstance(result, int) else result
    return frame.encode(request.command, payload)


def _kick(device: SimulatedDevice, _payload: bytes) -> bytes | int:
    error = device.kick()
    return device.told_mac() if device.faults.on("bare-kick") else error


def _after_mac(layout: str, payload: bytes) -> Any:
    return struct.unpack_from(layout, payload, 6)


_COMMANDS: dict[int, tuple[str, Callable[[SimulatedDevice, bytes], bytes | int]]] = {
    Command.SCAN: ("scan", lambda device, _: frame.encode_scan_reply(device.scan_reply())),
    Command.NETCONF: ("netconf", lambda device, sent: device.set_network(frame.decode_network_settings(sent))),
    Command.FLASH_PREPARE: ("prepare", lambda device, sent: device.flash_prepare(*_after_mac("!HB", sent))),
    Command.FLASH_PAGE: ("page", lambda device, sent: device.flash_page(_after_mac("!H", sent)[0], sent[8:])),
    Command.ERASE: ("erase", lambda device, _: device.erase()),
    Command.PING: ("ping", lambda device, sent: frame.ping_payload(device.told_mac(), *_after_mac("!H", sent))),
    Command.KICK: ("kick", _kick),
}
"""By command, what a request is counted as, and its reply: a payload, or an error byte to be sent behind the MAC."""


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
