"""`berofos-metrics.timer` as the package ships it, on a node of a cluster: off by default, then a file a minute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..lab.cluster import Cluster
from ..lab.devices import LOGIN
from ..lab.two_nodes import Lab

NAME = "berofos-metrics"
NODE = "xivo-1"
FOLDER = "/var/lib/prometheus/node-exporter"
FILE = f"{FOLDER}/berofos.prom"
PASSWORD = LOGIN.partition(":")[2]


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    two_nodes.lab.must(NODE, f"mkdir -p {FOLDER}")
    return two_nodes


@pytest.fixture
def lab(cluster: Cluster) -> Iterator[Lab]:
    """Only root may read bnfos.conf, which has the password of the devices."""
    lab = cluster.lab
    before = lab.must(NODE, "cat /etc/bnfos.conf")
    for device in lab.devices.values():
        device.write({"apwd": PASSWORD, "pwd": "1"})
    for name, node in lab.nodes.items():
        node.edit("bnfos.conf", before.replace("host =", f"login = {LOGIN}\nhost ="), mode=0o600)
        lab.run(name, "crm_resource --cleanup")
    yield lab
    lab.run(NODE, f"systemctl disable --now {NAME}.timer")
    lab.run(NODE, f"rm -f {FILE}")
    for node in lab.nodes.values():
        node.edit("bnfos.conf", before)
    for device in lab.devices.values():
        device.write({"pwd": "0"}, LOGIN)


def told(lab: Lab) -> str:
    return lab.run(NODE, f"cat {FILE}").stdout


def test_it_is_off_until_somebody_enables_it_and_then_tells_devices_and_cluster(lab: Lab) -> None:
    assert lab.run(NODE, f"systemctl is-enabled {NAME}.timer").stdout.strip() == "disabled"
    assert lab.run(NODE, f"systemctl is-active {NAME}.timer").stdout.strip() == "inactive"
    assert told(lab) == ""
    lab.must(NODE, f"systemctl enable --now {NAME}.timer")
    lab.wait_until(lambda: "berofos_cluster_up 1.0" in told(lab), 90, "the timer has written the file")
    lines = told(lab).splitlines()
    for line in (
        'berofos_device_reachable{device="fos1"} 1.0',
        'berofos_device_relay_mode{device="fos2"} 1.0',
        'berofos_device_expected_relay_mode{device="fos2"} 1.0',
        f'berofos_relay_running{{node="{NODE}",resource="relay"}} 1.0',
        'berofos_relay_failures{node="xivo-2",resource="relay"} 0.0',
    ):
        assert line in lines, told(lab)
    assert PASSWORD not in told(lab)
    assert lab.must(NODE, f"stat -c %a {FILE}").strip() == "644"
    assert lab.must(NODE, f"ls -A {FOLDER}").split() == ["berofos.prom"]
