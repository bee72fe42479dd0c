"""berofos check: one line and an exit status, as monitoring systems want it."""

from __future__ import annotations

import re
from typing import Callable

import pytest

from berofos_agent.simulator import Power, SimulatedDevice
from tests.device.conftest import Desk


@pytest.fixture
def settings() -> dict[str, str]:
    return {"modedef": "1"}


def test_all_is_well(desk: Desk) -> None:
    ran = desk.berofos("check")
    assert ran.status == 0
    assert re.fullmatch(
        r"BEROFOS OK - fos1 A-B, fos2 A-B \| "
        r"'fos1 reachable'=1;;;0;1 'fos1 time'=\d\.\d{3}s;;;0 'fos1 mode'=1;;;0;1 "
        r"'fos2 reachable'=1;;;0;1 'fos2 time'=\d\.\d{3}s;;;0 'fos2 mode'=1;;;0;1\n",
        ran.out,
    )


def flash(device: SimulatedDevice) -> None:
    device.switch_power(Power.OFF)
    device.switch_power(Power.FLASH)


@pytest.mark.parametrize(
    ("trouble", "arguments", "status", "words"),
    [
        (lambda device: device.fault("silent"), (), 2, "BEROFOS CRITICAL - fos1: no answer from"),
        (flash, (), 2, "BEROFOS CRITICAL - fos1: is in flash mode"),
        (lambda device: device.fault("status", "500"), (), 2, "answered HTTP status 500"),
        (lambda device: device.fault("not-berofos"), (), 2, "is not a bero*fos"),
        (lambda device: device.write("cmd=3&apwd=x&pwd=1"), (), 2, "requires a password"),
        (lambda device: device.move_by_hand("0"), ("--port=b",), 2, "fos1: relay is in position A-D, expected A-B"),
        (lambda device: device.move_by_hand("0"), (), 1, "devices: are in different positions"),
        (
            lambda device: device.write("cmd=1&rm=0"),
            (),
            1,
            "BEROFOS WARNING - fos1: modedef=0, expected 1; correct it with bnfos --set modedef=1 -f fos1",
        ),
        (
            lambda device: device.write("cmd=6&wen=1"),
            (),
            1,
            "wdog=1, expected 0; give --watchdog SECONDS if something kicks it, else bnfos --set wdog=0 -f fos1",
        ),
        (lambda device: device.write("cmd=1&sz=1"), ("--scenario=fallback",), 1, "scenario=1, expected 0"),
        (lambda device: device.write("cmd=1&sz=1&cmd=2&wen=1&wintv=15"), (), 0, "BEROFOS OK"),
        (
            lambda device: device.write("cmd=1&sz=1&cmd=2&wen=1&wintv=15"),
            ("--watchdog=60", "fos1"),
            1,
            "wdogitime=15, expected 60",
        ),
    ],
)
def test_trouble(
    desk: Desk, trouble: Callable[[SimulatedDevice], None], arguments: tuple[str, ...], status: int, words: str
) -> None:
    trouble(desk.device("fos1").model)
    ran = desk.berofos("check", *arguments)
    assert (ran.status, ran.out.count("\n")) == (status, 1)
    assert words in ran.out


@pytest.mark.parametrize("firmware", ["1.3.3"])
def test_old_firmware_is_a_warning(desk: Desk) -> None:
    ran = desk.berofos("check", "fos1")
    assert ran.status == 1
    assert "fos1: firmware 1.33 is older than 1.53 and loses settings" in ran.out


def test_a_watchdog_failure_is_critical(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    model = desk.device("fos1").model
    monkeypatch.setattr(model, "_clock", lambda: 0.0)
    model.write("cmd=6&wen=1")
    monkeypatch.setattr(model, "_clock", lambda: 61.0)
    ran = desk.berofos("check", "fos1")
    assert ran.status == 2
    assert "watchdog failure: nobody kicked it in time" in ran.out


def test_what_is_not_the_devices_fault_is_unknown(desk: Desk) -> None:
    ran = desk.berofos("check", "--sceanrio", "bypass")
    assert (ran.status, ran.out) == (3, "BEROFOS UNKNOWN - wrong arguments, see berofos check --help\n")
    desk.config.unlink()
    ran = desk.berofos("check")
    assert ran.status == 3
    assert ran.out.startswith(f"BEROFOS UNKNOWN - {desk.config} is missing on this node")


def test_a_device_cannot_draw_on_the_terminal(desk: Desk) -> None:
    desk.device("fos1").model._stored["wdogitime"] = "60\x1b[2J"
    desk.device("fos1").model.write("cmd=1&sz=1")
    ran = desk.berofos("check", "--watchdog=60", "fos1")
    assert "\x1b" not in ran.out


def test_the_advice_names_the_file_that_was_checked(desk: Desk) -> None:
    """Another bnfos.conf, such as the default one, has another fos1."""
    desk.device("fos1").model.write("cmd=1&rm=0")
    advice = f"correct it with bnfos --set modedef=1 -f fos1 --config {desk.config}"
    assert advice in desk.berofos("check", "fos1").out
