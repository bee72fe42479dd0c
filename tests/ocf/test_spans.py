"""`spans`: a line in alarm is told once it has had time to come up, and a start never waits for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from berofos_agent.agent.dahdi import FOLDER_VARIABLE
from berofos_agent.simulator import Simulator

from .conftest import Cluster


@pytest.fixture
def cluster(cluster: Cluster) -> Cluster:
    cluster.environ[FOLDER_VARIABLE] = str(Path(__file__).parents[1] / "data" / "dahdi")
    return cluster


def test_a_span_in_alarm_is_told_at_level_10(cluster: Cluster) -> None:
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
    assert "1 is missing; is the driver loaded?" in answer.reason
