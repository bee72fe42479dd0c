"""`berofos-panel.service` as the package ships it, on a node of a cluster: off by default, and as a user of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.examples import examples

from ..lab.cluster import Cluster
from ..lab.devices import LOGIN
from ..lab.two_nodes import Lab
from .ssh import let_root_in

UNIT = "berofos-panel"
NODE = "xivo-1"
ASK = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8019/status.json', timeout=10).read().decode())"


PAGE = examples("panel.md")
THROUGH_SSH = f"""\
until [ -e /root/asked ]; do sleep 0.2; done | (
{{command}}) > /dev/null &
until python3 -c "{ASK}" 2> /dev/null; do sleep 0.5; done
touch /root/asked
"""
"""The terminal of ssh is open until the panel has answered."""


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    let_root_in(two_nodes.lab)
    return two_nodes


@pytest.fixture
def lab(cluster: Cluster) -> Iterator[Lab]:
    """Only root may read bnfos.conf, which has the password of the devices."""
    lab = cluster.lab
    before = lab.must(NODE, "cat /etc/bnfos.conf")
    for device in lab.devices.values():
        device.write({"apwd": LOGIN.partition(":")[2], "pwd": "1"})
    for name, node in lab.nodes.items():
        node.edit("bnfos.conf", before.replace("host =", f"login = {LOGIN}\nhost ="), mode=0o600)
        lab.run(name, "crm_resource --cleanup")
    yield lab
    lab.run(NODE, f"systemctl disable --now {UNIT}")
    for node in lab.nodes.values():
        node.edit("bnfos.conf", before)
    for device in lab.devices.values():
        device.write({"pwd": "0"}, LOGIN)


def told(lab: Lab) -> dict[str, Any]:
    asked = lab.run(NODE, ["/usr/bin/python3", "-c", ASK])
    answer: dict[str, Any] = json.loads(asked.stdout) if asked.returncode == 0 else {}
    return answer


def test_it_is_off_until_somebody_enables_it_and_then_shows_devices_and_cluster(lab: Lab) -> None:
    assert lab.run(NODE, f"systemctl is-enabled {UNIT}").stdout.strip() == "disabled"
    assert lab.run(NODE, f"systemctl is-active {UNIT}").stdout.strip() == "inactive"
    lab.must(NODE, ["sh", "-ec", PAGE["service"]])
    lab.wait_until(lambda: told(lab).get("relays"), 30, "the panel shows the cluster")
    lab.wait_until(lambda: len(told(lab)["devices"]) == 2, 30, "the panel shows both devices")
    shown = told(lab)
    assert [one["mode"] for one in shown["devices"]] == ["1", "1"]
    assert shown["relays"][0]["expected_node"] == NODE
    assert [one["expected_node"] for one in shown["devices"]] == [NODE] * 2, "its copy of bnfos.conf is the cluster's"
    assert shown["verdict"]["text"]
    pid = lab.must(NODE, f"systemctl show --value --property=MainPID {UNIT}").strip()
    assert lab.must(NODE, f"ps -o user:20= -p {pid}").strip() == UNIT
    assert LOGIN.partition(":")[2] not in json.dumps(shown)
    seen = json.loads(lab.must("xivo-2", ["sh", "-euc", THROUGH_SSH.format(command=PAGE["tunnel"])]))
    assert [one["mode"] for one in seen["devices"]] == ["1", "1"]
    listening = lab.must(NODE, "ss -ltnH sport = :8019").split()
    assert listening[3] == "127.0.0.1:8019"
