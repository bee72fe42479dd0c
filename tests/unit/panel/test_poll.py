"""The panel's background readings."""

from __future__ import annotations

import threading

import pytest

from berofos_agent.panel import reader
from berofos_agent.panel.reader import Poll


def test_the_ages_of_devices_and_cluster_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, hangs = threading.Event(), threading.Event()
    monkeypatch.setattr(reader.status, "read", lambda: hangs.wait(10))
    monkeypatch.setattr(reader, "WATCHED_SECONDS", 0.01)
    monkeypatch.setattr(reader.view, "device_changes", lambda *_: answered.set() or ())
    reading = reader.Reader([], 1.0, "/etc/bnfos.conf")
    began = reading._cluster_poll.at
    reading.look()
    reading.start()
    assert answered.wait(10)
    assert reading._device_poll.at > began
    assert reading._cluster_poll.at == began
    state = reading.state()
    assert state.cluster_age > state.age
    hangs.set()


def test_readings_go_on_when_nobody_reads_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed() -> None:
        raise BrokenPipeError

    monkeypatch.setattr(reader, "WATCHED_SECONDS", 0.01)
    monkeypatch.setattr(reader.traceback, "print_exc", closed)
    answers, again = iter([1, 2]), threading.Event()

    def read() -> int:
        answer = next(answers, 3)
        if answer == 2:
            raise KeyError
        return answer

    poll = Poll("test", read, lambda _before, after: again.set() if after == 3 else None)
    poll.look()
    poll.start()
    assert again.wait(10)


def test_an_error_in_one_reading_does_not_end_the_readings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reader, "WATCHED_SECONDS", 0.01)
    answers = iter([1, KeyError("odd"), 2])
    changed = threading.Event()

    def read() -> int:
        answer = next(answers, 2)
        if isinstance(answer, Exception):
            raise answer
        return answer

    poll = Poll("test", read, lambda before, after: changed.set() if (before, after) == (1, 2) else None)
    poll.look()
    poll.start()
    assert changed.wait(10)
    assert "KeyError: 'odd'" in capsys.readouterr().err
