"""What is lost without an order: the lines go to a node whose telephony then fails to start, and come back with it."""

from __future__ import annotations

import pytest

from .lab import scenes
from .lab.cluster import DUMMY, RELAY, TELEPHONY, Cluster

START_SECONDS = 6
FAILS_ON_XIVO_2 = f"{DUMMY} params op_sleep={START_SECONDS} fail_start_on=xivo-2"


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    """Telephony takes START_SECONDS to start, and cannot be started on xivo-2."""
    two_nodes.configure(telephony=FAILS_ON_XIVO_2)
    return two_nodes


def test_lines_moved_to_a_node_whose_telephony_fails_to_start_come_back_with_it(cluster: Cluster) -> None:
    moved = cluster.move(TELEPHONY, "xivo-2")
    cluster.lab.wait_until(lambda: cluster.failures(TELEPHONY), 40, "telephony has failed to start on xivo-2")
    cluster.wait_for("xivo-1", 40)
    cluster.clear(TELEPHONY)
    assert [movement.node for movement in cluster.lab.movements(since=moved)] == ["xivo-2"] * 2 + ["xivo-1"] * 2
    assert cluster.failures(RELAY) == []


def test_with_no_node_left_that_can_start_telephony_the_lines_stay_where_they_went(cluster: Cluster) -> None:
    scenes.node_killed(cluster, "xivo-1", 40)
    cluster.lab.wait_until(lambda: cluster.failures(TELEPHONY), 40, "telephony has failed to start on xivo-2")
    cluster.lab.wait_until(lambda: cluster.role(RELAY) == "Stopped", 20, "the relay resource is stopped as well")
    assert set(cluster.lab.lines().values()) == {"xivo-2"}
    assert [movement.node for movement in cluster.lab.movements()] == ["xivo-2", "xivo-2"]
