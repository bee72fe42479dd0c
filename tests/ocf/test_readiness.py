"""The recurring monitor with role=Stopped: it answers 7, moves nothing, and shows as node attributes what it found."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from berofos_agent.simulator import Simulator
from berofos_agent.simulator.model import Power

from .conftest import AGENT, Answer, Cluster
from .test_answers import Break, both, everywhere, fault, movements, parameter, protect, remove_config, write_config

ATTRD = """\
#!/usr/bin/python3
import json, os, sys
path, node = os.environ["ATTRD"], "xivo-2"
values = json.load(open(path)) if os.path.exists(path) else {}
if "-R" in sys.argv:
    values["refreshed"] = values.get("refreshed", 0) + 1
    json.dump(values, open(path, "w"))
    sys.exit()
name = sys.argv[sys.argv.index("-n") + 1]
if "-Q" in sys.argv:
    for host, value in values.get(name, {}).items():
        print(f'name="{name}" host="{host}" value="{value}"')
    sys.exit(0 if name in values else 105)
if "-D" in sys.argv:
    values.get(name, {}).pop(node, None)
else:
    values.setdefault(name, {})[node] = sys.argv[sys.argv.index("-U") + 1]
values["changes"] = values.get("changes", 0) + 1
json.dump(values, open(path, "w"))
"""
"""A stand-in for attrd_updater on xivo-2; it keeps the attributes in a file."""

CIBADMIN = """\
#!/bin/sh
where="//node_state[@uname='xivo-2']//nvpair[@name='relay-ready']"
[ ! -e "$ATTRD.lost" ] && [ "$*" = "--query --xpath $where" ] && echo "<nvpair/>"
"""
"""A stand-in for cibadmin: the CIB has relay-ready, unless it has lost all."""


class Passive:
    """xivo-2, which does not have the lines, with what its attribute daemon knows."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self._file = folder / "attributes"
        (folder / "bin").mkdir()
        for name, text in (("attrd_updater", ATTRD), ("cibadmin", CIBADMIN)):
            command = folder / "bin" / name
            command.write_text(text)
            command.chmod(0o755)
        cluster.environ.update(PATH=f"{folder}/bin:{os.environ['PATH']}", ATTRD=str(self._file))

    def monitor(self, level: int = 10) -> Answer:
        return self.cluster.call("monitor", node="xivo-2", level=level, interval=61, CRM_meta_role="Stopped")

    @property
    def known(self) -> dict[str, dict[str, str]]:
        return json.loads(self._file.read_text()) if self._file.exists() else {}  # type: ignore[no-any-return]

    def know(self, name: str, node: str, value: str) -> None:
        known = self.known
        known.setdefault(name, {})[node] = value
        self._file.write_text(json.dumps(known))

    def lose(self) -> None:
        """Let the CIB lose what the attribute daemon has."""
        Path(f"{self._file}.lost").touch()

    @property
    def ready(self) -> str:
        return self.known.get("relay-ready", {}).get("xivo-2", "")


@pytest.fixture
def passive(cluster: Cluster, tmp_path: Path) -> Passive:
    return Passive(cluster, tmp_path)


def test_a_node_that_could_take_over_says_yes_with_one_read_and_one_scan_a_device(
    devices: Simulator, passive: Passive
) -> None:
    answer = passive.monitor()
    assert (answer.code, answer.stdout, answer.stderr) == (7, "", "")
    assert passive.ready == "yes"
    assert all(device.model.requests == {"connect": 1, "read": 1, "scan": 1} for device in devices)
    assert movements(devices) == 0
    assert os.listdir(passive.cluster.folder) == [], "nothing is left on the node"


def in_flash_mode(devices: Simulator, _cluster: Cluster) -> None:
    devices["fos2"].model.switch_power(Power.FLASH)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        pytest.param(everywhere("silent"), "fos1: no answer from", id="no-route"),
        pytest.param(fault("fos2", "trickle"), "fos2: no answer from", id="trickles"),
        pytest.param(protect("fos2"), "fos2: ", id="password"),
        pytest.param(fault("fos2", "not-berofos"), "fos2: ", id="no-berofos"),
        pytest.param(fault("fos2", "noise"), "fos2: ", id="noise"),
        pytest.param(in_flash_mode, "fos2: is in flash mode; switch it off and on again", id="flash-mode"),
        pytest.param(fault("fos2", "wrong-mac", "00:19:32:00:00:99"), "has MAC 00:19:32:00:00:99, not", id="wrong-mac"),
        pytest.param(remove_config, "is missing on this node", id="no-config"),
        pytest.param(write_config(b"[fos1]\nhots = 1\n"), "line 2: unknown key hots", id="wrong-section"),
        pytest.param(parameter(devices="fos1 fos7"), "declares no [fos7]", id="undeclared-device"),
        pytest.param(parameter(port_d_node="xivo-9"), "node xivo-2 is neither port_b_node nor", id="neither-port"),
        pytest.param(parameter(request_timeout="abc"), "request_timeout=abc", id="not-a-number"),
        pytest.param(parameter(state="/nowhere/relay.state"), "cannot write the state file: No such", id="no-folder"),
        pytest.param(parameter(CRM_meta_clone_max="2"), "must not be cloned", id="cloned"),
        pytest.param(
            both(everywhere("silent"), parameter(CRM_meta_timeout="8000", request_timeout="60")), "fos1: ", id="hangs"
        ),
    ],
)
def test_what_is_wrong_is_the_attribute_and_never_the_answer(
    devices: Simulator, cluster: Cluster, passive: Passive, broken: Break, reason: str
) -> None:
    broken(devices, cluster)
    for device in devices:
        device.model.forget()
    answer = passive.monitor()
    assert (answer.code, answer.stdout, answer.stderr) == (7, "", "")
    assert reason in passive.ready
    assert "\n" not in passive.ready
    assert movements(devices) == 0


