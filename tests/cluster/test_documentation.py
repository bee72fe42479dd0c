"""The commands of the documentation, typed on two real nodes as they stand there; the doctor finds nothing after."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples import examples, write_commands

from .lab import scenes, told
from .lab.cluster import RELAY, TELEPHONY, Cluster
from .lab.processes import TOOL_PATH
from .lab.two_nodes import NODES

PASSWORD = "uh8Yee!k"


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


class Console:
    """A root shell on a node."""

    def __init__(self, cluster: Cluster, folder: Path, node: str = "xivo-1") -> None:
        self.cluster = cluster
        self.node = node
        self.path = TOOL_PATH if cluster.lab.release else f"{write_commands(folder / 'bin')}:{TOOL_PATH}"

    def type(self, page: str, name: str, status: int = 0) -> str:
        """Type an example of a page; return what it prints."""
        done = self.run(examples(page)[name])
        assert done.returncode == status, f"{page}, {name}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "deprecated" not in (done.stdout + done.stderr).lower(), done.stderr
        return done.stdout

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run commands until one fails."""
        return self.cluster.lab.run(self.node, ["env", f"PATH={self.path}", "sh", "-e", "-c", code])


@pytest.fixture
def console(cluster: Cluster, tmp_path: Path) -> Console:
    return Console(cluster, tmp_path)


@pytest.fixture
def protected(cluster: Cluster) -> Iterator[None]:
    """Passwords on the devices and in the bnfos.conf of both nodes."""
    before = cluster.lab.must(NODES[0], "cat /etc/bnfos.conf")
    for device in cluster.lab.devices.values():
        device.write({"apwd": PASSWORD, "pwd": "1"})
    for name in NODES:
        with_login = before.replace("host =", f"login = admin:{PASSWORD}\nhost =")
        cluster.lab.nodes[name].edit("bnfos.conf", with_login, mode=0o600)
    yield
    for device in cluster.lab.devices.values():
        device.write({"pwd": "0"}, f"admin:{PASSWORD}")
    for name in NODES:
        cluster.lab.nodes[name].edit("bnfos.conf", before)


@pytest.mark.parametrize("page", ["cluster-crm.md", "cluster-pcs.md"])
@pytest.mark.usefixtures("protected")
def test_a_cluster_set_up_as_the_page_says_is_clean(cluster: Cluster, console: Console, page: str) -> None:
    cluster.lab.must("xivo-1", f"pcs resource delete {RELAY}")
    console.type(page, "stickiness")
    assert "port_d_node" in console.type(page, "look")
    console.type(page, "apply")
    cluster.wait_for("xivo-1")
    seen = console.type(page, "see")
    assert "no findings; checked resource relay, fos1 of /etc/bnfos.conf, fos2 of" in seen, seen
    assert "relay-fos2" in console.type(page, "pbx")
    refused = console.run(examples(page)["promotable"])
    assert "the cluster has no such resource" in refused.stdout + refused.stderr, "this cluster has no promotable clone"
    stops = done(cluster).count("stop")
    console.type(page, "change")
    console.type(page, "maintenance")
    cluster.wait_for("xivo-1")
    assert done(cluster).count("stop") == stops, "a reloadable parameter changes without a restart"
    assert "reload-agent" in done(cluster)


@pytest.mark.parametrize("page", ["cluster-crm.md", "cluster-pcs.md"])
@pytest.mark.usefixtures("protected")
def test_in_front_of_a_pbx_each_device_has_a_resource_with_the_watchdog(
    cluster: Cluster, console: Console, page: str
) -> None:
    cluster.lab.must("xivo-1", f"pcs resource delete {RELAY}")
    set_up = console.run("berofos provision --scenario bypass --yes")
    assert set_up.returncode == 0, set_up.stdout + set_up.stderr
    assert console.run(examples(page)["pbx"].rstrip() + " | sh").returncode == 0
    relays = [f"{RELAY}-{name}" for name in cluster.lab.devices]
    cluster.lab.wait_until(lambda: {cluster.where(relay) for relay in relays} == {"xivo-1"}, 20, "all have started")
    left = console.run("berofos doctor").stdout
    for fix in re.findall(r"^    (attrd_updater .*)$", left, re.MULTILINE):
        assert console.run(fix).returncode == 0, "the doctor says how to remove what the deleted resource left"
    cluster.lab.wait_until(lambda: console.run("berofos doctor").returncode == 0, 20, "the doctor finds nothing more")
    assert set(cluster.lab.lines().values()) == {"xivo-1"}
    for relay in relays:
        cluster.lab.must("xivo-1", f"pcs resource delete {relay}")
    assert set(cluster.lab.lines().values()) == {"xivo-2"}, "a stop puts the lines on D"


