"""berofos status and check on a cluster node: simulated devices, and recorded answers of Pacemaker's tools."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent.simulator import Power
from tests.device.conftest import Desk, Ran

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The times shown are local ones, and the package is built in any time zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


class Node:
    """A cluster node: the desk, with stand-ins for cibadmin and crm_mon."""

    def __init__(self, desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk = desk
        self._folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("TZ", "UTC0")
        port_b = '<nvpair name="port_b_node"'
        config = f'<nvpair id="relay-config" name="config" value="{desk.config}"/>'
        cib = (DATA / "cib" / "good-crm.xml").read_text()
        assert port_b in cib
        self.tool("cibadmin", cib.replace(port_b, config + port_b))

    def tool(self, name: str, output: str) -> None:
        """Let one of Pacemaker's tools print this."""
        (self._folder / f"{name}.out").write_text(output)
        program = self._folder / name
        program.write_text(f"#!/bin/sh\nexec cat {self._folder}/{name}.out\n")
        program.chmod(0o755)

    def status(self, recording: str, *modes: str, arguments: tuple[str, ...] = (), command: str = "status") -> Ran:
        """Run a command of berofos while the cluster and the relays are like this."""
        text = (DATA / "crm_mon" / "2.1" / f"{recording}.xml").read_text()
        ready = '<node_attributes>\n    <node name="xivo-2"><attribute name="relay-ready" value="yes"/></node>'
        if recording == "healthy":
            text = text.replace("<node_attributes>", ready)
        self.tool("crm_mon", text)
        for device, mode in zip(self.desk.devices, modes):
            if mode:
                device.model.move_by_hand(mode)
        return self.desk.berofos(command, *arguments)


