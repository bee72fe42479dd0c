"""xivo-berofos: what XiVO's scripts and its documentation rely on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

from berofos_agent.commands import xivo_berofos
from tests.device.conftest import Desk, Ran


class Logged(list[str]):
    """What reached syslog, instead of it."""


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Logged:
    lines = Logged()
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda _priority, line: lines.append(line))
    return lines


@pytest.fixture
def run(desk: Desk, capsys: pytest.CaptureFixture[str], logged: Logged) -> Callable[..., Ran]:
    def run(*arguments: str) -> Ran:
        del logged[:]
        capsys.readouterr()
        status = xivo_berofos.main([f"--config={desk.config}", "--timeout=5", *arguments])
        told = capsys.readouterr()
        return Ran(status, told.out, told.err)

    return run


def modes(desk: Desk) -> list[str]:
    return [device.model.mode for device in desk.devices]


def test_master_and_slave(desk: Desk, run: Callable[..., Ran], logged: Logged) -> None:
    assert run("master").status == 0
    assert modes(desk) == ["1", "1"]
    assert [line.split(" (")[0] for line in logged] == [
        "fos1: switched from A-D to A-B",
        "fos2: switched from A-D to A-B",
    ]
    assert run("slave").status == 0
    assert modes(desk) == ["0", "0"]


def test_what_is_there_already_is_neither_written_nor_logged(
    desk: Desk, run: Callable[..., Ran], logged: Logged
) -> None:
    assert run("slave") == Ran(0, "", "fos1: already in position A-D\nfos2: already in position A-D\n")
    assert logged == []
    assert "write" not in desk.device("fos1").model.requests
    assert run("-v", "slave") == run("slave")


def test_quiet_still_logs(run: Callable[..., Ran], logged: Logged) -> None:
    assert run("-q", "master") == Ran(0, "", "")
    assert len(logged) == 2


def test_each_switch_is_one_line_of_syslog(run: Callable[..., Ran], logged: Logged) -> None:
    assert run("--syslog", "master").status == 0
    assert [line.split(" (")[0] for line in logged] == [
        "fos1: switched from A-D to A-B",
        "fos2: switched from A-D to A-B",
    ]
    assert all(" by " in line for line in logged)
    assert run("--syslog", "master").status == 0
    assert logged == ["fos1: already in position A-B", "fos2: already in position A-B"]


def test_quiet_from_cron_logs_switches_and_errors_only(desk: Desk, run: Callable[..., Ran], logged: Logged) -> None:
    """The hook of the documentation runs each minute."""
    assert run("-q", "--syslog", "slave") == Ran(0, "", "")
    assert logged == []
    desk.device("fos2").model.fault("stuck")
    assert run("-q", "--syslog", "master").status == 8
    assert sorted(line.split(" ")[0] for line in logged) == ["fos1:", "fos2:"]
    desk.config.unlink()
    assert run("-q", "--syslog", "slave") == Ran(0, "", "")
    assert logged == []


def test_one_that_fails_does_not_hold_up_the_others(desk: Desk, run: Callable[..., Ran], logged: Logged) -> None:
    desk.device("fos1").model.fault("silent")
    ran = run("--syslog", "master")
    assert ran.status == 4
    assert "xivo-berofos: fos1: no answer from" in ran.err
    assert modes(desk) == ["0", "1"]
    assert sorted({line.split(":")[0] for line in logged}) == ["fos1", "fos2"]


def test_a_relay_that_does_not_follow_is_an_error(desk: Desk, run: Callable[..., Ran]) -> None:
    desk.device("fos2").model.fault("stuck")
    assert run("master").status == 8


def test_without_configuration_it_does_nothing(desk: Desk, run: Callable[..., Ran], logged: Logged) -> None:
    desk.config.unlink()
    assert run("master") == Ran(0, "", "not configured -- doing nothing\n")
    assert run("-q", "slave") == Ran(0, "", "")
    assert logged == []
    run("--syslog", "slave")
    assert logged == ["not configured -- doing nothing"]


def test_a_broken_configuration_is_an_error(desk: Desk, run: Callable[..., Ran]) -> None:
    desk.config.write_text("[fos1\n")
    ran = run("master")
    assert ran.status == 3
    assert f"{desk.config}, line 1: " in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the following arguments are required: state"),
        (("Master",), "invalid choice: 'Master' (choose from"),
        (("--config=", "master"), "argument --config: the path of a file expected, not ''"),
        (("master", "fos1"), "unrecognized arguments: fos1"),
    ],
)
def test_wrong_arguments(
    run: Callable[..., Ran], capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_as_a_process(desk: Desk) -> None:
    """With a bare environment, as cron has it."""
    ran = subprocess.run(
        [sys.executable, "-m", "berofos_agent.commands.xivo_berofos", "--config", str(desk.config), "master"],
        env={"PATH": os.environ["PATH"]},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr.count("switched from A-D to A-B") == 2
    assert modes(desk) == ["1", "1"]
