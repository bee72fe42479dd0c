"""The panel's background readings."""

from __future__ import annotations

import threading

import pytest

from berofos_agent.panel import reader
from berofos_agent.panel.reader import Poll


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
