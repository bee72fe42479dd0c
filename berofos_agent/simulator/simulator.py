"""Simulated devices and the sockets they listen on, as a command or a test starts them."""

from __future__ import annotations

import contextlib
import functools
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Callable

from berofos_agent.config.mac import format_mac, parse_mac
from berofos_agent.device.resolver import Address
from berofos_agent.errors import BerofosError
from berofos_agent.simulator.control import ControlServer
from berofos_agent.simulator.firmware import DEFAULT_FIRMWARE
from berofos_agent.simulator.history import Entry
from berofos_agent.simulator.model import FIRST_MAC, SimulatedDevice
from berofos_agent.simulator.store import Store
from berofos_agent.simulator.udp import UdpServer, bind
from berofos_agent.simulator.web import WebServer

LOOPBACK_BROADCAST = "127.255.255.255"
LIMITED_BROADCAST = "255.255.255.255"

MOST_PORT = 65535
_ATTEMPTS = 20


@dataclass(frozen=True)
class DeviceSpec:
    """A device to be put up. Port 0 lets the system choose; UDP port 0 chooses one that all such devices share."""

    name: str = "fos1"
    address: str = "127.0.0.1"
    http_port: int = 0
    udp_port: int = 0
    mac: str = FIRST_MAC
    firmware: str = DEFAULT_FIRMWARE
    settings: Mapping[str, str] = field(default_factory=dict)
    digest: bool = False
    lease: str = ""
    """The address a DHCP server gives it; if empty the address above, or none if that is 0.0.0.0."""


