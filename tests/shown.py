"""What the doctor reads in a configuration by itself, and a scheduler that shows all that this could lead to."""

from __future__ import annotations

from dataclasses import replace

from berofos_agent.cluster import shape
from berofos_agent.cluster.cib import Cluster
from berofos_agent.cluster.rehearsal import VIOLATIONS, Outcome, Row
from berofos_agent.doctor.checks import CHECKS, explains
from berofos_agent.doctor.findings import Facts, Finding


def read(facts: Facts) -> list[Finding]:
    """Return what the doctor reads, those of behaviour too, whatever the scheduler would show."""
    return [Finding(check, problem) for check in CHECKS for problem in check.evaluate(facts)]


def rehearsed(cluster: Cluster, _has_quorum_device: bool) -> list[Row]:
    """Return a rehearsal that shows everything that the doctor could explain; tests/rehearsal has the real one."""
    findings, rows = read(Facts(cluster)), []
    for relay in cluster.relays:
        telephony = shape.telephony_of(cluster, relay)
        row = Row(relay.id, telephony.id if telephony else "", "", "any", "anything happens", Outcome(), [])
        shown = [one for one in VIOLATIONS if any(explains(finding, row, one) for finding in findings)]
        rows.append(replace(row, violations=shown))
    return rows
