"""Settings read and written with `bnfos`: values on standard output, read back, no failure that looks like success."""

from __future__ import annotations

import getpass
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.device.settings import MAGIC_KEY, SETTINGS
from berofos_agent.simulator import DeviceSpec, Simulator

from .bnfos_calls import Bnfos, bnfos_at, bnfos_for
from .standin import standing_in

PASSWORD = 's3cret:=#;%" x'


@pytest.fixture
def devices() -> Iterator[Simulator]:
    with simulator.running(2) as up:
        yield up


@pytest.fixture
def bnfos(devices: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bnfos:
    return bnfos_for(devices, tmp_path, capsys)


def protect(bnfos: Bnfos, login: str = "") -> None:
    """Turn password protection on, with or without the login in bnfos.conf."""
    assert bnfos("--set", f"apwd={PASSWORD}", "-f", "fos1").status == 0
    assert bnfos("--set pwd=1 -f fos1").status == 0
    if login:
        bnfos.write(bnfos.text().replace("#login = <user>:<password>", f"login = {login}", 1))


def test_get_prints_the_value_and_nothing_else(bnfos: Bnfos) -> None:
    ran = bnfos("--get mode -f fos1")
    assert (ran.status, ran.out, ran.err) == (0, "mode = 0\n", "")


def test_show_prints_a_row_for_each_setting_that_can_be_read(bnfos: Bnfos) -> None:
    ran = bnfos("--show -f fos1")
    assert ran.status == 0
    assert " scenario  = 0\n" in ran.out
    assert " wdogitime = 60\n" in ran.out
    rows = [row.split()[0] for row in ran.out.splitlines()]
    assert rows == [keyword for keyword, setting in SETTINGS.items() if setting.read]


@pytest.mark.parametrize(
    "pair",
    [
        "scenario=1",
        "mode=1",
        "modedef=1",
        "power1=1",
        "power1def=1",
        "power2=1",
        "power2def=1",
        "hostname=fos-1",
        "address=10.34.1.20",
        "netmask=255.255.0.0",
        "gateway=10.34.1.1",
        "dns=10.34.1.2",
        "dhcp=0",
        "port=8080",
        "smtpserv=mail.example.org",
        "smtpfrom=fos@example.org",
        "smtpto=admin@example.org",
        "syslog=1",
        "slgip=10.34.1.2",
        "slgpt=1514",
        "wdog=1",
        "wdogdef=1",
        "wdogitime=90",
        "wdogaudio=1",
        "wdogmail=1",
    ],
)
def test_setting_is_written_and_read_back(bnfos: Bnfos, pair: str) -> None:
    keyword, _, value = pair.partition("=")
    assert bnfos(f"--set {pair} -f fos1").status == 0
    assert bnfos(f"--get {keyword} -f fos1").out == f"{keyword} = {value}\n"


def test_keywords_are_taken_in_capitals_too(bnfos: Bnfos) -> None:
    assert bnfos("--get MODE -f fos1").out == "mode = 0\n"


def test_test_mail_is_asked_for(devices: Simulator, bnfos: Bnfos) -> None:
    assert bnfos("--set smtptest -f fos1").status == 0
    assert [entry["event"] for entry in devices["fos1"].model.history] == ["mail"]


@pytest.mark.parametrize(("pair", "warns"), [("mode=1", True), ("modedef=1", False)])
def test_moving_a_relay_that_a_cluster_manages_comes_with_a_warning(
    bnfos: Bnfos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: str, warns: bool
) -> None:
    monkeypatch.setenv("HA_RSCTMP", str(tmp_path))
    (tmp_path / "berofos-relay.state").touch()
    ran = bnfos(f"--set {pair} -f fos1")
    assert ran.status == 0
    assert ("warning: the cluster manages the relay (resource relay) and will put it back" in ran.err) is warns


def test_relay_that_does_not_move_is_an_error(devices: Simulator, bnfos: Bnfos) -> None:
    devices["fos1"].model.fault("stuck")
    ran = bnfos("--set mode=1 -f fos1")
    assert ran.status == 1
    assert "fos1: relay did not switch: mode is still 0 after writing 1" in ran.err


@pytest.mark.parametrize("call", ["--get mode -f fos1", "--show -f fos1", "--set mode=1 -f fos1"])
@pytest.mark.parametrize(
    ("fault", "argument"),
    [
        ("silent", ""),
        ("status", "500"),
        ("noise", ""),
        ("drop", "forever"),
        ("not-berofos", ""),
        ("redirect", "http://127.0.0.1:9/"),
        ("trickle", ""),
    ],
)
def test_reading_that_failed_fails(devices: Simulator, bnfos: Bnfos, fault: str, argument: str, call: str) -> None:
    devices["fos1"].model.fault(fault, argument)
    ran = bnfos(f"{call} -t 0.3")
    assert ran.status == 1
    assert ran.out == ""
    assert ran.err.startswith("bnfos: fos1: ")
    assert ran.err.count("\n") == 1


def test_wrong_password_fails_and_is_not_shown(bnfos: Bnfos) -> None:
    protect(bnfos)
    ran = bnfos("--get mode -f fos1 -u admin:wr0ng")
    assert (ran.status, ran.out) == (1, "")
    assert "wr0ng" not in ran.err


@pytest.mark.parametrize("words", [["--get", "mode", "-u", f"admin:{PASSWORD}"], ["--set", f"APWD={PASSWORD[:15]}"]])
def test_password_given_is_not_in_the_list_of_processes_once_a_device_is_asked(words: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as device:
        port = str(device.getsockname()[1])
        asking = subprocess.Popen(
            [sys.executable, "-m", "berofos_agent.commands.bnfos", *words, "-h", "127.0.0.1", "-p", port, "-t", "1"],
            stderr=subprocess.DEVNULL,
        )
        device.settimeout(30)
        with device.accept()[0]:
            arguments = Path(f"/proc/{asking.pid}/cmdline").read_bytes().split(b"\0")
        asking.wait()
    assert asking.returncode == 1
    assert words[0].encode() in arguments
    assert b"127.0.0.1" in arguments
    assert not [one for one in arguments if PASSWORD[:5].encode() in one]


def test_setting_the_device_does_not_tell_is_no_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with standing_in(told={"4_mode": "1"}) as standin:
        bnfos = bnfos_at(standin, tmp_path, capsys)
        ran = bnfos("--get scenario -f fos1")
        assert (ran.status, ran.out) == (1, "")
        assert "does not report scenario" in ran.err
        assert bnfos("--show -f fos1").out == " mode      = 1\n"
        ran = bnfos("--set scenario=1 -f fos1")
        assert ran.status == 1
        assert "may or may not be in force" in ran.err


@pytest.mark.parametrize("call", ["--get mode", "--show", "--set mode=1"])
def test_another_version_of_config_txt_is_worth_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], call: str
) -> None:
    with standing_in(told={MAGIC_KEY: "0.2", "4_mode": "1"}) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)(f"{call} -f fos1")
    assert ran.status == 0
    assert ran.err.count("fos1: config.txt has the unknown version '0.2'") == 1


