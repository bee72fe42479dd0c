"""The simulated device by itself: no socket, and time that the test moves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from berofos_agent.device import frame
from berofos_agent.device.settings import SETTINGS, parse_config, write_target
from berofos_agent.errors import BerofosError
from berofos_agent.simulator.faults import FAULTS
from berofos_agent.simulator.firmware import FACTORY_SETTINGS, FIRMWARES
from berofos_agent.simulator.model import Power, SimulatedDevice
from berofos_agent.simulator.orders import ORDERS, execute
from berofos_agent.simulator.store import Store
from tests.conftest import Clock

STATIC = frame.NetworkSettings(
    IPv4Address("10.34.1.20"), IPv4Address("255.255.255.0"), IPv4Address("10.34.1.1"), options=0, http_port=80
)


@pytest.fixture
def device(clock: Clock) -> SimulatedDevice:
    return SimulatedDevice(clock=clock, lease=IPv4Address("10.34.1.50"))


def write(device: SimulatedDevice, **values: str) -> None:
    device.write(write_target(values).partition("?")[2])


def movements(device: SimulatedDevice) -> list[tuple[Any, Any, Any]]:
    return [(entry["from"], entry["to"], entry["cause"]) for entry in device.history if entry["event"] == "relay"]


# --- settings ---------------------------------------------------------------------------------------------------

OTHER_VALUES = {
    **{keyword: "1" for keyword in FACTORY_SETTINGS if FACTORY_SETTINGS[keyword] == "0"},
    "dhcp": "0",
    "mode": "1",
    "power1": "1",
    "power2": "1",
    "wdog": "1",
    "hostname": "fos-1",
    "address": "10.34.1.20",
    "netmask": "255.255.0.0",
    "gateway": "10.34.1.1",
    "dns": "10.34.1.2",
    "port": "8080",
    "smtpserv": "mail.example.org",
    "smtpfrom": "fos1@example.org",
    "smtpto": "it & phones = us@example.org",
    "slgip": "10.34.1.3",
    "slgpt": "1514",
    "wdogitime": "90",
}
"""For every setting that can be written and read, a value it does not have at first."""


def test_every_setting_that_can_be_written_and_read_is_tried() -> None:
    assert set(OTHER_VALUES) == {setting.keyword for setting in SETTINGS.values() if setting.write and setting.read}


@pytest.mark.parametrize(("keyword", "value"), OTHER_VALUES.items())
def test_setting_written_reads_back_and_changes_no_other(device: SimulatedDevice, keyword: str, value: str) -> None:
    before = device.values()
    assert before[keyword] != value
    write(device, **{keyword: value})
    follow = {"wdogstate": "1", "wdogrtime": "60"} if keyword == "wdog" else {}
    assert device.values() == {**before, keyword: value, **follow}
    assert parse_config(device.config_text())[1] == device.values()


def test_config_text_of_a_new_device() -> None:
    assert SimulatedDevice().config_text() == (
        "bnfos_confmap_magic=0.1\n1_sz=0\n4_mode=0\n1_rm=\n5_p0=0\n1_p0=\n5_p1=0\n1_p1=\n3_dn=berofos\n"
        "3_ip=192.168.0.2\n3_nm=255.255.255.0\n3_gw=0.0.0.0\n3_dns=0.0.0.0\n3_dhcp=checked\n3_port=80\n3_pwd=\n"
        "2_mhost=\n2_mfrom=\n2_mto=\n3_log=\n3_loghost=0.0.0.0\n3_logport=514\n6_wen=0\n2_wen=\n6_wstate=0\n"
        "2_wintv=60\n2_as=\n2_men=\n0_wretv=0\n"
    )


def test_password_can_be_written_but_never_read(device: SimulatedDevice) -> None:
    write(device, apwd="p@ss w&rd")
    assert device.password() is None
    write(device, pwd="1")
    assert device.password() == "p@ss w&rd"
    told = device.config_text() + json.dumps(device.state()) + json.dumps(device.history)
    assert "p@ss" not in told


def test_test_mail_is_noted(device: SimulatedDevice) -> None:
    write(device, smtpto="it@example.org")
    write(device, smtptest="1")
    assert [(entry["event"], entry["to"]) for entry in device.history] == [("mail", "it@example.org")]


def test_several_groups_in_one_query(device: SimulatedDevice) -> None:
    device.write("cmd=1&sz=1&rm=1&cmd=4&mode=1&cmd=5&p=1&s=1&cmd=2&wen=1")
    values = device.values()
    assert [values[keyword] for keyword in ("scenario", "modedef", "mode", "power1", "power2", "wdogdef")] == list(
        "111011"
    )


@pytest.mark.parametrize(
    ("query", "ports"),
    [
        ("cmd=5&s=1&p=0", "10"),
        ("cmd=5&p=0&s=1&p=1&s=1", "11"),
        ("cmd=5&s=1&p=1&cmd=5&s=1&p=0", "11"),
        ("cmd=5&s=1&cmd=5&p=1", "00"),
        ("cmd=5&s=1&p=2", "00"),
    ],
)
def test_power_port_and_its_state_go_together_in_either_order(device: SimulatedDevice, query: str, ports: str) -> None:
    device.write(query)
    assert device.values()["power1"] + device.values()["power2"] == ports


@pytest.mark.parametrize(
    "query", ["cmd=4&mode=2", "cmd=4&mode=", "cmd=9&mode=1", "mode=1", "cmd=5&s=1", "&&=", "%ff=%00"]
)
def test_nonsense_is_passed_over(device: SimulatedDevice, query: str) -> None:
    before = device.values()
    device.write(query)
    assert device.values() == before


def test_both_meanings_of_wen_and_their_groups(device: SimulatedDevice) -> None:
    device.write("cmd=2&wen=1")
    assert (device.values()["wdogdef"], device.values()["wdog"]) == ("1", "0")
    device.write("cmd=6&wen=1")
    assert device.values()["wdog"] == "1"


# --- firmware ---------------------------------------------------------------------------------------------------


def test_firmware_1_3_3_forgets_the_other_flags_of_the_group() -> None:
    device = SimulatedDevice(firmware="1.3.3", settings={"modedef": "1", "power1def": "1", "wdogdef": "1"})
    write(device, scenario="1")
    values = device.values()
    assert [values[keyword] for keyword in ("scenario", "modedef", "power1def", "power2def")] == ["1", "0", "0", "0"]
    assert values["wdogdef"] == "1"


def test_firmware_1_3_3_keeps_what_the_query_holds() -> None:
    device = SimulatedDevice(firmware="1.3.3", settings={"modedef": "1", "power1def": "1"})
    write(device, scenario="0", modedef="1", power1def="1", power2def="0")
    values = device.values()
    assert [values[keyword] for keyword in ("scenario", "modedef", "power1def", "power2def")] == ["0", "1", "1", "0"]


@pytest.mark.parametrize(
    ("query", "lost"),
    [
        ("cmd=2&wintv=30", {"wdogdef", "wdogaudio", "wdogmail"}),
        ("cmd=2&mto=me@example.org", {"wdogdef", "wdogaudio", "wdogmail"}),
        ("cmd=3&dn=fos-2", {"dhcp", "pwd", "syslog"}),
        ("cmd=1&sz=1", {"modedef", "power1def", "power2def"}),
        ("cmd=4&mode=1&cmd=5&p=0&s=1&cmd=6&wen=1", set()),
        ("cmd=1", {"modedef", "power1def", "power2def"}),
        ("cmd=3&szd00=1&cmd=2&as=1", {"dhcp", "pwd", "syslog", "wdogdef", "wdogmail"}),
    ],
    ids=["interval", "text", "host-name", "scenario", "no-stored-group", "no-box-ticked", "unknown-parameter"],
)
def test_firmware_1_3_3_forgets_the_flags_of_a_group_whatever_is_written(query: str, lost: set[str]) -> None:
    flags = [setting.keyword for setting in SETTINGS.values() if setting.is_stored_flag]
    device = SimulatedDevice(firmware="1.3.3", settings=dict.fromkeys(flags, "1"))
    device.write(query)
    values = device.values()
    assert {flag for flag in flags if values[flag] == "0"} == lost


@pytest.mark.parametrize(("is_box", "scenario"), [(False, "1"), (True, "0")])
def test_whether_firmware_1_3_3_forgets_the_scenario_is_not_certain(is_box: bool, scenario: str) -> None:
    device = SimulatedDevice(firmware="1.3.3", settings={"scenario": "1"})
    if is_box:
        device.fault("scenario-box")
    write(device, modedef="1")
    assert device.values()["scenario"] == scenario
    assert f"1_sz={scenario if not is_box else ''}\n" in device.config_text()


@pytest.mark.parametrize("pair", ["hostname=", "hostname=a_b", "apwd=", "smtpserv=" + "x" * 200])
def test_a_value_is_taken_as_the_web_form_takes_it(device: SimulatedDevice, pair: str) -> None:
    keyword, _, value = pair.partition("=")
    write(device, **{keyword: value})
    assert device.dump()["settings"][keyword] == value


@pytest.mark.parametrize("pair", ["address=foo", "port=70000", "apwd=" + "x" * 16, "modedef=2", "hostname=a\nb"])
def test_a_value_that_no_web_form_sends_is_ignored(device: SimulatedDevice, pair: str) -> None:
    keyword, _, value = pair.partition("=")
    before = device.dump()
    write(device, **{keyword: value})
    assert device.dump() == before


@pytest.mark.parametrize("firmware", ["1.53", "1.5.7"])
def test_later_firmware_forgets_nothing(firmware: str) -> None:
    device = SimulatedDevice(firmware=firmware, settings={"modedef": "1"})
    write(device, scenario="1")
    assert device.values()["modedef"] == "1"


def test_firmware_1_5_7_tells_more_keys() -> None:
    text = SimulatedDevice(firmware="1.5.7").config_text()
    assert {"1_szd00=", "1_szd01=", "2_mail="} < set(text.splitlines())
    assert parse_config(text)[1] == SimulatedDevice().values()


@pytest.mark.parametrize(("firmware", "told"), [("1.3.3", (1, 33)), ("1.53", (1, 53)), ("1.5.7", (1, 57))])
def test_scan_tells_the_firmware(firmware: str, told: tuple[int, int]) -> None:
    assert SimulatedDevice(firmware=firmware).scan_reply().firmware == told
    assert FIRMWARES[firmware].version == told


# --- watchdog ---------------------------------------------------------------------------------------------------


def test_watchdog_runs_out_at_its_second_and_drops_the_relay(device: SimulatedDevice, clock: Clock) -> None:
    write(device, mode="1", wdogitime="60", wdog="1")
    clock.advance(59.5)
    assert (device.mode, device.values()["wdogstate"], device.values()["wdogrtime"]) == ("1", "1", "1")
    clock.advance(0.5)
    values = device.values()
    assert (device.mode, values["wdogstate"], values["wdog"], values["wdogrtime"]) == ("0", "2", "2", "0")


def test_watchdog_failure_is_dated_when_it_was_not_when_it_was_seen(device: SimulatedDevice, clock: Clock) -> None:
    write(device, mode="1", wdogitime="60", wdog="1")
    armed = clock()
    clock.advance(1000)
    failure, dropped = device.history[-2:]
    assert (failure["event"], failure["to"], failure["monotonic"]) == ("watchdog", "2", armed + 60)
    assert (dropped["event"], dropped["cause"], dropped["monotonic"]) == ("relay", "watchdog", armed + 60)
    assert device.history[0]["monotonic"] == armed
    assert float(dropped["at"]) - float(device.history[0]["at"]) == pytest.approx(60 - 1000, abs=5)


def test_kicks_keep_the_watchdog_quiet_and_are_counted(device: SimulatedDevice, clock: Clock) -> None:
    write(device, mode="1", wdogitime="60", wdog="1")
    for gap in (10, 55, 20):
        clock.advance(gap)
        assert device.kick() == frame.SUCCESS
    clock.advance(59)
    assert device.mode == "1"
    assert (device.state()["kicks"], device.state()["largest_gap"]) == (3, 55)


def test_kick_after_the_failure_does_not_arm_it_again(device: SimulatedDevice, clock: Clock) -> None:
    write(device, wdog="1")
    clock.advance(60)
    device.kick()
    assert device.values()["wdogstate"] == "2"
    assert device.state()["kicks"] == 0


def test_writing_wdog_arms_it_again_and_leaves_the_relay(device: SimulatedDevice, clock: Clock) -> None:
    write(device, mode="1", wdog="1")
    clock.advance(60)
    write(device, wdog="1")
    assert (device.mode, device.values()["wdogstate"], device.values()["wdogrtime"]) == ("0", "1", "60")


def test_watchdog_switched_off_never_runs_out(device: SimulatedDevice, clock: Clock) -> None:
    write(device, mode="1", wdog="1")
    write(device, wdog="0")
    clock.advance(1_000_000)
    assert (device.mode, device.values()["wdogstate"]) == ("1", "0")


def test_watchdog_failure_tells_of_tone_and_mail(device: SimulatedDevice, clock: Clock) -> None:
    write(device, wdogaudio="1", wdogmail="1", wdog="1")
    clock.advance(60)
    assert (device.history[-1]["tone"], device.history[-1]["mail"]) == (True, True)


# --- power ------------------------------------------------------------------------------------------------------


def test_without_power_the_lines_are_on_d(device: SimulatedDevice) -> None:
    write(device, mode="1", wdog="1", power1="1")
    device.switch_power(Power.OFF)
    state = device.state()
    assert (state["powered"], state["mode"], state["watchdog"]) == (False, "0", "0")
    assert (state["settings"]["power1"], device.deaf, device.serves_http) == ("0", True, False)
    assert movements(device) == [("0", "1", "http"), ("1", "0", "power")]


@pytest.mark.parametrize("default", ["0", "1"])
def test_power_on_brings_the_defaults(device: SimulatedDevice, default: str) -> None:
    other = "1" if default == "0" else "0"
    write(device, mode=other, power1=other, power2=other, wdog=other)
    write(device, modedef=default, power1def=default, power2def=default, wdogdef=default)
    device.switch_power(Power.OFF)
    device.switch_power(Power.OPERATIONAL)
    values = device.values()
    assert {values[keyword] for keyword in ("mode", "power1", "power2", "wdog")} == {default}


def test_watchdog_does_not_run_without_power(device: SimulatedDevice, clock: Clock) -> None:
    write(device, wdog="1")
    device.switch_power(Power.OFF)
    clock.advance(1000)
    assert [entry["event"] for entry in device.history] == ["watchdog", "power"]


def test_powering_on_what_is_on_changes_nothing(device: SimulatedDevice) -> None:
    write(device, mode="1")
    device.switch_power(Power.OPERATIONAL)
    assert device.mode == "1"


def test_moved_by_hand(device: SimulatedDevice) -> None:
    device.move_by_hand("1")
    assert movements(device) == [("0", "1", "hand")]


def test_unpowered_relay_cannot_be_moved_by_hand(device: SimulatedDevice) -> None:
    device.switch_power(Power.OFF)
    with pytest.raises(ValueError, match="without power"):
        device.move_by_hand("1")


@pytest.mark.parametrize("settings", [{}, {"modedef": "1", "wdogdef": "1"}])
def test_stuck_relay_stays_whatever_happens(clock: Clock, settings: dict[str, str]) -> None:
    device = SimulatedDevice(clock=clock, settings=settings)
    before = device.mode
    device.fault("stuck")
    write(device, mode="1" if before == "0" else "0", wdog="1")
    clock.advance(60)
    device.switch_power(Power.OFF)
    device.switch_power(Power.OPERATIONAL)
    assert device.mode == parse_config(device.config_text())[1]["mode"] == before
    assert movements(device) == []


# --- flash mode -------------------------------------------------------------------------------------------------


@pytest.fixture
def flashing(device: SimulatedDevice) -> SimulatedDevice:
    write(device, mode="1")
    device.switch_power(Power.FLASH)
    return device


def test_flash_mode_serves_no_http_and_has_the_lines_on_d(flashing: SimulatedDevice) -> None:
    assert not flashing.serves_http
    assert not flashing.deaf
    assert not flashing.scan_reply().operational
    assert (flashing.mode, flashing.state()["flash"]) == ("0", True)


def test_operational_device_refuses_what_needs_flash_mode(device: SimulatedDevice) -> None:
    before = device.dump()
    errors = (device.set_network(STATIC), device.flash_prepare(1, 0), device.flash_page(0, bytes(512)), device.erase())
    assert frame.SUCCESS not in errors
    assert device.dump() == before


def test_device_in_flash_mode_refuses_a_kick(flashing: SimulatedDevice) -> None:
    assert flashing.kick() != frame.SUCCESS


def test_network_configuration_is_taken_and_told(flashing: SimulatedDevice) -> None:
    assert flashing.scan_reply().network.address == IPv4Address("10.34.1.50")
    assert flashing.set_network(STATIC) == frame.SUCCESS
    assert flashing.scan_reply().network == STATIC
    assert flashing.values()["dhcp"] == "0"


def test_network_configuration_replaces_all_options(flashing: SimulatedDevice) -> None:
    flashing.set_network(
        frame.NetworkSettings(options=frame.OPTION_AUTHENTICATION | frame.OPTION_ACCESS_LIST, phy=frame.PHY_10_MBIT)
    )
    told = flashing.scan_reply().network
    assert (told.options, told.phy) == (frame.OPTION_AUTHENTICATION | frame.OPTION_ACCESS_LIST, frame.PHY_10_MBIT)
    assert flashing.password() == "admin"
    flashing.set_network(frame.NetworkSettings())
    told = flashing.scan_reply().network
    assert (told.options, told.phy, told.address) == (1, 3, IPv4Address("10.34.1.50"))


def test_network_configuration_with_http_port_0_is_refused_as_it_could_not_be_restored(
    flashing: SimulatedDevice, clock: Clock
) -> None:
    assert flashing.set_network(replace(STATIC, http_port=0)) != frame.SUCCESS
    SimulatedDevice(clock=clock).restore(flashing.dump())
    assert flashing.scan_reply().network.http_port == 80


def test_without_a_dhcp_server_it_takes_192_168_0_2() -> None:
    network = SimulatedDevice().scan_reply().network
    assert (str(network.address), str(network.netmask)) == ("192.168.0.2", "255.255.255.0")


def send_image(device: SimulatedDevice, image: bytes) -> list[int]:
    pages = frame.flash_pages(image)
    errors = [device.flash_prepare(pages, frame.checksum(image))]
    for index in range(pages):
        errors.append(device.flash_page(index, frame.flash_page_payload(b"", image, index)[2:]))
    return errors


def test_image_arrives_page_by_page(flashing: SimulatedDevice) -> None:
    image = bytes(range(256)) * 4 + b"the end"
    assert send_image(flashing, image) == [0, 0, 0, 0]
    padded = image.ljust(3 * 512, b"\0")
    assert flashing.flash.image == padded
    assert flashing.state()["image"] == hashlib.sha1(padded).hexdigest()
    flashing.switch_power(Power.OPERATIONAL)
    assert flashing.serves_http


def test_page_sent_again_is_taken_once(flashing: SimulatedDevice) -> None:
    flashing.flash_prepare(2, 0)
    assert [flashing.flash_page(index, bytes(512)) for index in (0, 0, 1, 1)] == [0, 0, 0, 0]
    assert flashing.flash.image == bytes(1024)


def test_page_out_of_order_refused(flashing: SimulatedDevice) -> None:
    flashing.flash_prepare(3, 0)
    assert flashing.flash_page(1, bytes(512)) != frame.SUCCESS
    assert flashing.flash_page(0, bytes(512)) == frame.SUCCESS
    assert flashing.flash_page(0, b"\1" * 512) != frame.SUCCESS


@pytest.mark.parametrize("data", [b"", bytes(511), bytes(513)])
def test_page_of_another_size_refused(flashing: SimulatedDevice, data: bytes) -> None:
    flashing.flash_prepare(1, 0)
    assert flashing.flash_page(0, data) != frame.SUCCESS


def test_page_without_preparation_refused(flashing: SimulatedDevice) -> None:
    assert flashing.flash_page(0, bytes(512)) != frame.SUCCESS


def test_image_of_no_pages_refused(flashing: SimulatedDevice) -> None:
    assert flashing.flash_prepare(0, 0) != frame.SUCCESS


def test_image_with_a_wrong_checksum_refused_and_no_firmware_left(flashing: SimulatedDevice) -> None:
    assert flashing.flash_prepare(1, 1) == frame.SUCCESS
    assert flashing.flash_page(0, bytes(512)) != frame.SUCCESS
    assert flashing.flash.image is None
    with pytest.raises(ValueError, match="no firmware"):
        flashing.switch_power(Power.OPERATIONAL)
    assert flashing.state()["powered"]


def test_erased_device_has_factory_settings_and_needs_a_firmware(flashing: SimulatedDevice) -> None:
    flashing.set_network(STATIC)
    assert flashing.erase() == frame.SUCCESS
    assert flashing.values()["address"] == FACTORY_SETTINGS["address"]
    assert flashing.scan_reply().firmware == (0, 0)
    flashing.switch_power(Power.OFF)
    with pytest.raises(ValueError, match="no firmware"):
        flashing.switch_power(Power.OPERATIONAL)
    flashing.switch_power(Power.FLASH)
    send_image(flashing, b"bero*fos")
    flashing.switch_power(Power.OPERATIONAL)
    assert flashing.scan_reply().firmware == (1, 53)


# --- orders -----------------------------------------------------------------------------------------------------


def told(device: SimulatedDevice, line: str) -> dict[str, Any]:
    reply = execute({"fos1": device}, f"fos1 {line}")
    json.dumps(reply)
    return reply


FAULT_ARGUMENTS = {
    "stuck": "",
    "slow": "2.5",
    "trickle": "1",
    "drop": "forever",
    "noise": "",
    "status": "500",
    "redirect": "http://127.0.0.1/",
    "endless": "",
    "silent": "",
    "wrong-mac": "00:19:32:FF:FF:FF",
    "not-berofos": "",
    "refuse-kick": "",
    "digest": "",
    "scenario-box": "",
    "plain-flags": "",
    "short-version": "",
    "rearm-moves": "",
    "flash-http": "",
    "any-mac": "",
    "bare-kick": "",
}


def test_every_fault_is_tried() -> None:
    assert set(FAULT_ARGUMENTS) == set(FAULTS)


@pytest.mark.parametrize(("name", "argument"), FAULT_ARGUMENTS.items())
def test_fault_ordered_on_and_off(device: SimulatedDevice, name: str, argument: str) -> None:
    assert told(device, f"{name} {argument}") == {"ok": True}
    assert told(device, "state")["state"]["faults"] == {name: argument or "on"}
    assert told(device, f"{name} off") == {"ok": True}
    assert told(device, "state")["state"]["faults"] == {}


BAD_ORDERS = [
    ("stuck 5", "fos1: stuck: must be on or off, not '5'"),
    ("slow", "fos1: slow: must be a number of seconds, not ''"),
    ("slow nan", "fos1: slow: must be a number of seconds, not 'nan'"),
    ("slow -1", "fos1: slow: must be a number of seconds, not '-1'"),
    ("drop some", "fos1: drop: must be a number or 'forever', not 'some'"),
    ("status 99", "fos1: status: must be an HTTP status from 200 to 599, not '99'"),
    ("redirect", "fos1: redirect: must be a URL, not ''"),
    ("wrong-mac fos2", "fos1: wrong-mac: not a MAC address: 'fos2'"),
    ("power", "fos1: power needs on or off, not ''"),
    ("move up", "fos1: move needs 0 or 1, not 'up'"),
    ("state now", "fos1: state takes no argument, not 'now'"),
]


@pytest.mark.parametrize(("line", "error"), BAD_ORDERS)
def test_order_that_cannot_be_executed(device: SimulatedDevice, line: str, error: str) -> None:
    assert told(device, line) == {"ok": False, "error": error}


@pytest.mark.parametrize("line", ["fos1 dance", "fos1", "fos2 state", "", "\0\xff"])
def test_unknown_order_or_device_names_the_known_ones(device: SimulatedDevice, line: str) -> None:
    reply = execute({"fos1": device}, line)
    assert not reply["ok"]
    assert "there are " in reply["error"]


def test_orders_move_power_and_flash(device: SimulatedDevice) -> None:
    seen = []
    for line in ("move 1", "power off", "power on", "flash", "power on"):
        assert told(device, line) == {"ok": True}
        state = told(device, "state")["state"]
        seen.append((state["powered"], state["flash"], state["mode"]))
    assert seen == [
        (True, False, "1"),
        (False, False, "0"),
        (True, False, "0"),
        (True, True, "0"),
        (True, False, "0"),
    ]


def test_order_history_and_reset(device: SimulatedDevice) -> None:
    told(device, "move 1")
    device.count("read")
    (entry,) = told(device, "history")["history"]
    assert {key: entry[key] for key in ("event", "from", "to", "cause")} == {
        "event": "relay",
        "from": "0",
        "to": "1",
        "cause": "hand",
    }
    assert entry["at"] > 1_000_000_000
    assert told(device, "reset") == {"ok": True}
    assert told(device, "history") == {"ok": True, "history": []}
    assert device.requests == {}
    assert device.mode == "1"


def test_order_clear_faults_ends_all_faults_but_digest(device: SimulatedDevice) -> None:
    for line in ("stuck", "slow 1", "digest", "silent"):
        told(device, line)
    assert told(device, "clear-faults") == {"ok": True}
    assert told(device, "state")["state"]["faults"] == {"digest": "on"}


def test_every_order_is_tried() -> None:
    assert set(ORDERS) == {"power", "flash", "move", "state", "history", "clear-faults", "reset"}


def test_drop_counts_down(device: SimulatedDevice) -> None:
    device.fault("drop", "2")
    assert [device.faults.drops() for _ in range(4)] == [True, True, False, False]
    device.fault("drop", "forever")
    assert all(device.faults.drops() for _ in range(100))


# --- state file -------------------------------------------------------------------------------------------------


def test_device_survives_a_restart_of_the_simulator(clock: Clock, tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    before = SimulatedDevice(clock=clock, changed=Store(path).save)
    write(before, mode="1", power2="1", hostname="fos-1", apwd="secret", pwd="1", wdog="1")
    before.fault("stuck")
    after = SimulatedDevice(clock=clock)
    Store(path).restore(after)
    assert after.dump() == before.dump()
    assert after.password() == "secret"
    assert after.mode == "1"
    assert Path(path).stat().st_mode & 0o777 == 0o600


def test_unpowered_device_stays_so_over_a_restart(device: SimulatedDevice, clock: Clock) -> None:
    device.switch_power(Power.OFF)
    after = SimulatedDevice(clock=clock)
    after.restore(device.dump())
    assert after.deaf


def test_half_flashed_device_has_no_firmware_after_a_restart_either(clock: Clock, tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    before = SimulatedDevice(clock=clock, changed=Store(path).save)
    before.switch_power(Power.FLASH)
    before.flash_prepare(2, 0)
    after = SimulatedDevice(clock=clock)
    Store(path).restore(after)
    with pytest.raises(ValueError, match="no firmware"):
        after.switch_power(Power.OPERATIONAL)


def test_state_file_keeps_each_device_by_its_name(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "state"))
    first, second = SimulatedDevice("fos1", changed=store.save), SimulatedDevice("fos2", changed=store.save)
    write(first, mode="1")
    write(second, scenario="1")
    again = Store(str(tmp_path / "state"))
    for name, keyword in (("fos1", "mode"), ("fos2", "scenario")):
        device = SimulatedDevice(name)
        again.restore(device)
        assert [device.values()[each] for each in ("mode", "scenario")].count("1") == 1
        assert device.values()[keyword] == "1"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"fos1": 7}', '{"fos1": {}}', '{"fos1": {"settings": {"mode": "1"}}}', "\0\xff"]
)
def test_broken_state_file_is_refused_by_name_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state"
    path.write_text(text)
    with pytest.raises(BerofosError, match=f"^{path}: "):
        Store(str(path)).restore(SimulatedDevice())
    assert path.read_text() == text
