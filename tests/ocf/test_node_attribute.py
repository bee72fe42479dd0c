"""The node attribute relay-lines: where the lines are; after a failure where they were last seen, and why it failed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from berofos_agent.simulator import Simulator

from .conftest import Cluster


class Attributes:
    """What attrd_updater was asked to do."""

    def __init__(self, log: Path) -> None:
        self._log = log

    @property
    def changes(self) -> list[str]:
        """The values in order, "" for a deletion."""
        text = self._log.read_text() if self._log.exists() else ""
        return [
            line.removeprefix("-n relay-lines ").removeprefix("-U ").removeprefix("-D") for line in text.splitlines()
        ]


@pytest.fixture
def attributes(cluster: Cluster, tmp_path: Path) -> Attributes:
    program = tmp_path / "bin" / "attrd_updater"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/attributes\n')
    program.chmod(0o755)
    cluster.environ["PATH"] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return Attributes(tmp_path / "attributes")


def test_a_clean_stop_removes_it(cluster: Cluster, attributes: Attributes) -> None:
    assert cluster.call("start").code == 0
    assert cluster.call("monitor").code == 0
    assert cluster.call("stop").code == 0
    assert attributes.changes == ["A-B", ""]


def test_a_failed_start_leaves_what_was_last_seen_and_the_reason(
    devices: Simulator, cluster: Cluster, attributes: Attributes
) -> None:
    devices["fos1"].model.fault("stuck")
    started = cluster.call("start", node="xivo-2")
    assert started.code == 1
    cluster.call("stop", node="xivo-2")
    left = attributes.changes[-1]
    assert re.fullmatch(r"A-B/A-D \(last seen \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\); start failed: fos1: .*", left), left
    assert left.endswith(started.reason)


def test_a_failed_monitor_leaves_it_until_the_next_start(
    devices: Simulator, cluster: Cluster, attributes: Attributes
) -> None:
    cluster.call("start")
    devices["fos1"].model.move_by_hand("0")
    assert cluster.call("monitor").code == 1
    cluster.call("stop")
    assert re.match(r"A-B/A-D \(last seen .*\); monitor failed: fos1: relay is in position A-D", attributes.changes[-1])
    assert cluster.call("start").code == 0
    assert attributes.changes[-1] == "A-B"
    cluster.call("stop")
    assert attributes.changes[-1] == ""


def test_a_monitor_that_recovered_leaves_nothing(devices: Simulator, cluster: Cluster, attributes: Attributes) -> None:
    cluster.call("start")
    devices["fos1"].model.move_by_hand("0")
    assert cluster.call("monitor").code == 1
    devices["fos1"].model.move_by_hand("1")
    assert cluster.call("monitor").code == 0
    cluster.call("stop")
    assert attributes.changes[-1] == ""


def test_a_degraded_resource_that_is_stopped_leaves_nothing(
    devices: Simulator, cluster: Cluster, attributes: Attributes
) -> None:
    cluster.call("start")
    devices["fos2"].model.fault("silent")
    assert cluster.call("monitor").code == 190
    assert attributes.changes[-1].startswith("A-B; fos2: no answer")
    cluster.call("stop")
    assert attributes.changes[-1] == ""


def test_a_stop_that_moves_the_lines_to_the_pbx_says_so(
    devices: Simulator, cluster: Cluster, attributes: Attributes
) -> None:
    del cluster.parameters["port_d_node"]
    cluster.call("start")
    devices["fos1"].model.move_by_hand("0")
    assert cluster.call("monitor").code == 1
    cluster.call("stop")
    assert attributes.changes[-1].startswith("A-D (last seen ")