def done(cluster: Cluster) -> list[str]:
    """What the cluster had the agent do on xivo-1 so far."""
    log = (cluster.lab.nodes["xivo-1"].log / "pacemaker" / "pacemaker.log").read_text()
    return re.findall(rf"rsc:{RELAY} action:(\S+)", log)


def test_failover_drills(cluster: Cluster, console: Console) -> None:
    page = "drills.md"
    assert "relay-lines" in console.type(page, "where")
    assert "done: there " in console.type(page, "drill")
    cluster.wait_for("xivo-1")
    console.type(page, "move")
    cluster.wait_for("xivo-2")
    assert "[leftover-move-constraint]" in console.run("berofos doctor || true").stdout
    console.type(page, "clear")
    cluster.move(TELEPHONY, "xivo-1")
    cluster.wait_for("xivo-1")
    cluster.clear(TELEPHONY)
    console.type(page, "standby")
    cluster.wait_for("xivo-2")
    console.type(page, "back")
    cluster.move(TELEPHONY, "xivo-1")
    cluster.wait_for("xivo-1")
    cluster.clear(TELEPHONY)
    console.type(page, "by-hand")
    cluster.lab.wait_until(lambda: cluster.lab.device("fos1").lines_at == "xivo-1", 15, "fos1 is put back")
    cluster.wait_for("xivo-1")
    console.type(page, "cleanup")
    cluster.wait_for("xivo-1")
    told = console.type(page, "doctor", status=1)
    assert set(re.findall(r"\[([a-z-]+)\]", told)) == {"no-password"}


@pytest.mark.parametrize("tool", ["crm", "pcs"])
def test_alerts_set_up_as_the_page_says_tell_of_a_relay_moved_by_hand(
    cluster: Cluster, console: Console, tool: str
) -> None:
    lab, page = cluster.lab, examples("alerts.md")
    told.prepare(lab)
    told.forget(lab)

    def run(code: str) -> None:
        done = console.run(f"RECIPIENT={told.RECIPIENT}\n{code}")
        assert done.returncode == 0, done.stdout + done.stderr

    run(page["try"])
    assert [one.text.partition(":")[0] for one in told.told(lab)] == ["this is a test of berofos-alert"]
    run(page[tool])
    if tool == "pcs":
        secret = page["secret"].replace("/etc/", "/var/lib/pacemaker/")  # a node's /etc is read-only
        run(f"cd /run\necho Bearer x > token\n{secret}")
        assert "authorization_file=/var/lib/pacemaker/berofos-alert.token" in lab.must("xivo-1", "pcs alert config")
    selected = lab.must("xivo-1", "cibadmin --query --xpath //alert//attribute")
    assert {name for name in ("relay-lines", "relay-ready") if f'"{name}"' in selected} == {
        "relay-lines",
        "relay-ready",
    }
    scenes.relay_moved_by_hand(cluster, "fos1")
    lab.wait_until(lambda: len(told.told(lab)) >= 3, 30, "both sentences have come")
    assert [one.text.partition(";")[0] for one in told.told(lab)[1:]] == [
        "relay failed on xivo-1: fos1: relay is in position A-D, expected A-B",
        "relay runs on xivo-1 again: its lines are on xivo-1 (A-B)",
    ]


def test_first_look_at_a_trouble(cluster: Cluster, console: Console) -> None:
    cluster.lab.device("fos2").misbehave("silent")
    page = "troubleshooting.md"
    told = console.run(examples(page)["first-look"].replace("berofos", "! berofos")).stdout
    assert "ERROR: fos2 cannot be reached: no answer from" in told, told
    cluster.lab.device("fos2").clear_faults()
    console.type(page, "cleanup")


def test_lines_put_where_telephony_runs_in_an_emergency(cluster: Cluster, console: Console) -> None:
    cluster.set_property("maintenance-mode", "true")
    for device in cluster.lab.devices.values():
        device.turn("0")
    told = console.type("troubleshooting.md", "emergency")
    assert re.findall(r"^(fos\d): switched from A-D to A-B", told, re.MULTILINE) == ["fos1", "fos2"]
    assert cluster.lab.lines() == {"fos1": "xivo-1", "fos2": "xivo-1"}
