"""The heuristics that the documentation gives a quorum device: they ask systemd where telephony runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..lab.cluster import RELAY, TELEPHONY, Cluster
from ..lab.two_nodes import NODES, lab_of_environment
from ..test_fencing import telephony_at
from .test_systemd_telephony import provide_unit


@pytest.fixture(scope="module")
def configured() -> Iterator[Cluster]:
    """Without a delay before fencing: the quorum device has decided who may fence."""
    with lab_of_environment(quorum_device=True, telephony_runs="/usr/bin/systemctl is-active --quiet stand-in") as lab:
        cluster = Cluster(lab)
        provide_unit(lab)
        cluster.configure(fencing=True, telephony="systemd:stand-in", properties={"priority-fencing-delay": "0"})
        yield cluster


@pytest.mark.parametrize("active", NODES)
def test_in_a_split_the_node_where_the_unit_is_active_goes_on_even_while_the_relay_is_stopped(
    cluster: Cluster, active: str
) -> None:
    lab, passive = cluster.lab, telephony_at(cluster, active)
    starts = cluster.starts(TELEPHONY)
    cluster.disable(RELAY)
    lab.separate_nodes()
    lab.wait_until(lambda: lab.happened(f"{passive} is fenced"), 40, f"{passive} is fenced")
    lab.rejoin_nodes()
    cluster.wait_for_members()
    assert not lab.happened(f"{active} is fenced")
    assert cluster.starts(TELEPHONY) == starts, "telephony is left alone"
    cluster.enable(RELAY)
    cluster.wait_for(active)
