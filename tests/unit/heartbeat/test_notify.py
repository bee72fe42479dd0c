"""Notifications reach systemd; without a listener nothing fails."""

from __future__ import annotations

import contextlib
import socket
import threading
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


def test_a_systemd_that_hangs_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as before:
            with contextlib.suppress(BlockingIOError):
                while before.sendto(b"WATCHDOG=1", address):
                    pass
            one = threading.Thread(target=notify.notify, args=("WATCHDOG=1",), daemon=True)
            one.start()
            one.join(5)
            assert not one.is_alive()


@pytest.mark.parametrize(("text", "seconds"), [("30000000", 15.0), ("", 0.0), ("soon", 0.0)])
def test_watchdog_notifications_come_twice_as_often_as_systemd_asks_for(
    monkeypatch: pytest.MonkeyPatch, text: str, seconds: float
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", text)
    assert notify.watchdog_seconds() == seconds
