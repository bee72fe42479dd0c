"""The commands of docs/quick-start.md that make the cluster, typed on two machines that have none yet."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from tests.examples import examples

from ..conftest import new_lab
from ..lab.lan import GATEWAY
from ..lab.two_nodes import NODES, Lab
from .ssh import let_root_in

PAGE = examples("quick-start.md")
PASSWORD = "uh8Yee!k"
TOKEN = "runtime.config.totem.token (u32) = 3000"
ASTERISK = """\
[Unit]
Description=Stands in for Asterisk
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture(scope="module")
def hosts() -> Iterator[Lab]:
    """Two machines with the package and ssh, but neither a cluster nor each other's name."""
    with new_lab() as lab:
        let_root_in(lab)
        for name in NODES:
            lab.must(name, "pcs cluster destroy")
            lab.nodes[name].edit("hosts", "127.0.0.1 localhost\n")
            type_example(lab, name, "hosts")
            lab.must(name, f"ip route replace default via {GATEWAY}")  # a scan is a broadcast, which needs a route
        yield lab


def type_example(lab: Lab, node: str, name: str, stdin: str = "") -> str:
    """Type an example of the page where no terminal is; return what it prints."""
    return lab.must(node, ["setsid", "--wait", "sh", "-ec", PAGE[name]], stdin)


def type_on_terminal(lab: Lab, node: str, name: str, answers: str) -> str:
    """Type an example of the page on a terminal, and the answers to what it asks; return what the terminal shows."""
    command = f"sh -ec {shlex.quote(PAGE[name])}"
    return lab.must(node, ["script", "--quiet", "--return", "--command", command, "/dev/null"], answers)


@pytest.mark.parametrize("tool", ["pcs", "crm"])
def test_the_commands_of_the_page_make_a_cluster_of_both(hosts: Lab, tool: str) -> None:
    for name in NODES:
        hosts.must(name, "pcs cluster destroy")
    if tool == "pcs":
        for name in NODES:
            hosts.must(name, "chpasswd", stdin=f"hacluster:{PASSWORD}\n")
        type_example(hosts, "xivo-1", "cluster pcs", f"{PASSWORD}\n")
    else:
        type_example(hosts, "xivo-1", "cluster crm")
        for name in NODES:
            type_example(hosts, name, "cluster crm start")
    hosts.wait_until(lambda: hosts.online() == set(NODES), 90, "both nodes are in the cluster")
    for name in NODES:
        enabled = hosts.run(name, "systemctl is-enabled corosync pacemaker").stdout.split()
        assert enabled == ["enabled", "enabled"]
        assert TOKEN in hosts.must(name, "corosync-cmapctl")


def test_telephony_is_no_longer_started_at_boot(hosts: Lab) -> None:
    for name in NODES:
        hosts.nodes[name].edit("systemd/system/asterisk.service", ASTERISK)
        hosts.must(name, "systemctl enable --now --quiet asterisk")
        type_example(hosts, name, "disable")
        assert hosts.run(name, "systemctl is-active asterisk").stdout.strip() == "inactive"
        assert hosts.run(name, "systemctl is-enabled asterisk").stdout.strip() == "disabled"


def test_the_devices_are_found_and_set_up_and_both_hosts_have_the_same_file(hosts: Lab) -> None:
    for name in NODES:
        hosts.must(name, "rm -f /etc/bnfos.conf")
    for device in hosts.devices.values():
        device.reset()
        device.write({"modedef": "0", "mode": "0"})
    shown = type_on_terminal(hosts, "xivo-1", "devices", "y\n")
    assert "[y/N]" in shown
    assert {device.mode for device in hosts.devices.values()} == {"1"}
    written = hosts.must("xivo-1", "cat /etc/bnfos.conf")
    assert all(f"[{name}]" in written for name in hosts.devices)
    assert hosts.must("xivo-2", "cat /etc/bnfos.conf") == written
    assert "modedef" not in hosts.must("xivo-2", "berofos provision --check")