def specs(count: int, first: DeviceSpec = DeviceSpec()) -> list[DeviceSpec]:  # noqa: B008 - it is frozen
    """Return fos1, fos2, ... with MACs and addresses that count up; ports do where the address is 0.0.0.0.

    Raises ValueError if addresses or ports end before.
    """
    mac = int.from_bytes(parse_mac(first.mac), "big")
    address = IPv4Address(first.address)
    everywhere = address.is_unspecified
    lease = IPv4Address(first.lease) if first.lease else None
    if everywhere and first.http_port + count - 1 > MOST_PORT:
        raise ValueError(f"{first.http_port + count - 1} is no port")
    return [
        replace(
            first,
            name=f"fos{number + 1}",
            address=str(address if everywhere else address + number),
            http_port=first.http_port + number if everywhere and first.http_port else first.http_port,
            mac=format_mac((mac + number).to_bytes(6, "big")),
            lease=str(lease + number) if lease else "",
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class RunningDevice:
    """A device that is up, and where it listens."""

    model: SimulatedDevice
    http_address: Address
    udp_address: Address

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def mac(self) -> str:
        return format_mac(self.model.mac)

    @property
    def url(self) -> str:
        """Where its settings are read and written, without the slash at the end."""
        return f"http://{self.http_address[0]}:{self.http_address[1]}"


@dataclass(frozen=True)
class Simulator:
    """All devices that are up."""

    devices: Sequence[RunningDevice]

    def __iter__(self) -> Iterator[RunningDevice]:
        return iter(self.devices)

    def __getitem__(self, name: str) -> RunningDevice:
        return next(device for device in self.devices if device.name == name)

    @property
    def models(self) -> dict[str, SimulatedDevice]:
        return {device.name: device.model for device in self.devices}

    def conf(self) -> str:
        """The text of a bnfos.conf that declares these devices."""
        return "\n".join(_section(device) for device in self.devices)


def _section(device: RunningDevice) -> str:
    host, port = device.http_address
    host = "127.0.0.1" if IPv4Address(host).is_unspecified else host
    password = device.model.password()
    lines = [f"[{device.name}]", f"mac = {device.mac}", f"host = {host}"]
    if port != 80:
        lines.append(f"port = {port}")
    lines.append("#login = <user>:<password>" if password is None else f"login = admin:{password}")
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def running(
    devices: int | Sequence[DeviceSpec] = 1,
    *,
    clock: Callable[[], float] = time.monotonic,
    state: str = "",
    control: str = "",
    listener: Callable[[str, Entry], None] | None = None,
) -> Iterator[Simulator]:
    """Put devices up, and take them down at the end; raise BerofosError if one cannot listen.

    A number puts up that many on loopback: fos1 on 127.0.0.1, fos2 on 127.0.0.2, ..., ports chosen by the system.
    All on one UDP port hear what is sent to 127.255.255.255, or 255.255.255.255 if they are on no loopback address.
    """
    wanted = specs(devices) if isinstance(devices, int) else list(devices)
    store = Store(state) if state else None
    with contextlib.ExitStack() as stack:
        bound = _bind_udp(wanted, stack)
        http_sockets = [stack.enter_context(_bound(spec.address, spec.http_port, _bind_http)) for spec in wanted]
        models = [_model(spec, web.getsockname()[1], clock, listener, store) for spec, web in zip(wanted, http_sockets)]
        udp_sockets = [bound[spec.address, spec.udp_port] for spec in wanted]
        udp = UdpServer(list(zip(models, udp_sockets)), _bind_broadcast(wanted, udp_sockets, stack))
        stack.callback(udp.close)
        udp.start()
        for model, web in zip(models, http_sockets):
            server = WebServer(model, web)
            stack.callback(server.close)
            server.start()
        simulator = Simulator(
            [
                RunningDevice(model, web.getsockname(), datagrams.getsockname())
                for model, web, datagrams in zip(models, http_sockets, udp_sockets)
            ]
        )
        if control:
            orders = ControlServer(control, simulator.models)
            stack.callback(orders.close)
            orders.start()
        yield simulator


def _model(
    spec: DeviceSpec,
    http_port: int,
    clock: Callable[[], float],
    listener: Callable[[str, Entry], None] | None,
    store: Store | None,
) -> SimulatedDevice:
    lease = IPv4Address(spec.lease or spec.address)
    try:
        model = SimulatedDevice(
            spec.name,
            spec.mac,
            firmware=spec.firmware,
            lease=None if lease.is_unspecified else lease,
            settings={"port": str(http_port), **spec.settings},
            clock=clock,
            listener=None if listener is None else functools.partial(listener, spec.name),
            changed=None if store is None else store.try_to_save,
        )
    except ValueError as exc:
        raise BerofosError(f"{spec.name}: {exc}; correct its settings") from exc
    if spec.digest:
        model.fault("digest")
    if store is not None:
        store.restore(model)
        store.save(model)
    return model


def _bind_udp(wanted: Sequence[DeviceSpec], stack: contextlib.ExitStack) -> dict[Address, socket.socket]:
    """Bind each address asked for once; those with port 0 all get one port, tried again if it is not free on all."""
    bound: dict[Address, socket.socket] = {}
    addresses = sorted({(spec.address, spec.udp_port) for spec in wanted})
    for address, port in addresses:
        if port:
            bound[address, port] = stack.enter_context(_bound(address, port))
    free = [address for address, port in addresses if not port]
    for attempt in range(_ATTEMPTS):
        with contextlib.ExitStack() as tried:
            try:
                port = 0
                for address in free:
                    bound[address, 0] = tried.enter_context(_bound(address, port))
                    port = bound[address, 0].getsockname()[1]
            except BerofosError:
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            stack.enter_context(tried.pop_all())
            break
    return bound


def _bind_http(address: Address) -> socket.socket:
    return socket.create_server(address, backlog=128)


def _bound(address: str, port: int, bind: Callable[[Address], socket.socket] = bind) -> socket.socket:
    try:
        return bind((address, port))
    except OSError as exc:
        reason = exc.strerror or exc
        raise BerofosError(f"cannot listen on {address}:{port}: {reason}; try another address or port") from exc


def _bind_broadcast(
    wanted: Sequence[DeviceSpec], udp_sockets: Sequence[socket.socket], stack: contextlib.ExitStack
) -> list[socket.socket]:
    """Bind the broadcast addresses, shared with other simulators; 0.0.0.0 receives broadcasts without."""
    addresses = set()
    for spec, listener in zip(wanted, udp_sockets):
        address = IPv4Address(spec.address)
        if not address.is_unspecified:
            broadcast = LOOPBACK_BROADCAST if address.is_loopback else LIMITED_BROADCAST
            addresses.add((broadcast, listener.getsockname()[1]))
    return [
        stack.enter_context(_bound(*address, functools.partial(bind, shared=True))) for address in sorted(addresses)
    ]
