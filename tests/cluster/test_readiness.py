"""What is wrong on the node without the lines shows there as its reason before a failover; nothing fails or moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from .lab.cluster import READINESS_SECONDS, RELAY, TELEPHONY, Cluster
from .lab.devices import LOGIN
from .test_status import Console

ACTIVE, PASSIVE = "xivo-1", "xivo-2"
READY = f"{RELAY}-ready"
WITHIN = 2 * READINESS_SECONDS + 10
"""An interval and a monitor that began before; the rest is for a busy machine."""


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


def conf(cluster: Cluster, node: str, change: Callable[[str], str]) -> None:
    """Change a node's bnfos.conf."""
    text = cluster.lab.must(node, "cat /etc/bnfos.conf")
    cluster.lab.nodes[node].edit("bnfos.conf", change(text), 0o600)


def hide(cluster: Cluster, folder: str, name: str) -> None:
    """Let a file or folder be missing on the passive node, until the folder is unmounted."""
    script = f"mkdir -p /run/hide && mknod /run/hide/{name} c 0 0"
    script += f" && mount -t overlay -o lowerdir=/run/hide:{folder} overlay {folder}"
    cluster.lab.must(PASSIVE, ["sh", "-c", script])


def show(cluster: Cluster, folder: str) -> None:
    cluster.lab.must(PASSIVE, ["sh", "-c", f"umount {folder} && rm -r /run/hide"])


def protect(cluster: Cluster) -> None:
    conf(cluster, ACTIVE, lambda text: text.replace("[fos1]", f"[fos1]\nlogin = {LOGIN}"))
    cluster.lab.device("fos1").write({"apwd": LOGIN.partition(":")[2], "pwd": "1"})


def set_port_d(cluster: Cluster, node: str) -> None:
    """Pacemaker gives new parameters to a monitor with role=Stopped only when it is begun anew."""
    cluster.set_parameter("port_d_node", node)
    cluster.lab.wait_until(lambda: not cluster.pending(), 20, "the relay resource has restarted")
    cluster.lab.must(ACTIVE, f"crm_resource --refresh --resource {RELAY} --node {PASSIVE}")


STATE_FOLDER = "/run/resource-agents"


def fill(cluster: Cluster) -> None:
    """Let the folder of state files be full; what is in it stays."""
    script = f"cp -a {STATE_FOLDER} /run/kept && mount -t tmpfs -o size=64k tmpfs {STATE_FOLDER}"
    script += f" && cp -a /run/kept/. {STATE_FOLDER}; cat /dev/zero > {STATE_FOLDER}/zeros; true"
    cluster.lab.must(PASSIVE, ["sh", "-c", script])


def empty(cluster: Cluster) -> None:
    cluster.lab.must(PASSIVE, ["sh", "-c", f"umount {STATE_FOLDER} && rm -r /run/kept"])


class Fault(NamedTuple):
    reason: str
    begin: Callable[[Cluster], object]
    end: Callable[[Cluster], object]


LIBRARIES = "/usr/lib/python3/dist-packages"

FAULTS = {
    "route": Fault(
        "fos1: no answer from 10.42.0.201",
        lambda cluster: cluster.lab.cut(PASSIVE, "fos1"),
        lambda cluster: cluster.lab.restore(PASSIVE, "fos1"),
    ),
    "password": Fault(
        "a password; add its login to bnfos.conf",
        protect,
        lambda cluster: conf(cluster, PASSIVE, lambda text: text.replace("[fos1]", f"[fos1]\nlogin = {LOGIN}")),
    ),
    "bnfos.conf-missing": Fault(
        "/etc/bnfos.conf is missing on this node",
        lambda cluster: hide(cluster, "/etc", "bnfos.conf"),
        lambda cluster: show(cluster, "/etc"),
    ),
    "section-different": Fault(
        "bnfos.conf differs in its devices from that on xivo-1",
        lambda cluster: conf(cluster, PASSIVE, lambda text: text.replace("fos2", "fos3")),
        lambda cluster: conf(cluster, PASSIVE, lambda text: text.replace("fos3", "fos2")),
    ),
    "library-missing": Fault(
        "Python module requests is missing; install python3-requests",
        lambda cluster: hide(cluster, LIBRARIES, "requests"),
        lambda cluster: show(cluster, LIBRARIES),
    ),
    "another-device": Fault(
        "fos2: 10.42.0.202 has MAC 00:19:32:00:00:02, not 00:19:32:00:00:99",
        lambda cluster: conf(cluster, PASSIVE, lambda text: text.replace("00:00:02", "00:00:99")),
        lambda cluster: conf(cluster, PASSIVE, lambda text: text.replace("00:00:99", "00:00:02")),
    ),
    "flash-mode": Fault(
        "fos2: is in flash mode; switch it off and on again",
        lambda cluster: cluster.lab.device("fos2").order("flash"),
        lambda cluster: cluster.lab.device("fos2").order("power on"),
    ),
    "full-run": Fault(
        f"cannot write the state file: No space left on device; check its folder: {STATE_FOLDER}/berofos-relay.state",
        fill,
        empty,
    ),
    "neither-port": Fault(
        "node xivo-2 is neither port_b_node nor port_d_node; correct them (xivo-1, xivo-9)",
        lambda cluster: set_port_d(cluster, "xivo-9"),
        lambda cluster: set_port_d(cluster, "xivo-2"),
    ),
}


DEGRADED = 190


def ready(cluster: Cluster, node: str = PASSIVE) -> str:
    return cluster.attribute(node, READY)


