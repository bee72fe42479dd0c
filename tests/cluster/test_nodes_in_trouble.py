"""What else happens to nodes: both stopped at once, a join during a death, a lost CIB, frozen Corosync, a full disk."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .lab.cluster import RELAY, SETTLING_SECONDS, TELEPHONY, Cluster
from .lab.two_nodes import NODES
from .test_fencing import telephony_at

FORMING_SECONDS = 60
"""Nodes that start together call their first election after 20 s (dc-deadtime); the rest is for a busy machine."""
LONG_FREEZE_SECONDS = 6
"""Token and consensus are 2.2 s together."""


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


def wait_for_telephony_and_lines(cluster: Cluster, seconds: float) -> str:
    """Wait until telephony, the relay resource and all lines are on one node; return it."""
    cluster.lab.wait_until(
        lambda: any(cluster.is_home(name) for name in NODES), seconds, "telephony and all lines are on one node"
    )
    return cluster.where(TELEPHONY)


@pytest.mark.parametrize("order", [NODES, NODES[::-1]])
def test_both_nodes_stopped_and_started_one_after_the_other(cluster: Cluster, order: tuple[str, str]) -> None:
    """The lines stay at the last node that had them, until telephony starts again; then they move once at most."""
    lab, first, last = cluster.lab, *order
    lab.stop_cluster(first)
    cluster.wait_for(last)
    lab.stop_cluster(last)
    stopped = time.monotonic()
    assert set(lab.lines().values()) == {last}
    for name in order:
        lab.start_cluster(name)
    cluster.wait_for_members()
    home = wait_for_telephony_and_lines(cluster, FORMING_SECONDS)
    moved = lab.movements(since=stopped)
    assert [one.node for one in moved] == ([home] * len(lab.devices) if home != last else [])
    assert cluster.failures() == []


def test_both_nodes_stopped_and_started_at_once(cluster: Cluster) -> None:
    lab, began = cluster.lab, time.monotonic()
    for order in (lab.stop_cluster, lab.start_cluster):
        with ThreadPoolExecutor() as threads:
            list(threads.map(order, NODES))
    cluster.wait_for_members()
    home = wait_for_telephony_and_lines(cluster, FORMING_SECONDS)
    moved = [one.node for one in lab.movements(since=began)]
    assert moved[-len(lab.devices) :] in ([], [home] * len(lab.devices))
    assert len(moved) <= 2 * len(lab.devices), "there and back at most: the first to stop hands its lines over"
    assert not any(lab.happened(f"{name} is fenced") for name in NODES)
    assert cluster.failures() == []


@pytest.mark.parametrize("delay", [0.0, 2.0, 5.0])
def test_a_node_joins_while_the_other_one_dies(cluster: Cluster, delay: float) -> None:
    """However far the join has come, telephony and the lines are on one node in the end, and that is one that lives."""
    lab = cluster.lab
    lab.stop_cluster("xivo-2")
    lab.wait_until(lambda: lab.online("xivo-1") == {"xivo-1"}, 15, "xivo-1 is alone")
    with ThreadPoolExecutor() as threads:
        joins = threads.submit(lab.start_cluster, "xivo-2")
        time.sleep(delay)
        killed = lab.kill("xivo-1")
        joins.result()
    lab.boot("xivo-1")  # before it is back, one of two that has not seen the other may do nothing
    cluster.wait_for_members()
    home = wait_for_telephony_and_lines(cluster, SETTLING_SECONDS)
    moved = [one.node for one in lab.movements(since=killed)]
    assert moved == ([home] * len(lab.devices) if home == "xivo-2" else [])


@pytest.mark.parametrize("active", NODES)
def test_a_node_that_lost_its_cib_gets_it_from_the_other_one(cluster: Cluster, active: str) -> None:
    passive = telephony_at(cluster, active)
    lab, starts = cluster.lab, cluster.starts(TELEPHONY)
    lab.stop_cluster(passive)
    lab.lose_cib(passive)
    since = lab.moment_of(f"{passive} has lost its CIB")
    lab.start_cluster(passive)
    cluster.wait_for_members()
    cluster.wait_for(active)
    lab.wait_until(lambda: cluster.attribute(passive, f"{RELAY}-ready") == "yes", 30, f"{passive} is ready again")
    assert lab.movements(since=since) == []
    assert {one for one in cluster.starts(TELEPHONY) if one[0] == active} == {one for one in starts if one[0] == active}


@pytest.mark.parametrize("frozen", NODES)
def test_corosync_that_stands_still_for_less_than_the_token_changes_nothing(cluster: Cluster, frozen: str) -> None:
    lab, starts = cluster.lab, cluster.starts(TELEPHONY)
    lab.freeze_corosync(frozen)
    since = lab.moment_of(f"Corosync stands still on {frozen}")
    time.sleep(0.3)
    lab.continue_corosync(frozen)
    lab.wait_until(lambda: lab.is_at_rest() and not cluster.pending(), 20, "the cluster is at rest")
    assert cluster.is_home("xivo-1")
    assert lab.movements(since=since) == []
    assert cluster.starts(TELEPHONY) == starts


@pytest.mark.parametrize("active", NODES)
def test_corosync_that_stands_still_on_the_active_node_costs_it_the_lines_once(cluster: Cluster, active: str) -> None:
    lab, survivor = cluster.lab, telephony_at(cluster, active)
    lab.freeze_corosync(active)
    since = lab.moment_of(f"Corosync stands still on {active}")
    lab.wait_until(lambda: lab.happened(f"{active} is fenced"), 25, f"{active} is fenced")
    cluster.wait_for_members()
    cluster.wait_for(survivor)
    assert [one.node for one in lab.movements(since=since)] == [survivor] * len(lab.devices)


def test_without_fencing_the_lines_are_with_telephony_again_when_corosync_goes_on(cluster: Cluster) -> None:
    """Both nodes take themselves for the only one meanwhile, so telephony runs twice; the lines are at one of them."""
    cluster.set_property("stonith-enabled", "false")
    lab = cluster.lab
    lab.freeze_corosync("xivo-1")
    since = lab.moment_of("Corosync stands still on xivo-1")
    lab.wait_until(lambda: cluster.where(RELAY, "xivo-2") == "xivo-2", 25, "xivo-2 has taken over")
    time.sleep(LONG_FREEZE_SECONDS)
    moved = [one.node for one in lab.movements(since=since)]
    assert moved == ["xivo-2"] * len(lab.devices), "the frozen side moves nothing"
    lab.continue_corosync("xivo-1")
    cluster.wait_for_members()
    wait_for_telephony_and_lines(cluster, SETTLING_SECONDS)


def test_a_node_whose_log_is_full_takes_over(cluster: Cluster) -> None:
    lab, survivor = cluster.lab, "xivo-2"
    lab.stop_cluster(survivor)
    folders = "/var/log/pacemaker /var/log/corosync"
    script = (
        "mount -t tmpfs -o size=32k tmpfs /var/log"
        f" && mkdir -p {folders} && chown hacluster:haclient /var/log/pacemaker"
        "; cat /dev/zero > /var/log/zeros; true"
    )
    lab.must(survivor, ["sh", "-c", script])
    lab.start_cluster(survivor)
    cluster.wait_for_members()
    lab.wait_until(lambda: cluster.attribute(survivor, f"{RELAY}-ready") == "yes", 30, f"{survivor} is ready")
    killed = lab.kill("xivo-1")
    cluster.wait_for(survivor, 25)
    assert [one.node for one in lab.movements(since=killed)] == [survivor] * len(lab.devices)
    assert "zeros" in lab.must(survivor, "ls /var/log")
    lab.kill(survivor)  # its /var/log is as before when it boots
    lab.boot(survivor)
