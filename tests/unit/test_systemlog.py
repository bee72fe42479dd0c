"""What is logged arrives, and a syslog daemon that hangs holds nobody up."""

from __future__ import annotations

import contextlib
import socket
import syslog
from pathlib import Path

import pytest

from berofos_agent import systemlog


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lambda _priority, line: lines.append(line))
    return lines


def test_a_daemon_that_hangs_gets_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    monkeypatch.setattr(systemlog, "SOCKET", str(tmp_path / "log"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(systemlog.SOCKET)
        systemlog.tell(syslog.LOG_NOTICE, "before")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as other:
            with contextlib.suppress(BlockingIOError):
                while other.sendto(b"line", systemlog.SOCKET):
                    pass
            systemlog.tell(syslog.LOG_NOTICE, "meanwhile")
            daemon.recv(10)
            systemlog.tell(syslog.LOG_NOTICE, "after\0")
    assert told == ["before", "after "]


def test_without_a_daemon_syslog_decides_what_to_do(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    monkeypatch.setattr(systemlog, "SOCKET", "/nonexistent/log")
    systemlog.tell(syslog.LOG_NOTICE, "line")
    assert told == ["line"]
