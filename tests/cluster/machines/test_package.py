"""The package by apt on a running cluster: upgraded, downgraded, removed for good; and the commands of the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bareroot import run
from tests.examples import examples
from tests.package.versions import newer

from ..lab.cluster import MONITOR_SECONDS, RELAY, TELEPHONY, Cluster
from ..lab.two_nodes import NODES
from .ssh import let_root_in

WITH_SIMULATOR = """\
rm -f /root/story  # of another test: it would be ready at once
{command} > /root/story &
until grep -qs ^ready /root/story; do sleep 0.1; done
for device in 127.0.0.1 127.0.0.2; do
    python3 -c "import urllib.request as u; print(u.urlopen('http://$device:8080/', timeout=10).read().decode())"
done
kill $!
status=0; wait $! || status=$?
echo "exit status $status"
"""


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


def monitored(cluster: Cluster, times: int) -> None:
    """Wait for so many monitors of the cluster."""
    fos1 = cluster.lab.device("fos1")

    def reads() -> int:
        return int(fos1.order("state")["state"]["requests"].get("read", 0))

    enough = reads() + times
    cluster.lab.wait_until(lambda: reads() >= enough, MONITOR_SECONDS * times * 4, "the cluster has read the devices")


def test_the_resource_keeps_running_through_upgrades_and_downgrades(cluster: Cluster, tmp_path: Path) -> None:
    lab = cluster.lab
    starts = cluster.starts(RELAY) | cluster.starts(TELEPHONY)
    upgraded = newer(lab.package, tmp_path)
    for node in reversed(NODES):
        for version in (upgraded, lab.package):
            lab.install(node, version)
            monitored(cluster, 2)
    assert cluster.failures() == []
    assert cluster.starts(RELAY) | cluster.starts(TELEPHONY) == starts
    assert lab.movements() == []


@pytest.fixture
def package_0_1_0(cluster: Cluster) -> Iterator[Path]:
    """The package of 0.1.0; afterwards the one under test is installed again, whatever happened."""
    (package,) = (Path(os.environ["LAB_DIST"]) / "0.1.0").glob("*.deb")
    yield package
    name, version = (run("dpkg-deb", "--field", cluster.lab.package, field).strip() for field in ("Package", "Version"))
    for node in NODES:
        if cluster.lab.must(node, ["dpkg-query", "--show", "--showformat=${Version}", name]) != version:
            cluster.lab.install(node, cluster.lab.package)


def install(cluster: Cluster, package: Path) -> None:
    for node in reversed(NODES):
        cluster.lab.install(node, package)
        monitored(cluster, 3)


def set_watchdog(cluster: Cluster, seconds: str, state: str) -> set[tuple[str, str]]:
    """Set it and return the starts since; Pacemaker counts the reload as one, and records it some time later."""
    lab = cluster.lab

    def is_set() -> bool:
        return all(device.order("state")["state"]["watchdog"] == state for device in lab.devices.values())

    cluster.set_parameter("watchdog", seconds)
    lab.wait_until(lambda: is_set() and lab.is_at_rest(), 40, f"both watchdogs are {state} and the cluster is at rest")
    return cluster.starts(RELAY) | cluster.starts(TELEPHONY)


def test_the_resource_keeps_running_through_an_upgrade_from_0_1_0(cluster: Cluster, package_0_1_0: Path) -> None:
    """With the watchdog armed: the older kick daemon ends once the newer one kicks."""
    lab = cluster.lab
    install(cluster, package_0_1_0)
    starts = set_watchdog(cluster, "15", "1")
    install(cluster, lab.package)
    assert cluster.starts(RELAY) | cluster.starts(TELEPHONY) == starts
    daemons = lab.must("xivo-1", ["sh", "-c", "pgrep --full '[b]erofos_agent/.*kick' | wc -l"])
    assert daemons.strip() == "1"
    assert all(device.order("state")["state"]["watchdog"] == "1" for device in lab.devices.values())
    set_watchdog(cluster, "0", "0")
    assert cluster.failures() == []
    assert lab.movements() == []


def test_the_resource_keeps_running_through_a_downgrade_to_0_1_0(cluster: Cluster, package_0_1_0: Path) -> None:
    """Without the watchdog, as the page says."""
    starts = cluster.starts(RELAY) | cluster.starts(TELEPHONY)
    install(cluster, package_0_1_0)
    assert cluster.failures() == []
    assert cluster.starts(RELAY) | cluster.starts(TELEPHONY) == starts
    assert cluster.lab.movements() == []


def test_removed_as_the_page_says_it_leaves_the_lines_and_the_administrators_file(cluster: Cluster) -> None:
    lab = cluster.lab
    commands = examples("installation.md")["remove"].replace("apt purge", "apt-get purge --yes")
    told = lab.must("xivo-2", ["sh", "-ec", commands])
    try:
        assert "/etc/bnfos.conf stays" in told
        left = "find / -xdev ( -name *bnfos* -o -name *berofos* ) -not -path /root/* -not -path /var/log/*"
        assert lab.must("xivo-2", left).split() == ["/etc/bnfos.conf"]
        monitored(cluster, 2)
        assert lab.lines() == {"fos1": "xivo-1", "fos2": "xivo-1"}
        assert cluster.failures() == []
        assert lab.movements() == []
    finally:
        lab.install("xivo-2", lab.package)
        lab.must("xivo-2", "pcs cluster start")


def test_install_as_the_page_says(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.must("xivo-2", "mkdir -p /root/new")
    lab.nodes["xivo-2"].put(lab.package, "/root/new/resource-agents-berofos_1_all.deb")
    command = examples("installation.md")["install"].replace("apt install", "apt install --yes --reinstall")
    lab.must("xivo-2", ["sh", "-ec", f"cd /root/new\n{command}"])
    assert lab.must("xivo-2", "crm_resource --list-agents ocf:xivo").split() == ["berofos"]


@pytest.mark.parametrize(("page", "name"), [("installation.md", "simulate"), ("panel.md", "pages")])
def test_simulated_devices_run_on_a_host_as_the_page_says(cluster: Cluster, page: str, name: str) -> None:
    command = examples(page)[name].partition("#")[0].strip()
    told = cluster.lab.must("xivo-2", ["bash", "-euc", WITH_SIMULATOR.format(command=command)])
    assert "<html" in told
    assert "exit status 0" in told


def test_copying_bnfos_conf_to_the_other_node_as_the_page_says(cluster: Cluster) -> None:
    lab = cluster.lab
    let_root_in(lab)
    wanted = lab.must("xivo-1", "cat /etc/bnfos.conf")
    lab.must("xivo-1", "chmod 600 /etc/bnfos.conf")
    lab.must("xivo-2", "rm /etc/bnfos.conf")
    lab.must("xivo-1", ["sh", "-ec", examples("installation.md")["copy"]])
    assert lab.must("xivo-2", "cat /etc/bnfos.conf") == wanted
    assert lab.must("xivo-2", "stat --format=%a /etc/bnfos.conf").strip() == "600"
