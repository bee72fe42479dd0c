"""With fencing and a head start for the node with telephony, set up with pcs: a node is fenced, then the lines move."""

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


@pytest.mark.parametrize("active", ["xivo-1", "xivo-2"])
def test_a_killed_node_is_fenced_before_the_lines_move(cluster: Cluster, measured: Measured, active: str) -> None:
    other = telephony_at(cluster, active)
    killed = cluster.lab.kill(active)
    cluster.wait_for(other, seconds=25)
    first, last = cluster.lab.movements(since=killed)
    assert cluster.lab.moment_of(f"{active} is fenced") < first.at
    measured("fenced", last.at - killed)


@pytest.mark.parametrize("active", ["xivo-1", "xivo-2"])
def test_when_the_nodes_are_cut_from_each_other_the_active_one_survives_and_no_line_moves(
    cluster: Cluster, active: str
) -> None:
    other = telephony_at(cluster, active)
    cluster.lab.separate_nodes()
    cut = cluster.lab.moment_of("the nodes do not hear each other any more")
    cluster.lab.wait_until(lambda: cluster.lab.happened(f"{other} is fenced"), 25, f"{other} is fenced")
    cluster.lab.rejoin_nodes()
    cluster.wait_for_members()
    cluster.wait_for(active)
    assert not cluster.lab.happened(f"{active} is fenced")
    assert cluster.lab.movements(since=cut) == []


def telephony_at(cluster: Cluster, active: str) -> str:
    """Bring telephony to a node, and return the other one."""
    if active != "xivo-1":
        scenes.telephony_moved(cluster, active)
        cluster.clear(TELEPHONY)
        cluster.wait_for(active)
    return "xivo-2" if active == "xivo-1" else "xivo-1"
