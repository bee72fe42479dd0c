"""With fencing and a delay for xivo-1, configured with pcs: a node is fenced before its lines move."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .lab import scenes
from .lab.cluster import TELEPHONY, Cluster

Measured = Callable[[str, float], None]


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


def test_a_killed_node_is_fenced_before_the_lines_move(cluster: Cluster, measured: Measured) -> None:
    scenes.telephony_moved(cluster, "xivo-2")
    cluster.clear(TELEPHONY)
    cluster.wait_for("xivo-2")
    killed = cluster.lab.kill("xivo-2")
    cluster.wait_for("xivo-1", seconds=20)
    first, last = cluster.lab.movements(since=killed)
    assert cluster.lab.moment_of("xivo-2 is fenced") < first.at
    measured("fenced", last.at - killed)


def test_the_node_with_the_delay_is_fenced_too_when_it_is_killed(cluster: Cluster) -> None:
    killed = cluster.lab.kill("xivo-1")
    cluster.wait_for("xivo-2", seconds=25)
    assert cluster.lab.moment_of("xivo-1 is fenced") < cluster.lab.movements(since=killed)[0].at


def test_when_the_nodes_are_cut_from_each_other_the_lines_stay_with_the_node_that_has_the_delay(
    cluster: Cluster,
) -> None:
    cluster.lab.separate_nodes()
    cluster.lab.wait_until(lambda: "xivo-2 is fenced" in cluster.lab.story(), 20, "xivo-2 is fenced")
    cluster.wait_for("xivo-1", seconds=25)
    assert cluster.lab.movements() == []


def test_when_the_nodes_are_cut_from_each_other_each_relay_moves_at_most_once(cluster: Cluster) -> None:
    scenes.telephony_moved(cluster, "xivo-2")
    cluster.clear(TELEPHONY)
    cluster.wait_for("xivo-2")
    cluster.lab.separate_nodes()
    cut = cluster.lab.moment_of("the nodes do not hear each other any more")
    cluster.wait_for("xivo-1", seconds=25)
    moved = cluster.lab.movements(since=cut)
    assert sorted(movement.device for movement in moved) == ["fos1", "fos2"]
    cluster.lab.rejoin_nodes()
    cluster.wait_for_members()
    cluster.wait_for("xivo-1")
    assert cluster.lab.movements(since=cut) == moved
