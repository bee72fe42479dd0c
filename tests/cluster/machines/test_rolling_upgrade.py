"""One machine of the oldest release beside one of the release under test, as in the middle of an upgrade of both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..lab import scenes
from ..lab.cluster import RELAY, TELEPHONY, Cluster
from ..lab.two_nodes import NODES, lab_of_environment

OLDEST = "bookworm"
REFUSED = "Local feature set (3.16.1) is incompatible with DC's"
"""What Pacemaker 2.1.5 logs before it gives up."""


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


def test_a_killed_newer_node_is_fenced_the_lines_move_once_and_it_comes_back(cluster: Cluster) -> None:
    scenes.telephony_moved(cluster, "xivo-2")
    cluster.clear(TELEPHONY)
    cluster.wait_for("xivo-2")
    killed = cluster.lab.kill("xivo-2")
    cluster.wait_for("xivo-1", seconds=30)
    assert [one.node for one in cluster.lab.movements(since=killed)] == ["xivo-1"] * len(cluster.lab.devices)
    cluster.wait_for_members()


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


def test_the_lines_move_from_a_killed_older_node_which_cannot_come_back_before_it_is_upgraded(cluster: Cluster) -> None:
    """The newer Pacemaker, alone, is no longer bound to what the older one understands. The last test: it stays out."""
    lab = cluster.lab
    killed = lab.kill("xivo-1")
    lab.wait_until(lambda: lab.lines() == {"fos1": "xivo-2", "fos2": "xivo-2"}, 30, "the lines are on xivo-2")
    lab.wait_until(lambda: cluster.where(RELAY, "xivo-2") == "xivo-2", 30, "the relay resource has started on xivo-2")
    assert cluster.where(TELEPHONY, "xivo-2") == "xivo-2"
    lab.boot("xivo-1")
    log = lab.nodes["xivo-1"].log / "pacemaker/pacemaker.log"
    lab.wait_until(lambda: REFUSED in log.read_text(errors="replace"), 60, "xivo-1 has been refused")
    assert lab.online("xivo-2") == {"xivo-2"}
    assert [one.node for one in lab.movements(since=killed)] == ["xivo-2"] * len(lab.devices)
