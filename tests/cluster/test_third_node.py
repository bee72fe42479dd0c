"""A third node for the quorum, cabled to no relay: it never gets the lines, and disturbs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab.cluster import RELAY, TELEPHONY, WITHOUT_FENCING, Cluster
from .lab.scenes import other
from .lab.two_nodes import NODES, THIRD, lab_of_environment
from .test_documentation import Console

NOT_ON_THIRD = f"location {TELEPHONY}-not-on-{THIRD} {TELEPHONY} -inf: {THIRD}\n"
"""Telephony must not run where no lines can be; the relay follows it."""


@pytest.fixture(scope="module")
def configured() -> Iterator[Cluster]:
    with lab_of_environment(third_node=True) as lab:
        cluster = Cluster(lab)
        cluster.configure(text=WITHOUT_FENCING + NOT_ON_THIRD)
        yield cluster


@pytest.mark.parametrize("active", NODES)
def test_a_killed_node_is_followed_by_the_other_one_with_lines(cluster: Cluster, active: str) -> None:
    survivor = other(active)
    if active != NODES[0]:
        cluster.move(TELEPHONY, active)
        cluster.wait_for(active)
        cluster.clear(TELEPHONY)
    killed = cluster.lab.kill(active)
    cluster.wait_for(survivor)
    assert [one.node for one in cluster.lab.movements(since=killed)] == [survivor] * len(cluster.lab.devices)


def test_its_death_changes_nothing(cluster: Cluster) -> None:
    lab, starts = cluster.lab, cluster.starts(TELEPHONY) | cluster.starts(RELAY)
    killed = lab.kill(THIRD)
    lab.wait_until(lambda: lab.online("xivo-1") == set(NODES), 15, "the others have noticed")
    lab.wait_until(lambda: lab.is_at_rest() and not cluster.pending(), 15, "the cluster is at rest")
    assert cluster.is_home("xivo-1")
    assert lab.movements(since=killed) == []
    assert cluster.starts(TELEPHONY) | cluster.starts(RELAY) == starts


def test_the_last_node_with_lines_does_nothing_without_quorum(cluster: Cluster) -> None:
    """One of three: the lines stay where they are until a second node is back, and go to no other node then."""
    lab = cluster.lab
    lab.kill(THIRD)
    killed = lab.kill("xivo-1")
    lab.wait_until(lambda: not lab.has_quorum("xivo-2"), 15, "xivo-2 has no quorum")
    lab.wait_until(lambda: lab.is_at_rest() and not cluster.pending(), 15, "the cluster is at rest")
    assert cluster.where(TELEPHONY) == ""
    assert lab.movements(since=killed) == []
    lab.boot(THIRD)
    cluster.wait_for("xivo-2", 40)
    assert [one.node for one in lab.movements(since=killed)] == ["xivo-2"] * len(lab.devices)


def test_with_both_nodes_with_lines_in_standby_it_gets_neither_telephony_nor_lines(cluster: Cluster) -> None:
    for name in reversed(NODES):
        cluster.standby(name, on=True)
    cluster.lab.wait_until(lambda: cluster.role(TELEPHONY) == "Stopped", 20, "telephony is stopped")
    cluster.lab.wait_until(lambda: cluster.lab.is_at_rest() and not cluster.pending(), 20, "the cluster is at rest")
    assert (cluster.where(TELEPHONY), cluster.where(RELAY)) == ("", "")
    assert cluster.lab.movements() == []


def test_readiness_and_doctor_know_that_it_has_no_lines(cluster: Cluster, tmp_path: Path) -> None:
    cluster.lab.wait_until(lambda: cluster.attribute("xivo-2", "relay-ready") == "yes", 30, "xivo-2 is ready")
    doctor = Console(cluster, tmp_path).run("berofos doctor --json || true")
    assert THIRD not in str(json.loads(doctor.stdout)["findings"])
    rehearsed = Console(cluster, tmp_path).run("berofos rehearse")
    assert rehearsed.returncode == 0, rehearsed.stdout
