"""What docs/protocol.md marks as uncertain (?): the clients work with either reading."""

from __future__ import annotations

import pytest

from berofos_agent.commands import xivo_berofos
from berofos_agent.config.bnfosconf import Entry
from berofos_agent.config.mac import parse_mac
from berofos_agent.device import frame
from berofos_agent.device.device import Device
from berofos_agent.simulator import Power, RunningDevice
from berofos_agent.watchdog.arming import arm, disarm
from tests.conftest import Clock
from tests.device.conftest import Desk

from .bnfos_calls import Bnfos
from .test_device import client_of, soon

READINGS = ["", "scenario-box", "plain-flags", "short-version", "rearm-moves", "flash-http", "any-mac", "bare-kick"]

ALL_SET = {
    "modedef": "1",
    "power1def": "1",
    "dhcp": "1",
    "syslog": "1",
    "wdogdef": "1",
    "wdogaudio": "1",
    "wdogmail": "1",
}

either_reading = pytest.mark.parametrize("reading", READINGS, ids=["as-written", *READINGS[1:]])
either_firmware = pytest.mark.parametrize("firmware", ["1.3.3", "1.53", "1.5.7"])


@pytest.fixture
def settings() -> dict[str, str]:
    return {**ALL_SET, "scenario": "1"}


def read_as(desk: Desk, reading: str) -> None:
    """Let all devices behave by one reading."""
    for device in desk.devices:
        if reading:
            device.model.fault(reading)


@either_reading
@either_firmware
def test_the_relay_is_switched(desk: Desk, firmware: str, reading: str) -> None:
    del firmware
    read_as(desk, reading)
    for state, mode in (("master", "1"), ("slave", "0")):
        assert xivo_berofos.main([f"--config={desk.config}", state]) == 0
        assert [device.model.mode for device in desk.devices] == [mode, mode]


@either_reading
@either_firmware
def test_arming_keeps_every_other_setting(desk: Desk, firmware: str, reading: str) -> None:
    del firmware
    read_as(desk, reading)
    device = desk.device("fos1")
    client = client_of(device)
    before = device.model.values()
    settings = arm(client, 15, soon())
    assert (settings["wdogstate"], settings["wdogitime"]) == ("1", "15")
    running = {"wdog": "1", "wdogstate": "1", "wdogitime": "15", "wdogrtime": "15"}
    assert device.model.values() == {**before, **running}
    assert disarm(client, soon())["wdogstate"] == "0"
    assert {**device.model.values(), "wdogitime": before["wdogitime"]} == {
        **before,
        **dict.fromkeys(("wdog", "wdogstate", "wdogrtime"), "0"),
    }


@either_reading
@either_firmware
def test_provision_changes_what_differs_and_nothing_else(desk: Desk, firmware: str, reading: str) -> None:
    del firmware
    read_as(desk, reading)
    before = desk.device("fos1").model.values()
    assert desk.berofos("provision", "--yes").status == 0
    wanted = {"scenario": "0", "mode": "1", "modedef": "1", "wdogdef": "0"}
    off = dict.fromkeys(("wdog", "wdogstate", "wdogrtime"), "0")
    assert desk.device("fos1").model.values() == {**before, **wanted, **off}


@either_reading
@either_firmware
@pytest.mark.parametrize(
    "pair", ["wdogitime=90", "hostname=fos-1", "scenario=0", "smtpto=me@example.org", "power2def=1"]
)
def test_bnfos_sets_what_it_is_asked_to_and_nothing_else(
    desk: Desk, capsys: pytest.CaptureFixture[str], firmware: str, reading: str, pair: str
) -> None:
    del firmware
    read_as(desk, reading)
    model = desk.device("fos1").model
    model.write("cmd=6&wen=0")
    before = model.values()
    keyword, _, value = pair.partition("=")
    assert Bnfos(desk.config, capsys, frame.PORT)(f"--set {pair} -f fos1").status == 0
    assert model.values() == {**before, keyword: value}


@either_reading
def test_a_device_is_found_pinged_and_kicked(desk: Desk, capsys: pytest.CaptureFixture[str], reading: str) -> None:
    read_as(desk, reading)
    bnfos = Bnfos(desk.config, capsys, frame.PORT)
    for call in ("--sscan -h {host}", "--ping -f fos1", "--kick -f fos1"):
        assert bnfos(call.format(host=desk.device("fos1").http_address[0])).status == 0


@either_reading
def test_only_firmware_before_1_53_is_called_old(desk: Desk, reading: str) -> None:
    read_as(desk, reading)
    assert "loses settings" not in desk.berofos("status", "fos1").out


@pytest.mark.parametrize("firmware", ["1.3.3"])
@either_reading
def test_firmware_1_3_3_is_called_old(desk: Desk, reading: str, firmware: str) -> None:
    del firmware
    read_as(desk, reading)
    assert "loses settings" in desk.berofos("status", "fos1").out


@either_reading
def test_flash_mode_is_recognized(desk: Desk, capsys: pytest.CaptureFixture[str], reading: str) -> None:
    read_as(desk, reading)
    model = desk.device("fos1").model
    model.switch_power(Power.OFF)
    model.switch_power(Power.FLASH)
    assert "is in flash mode" in desk.berofos("check", "fos1").out
    bnfos = Bnfos(desk.config, capsys, frame.PORT)
    assert bnfos("--netconf -f fos1 -i 10.0.0.9 -d 0").status == 0
    assert xivo_berofos.main([f"--config={desk.config}", "--timeout=5", "master"]) != 0
    assert [device.model.mode for device in desk.devices] == ["0", "1"]


@either_reading
def test_kicks_go_to_the_one_device_that_has_the_mac(devices: object, fos1: RunningDevice, reading: str) -> None:
    del devices
    if reading:
        fos1.model.fault(reading)
    entry = Entry("fos1", "127.255.255.255", parse_mac(fos1.mac))
    client = Device(entry, 1.0)
    client.gbl4.port = fos1.udp_address[1]
    client.gbl4.kick()


@either_reading
def test_after_a_watchdog_failure_arming_reads_back_whatever_the_relay_does(
    fos1: RunningDevice, clock: Clock, reading: str
) -> None:
    if reading:
        fos1.model.fault(reading)
    fos1.model.write("cmd=4&mode=1&cmd=2&wintv=10&cmd=6&wen=1")
    clock.advance(11)
    assert (fos1.model.mode, fos1.model.state()["watchdog"]) == ("0", "2")
    assert arm(client_of(fos1), 10, soon())["wdogstate"] == "1"
    assert fos1.model.mode == ("1" if reading == "rearm-moves" else "0")
