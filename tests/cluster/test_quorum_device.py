"""With a quorum device on a third host only one side goes on, and the heuristics let it be the one with telephony."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from .lab.cluster import RELAY, TELEPHONY, Cluster
from .lab.scenes import other
from .lab.two_nodes import NODES, lab_of_environment
from .test_fencing import telephony_at

Measured = Callable[[str, float], None]

WITHOUT_QUORUM_SECONDS = 6
"""How long a node without quorum is watched: twice what fencing the other one takes with it."""


@pytest.fixture(scope="module")
def configured() -> Iterator[Cluster]:
    """Without a delay before fencing: the quorum device has decided who may fence."""
    with lab_of_environment(quorum_device=True) as lab:
        cluster = Cluster(lab)
        cluster.configure(fencing=True, properties={"priority-fencing-delay": "0"})
        yield cluster


@pytest.mark.parametrize("active", NODES)
def test_a_killed_node_is_fenced_and_the_lines_move_once(cluster: Cluster, measured: Measured, active: str) -> None:
    survivor = telephony_at(cluster, active)
    killed = cluster.lab.kill(active)
    cluster.wait_for(survivor, 25)
    moved = cluster.lab.movements(since=killed)
    assert [one.node for one in moved] == [survivor] * len(cluster.lab.devices)
    assert cluster.lab.moment_of(f"{active} is fenced") < moved[0].at
    measured("fenced by quorum", moved[-1].at - killed)


@pytest.mark.parametrize("active", NODES)
def test_in_a_split_the_node_with_the_lines_goes_on_and_fences_the_other(cluster: Cluster, active: str) -> None:
    lab, passive = cluster.lab, telephony_at(cluster, active)
    starts = cluster.starts(TELEPHONY)
    lab.separate_nodes()
    cut = lab.moment_of("the nodes do not hear each other any more")
    lab.wait_until(lambda: lab.happened(f"{passive} is fenced"), 25, f"{passive} is fenced")
    lab.rejoin_nodes()
    cluster.wait_for_members()
    cluster.wait_for(active)
    assert not lab.happened(f"{active} is fenced")
    assert lab.movements(since=cut) == []
    assert cluster.starts(TELEPHONY) == starts, "telephony is left alone"


def test_so_does_the_node_with_telephony_while_the_relay_is_stopped(cluster: Cluster) -> None:
    """A relay that recovers is stopped for a moment, too: its trouble must not decide which node goes on."""
    lab, passive = cluster.lab, telephony_at(cluster, "xivo-2")
    starts = cluster.starts(TELEPHONY)
    cluster.disable(RELAY)
    lab.separate_nodes()
    lab.wait_until(lambda: lab.happened(f"{passive} is fenced"), 25, f"{passive} is fenced")
    lab.rejoin_nodes()
    cluster.wait_for_members()
    assert not lab.happened("xivo-2 is fenced")
    assert cluster.starts(TELEPHONY) == starts, "telephony is left alone"
    cluster.enable(RELAY)
    cluster.wait_for("xivo-2")


def test_the_loss_of_the_quorum_device_alone_changes_nothing(cluster: Cluster) -> None:
    lab, starts = cluster.lab, cluster.starts(TELEPHONY)
    lab.stop_quorum_device()
    gone = lab.moment_of("the quorum device is gone")
    lab.wait_until(lambda: lab.votes("xivo-1") == len(NODES), 15, "the vote of the quorum device is missing")
    watch(cluster, "xivo-1")
    assert all(lab.has_quorum(name) for name in NODES)
    assert lab.movements(since=gone) == []
    assert cluster.starts(TELEPHONY) == starts, "telephony is left alone"


@pytest.mark.parametrize("active", NODES)
def test_without_the_quorum_device_a_dead_node_costs_the_quorum_and_the_lines_move_when_it_is_back(
    cluster: Cluster, active: str
) -> None:
    """One vote of three: Pacemaker neither fences nor starts anything, so the lines stay until there are two."""
    lab, survivor = cluster.lab, telephony_at(cluster, active)
    lab.stop_quorum_device()
    lab.wait_until(lambda: lab.votes(survivor) == len(NODES), 15, "the vote of the quorum device is missing")
    killed = lab.kill(active)
    lab.wait_until(lambda: not lab.has_quorum(survivor), 15, f"{survivor} has no quorum")
    time.sleep(WITHOUT_QUORUM_SECONDS)
    assert lab.movements(since=killed) == []
    lab.start_quorum_device()
    cluster.wait_for(survivor, 30)
    assert [one.node for one in lab.movements(since=killed)] == [survivor] * len(lab.devices)


def test_in_a_split_without_fencing_only_the_node_with_the_lines_has_quorum(cluster: Cluster) -> None:
    """The lines are on the node that the quorum device would not choose by its id."""
    lab, active = cluster.lab, "xivo-2"
    passive = telephony_at(cluster, active)
    cluster.set_property("stonith-enabled", "false")
    lab.separate_nodes()
    cut = lab.moment_of("the nodes do not hear each other any more")
    lab.wait_until(lambda: lab.has_quorum(active) and not lab.has_quorum(passive), 15, f"only {active} has quorum")
    watch(cluster, active)
    lab.rejoin_nodes()
    cluster.wait_for_members()
    cluster.wait_for(active)
    assert lab.movements(since=cut) == []


def watch(cluster: Cluster, active: str) -> None:
    """Look for a while whether telephony and the lines stay where they are, as every node sees them."""
    until = time.monotonic() + WITHOUT_QUORUM_SECONDS
    while time.monotonic() < until:
        assert set(cluster.lab.lines().values()) == {active}
        assert cluster.where(TELEPHONY, active) == active
        assert cluster.where(TELEPHONY, other(active)) in ("", active)
        time.sleep(0.2)
