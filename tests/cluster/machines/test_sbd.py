"""SBD without a shared disk, and a quorum device: a node that must not go on is reset by its own watchdog."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ..lab.cluster import TELEPHONY, Cluster
from ..lab.lan import GATEWAY
from ..lab.two_nodes import BOGUS_NEIGHBOUR, NODES, WATCHDOG_SECONDS, lab_of_environment
from ..test_fencing import telephony_at

Measured = Callable[[str, float], None]

FENCED_SECONDS = 2 * WATCHDOG_SECONDS
"""stonith-watchdog-timeout: when a node that was not heard is taken for reset."""
MOST_SECONDS = FENCED_SECONDS + 20


@pytest.fixture(scope="module")
def configured() -> Iterator[Cluster]:
    with lab_of_environment(quorum_device=True, sbd=True) as lab:
        cluster = Cluster(lab)
        cluster.configure(properties={"stonith-watchdog-timeout": f"{FENCED_SECONDS}s", "stonith-enabled": "true"})
        yield cluster


def test_the_cluster_has_a_watchdog(cluster: Cluster) -> None:
    for name in NODES:
        assert cluster.lab.must(name, "systemctl is-active sbd").strip() == "active"
    query = "crm_attribute --type crm_config --name have-watchdog --query --quiet"
    assert cluster.lab.must("xivo-1", query).strip() == "true"


@pytest.mark.parametrize("active", NODES)
def test_the_lines_of_a_killed_node_move_once_and_not_before_its_watchdog_would_have_reset_it(
    cluster: Cluster, measured: Measured, active: str
) -> None:
    survivor = telephony_at(cluster, active)
    killed = cluster.lab.kill(active)
    cluster.wait_for(survivor, MOST_SECONDS)
    moved = cluster.lab.movements(since=killed)
    assert [one.node for one in moved] == [survivor] * len(cluster.lab.devices)
    assert moved[0].at - killed > WATCHDOG_SECONDS
    measured("fenced by watchdog", moved[-1].at - killed)


@pytest.mark.parametrize("active", NODES)
def test_in_a_split_the_node_without_the_lines_is_reset_by_its_watchdog(cluster: Cluster, active: str) -> None:
    lab, passive = cluster.lab, telephony_at(cluster, active)
    starts = cluster.starts(TELEPHONY)
    lab.separate_nodes()
    cut = lab.moment_of("the nodes do not hear each other any more")
    reset = f"{passive} is reset by its watchdog"
    lab.wait_until(lambda: lab.happened(reset), MOST_SECONDS, reset)
    lab.rejoin_nodes()
    cluster.wait_for_members()
    cluster.wait_for(active)
    assert not lab.happened(f"{active} is reset by its watchdog")
    assert lab.movements(since=cut) == []
    assert cluster.starts(TELEPHONY) == starts, "telephony is left alone"


@pytest.mark.parametrize("active", NODES)
def test_an_active_node_that_hears_neither_the_other_nor_the_quorum_device_is_reset_before_the_lines_move(
    cluster: Cluster, active: str
) -> None:
    """It still reaches the devices: both nodes could switch them, if both went on."""
    lab, survivor = cluster.lab, telephony_at(cluster, active)
    lab.must(active, f"ip neigh replace {GATEWAY} lladdr {BOGUS_NEIGHBOUR} dev eth0 nud permanent")
    lab.separate_nodes()
    cut = lab.moment_of("the nodes do not hear each other any more")
    reset = f"{active} is reset by its watchdog"
    lab.wait_until(lambda: lab.happened(reset), MOST_SECONDS, reset)
    lab.wait_until(lambda: set(lab.lines().values()) == {survivor}, MOST_SECONDS, f"the lines are at {survivor}")
    lab.rejoin_nodes()
    cluster.wait_for_members()
    cluster.wait_for(survivor, MOST_SECONDS)
    moved = lab.movements(since=cut)
    assert [one.node for one in moved] == [survivor] * len(lab.devices)
    assert lab.moment_of(reset) < moved[0].at


def test_without_the_quorum_device_a_dead_node_takes_the_other_one_along_and_the_lines_stay(cluster: Cluster) -> None:
    """One vote of three. This is what a quorum device that is down for long costs with SBD."""
    lab = cluster.lab
    lab.stop_quorum_device()
    lab.wait_until(lambda: lab.votes("xivo-2") == len(NODES), 15, "the vote of the quorum device is missing")
    killed = lab.kill("xivo-1")
    reset = "xivo-2 is reset by its watchdog"
    lab.wait_until(lambda: lab.happened(reset), MOST_SECONDS, reset)
    assert lab.movements(since=killed) == []
    lab.start_quorum_device()
    cluster.wait_for("xivo-2", 60)
    assert [one.node for one in lab.movements(since=killed)] == ["xivo-2"] * len(lab.devices)