@pytest.mark.parametrize(
    "pair",
    [
        "address=foo",
        "address=10.34.1.256",
        "mode=2",
        "mode=",
        "port=0",
        "port=65536",
        "wdogstate=1",
        "wdogrtime=5",
        "nonsense=1",
        "mode",
        "apwd=" + "x" * 16,
        "hostname=" + "x" * 5000,
        "smtpto=" + "x" * 5000,
    ],
)
def test_unusable_value_is_refused_and_nothing_is_sent(devices: Simulator, bnfos: Bnfos, pair: str) -> None:
    ran = bnfos(f"--set {pair} -f fos1")
    assert ran.status == 2
    assert devices["fos1"].model.requests == {}


def test_password_cannot_be_read(bnfos: Bnfos) -> None:
    assert bnfos("--get apwd -f fos1").status == 2


# --- who is asked ----------------------------------------------------------------------------------------------


def test_host_name_is_asked(devices: Simulator, bnfos: Bnfos) -> None:
    port = devices["fos1"].http_address[1]
    assert bnfos(f"--get mode -h localhost -p {port}").out == "mode = 0\n"


def test_host_name_nobody_knows_is_an_error(bnfos: Bnfos) -> None:
    ran = bnfos("--get mode -h berofos.invalid")
    assert (ran.status, ran.out) == (1, "")
    assert "berofos.invalid" in ran.err


def test_host_given_goes_before_that_of_the_file(devices: Simulator, bnfos: Bnfos) -> None:
    second = devices["fos2"]
    second.model.move_by_hand("1")
    host, port = second.http_address
    assert bnfos(f"--get mode -f fos1 -h {host} -p {port}").out == "mode = 1\n"


def test_device_not_declared_is_named(bnfos: Bnfos) -> None:
    ran = bnfos("--get mode -f fos3")
    assert ran.status == 1
    assert "declares no [fos3]; use fos1, fos2" in ran.err


def test_missing_file_says_how_it_is_made(bnfos: Bnfos) -> None:
    bnfos.config.unlink()
    ran = bnfos("--get mode -f fos1")
    assert ran.status == 1
    assert "bnfos --scan -x" in ran.err


# --- password --------------------------------------------------------------------------------------------------


def test_login_of_the_file_is_used_whatever_it_holds(bnfos: Bnfos) -> None:
    protect(bnfos, f"admin:{PASSWORD}")
    assert bnfos("--get pwd -f fos1").out == "pwd = 1\n"


def test_turning_protection_on_without_a_login_says_what_to_do(devices: Simulator, bnfos: Bnfos) -> None:
    bnfos("--set", f"apwd={PASSWORD}", "-f", "fos1")
    ran = bnfos("--set pwd=1 -f fos1")
    assert ran.status == 0
    assert "login = admin:<password>" in ran.err
    assert devices["fos1"].model.password() == PASSWORD


