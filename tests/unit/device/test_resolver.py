"""A device's host name: looked up within the time there is, whatever the name server does."""

from __future__ import annotations

import socket
import threading

import pytest

from berofos_agent.device import resolver


def forbidden(*_args: object) -> list[object]:
    raise AssertionError("an address needs no look-up")


def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    assert resolver.resolve("10.34.1.20", 80, 0.0) == ("10.34.1.20", 80)


def test_a_name_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def getaddrinfo(*args: object) -> list[object]:
        asked.append(args)
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("10.34.1.20", 80)), "another one"]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert resolver.resolve("fos1.example.org", 80, 5.0) == ("10.34.1.20", 80)
    assert asked == [("fos1.example.org", 80, socket.AF_INET, socket.SOCK_DGRAM)]


@pytest.mark.parametrize("error", [socket.gaierror(socket.EAI_NONAME, "x"), UnicodeError("label too long")])
def test_what_is_no_name_is_not_known(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def getaddrinfo(*_args: object) -> list[object]:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(socket.gaierror):
        resolver.resolve("fos1..example.org", 80, 5.0)


def test_a_silent_name_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def getaddrinfo(*_args: object) -> list[object]:
        answered.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(socket.timeout, match="the name server does not answer for fos1"):
        resolver.resolve("fos1", 80, 0.05)
    answered.set()
