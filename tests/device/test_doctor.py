"""berofos doctor on simulated devices: each fault of a device is found, and nothing on a good one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.commands.berofos import main
from berofos_agent.device import frame
from berofos_agent.device.gbl4 import Gbl4Client
from berofos_agent.doctor.checks import CHECKS
from berofos_agent.errors import Unreachable
from berofos_agent.simulator import DeviceSpec, Simulator
from tests import shown
from tests.conftest import Clock
from tests.ocf.conftest import fresh_address

CIBS = Path(__file__).parents[1] / "data" / "cib"
GOOD = {"modedef": "1", "wdogdef": "0", "scenario": "0", "apwd": "uh8Yee!k", "pwd": "1"}

Break = Callable[[Simulator, Path], None]


@pytest.fixture(autouse=True)
def without_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/rehearsal has the real one."""
    monkeypatch.setattr("berofos_agent.commands.doctor._rehearse", shown.rehearsed)


@pytest.fixture
def devices(clock: Clock) -> Iterator[Simulator]:
    specs = [
        DeviceSpec(name, fresh_address(), 0, frame.PORT, mac, settings=GOOD)
        for name, mac in (("fos1", "00:19:32:00:12:1D"), ("fos2", "00:19:32:00:12:1E"))
    ]
    with simulator.running(specs, clock=clock) as up:
        yield up


@pytest.fixture
def config(tmp_path: Path, devices: Simulator) -> Path:
    path = tmp_path / "bnfos.conf"
    path.write_text(devices.conf())
    path.chmod(0o600)
    return path


def configured(config: Path, cib: str, **parameters: str) -> str:
    """A CIB whose relay has these parameters, and its devices in this file."""
    port_b = '<nvpair name="port_b_node"'
    pairs = {"config": str(config), **parameters}.items()
    given = "".join(f'<nvpair id="relay-{name}" name="{name}" value="{value}"/>' for name, value in pairs)
    return (CIBS / cib).read_text().replace(port_b, given + port_b)


def examined(config: Path, capsys: pytest.CaptureFixture[str], cib: str = "good-crm.xml") -> list[dict[str, str]]:
    """The findings for a cluster whose relay is declared by this file."""
    judged = config.parent / "cib.xml"
    judged.write_text(configured(config, cib))
    main(["doctor", "--json", "--cib", str(judged), "--config", str(config)])
    findings: list[dict[str, str]] = json.loads(capsys.readouterr().out)["findings"]
    return findings


