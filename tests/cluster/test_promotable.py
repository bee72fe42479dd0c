"""Telephony as the promoted instance of a clone, on two real nodes: the lines follow the role."""

from __future__ import annotations

from pathlib import Path

import pytest

from .lab.cluster import RELAY, Cluster
from .lab.two_nodes import NODES
from .test_documentation import Console

DATABASE = """\
primitive db ocf:pacemaker:Stateful \\
  op monitor interval=5s timeout=20s role=Promoted \\
  op monitor interval=6s timeout=20s role=Unpromoted
clone db-clone db meta promotable=true migration-threshold=1
"""
OTHER = dict(zip(NODES, reversed(NODES)))


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


def promoted_at(cluster: Cluster, seen_by: str = "") -> str:
    found = cluster.lab.status(seen_by).iterfind(".//resource[@id='db'][@role='Promoted']/node")
    return " ".join(node.get("name", "") for node in found)


def wait_for(cluster: Cluster, node: str) -> None:
    def is_there() -> bool:
        lines = set(cluster.lab.lines().values())
        return promoted_at(cluster, node) == node == cluster.where(RELAY, node) and lines == {node}

    cluster.lab.wait_until(is_there, 30, f"the promoted instance, the relay and all lines are on {node}")


def is_watched(cluster: Cluster, node: str) -> bool:
    """Tell whether the monitor of the promoted role, which comes every 5 s, has run on a node."""
    history = f"node_history/node[@name='{node}']/resource_history[@id='db']"
    monitors = cluster.lab.status().iterfind(f"{history}/operation_history[@task='monitor'][@interval='5000ms']")
    return any(one.get("rc") == "8" for one in monitors)


def test_the_lines_follow_the_promoted_instance(cluster: Cluster, tmp_path: Path) -> None:
    lab = cluster.lab
    console = Console(cluster, tmp_path)
    for resource in (RELAY, "xivo"):
        lab.must("xivo-1", f"pcs resource delete {resource}")
    lab.must("xivo-1", "crm configure load update -", stdin=DATABASE)
    lab.wait_until(lambda: promoted_at(cluster), 30, "one instance is promoted")
    printed = console.run("berofos cluster-config --crm --follow db-clone --port-b xivo-1 --port-d xivo-2")
    assert "inf: relay db-clone:Promoted" in printed.stdout
    applied = console.run("berofos cluster-config --crm --follow db-clone --port-b xivo-1 --port-d xivo-2 | sh")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    home = promoted_at(cluster)
    wait_for(cluster, home)

    lab.must("xivo-1", f"crm_resource --move --resource db-clone --promoted --node {OTHER[home]}")
    wait_for(cluster, OTHER[home])
    cluster.clear("db-clone")
    # Seen with Pacemaker 2.1.5: an instance that failed before its first monitor was stopped without being demoted.
    lab.wait_until(lab.is_at_rest, 30, "the cluster is at rest")
    lab.wait_until(lambda: is_watched(cluster, OTHER[home]), 30, "the promoted instance is monitored")

    lab.must("xivo-1", f"crm_resource --fail --resource db --node {OTHER[home]}")
    wait_for(cluster, home)
    lab.must("xivo-1", "crm_resource --cleanup --resource db-clone")
    lab.wait_until(lab.is_at_rest, 30, "the cluster is at rest")

    lab.kill(home)
    wait_for(cluster, OTHER[home])
