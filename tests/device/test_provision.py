"""berofos provision: what differs is shown, written, read back, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.device.conftest import Desk

OTHERS = {"power1def": "1", "power2def": "1", "wdogaudio": "1", "wdogmail": "1", "hostname": "lobby", "smtpto": "me@x"}


@pytest.fixture
def settings() -> dict[str, str]:
    return {**OTHERS, "wdogdef": "1"}


def others(desk: Desk, name: str) -> dict[str, str]:
    values = desk.device(name).model.values()
    return {keyword: values[keyword] for keyword in OTHERS}


def test_provision_shows_asks_and_writes(desk: Desk) -> None:
    ran = desk.berofos("provision", "--yes", "fos1")
    host = desk.device("fos1").http_address[0]
    assert ran.status == 0
    assert ran.out.splitlines() == [
        f"fos1 ({host}), settings that differ from fallback:",
        "  setting    now     wanted  meaning",
        "  wdog       1       0       watchdog now",
        "  wdogdef    1       0       watchdog at power-on",
        "  mode       0       1       relay mode now",
        "  modedef    0       1       relay mode at power-on",
        "fos1: set up for fallback, verified; no other setting changed",
    ]
    values = desk.device("fos1").model.values()
    assert {key: values[key] for key in ("wdog", "wdogdef", "scenario", "mode", "modedef")} == {
        "wdog": "0",
        "wdogdef": "0",
        "scenario": "0",
        "mode": "1",
        "modedef": "1",
    }
    assert others(desk, "fos1") == OTHERS
    assert "write" not in desk.device("fos2").model.requests


def test_provision_again_has_nothing_to_do(desk: Desk) -> None:
    desk.berofos("provision", "--yes")
    desk.device("fos1").model.forget()
    ran = desk.berofos("provision")
    assert (ran.status, ran.out) == (0, "fos1: already set up for fallback\nfos2: already set up for fallback\n")
    assert "write" not in desk.device("fos1").model.requests


def test_nobody_to_ask_means_no(desk: Desk) -> None:
    ran = desk.berofos("provision", typed="y\n")
    assert ran.status == 1
    assert "nothing done: standard input is not a terminal, so --yes is required" in ran.err
    assert "write" not in desk.device("fos1").model.requests


@pytest.mark.parametrize(("answer", "status", "mode"), [("y\n", 0, "1"), ("n\n", 1, "0"), ("", 1, "0")])
def test_on_a_terminal_it_asks(desk: Desk, answer: str, status: int, mode: str) -> None:
    ran = desk.berofos("provision", "fos1", typed=answer, terminal=True)
    assert ran.status == status
    assert "Write this to fos1? The lines of fos1 move to A-B; calls on them are cut. [y/N]" in ran.err
    assert desk.device("fos1").model.mode == mode


def test_check_only_compares(desk: Desk) -> None:
    assert desk.berofos("provision", "--check").status == 1
    assert "write" not in desk.device("fos1").model.requests
    desk.berofos("provision", "--yes")
    assert desk.berofos("provision", "--check").status == 0


def test_a_pbx_on_port_d_gets_its_watchdog_ready_but_not_armed(desk: Desk) -> None:
    """Nobody may be kicking yet, and an armed watchdog would drop the lines after its interval."""
    desk.device("fos1").model.write("cmd=6&wen=0")
    assert desk.berofos("provision", "--yes", "--scenario", "bypass", "fos1").status == 0
    values = desk.device("fos1").model.values()
    assert (values["scenario"], values["wdogdef"], values["wdogitime"], values["wdog"]) == ("1", "1", "15", "0")


def test_the_watchdog_is_armed_when_asked(desk: Desk) -> None:
    desk.device("fos1").model.write("cmd=6&wen=0")
    ran = desk.berofos("provision", "--yes", "--scenario=bypass", "--watchdog=15", "--arm", "fos1")
    values = desk.device("fos1").model.values()
    assert ran.status == 0
    assert (values["wdog"], values["wdogitime"], values["wdogrtime"]) == ("1", "15", "15")


def test_arming_needs_a_watchdog(desk: Desk) -> None:
    ran = desk.berofos("provision", "--arm")
    assert ran.status == 2
    assert "--arm needs a watchdog" in ran.err


@pytest.mark.parametrize("firmware", ["1.3.3"])
@pytest.mark.parametrize("scenario", ["fallback", "bypass"])
def test_the_old_firmware_loses_nothing(desk: Desk, scenario: str) -> None:
    """Firmware 1.3.3 clears the other stored flags of a group when one of them is written."""
    ran = desk.berofos("provision", "--yes", "--scenario", scenario)
    assert ran.status == 0
    assert others(desk, "fos1") == others(desk, "fos2") == OTHERS


def test_a_dead_device_does_not_keep_the_other_from_being_set_up(desk: Desk) -> None:
    desk.device("fos1").model.fault("silent")
    ran = desk.berofos("provision", "--yes")
    assert ran.status == 4
    assert "fos1: no answer from" in ran.err
    assert desk.device("fos2").model.values()["modedef"] == "1"


def test_a_cluster_keeps_its_position(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failover the lines are on D by right: setting a device up must not fetch them."""
    monkeypatch.setenv("HA_RSCTMP", str(tmp_path))
    (tmp_path / "berofos-relay.state").touch()
    ran = desk.berofos("provision", "--yes")
    assert ran.status == 0
    assert "the cluster manages the relay (relay); its position is not changed" in ran.err
    assert desk.device("fos1").model.mode == "0"
    assert desk.device("fos1").model.values()["modedef"] == "1"
