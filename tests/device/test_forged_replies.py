"""GBL4 on a hostile LAN: anyone can answer, so only the right checksum, command, sender and MAC count."""

from __future__ import annotations

import socket
from dataclasses import replace
from unittest import mock

import pytest

from berofos_agent.device import frame, gbl4
from berofos_agent.device.frame import Command, ScanReply
from berofos_agent.device.gbl4 import Gbl4Client, broadcast_scan
from berofos_agent.errors import DeviceError, NotABerofos, Unreachable, UnusableAnswer

from .hostile import ends_soon_and_small, hostile_ear

MAC = bytes.fromhex("00193200121D")
OTHER_MAC = bytes.fromhex("001932000001")
SECONDS = 0.6

TRUE = ScanReply(MAC, (1, 53), True)


def scan_reply(told: ScanReply = TRUE) -> bytes:
    return frame.encode(Command.SCAN, frame.encode_scan_reply(told))


RIGHT = scan_reply()
FORGED = {
    "nothing-in-it": b"",
    "no-gbl4": b"HTTP/1.0 200 OK\r\n\r\n",
    "wrong-checksum": RIGHT[:-1] + bytes([RIGHT[-1] ^ 1]),
    "truncated": RIGHT[:-9],
    "truncated-with-a-right-checksum": frame.encode(Command.SCAN, frame.encode_scan_reply(TRUE)[:-9]),
    "only-a-mac": frame.encode(Command.SCAN, MAC),
    "another-command": frame.encode(Command.PING, frame.encode_scan_reply(TRUE)),
    "an-unknown-command": frame.encode(200, frame.encode_scan_reply(TRUE)),
    "another-mac": scan_reply(replace(TRUE, mac=OTHER_MAC)),
    "another-product": scan_reply(replace(TRUE, hardware_id=0x1234)),
    "oversized": RIGHT + bytes(60000),
    "its-own-request": frame.encode(Command.SCAN),
}
WHAT_IS_LEFT = {
    "truncated-with-a-right-checksum": (UnusableAnswer, "too short"),
    "only-a-mac": (UnusableAnswer, "too short"),
    "its-own-request": (UnusableAnswer, "too short"),
    "another-mac": (NotABerofos, "has MAC 00:19:32:00:00:01, not 00:19:32:00:12:1D"),
    "another-product": (NotABerofos, "another product"),
}
"""Where only the forged one comes, it is told; the others are no reply at all."""


def client_of(address: tuple[str, int]) -> Gbl4Client:
    return Gbl4Client("fos1", address[0], MAC, address[1])


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_the_right_reply_is_found_behind_a_forged_one(forged: bytes) -> None:
    with hostile_ear(forged, RIGHT) as address:
        assert client_of(address).scan(5).mac == MAC


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_reply_alone_is_never_believed(forged: str) -> None:
    error, words = WHAT_IS_LEFT.get(forged, (Unreachable, r"no answer from .* within 0\.6 s"))
    with hostile_ear(FORGED[forged]) as address, ends_soon_and_small(), pytest.raises(error, match=words):
        client_of(address).scan(SECONDS)


@pytest.mark.parametrize("forged", FORGED)
def test_a_flood_of_forged_replies_ends_in_time(forged: str) -> None:
    with hostile_ear(FORGED[forged], flood=True) as address, ends_soon_and_small(), pytest.raises(DeviceError):
        client_of(address).scan(SECONDS)


def test_a_right_reply_thousands_of_times_is_one_reply() -> None:
    with hostile_ear(RIGHT, flood=True) as address, ends_soon_and_small():
        assert client_of(address).scan(5) == TRUE


def test_a_reply_of_another_host_is_not_heard() -> None:
    """The device itself is silent; another host answers in its place, at every port it can guess."""
    with hostile_ear() as address:
        own = socket.socket.sendto

        def sendto(sock: socket.socket, data: bytes, target: tuple[str, int]) -> int:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.9", 0))
                own(other, RIGHT, ("127.0.0.1", sock.getsockname()[1]))
            return own(sock, data, target)

        with mock.patch.object(gbl4.socket.socket, "sendto", sendto), pytest.raises(Unreachable, match="no answer"):
            client_of(address).scan(SECONDS)


def test_a_kick_is_answered_by_the_device_and_nobody_else() -> None:
    refusal_of_another = frame.encode(Command.KICK, frame.error_payload(OTHER_MAC, 1))
    with hostile_ear(refusal_of_another, RIGHT, frame.encode(Command.KICK, frame.error_payload(MAC))) as address:
        client_of(address).kick(5)


def test_a_ping_is_answered_with_its_own_number() -> None:
    other, own = (frame.encode(Command.PING, frame.ping_payload(MAC, number)) for number in (6, 7))
    with hostile_ear(other, own) as address:
        assert client_of(address).ping(7, 5) > 0
    with hostile_ear(other) as address, pytest.raises(Unreachable):
        client_of(address).ping(7, SECONDS)


def test_a_scan_of_a_flooded_lan_ends_and_stays_small() -> None:
    """Each forged reply has a MAC of its own."""
    invented = [scan_reply(replace(TRUE, mac=b"\0\x19" + number.to_bytes(4, "big"))) for number in range(10000)]
    with hostile_ear(*invented, flood=True) as (_host, port), ends_soon_and_small():
        found = broadcast_scan("127.0.0.1", port, quiet=SECONDS, seconds=1.0)
    assert 0 < len(found) <= gbl4.MOST_DEVICES


def test_a_scan_of_the_lan_passes_over_what_is_no_berofos() -> None:
    with hostile_ear(*FORGED.values()) as (_host, port):
        found = broadcast_scan("127.0.0.1", port, quiet=SECONDS, seconds=5.0)
    assert [told.mac for _sender, told in found] == [OTHER_MAC]
