"""How long an action has."""

from __future__ import annotations

import threading

import pytest

from berofos_agent.agent import actions
from berofos_agent.agent.invocation import Invocation


def call(age: float = 0.0, timeout: str = "20000") -> Invocation:
    return Invocation({"OCF_RESKEY_CRM_meta_timeout": timeout}, age)


@pytest.mark.parametrize(
    ("action", "seconds"), [("start", 7), ("stop", 8), ("monitor", 7), ("reload-agent", 7), ("validate-all", 18)]
)
def test_what_a_transition_waits_for_is_short_whatever_its_timeout(action: str, seconds: float) -> None:
    made = call()
    assert made.deadline_of(action) - made.began == pytest.approx(seconds)


@pytest.mark.parametrize("action", ["start", "stop", "monitor"])
def test_the_start_of_the_process_counts(action: str) -> None:
    assert call(age=3).deadline_of(action) == pytest.approx(call().deadline_of(action) - 3, abs=0.5)


@pytest.mark.parametrize("action", ["start", "stop"])
def test_a_shorter_timeout_of_the_cluster_counts(action: str) -> None:
    made = call(timeout="4000")
    assert made.deadline_of(action) - made.began == pytest.approx(3.5)


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
