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
from berofos_agent.doctor import devices, files, live, placement, recovery
from berofos_agent.doctor.findings import CLUSTER, Check, Facts, Finding, Problem, Severity

if TYPE_CHECKING:
    from berofos_agent.cluster.rehearsal import Row

ERROR, WARNING = Severity.ERROR, Severity.WARNING

CHECKS = (
    Check("old-cluster", ERROR, "the cluster is too old: a failed relay moves telephony", placement.old_cluster),
    Check("not-judged", ERROR, "the cluster cannot be asked", placement.not_judged),
    Check("state-not-judged", ERROR, "crm_mon does not report the live state", live.not_judged),
    Check("no-quorum", ERROR, "the cluster has no quorum and does nothing", live.no_quorum),
    Check("telephony-stopped", ERROR, "telephony runs on no node", live.telephony_stopped),
    Check("relay-stopped", ERROR, "the relay resource failed or is stopped", live.relay_stopped),
    Check("relay-blocked", ERROR, "the cluster does not manage the relay after a failed action", live.blocked),
    Check("wrong-position", ERROR, "the lines are not where telephony runs", live.wrong_position),
    Check(
        "different-positions",
        ERROR,
        "the devices of one resource are in different positions",
        live.different_positions,
    ),
    Check("node-offline", ERROR, "a node is not in the cluster and cannot take over", live.node_offline),
    Check("standby-not-ready", ERROR, "the node without the lines could not take over", live.not_ready),
    Check("config-differs", ERROR, "bnfos.conf declares other devices on the other node", live.different_files),
    Check("fail-count", ERROR, "the cluster counts failures of the relay resource", live.fail_counts),
    Check("banned", ERROR, "a constraint keeps the relay resource away from a node", live.banned),
    Check("no-relay", ERROR, "no resource switches the lines", placement.no_relay),
    Check("no-fencing", ERROR, "two nodes, and no fencing", placement.no_fencing, explains=[SPLIT, DOWN]),
    Check(
        "fencing-without-delay",
        ERROR,
        "the node with telephony has no head start in fencing",
        placement.fencing_without_delay,
    ),
    Check(
        "cloned",
        ERROR,
        "the relay resource is cloned, and two instances control one relay",
        placement.cloned,
        explains=[APART, DISTURBED, STARTS, RESTLESS, DOWN],
        behaviour=True,
    ),
    Check(
        "not-colocated",
        ERROR,
        "the relay is not colocated with the telephony resource",
        placement.not_colocated,
        explains=[APART, STARTS, RESTLESS],
        behaviour=True,
    ),
    Check(
        "colocated-without-role",
        ERROR,
        "the relay is colocated with any instance of telephony, not with the promoted one",
        placement.colocated_without_role,
        explains=[APART, STARTS, RESTLESS],
        behaviour=True,
    ),
    Check(
        "colocated-backwards",
        ERROR,
        "telephony is colocated with the relay (reversed)",
        placement.colocated_backwards,
        explains=[DISTURBED, STARTS, RESTLESS],
        behaviour=True,
    ),
    Check(
        "critical",
        ERROR,
        "a relay failure moves telephony to the other node",
        placement.critical,
        explains=[DISTURBED, STARTS, RESTLESS],
        behaviour=True,
    ),
    Check(
        "bad-parameter",
        ERROR,
        "a parameter has an invalid value",
        placement.bad_parameters,
        explains=[APART, STARTS, RESTLESS, NOT_BACK],
    ),
    Check(
        "unknown-node",
        ERROR,
        "a port is assigned to a node that is not in the cluster",
        placement.unknown_nodes,
        explains=[APART, STARTS, RESTLESS, NOT_BACK],
    ),
    Check("no-config", ERROR, "bnfos.conf is missing or unusable", files.unusable),
    Check("wrong-section", ERROR, "a section of bnfos.conf is wrong: its device is not switched", files.wrong_section),
    Check("same-address", ERROR, "two sections of bnfos.conf name the same device", files.one_address_twice),
    Check("other-device", ERROR, "another device answers than the one in bnfos.conf", devices.wrong_device),
    Check("flash-mode", ERROR, "a device is in flash mode and waits for firmware", devices.in_flash_mode),
    Check("no-answer", ERROR, "a device cannot be switched", devices.unreachable),
    Check("password-refused", ERROR, "the device refuses the login of bnfos.conf", devices.password_refused),
    Check("unusable-answer", ERROR, "a device gives an unusable answer", devices.unusable_answer),
    Check(
        "watchdog-failure", ERROR, "a device switched to port D because its watchdog expired", devices.watchdog_failure
    ),
    Check("shared-device", ERROR, "several resources control one device", recovery.shared_devices),
    Check(
        "start-failure-not-fatal",
        ERROR,
        "a failed start is repeated without a pause",
        recovery.start_failure_not_fatal,
        explains=[STARTS, RESTLESS],
        behaviour=True,
    ),
    Check(
        "no-monitor", ERROR, "a relay that was moved by hand goes unnoticed", recovery.no_monitor, explains=[UNNOTICED]
    ),
    Check(
        "fallback-with-several",
        ERROR,
        "one failed device drops the lines of all",
        recovery.fallback_with_several_devices,
    ),
    Check("nobody-switches", WARNING, "neither a cluster nor a script switches the devices", files.nobody_switches),
    Check("no-watchdog", WARNING, "when the node dies, nothing switches the lines to port D", recovery.no_watchdog),
    Check(
        "unmanaged",
        WARNING,
        "the cluster does not manage the relay",
        recovery.unmanaged,
        explains=[APART, NOT_BACK, DOWN],
        behaviour=True,
    ),
    Check(
        "leftover-move-constraint",
        WARNING,
        "a move or ban left a constraint behind",
        recovery.leftover_move_constraint,
        explains=[APART, NOT_BACK, DOWN],
    ),
    Check("node-standby", WARNING, "a node is in standby and cannot take over", live.node_standby),
    Check("degraded", WARNING, "the last monitor of a relay resource found a problem", live.degraded),
    Check("power-on-mode", WARNING, "after a power cut the device comes up on port D", devices.power_on_mode),
    Check("settings", WARNING, "settings differ from those of the scenario", devices.settings),
    Check("no-password", WARNING, "a device has no password", devices.no_password),
    Check("guessable-password", WARNING, "a password is easily guessed", files.guessable_password),
    Check("readable-config", WARNING, "other users can read the passwords", files.readable_by_others),
    Check(
        "stop-may-fence",
        WARNING,
        "a failed stop gets the node fenced",
        recovery.stop_may_fence,
        explains=[FENCED, DISTURBED],
        behaviour=True,
    ),
    Check(
        "no-failure-timeout",
        WARNING,
        "a failed start is never tried again",
        recovery.no_failure_timeout,
        explains=[NOT_BACK],
        behaviour=True,
    ),
    Check(
        "no-migration-threshold",
        WARNING,
        "repeated failover between nodes is not limited",
        recovery.no_migration_threshold,
        explains=[RESTLESS],
        behaviour=True,
    ),
    Check("waiting-order", WARNING, "an order makes the lines wait for telephony", placement.waiting_order),
    Check("short-timeout", WARNING, "an operation has a shorter timeout than recommended", recovery.short_timeouts),
    Check("no-deep-monitor", WARNING, "latent misconfiguration of a device goes unnoticed", recovery.no_deep_monitor),
    Check(
        "no-readiness-monitor",
        WARNING,
        "nothing looks whether the other node could take over",
        recovery.no_readiness_monitor,
    ),
    Check("span-alarm", WARNING, "a DAHDI span is in alarm", devices.span_alarms),
    Check("old-firmware", WARNING, "firmware with known faults", devices.old_firmware),
    Check("no-udp", WARNING, "a device does not answer over UDP and cannot be identified", devices.no_udp),
)


UNEXPLAINED = Check(
    "rehearsal", ERROR, "the scheduler shows a fault that no other check explains; see `berofos rehearse`", lambda _: ()
)


def examine(facts: Facts) -> list[Finding]:
    """Return all findings, the most dangerous first."""
    findings = [Finding(check, problem) for check in CHECKS for problem in check.evaluate(facts)]
    findings = [one for one in findings if not one.check.behaviour or is_shown(one, facts.rows)]
    return [*unexplained(findings, facts.rows or ()), *findings]


def examine_present(facts: Facts) -> list[Finding]:
    """Return what is wrong at this moment: with the state of the cluster, and with devices that cannot do their job."""
    present = [
        check
        for check in CHECKS
        if check.evaluate.__module__ == live.__name__
        or (check.evaluate.__module__ == devices.__name__ and check.severity == ERROR)
    ]
    return [Finding(check, problem) for check in present for problem in check.evaluate(facts)]


def is_shown(finding: Finding, rows: Sequence[Row] | None) -> bool:
    """Return True if the scheduler shows what a finding leads to, or was not asked."""
    return rows is None or any(explains(finding, row, one) for row in rows for one in row.violations)


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
