"""What the agent leaves in the journal: under its name, with a priority, and never a password."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ..lab import scenes
from ..lab.cluster import Cluster
from ..lab.two_nodes import NODES

PASSWORD = "uh8Yee!k"
NOTICE, DAEMON = "5", "3"


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


@pytest.fixture
def protected(cluster: Cluster) -> Iterator[Cluster]:
    """Passwords on the devices and in the bnfos.conf of both nodes."""
    lab = cluster.lab
    before = lab.must("xivo-1", "cat /etc/bnfos.conf")
    for device in lab.devices.values():
        device.write({"apwd": PASSWORD, "pwd": "1"})
    for name in NODES:
        lab.nodes[name].edit("bnfos.conf", before.replace("host =", f"login = admin:{PASSWORD}\nhost ="), 0o600)
    yield cluster
    for device in lab.devices.values():
        device.write({"pwd": "0"}, f"admin:{PASSWORD}")
    for name in NODES:
        lab.nodes[name].edit("bnfos.conf", before)


def test_a_switch_is_a_line_of_berofos_with_priority_notice(protected: Cluster) -> None:
    lab = protected.lab
    scenes.telephony_moved(protected, "xivo-2")
    entries = [
        json.loads(line)
        for line in lab.must("xivo-2", "journalctl --boot --output=json --identifier='berofos(relay)'").splitlines()
    ]
    switched = [entry for entry in entries if "switched from A-B to A-D" in entry["MESSAGE"]]
    assert {entry["MESSAGE"].partition(":")[0] for entry in switched} >= {"fos1", "fos2"}
    assert {(entry["PRIORITY"], entry["SYSLOG_FACILITY"]) for entry in switched} == {(NOTICE, DAEMON)}
    assert all(entry["_SYSTEMD_UNIT"] == "pacemaker.service" for entry in switched)


def test_no_password_is_in_the_journal(protected: Cluster) -> None:
    lab = protected.lab
    scenes.telephony_moved(protected, "xivo-2")
    lab.must("xivo-2", "berofos status")
    for name in NODES:
        everything = lab.must(name, "journalctl --output=export")
        assert "fos1: " in everything
        assert PASSWORD not in everything
