"""`spans`: a line in alarm is told once it has had time to come up, and a start never waits for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from berofos_agent.agent.dahdi import FOLDER_VARIABLE
from berofos_agent.simulator import Simulator

from .conftest import Cluster


@pytest.fixture
def cluster(cluster: Cluster) -> Cluster:
    cluster.environ[FOLDER_VARIABLE] = str(Path(__file__).parents[1] / "data" / "dahdi")
    return cluster


def test_a_span_in_alarm_is_reported_at_level_10(cluster: Cluster) -> None:
    assert cluster.call("start", spans="1 2").code == 0
    assert cluster.call("monitor", spans="1 2").code == 0
    answer = cluster.call("monitor", spans="1 2", level=10)
    assert (answer.code, answer.reason) == (190, "span 2 (B4/0/2): alarm RED; check cable and line")
    assert cluster.call("monitor", spans="1 3", level=10).code == 0


def test_a_span_that_was_just_switched_here_has_time_to_come_up(devices: Simulator, cluster: Cluster) -> None:
    for device in devices:
        device.model.move_by_hand("0")
    assert cluster.call("start", spans="2").code == 0
    assert cluster.call("monitor", spans="2", level=10).code == 0
    told = json.loads(cluster.state.read_text())
    cluster.state.write_text(json.dumps({**told, "moved_at": told["moved_at"] - 31}))
    assert cluster.call("monitor", spans="2", level=10).code == 190


def test_without_dahdi_the_lines_are_still_switched(cluster: Cluster, tmp_path: Path) -> None:
    cluster.environ[FOLDER_VARIABLE] = str(tmp_path)
    assert cluster.call("start", spans="1").code == 0
    answer = cluster.call("monitor", spans="1", level=10)
    assert answer.code == 190
    assert "1 is missing; load the driver or correct spans" in answer.reason


ASTERISK = """\
#!/bin/sh
case "$2" in
  "pri show span 1") printf 'Primary D-channel: 3\\nStatus: Provisioned, %s, Active\\n' "$LAYER2" ;;
  *) echo "No PRI running on span" ;;
esac
"""
"""A stand-in for Asterisk's remote console."""


@pytest.fixture
def asterisk(cluster: Cluster, tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "asterisk"
    program.parent.mkdir()
    program.write_text(ASTERISK)
    program.chmod(0o755)
    cluster.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    cluster.environ["LAYER2"] = "Down"
    return program


def test_a_span_without_alarm_whose_layer_2_is_down_is_degraded_only_if_asked_for(
    cluster: Cluster, asterisk: Path
) -> None:
    assert asterisk.exists()
    assert cluster.call("start", spans="1 3", layer2="true").code == 0
    assert cluster.call("monitor", spans="1 3", level=10).code == 0
    assert cluster.call("monitor", spans="1 3", layer2="true").code == 0
    answer = cluster.call("monitor", spans="1 3", layer2="true", level=10)
    assert (answer.code, answer.reason) == (
        190,
        "span 1: layer 2 is down (D-channel 3); try a call over it, else restart chan_dahdi",
    )
    cluster.environ["LAYER2"] = "Up"
    assert cluster.call("monitor", spans="1 3", layer2="true", level=10).code == 0


@pytest.mark.parametrize("script", ["exit 1", "sleep 60", "printf '\\377'"], ids=["not-running", "hangs", "noise"])
def test_what_asterisk_does_not_say_is_not_judged(cluster: Cluster, asterisk: Path, script: str) -> None:
    asterisk.write_text(f"#!/bin/sh\n{script}\n")
    assert cluster.call("start", spans="1", layer2="yes").code == 0
    assert cluster.call("monitor", spans="1", layer2="yes", level=10).code == 0


def test_after_a_switch_the_time_until_the_spans_are_up_is_noted_once(devices: Simulator, cluster: Cluster) -> None:
    for device in devices:
        device.model.move_by_hand("0")
    assert cluster.call("start", spans="1 2").code == 0
    assert cluster.call("monitor", spans="1 2").code == 0
    assert json.loads(cluster.state.read_text())["waking"], "span 2 is in alarm"
    assert cluster.call("monitor", spans="1 3").code == 0
    assert not json.loads(cluster.state.read_text())["waking"]