def test_good_devices_are_clean(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert examined(config, capsys) == []


def test_what_mends_a_device_finds_it_in_the_same_file(
    devices: Simulator, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    devices["fos2"].model.write("cmd=1&rm=0")
    assert [finding["mend"] for finding in examined(config, capsys)] == [
        f"bnfos --set modedef=1 -f fos2 --config {config}"
    ]


def fault(name: str, argument: str = "") -> Break:
    return lambda devices, _config: devices["fos2"].model.fault(name, argument)


def written(query: str) -> Break:
    return lambda devices, _config: devices["fos2"].model.write(query)


def edited(old: str, new: str) -> Break:
    return lambda _devices, config: (config.write_text(config.read_text().replace(old, new)), None)[1]


def powered(power: simulator.Power) -> Break:
    return lambda devices, _config: devices["fos2"].model.switch_power(power)


FAULTS = [
    pytest.param(fault("drop", "forever"), "no-answer", id="silent"),
    pytest.param(fault("wrong-mac", "00:19:32:00:00:99"), "other-device", id="other-mac-on-the-wire"),
    pytest.param(edited("00:19:32:00:12:1E", "00:19:32:00:00:99"), "other-device", id="other-mac-in-the-file"),
    pytest.param(fault("not-berofos"), "other-device", id="no-berofos"),
    pytest.param(written("cmd=3&apwd=another&pwd=1"), "password-refused", id="wrong-password"),
    pytest.param(powered(simulator.Power.FLASH), "flash-mode", id="flash-mode"),
    pytest.param(powered(simulator.Power.OFF), "no-answer", id="no-power"),
    pytest.param(fault("status", "500"), "unusable-answer", id="status-500"),
    pytest.param(written("cmd=1&rm=0&sz=0"), "power-on-mode", id="modedef"),
    pytest.param(written("cmd=1&rm=1&sz=1"), "settings", id="scenario"),
    pytest.param(written("cmd=2&wen=1"), "settings", id="watchdog-at-power-on"),
    pytest.param(written("cmd=3&pwd=0"), "no-password", id="no-password"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_each_fault_is_found_and_no_other(
    devices: Simulator, config: Path, capsys: pytest.CaptureFixture[str], broken: Break, check: str
) -> None:
    broken(devices, config)
    found = examined(config, capsys)
    assert [(finding["check"], finding["subject"]) for finding in found] == [(check, "fos2")]
    assert "uh8Yee!k" not in str(found)
    assert found[0]["mend"]


def test_a_watchdog_that_has_struck_is_reported_once(
    devices: Simulator, config: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    devices["fos2"].model.write("cmd=2&wintv=10&cmd=6&wen=1")
    clock.advance(11)
    assert [finding["check"] for finding in examined(config, capsys)] == ["watchdog-failure"]


def test_old_firmware(config: Path, devices: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    old = DeviceSpec("fos3", fresh_address(), 0, frame.PORT, "00:19:32:00:12:1F", "1.3.3", GOOD)
    with simulator.running([old]) as more:
        config.write_text(devices.conf() + "\n" + more.conf())
        found = examined(config, capsys)
    assert [(finding["check"], finding["subject"]) for finding in found] == [("old-firmware", "fos3")]


def test_where_no_resource_switches_a_device_only_its_power_on_mode_is_judged(
    devices: Simulator, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    devices["fos1"].model.write("cmd=1&rm=0&sz=1")
    found = examined(config, capsys, "no-relay.xml")
    assert [finding["check"] for finding in found] == ["no-relay", "power-on-mode"]


def test_every_check_of_devices_has_a_fault_here() -> None:
    tested = {str(parameter.values[1]) for parameter in FAULTS} | {
        "watchdog-failure",
        "old-firmware",
        "no-udp",
        "span-alarm",
    }
    assert {check.id for check in CHECKS if check.evaluate.__module__.endswith("devices")} <= tested


def nobody_answers(client: Gbl4Client, *_: object) -> None:
    raise Unreachable(client.name, "no answer")


def test_a_device_behind_a_firewall_that_stops_udp(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Gbl4Client, "scan", nobody_answers)
    assert [finding["check"] for finding in examined(config, capsys)] == ["no-udp", "no-udp"]


@pytest.mark.parametrize(("mode", "checks"), [("1", ["span-alarm"]), ("0", [])])
def test_spans_are_judged_where_the_lines_are(
    devices: Simulator,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mode: str,
    checks: list[str],
) -> None:
    for device in devices:
        device.model.move_by_hand(mode)
    text = configured(config, "good-crm.xml", spans="2")
    program = tmp_path / "bin" / "cibadmin"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat << 'END'\n{text}END\n")
    telephony_at = {"1": "healthy", "0": "node-killed"}[mode]
    crm_mon = program.with_name("crm_mon")
    crm_mon.write_text(f"#!/bin/sh\ncat {CIBS.with_name('crm_mon')}/2.1/{telephony_at}.xml\n")
    for one in (program, crm_mon):
        one.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_on_node", "xivo-1")
    monkeypatch.setenv("BEROFOS_PROC_DAHDI", str(tmp_path))
    (tmp_path / "2").write_text('Span 2: B4/0/2 "B4XXP (PCI) Card 0 Span 2" AMI/CCS RED\n')
    main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [finding["check"] for finding in found] == checks
