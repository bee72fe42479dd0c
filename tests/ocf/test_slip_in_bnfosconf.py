"""One slip in bnfos.conf: the lines of the other devices move, and the reason names file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.device import frame
from berofos_agent.simulator import DeviceSpec, Simulator
from tests.slips import SLIPS, with_slip

from .conftest import Cluster, fresh_address

POSITIONS = pytest.mark.parametrize("number", [0, 1, 2], ids=["first", "middle", "last"])
KINDS = pytest.mark.parametrize("slip", SLIPS)


@pytest.fixture
def devices() -> Iterator[Simulator]:
    """Three devices, their lines at port B."""
    settings = {"modedef": "1"}
    specs = [
        DeviceSpec(f"fos{number}", fresh_address(), 0, frame.PORT, f"00:19:32:00:12:1{number}", settings=settings)
        for number in (1, 2, 3)
    ]
    with simulator.running(specs) as devices:
        yield devices


def make_slip(cluster: Cluster, number: int, slip: str) -> None:
    config = Path(cluster.parameters["config"])
    config.write_text(with_slip(config.read_text(), number, SLIPS[slip]))


@KINDS
@POSITIONS
def test_start_moves_the_good_devices_and_monitor_is_degraded(
    devices: Simulator, cluster: Cluster, number: int, slip: str
) -> None:
    make_slip(cluster, number, slip)
    assert cluster.call("start", node="xivo-2").code == 0
    assert [device.model.mode for device in devices] == ["1" if at == number else "0" for at in range(3)]
    warning = json.loads(cluster.state.read_text())["conditions"]["position"]
    assert re.search(rf"{re.escape(cluster.parameters['config'])}, line \d+: ", warning)
    answer = cluster.call("monitor", node="xivo-2")
    assert answer.code == 190
    assert answer.reason[:100] == warning[:100], "Pacemaker cuts a reason after 128 bytes"
    assert cluster.call("stop", node="xivo-2").code == 0
    assert not list(devices)[number].model.requests


@KINDS
def test_validate_all_names_the_line(devices: Simulator, cluster: Cluster, slip: str) -> None:
    make_slip(cluster, 1, slip)
    assert cluster.call("validate-all").code == 0
    answer = cluster.call("validate-all", level=10)
    assert answer.code == 1
    assert re.search(r"bnfos.conf, line \d+: ", answer.reason)
    assert not devices["fos2"].model.requests


def test_a_slip_in_a_section_of_another_resource_does_not_matter(devices: Simulator, cluster: Cluster) -> None:
    make_slip(cluster, 1, "unknown-key")
    cluster.parameters["devices"] = "fos1 fos3"
    assert cluster.call("start", node="xivo-2").code == 0
    assert (cluster.call("monitor", node="xivo-2").code, devices["fos2"].model.mode) == (0, "1")


def test_a_slip_in_every_section_ends_a_start_and_touches_nothing(devices: Simulator, cluster: Cluster) -> None:
    for number in range(3):
        make_slip(cluster, number, "unknown-key")
    answer = cluster.call("start", node="xivo-2")
    assert (answer.code, cluster.state.exists()) == (2, False)
    assert "unknown key hots" in answer.reason
    assert not any(device.model.requests for device in devices)


def test_a_slip_that_appears_while_the_lines_are_here_degrades_and_moves_nothing(
    devices: Simulator, cluster: Cluster
) -> None:
    assert cluster.call("start").code == 0
    make_slip(cluster, 2, "malformed-mac")
    assert cluster.call("monitor").code == 190
    for number in (0, 1):
        make_slip(cluster, number, "malformed-mac")
    answer = cluster.call("monitor")
    assert (answer.code, [device.model.mode for device in devices]) == (190, ["1", "1", "1"])


def test_the_watchdogs_of_the_good_devices_are_armed_and_kicked(devices: Simulator, cluster: Cluster) -> None:
    make_slip(cluster, 0, "no-host")
    cluster.parameters["watchdog"] = "30"
    assert cluster.call("start").code == 0
    assert [device.model.state()["watchdog"] for device in devices] == ["0", "1", "1"]
    assert cluster.call("monitor").code == 190
    assert cluster.call("stop").code == 0
    assert [device.model.state()["watchdog"] for device in devices] == ["0", "0", "0"]
