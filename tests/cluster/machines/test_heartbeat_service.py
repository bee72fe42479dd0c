"""`berofos-heartbeat.service` as the package ships it, on a machine without a cluster, in front of a PBX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples import examples
from tests.package.versions import newer

from ..lab.cluster import Cluster
from ..lab.devices import LOGIN
from ..lab.two_nodes import NODES, Lab

UNIT = "berofos-heartbeat"
AT_XIVO, AT_PBX = {"1"}, {"0"}
ASTERISK = "[Unit]\nDescription=Stands in for Asterisk\n[Service]\nExecStart=/bin/sleep infinity\n"
FAST = "--watchdog 4 --interval 1 --recover 2"
HUNG_SECONDS = 60
"""WatchdogSec=30s of the unit, and what a busy host takes."""


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Iterator[Cluster]:
    """No cluster runs, xivo-1 has a stand-in for Asterisk, and only root may read bnfos.conf."""
    lab = two_nodes.lab
    for name in NODES:
        lab.boot(name)
    two_nodes.wait_for_members()
    before = lab.must("xivo-1", "cat /etc/bnfos.conf")
    for name in NODES:
        lab.stop_cluster(name)
    for device in lab.devices.values():
        device.reset()
        device.write({"apwd": LOGIN.partition(":")[2], "pwd": "1"})
    lab.nodes["xivo-1"].edit("bnfos.conf", before.replace("host =", f"login = {LOGIN}\nhost ="), mode=0o600)
    lab.nodes["xivo-1"].edit("systemd/system/asterisk.service", ASTERISK)
    lab.must("xivo-1", "systemctl daemon-reload")
    asking = "provision --scenario bypass --watchdog 15"
    set_up = examples("watchdog.md")["heartbeat"]
    assert asking in set_up
    lab.must("xivo-1", ["sh", "-ec", set_up.replace(asking, f"{asking} --yes")])
    yield two_nodes
    lab.boot("xivo-1")
    lab.run("xivo-1", f"systemctl disable --now {UNIT} asterisk")
    lab.nodes["xivo-1"].edit("bnfos.conf", before)
    for device in lab.devices.values():
        device.write({"pwd": "0"}, LOGIN)
        device.reset()
    for name in NODES:
        lab.start_cluster(name)
    two_nodes.wait_for_members()


@pytest.fixture
def lab(configured: Cluster) -> Iterator[Lab]:
    """The service as the page starts it, with shorter intervals, and the lines at the XiVO."""
    lab = configured.lab
    lab.nodes["xivo-1"].edit("default/berofos-heartbeat", f'OPTIONS="{FAST}"\n')
    lab.must("xivo-1", "systemctl start asterisk")
    lab.must("xivo-1", f"systemctl restart {UNIT}")
    lab.wait_until(lambda: modes(lab) == AT_XIVO, 40, "the lines are at the XiVO")
    lab.wait_until(lambda: watchdogs(lab) == {"1"}, 20, "the watchdogs are armed")
    lab.new_story()
    yield lab
    lab.run("xivo-1", f"systemctl stop {UNIT}")


def modes(lab: Lab) -> set[str]:
    return {device.mode for device in lab.devices.values()}


def watchdogs(lab: Lab) -> set[str]:
    return {device.order("state")["state"]["watchdog"] for device in lab.devices.values()}


def shown(lab: Lab, name: str) -> str:
    return lab.must("xivo-1", f"systemctl show --value --property={name} {UNIT}").strip()


def test_it_is_told_to_systemd_as_started_only_when_it_works(lab: Lab) -> None:
    assert (shown(lab, "ActiveState"), shown(lab, "Type"), shown(lab, "NRestarts")) == ("active", "notify", "0")
    journal = lab.must("xivo-1", ["sh", "-ec", examples("migrating-from-cron-watchdog.md")["heartbeat"]])
    assert "fos1" in journal
    assert LOGIN.partition(":")[2] not in journal


def test_it_runs_without_rights_and_its_sandbox_is_in_force(lab: Lab) -> None:
    pid = shown(lab, "MainPID")
    status = dict(
        line.split(":\t", 1) for line in lab.must("xivo-1", f"cat /proc/{pid}/status").splitlines() if ":\t" in line
    )
    assert status["Uid"].split()[0] not in ("0", "65534")
    assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    inside = ["nsenter", f"--target={pid}", "--mount", "sh", "-c"]
    assert lab.run("xivo-1", [*inside, "touch /usr/here"]).returncode != 0, "the system is read-only for it"
    assert lab.run("xivo-1", [*inside, "ls /root/.profile"]).returncode != 0, "homes are not there"
    credential = f"/run/credentials/{UNIT}.service/bnfos.conf"
    assert LOGIN in lab.must("xivo-1", f"cat {credential}")
    assert lab.run("xivo-1", ["setpriv", "--reuid=nobody", "--clear-groups", "cat", credential]).returncode != 0
    level = lab.must("xivo-1", f"systemd-analyze security --no-pager --threshold=20 {UNIT}")
    assert "OK" in level


def test_unhealthy_telephony_lets_the_watchdog_move_the_lines_and_health_brings_them_back(lab: Lab) -> None:
    lab.must("xivo-1", "systemctl stop asterisk")
    lab.wait_until(lambda: modes(lab) == AT_PBX, 40, "the lines are at the PBX")
    assert {movement.cause for movement in lab.movements()} == {"watchdog"}
    lab.must("xivo-1", "systemctl start asterisk")
    lab.wait_until(lambda: modes(lab) == AT_XIVO and watchdogs(lab) == {"1"}, 40, "the lines are back and watched")


STAND_IN = """\
import contextlib, os, shutil, socket, sys
path = "/run/asterisk/asterisk.ctl"
with socket.socket(socket.AF_UNIX) as sock:
    if "-rx" in sys.argv:
        sock.settimeout(10)
        sock.connect(path)
        sys.exit(not sock.recv(1))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        os.unlink(path)
    sock.bind(path)
    os.chmod(path, 0o660)
    shutil.chown(path, "root", "asterisk")
    sock.listen()
    while True:
        with contextlib.suppress(OSError):  # who asked was killed
            sock.accept()[0].sendall(b"1")
