"""All checks of the doctor, one row each, the most dangerous first; the table in docs/doctor.md is made from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from berofos_agent.cluster.rehearsal import (
    APART,
    DISTURBED,
    DOWN,
    FENCED,
    NOT_BACK,
    RESTLESS,
    SPLIT,
    STARTS,
    UNNOTICED,
    VIOLATIONS,
)
from berofos_agent.doctor import devices, files, heartbeat, live, placement, recovery
from berofos_agent.doctor.findings import CLUSTER, Check, Facts, Finding, Problem, Severity

if TYPE_CHECKING:
    from berofos_agent.cluster.rehearsal import Row

ERROR, WARNING = Severity.ERROR, Severity.WARNING

CHECKS = (
    Check("old-cluster", ERROR, placement.old_cluster),
    Check("not-judged", ERROR, placement.not_judged),
    Check("state-not-judged", ERROR, live.not_judged),
    Check("no-quorum", ERROR, live.no_quorum),
    Check("telephony-stopped", ERROR, live.telephony_stopped),
    Check("relay-stopped", ERROR, live.relay_stopped),
    Check("relay-blocked", ERROR, live.blocked),
    Check("wrong-position", ERROR, live.wrong_position),
    Check("different-positions", ERROR, live.different_positions),
    Check("heartbeat-stopped", ERROR, heartbeat.stopped),
    Check("heartbeat-lost-lines", ERROR, heartbeat.lines_lost),
    Check("heartbeat-unarmed", ERROR, heartbeat.unarmed),
    Check("node-offline", ERROR, live.node_offline),
    Check("standby-not-ready", ERROR, live.not_ready),
    Check("config-differs", ERROR, live.different_files),
    Check("fail-count", ERROR, live.fail_counts),
    Check("banned", ERROR, live.banned),
    Check("no-relay", ERROR, placement.no_relay),
    Check("no-fencing", ERROR, placement.no_fencing, [SPLIT, DOWN]),
    Check("no-two-node", ERROR, files.no_two_node),
    Check("unfenced-node", ERROR, placement.unfenced_node),
    Check("fencing-without-delay", ERROR, placement.fencing_without_delay),
    Check("lines-ignored-in-split", ERROR, files.lines_ignored_in_a_split),
    Check("cloned", ERROR, placement.cloned, [APART, DISTURBED, STARTS, RESTLESS, DOWN], behaviour=True),
    Check("not-colocated", ERROR, placement.not_colocated, [APART, STARTS, RESTLESS], behaviour=True),
    Check("colocated-without-role", ERROR, placement.colocated_without_role, [APART, STARTS, RESTLESS], behaviour=True),
    Check("colocated-backwards", ERROR, placement.colocated_backwards, [DISTURBED, STARTS, RESTLESS], behaviour=True),
    Check("critical", ERROR, placement.critical, [DISTURBED, STARTS, RESTLESS], behaviour=True),
    Check("bad-parameter", ERROR, placement.bad_parameters, [APART, STARTS, RESTLESS, NOT_BACK]),
    Check("unknown-node", ERROR, placement.unknown_nodes, [APART, STARTS, RESTLESS, NOT_BACK]),
    Check("uncabled-node", ERROR, placement.uncabled_node, [APART, STARTS, RESTLESS, NOT_BACK], behaviour=True),
    Check("no-config", ERROR, files.unusable),
    Check("wrong-section", ERROR, files.wrong_section),
    Check("same-address", ERROR, files.one_address_twice),
    Check("other-device", ERROR, devices.wrong_device),
    Check("flash-mode", ERROR, devices.in_flash_mode),
    Check("no-answer", ERROR, devices.unreachable),
    Check("password-refused", ERROR, devices.password_refused),
    Check("unusable-answer", ERROR, devices.unusable_answer),
    Check("watchdog-failure", ERROR, devices.watchdog_failure),
    Check("shared-device", ERROR, recovery.shared_devices),
    Check("start-failure-not-fatal", ERROR, recovery.start_failure_not_fatal, [STARTS, RESTLESS], behaviour=True),
    Check("no-monitor", ERROR, recovery.no_monitor, [UNNOTICED]),
    Check("fallback-with-several", ERROR, recovery.fallback_with_several_devices),
    Check("nobody-switches", WARNING, files.nobody_switches),
    Check("no-watchdog", WARNING, recovery.no_watchdog),
    Check("unmanaged", WARNING, recovery.unmanaged, [APART, NOT_BACK, DOWN], behaviour=True),
    Check("leftover-move-constraint", WARNING, recovery.leftover_move_constraint, [APART, NOT_BACK, DOWN]),
    Check("node-standby", WARNING, live.node_standby),
    Check("degraded", WARNING, live.degraded),
    Check("leftover-attributes", WARNING, live.leftover_attributes),
    Check("power-on-mode", WARNING, devices.power_on_mode),
    Check("settings", WARNING, devices.settings),
    Check("no-password", WARNING, devices.no_password),
    Check("guessable-password", WARNING, files.guessable_password),
    Check("readable-config", WARNING, files.readable_by_others),
    Check("stop-may-fence", WARNING, recovery.stop_may_fence, [FENCED, DISTURBED], behaviour=True),
    Check("no-failure-timeout", WARNING, recovery.no_failure_timeout, [NOT_BACK], behaviour=True),
    Check("no-migration-threshold", WARNING, recovery.no_migration_threshold, [RESTLESS], behaviour=True),
    Check("waiting-order", WARNING, placement.waiting_order),
    Check("short-timeout", WARNING, recovery.short_timeouts),
    Check("no-deep-monitor", WARNING, recovery.no_deep_monitor),
    Check("no-readiness-monitor", WARNING, recovery.no_readiness_monitor),
    Check("span-alarm", WARNING, devices.span_alarms),
    Check("old-firmware", WARNING, devices.old_firmware),
    Check("no-udp", WARNING, devices.no_udp),
)


UNEXPLAINED = Check("rehearsal", ERROR, lambda _: ())
"""The scheduler shows a fault that no other check explains; see `berofos rehearse`."""


def examine(facts: Facts) -> list[Finding]:
    """Return all findings, the most dangerous first."""
    findings = [Finding(check, problem) for check in CHECKS for problem in check.evaluate(facts)]
    findings = [one for one in findings if not one.check.behaviour or is_shown(one, facts.rows)]
    return [*unexplained(findings, facts.rows), *findings]


def examine_present(facts: Facts) -> list[Finding]:
    """Return what is wrong at this moment: with the state of the cluster, and with devices that cannot do their job."""
    present = [
        check
        for check in CHECKS
        if is_live(check) or (check.evaluate.__module__ == devices.__name__ and check.severity == ERROR)
    ]
    return [Finding(check, problem) for check in present for problem in check.evaluate(facts)]


def is_live(check: Check) -> bool:
    """Return True for a check of the state of the cluster at this moment.

    That nothing switches the lines is one, although the configuration has it: somebody ends a maintenance.
    """
    return check.evaluate.__module__ == live.__name__ or check.evaluate is recovery.unmanaged


def is_shown(finding: Finding, rows: Sequence[Row]) -> bool:
    """Return True if the scheduler shows what a finding leads to."""
    return any(explains(finding, row, one) for row in rows for one in row.violations)


def explains(finding: Finding, row: Row, violation: str) -> bool:
    """Return True if a finding is the reason for a violation."""
    subjects = (row.relay, row.telephony, CLUSTER)
    return violation in finding.check.explains and finding.problem.subject in subjects


def unexplained(findings: Sequence[Finding], rows: Sequence[Row]) -> list[Finding]:
    """Return a finding for each kind of violation that no other finding explains."""
    problems: dict[tuple[str, str], Problem] = {}
    for row in rows:
        for one in row.violations:
            if not any(explains(finding, row, one) for finding in findings):
                text = f"if {row.text}: {VIOLATIONS[one]}"
                problems.setdefault((row.relay, one), Problem(row.relay, text, "berofos rehearse"))
    return [Finding(UNEXPLAINED, problem) for problem in problems.values()]
