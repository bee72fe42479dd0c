"""The log of `berofos heartbeat`: a line goes to standard error and to syslog, and a lost reader stops nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from berofos_agent.commands import commandline, heartbeat


@pytest.fixture
def syslog(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(commandline, "tell_syslog", lambda _prog, line: lines.append(line))
    return lines


@contextlib.contextmanager
def no_reader() -> Iterator[None]:
    """Standard error is a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=1, encoding="utf-8") as stream, contextlib.redirect_stderr(stream):
        yield  # closing the stream writes what is left in it, as Python does at its exit


@pytest.mark.parametrize("journal", ["", "8:1"])
def test_a_log_without_a_reader_goes_on_in_syslog_which_says_so_once(
    journal: str, syslog: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", journal)
    with no_reader():
        heartbeat._log("first")
        heartbeat._log("second")
    assert syslog == ["nobody reads standard error any more; the log goes on in syslog", "first", "second"]


def test_what_is_in_the_journal_is_not_in_syslog_as_well(
    syslog: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    heartbeat._log("a line")
    assert (capfd.readouterr().err, syslog) == ("a line\n", [])