"""
"""Answers at a control socket of the group asterisk, as Asterisk does, and asks there when it is called with -rx."""


@pytest.fixture
def asked(lab: Lab) -> Iterator[Lab]:
    """Asterisk came after the package, and the package was configured again, as the page says."""
    lab.must("xivo-1", "groupadd --system asterisk")
    lab.must("xivo-1", "install --mode=755 /dev/stdin /usr/sbin/asterisk", stdin=f"#!/usr/bin/python3\n{STAND_IN}")
    lab.nodes["xivo-1"].edit("systemd/system/asterisk.service", "[Service]\nExecStart=/usr/sbin/asterisk\n")
    lab.must("xivo-1", "systemctl daemon-reload")
    lab.must("xivo-1", "systemctl restart asterisk")
    lab.must("xivo-1", "dpkg-reconfigure resource-agents-berofos")
    lab.must("xivo-1", f"systemctl restart {UNIT}")
    lab.wait_until(lambda: modes(lab) == AT_XIVO and watchdogs(lab) == {"1"}, 40, "the lines are at the XiVO")
    yield lab
    lab.nodes["xivo-1"].edit("systemd/system/asterisk.service", ASTERISK)
    lab.must("xivo-1", "rm /usr/sbin/asterisk")
    lab.must("xivo-1", "systemctl daemon-reload")
    lab.must("xivo-1", "systemctl restart asterisk")
    lab.must("xivo-1", "gpasswd --delete berofos-heartbeat asterisk")
    lab.must("xivo-1", "groupdel asterisk")


def test_with_the_group_of_asterisk_it_asks_that_and_a_frozen_one_loses_the_lines(asked: Lab) -> None:
    log = asked.must("xivo-1", f"journalctl --boot --unit={UNIT}")
    assert log.rstrip().rpartition("health check: ")[2].startswith("asks Asterisk (core show uptime seconds)"), log
    asked.must("xivo-1", "systemctl kill --signal=STOP asterisk")
    asked.wait_until(lambda: modes(asked) == AT_PBX, 40, "the lines are at the PBX")
    asked.must("xivo-1", "systemctl kill --signal=CONT asterisk")
    asked.wait_until(
        lambda: modes(asked) == AT_XIVO and watchdogs(asked) == {"1"}, 40, "the lines are back and watched"
    )


def test_stopped_it_hands_the_lines_over_at_once_or_leaves_them(lab: Lab) -> None:
    lab.must("xivo-1", f"systemctl stop {UNIT}")
    assert (modes(lab), watchdogs(lab)) == (AT_PBX, {"0"})
    assert {movement.cause for movement in lab.movements()} == {"http"}
    lab.nodes["xivo-1"].edit("default/berofos-heartbeat", f'OPTIONS="{FAST} --on-stop leave"\n')
    lab.must("xivo-1", f"systemctl start {UNIT}")
    lab.wait_until(lambda: modes(lab) == AT_XIVO and watchdogs(lab) == {"1"}, 40, "the lines are back")
    lab.must("xivo-1", f"systemctl stop {UNIT}")
    assert (modes(lab), watchdogs(lab)) == (AT_XIVO, {"0"})


def test_the_options_of_the_page_are_understood_and_its_event_command_runs(lab: Lab) -> None:
    lab.must("xivo-1", "install --mode=755 /dev/stdin /usr/local/bin/lines-moved", stdin=EVENT)
    lab.nodes["xivo-1"].edit("default/berofos-heartbeat", examples("watchdog.md")["options"])
    lab.must("xivo-1", f"systemctl restart {UNIT}")
    lab.wait_until(lambda: modes(lab) == AT_XIVO and watchdogs(lab) == {"1"}, 40, "the lines are at the XiVO")
    lab.wait_until(
        lambda: "event RUNNING" in lab.must("xivo-1", "journalctl --identifier=lines-moved"), 20, "the event was run"
    )
    assert lab.device("fos1").order("state")["state"]["settings"]["wdogitime"] == "30"


EVENT = '#!/bin/sh\nlogger --tag lines-moved "event $*"\n'


def test_an_upgrade_leaves_it_running_and_the_lines_where_they_are(lab: Lab, tmp_path: Path) -> None:
    pid = shown(lab, "MainPID")
    lab.install("xivo-1", newer(lab.package, tmp_path))
    lab.install("xivo-1", lab.package)
    assert shown(lab, "MainPID") == pid
    assert (modes(lab), watchdogs(lab)) == (AT_XIVO, {"1"})
    assert lab.movements() == []


def test_killed_it_is_back_before_the_watchdog_expires(lab: Lab) -> None:
    lab.nodes["xivo-1"].edit("default/berofos-heartbeat", 'OPTIONS="--watchdog 30 --interval 1 --recover 2"\n')
    lab.must("xivo-1", f"systemctl restart {UNIT}")
    lab.wait_until(lambda: modes(lab) == AT_XIVO and watchdogs(lab) == {"1"}, 40, "the lines are at the XiVO")
    lab.new_story()
    pid = shown(lab, "MainPID")
    lab.must("xivo-1", f"systemctl kill --kill-who=main --signal=KILL {UNIT}")
    lab.wait_until(lambda: shown(lab, "MainPID") not in ("0", pid), 20, "systemd has started it again")
    lab.wait_until(lambda: shown(lab, "ActiveState") == "active", 20, "it says that it works")
    assert lab.movements() == []


def test_hung_it_is_ended_by_systemd_and_the_lines_come_back(lab: Lab) -> None:
    pid = shown(lab, "MainPID")
    lab.must("xivo-1", f"kill -STOP {pid}")
    lab.wait_until(lambda: modes(lab) == AT_PBX, 20, "the devices' watchdogs have moved the lines")
    lab.wait_until(lambda: shown(lab, "MainPID") not in ("0", pid), HUNG_SECONDS, "systemd has ended and started it")
    lab.wait_until(lambda: modes(lab) == AT_XIVO and watchdogs(lab) == {"1"}, 40, "the lines are back and watched")
    assert "watchdog" in shown(lab, "Result") or int(shown(lab, "NRestarts")) >= 1


def test_enabled_it_has_the_lines_again_after_a_power_cut(lab: Lab) -> None:
    lab.nodes["xivo-1"].edit("systemd/system/asterisk.service", f"{ASTERISK}[Install]\nWantedBy=multi-user.target\n")
    lab.must("xivo-1", "systemctl daemon-reload")
    lab.must("xivo-1", f"systemctl enable {UNIT} asterisk")
    lab.must("xivo-1", "systemctl disable corosync pacemaker")
    found = lab.run("xivo-1", "berofos doctor").stdout
    assert not any(word in found for word in ("pacemaker", "not-judged", "heartbeat-", "nobody-switches")), found
    lab.must("xivo-1", "sync")
    lab.kill("xivo-1")
    lab.wait_until(lambda: modes(lab) == AT_PBX, 30, "the devices have moved the lines to the PBX")
    lab.boot("xivo-1")
    lab.wait_until(lambda: modes(lab) == AT_XIVO and watchdogs(lab) == {"1"}, 60, "the lines are back and watched")
    lab.must("xivo-1", "systemctl enable corosync pacemaker")
    lab.stop_cluster("xivo-1")  # it is stopped already, and the lab knows it again
