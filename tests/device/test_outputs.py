"""Commands whose output is closed, full or has no reader: one line or none, a documented status, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator

COMMANDS = {
    "status": "-m berofos_agent status --config $CONF",
    "check": "-m berofos_agent check --config $CONF",
    "doctor": "-m berofos_agent doctor --config $CONF",
    "provision": "-m berofos_agent provision --config $CONF --check",
    "metrics": "-m berofos_agent metrics --config $CONF",
    "history": "-m berofos_agent history --config $CONF",
    "cluster-config": "-m berofos_agent cluster-config --port-b xivo-1 --follow xivo --config $CONF",
    "help": "-m berofos_agent --help",
    "status-help": "-m berofos_agent status --help",
    "bnfos-show": "-m berofos_agent.commands.bnfos --show --config $CONF -f fos1",
    "bnfos-help": "-m berofos_agent.commands.bnfos --help",
}

DOCUMENTED = set(range(9))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bnfos.conf with one device."""
    with simulator.running(1) as devices:
        path = tmp_path_factory.mktemp("outputs") / "bnfos.conf"
        path.write_text(devices.conf())
        path.chmod(0o600)
        yield path


def run(command: str, output: str, config: Path) -> subprocess.CompletedProcess[str]:
    line = f'exec {output}; exec "{sys.executable}" {COMMANDS[command]}'
    environ = {**os.environ, "CONF": str(config), "HA_RSCTMP": "/nonexistent", "PYTHONUNBUFFERED": ""}
    return subprocess.run(["bash", "-c", line], env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("output", [">&-", ">/dev/full"], ids=["closed", "full"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_takes_nothing_is_one_line_and_status_1(command: str, output: str, config: Path) -> None:
    done = run(command, output, config)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if "standard output: " in line]
    assert len(lines) == 1, done
    assert done.returncode == 1


@pytest.mark.parametrize("command", ["metrics", "history"])
def test_an_output_that_is_full_is_told_also_where_a_device_does_not_answer(command: str, tmp_path: Path) -> None:
    config = tmp_path / "bnfos.conf"
    config.write_text("[fos1]\nhost = 127.0.0.1\nport = 1\n")
    done = run(command, ">/dev/full", config)
    assert [line.partition(": ")[2] for line in done.stderr.splitlines()] == [
        "fos1: 127.0.0.1: Connection refused; check power and network",
        "standard output: No space left on device",
    ]
    assert done.returncode == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_gone_is_no_line(command: str, config: Path) -> None:
    done = run(command, "> >(true); sleep 0.2", config)
    assert "standard output" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode in DOCUMENTED


@pytest.mark.parametrize("output", ["2>&-", "2>/dev/full", "<&- >&- 2>&-"], ids=["closed", "full", "all-closed"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_output_that_takes_nothing_changes_nothing_else(command: str, output: str, config: Path) -> None:
    done = run(command, output, config)
    assert done.returncode in DOCUMENTED
    assert done.stderr == ""
