"""berofos password: the device and bnfos.conf agree afterwards, whatever fails."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from berofos_agent.config import bnfosconf
from berofos_agent.config.editor import ConfFile
from berofos_agent.device import password
from berofos_agent.device.web import WebClient
from berofos_agent.doctor import heartbeat
from berofos_agent.errors import ConfigurationError, Unreachable
from berofos_agent.simulator import RunningDevice
from tests.device.conftest import Desk
from tests.measured import MEASURED

NEW = 'a:b=c#d;e%f "g'
NOT_UTF8 = "the password is not UTF-8; nothing changed; set the terminal to UTF-8, or use ASCII characters only"


def typed(old: str = "", new: str = NEW, again: str = NEW) -> str:
    return f"{old}\n{new}\n{again}\n"


def password_of(device: RunningDevice) -> str | None:
    """The password the device asks for, None without protection."""
    return device.model.password()


def password_in(config: Path, name: str) -> str | None:
    """The password in the file."""
    login = next(entry for entry in bnfosconf.read(str(config)) if entry.name == name).login
    return login.password if login else None


def test_the_devices_and_the_file_get_it(desk: Desk) -> None:
    ran = desk.berofos("password", typed=typed())
    assert ran.status == 0
    for name in ("fos1", "fos2"):
        assert password_of(desk.device(name)) == password_in(desk.config, name) == NEW
    assert NEW not in ran.out + ran.err
    assert desk.berofos("status").status == 0
    assert desk.config.stat().st_mode & 0o777 == 0o600


def test_a_second_time_the_old_one_comes_from_the_file(desk: Desk) -> None:
    desk.berofos("password", typed=typed(new="first", again="first"))
    assert desk.berofos("password", "fos2", typed=typed()).status == 0
    assert password_of(desk.device("fos1")) == password_in(desk.config, "fos1") == "first"
    assert password_of(desk.device("fos2")) == password_in(desk.config, "fos2") == NEW


def test_an_old_one_that_the_file_does_not_know_is_typed(desk: Desk) -> None:
    desk.device("fos1").model.write("cmd=3&apwd=lost&pwd=1")
    refused = desk.berofos("password", typed=typed())
    assert refused.status == 5
    assert refused.err.endswith(
        " requires a password; nothing changed; add its login to bnfos.conf, or give the old password\n"
    )
    assert "refuses the old password you gave; nothing changed" in desk.berofos("password", typed=typed("x")).err
    assert password_of(desk.device("fos2")) is None, "nothing is changed while one of them refuses"
    assert desk.berofos("password", "fos1", typed=typed("lost")).status == 0
    assert password_of(desk.device("fos1")) == password_in(desk.config, "fos1") == NEW


@pytest.mark.parametrize("firmware", ["1.3.3"])
@pytest.mark.parametrize("settings", [{"syslog": "1", "dhcp": "1"}])
def test_the_old_firmware_keeps_its_network(desk: Desk) -> None:
    assert desk.berofos("password", typed=typed()).status == 0
    values = desk.device("fos1").model.values()
    assert (values["dhcp"], values["syslog"], values["pwd"]) == ("1", "1", "1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (typed(again="other"), "the two new passwords differ; nothing changed"),
        (typed(new="", again=""), "at least 1 character expected; nothing changed"),
        (typed(new="x" * 16, again="x" * 16), "at most 15 printable ASCII characters expected"),
        (typed(new="space ", again="space "), "cannot be stored"),
        ("\nnew\n", "expected three lines on standard input"),
    ],
    ids=["differ", "empty", "too-long", "space-at-the-end", "too-few-lines"],
)
def test_a_password_that_cannot_be_used_changes_nothing(desk: Desk, text: str, words: str) -> None:
    before = desk.config.read_text()
    ran = desk.berofos("password", typed=text)
    assert ran.status != 0
    assert words in ran.err
    assert desk.config.read_text() == before
    assert "write" not in desk.device("fos1").model.requests


def test_a_device_that_does_not_answer_changes_nothing(desk: Desk) -> None:
    desk.device("fos2").model.fault("silent")
    assert desk.berofos("password", typed=typed()).status == 4
    assert password_of(desk.device("fos1")) is None
    assert password_in(desk.config, "fos1") is None


def test_the_file_cannot_be_written_so_the_device_gets_its_old_one_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.berofos("password", typed=typed(new="first", again="first"))

    def full(self: ConfFile) -> None:
        raise ConfigurationError(f"{self.path}: cannot be written: No space left on device")

    monkeypatch.setattr(ConfFile, "save", full)
    ran = desk.berofos("password", "fos1", typed=typed())
    assert ran.status == 3
    assert "No space left on device; fos1 has its old password again" in ran.err
    assert password_of(desk.device("fos1")) == password_in(desk.config, "fos1") == "first"


def test_the_file_cannot_be_written_so_the_device_is_unprotected_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ConfFile) -> None:
        raise ConfigurationError(f"{self.path}: cannot be written: No space left on device")

    monkeypatch.setattr(ConfFile, "save", full)
    assert "fos1 is unprotected again" in desk.berofos("password", "fos1", typed=typed()).err
    assert password_of(desk.device("fos1")) is None


def test_neither_the_file_nor_the_way_back_works_so_it_says_how_they_differ(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ConfFile) -> None:
        desk.device("fos1").model.fault("silent")
        raise ConfigurationError(f"{self.path}: cannot be written: No space left on device")

    monkeypatch.setattr(ConfFile, "save", full)
    ran = desk.berofos("password", "fos1", typed=typed())
    assert f"fos1 has the new password, {desk.config} does not: write it into the login of [fos1] by hand" in ran.err
    assert NEW not in ran.err


def test_the_answer_is_lost_but_the_device_has_taken_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    write = WebClient.write

    def write_and_miss_the_answer(self: WebClient, values: Mapping[str, str], seconds: float) -> None:
        write(self, values, seconds)
        if "apwd" in values:
            raise Unreachable(self.name, "no answer")

    monkeypatch.setattr(WebClient, "write", write_and_miss_the_answer)
    assert desk.berofos("password", "fos1", typed=typed()).status == 0
    assert password_of(desk.device("fos1")) == password_in(desk.config, "fos1") == NEW


def test_the_device_dies_halfway_so_it_says_what_is_not_known(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    model = desk.device("fos1").model
    write = model.write

    def take_and_die(query: str) -> None:
        write(query)
        model.fault("silent")

    monkeypatch.setattr(model, "write", take_and_die)
    before = desk.config.read_text()
    ran = desk.berofos("password", "fos1", typed=typed())
    assert ran.status == 4
    assert f"it may have the new password while {desk.config} has the old one" in ran.err
    assert "run `berofos password fos1` again" in ran.err
    assert desk.config.read_text() == before


def test_on_a_terminal_the_rules_and_the_file_are_named_before_typing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[str] = []

    def typed_blindly(prompt: str) -> str:
        prompts.append(prompt)
        return "" if len(prompts) == 1 else NEW

    monkeypatch.setattr("getpass.getpass", typed_blindly)
    ran = desk.berofos("password", terminal=True)
    assert ran.status == 0
    assert prompts[0] == f"Old password (Enter: the one in {desk.config}, or none): "
    assert ran.err.startswith("1 to 15 printable ASCII characters")


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_piped_password_that_is_not_utf8_is_one_line(desk: Desk, errors: str) -> None:
    command = [sys.executable, "-m", "berofos_agent", "password", f"--config={desk.config}"]
    environ = {**MEASURED, "PYTHONIOENCODING": f"utf-8:{errors}"}  # Python's own choice depends on the locale
    ran = subprocess.run(command, input=b"gr\xfcn\nnew\nnew\n", capture_output=True, check=False, env=environ)
    assert (ran.returncode, ran.stderr.decode()) == (1, f"berofos password: {NOT_UTF8}\n")
    assert "read" not in desk.device("fos1").model.requests


def test_a_typed_password_that_is_not_utf8_is_one_line(desk: Desk) -> None:
    process, terminal = pty.fork()
    if not process:
        command = [sys.executable, "-m", "berofos_agent", "password", f"--config={desk.config}"]
        os.execve(command[0], command, {**MEASURED, "LC_ALL": "C.UTF-8"})
    shown = b""
    with contextlib.suppress(OSError):  # at the end of the process
        while piece := os.read(terminal, 4096):
            shown += piece
            if piece.endswith(b"or none): "):
                os.write(terminal, b"gr\xfcn\n")  # as a terminal of Latin-1 sends it
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 1, shown
    assert shown.decode().splitlines()[-1] == f"berofos password: {NOT_UTF8}"
    assert "Traceback" not in shown.decode()


def test_a_change_ends_with_the_command_that_copies_the_file(desk: Desk) -> None:
    err = desk.berofos("password", typed=typed()).err
    assert err == f"berofos password: now copy the file to each other node: scp -p {desk.config} NODE:{desk.config}\n"


def test_a_change_of_one_device_alone_has_to_be_copied_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    make = password.make

    def fail_at_fos2(change: password.Change) -> None:
        if change.entry.name == "fos2":
            raise Unreachable("fos2", "no answer from 127.0.0.1 within 1 s")
        make(change)

    monkeypatch.setattr(password, "make", fail_at_fos2)
    ran = desk.berofos("password", typed=typed())
    assert ran.status == 4
    assert ran.err.splitlines()[-1].startswith("berofos password: now copy the file to each other node: scp -p ")


def test_a_heartbeat_with_the_old_password_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "state", lambda _switchers: heartbeat.ACTIVE)
    assert desk.berofos("password", typed=typed()).err.splitlines()[-1] == (
        "berofos password: berofos-heartbeat still has the old password: systemctl restart berofos-heartbeat "
        "when lines may move to port D and back"
    )


def test_a_change_that_failed_asks_for_no_copy(desk: Desk) -> None:
    desk.device("fos2").model.fault("silent")
    assert "scp" not in desk.berofos("password", typed=typed()).err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("wait", [0.0, 0.1, 0.25, 0.45])
def test_an_interrupted_change_leaves_the_same_password_on_both_sides(
    desk: Desk, number: signal.Signals, wait: float
) -> None:
    device = desk.device("fos1")
    device.model.fault("slow", "0.1")
    command = [sys.executable, "-m", "berofos_agent", "password", "fos1", f"--config={desk.config}"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        process.stdin.write(typed())
        process.stdin.close()
        while not device.model.requests.get("read") and process.poll() is None:
            time.sleep(0.01)
        time.sleep(wait)
        process.send_signal(number)
        assert process.wait(60) in (130, -number, 0)
        assert process.stderr
        assert "Traceback" not in process.stderr.read()
    assert password_of(device) == password_in(desk.config, "fos1")


def test_a_second_run_completes_a_change_that_was_killed_halfway(desk: Desk) -> None:
    desk.berofos("password", typed=typed(new="first", again="first"))
    desk.device("fos1").model.write("cmd=3&apwd=second&pwd=1")
    ran = desk.berofos("password", typed=typed(new="second", again="second"))
    assert ran.status == 0, ran
    for name in ("fos1", "fos2"):
        assert password_of(desk.device(name)) == password_in(desk.config, name) == "second"
