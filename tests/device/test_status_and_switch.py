"""berofos status and berofos switch, as an administrator uses them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from berofos_agent.commands import commandline, xivo_berofos
from berofos_agent.commands.bnfos import main as bnfos
from berofos_agent.simulator import Power
from tests.device.conftest import Desk


def test_status_shows_where_the_lines_go(desk: Desk) -> None:
    desk.device("fos1").model.move_by_hand("1")
    ran = desk.berofos("status", "fos1")
    host = desk.device("fos1").http_address[0]
    assert ran.status == 0
    assert ran.out.splitlines() == [
        f"fos1  {host}  00:19:32:00:12:1D  firmware 1.53",
        "  +-------------------------------------------------+",
        "  |      A           B           C           D      |",
        "  |     (*)         (*)         ( )         ( )     |",
        "  |      +===========+                              |",
        "  +-------------------------------------------------+",
        "              now                         at power-on",
        "  lines       A-B (relay mode 1)          A-D (relay mode 0)",
        "  watchdog    off                         off",
        "  power 1, 2  off, off                    off, off",
        "  scenario    fallback",
    ]


def test_status_shows_each_device_and_stays_within_80_columns(desk: Desk) -> None:
    desk.device("fos1").model.write("cmd=1&sz=1&cmd=2&wintv=65535&cmd=6&wen=1")
    ran = desk.berofos("status")
    assert "watchdog    on, 65535 s left of 65535" in ran.out
    assert "scenario    bypass" in ran.out
    assert "fos2" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_status_of_a_device_without_power(desk: Desk) -> None:
    desk.device("fos2").model.switch_power(Power.OFF)
    ran = desk.berofos("status")
    assert ran.status == 4
    assert "fos1" in ran.out
    assert "A-D (relay mode 0)" in ran.out, "the other is still shown"
    host = desk.device("fos2").http_address[0]
    assert f"fos2  {host}  00:19:32:00:12:1E  firmware unknown" in ran.out
    assert f"! no answer from {host} within 5 s" in ran.out


def test_status_tells_flash_mode_from_no_answer(desk: Desk) -> None:
    desk.device("fos1").model.switch_power(Power.OFF)
    desk.device("fos1").model.switch_power(Power.FLASH)
    ran = desk.berofos("status", "fos1")
    assert ran.status == 4
    assert "(!)" in ran.out
    assert "is in flash mode; switch it off and on again" in ran.out


def test_status_for_programs(desk: Desk) -> None:
    desk.device("fos1").model.move_by_hand("1")
    desk.device("fos2").model.fault("not-berofos")
    ran = desk.berofos("status", "--json")
    one, two = json.loads(ran.out)
    assert ran.status == 6
    assert (one["device"], one["lines"], one["mode"], one["firmware"], one["reachable"]) == (
        "fos1",
        "A-B",
        "1",
        "1.53",
        True,
    )
    assert one["settings"]["wdogitime"] == "60"
    assert "apwd" not in one["settings"]
    assert (two["reachable"], two["lines"], two["mode"]) == (False, None, None)
    assert "is not a bero*fos" in two["error"]


def test_status_names_a_device_with_another_mac(desk: Desk) -> None:
    desk.device("fos1").model.fault("wrong-mac", "00:19:32:99:99:99")
    ran = desk.berofos("status", "fos1")
    assert ran.status == 6
    assert "has MAC 00:19:32:99:99:99, not 00:19:32:00:12:1D" in ran.out


def test_watching_draws_again_until_interrupted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = iter([None, None])

    def pause(_seconds: float) -> None:
        if next(pauses, "over") == "over":
            raise KeyboardInterrupt

    monkeypatch.setattr("berofos_agent.commands.status.sleep", pause)
    ran = desk.berofos("status", "--watch", "--json")
    assert ran.status == 0
    assert [len(json.loads(line)) for line in ran.out.splitlines()] == [2, 2, 2]


def test_switch_by_the_letter_on_the_socket(desk: Desk) -> None:
    assert desk.berofos("switch", "b").status == 0
    assert [device.model.mode for device in desk.devices] == ["1", "1"]
    ran = desk.berofos("switch", "D", "fos2")
    assert ran.out.startswith("fos2: switched from A-B to A-D (")
    assert [device.model.mode for device in desk.devices] == ["1", "0"]


def test_switch_takes_options_between_port_and_device(desk: Desk) -> None:
    assert desk.berofos("switch", "b", "--timeout", "2", "fos2").status == 0
    assert [device.model.mode for device in desk.devices] == ["0", "1"]


def test_switch_moves_the_others_when_one_does_not_follow(desk: Desk) -> None:
    desk.device("fos1").model.fault("stuck")
    ran = desk.berofos("switch", "b")
    assert ran.status == 8
    assert ran.err == (
        "berofos switch: fos1: relay did not switch: mode is still 0 after writing 1; "
        "power-cycle it; if that fails, move its cables to B\n"
    )
    assert desk.device("fos2").model.mode == "1"


def test_switch_says_when_there_is_nothing_to_do(desk: Desk) -> None:
    assert desk.berofos("switch", "d", "fos1").out == "fos1: already in position A-D\n"


def test_switch_warns_where_the_cluster_started_the_resource(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HA_RSCTMP", str(tmp_path))
    (tmp_path / "berofos-relay.state").touch()
    ran = desk.berofos("switch", "b")
    assert ran.status == 0
    assert "warning: the cluster manages the relay (resource relay) and will put it back" in ran.err


def test_switch_warns_where_the_cluster_only_knows_the_resource(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = '<xpath-query><primitive id="fos-a" class="ocf"/><primitive class="ocf" id="fos-b"/></xpath-query>'
    cibadmin = tmp_path / "cibadmin"
    cibadmin.write_text(f"#!/bin/sh\necho '{answer}'\n")
    cibadmin.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert "(resource fos-a, fos-b)" in desk.berofos("switch", "b").err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the following arguments are required: port\n"),
        (("c",), "invalid choice: 'c' (choose from"),
        (("b", "fos9"), "declares no [fos9]; use fos1, fos2"),
        (("b", "--timeout", "0"), "must be a number of seconds from 0.1 to 60, not '0'"),
    ],
)
def test_switch_with_wrong_arguments_touches_nothing(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    ran = desk.berofos("switch", *arguments)
    assert ran.status in (2, 3)
    assert words in ran.err
    assert not desk.device("fos1").model.requests


def test_history_says_what_the_devices_know_and_which_does_not_answer(desk: Desk) -> None:
    """Of the past, a device knows that its watchdog expired, and when it was kicked last."""
    fos1, fos2 = desk.device("fos1"), desk.device("fos2")
    fos1.model.write("cmd=2&wintv=60")
    fos1.model.write("cmd=6&wen=1")
    told = json.loads(desk.berofos("history", "--json").out)
    texts = {event["text"] for event in told["events"] if event["source"] in ("fos1", "fos2")}
    assert texts == {"fos1: lines now at A-D", "fos1: its watchdog was kicked last", "fos2: lines now at A-D"}
    fos2.model.fault("silent")
    ran = desk.berofos("history")
    assert "fos1: lines now at A-D" in ran.out
    assert "berofos history: fos2: no answer" in ran.err


def test_every_command_that_switches_logs_who_did_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(commandline, "tell_syslog", lambda _prog, line: logged.append(line))
    monkeypatch.setenv("SUDO_USER", "anna")
    assert desk.berofos("switch", "b", "fos1").status == 0
    assert xivo_berofos.main([f"--config={desk.config}", "slave"]) == 0
    assert bnfos.main([f"--config={desk.config}", "--set", "mode=1", "-f", "fos2"]) == 0
    assert bnfos.main([f"--config={desk.config}", "--set", "mode=1", "-f", "fos2"]) == 0
    assert [re.sub(r" \(\d+ ms\)", "", line) for line in logged] == [
        "fos1: switched from A-D to A-B: berofos switch by anna",
        "fos1: switched from A-B to A-D: xivo-berofos slave by anna",
        "fos2: switched from A-D to A-B: bnfos --set mode=1 by anna",
    ]
