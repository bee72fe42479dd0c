"""What the doctor says of a host that has no cluster, but the heartbeat."""

from __future__ import annotations

from pathlib import Path

import pytest

from berofos_agent.config.bnfosconf import Entry
from berofos_agent.device.inspection import Inspection
from berofos_agent.doctor import heartbeat
from berofos_agent.doctor.checks import examine
from berofos_agent.doctor.findings import Facts, Inspected

ENABLED = ["/etc/systemd/system/multi-user.target.wants/berofos-heartbeat.service"]
ARMED = {"mode": "1", "wdog": "1", "wdogstate": "1"}
NO_CLUSTER = "the cluster is not running on this host"


def found(state: str, **settings: str) -> dict[str, str]:
    """The checks' names and their fixes, for a device with these settings."""
    device = Inspected("/etc/bnfos.conf", Inspection("fos1", {**ARMED, **settings}, entry=Entry("fos1", "10.0.0.1")))
    facts = Facts(why_no_cluster=NO_CLUSTER, heartbeat=state, switchers=ENABLED, inspected=[device])
    return {one.check.id: one.problem.fix for one in examine(facts) if one.check.id != "no-udp"}


def test_a_heartbeat_that_has_the_lines_has_no_findings_and_nobody_is_to_start_pacemaker() -> None:
    assert found("active") == {}


def test_without_a_heartbeat_the_missing_cluster_is_a_finding() -> None:
    assert "not-judged" in found("")


@pytest.mark.parametrize("state", ["inactive", "failed", "unknown"])
def test_an_enabled_heartbeat_that_does_not_run_is_found(state: str) -> None:
    assert found(state) == {
        "heartbeat-stopped": "journalctl --unit=berofos-heartbeat; then systemctl start berofos-heartbeat"
    }


def test_lines_at_port_d_are_found() -> None:
    assert list(found("active", mode="0")) == ["heartbeat-lost-lines"]


def test_a_watchdog_that_is_not_armed_is_found() -> None:
    (fix,) = found("active", wdog="0", wdogstate="0").values()
    assert list(found("active", wdog="0", wdogstate="0")) == ["heartbeat-unarmed"]
    assert "restart" not in fix, "a stop of the service moves the lines of all devices to port D"


@pytest.mark.parametrize(
    ("answer", "state"), [("echo active", "active"), ("echo failed; exit 3", "failed"), (":", "unknown")]
)
def test_systemd_is_asked_where_the_heartbeat_is_enabled(
    answer: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\n{answer}\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert heartbeat.state(ENABLED) == state
    assert heartbeat.state(["/etc/cron.d/xivo-ha-slave"]) == ""
