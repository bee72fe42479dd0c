"""Three devices, a slip in the section of one of them, and the active node dies: the lines of the other two move."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from .lab import scenes
from .lab.cluster import RELAY, TELEPHONY, Cluster
from .lab.devices import CHECKOUT, Device
from .lab.two_nodes import NODES
from .test_faulty_devices import DEGRADED, MONITOR_SECONDS

ADDRESS, MAC = "10.42.0.203", "00:19:32:00:00:03"
SLIP = f"[fos3]\nmac = {MAC}\nhots = {ADDRESS}\n\n"
REASON = "fos3: /etc/bnfos.conf, line 7: unknown key hots"


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


@pytest.fixture
def fos3(cluster: Cluster) -> Iterator[Device]:
    """A third device on the LAN, its lines at port B, with a slip in its section on both nodes."""
    lab = cluster.lab
    control = lab.here / "fos3"
    argv = ["nsenter", "-t", str(lab._lan.pid), "-n", sys.executable, "-m", "berofos_agent", "simulate"]
    argv += ["--device", f"fos3:{ADDRESS}:80:{MAC}", "--control", str(control)]
    lab._lan.add_address(ADDRESS)
    before = lab.must("xivo-1", "cat /etc/bnfos.conf")
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, cwd=CHECKOUT) as process:
        lab.wait_until(control.exists, 20, "the third device is there")
        device = Device("fos3", ADDRESS, MAC, lab._lan, control, lab.note)
        device.order("move 1")
        device.order("reset")
        for node in NODES:
            lab.nodes[node].edit("bnfos.conf", before.replace("[fos2]", f"{SLIP}[fos2]"))
        yield device
        process.terminate()
    for node in NODES:
        lab.boot(node)  # a machine's files are its own, and it has to run for them to be written
    cluster.wait_for_members()
    for node in NODES:
        lab.nodes[node].edit("bnfos.conf", before)
    lab._lan.remove_address(ADDRESS)


def test_the_lines_of_the_good_devices_move_and_the_reason_names_the_line(
    cluster: Cluster, fos3: Device, measured: Callable[[str, float], None]
) -> None:
    lab = cluster.lab
    lab.wait_until(lambda: cluster.failures(), 3 * MONITOR_SECONDS, "the cluster has noticed the slip")
    failure = cluster.failures()[0]
    assert (failure.operation.startswith(f"{RELAY}_monitor"), failure.code) == (True, DEGRADED)
    assert failure.reason.startswith(REASON)
    assert cluster.where(RELAY) == cluster.where(TELEPHONY) == "xivo-1"
    assert lab.movements() == []

    measured("killed", scenes.node_killed(cluster, "xivo-1"))
    at_home = {RELAY: "xivo-2", TELEPHONY: "xivo-2"}
    lab.wait_until(lambda: {name: cluster.where(name) for name in at_home} == at_home, 20, "all is on xivo-2")
    assert [movement.node for movement in lab.movements()] == ["xivo-2", "xivo-2"]
    assert any(f"warning: {REASON}" in line for line in lab.syslog("xivo-2"))
    assert f"A-D; {REASON}" in cluster.attribute("xivo-2", "relay-lines")
    state = fos3.order("state")["state"]
    assert (state["mode"], state["requests"]) == ("1", {}), "nothing is sent to a device with a slip in its section"
