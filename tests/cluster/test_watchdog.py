"""The devices' watchdog on two real nodes: with no node left to switch, each device does it itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from .lab.cluster import RELAY, Cluster
from .lab.devices import Device
from .lab.two_nodes import NODES

INTERVAL = 6
MAINTENANCE_SECONDS = 60

ARMED = {"modedef": "1", "wdogdef": "1"}
LOST = "0"


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


@pytest.fixture
def watched(cluster: Cluster) -> Iterator[Cluster]:
    """A fresh start, with the watchdog on.

    The configuration without it is put back before the devices are, or the monitor would see devices not set up for it.
    """
    lab = cluster.lab
    before = lab.must(lab.a_node(), "cibadmin --query --scope configuration")
    for device in devices_of(cluster):
        device.write(ARMED)
    cluster.set_parameter("watchdog", str(INTERVAL))
    lab.wait_until(lambda: watchdogs(cluster) == ["1", "1"], 20, "both watchdogs are armed")
    lab.new_story()
    yield cluster
    for node in NODES:
        lab.boot(node)
        lab.start_cluster(node)
    cluster.wait_for_members()
    lab.must(lab.a_node(), "cibadmin --replace --scope configuration --xml-pipe", stdin=before)


def devices_of(cluster: Cluster) -> list[Device]:
    return list(cluster.lab.devices.values())


def watchdogs(cluster: Cluster) -> list[str]:
    return [device.order("state")["state"]["watchdog"] for device in devices_of(cluster)]


def kicks(cluster: Cluster) -> list[int]:
    return [device.order("state")["state"]["kicks"] for device in devices_of(cluster)]


def kick_daemons(cluster: Cluster, node: str) -> list[str]:
    """The processes of a node that are kick daemons."""
    return cluster.lab.run(node, ["pgrep", "-f", "kickd.py"]).stdout.split()


def kicked_again(cluster: Cluster) -> Callable[[], bool]:
    before = kicks(cluster)
    return lambda: all(now > then for now, then in zip(kicks(cluster), before))


def test_when_both_nodes_are_dead_the_lines_fall_to_d_within_the_interval(watched: Cluster) -> None:
    lab = watched.lab
    lab.kill("xivo-2")
    lab.wait_until(kicked_again(watched), 10, "xivo-1 alone keeps kicking")
    killed = lab.kill("xivo-1")
    lab.wait_until(lambda: {device.mode for device in devices_of(watched)} == {LOST}, 20, "the lines are at D")
    movements = lab.movements()
    assert [movement.cause for movement in movements] == ["watchdog", "watchdog"]
    assert all(movement.at - killed <= INTERVAL for movement in movements)


def test_a_device_cut_off_from_the_active_node_drops_its_lines_and_gets_them_back_once(watched: Cluster) -> None:
    lab = watched.lab
    fos1 = lab.device("fos1")
    lab.cut("xivo-1", "fos1")
    lab.wait_until(lambda: fos1.mode == LOST, 20, "the watchdog of fos1 has run out")
    lab.restore("xivo-1", "fos1")
    watched.wait_for("xivo-1", 30)
    lab.wait_until(lambda: watchdogs(watched) == ["1", "1"], 20, "both are armed again")
    lab.wait_until(kicked_again(watched), 10, "both are kicked")
    assert [(movement.cause, movement.target) for movement in fos1.movements()] == [("watchdog", "0"), ("http", "1")]
    assert lab.device("fos2").movements() == [], "the other device must not move"
    assert len(kick_daemons(watched, "xivo-1")) == 1


def test_restarting_pacemaker_in_maintenance_mode_trips_no_watchdog(watched: Cluster) -> None:
    """Nobody monitors in maintenance mode, and Pacemaker itself is away for a while, as in an upgrade."""
    lab = watched.lab
    daemon = kick_daemons(watched, "xivo-1")
    watched.set_property("maintenance-mode", "true")
    began = time.monotonic()
    lab.stop_cluster("xivo-1")
    lab.wait_until(kicked_again(watched), 10, "the kick daemon survives Pacemaker")
    lab.start_cluster("xivo-1")
    watched.wait_for_members()
    lab.wait_until(lambda: time.monotonic() - began > MAINTENANCE_SECONDS, 2 * MAINTENANCE_SECONDS, "it is over")
    assert watchdogs(watched) == ["1", "1"]
    watched.set_property("maintenance-mode", "false")
    watched.wait_for("xivo-1", 30)
    assert lab.movements() == []
    assert kick_daemons(watched, "xivo-1") == daemon


def test_after_pacemaker_is_killed_the_other_node_takes_over_and_no_kick_daemon_stays_behind(watched: Cluster) -> None:
    """The node lives on, and kicks: the survivor switches the watchdogs off, so that this does no harm."""
    lab = watched.lab
    lab.kill_cluster("xivo-1")
    lab.wait_until(lambda: watched.where(RELAY, "xivo-2") == "xivo-2", 30, "the relay resource is on xivo-2")
    lab.wait_until(lambda: {device.mode for device in devices_of(watched)} == {LOST}, 20, "the lines are on xivo-2")
    lab.wait_until(lambda: watchdogs(watched) == ["0", "0"], 20, "the watchdogs are off")
    assert [movement.cause for movement in lab.movements()] == ["http", "http"]
    lab.stop_cluster("xivo-1")
    lab.start_cluster("xivo-1")
    watched.wait_for_members()
    lab.wait_until(lambda: not kick_daemons(watched, "xivo-1"), 20, "the probe has ended the kick daemon")
    assert {device.mode for device in devices_of(watched)} == {LOST}


def test_one_xivo_in_front_of_a_pbx_hands_the_lines_over_on_stop_and_on_death(watched: Cluster) -> None:
    """Scenario bypass: only xivo-1 is cabled, the PBX is at D."""
    lab = watched.lab
    for device in devices_of(watched):
        device.write({"scenario": "1"})
    relay = watched.starts(RELAY)
    watched.set_parameter("scenario", "bypass")
    lab.must(lab.a_node(), f"crm_resource --resource {RELAY} --delete-parameter port_d_node")
    lab.wait_until(lambda: watched.starts(RELAY) != relay, 30, "the relay resource knows its new cabling")
    lab.wait_until(lambda: watchdogs(watched) == ["1", "1"] and not watched.pending(), 30, "the lines are on xivo-1")
    lab.new_story()
    watched.disable(RELAY)
    assert {device.mode for device in devices_of(watched)} == {LOST}
    assert watchdogs(watched) == ["0", "0"], "no alarm"
    assert kick_daemons(watched, "xivo-1") == []
    watched.enable(RELAY)
    lab.wait_until(lambda: watchdogs(watched) == ["1", "1"] and not watched.pending(), 30, "the lines are back")
    assert {device.mode for device in devices_of(watched)} == {"1"}
    lab.kill("xivo-1")
    lab.wait_until(lambda: {device.mode for device in devices_of(watched)} == {LOST}, 20, "the lines are at the PBX")
    assert [movement.cause for movement in lab.movements()][-2:] == ["watchdog", "watchdog"]


def test_agent_and_kick_daemon_log_with_one_tag(watched: Cluster) -> None:
    lab = watched.lab
    before = len(lab.syslog("xivo-1"))
    words = ("no more kicks", "switched from A-D to A-B")

    def logs(word: str) -> None:
        lab.wait_until(lambda: word in "\n".join(lab.syslog("xivo-1")[before:]), 20, f"the node logs {word}")

    # A monitor in whose middle the state file goes ends the kick daemon itself, and so does a start: neither may run.
    watched.set_property("maintenance-mode", "true")
    monitors = "pgrep --full resource.d/xivo/berofos"
    lab.wait_until(lambda: lab.run("xivo-1", monitors).returncode == 1, 20, "no monitor runs")
    lab.must("xivo-1", f"rm /run/resource-agents/berofos-{RELAY}.state")
    logs(words[0])
    lab.device("fos1").turn("0")
    watched.set_property("maintenance-mode", "false")
    logs(words[1])
    lines = [line for line in lab.syslog("xivo-1")[before:] if any(word in line for word in words)]
    assert [line for line in lines if f"berofos({RELAY})[" not in line] == []
