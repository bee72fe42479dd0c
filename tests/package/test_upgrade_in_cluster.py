"""An upgrade over a running cluster: the resource keeps running, the lines stay, nobody fails.

Each node gets the package by dpkg, into layers of its own over the machine's folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.lab.cluster import MONITOR_SECONDS, RELAY, TELEPHONY, Cluster
from tests.cluster.lab.two_nodes import NODES, Lab

from .versions import newer

LAYERS = """\
for folder in /etc /usr/bin /usr/lib /usr/share /lib/systemd /var/lib/dpkg /var/lib/systemd; do
    layer=/run/layers$folder
    mkdir -p $layer/upper $layer/work
    mount -t overlay -o lowerdir=$folder,upperdir=$layer/upper,workdir=$layer/work overlay $folder
done
"""


@pytest.fixture(scope="module")
def cluster(package: Path) -> Iterator[Cluster]:
    with Lab(agent=None) as lab:
        for node in NODES:
            lab.must(node, ["sh", "-ec", LAYERS])
            install(lab, node, package)
        cluster = Cluster(lab)
        cluster.configure()
        yield cluster


def install(lab: Lab, node: str, package: Path) -> None:
    """Install a package as apt would have dpkg do it; what triggers do outside the layers is left out."""
    lab.note(f"dpkg installs {package.name} on {node}")
    lab.must(node, ["dpkg", "--no-triggers", "--install", str(package)])


def monitored(cluster: Cluster, times: int) -> None:
    """Wait for so many monitors of the cluster."""
    fos1 = cluster.lab.device("fos1")

    def reads() -> int:
        return int(fos1.order("state")["state"]["requests"].get("read", 0))

    enough = reads() + times
    cluster.lab.wait_until(lambda: reads() >= enough, MONITOR_SECONDS * times * 4, "the cluster has asked the devices")


def test_the_resource_keeps_running_through_upgrades(cluster: Cluster, package: Path, tmp_path: Path) -> None:
    lab = cluster.lab
    cluster.wait_for("xivo-1")
    starts, movements = cluster.starts(RELAY) | cluster.starts(TELEPHONY), lab.movements()
    upgraded = newer(package, tmp_path)
    for node in reversed(NODES):
        for version in (upgraded, package, upgraded):
            install(lab, node, version)
            monitored(cluster, 2)
    assert cluster.failures() == []
    assert cluster.starts(RELAY) | cluster.starts(TELEPHONY) == starts
    assert lab.movements() == movements
    cluster.move(TELEPHONY, "xivo-2")
    cluster.wait_for("xivo-2")
    assert cluster.failures() == []
