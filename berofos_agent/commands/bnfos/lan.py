"""The modes of `bnfos` that use UDP: scan, ping, kick, network configuration, reset."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Callable

from berofos_agent.commands.bnfos.context import Context
from berofos_agent.config.bnfosconf import Entry
from berofos_agent.config.editor import ConfFile
from berofos_agent.config.mac import format_mac
from berofos_agent.device import flashing, frame, gbl4, interfaces
from berofos_agent.device.frame import NetworkSettings, ScanReply
from berofos_agent.device.gbl4 import Gbl4Client
from berofos_agent.device.resolver import Address, resolve
from berofos_agent.device.settings import REQUEST_SECONDS
from berofos_agent.doctor.remedies import with_config
from berofos_agent.errors import BerofosError, ConfigurationError

Found = tuple[str, ScanReply]

_NOWHERE = "0.0.0.0"


def client(context: Context, entry: Entry) -> Gbl4Client:
    """Return a client for the device."""
    return Gbl4Client(entry.name, entry.host, entry.mac, context.lan.port)


# --- scan ------------------------------------------------------------------------------------------------------


def scan(context: Context) -> None:
    """Print a block for each device found; with -x add them to bnfos.conf."""
    file = ConfFile.load(context.arguments.config) if context.arguments.x else None
    found = _find(context)
    for number, (_, reply) in enumerate(found, 1):
        context.show(block(number, reply))
    context.reporter.info(f"{len(found)} device{'' if len(found) == 1 else 's'} found.")
    if file:
        for line in add_found(file, found):
            context.reporter.info(line)
        file.save()
        for _, reply in found:
            _refuse_twins(file, reply)
        problems = [entry.problem for entry in file.entries if entry.problem]
        if problems:
            raise ConfigurationError(f"{problems[0]}; the section was left as it is, correct it and scan again")


def _refuse_twins(file: ConfFile, reply: ScanReply) -> None:
    """Raise ConfigurationError if two sections have the MAC of this device, or its address, as after a replacement."""
    mine = [entry for entry in file.entries if entry.mac == reply.mac]
    where = {(entry.host, entry.port) for entry in mine if entry.host}
    there = [entry for entry in file.entries if (entry.host, entry.port) in where]
    for same, what in (mine, f"mac {format_mac(reply.mac)}"), (there, f"host {' '.join(host for host, _ in where)}"):
        if len(same) > 1:
            names = " and ".join(f"[{entry.name}]" for entry in same)
            raise ConfigurationError(f"{file.path}: {names} have the same {what}; correct one and scan again")


def sscan(context: Context) -> None:
    """Print a line for each device found."""
    for _, reply in _find(context):
        mode = "operational" if reply.operational else "flash"
        context.show(f"{format_mac(reply.mac).lower()};{reply.network.address};{_version(reply.firmware)};{mode}")


def _find(context: Context) -> list[Found]:
    host = context.arguments.h or context.lan.broadcast
    try:
        address = resolve(host, context.lan.port, context.seconds)
        if context.arguments.interface:
            found = _broadcast(context, address[0], context.arguments.interface)
        elif host == context.lan.broadcast and not _has_route(address):
            found = _on_every_interface(context, address[0])
        elif gbl4.is_broadcast(address):
            found = _broadcast(context, address[0])
        else:
            found = [(address[0], Gbl4Client(host, address[0], port=context.lan.port).scan(context.seconds))]
    except socket.gaierror:
        raise BerofosError(f"host name {host} is not known; give its address: -h ADDRESS") from None
    except OSError as exc:
        where = context.arguments.interface or host
        raise BerofosError(f"{where}: {exc.strerror or exc} (UDP port {context.lan.port}); check the network") from exc
    if not found:
        raise BerofosError("no device answers; give the address of one: -h ADDRESS, or --interface NAME")
    return found


def _broadcast(context: Context, address: str, interface: str = "") -> list[Found]:
    quiet = min(context.seconds, gbl4.REPLY_SECONDS)
    return gbl4.broadcast_scan(address, context.lan.port, quiet, max(context.seconds, quiet), interface)


def _has_route(address: Address) -> bool:
    try:
        gbl4.is_broadcast(address)
    except OSError as exc:
        if exc.errno != errno.ENETUNREACH:
            raise
        return False
    return True


def _on_every_interface(context: Context, address: str) -> list[Found]:
    """Ask on each interface that is up, one after the other: without a default route a broadcast goes nowhere."""
    names = interfaces.with_broadcast()
    context.reporter.info(f"No default route, so asking on {', '.join(names) or 'no interface: none is up'}.")
    found: dict[bytes, Found] = {}
    for name in names:
        try:
            answers = _broadcast(context, address, name)
        except OSError as exc:
            context.reporter.info(f"{name}: {exc.strerror}")
            continue
        found.update({reply.mac: (sender, reply) for sender, reply in answers if reply.mac not in found})
    return list(found.values())


def block(number: int, reply: ScanReply) -> str:
    """Return what a scan prints of one device."""
    network = reply.network
    options = " | ".join(name for bit, name in _OPTION_NAMES.items() if network.options & bit)
    return "\n".join(
        (
            f"#{number}:",
            f" mac: {format_mac(reply.mac)}",
            f" bootloader: v{_version(reply.bootloader)}",
            f" firmware: v{_version(reply.firmware)}",
            f" device mode: {'OPERATIONAL' if reply.operational else 'FLASH MODE'}",
            "",
            f" address: {network.address}",
            f" netmask: {network.netmask}",
            f" gateway: {network.gateway}",
            f" phy conf: 0x{network.phy:02x} ({_PHY_NAMES.get(network.phy, '')})",
            f" phy state: 0x{reply.link:02x} ({_link(reply.link)})",
            f" options: 0x{network.options:02x}{f' ({options})' if options else ''}",
            f" http port: {network.http_port}",
            "",
        )
    )


_PHY_NAMES = {
    frame.PHY_10_MBIT: "PROBE_10MBIT",
    frame.PHY_100_MBIT: "PROBE_100MBIT",
    frame.PHY_AUTOMATIC: "PROBE_AUTO",
}
_OPTION_NAMES = {
    frame.OPTION_DHCP: "OPT_DHCP",
    frame.OPTION_AUTHENTICATION: "OPT_HTTP_AUTH",
    frame.OPTION_ACCESS_LIST: "OPT_IP_ACL",
}


def _version(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _link(bits: int) -> str:
    speed = "LINK_100MBIT" if bits & frame.LINK_100_MBIT else "LINK_10MBIT"
    up = ["LINK_BEAT"] if bits & frame.LINK_UP else []
    return " | ".join([*up, speed, *(["LINK_FDX"] if bits & frame.LINK_FULL_DUPLEX else [])])


def add_found(file: ConfFile, found: list[Found]) -> list[str]:
    """Add what a scan found to bnfos.conf and return a sentence on each device; does not save.

    A device is known by its MAC, or by its address if its section has no MAC yet. It keeps its name, its login and
    the comments around it.
    """
    lines = []
    for sender, reply in found:
        host = "" if sender == _NOWHERE else sender
        mac = format_mac(reply.mac)
        known = [entry for entry in file.entries if entry.mac == reply.mac] or [
            entry for entry in file.entries if not entry.mac and host and _leads_to(entry.host, host)
        ]
        if any(entry.problem for entry in known) or len(known) > 1:
            continue  # a section with a mistake in it is left as it is; `scan` says so
        names = [entry.name for entry in known] or [file.append_device(reply.mac, host)]
        for entry in (entry for entry in file.entries if entry.name in names):
            wanted = {"mac": mac} if not entry.mac else {}
            if host and not _leads_to(entry.host, host):
                wanted["host"] = host
            if reply.network.http_port != entry.port and reply.network.http_port:
                wanted["port"] = str(reply.network.http_port)
            for key, value in wanted.items():
                file.set(entry.name, key, value)
            what = "new" if not known else "changed" if wanted else "known, unchanged"
            lines.append(f"{file.path}: [{entry.name}] {mac} {host or 'has no address yet'} ({what})")
    return lines


def _leads_to(name: str, address: str) -> bool:
    """True if a host name or address in the file already means this address."""
    if not name or name == address:
        return bool(name)
    try:
        return resolve(name, 0, REQUEST_SECONDS)[0] == address
    except OSError:
        return False


# --- one device ------------------------------------------------------------------------------------------------


def ping(context: Context) -> None:
    """Report whether the device answers, and after how long."""
    entry = context.target()
    milliseconds = client(context, entry).ping(seconds=context.seconds) * 1000
    context.reporter.info(f"{entry.name}: Ping succeeded! Answer after {milliseconds:.1f} ms")


def kick(context: Context) -> None:
    """Start a fresh watchdog interval."""
    entry = context.target()
    client(context, entry).kick(context.seconds)
    context.reporter.info(f"{entry.name}: Kick succeeded!")


def netconf(context: Context) -> None:
    """Write the network configuration."""
    given = context.arguments
    entry = context.target(mac_needed=True)
    address = given.i or IPv4Address(0)
    dhcp = given.d is not False
    network = NetworkSettings(
        address,
        given.n or netmask_by_class(address),
        given.g or IPv4Address(0),
        given.e or frame.PHY_AUTOMATIC,
        (frame.OPTION_DHCP if dhcp else 0) | (frame.OPTION_AUTHENTICATION if given.a else 0),
        given.p or 80,
    )
    device = client(context, entry)
    flashing.require_flash_mode(device, context.seconds)
    device.netconf(network, context.seconds)
    context.reporter.info(f"{entry.name}: Network configuration succeeded! It is in force once the device restarts")
    if given.i and dhcp:
        context.reporter.info(f"{entry.name}: DHCP is on, its address overrides {address}; -d 0 turns it off")
    elif given.f and not dhcp and str(address) != entry.host:
        scan = with_config(f"bnfos --scan -x -h {address}", given.config)
        context.reporter.info(f"then update {given.config}: {scan}")


def netmask_by_class(address: IPv4Address) -> IPv4Address:
    """Return the netmask of the address's class A, B or C."""
    first = int(address) >> 24
    return IPv4Address("255.0.0.0" if first < 128 else "255.255.0.0" if first < 192 else "255.255.255.0")


def reset(context: Context) -> None:
    """Erase settings and firmware."""
    entry = context.target(mac_needed=True)
    device = client(context, entry)
    flashing.require_flash_mode(device, context.seconds)
    device.erase(max(context.seconds, gbl4.ERASE_SECONDS))
    context.reporter.info(f"{entry.name}: Reset succeeded! It needs a firmware now: bnfos --flash FILE")


WORK: Mapping[str, Callable[[Context], None]] = {
    "scan": scan,
    "sscan": sscan,
    "netconf": netconf,
    "ping": ping,
    "kick": kick,
    "reset": reset,
}
