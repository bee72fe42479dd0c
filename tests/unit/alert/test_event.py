"""Pacemaker's environment becomes an event, or one line that says what is wrong with it."""

from __future__ import annotations

import pytest

from berofos_agent.alert.event import parse
from berofos_agent.errors import ConfigurationError

BASE = {
    "CRM_alert_kind": "resource",
    "CRM_alert_node": "xivo-1",
    "CRM_alert_node_sequence": "7",
    "CRM_alert_rsc": "relay",
    "CRM_alert_task": "monitor",
    "CRM_alert_interval": "3000",
    "CRM_alert_rc": "190",
    "CRM_alert_target_rc": "0",
    "CRM_alert_status": "0",
    "CRM_alert_desc": "OCF_DEGRADED",
    "CRM_alert_timestamp_epoch": "1795572489",
    "CRM_alert_timestamp_usec": "958984",
}
"""As Pacemaker 2.1.5 sets it; recorded."""


def environment(**changes: str | None) -> dict[str, str]:
    """Return that environment with changes; None takes a variable out."""
    changed = {**BASE, **{f"CRM_alert_{name}": value for name, value in changes.items()}}
    return {name: value for name, value in changed.items() if value is not None}


def test_a_degraded_monitor() -> None:
    event = parse(BASE)
    assert (event.kind, event.node, event.resource, event.task) == ("resource", "xivo-1", "relay", "monitor")
    assert (event.code, event.expected, event.interval, event.sequence) == (190, 0, 3000, 7)
    assert event.at == pytest.approx(1795572489.958984)
    assert not event.needs_nobody


def test_the_instance_of_a_clone_is_its_resource() -> None:
    assert parse(environment(rsc="relay:1")).resource == "relay"


QUIET = {
    "a probe": environment(interval="0", rc="7"),
    "a monitor on a node without the lines": environment(rc="7", target_rc="7"),
    "a cancelled monitor": environment(status="1", rc="0", desc="Cancelled"),
    "a pending start": environment(task="start", status="-1", rc="193"),
    "a reload": environment(task="reload-agent", rc="0"),
    "meta-data": environment(task="meta-data", rc="0"),
    "lines without a problem": environment(kind="attribute", attribute_name="relay-lines", attribute_value="A-B"),
    "lines that are removed": environment(kind="attribute", attribute_name="relay-lines", attribute_value=""),
    "lines of a resource that failed": environment(
        kind="attribute",
        attribute_name="relay-lines",
        attribute_value="A-D (last seen 2026-11-25 02:11:45); start failed: fos1: relay did not switch",
    ),
    "a readiness that is removed": environment(kind="attribute", attribute_name="relay-ready", attribute_value=""),
    "another attribute": environment(kind="attribute", attribute_name="pingd", attribute_value="100"),
    "another state of a node": environment(kind="node", desc="unknown"),
    "unfencing": environment(kind="fencing", desc="Operation on of xivo-1 by xivo-2 for x: OK (ref=1)"),
}


@pytest.mark.parametrize("what", QUIET)
def test_what_needs_nobody_is_quiet(what: str) -> None:
    assert parse(QUIET[what]).needs_nobody


LOUD = {
    "a failed monitor": environment(rc="1"),
    "a monitor that timed out": environment(rc="1", status="2"),
    "a start": environment(task="start", interval="0", rc="0"),
    "a failed start": environment(task="start", interval="0", rc="1"),
    "a stop": environment(task="stop", interval="0", rc="0"),
    "a monitor that succeeds": environment(rc="0"),
    "a degraded relay": environment(kind="attribute", attribute_name="relay-lines", attribute_value="A-B; fos1: x"),
    "a node that is not ready": environment(kind="attribute", attribute_name="relay-ready", attribute_value="fos1: x"),
    "a lost node": environment(kind="node", desc="lost"),
    "a node that is back": environment(kind="node", desc="member"),
    "fencing": environment(kind="fencing", desc="Operation reboot of xivo-1 by xivo-2 for x: OK (ref=1)"),
}


@pytest.mark.parametrize("what", LOUD)
def test_what_may_need_somebody_is_looked_at(what: str) -> None:
    assert not parse(LOUD[what]).needs_nobody


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "CRM_alert_kind is missing: Pacemaker runs this program; by hand: berofos-alert --to RECIPIENT"),
        (environment(kind="weather"), "CRM_alert_kind='weather' is not an event"),
        (environment(rsc=None), "CRM_alert_rsc is missing"),
        (environment(kind="attribute"), "CRM_alert_attribute_name is missing"),
        (environment(rc="many"), "CRM_alert_rc='many' is not a number"),
        (environment(rc="9" * 5000), "is not a number"),
        (environment(timestamp_epoch="99999999999"), "CRM_alert_timestamp_epoch=99999999999 is not a time"),
        (environment(timestamp_usec="-1"), "is not a time"),
    ],
)
def test_a_wrong_environment_is_one_line_that_names_it(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(environ)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_old_pacemaker_that_says_neither_time_nor_sequence_is_understood() -> None:
    event = parse(environment(timestamp_epoch=None, timestamp_usec=None, node_sequence=None))
    assert (event.at, event.sequence) == (0.0, 0)
