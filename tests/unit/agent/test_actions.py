"""How long an action has."""

from __future__ import annotations

import threading

import pytest

from berofos_agent.agent import actions
from berofos_agent.agent.invocation import Invocation


def call(age: float = 0.0, timeout: str = "20000") -> Invocation:
    return Invocation({"OCF_RESKEY_CRM_meta_timeout": timeout}, age)


@pytest.mark.parametrize(("action", "seconds"), [("start", 7), ("stop", 8), ("monitor", 18), ("reload-agent", 18)])
def test_start_and_stop_are_short_whatever_their_timeout(action: str, seconds: float) -> None:
    made = call()
    assert actions.deadline_of(action, made) - made.began == pytest.approx(seconds)


@pytest.mark.parametrize("action", ["start", "stop", "monitor"])
def test_the_start_of_the_process_counts(action: str) -> None:
    assert actions.deadline_of(action, call(age=3)) == pytest.approx(actions.deadline_of(action, call()) - 3, abs=0.5)


@pytest.mark.parametrize("action", ["start", "stop"])
def test_a_shorter_timeout_of_the_cluster_counts(action: str) -> None:
    made = call(timeout="4000")
    assert actions.deadline_of(action, made) - made.began == pytest.approx(3.5)


def test_an_action_that_hangs_has_its_place_in_syslog(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The reason says that it is there."""

    def dead_file_system(_call: object, _deadline: float) -> actions.Result:
        threading.Event().wait()
        return actions.OK

    logged: list[str] = []
    monkeypatch.setattr(actions.ocf, "tell_syslog", lambda line, *_priority: logged.append(line))
    monkeypatch.setattr(actions, "_HANDLERS", {"monitor": dead_file_system})
    assert actions.run("monitor", call(timeout="1")) == 1
    assert "see syslog" in capfd.readouterr().err
    assert any("dead_file_system" in line for line in logged)
    assert all(line.startswith("monitor: ") for line in logged)
