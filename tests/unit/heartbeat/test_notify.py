"""Notifications reach systemd; without a listener nothing fails."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from berofos_agent.heartbeat import notify


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_receives_notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    address = str(tmp_path / "notify") if kind == "path" else f"@{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify.notify("READY=1", "STATUS=kicking")
        assert systemd.recv(100) == b"READY=1\nSTATUS=kicking"


@pytest.mark.parametrize("address", ["", "/nonexistent/socket"])
def test_without_a_listener_nothing_happens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify.notify("READY=1")


@pytest.mark.parametrize(("text", "seconds"), [("30000000", 15.0), ("", 0.0), ("soon", 0.0)])
def test_watchdog_notifications_come_twice_as_often_as_systemd_asks_for(
    monkeypatch: pytest.MonkeyPatch, text: str, seconds: float
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", text)
    assert notify.watchdog_seconds() == seconds
