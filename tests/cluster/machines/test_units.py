"""Pacemaker and Corosync as systemd's units: killed, stopped, rebooted, and both machines switched on at once."""

from __future__ import annotations

import pytest

from ..lab.cluster import RELAY, TELEPHONY, Cluster
from ..lab.machine import Machine
from ..lab.two_nodes import NODES

WATCHDOG_SECONDS = "15"
SHUTDOWN_SECONDS = 120
"""systemd kills after 90 s what does not end, and Debian 13's pcsd-ruby.service sometimes does not."""


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


def main_pid(cluster: Cluster, node: str, unit: str) -> str:
    return cluster.lab.must(node, f"systemctl show --value --property=MainPID {unit}").strip()


def kick_daemons(cluster: Cluster, node: str) -> list[str]:
    return cluster.lab.run(node, ["pgrep", "-f", "kickd.py"]).stdout.split()


def watchdogs(cluster: Cluster) -> list[str]:
    return [device.order("state")["state"]["watchdog"] for device in cluster.lab.devices.values()]


def test_pacemaker_killed_is_started_again_and_the_kick_daemon_goes_on(cluster: Cluster) -> None:
    lab = cluster.lab
    for device in lab.devices.values():
        device.write({"modedef": "1", "wdogdef": "1"})
    cluster.set_parameter("watchdog", WATCHDOG_SECONDS)
    lab.wait_until(lambda: watchdogs(cluster) == ["1", "1"], 20, "both watchdogs are armed")
    lab.wait_until(lambda: not cluster.pending(), 20, "nothing is under way")
    lab.new_story()
    killed, daemon = main_pid(cluster, "xivo-1", "pacemaker"), kick_daemons(cluster, "xivo-1")
    lab.must("xivo-1", "systemctl kill --kill-who=main --signal=KILL pacemaker")
    lab.wait_until(
        lambda: main_pid(cluster, "xivo-1", "pacemaker") not in ("0", killed), 20, "systemd has started it again"
    )
    cluster.wait_for_members()
    cluster.wait_for("xivo-1")
    assert len(daemon) == 1
    assert kick_daemons(cluster, "xivo-1") == daemon
    assert watchdogs(cluster) == ["1", "1"]
    assert lab.movements() == []


def test_stopping_pacemaker_on_the_active_node_moves_telephony_and_lines(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.stop_cluster("xivo-1")
    cluster.wait_for("xivo-2")
    assert lab.run("xivo-1", "systemctl is-active pacemaker corosync").stdout.split() == ["inactive", "inactive"]
    assert [movement.cause for movement in lab.movements()] == ["http", "http"]
    moved = lab.movements()
    lab.start_cluster("xivo-1")
    cluster.wait_for_members()
    cluster.wait_for("xivo-2")
    assert lab.movements() == moved


def test_rebooting_the_active_node_stops_the_resources_before_the_network_goes(cluster: Cluster) -> None:
    lab = cluster.lab
    machine = lab.nodes["xivo-1"]
    assert isinstance(machine, Machine)
    lab.note("xivo-1 is told to reboot")
    lab.must("xivo-1", "systemctl reboot")
    assert machine.await_power_off(SHUTDOWN_SECONDS), "it has not gone down"
    lab.note("xivo-1 is down")
    cluster.wait_for("xivo-2")
    assert [movement.node for movement in lab.movements()] == ["xivo-2"] * len(lab.devices)
    log = (machine.log / "pacemaker/pacemaker.log").read_text(encoding="utf-8", errors="replace")
    (stop,) = log.rpartition(f"Result of stop operation for {RELAY} on xivo-1: ")[2].split()[:1]
    assert stop.lower() == "ok"
    lab.boot("xivo-1")
    cluster.wait_for_members()
    cluster.wait_for("xivo-2")


def test_both_nodes_switched_on_at_once_agree_on_one_and_the_lines_are_there(cluster: Cluster) -> None:
    lab = cluster.lab
    for name in NODES:
        lab.kill(name)
    for name in NODES:
        lab.boot(name)
    cluster.wait_for_members()
    lab.wait_until(lambda: cluster.where(TELEPHONY) in NODES, 60, "telephony runs")
    cluster.wait_for(cluster.where(TELEPHONY), 60)
    for device in lab.devices.values():
        assert len(device.movements()) <= 1, "no relay moves to and fro"
