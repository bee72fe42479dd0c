"""What the agent answers without a device, a configuration or the cluster."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from berofos_agent.agent import actions, main, state


@pytest.mark.parametrize("action", ["meta-data", "usage", "help", "methods"])
def test_what_is_printed_is_all_that_is_printed(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["berofos", action], {}) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert {
        "meta-data": "<resource-agent",
        "usage": "usage: berofos",
        "help": "usage: berofos",
        "methods": "reload-agent\n",
    }[action] in told.out


@pytest.mark.parametrize(
    "argv", [["berofos"], ["berofos", "dance"], ["berofos", "start", "now"], ["berofos", "notify"]]
)
def test_anything_else_is_not_implemented(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(argv, {}) == 3
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", main.USAGE)


@pytest.mark.parametrize("action", ["start", "validate-all", "reload-agent"])
def test_a_bug_is_one_line_for_the_cluster_and_its_traceback_goes_to_syslog(
    action: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logged: list[str] = []
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda _priority, line: logged.append(line))
    monkeypatch.setattr(actions, "run", lambda *_args: 1 // 0)
    assert main.main(["berofos", action], {}) == 1
    assert capsys.readouterr().err == (
        f"ocf-exit-reason:{action}: internal error (ZeroDivisionError); see syslog and report it\n"
    )
    assert logged[0] == f"{action}: internal error (ZeroDivisionError); see syslog and report it"
    assert logged[-1].startswith("ZeroDivisionError")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda _priority, _line: None)

    def missing(*_args: object) -> int:
        raise ModuleNotFoundError("No module named 'requests'", name="requests")

    monkeypatch.setattr(actions, "run", missing)
    assert main.main(["berofos", "start"], {}) == 5
    assert capsys.readouterr().err == ("ocf-exit-reason:Python module requests is missing; install python3-requests\n")


def test_meta_data_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda _priority, _line: None)
    monkeypatch.setattr(main, "__file__", str(tmp_path / "berofos_agent" / "agent" / "main.py"))
    assert main.main(["berofos", "meta-data"], {}) == 1


def test_stop_succeeds_whatever_comes_after_its_duty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    logged: list[str] = []
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda _priority, line: logged.append(line))
    monkeypatch.setattr(actions, "after_stop", lambda *_args: sys.exit(5))
    path = tmp_path / "relay.state"
    state.save(str(path), state.State())
    assert main.main(["berofos", "stop"], {"OCF_RESKEY_state": str(path)}) == 0
    assert not path.exists()
    assert logged[0] == "stop: 5"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "this node is out of memory; see ps aux --sort=-rss"),
        # Python 3.13 on Debian 13, while it imported a module with 32 MiB
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "this node is out of memory; see ps aux --sort=-rss"),
        (OSError(errno.EIO, "Input/output error"), "internal error (OSError); see syslog and report it"),
    ],
)
def test_no_memory_is_no_internal_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, reason: str
) -> None:
    def fail(*_args: object) -> int:
        raise error

    monkeypatch.setattr(main, "_act", fail)
    monkeypatch.setattr(main, "_log", lambda *_args: None)
    assert main.main(["berofos", "monitor"], {}) == 1
    assert capsys.readouterr().err == f"ocf-exit-reason:monitor: {reason}\n"