def doctor(console: Console) -> list[tuple[str, str]]:
    """Return the findings of the doctor on the node with the lines: check and subject."""
    return [(one["check"], one["subject"]) for one in console.json(ACTIVE, "berofos doctor")["findings"]]


@pytest.fixture
def console(cluster: Cluster, tmp_path: Path) -> Console:
    return Console(cluster, tmp_path)


def wait_for(cluster: Cluster, value: str) -> None:
    cluster.lab.wait_until(lambda: value in ready(cluster), WITHIN, f"{READY} of {PASSIVE} is {value!r}")


@pytest.fixture
def ready_cluster(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with a passive node that could take over; its files are as before at the end."""
    before = {node: cluster.lab.must(node, "cat /etc/bnfos.conf") for node in (ACTIVE, PASSIVE)}
    wait_for(cluster, "yes")
    yield cluster
    for node, text in before.items():
        cluster.lab.nodes[node].edit("bnfos.conf", text, 0o600)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_shows_as_its_reason_and_nothing_fails_or_moves(
    ready_cluster: Cluster, console: Console, name: str
) -> None:
    cluster, fault = ready_cluster, FAULTS[name]
    telephony = cluster.starts(TELEPHONY)
    fault.begin(cluster)
    moved = len(cluster.lab.movements())  # a device in flash mode has its relay at D
    try:
        wait_for(cluster, fault.reason)
        assert ("standby-not-ready", PASSIVE) in doctor(console)
        assert f"{PASSIVE}: could not take over {RELAY}: " in console.run(ACTIVE, "berofos check --cluster")
        assert fault.reason in " ".join(console.run(ACTIVE, "berofos status").split())
    finally:
        fault.end(cluster)
    wait_for(cluster, "yes")
    assert not [check for check, _subject in doctor(console) if check in ("standby-not-ready", "config-differs")]
    # A device in flash mode answers the other node as little, which is degraded there.
    assert {failure.code for failure in cluster.failures()} <= ({DEGRADED} if name == "flash-mode" else set())
    assert not [one for one in cluster.failures() if one.node == PASSIVE]
    assert cluster.lab.status().findall(f".//resource_history[@id='{RELAY}'][@fail-count]") == []
    assert cluster.starts(TELEPHONY) == telephony
    assert cluster.where(RELAY) == ACTIVE
    assert name == "flash-mode" or len(cluster.lab.movements()) == moved == 0


def test_the_node_with_the_lines_has_no_readiness_and_both_nodes_have_the_same_digest(ready_cluster: Cluster) -> None:
    cluster = ready_cluster
    assert ready(cluster, ACTIVE) == ""
    digests = {cluster.attribute(node, f"{RELAY}-config") for node in (ACTIVE, PASSIVE)}
    assert len(digests) == 1
    assert "" not in digests
    cluster.move(TELEPHONY, PASSIVE)
    cluster.wait_for(PASSIVE)
    cluster.lab.wait_until(lambda: (ready(cluster, ACTIVE), ready(cluster)) == ("yes", ""), WITHIN, "they have swapped")


def test_in_maintenance_and_in_standby_the_passive_node_is_looked_at_as_always(ready_cluster: Cluster) -> None:
    cluster = ready_cluster
    cluster.set_property("maintenance-mode", "true")
    cluster.lab.cut(PASSIVE, "fos1")
    wait_for(cluster, "fos1: no answer")
    cluster.set_property("maintenance-mode", "false")
    cluster.standby(PASSIVE, True)
    cluster.lab.restore(PASSIVE, "fos1")
    wait_for(cluster, "yes")
    cluster.standby(PASSIVE, False)
    assert cluster.failures() == []


def test_a_lost_node_has_no_readiness_and_one_that_comes_back_is_looked_at_again(ready_cluster: Cluster) -> None:
    cluster = ready_cluster
    cluster.lab.stop_cluster(PASSIVE)
    cluster.lab.wait_until(lambda: ready(cluster) == "", 20, "the attribute is gone")
    cluster.lab.start_cluster(PASSIVE)
    cluster.wait_for_members()
    wait_for(cluster, "yes")


@pytest.mark.parametrize("daemon", ["pacemaker-execd", "pacemaker-controld", "pacemaker-attrd"])
def test_what_the_cib_loses_with_a_daemon_is_there_again_after_the_next_monitor(
    ready_cluster: Cluster, daemon: str
) -> None:
    cluster = ready_cluster
    cluster.lab.must(PASSIVE, ["sh", "-c", f"kill -9 $(pidof {daemon})"])
    cluster.lab.wait_until(lambda: ready(cluster) == "", 20, "the attribute is gone")
    wait_for(cluster, "yes")
    digests = {cluster.attribute(node, f"{RELAY}-config") for node in (ACTIVE, PASSIVE)}
    assert len(digests) == 1
    assert "" not in digests


def test_a_change_is_logged_once(ready_cluster: Cluster) -> None:
    cluster = ready_cluster
    log = cluster.lab.nodes[PASSIVE].syslog
    before = log.read_text().count("this node is ")
    cluster.lab.cut(PASSIVE, "fos1")
    wait_for(cluster, "fos1: no answer")
    time.sleep(2 * READINESS_SECONDS)
    cluster.lab.restore(PASSIVE, "fos1")
    wait_for(cluster, "yes")
    lines = [line for line in log.read_text().splitlines() if "this node is " in line][before:]
    assert len(lines) == 2, lines
    assert "not ready to take over: fos1: no answer from 10.42.0.201" in lines[0]
    assert "is ready to take over" in lines[1]
