"""Encodes and decodes the datagrams of GBL4, the device's UDP protocol.

Facts from the protocol notes in docs/protocol.md. Request and reply have one frame format, big-endian:

    offset  size  field
    0       4     47 42 4C 04 ("GBL", 4)
    4       1     command
    5       n     payload
    5+n     1     XOR of all bytes before it

A reply carries the command of its request. All payloads but that of a scan request start with the device's MAC.
A payload may be longer than the tables say: sister products send more.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address
from typing import NamedTuple

from berofos_agent.errors import FrameError

PORT = 50123
MAGIC = b"GBL\x04"
PAGE_BYTES = 512

HARDWARE_ID = 0x0050
HARDWARE_IDS = frozenset({HARDWARE_ID, 0x00BB})

SUCCESS = 0


class Command(IntEnum):
    """Commands of the protocol; 10 (set MAC) is left out on purpose: it is not to be used."""

    SCAN = 1
    NETCONF = 2
    FLASH_PREPARE = 3
    FLASH_PAGE = 4
    ERASE = 5
    PING = 9
    KICK = 11


class Frame(NamedTuple):
    """One request or reply."""

    command: int
    payload: bytes

    @property
    def mac(self) -> bytes:
        """The MAC the payload starts with; shorter than 6 bytes if the payload is."""
        return self.payload[:6]


def checksum(data: bytes) -> int:
    """XOR of all bytes: of a frame without its last byte, and of a firmware image."""
    # In blocks as long numbers, and the last one folded: byte by byte this would take longer than a page on the wire.
    block = 0
    for start in range(0, len(data), _BLOCK_BYTES):
        block ^= int.from_bytes(data[start : start + _BLOCK_BYTES], "little")
    for half in _HALVES_IN_BITS:
        block ^= block >> half
    return block & 0xFF


_BLOCK_BYTES = 128
_HALVES_IN_BITS = (512, 256, 128, 64, 32, 16, 8)


def encode(command: int, payload: bytes = b"") -> bytes:
    """Return the datagram for a command and its payload."""
    head = MAGIC + bytes([command]) + payload
    return head + bytes([checksum(head)])


def decode(datagram: bytes) -> Frame:
    """Return the frame in a datagram; raise FrameError if it is none."""
    if len(datagram) < len(MAGIC) + 2:
        raise FrameError(f"{len(datagram)} bytes are too short for a GBL4 frame")
    if not datagram.startswith(MAGIC):
        raise FrameError("does not start with GBL4")
    if checksum(datagram) != 0:
        raise FrameError("wrong checksum")
    return Frame(datagram[4], datagram[5:-1])


# --- what the payloads hold ------------------------------------------------------------------------------------

PHY_10_MBIT, PHY_100_MBIT = 1, 2
PHY_AUTOMATIC = PHY_10_MBIT | PHY_100_MBIT
LINK_UP, LINK_100_MBIT, LINK_FULL_DUPLEX = 1, 2, 4
OPTION_DHCP, OPTION_AUTHENTICATION, OPTION_ACCESS_LIST = 1, 2, 4

_NETWORK_SETTINGS = struct.Struct("!4s4s4sBBH")
_SCAN_REPLY = struct.Struct("!6sHBBBBB4s4s4sBBBH")
_NO_ADDRESS = IPv4Address(0)


@dataclass(frozen=True)
class NetworkSettings:
    """What command 2 writes: all of it at once, so whatever is not given goes to the default."""

    address: IPv4Address = _NO_ADDRESS
    netmask: IPv4Address = _NO_ADDRESS
    gateway: IPv4Address = _NO_ADDRESS
    phy: int = PHY_AUTOMATIC
    options: int = OPTION_DHCP
    http_port: int = 80


@dataclass(frozen=True)
class ScanReply:
    """What a device reports of itself in reply to command 1."""

    mac: bytes
    firmware: tuple[int, int]
    operational: bool
    network: NetworkSettings = field(default_factory=NetworkSettings)
    link: int = 0
    hardware_id: int = HARDWARE_ID
    bootloader: tuple[int, int] = (1, 0)

    @property
    def is_berofos(self) -> bool:
        """False for the vendor's other products, which answer the same scan."""
        return self.hardware_id in HARDWARE_IDS