def test_protection_that_stays_on_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with standing_in(told={"3_pwd": "checked"}, login="Basic YWRtaW46Zm9vYmFy") as standin:
        ran = bnfos_at(standin, tmp_path, capsys, "admin:foobar")("--set pwd=0 -f fos1")
    assert ran.status == 1
    assert "setting not taken: pwd=1, expected 0" in ran.err


def test_new_password_is_tried_where_protection_is_on(devices: Simulator, bnfos: Bnfos) -> None:
    protect(bnfos, f"admin:{PASSWORD}")
    ran = bnfos("--set apwd=n3w -f fos1")
    assert ran.status == 0
    assert "accepts the new password" in ran.err
    assert "n3w" not in ran.err
    assert devices["fos1"].model.password() == "n3w"


def test_password_is_asked_for_on_a_terminal(bnfos: Bnfos, monkeypatch: pytest.MonkeyPatch) -> None:
    protect(bnfos)
    asked: list[str] = []
    monkeypatch.setattr(sys, "stdin", _terminal())
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or PASSWORD)
    assert bnfos("--get mode -f fos1").out == "mode = 0\n"
    assert asked == ["Password of admin at fos1: "]


def test_a_login_that_is_not_in_the_file_is_not_corrected_there(
    devices: Simulator, bnfos: Bnfos, monkeypatch: pytest.MonkeyPatch
) -> None:
    protect(bnfos, "admin:wrong")
    port = devices["fos1"].http_address[1]
    by_host = f"--get mode -h 127.0.0.1 -p {port}"
    assert bnfos(f"{by_host} -u admin:wrong").err.endswith("password refused by 127.0.0.1; correct -u USER:PASSWORD\n")
    assert bnfos(by_host).err.endswith("127.0.0.1 requires a password; give -u USER:PASSWORD, or -f NAME\n")
    assert bnfos("--get mode -f fos1").err.endswith("refused by 127.0.0.1; correct its login in bnfos.conf\n")
    monkeypatch.setattr(sys, "stdin", _terminal())
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: "wrong")
    assert bnfos(by_host).err.endswith("password refused by 127.0.0.1; try again\n")


def test_new_password_is_asked_for_twice(devices: Simulator, bnfos: Bnfos, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["one", "two", "same", "same"])
    monkeypatch.setattr(sys, "stdin", _terminal())
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: next(typed))
    ran = bnfos("--set apwd -f fos1")
    assert ran.status == 1
    assert "not the same" in ran.err
    assert bnfos("--set apwd -f fos1").status == 0
    assert devices["fos1"].model.dump()["settings"]["apwd"] == "same"


def test_a_password_that_is_not_utf8_is_one_line(
    devices: Simulator, bnfos: Bnfos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", _terminal())
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: b"gr\xfcn".decode())
    ran = bnfos("--set apwd -f fos1")
    assert ran.status == 1
    assert ran.err == (
        "bnfos: the password is not UTF-8; nothing changed; set the terminal to UTF-8, or use ASCII characters only\n"
    )
    assert "write" not in devices["fos1"].model.requests


def _terminal() -> object:
    return os.fdopen(pty.openpty()[1], "r")


# --- firmware 1.3.3 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", ["scenario=1", "modedef=0", "wdogitime=15", "hostname=fos-1"])
def test_a_flag_that_firmware_133_would_clear_is_sent_along(
    pair: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"modedef": "1", "power1def": "1", "wdogdef": "1", "wdogmail": "1", "dhcp": "1", "syslog": "1"}
    with simulator.running([DeviceSpec(firmware="1.3.3", settings=settings)]) as devices:
        model = devices["fos1"].model
        before = model.values()
        ran = bnfos_for(devices, tmp_path, capsys)(f"--set {pair} -f fos1")
        assert ran.status == 0, ran.err
        keyword, _, value = pair.partition("=")
        assert model.values() == {**before, keyword: value, "wdogrtime": model.values()["wdogrtime"]}
        assert model.requests["write"] == 1


# --- a device that leaves --------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["write", "read"], ids=["before-it-answers-the-write", "before-it-is-read-back"])
def test_device_is_looked_for_at_the_port_it_was_given(
    when: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with standing_in() as old, standing_in() as new:
        new.told["3_port"] = str(new.http_port)
        old.told["3_port"] = "80"
        old.leaves_at = when
        bnfos = bnfos_at(old, tmp_path, capsys)
        ran = bnfos(f"--set port={new.http_port} -f fos1")
    assert ran.status == 0, ran.err
    assert f"bnfos --scan -x -h 127.0.0.1 --config {bnfos.config}" in ran.err


def test_device_that_cannot_be_found_again_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with standing_in() as standin:
        standin.leaves_at = "write"
        ran = bnfos_at(standin, tmp_path, capsys)("--set dhcp=1 -f fos1")
    assert ran.status == 1
    assert "since dhcp = 1 was written" in ran.err
