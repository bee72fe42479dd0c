"""Telephony as a systemd unit in the cluster: the lines follow it as they follow any resource."""

from __future__ import annotations

import pytest

from ..lab.cluster import TELEPHONY, Cluster
from ..lab.two_nodes import NODES, Lab

UNIT = """\
[Unit]
Description=Stands in for the telephony of a XiVO
[Service]
ExecStart=/bin/sleep infinity
"""


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    provide_unit(two_nodes.lab)
    two_nodes.configure(telephony="systemd:stand-in")
    return two_nodes


def provide_unit(lab: Lab) -> None:
    """Give all machines the unit stand-in."""
    for name in NODES:
        lab.nodes[name].edit("systemd/system/stand-in.service", UNIT)
        lab.must(name, "systemctl daemon-reload")


def active(cluster: Cluster) -> list[str]:
    return [cluster.lab.run(name, "systemctl is-active stand-in").stdout.strip() for name in NODES]


def test_the_lines_are_where_the_unit_is_active(cluster: Cluster) -> None:
    assert active(cluster) == ["active", "inactive"]
    cluster.move(TELEPHONY, "xivo-2")
    cluster.wait_for("xivo-2")
    assert active(cluster) == ["inactive", "active"]


def test_the_lines_follow_a_unit_that_dies_too_often(cluster: Cluster) -> None:
    cluster.set_meta("migration-threshold", "1", TELEPHONY)
    cluster.lab.must("xivo-1", "systemctl kill --signal=KILL stand-in")
    cluster.wait_for("xivo-2", seconds=40)
    assert active(cluster)[1] == "active"
    assert [movement.node for movement in cluster.lab.movements()] == ["xivo-2", "xivo-2"]


def test_the_lines_follow_the_unit_when_its_machine_is_killed(cluster: Cluster) -> None:
    cluster.lab.kill("xivo-1")
    cluster.wait_for("xivo-2", seconds=30)
