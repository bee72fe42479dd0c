"""What the rehearsal foretells is what the real cluster then does: resources, nodes, order, fencing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .lab.cluster import RELAY, TELEPHONY, Cluster
from .test_documentation import Console


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


def stick_and_turn(cluster: Cluster) -> None:
    """Turn the relays by hand so that the cluster cannot turn them back."""
    for device in cluster.lab.devices.values():
        device.turn("0")
        device.misbehave("stuck")


def turn(cluster: Cluster) -> None:
    cluster.lab.device("fos1").turn("0")


SITUATIONS: dict[str, Callable[[Cluster], object]] = {
    "active-dies": lambda cluster: cluster.lab.kill("xivo-1"),
    "active-standby": lambda cluster: cluster.standby("xivo-1", on=True),
    "passive-dies": lambda cluster: cluster.lab.kill("xivo-2"),
    "telephony-moved": lambda cluster: cluster.move(TELEPHONY, "xivo-2"),
    "relay-moved-by-hand": turn,
    "relay-start-fails": stick_and_turn,
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_cluster_does_what_was_foretold(cluster: Cluster, tmp_path: Path, situation: str) -> None:
    lab = cluster.lab
    asked = Console(cluster, tmp_path).run("berofos rehearse --json")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    rows = json.loads(asked.stdout)["rows"]
    foretold: dict[str, Any] = next(row for row in rows if row["situation"] == situation and row["active"] == "xivo-1")
    starts = cluster.starts(TELEPHONY)
    began = time.monotonic()
    SITUATIONS[situation](cluster)
    dead = {"active-dies": "xivo-1", "passive-dies": "xivo-2"}.get(situation, "")
    seen_by = "xivo-2" if dead == "xivo-1" else "xivo-1"
    if foretold["fenced"]:
        lab.wait_until(lambda: lab.happened(f"{dead} is fenced"), 30, f"{dead} is fenced")
    if situation == "relay-start-fails":
        lab.wait_until(lambda: cluster.failures(), 30, "the start has failed")
    if situation == "relay-moved-by-hand":
        lab.wait_until(lambda: lab.device("fos1").lines_at == "xivo-1", 30, "fos1 is put back")
    expected = " ".join(foretold["telephony_at"]), " ".join(foretold["lines_at"])
    lab.wait_until(
        lambda: (cluster.where(TELEPHONY, seen_by), cluster.where(RELAY, seen_by)) == expected, 30, f"{expected}"
    )
    assert [node for node in ("xivo-1", "xivo-2") if lab.happened(f"{node} is fenced")] == foretold["fenced"]
    moved = lab.movements(since=began)
    if situation == "active-dies":
        assert lab.moment_of("xivo-1 is fenced") < moved[0].at, "first a node is fenced, then lines move"
    if foretold["lines_at"]:
        assert set(lab.lines().values()) == set(foretold["lines_at"])
    if foretold["telephony_at"] == ["xivo-1"]:
        assert cluster.starts(TELEPHONY) == starts, "telephony is left alone"
