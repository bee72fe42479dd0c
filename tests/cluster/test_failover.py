"""The lines follow telephony on two nodes with healthy devices, without fencing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .lab import scenes
from .lab.cluster import RELAY, TELEPHONY, Cluster

Measured = Callable[[str, float], None]


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


def test_lines_come_up_on_the_active_node(cluster: Cluster) -> None:
    cluster.disable(TELEPHONY)
    for device in cluster.lab.devices.values():
        device.turn("0")
    seen_before = len(cluster.lab.syslog("xivo-1"))
    cluster.enable(TELEPHONY)
    cluster.wait_for("xivo-1")
    assert cluster.attribute("xivo-1", "relay-lines") == "A-B"
    told = "\n".join(cluster.lab.syslog("xivo-1")[seen_before:])
    assert "fos1: switched from A-D to A-B: start on xivo-1" in told
    assert "fos2: switched from A-D to A-B: start on xivo-1" in told


def test_a_relay_moved_by_hand_is_put_back(cluster: Cluster, measured: Measured) -> None:
    telephony = cluster.starts(TELEPHONY)
    measured("by hand", scenes.relay_moved_by_hand(cluster, "fos1"))
    cluster.wait_for("xivo-1")
    assert cluster.starts(TELEPHONY) == telephony, "telephony must not notice"
    assert cluster.lab.device("fos2").movements() == [], "the other device must not move"


def test_the_lines_of_a_killed_node_move_to_the_survivor(cluster: Cluster, measured: Measured) -> None:
    measured("killed", scenes.node_killed(cluster, "xivo-1"))
    cluster.wait_for("xivo-2")
    assert [movement.node for movement in cluster.lab.movements()] == ["xivo-2", "xivo-2"]


def test_a_killed_node_that_comes_back_does_not_take_the_lines(cluster: Cluster) -> None:
    scenes.node_killed(cluster, "xivo-1")
    cluster.wait_for("xivo-2")
    telephony = cluster.starts(TELEPHONY)
    movements = cluster.lab.movements()
    cluster.lab.boot("xivo-1")
    cluster.wait_for_members()
    cluster.wait_for("xivo-2")
    assert cluster.starts(TELEPHONY) == telephony
    assert cluster.lab.movements() == movements


def test_moving_telephony_takes_the_lines_along_and_back(cluster: Cluster, measured: Measured) -> None:
    measured("moved", scenes.telephony_moved(cluster, "xivo-2"))
    scenes.telephony_moved(cluster, "xivo-1")
    cluster.clear(TELEPHONY)
    assert [movement.node for movement in cluster.lab.movements()] == ["xivo-2", "xivo-2", "xivo-1", "xivo-1"]


def test_standby_moves_the_lines_and_its_end_does_not_move_them_back(cluster: Cluster) -> None:
    cluster.standby("xivo-1", on=True)
    cluster.wait_for("xivo-2")
    telephony = cluster.starts(TELEPHONY)
    cluster.standby("xivo-1", on=False)
    cluster.wait_for_members()
    cluster.wait_for("xivo-2")
    assert cluster.starts(TELEPHONY) == telephony
    assert [movement.node for movement in cluster.lab.movements()] == ["xivo-2", "xivo-2"]


def test_pacemaker_can_be_restarted_in_maintenance_without_moving_a_line(cluster: Cluster) -> None:
    cluster.set_property("maintenance-mode", "true")
    cluster.lab.stop_cluster("xivo-1")
    cluster.lab.start_cluster("xivo-1")
    cluster.wait_for_members()
    cluster.lab.wait_until(
        lambda: cluster.where(TELEPHONY) == cluster.where(RELAY) == "xivo-1", 20, "both are found running on xivo-1"
    )
    cluster.set_property("maintenance-mode", "false")
    cluster.wait_for("xivo-1")
    assert cluster.lab.movements() == []
    assert cluster.failures() == []


def test_a_relay_turned_in_maintenance_stays_until_maintenance_ends(cluster: Cluster) -> None:
    cluster.set_property("maintenance-mode", "true")
    fos1 = cluster.lab.device("fos1")
    fos1.turn("0")
    cluster.lab.stop_cluster("xivo-1")
    cluster.lab.start_cluster("xivo-1")
    cluster.wait_for_members()
    cluster.lab.wait_until(lambda: cluster.failures(), 20, "the cluster has seen the relay in the wrong position")
    assert fos1.lines_at == "xivo-2"
    cluster.set_property("maintenance-mode", "false")
    cluster.wait_for("xivo-1")
    assert [movement.cause for movement in fos1.movements()] == ["hand", "http"]


def test_a_node_that_joins_while_the_relay_is_in_the_wrong_position_neither_moves_nor_claims_it(
    cluster: Cluster,
) -> None:
    cluster.set_meta("failure-timeout", "10s")
    cluster.lab.stop_cluster("xivo-1")
    cluster.wait_for("xivo-2")
    telephony = cluster.starts(TELEPHONY)
    fos1 = cluster.lab.device("fos1")
    fos1.turn("1")
    fos1.misbehave("stuck")
    cluster.lab.wait_until(lambda: cluster.role(RELAY) == "Stopped", 20, "the relay resource gives up for a while")
    turned = cluster.lab.movements()
    cluster.lab.start_cluster("xivo-1")
    cluster.wait_for_members()
    assert cluster.lab.movements() == turned
    fos1.clear_faults()
    cluster.wait_for("xivo-2", seconds=40)
    assert [failure.node for failure in cluster.failures() if failure.node == "xivo-1"] == []
    assert cluster.where(TELEPHONY) == "xivo-2"
    assert cluster.starts(TELEPHONY) == telephony
