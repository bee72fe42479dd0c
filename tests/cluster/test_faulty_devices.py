"""A faulty device (no power, no network, a password, a slow answer) never moves telephony."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from .lab import scenes
from .lab.cluster import MONITOR_SECONDS, RELAY, TELEPHONY, VIP, VIP_ADDRESS, Cluster
from .lab.devices import LOGIN

DEGRADED = 190
LONGEST_ACTION = 8.0


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


def test_a_device_that_lost_power_is_put_in_position_when_it_comes_back_in_its_power_on_default(
    cluster: Cluster,
) -> None:
    scenes.telephony_moved(cluster, "xivo-2")
    telephony = cluster.starts(TELEPHONY)
    fos1 = cluster.lab.device("fos1")
    fos1.power_off()
    cluster.lab.wait_until(lambda: cluster.failures(), 20, "the cluster has noticed")
    assert cluster.failures()[0].code == DEGRADED
    assert "fos1" in cluster.failures()[0].reason
    returned = time.monotonic()
    fos1.power_on()
    assert fos1.lines_at == "xivo-1", "modedef is 1"
    cluster.wait_for("xivo-2")
    assert [movement.node for movement in fos1.movements(since=returned)] == ["xivo-1", "xivo-2"]
    assert cluster.starts(TELEPHONY) == telephony


def test_with_the_only_device_unreachable_telephony_stays_and_the_relay_recovers_by_itself(cluster: Cluster) -> None:
    relay = cluster.starts(RELAY)
    cluster.set_parameter("unreachable_grace", "12")
    cluster.set_meta("failure-timeout", "10s")
    cluster.set_parameter("devices", "fos1")
    cluster.lab.wait_until(lambda: cluster.starts(RELAY) != relay, 20, "the relay resource has fos1 alone")
    cluster.wait_for("xivo-1")
    telephony = cluster.starts(TELEPHONY)
    fos1 = cluster.lab.device("fos1")
    fos1.unplug()
    cluster.lab.wait_until(lambda: cluster.failures(), 20, "the relay resource is degraded")
    assert [failure.code for failure in cluster.failures()] == [DEGRADED]
    assert cluster.where(RELAY) == "xivo-1", "a device that does not answer keeps its position"
    cluster.lab.wait_until(lambda: cluster.role(RELAY) == "Stopped", 40, "the relay resource has failed")
    assert cluster.where(TELEPHONY) == "xivo-1"
    fos1.plug()
    cluster.wait_for("xivo-1", seconds=50)
    assert cluster.starts(TELEPHONY) == telephony
    assert cluster.lab.movements() == []


def test_with_one_of_two_devices_dead_at_failover_the_other_moves_at_once_and_it_once_it_is_back(
    cluster: Cluster,
) -> None:
    lab = cluster.lab
    lab.device("fos2").unplug()
    lab.kill("xivo-1")
    lab.wait_until(lambda: lab.lines() == {"fos1": "xivo-2", "fos2": "xivo-1"}, 20, "the lines of fos1 have moved")
    lab.wait_until(lambda: cluster.where(RELAY) == "xivo-2", 20, "the relay resource is on xivo-2")
    lab.device("fos2").plug()
    cluster.wait_for("xivo-2")
    assert [movement.device for movement in lab.movements()] == ["fos1", "fos2"]


@pytest.mark.parametrize(
    ("task", "then", "actions"),
    [pytest.param("start", Cluster.enable, 2, id="start"), pytest.param("monitor", None, 1, id="readiness-monitor")],
)
def test_a_failed_vip_is_not_held_up_by_silent_devices(
    cluster: Cluster, task: str, then: Callable[[Cluster, str], None] | None, actions: int
) -> None:
    """Pacemaker recovers nothing before a start has ended, nor before a recurring monitor has ended its first run.

    On a node under load Pacemaker runs one action at a time, so the readiness monitor that follows a failed start can
    come before the VIP too.
    """
    lab = cluster.lab
    lab.must("xivo-1", "crm configure load update -", stdin=_VIP)
    lab.wait_until(lambda: cluster.where(VIP) == "xivo-1" and not cluster.pending(), 20, "the VIP is up")
    cluster.set_parameter("request_timeout", "30")
    lab.wait_until(lambda: lab.is_at_rest() and not cluster.pending(), 20, "the cluster is at rest")
    for device in lab.devices.values():
        device.misbehave("silent")
    cluster.disable(RELAY)
    if then:
        then(cluster, RELAY)

    def is_waited_for() -> bool:
        return cluster.is_under_way(RELAY, task, "xivo-1") and not lab.is_at_rest()

    lab.wait_until(is_waited_for, 30, f"the cluster waits for the relay's {task}")
    lab.must("xivo-1", f"ip address delete {VIP_ADDRESS}/24 dev eth0")
    lab.wait_until(lambda: cluster.failures(VIP), 10, "the cluster has noticed that the VIP is gone")
    assert is_waited_for(), f"the {task} must still be under way, or this shows nothing"
    held_up = lab.wait_until(
        lambda: VIP_ADDRESS in lab.run("xivo-1", "ip -o address show dev eth0").stdout, 30, "the VIP is back"
    )
    assert held_up <= actions * LONGEST_ACTION + 1
    assert cluster.where(TELEPHONY) == "xivo-1"


def test_stop_succeeds_with_all_devices_dead_and_telephony_moves(cluster: Cluster) -> None:
    for device in cluster.lab.devices.values():
        device.power_off()
    cluster.move(TELEPHONY, "xivo-2")
    cluster.lab.wait_until(lambda: cluster.where(TELEPHONY) == "xivo-2", 20, "telephony is on xivo-2")
    cluster.lab.wait_until(lambda: not cluster.pending(), 40, "the cluster is at rest")
    assert [failure for failure in cluster.failures() if "_stop_" in failure.operation] == []
    assert cluster.where(TELEPHONY) == "xivo-2"


def test_a_device_with_an_unknown_password_keeps_its_own_lines_and_recovers_once_the_login_is_right(
    cluster: Cluster,
) -> None:
    lab = cluster.lab
    fos1 = lab.device("fos1")
    fos1.write({"apwd": LOGIN.partition(":")[2], "pwd": "1"})
    lab.wait_until(lambda: cluster.failures(), 3 * MONITOR_SECONDS, "the cluster has noticed")
    assert cluster.failures()[0].code == DEGRADED
    assert "password" in cluster.failures()[0].reason
    assert cluster.where(RELAY) == "xivo-1"

    cluster.move(TELEPHONY, "xivo-2")
    lab.wait_until(lambda: lab.lines() == {"fos1": "xivo-1", "fos2": "xivo-2"}, 20, "the lines of fos2 have moved")
    lab.wait_until(lambda: cluster.where(TELEPHONY) == cluster.where(RELAY) == "xivo-2", 20, "both are on xivo-2")
    lab.wait_until(
        lambda: "password" in cluster.attribute("xivo-2", "relay-lines"), 20, "the node attribute names the password"
    )
    assert [failure for failure in cluster.failures() if "_start_" in failure.operation] == []

    fos1.write({"pwd": "0"}, LOGIN)  # the login is right again; nobody runs a cleanup
    cluster.wait_for("xivo-2", seconds=30)


_VIP = f"""\
primitive {VIP} ocf:heartbeat:IPaddr2 params ip={VIP_ADDRESS} cidr_netmask=24 nic=eth0 \\
  op start timeout=20s interval=0 op stop timeout=20s interval=0 op monitor interval=1s timeout=20s
colocation vip-with-xivo inf: {VIP} {TELEPHONY}
"""
