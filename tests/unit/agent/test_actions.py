"""How long an action has."""

from __future__ import annotations

import threading

import pytest

from berofos_agent.agent import actions


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [("20000", 18.0), ("5000", 4.5), ("1500", 1.35), ("", 18.0), ("0", 18.0), ("abc", 18.0), ("60000", 58.0)],
)
def test_an_action_ends_itself_before_the_cluster_kills_it(milliseconds: str, seconds: float) -> None:
    environ = {"OCF_RESKEY_CRM_meta_timeout": milliseconds} if milliseconds else {}
    assert actions.deadline_of(environ, 100.0) == pytest.approx(100.0 + seconds)


def test_what_hangs_has_its_place_in_syslog(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """The reason says that it is there."""

    def dead_file_system(_environ: object, _deadline: float) -> int:
        threading.Event().wait()
        return 0

    told: list[str] = []
    monkeypatch.setattr(actions.ocf, "tell_syslog", lambda line, *_priority: told.append(line))
    monkeypatch.setattr(actions, "_HANDLERS", {"monitor": dead_file_system})
    assert actions.run("monitor", {"OCF_RESKEY_CRM_meta_timeout": "1"}) == 1
    assert "see syslog" in capfd.readouterr().err
    assert any("dead_file_system" in line for line in told)
    assert all(line.startswith("monitor: ") for line in told)