def test_an_attribute_is_set_when_it_changes_and_again_after_pacemaker_forgot_it(
    devices: Simulator, passive: Passive
) -> None:
    passive.monitor()
    before = passive.known["changes"]
    passive.monitor()
    assert passive.known["changes"] == before
    assert passive.known["refreshed"] == 1, "relay-config is not in the CIB"
    passive.lose()
    passive.monitor()
    assert passive.known["refreshed"] == 3, "nothing is in the CIB"
    devices["fos1"].model.fault("wrong-mac", "00:19:32:00:00:99")
    passive.monitor()
    assert "fos1: " in passive.ready
    devices["fos1"].model.clear_faults()
    passive.know("relay-ready", "xivo-2", "")
    passive.monitor()
    assert passive.ready == "yes"


def test_another_bnfos_conf_than_on_the_node_with_the_lines_is_named(passive: Passive) -> None:
    passive.monitor()
    mine = passive.known["relay-config"]["xivo-2"]
    passive.know("relay-config", "xivo-1", mine)
    passive.monitor()
    assert passive.ready == "yes"
    passive.know("relay-config", "xivo-1", "000000000000")
    passive.monitor()
    assert passive.ready == "bnfos.conf differs in its devices from that on xivo-1; copy the right one"


def test_the_node_with_the_lines_publishes_its_digest_at_level_10_and_no_readiness(
    cluster: Cluster, passive: Passive
) -> None:
    passive.monitor()
    digest = passive.known["relay-config"]["xivo-2"]
    assert cluster.call("start", node="xivo-2").code == 0
    assert cluster.call("monitor", node="xivo-2", level=10, interval=60).code == 0
    assert passive.known["relay-config"]["xivo-2"] == digest
    assert passive.ready == ""


def test_the_node_with_the_lines_shows_its_position_again_after_the_attribute_daemon_forgot_it(
    cluster: Cluster, passive: Passive
) -> None:
    def position() -> str:
        return passive.known["relay-lines"].get("xivo-2", "")

    assert cluster.call("start", node="xivo-2").code == 0
    assert position() == "A-D"
    passive.know("relay-lines", "xivo-2", "")
    assert cluster.call("monitor", node="xivo-2").code == 0
    assert position() == "", "each monitor would ask the attribute daemon"
    assert cluster.call("monitor", node="xivo-2", level=10, interval=60).code == 0
    assert position() == "A-D"


def test_without_an_attribute_daemon_the_answer_is_7_all_the_same(cluster: Cluster, passive: Passive) -> None:
    cluster.environ["ATTRD"] = "/nowhere/attributes"
    answer = passive.monitor()
    assert (answer.code, answer.stdout, answer.stderr) == (7, "", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="hides a file of the system by a mount: root alone may")
def test_without_the_ocf_library_the_reason_says_so(cluster: Cluster, passive: Passive, tmp_path: Path) -> None:
    hidden = f"mount --bind /dev/null /usr/lib/ocf/lib/heartbeat/ocf.py && exec {AGENT} monitor"
    environ = {
        **cluster.environ,
        "HA_RSCTMP": str(tmp_path),
        "OCF_RESOURCE_INSTANCE": "relay",
        "OCF_CHECK_LEVEL": "10",
        "OCF_RESKEY_CRM_meta_role": "Stopped",
        "OCF_RESKEY_CRM_meta_interval": "61000",
        "OCF_RESKEY_CRM_meta_on_node": "xivo-2",
    }
    ran = subprocess.run(["unshare", "--mount", "sh", "-c", hidden], env=environ, check=False, capture_output=True)
    assert ran.returncode == 7, ran.stderr
    assert passive.ready == "ocf.py is not installed; install the package resource-agents"


@pytest.mark.parametrize("level", [0, 9])
def test_below_level_10_nothing_is_looked_at(devices: Simulator, passive: Passive, level: int) -> None:
    assert passive.monitor(level).code == 7
    assert passive.known == {}
    assert all(not device.model.requests for device in devices)
