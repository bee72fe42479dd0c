"""`bnfos --scan`: finds what is there, returns when it may, and loses nothing of bnfos.conf."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.commands.bnfos.lan import add_found
from berofos_agent.config.editor import ConfFile
from berofos_agent.device.frame import ScanReply
from berofos_agent.simulator import Simulator
from berofos_agent.simulator.model import Power

from .bnfos_calls import Bnfos, bnfos_at, bnfos_for
from .standin import framed, scan_reply, standing_in

ENDLESS = "-t 600"
"""A call that waits for all of its time fails the test by its time limit."""


@pytest.fixture
def devices() -> Iterator[Simulator]:
    with simulator.running(2) as up:
        yield up


@pytest.fixture
def bnfos(devices: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bnfos:
    return bnfos_for(devices, tmp_path, capsys)


def test_each_device_is_a_block(devices: Simulator, bnfos: Bnfos) -> None:
    ran = bnfos("--scan")
    assert ran.status == 0
    assert ran.out.startswith(
        "#1:\n mac: 00:19:32:00:12:1D\n bootloader: v1.0\n firmware: v1.53\n device mode: OPERATIONAL\n\n"
        " address: 127.0.0.1\n netmask: 255.255.255.0\n gateway: 0.0.0.0\n phy conf: 0x03 (PROBE_AUTO)\n"
        " phy state: 0x07 (LINK_BEAT | LINK_100MBIT | LINK_FDX)\n options: 0x01 (OPT_DHCP)\n"
        f" http port: {devices['fos1'].http_address[1]}\n\n#2:\n mac: 00:19:32:00:12:1E\n"
    )
    assert ran.err == "2 devices found.\n"


def test_each_device_is_a_line_for_scripts(devices: Simulator, bnfos: Bnfos) -> None:
    devices["fos2"].model.switch_power(Power.FLASH)
    ran = bnfos("--sscan")
    assert ran.out == "00:19:32:00:12:1d;127.0.0.1;1.53;operational\n00:19:32:00:12:1e;127.0.0.2;1.53;flash\n"
    assert (ran.status, ran.err) == (0, "")


def test_unicast_scan_returns_with_the_answer(bnfos: Bnfos) -> None:
    assert bnfos(f"--scan -h 127.0.0.2 {ENDLESS}").out.startswith("#1:\n mac: 00:19:32:00:12:1E\n")


def test_broadcast_scan_returns_after_a_quiet_second(bnfos: Bnfos) -> None:
    assert bnfos(f"--sscan {ENDLESS}").out.count("\n") == 2


def test_host_name_is_asked_and_nobody_else(devices: Simulator, bnfos: Bnfos) -> None:
    assert bnfos("--sscan -h localhost").out == "00:19:32:00:12:1d;127.0.0.1;1.53;operational\n"
    assert devices["fos2"].model.requests == {}


def test_host_name_nobody_knows_is_an_error(bnfos: Bnfos) -> None:
    ran = bnfos("--scan -h berofos.invalid")
    assert ran.status == 1
    assert "berofos.invalid" in ran.err


def test_other_products_are_passed_over(devices: Simulator, bnfos: Bnfos) -> None:
    devices["fos1"].model.fault("not-berofos")
    assert bnfos("--sscan").out == "00:19:32:00:12:1e;127.0.0.2;1.53;operational\n"
    ran = bnfos("--sscan -h 127.0.0.1")
    assert (ran.status, ran.out) == (1, "")
    assert "another product" in ran.err


def test_box_with_the_other_hardware_id_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with standing_in(replies={1: lambda _request: [scan_reply(hardware=0xBB)]}) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)("--sscan -h 127.0.0.1")
    assert ran.out == "00:19:32:00:12:1d;10.34.1.50;1.53;operational\n"


def test_stray_datagrams_before_the_answer_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stray = [b"noise", framed(9, b"123456\0\0"), scan_reply()[:-1] + b"\xff", scan_reply()]
    with standing_in(replies={1: lambda _request: stray}) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)("--sscan -h 127.0.0.1")
    assert ran.out == "00:19:32:00:12:1d;10.34.1.50;1.53;operational\n"


# --- -x --------------------------------------------------------------------------------------------------------


def test_first_scan_writes_the_file(devices: Simulator, bnfos: Bnfos) -> None:
    bnfos.config.unlink()
    assert bnfos("--scan -x").status == 0
    assert bnfos.text() == devices.conf()
    assert stat.S_IMODE(bnfos.config.stat().st_mode) == 0o600


def test_known_devices_keep_all_and_get_their_new_address(devices: Simulator, bnfos: Bnfos) -> None:
    port1, port2 = (device.http_address[1] for device in devices)
    text = (
        "# ask Marie\n[rack-left]\nmac = 00:19:32:00:12:1d\nhost = 10.0.0.9\nlogin = admin:foo:bar\n"
        f"port = {port1}\n\n; spare\n[fos7]\nmac = 00:11:22:33:44:55\nhost = 10.0.0.7\n"
    )
    bnfos.write(text)
    ran = bnfos("--scan -x")
    assert ran.status == 0
    assert "admin:foo:bar" not in ran.out + ran.err
    assert bnfos.text() == (
        text.replace("10.0.0.9", "127.0.0.1")
        + f"\n[fos1]\nmac = 00:19:32:00:12:1E\nhost = 127.0.0.2\nport = {port2}\n#login = <user>:<password>\n"
    )


def test_second_scan_changes_nothing(bnfos: Bnfos) -> None:
    before = bnfos.text()
    assert bnfos("--scan -x").status == 0
    assert bnfos.text() == before


def test_scan_that_finds_nothing_changes_nothing_and_fails(devices: Simulator, bnfos: Bnfos) -> None:
    before = bnfos.text()
    for device in devices:
        device.model.fault("silent")
    ran = bnfos("--scan -x")
    assert (ran.status, ran.out) == (1, "")
    assert "-h ADDRESS" in ran.err
    assert bnfos.text() == before


def test_unreadable_file_is_refused_before_anything_is_sent(devices: Simulator, bnfos: Bnfos) -> None:
    bnfos.write("[fos1]\nhost = 10.0.0.1\n\0")
    ran = bnfos("--scan -x")
    assert ran.status == 1
    assert "binary" in ran.err
    assert bnfos.text() == "[fos1]\nhost = 10.0.0.1\n\0"
    assert devices["fos1"].model.requests == {}


def test_section_with_a_mistake_is_left_as_it_is_and_said(devices: Simulator, bnfos: Bnfos) -> None:
    broken = "[fos1\nmac = 00:19:32:00:12:1D\nhost = 10.0.0.1\n"
    bnfos.write(broken)
    ran = bnfos("--scan -x")
    assert ran.status == 1
    assert "line 1: wrong header; write [fos1] on a line of its own" in ran.err
    assert "the section was left as it is, correct it and scan again" in ran.err
    assert bnfos.text().startswith(broken)
    assert f"[fos2]\nmac = {devices['fos2'].mac}\n" in bnfos.text()


def test_section_without_a_mac_is_known_by_its_address(bnfos: Bnfos) -> None:
    bnfos.write("[fos1]\nhost = 127.0.0.2\n")
    bnfos("--scan -x -h 127.0.0.2")
    assert bnfos.text().startswith("[fos1]\nhost = 127.0.0.2\nmac = 00:19:32:00:12:1E\n")
    assert bnfos.text().count("[") == 1


def test_host_name_that_leads_to_the_device_stays(bnfos: Bnfos) -> None:
    bnfos.write("[fos1]\nmac = 00:19:32:00:12:1D\nhost = localhost\n")
    bnfos("--scan -x -h 127.0.0.1")
    assert "host = localhost\n" in bnfos.text()


def test_tenth_device_is_fos10(tmp_path: Path) -> None:
    file = ConfFile(str(tmp_path / "bnfos.conf"))
    found = [(f"10.0.0.{number}", ScanReply(bytes([0, 25, 50, 0, 0, number]), (1, 53), True)) for number in range(12)]
    add_found(file, found)
    add_found(file, found)
    assert [entry.name for entry in file.entries] == [f"fos{number}" for number in range(1, 13)]


def test_device_without_an_address_is_a_placeholder(tmp_path: Path) -> None:
    file = ConfFile(str(tmp_path / "bnfos.conf"))
    told = add_found(file, [("0.0.0.0", ScanReply(bytes(6), (1, 53), True))])
    assert ";host = 0.0.0.0\n" in file.text
    assert "no address yet" in told[0]


def test_two_sections_with_one_mac_are_left_as_they_are_and_said(devices: Simulator, bnfos: Bnfos) -> None:
    """The second was copied from the first: its address is right, and another resource may switch it by its name."""
    text = bnfos.text().replace(devices["fos2"].mac, devices["fos1"].mac)
    bnfos.write(text)
    ran = bnfos("--scan -x -h 127.0.0.1")
    assert ran.status == 1
    assert f"[fos1] and [fos2] have the same mac {devices['fos1'].mac}; correct one and scan again" in ran.err
    assert bnfos.text() == text


def test_device_that_replaces_another_at_its_address_is_said(devices: Simulator, bnfos: Bnfos) -> None:
    """The section of the old one has the address and the login; which of the two stays is not for a scan to know."""
    bnfos("--scan -x -h 127.0.0.1")
    old = "00:19:32:AA:AA:AA"
    bnfos.write(bnfos.text().replace(devices["fos1"].mac, old))
    ran = bnfos("--scan -x -h 127.0.0.1")
    assert ran.status == 1
    assert f"mac = {old}\n" in bnfos.text()
    assert "[fos1] and [fos3] have the same host 127.0.0.1; correct one and scan again" in ran.err
