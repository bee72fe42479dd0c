"""Commands whose output is closed, full or has no reader: one line or none, a documented status, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.device import frame
from berofos_agent.simulator import DeviceSpec, Power
from tests.ocf.conftest import fresh_address

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


@pytest.mark.parametrize("closed", ["<&-", "0>/dev/null"], ids=["closed", "of-nohup"])
@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("-m berofos_agent password --config $CONF", "expected three lines on standard input"),
        ("-m berofos_agent provision --scenario bypass --config $CONF", "standard input is not a terminal"),
        ("-m berofos_agent.commands.bnfos --set apwd --config $CONF -f fos1", "no terminal to ask at"),
    ],
    ids=["password", "provision", "bnfos-set"],
)
def test_an_input_that_cannot_be_read_is_no_terminal(command: str, line: str, closed: str, config: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f'exec "{sys.executable}" {command} {closed}'],
        env={**os.environ, "CONF": str(config)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert line in done.stderr
    assert done.returncode == 1


def test_a_flash_and_a_switch_go_on_when_nobody_reads_their_messages(tmp_path: Path) -> None:
    with simulator.running([DeviceSpec("fos1", fresh_address(), 0, frame.PORT)]) as devices:
        device = devices["fos1"].model
        config, image = tmp_path / "bnfos.conf", tmp_path / "image"
        config.write_text(devices.conf())
        image.write_bytes(bytes(range(256)) * 80)
        bnfos = f"{sys.executable} -m berofos_agent.commands.bnfos --config {config} -f fos1"
        xivo_berofos = f"{sys.executable} -m berofos_agent.commands.xivo_berofos --config {config} master"
        no_reader = "2> >(true); sleep 0.2"
        for command in (xivo_berofos, f"{bnfos} --flash {image} --force"):
            if "--flash" in command:
                assert device.mode == "1"
                device.switch_power(Power.FLASH)
            ended = subprocess.run(["bash", "-c", f"exec {no_reader}; exec {command}"], timeout=60, check=False)
            assert ended.returncode == 0
        assert device.state()["image"]


def test_kicks_go_on_when_nobody_reads_their_messages(tmp_path: Path) -> None:
    with simulator.running([DeviceSpec("fos1", fresh_address(), 0, frame.PORT)]) as devices:
        config = tmp_path / "bnfos.conf"
        config.write_text(devices.conf())
        command = [sys.executable, "-m", "berofos_agent.commands.bnfos", "--config", str(config), "-f", "fos1"]
        with subprocess.Popen([*command, "--kick", "-c", "-w", "0.05"], stderr=subprocess.PIPE) as process:
            assert process.stderr
            process.stderr.readline()
            process.stderr.close()
            until = time.monotonic() + 10
            while devices["fos1"].model.requests.get("kick", 0) < 20 and time.monotonic() < until:
                time.sleep(0.05)
            assert process.poll() is None
            process.terminate()
        assert devices["fos1"].model.requests["kick"] >= 20