@pytest.fixture
def node(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(desk, tmp_path / "pacemaker", monkeypatch)


def test_healthy_cluster(node: Node) -> None:
    ran = node.status("healthy", "1", "1")
    assert ran.status == 0
    assert ran.out.splitlines() == [
        "DEVICE  LINES       EXPECTED    CONDITION",
        "fos1    A-B xivo-1  A-B xivo-1  ok",
        "fos2    A-B xivo-1  A-B xivo-1  ok",
        "",
        "NODE    STATE   RUNS         READY",
        "xivo-1  online  xivo, relay  has the lines",
        "xivo-2  online  -            yes",
        "",
        "resource  relay runs on xivo-1, follows xivo on xivo-1",
        "switched  to xivo-1 at 2026-11-24 23:14:01",
        "fencing   enabled",
        "",
        "verdict   OK: the lines are at xivo-1 (A-B), where they should be",
        "next step nothing to do",
    ]


@pytest.mark.parametrize("path", ["bnfos.conf", "./bnfos.conf", "../{}/bnfos.conf"])
def test_a_relative_path_of_the_configuration_is_the_one_that_the_cluster_names(
    node: Node, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = node.desk.config.parent
    assert node.desk.config.name == "bnfos.conf"
    monkeypatch.chdir(folder)
    out = node.status("healthy", "0", "1", arguments=("--config", path.format(folder.name))).out
    assert "fos1    A-D xivo-2  A-B xivo-1  WRONG POSITION" in out
    assert "verdict   OK" not in out


def test_kicks_of_the_daemon_of_this_host(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HA_RSCTMP", str(tmp_path))
    monkeypatch.setattr("berofos_agent.watchdog.kickd.clock", lambda: 1000.0)
    (tmp_path / "berofos-relay.state.kicks").write_text("at 999.000 4711\nfos1 998.000 0\nfos2 0.000 3\n")
    told = "fos1 answered 2 s ago; fos2 never answered, 3 not answered since"
    assert f"kicks     THE KICK DAEMON DOES NOT RUN; {told[:30]}" in node.status("healthy", "1", "1").out
    monkeypatch.setattr("berofos_agent.watchdog.process.pid_of", lambda _state: 4711)
    assert f"kicks     {told}\n" in node.status("healthy", "1", "1").out
    (relay,) = json.loads(node.status("healthy", "1", "1", arguments=("--json",)).out)["relays"]
    assert relay["kicks"] == {
        "daemon": True,
        "devices": {
            "fos1": {"answered_seconds_ago": 2.0, "unanswered": 0},
            "fos2": {"answered_seconds_ago": None, "unanswered": 3},
        },
    }


def test_stuck_relay(node: Node) -> None:
    out = node.status("start-failed", "1", "0").out
    assert "fos1    A-B xivo-1  A-D xivo-2  WRONG POSITION" in out
    assert "fos2    A-D xivo-2  A-D xivo-2  ok" in out
    assert "relay is stopped, follows xivo on xivo-2; start failed on xivo-2" in out
    assert "reason    fos1: relay did not switch: mode is still 1 after writing 0" in out
    assert "verdict   ERROR: relay is stopped: fos1: relay did not switch: mode is still 1" in out
    assert "next step correct that, then crm_resource --cleanup --resource relay" in out


def test_degraded_resource(node: Node) -> None:
    node.desk.device("fos2").model.switch_power(Power.OFF)
    ran = node.status("degraded", "1")
    assert ran.status == 4
    host = node.desk.device("fos2").http_address[0]
    assert f"fos2    unknown     A-B xivo-1  no answer from {host}" in ran.out
    assert "relay runs on xivo-1, follows xivo on xivo-1; degraded" in ran.out
    assert f"verdict   ERROR: fos2 cannot be reached: no answer from {host} within" in ran.out


def test_one_device_has_a_picture(node: Node) -> None:
    out = node.status("healthy", "1", "1", arguments=("fos1",)).out
    assert "+===========+" in out
    assert "DEVICE" not in out
    assert "verdict   OK" in out


def test_several_devices_have_pictures_on_request(node: Node) -> None:
    assert node.status("healthy", "1", "1", arguments=("--picture",)).out.count("+===========+") == 2


def test_a_slow_device_does_not_delay_the_others(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("berofos_agent.commands.status.TOGETHER_SECONDS", 0.1)
    node.desk.device("fos1").model.switch_power(Power.OFF)
    lines = node.status("healthy", "", "1").out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["fos2", "fos1"]


def test_json_has_all_of_it(node: Node) -> None:
    shown = json.loads(node.status("start-failed", "1", "0", arguments=("--json",)).out)
    assert [(one["device"], one["node"], one["expected_node"], one["resource"]) for one in shown["devices"]] == [
        ("fos1", "xivo-1", "xivo-2", "relay"),
        ("fos2", "xivo-2", "xivo-2", "relay"),
    ]
    relay = shown["relays"][0]
    assert (relay["nodes"], relay["telephony_nodes"], relay["expected_node"]) == ([], ["xivo-2"], "xivo-2")
    assert relay["reason"] == "fos1: relay did not switch: mode is still 1 after writing 0"
    assert shown["nodes"][0] == {"node": "xivo-1", "state": "online", "ready": "unknown"}
    assert shown["verdict"]["severity"] == "error"
    assert {"relay-stopped", "different-positions", "fail-count"} <= {one["check"] for one in shown["findings"]}


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_text_fits_the_terminal(node: Node, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    lines = node.status("start-failed", "1", "0").out.splitlines()
    assert max(map(len, lines)) <= columns
    assert any("WRONG POSITION" in line for line in lines)


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_one_device_fits_the_terminal(node: Node, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    lines = node.status("start-failed", "0", "0", arguments=("fos1",)).out.splitlines()
    assert max(map(len, lines)) <= columns
    assert any("A-D (relay mode 0)" in line for line in lines)
    assert any("(*)" in line for line in lines) == (columns > 40)


def test_every_look_of_a_watch_has_its_time(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("berofos_agent.commands.status.sleep", interrupt)
    first = node.status("healthy", "1", "1", arguments=("-w",)).out.splitlines()[0]
    assert first[:2] == "20"
    assert len(first) == len("2026-11-24 23:14:01")


def test_without_a_cluster_it_is_a_list_of_devices(node: Node) -> None:
    node.tool("cibadmin", "<cib/>")
    ran = node.status("healthy", "1", "1", arguments=("--json",))
    assert [one["device"] for one in json.loads(ran.out)] == ["fos1", "fos2"]


@pytest.mark.parametrize(
    ("recording", "modes", "status", "words"),
    [
        ("healthy", ("1", "1"), 0, "BEROFOS OK - fos1 A-B, fos2 A-B"),
        ("node-killed", ("0", "0"), 0, "BEROFOS OK - fos1 A-D, fos2 A-D"),
        ("healthy", ("1", "0"), 2, "fos2: relay is in position A-D, expected A-B"),
        ("telephony-stopped", ("1", "1"), 3, "xivo runs on no node that is cabled to fos1"),
    ],
    ids=["before-a-failover", "after-it", "one-in-the-wrong-position", "no-telephony"],
)
def test_check_expects_the_port_that_the_cluster_says(
    node: Node, recording: str, modes: tuple[str, ...], status: int, words: str
) -> None:
    for device in node.desk.devices:
        device.model.write("cmd=1&rm=1")
    ran = node.status(recording, *modes, command="check", arguments=("--port", "cluster"))
    assert (ran.status, ran.out.count("\n")) == (status, 1)
    assert words in ran.out


def test_check_without_a_cluster_to_ask_is_unknown(node: Node) -> None:
    node.tool("cibadmin", "<cib")
    ran = node.status("healthy", "1", "1", command="check", arguments=("--port", "cluster"))
    assert (ran.status, ran.out.count("\n")) == (3, 1)
    assert ran.out.startswith("BEROFOS UNKNOWN - ")


@pytest.mark.parametrize("option", [("--cluster",), ("--port", "cluster"), ("--cluster", "--port", "cluster")])
def test_a_silent_cluster_hides_no_dead_device_from_check(node: Node, option: tuple[str, ...]) -> None:
    """Both are down after a power cut of one rack: what nobody answers for was UNKNOWN, and fos1 was not in it."""
    node.tool("cibadmin", "<cib")
    node.desk.device("fos1").model.switch_power(Power.OFF)
    ran = node.status("healthy", "", "1", command="check", arguments=option)
    assert (ran.status, ran.out.count("\n")) == (2, 1)
    assert ran.out.startswith("BEROFOS CRITICAL - fos1: no answer from ")
    assert ran.out.count("is not XML") == 1
    assert "fos2 A-B | 'fos1 reachable'=0" in ran.out


@pytest.mark.parametrize("tool", ["crm_mon", "cibadmin"])
def test_nonsense_of_a_tool_is_nothing_to_write_anew(node: Node, tool: str) -> None:
    """It was taken for a file: "is not XML; write it anew"."""
    node.status("healthy", "1", "1")
    node.tool(tool, "Segmentation fault")
    ran = node.desk.berofos("check", "--cluster")
    assert f"UNKNOWN - the answer of {tool} -" in ran.out
    assert "; try again, then run it by hand; " in ran.out


def test_check_of_a_silent_cluster_still_has_what_the_devices_say(node: Node) -> None:
    node.tool("cibadmin", "<cib")
    ran = node.status("healthy", "0", "1", command="check", arguments=("--cluster",))
    assert ran.status == 3
    assert "devices: are in different positions" in ran.out
    assert "fos1 A-D, fos2 A-B | 'fos1 reachable'=1" in ran.out


def test_a_bar_in_a_reason_is_no_performance_data(node: Node) -> None:
    put_readiness(node, ready="fos1: 10.34.1.20 redirects to http://a/?x=1|b=2", config="2e1ef99e04d0")
    ran = node.status("healthy", "1", "1", command="check", arguments=("--cluster",))
    assert ran.out.count("|") == 1
    assert "http://a/?x=1/b=2; fos1 A-B" in ran.out


def put_readiness(node: Node, **values: str) -> None:
    """Put transient attributes of xivo-2 into the status section of the CIB, and of xivo-1 its digest."""
    for device in node.desk.devices:
        device.model.write("cmd=1&rm=1")
    cib = (node._folder / "cibadmin.out").read_text()
    pairs = "".join(f'<nvpair id="2-{name}" name="relay-{name}" value="{value}"/>' for name, value in values.items())
    states = (
        '<node_state id="1" uname="xivo-1"><transient_attributes id="1"><instance_attributes id="status-1">'
        '<nvpair id="1-config" name="relay-config" value="2e1ef99e04d0"/>'
        "</instance_attributes></transient_attributes></node_state>"
        '<node_state id="2" uname="xivo-2"><transient_attributes id="2"><instance_attributes id="status-2">'
        f"{pairs}</instance_attributes></transient_attributes></node_state>"
    )
    assert "<status/>" in cib
    node.tool("cibadmin", cib.replace("<status/>", f"<status>{states}</status>"))


def test_check_of_a_healthy_cluster(node: Node) -> None:
    put_readiness(node, ready="yes", config="2e1ef99e04d0")
    ran = node.status("healthy", "1", "1", command="check", arguments=("--cluster",))
    assert ran.status == 0
    assert ran.out.startswith("BEROFOS OK - fos1 A-B, fos2 A-B, relay on xivo-1, xivo-2 ready | 'fos1 reachable'=1")


def test_check_is_critical_when_the_other_node_could_not_take_over(node: Node) -> None:
    put_readiness(node, ready="fos1: no answer from 10.34.1.20 within 3 s", config="2e1ef99e04d0")
    ran = node.status("healthy", "1", "1", command="check", arguments=("--cluster",))
    assert ran.status == 2
    reason = "xivo-2: could not take over relay: fos1: no answer from 10.34.1.20 within 3 s; fos1 A-B"
    assert ran.out.startswith(f"BEROFOS CRITICAL - {reason}")


def test_status_and_check_name_another_bnfos_conf(node: Node) -> None:
    reason = "bnfos.conf differs in its devices from that on xivo-1"
    put_readiness(node, ready=reason, config="c77f8eb954a5")
    shown = " ".join(node.status("healthy", "1", "1").out.split())
    assert f"verdict ERROR: xivo-2 could not take over relay: {reason}" in shown
    ran = node.status("healthy", "1", "1", command="check", arguments=("--cluster",))
    assert ran.status == 2
    assert "relay: has other devices in" in ran.out
    assert "on xivo-1 than on xivo-2" in ran.out


@pytest.mark.parametrize(
    ("before", "added", "told"),
    [
        (
            "</cluster_property_set>",
            '<nvpair id="m" name="maintenance-mode" value="true"/>',
            "cluster is in maintenance mode: nothing switches the lines",
        ),
        (
            '<nvpair name="critical"',
            '<nvpair id="m" name="maintenance" value="true"/>',
            "relay has maintenance=true: nothing switches the lines",
        ),
        (
            '<nvpair name="critical"',
            '<nvpair id="m" name="is-managed" value="false"/>',
            "relay has is-managed=false: nothing switches the lines",
        ),
        (
            '<nvpair name="critical"',
            '<nvpair id="m" name="target-role" value="Stopped"/>',
            "relay has target-role=Stopped: nothing switches the lines",
        ),
    ],
    ids=["cluster", "maintenance", "unmanaged", "disabled"],
)
def test_maintenance_that_nobody_ended_is_in_the_verdict(node: Node, before: str, added: str, told: str) -> None:
    """The lines are in position, but the next failover would leave them there: "OK, nothing to do" was shown."""
    put_readiness(node, ready="yes", config="2e1ef99e04d0")
    cib = (node._folder / "cibadmin.out").read_text()
    assert before in cib
    node.tool("cibadmin", cib.replace(before, added + before))
    shown = " ".join(node.status("healthy", "1", "1").out.split())
    assert f"verdict WARNING: {told}" in shown
    assert "next step crm_" in shown
    ran = node.status("healthy", "1", "1", command="check", arguments=("--cluster",))
    assert ran.status == 1
    assert ran.out.startswith(f"BEROFOS WARNING - {told.replace(' ', ': ', 1)}; fos1 A-B")


def in_standby(node: Node, command: str = "status", arguments: tuple[str, ...] = ()) -> Ran:
    """Run a command while xivo-2 is in standby: its monitor with role=Stopped goes on, and finds nothing wrong."""
    node.status("healthy", "1", "1")
    text = (node._folder / "crm_mon.out").read_text()
    online = 'name="xivo-2" id="2" online="true" standby="false"'
    assert online in text
    node.tool("crm_mon", text.replace(online, online.replace('"false"', '"true"')))
    return node.desk.berofos(command, *arguments)


def test_node_in_standby_is_not_called_ready(node: Node) -> None:
    """One line said that xivo-2 cannot take over, and that it is ready."""
    put_readiness(node, ready="yes", config="2e1ef99e04d0")
    assert "xivo-2  standby  -            no: standby\n" in in_standby(node).out
    ran = in_standby(node, "check", ("--cluster",))
    assert ran.out.startswith(
        "BEROFOS WARNING - xivo-2: is in standby: it cannot take over; fos1 A-B, fos2 A-B, relay on xivo-1 | "
    )


def test_check_of_a_cluster_whose_relay_is_stopped(node: Node) -> None:
    ran = node.status("start-failed", "1", "0", command="check", arguments=("--cluster",))
    assert ran.status == 2
    assert "relay: is stopped: fos1: relay did not switch" in ran.out
    assert "relay on no node" in ran.out
