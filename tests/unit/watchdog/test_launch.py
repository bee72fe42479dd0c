"""Starts real kick daemons. `make mutation` leaves this out: a mutated daemon cannot be started without its tool."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from berofos_agent.watchdog import process

from .test_kickd import KICK

NEVER = process.Kicks(0.0, 0)


@pytest.fixture
def device() -> Iterator[socket.socket]:
    """A socket that is kicked."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(20)
        yield sock


@pytest.fixture
def state(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "relay.state"
    path.write_text("token")
    yield str(path)
    process.end(str(path))


def launch(state: str, device: socket.socket, **more: float) -> int:
    """Launch a daemon that kicks the socket every 0.3 s; return its process."""
    process.launch(state, "token", 0.3, {"fos1": f"127.0.0.1:{device.getsockname()[1]}:{KICK.hex()}"}, **more)
    return process.pid_of(state)


def wait_until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_daemon_that_was_launched_kicks_reports_and_is_ended(device: socket.socket, state: str) -> None:
    pid = launch(state, device)
    assert pid not in (0, os.getpid())
    assert Path(f"/proc/{pid}/environ").read_bytes() == b"", "nothing that may be secret"
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert os.getsid(pid) == pid, "what ends the agent's session does not end it"
    assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)} == {os.devnull}
    kick, sender = device.recvfrom(100)
    assert kick == KICK
    device.sendto(kick, sender)
    wait_until(lambda: process.read_report(state).devices.get("fos1", NEVER).answered_at)
    report = process.read_report(state)
    assert report.pid == pid
    assert report.devices["fos1"].unanswered == 0
    assert 0 < report.devices["fos1"].answered_at <= report.at
    process.end(state)
    assert process.pid_of(state) == 0
    assert os.listdir(os.path.dirname(state)) == ["relay.state"]
    process.end(state)  # there is none


def test_a_second_launch_puts_a_new_daemon_in_the_place_of_the_first(device: socket.socket, state: str) -> None:
    first = launch(state, device)
    second = launch(state, device)
    assert second not in (0, first)
    wait_until(lambda: not os.path.exists(f"/proc/{first}/cwd") or b"Z" in Path(f"/proc/{first}/stat").read_bytes())
    device.recv(100)


def test_what_the_daemon_that_runs_was_started_with_is_known(device: socket.socket, state: str) -> None:
    targets = {"fos1": f"127.0.0.1:{device.getsockname()[1]}:{KICK.hex()}"}
    assert process.runs_with(state, "token", 0.3, {}, "berofos")
    assert not process.runs_with(state, "token", 0.3, targets, "berofos")
    launch(state, device)
    assert process.runs_with(state, "token", 0.3, targets, "berofos")
    assert not process.runs_with(state, "token", 0.1, targets, "berofos")
    assert not process.runs_with(state, "other", 0.3, targets, "berofos")
    assert not process.runs_with(state, "token", 0.3, {**targets, "fos2": targets["fos1"]}, "berofos")
    assert not process.runs_with(state, "token", 0.3, {}, "berofos")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.exit(3)", "exited at once with status 3; see syslog"),
        ("import time; time.sleep(60)", "did not start in time; check this node's load"),
        ("print('ready', flush=True); import time; time.sleep(60)", "did not start in time"),
        ("print('ready', flush=True)", "exited at once with status 0"),
    ],
    ids=["ends", "hangs", "takes-no-lock", "ends-when-ready"],
)
def test_a_daemon_that_does_not_start_is_a_reason_and_is_not_left_behind(
    device: socket.socket, state: str, monkeypatch: pytest.MonkeyPatch, program: str, words: str
) -> None:
    path = Path(state).with_name("program.py")
    path.write_text(program)
    monkeypatch.setattr(process, "PROGRAM", str(path))
    with pytest.raises(process.KickDaemonError, match=words):
        launch(state, device, limit=5.0 if "exit" in words else 0.5)
    assert process.pid_of(state) == 0
    assert not [file for file in Path("/proc").glob("[0-9]*/cmdline") if runs(file, path)]


def runs(cmdline: Path, program: Path) -> bool:
    try:
        return os.fsencode(program) in cmdline.read_bytes()
    except OSError:
        return False


def test_an_interpreter_that_cannot_be_run_is_a_reason(
    device: socket.socket, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    with pytest.raises(process.KickDaemonError, match="cannot be started: No such file or directory; see syslog"):
        launch(state, device)


def test_without_a_token_in_the_state_file_a_daemon_ends_by_itself(device: socket.socket, state: str) -> None:
    Path(state).write_text("another's")
    with contextlib.suppress(process.KickDaemonError):
        launch(state, device)  # it may be ready for a moment
    wait_until(lambda: process.pid_of(state) == 0)
