"""What is logged arrives as syslog(3) would send it, and a syslog daemon that hangs holds nobody up."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import syslog
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import systemlog


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket of a daemon that reads nothing by itself."""
    monkeypatch.setattr(systemlog, "SOCKET", str(tmp_path / "log"))
    monkeypatch.setattr(systemlog, "_tag", "bnfos")
    monkeypatch.setattr(systemlog, "_hangs", False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as daemon:
        daemon.bind(systemlog.SOCKET)
        yield daemon


def received(daemon: socket.socket) -> Iterator[str]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield daemon.recv(4096).decode()


def test_a_line_has_priority_tag_and_process(daemon: socket.socket) -> None:
    systemlog.tell(syslog.LOG_ERR, "fos1: \0 \udcff \xe9")
    assert list(received(daemon)) == [f"<27>bnfos[{os.getpid()}]: fos1:   \\udcff \xe9"]


@pytest.mark.parametrize("seconds", [0, 0.01])
def test_a_daemon_that_hangs_gets_no_line(daemon: socket.socket, seconds: float) -> None:
    systemlog.tell(syslog.LOG_NOTICE, "before")
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with other, contextlib.suppress(BlockingIOError):
        while other.sendto(b"of another process", systemlog.SOCKET):
            pass
    assert not systemlog.has_room()
    systemlog.tell(syslog.LOG_NOTICE, "meanwhile", seconds)
    before, *others = received(daemon)
    assert before.endswith("before")
    assert set(others) == {"of another process"}
    assert systemlog.has_room()
    systemlog.tell(syslog.LOG_NOTICE, "after")
    assert [line.endswith("after") for line in received(daemon)] == [True]


def test_many_processes_lose_no_line_to_a_daemon_that_reads(daemon: socket.socket) -> None:
    """Between the moment when there is room and the line, another process may take it."""
    code = (
        "import sys; from berofos_agent import systemlog; systemlog.SOCKET = sys.argv[1]\n"
        "for number in range(500): systemlog.tell(5, str(number), 60)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, systemlog.SOCKET]) for _ in range(4)]
    lines: list[str] = []
    while any(writer.poll() is None for writer in writers):
        lines += received(daemon)
    lines += received(daemon)
    assert [writer.returncode for writer in writers] == [0] * 4
    assert len(lines) == 4 * 500


def test_a_daemon_that_hung_is_waited_for_again_once_it_reads(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    own = systemlog._makes_room
    monkeypatch.setattr(systemlog, "_makes_room", lambda sock, seconds: waits.append(seconds) or own(sock, 0))
    while not systemlog._hangs:
        systemlog.tell(syslog.LOG_NOTICE, "line", 0.01)
    del waits[:]
    systemlog.tell(syslog.LOG_NOTICE, "lost", 60)
    assert waits == [0]
    list(received(daemon))
    systemlog.tell(syslog.LOG_NOTICE, "read again", 60)
    assert not systemlog._hangs


def test_a_line_without_a_daemon_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemlog, "SOCKET", "/nonexistent/log")
    systemlog.tell(syslog.LOG_NOTICE, "line")
    assert systemlog.has_room(), "nothing waits for it"


@pytest.mark.parametrize("length", [100_000, 10_000_000])
def test_a_line_of_any_length_raises_nothing(daemon: socket.socket, length: int) -> None:
    systemlog.tell(syslog.LOG_NOTICE, "x" * length)
    assert len(list(received(daemon))) == (length < 200_000)
