"""One machine of the oldest release beside one of the release under test, as in the middle of an upgrade of both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..lab import scenes
from ..lab.cluster import RELAY, TELEPHONY, Cluster
from ..lab.two_nodes import NODES, lab_of_environment

OLDEST = "bookworm"


@pytest.fixture(scope="module")
def configured() -> Iterator[Cluster]:
    with lab_of_environment(first_release=OLDEST) as lab:
        cluster = Cluster(lab)
        cluster.configure(fencing=True)
        yield cluster


def release(cluster: Cluster, node: str) -> str:
    return cluster.lab.must(node, ["sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME"]).strip()


def test_both_form_a_cluster_and_each_is_ready(cluster: Cluster) -> None:
    assert release(cluster, "xivo-1") == OLDEST
    assert release(cluster, "xivo-2") == cluster.lab.release
    cluster.lab.wait_until(lambda: cluster.attribute("xivo-2", f"{RELAY}-ready") == "yes", 30, "xivo-2 is ready")
    cluster.move(TELEPHONY, "xivo-2")
    cluster.wait_for("xivo-2")
    cluster.lab.wait_until(lambda: cluster.attribute("xivo-1", f"{RELAY}-ready") == "yes", 30, "xivo-1 is ready")
    assert cluster.failures() == []


@pytest.mark.parametrize("active", NODES)
def test_a_killed_node_of_either_release_is_fenced_and_the_lines_move_once(cluster: Cluster, active: str) -> None:
    if active != NODES[0]:
        scenes.telephony_moved(cluster, active)
        cluster.clear(TELEPHONY)
        cluster.wait_for(active)
    survivor = scenes.other(active)
    killed = cluster.lab.kill(active)
    cluster.wait_for(survivor, seconds=30)
    assert [one.node for one in cluster.lab.movements(since=killed)] == [survivor] * len(cluster.lab.devices)


def test_the_newer_one_leaves_and_comes_back_without_moving_a_line(cluster: Cluster) -> None:
    starts = cluster.starts(TELEPHONY)
    cluster.lab.stop_cluster("xivo-2")
    cluster.lab.start_cluster("xivo-2")
    cluster.wait_for_members()
    cluster.wait_for("xivo-1")
    assert cluster.lab.movements() == []
    assert {one for one in cluster.starts(TELEPHONY) if one[0] == "xivo-1"} == {
        one for one in starts if one[0] == "xivo-1"
    }


def test_doctor_of_either_release_reads_the_cluster(cluster: Cluster) -> None:
    for node in NODES:
        doctor = cluster.lab.run(node, "berofos doctor")
        assert "Traceback" not in doctor.stderr
        status = cluster.lab.run(node, "berofos status")
        assert status.returncode == 0, status.stdout + status.stderr
        assert "OK: the lines are at xivo-1" in status.stdout
