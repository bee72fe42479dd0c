"""GBL4 frames as literal bytes, both ways, and the hostile ones."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from berofos_agent.config.mac import format_mac, parse_mac
from berofos_agent.device import frame
from berofos_agent.device.frame import Command, FrameError, NetworkSettings, ScanReply

MAC = bytes.fromhex("00193200121D")
IMAGE = b"bero*fos"
STATIC = NetworkSettings(
    IPv4Address("10.34.1.20"), IPv4Address("255.255.255.0"), IPv4Address("10.34.1.1"), frame.PHY_AUTOMATIC, 0, 80
)
SCANNED = ScanReply(
    MAC,
    firmware=(1, 53),
    operational=True,
    network=STATIC,
    link=frame.LINK_UP | frame.LINK_100_MBIT | frame.LINK_FULL_DUPLEX,
)

FRAMES = {
    "scan": (Command.SCAN, b"", "47424c04 01 4c"),
    "ping": (Command.PING, frame.ping_payload(MAC, 0), "47424c04 09 00193200121d 0000 60"),
    "kick": (Command.KICK, frame.kick_payload(MAC), "47424c04 0b 00193200121d 00 62"),
    "erase": (Command.ERASE, MAC, "47424c04 05 00193200121d 6c"),
    "netconf, static": (
        Command.NETCONF,
        frame.encode_network_settings(MAC, STATIC),
        "47424c04 02 00193200121d 0a220114 ffffff00 0a220101 03 00 0050 d2",
    ),
    "flash prepare": (
        Command.FLASH_PREPARE,
        frame.flash_prepare_payload(MAC, IMAGE),
        "47424c04 03 00193200121d 0001 4a 21",
    ),
    "flash page, padded": (
        Command.FLASH_PAGE,
        frame.flash_page_payload(MAC, IMAGE, 0),
        "47424c04 04 00193200121d 0000 6265726f2a666f73" + "00" * 504 + "27",
    ),
    "scan reply": (
        Command.SCAN,
        frame.encode_scan_reply(SCANNED),
        "47424c04 01 00193200121d 0050 0100 0135 00 0a220114 ffffff00 0a220101 03 07 00 0050 b3",
    ),
}


@pytest.mark.parametrize(("command", "payload", "datagram"), FRAMES.values(), ids=FRAMES)
def test_frame_on_the_wire_and_back(command: Command, payload: bytes, datagram: str) -> None:
    wire = bytes.fromhex(datagram)
    assert frame.encode(command, payload) == wire
    assert frame.decode(wire) == frame.Frame(command, payload)


@pytest.mark.parametrize("size", [*range(20), 511, 512, 513, 4097])
def test_checksum_is_the_xor_of_all_bytes(size: int) -> None:
    data = bytes(7 * number % 256 for number in range(size))
    expected = 0
    for byte in data:
        expected ^= byte
    assert frame.checksum(data) == expected


HOSTILE = {
    "empty_datagram_rejected": b"",
    "magic_alone_rejected": b"GBL\x04",
    "frame_without_checksum_rejected": bytes.fromhex("47424c0401"),
    "frame_cut_short_rejected": bytes.fromhex("47424c040900193200121d0000"),
    "wrong_checksum_rejected": bytes.fromhex("47424c04014d"),
    "other_magic_with_right_checksum_rejected": bytes.fromhex("47424c03014b"),
    "byte_added_at_the_end_rejected": bytes.fromhex("47424c04014c01"),
    "text_rejected": b"HTTP/1.0 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("datagram", HOSTILE.values(), ids=HOSTILE)
def test_hostile_datagram(datagram: bytes) -> None:
    with pytest.raises(FrameError):
        frame.decode(datagram)


@pytest.mark.parametrize("position", range(14))
def test_one_flipped_bit_anywhere_is_rejected(position: int) -> None:
    wire = bytearray.fromhex("47424c040900193200121d000060")
    wire[position] ^= 0x10
    with pytest.raises(FrameError):
        frame.decode(bytes(wire))


def test_scan_reply_read_back() -> None:
    assert frame.decode_scan_reply(frame.encode_scan_reply(SCANNED)) == SCANNED


def test_scan_reply_longer_than_ours_accepted() -> None:
    """Sister products send more."""
    assert frame.decode_scan_reply(frame.encode_scan_reply(SCANNED) + b"more") == SCANNED


@pytest.mark.parametrize("length", range(len(frame.encode_scan_reply(SCANNED))))
def test_scan_reply_cut_short_rejected(length: int) -> None:
    with pytest.raises(FrameError, match="too short"):
        frame.decode_scan_reply(frame.encode_scan_reply(SCANNED)[:length])


def test_scan_reply_of_a_device_in_flash_mode() -> None:
    flashing = replace(SCANNED, operational=False)
    assert not frame.decode_scan_reply(frame.encode_scan_reply(flashing)).operational


@pytest.mark.parametrize(("hardware_id", "is_berofos"), [(0x0050, True), (0x00BB, True), (0x0051, False), (0, False)])
def test_other_products_of_the_vendor_are_told_apart(hardware_id: int, is_berofos: bool) -> None:
    assert replace(SCANNED, hardware_id=hardware_id).is_berofos is is_berofos


def test_network_settings_read_back() -> None:
    assert frame.decode_network_settings(frame.encode_network_settings(MAC, STATIC)) == STATIC


def test_network_settings_cut_short_rejected() -> None:
    with pytest.raises(FrameError, match="too short"):
        frame.decode_network_settings(frame.encode_network_settings(MAC, STATIC)[:-1])


def test_error_byte_behind_the_mac() -> None:
    assert frame.error_of(frame.error_payload(MAC, 7)) == 7
    with pytest.raises(FrameError, match="too short"):
        frame.error_of(MAC)


@pytest.mark.parametrize(("size", "pages"), [(0, 0), (1, 1), (512, 1), (513, 2), (262144, 512)])
def test_pages_of_an_image(size: int, pages: int) -> None:
    assert frame.flash_pages(bytes(size)) == pages


def test_ping_number_wraps_at_16_bits() -> None:
    assert frame.ping_payload(MAC, 65537) == frame.ping_payload(MAC, 1)


@pytest.mark.parametrize("text", ["00:19:32:00:12:1D", "00-19-32-00-12-1d", "00193200121d", " 00:19:32:00:12:1D "])
def test_mac_in_each_notation(text: str) -> None:
    assert parse_mac(text) == MAC
    assert format_mac(MAC) == "00:19:32:00:12:1D"


@pytest.mark.parametrize("text", ["", "00:19:32:00:12", "00:19:32:00:12:1D:00", "00:19:32:00:12:1G", "::::::", "fos1"])
def test_no_mac_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="not a MAC address"):
        parse_mac(text)


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"GBL\x04\x4d", "5 bytes are too short for a GBL4 frame"),
        (b"HTTP/1.0", "does not start with GBL4"),
        (bytes.fromhex("47424c04014d"), "wrong checksum"),
    ],
)
def test_a_datagram_is_refused_with_its_reason(datagram: bytes, reason: str) -> None:
    """The first one is magic and a right checksum, but has no command."""
    with pytest.raises(FrameError) as refused:
        frame.decode(datagram)
    assert str(refused.value) == reason


def test_numbers_of_16_bits_have_no_sign() -> None:
    assert frame.ping_payload(MAC, 0xFFFE) == MAC + b"\xff\xfe"
    assert frame.flash_page_payload(MAC, b"", 0x8001)[6:8] == b"\x80\x01"


def test_what_announces_an_image_and_what_kicks() -> None:
    assert frame.flash_prepare_payload(MAC, IMAGE) == MAC + bytes.fromhex("0001 4a")
    assert frame.flash_prepare_payload(MAC, bytes(0x8001 * 512 - 1) + b"\xf0") == MAC + bytes.fromhex("8001 f0")
    assert frame.kick_payload(MAC) == MAC + b"\0"
    assert frame.encode(Command.SCAN) == bytes.fromhex("47424c04014c")


def test_each_page_holds_its_own_512_bytes() -> None:
    image = bytes(range(256)) * 5
    assert [len(frame.flash_page_payload(MAC, image, index)) for index in range(3)] == [520, 520, 520]
    assert frame.flash_page_payload(MAC, image, 1)[8:] == image[512:1024]


def test_flash_mode_on_the_wire_is_1() -> None:
    assert frame.encode_scan_reply(replace(SCANNED, operational=False))[12] == 1
    assert frame.encode_scan_reply(SCANNED)[12] == 0