def encode_network_settings(mac: bytes, network: NetworkSettings) -> bytes:
    """Return the payload of command 2."""
    return mac + _NETWORK_SETTINGS.pack(*_packed(network), network.phy, network.options, network.http_port)


def _packed(network: NetworkSettings) -> list[bytes]:
    return [one.packed for one in (network.address, network.netmask, network.gateway)]


def decode_network_settings(payload: bytes) -> NetworkSettings:
    """Return what a payload of command 2 asks for; raise FrameError if it is too short."""
    _need(payload, 6 + _NETWORK_SETTINGS.size)
    address, netmask, gateway, phy, options, port = _NETWORK_SETTINGS.unpack_from(payload, 6)
    return NetworkSettings(IPv4Address(address), IPv4Address(netmask), IPv4Address(gateway), phy, options, port)


def encode_scan_reply(reply: ScanReply) -> bytes:
    """Return the payload a device answers command 1 with."""
    return _SCAN_REPLY.pack(
        reply.mac,
        reply.hardware_id,
        *reply.bootloader,
        *reply.firmware,
        0 if reply.operational else 1,
        *_packed(reply.network),
        reply.network.phy,
        reply.link,
        reply.network.options,
        reply.network.http_port,
    )


def decode_scan_reply(payload: bytes) -> ScanReply:
    """Return what a device reports of itself; raise FrameError if the payload is too short."""
    _need(payload, _SCAN_REPLY.size)
    (mac, hardware, boot_major, boot_minor, major, minor, mode, address, netmask, gateway, phy, link, options, port) = (
        _SCAN_REPLY.unpack_from(payload)
    )
    network = NetworkSettings(IPv4Address(address), IPv4Address(netmask), IPv4Address(gateway), phy, options, port)
    return ScanReply(mac, (major, minor), mode == 0, network, link, hardware, (boot_major, boot_minor))


def ping_payload(mac: bytes, number: int) -> bytes:
    """Return the payload of command 9; the reply's is the same. The number has 16 bits."""
    return mac + struct.pack("!H", number & 0xFFFF)


def kick_payload(mac: bytes) -> bytes:
    """Return the payload of command 11."""
    return mac + b"\0"


def flash_pages(image: bytes) -> int:
    """Return how many pages an image takes."""
    return -(-len(image) // PAGE_BYTES)


def flash_prepare_payload(mac: bytes, image: bytes) -> bytes:
    """Return the payload of command 3: the number of pages and the XOR over the image."""
    return mac + struct.pack("!HB", flash_pages(image), checksum(image))


def flash_page_payload(mac: bytes, image: bytes, index: int) -> bytes:
    """Return the payload of command 4 for the page with this index, from 0; the last page is padded with 0."""
    page = image[index * PAGE_BYTES : (index + 1) * PAGE_BYTES]
    return mac + struct.pack("!H", index) + page.ljust(PAGE_BYTES, b"\0")


def flash_error_of(payload: bytes, index: int) -> int:
    """Return the error of a reply to command 3 or 4; SUCCESS if it holds nothing behind the MAC, or the page's index.

    Whether the index is repeated before the error is not known, so both forms are understood.
    """
    rest = payload[6:]
    if len(rest) > 1 and rest.startswith(struct.pack("!H", index)):
        rest = rest[2:]
    return rest[0] if rest else SUCCESS


def error_payload(mac: bytes, error: int = SUCCESS) -> bytes:
    """Return the payload of a reply that says how a command ended; 0 is success."""
    return mac + bytes([error])


def error_of(payload: bytes) -> int:
    """Return the error byte behind the MAC; raise FrameError if there is none."""
    _need(payload, 7)
    return payload[6]


def _need(payload: bytes, size: int) -> None:
    if len(payload) < size:
        raise FrameError(f"payload of {len(payload)} bytes is too short, {size} expected")
