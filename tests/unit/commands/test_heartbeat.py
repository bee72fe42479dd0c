"""The log of `berofos heartbeat`: a line goes to standard error and to syslog, and a lost reader stops nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator

import pytest

from berofos_agent import systemlog
from berofos_agent.commands import heartbeat


class Syslog:
    """A syslog daemon's socket, which is read only when a test asks for the lines."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.setblocking(False)

    def lines(self) -> list[str]:
        """Return what has come since the last call, without tag and process."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                head, line = self._socket.recv(2048).decode().split(": ", 1)
                assert head == f"<29>berofos-heartbeat[{os.getpid()}]"
                found.append(line)
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def syslog(monkeypatch: pytest.MonkeyPatch) -> Iterator[Syslog]:
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Syslog(f"{folder}/log")) as syslog:
        monkeypatch.setattr(systemlog, "SOCKET", f"{folder}/log")
        monkeypatch.setattr(systemlog, "_tag", heartbeat.SYSLOG_NAME)
        yield syslog


@contextlib.contextmanager
def no_reader() -> Iterator[None]:
    """Standard error is a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=1, encoding="utf-8") as stream, contextlib.redirect_stderr(stream):
        yield  # closing the stream writes what is left in it, as Python does at its exit


@pytest.mark.parametrize("journal", ["", "8:1"])
def test_a_log_without_a_reader_goes_on_in_syslog_which_says_so_once(
    journal: str, syslog: Syslog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", journal)
    with no_reader():
        heartbeat._log("first")
        heartbeat._log("second")
    assert syslog.lines() == ["nobody reads standard error any more; the log goes on in syslog", "first", "second"]


def test_what_is_in_the_journal_is_not_in_syslog_as_well(
    syslog: Syslog, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    heartbeat._log("a line")
    assert (capfd.readouterr().err, syslog.lines()) == ("a line\n", [])


def test_a_syslog_daemon_that_hangs_or_is_gone_costs_lines_and_no_time(
    syslog: Syslog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    with no_reader():
        for number in range(1000):
            heartbeat._log(str(number))
    kept = syslog.lines()[1:]
    assert 0 < len(kept) < 1000
    heartbeat._log("read again")
    assert syslog.lines() == ["read again"]
    monkeypatch.setattr(systemlog, "SOCKET", "/nowhere")
    heartbeat._log("nobody is there")
