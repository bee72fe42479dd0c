"""berofos status and berofos doctor on two real nodes: they say what is, and what to do next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.examples import write_commands

from .lab.cluster import RELAY, SETTLING_SECONDS, TELEPHONY, Cluster
from .lab.processes import TOOL_PATH


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


class Console:
    """A root shell on a node."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.commands = write_commands(folder / "bin")

    def run(self, node: str, command: str) -> str:
        """Run a command and return what it printed to standard output."""
        ran = self.cluster.lab.run(node, ["env", f"PATH={self.commands}:{TOOL_PATH}", "sh", "-c", command])
        assert "Traceback" not in ran.stderr
        return ran.stdout

    def json(self, node: str, command: str) -> Any:
        return json.loads(self.run(node, f"{command} --json"))

    def checks(self, node: str) -> set[str]:
        """Return the ids of the doctor's findings, without those of devices that have no password in the lab."""
        findings = self.json(node, "berofos doctor")["findings"]
        return {one["check"] for one in findings} - {"no-password", "no-deep-monitor"}


@pytest.fixture
def console(cluster: Cluster, tmp_path: Path) -> Console:
    return Console(cluster, tmp_path)


def test_every_node_shows_the_same_healthy_cluster(console: Console) -> None:
    for node in ("xivo-1", "xivo-2"):
        shown = console.json(node, "berofos status")
        assert [(one["node"], one["expected_node"]) for one in shown["devices"]] == [("xivo-1", "xivo-1")] * 2
        assert [one["state"] for one in shown["nodes"]] == ["online", "online"]
        assert shown["fencing"]["enabled"]
        assert shown["relays"][0]["last_switch"]["node"] == "xivo-1"
        assert shown["verdict"]["severity"] == "clean", shown["verdict"]
        assert console.checks(node) == set()


def test_a_stuck_relay_is_the_verdict_and_its_repair_is_seen(cluster: Cluster, console: Console) -> None:
    fos1 = cluster.lab.device("fos1")
    fos1.misbehave("stuck")
    cluster.move(TELEPHONY, "xivo-2")
    cluster.lab.wait_until(lambda: cluster.failures() and cluster.role(RELAY) == "Stopped", 40, "the start has failed")
    cluster.clear(TELEPHONY)

    shown = console.json("xivo-1", "berofos status")
    assert [(one["device"], one["node"], one["expected_node"]) for one in shown["devices"]] == [
        ("fos1", "xivo-1", "xivo-2"),
        ("fos2", "xivo-2", "xivo-2"),
    ]
    relay = shown["relays"][0]
    assert (relay["nodes"], relay["telephony_nodes"]) == ([], ["xivo-2"])
    assert "fos1" in relay["reason"]
    assert shown["verdict"]["severity"] == "error"
    assert f"{RELAY} is stopped: fos1" in shown["verdict"]["text"]
    assert console.checks("xivo-2") == {"relay-stopped", "different-positions", "fail-count"}

    left = cluster.attribute("xivo-2", "relay-lines")
    assert "(last seen " in left, "the node attribute stays when it is needed"
    assert "start failed: fos1: relay did not switch" in left

    fos1.clear_faults()
    cluster.lab.must("xivo-1", f"crm_resource --cleanup --resource {RELAY}")
    cluster.wait_for("xivo-2", SETTLING_SECONDS)
    assert console.json("xivo-1", "berofos status")["verdict"]["severity"] == "clean"
    assert cluster.attribute("xivo-2", "relay-lines") == "A-D"


def test_a_node_that_left_and_one_in_standby_are_named(cluster: Cluster, console: Console) -> None:
    cluster.standby("xivo-2", True)
    cluster.lab.wait_until(lambda: console.checks("xivo-1") == {"node-standby", "rehearsal"}, 60, "the doctor sees it")
    cluster.standby("xivo-2", False)
    cluster.lab.stop_cluster("xivo-2")
    cluster.lab.wait_until(
        lambda: "xivo-2 is OFFLINE" in console.run("xivo-1", "berofos status"), 20, "the status names the node"
    )
    assert "node-offline" in console.checks("xivo-1")
    assert "the cluster is not running on this host" in console.run("xivo-2", "berofos status 2>&1")
    cluster.lab.start_cluster("xivo-2")


def test_disabled_telephony_is_named_with_the_command_that_enables_it(cluster: Cluster, console: Console) -> None:
    cluster.disable(TELEPHONY)
    verdict = console.json("xivo-1", "berofos status")["verdict"]
    assert verdict["text"] == f"{TELEPHONY} runs on no node: it is disabled (target-role=Stopped)"
    console.run("xivo-1", verdict["next_step"])
    cluster.wait_for("xivo-1")
