"""All checks of the doctor in order of danger, one row each; docs/doctor.md has the same table."""

from __future__ import annotations

from berofos_agent.doctor import devices, files, placement, recovery
from berofos_agent.doctor.findings import Check, Facts, Finding, Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING

CHECKS = (
    Check("not-judged", ERROR, "the cluster cannot be asked", placement.not_judged),
    Check("no-relay", ERROR, "no resource switches the lines", placement.no_relay),
    Check("no-fencing", ERROR, "two nodes, and no fencing", placement.no_fencing),
    Check(
        "fencing-without-delay",
        ERROR,
        "fencing gives neither of two nodes a head start",
        placement.fencing_without_delay,
    ),
    Check("cloned", ERROR, "two instances fight over one relay", placement.cloned),
    Check("not-colocated", ERROR, "the relay does not follow the telephones", placement.not_colocated),
    Check("colocated-backwards", ERROR, "the telephones follow the relay", placement.colocated_backwards),
    Check("critical", ERROR, "a relay fault moves the telephones", placement.critical),
    Check("bad-parameter", ERROR, "a parameter is wrong by itself", placement.bad_parameters),
    Check("unknown-node", ERROR, "a port is given to a node that is not there", placement.unknown_nodes),
    Check("no-config", ERROR, "the agent cannot know its devices", files.unusable),
    Check("same-address", ERROR, "two sections lead to one device", files.one_address_twice),
    Check("other-device", ERROR, "not the device of bnfos.conf answers", devices.strange),
    Check("flash-mode", ERROR, "a device waits for firmware", devices.in_flash_mode),
    Check("no-answer", ERROR, "a device cannot be switched", devices.silent),
    Check("password-refused", ERROR, "the login of bnfos.conf is not the device's", devices.refusing),
    Check("unusable-answer", ERROR, "a device says nothing to rely on", devices.unusable),
    Check("watchdog-failure", ERROR, "a device switched by itself", devices.watchdog_failure),
    Check("shared-device", ERROR, "several resources switch one device", recovery.shared_devices),
    Check(
        "start-failure-not-fatal", ERROR, "a failed start is repeated without a pause", recovery.start_failure_not_fatal
    ),
    Check("no-monitor", ERROR, "nobody notices a relay that was moved", recovery.no_monitor),
    Check(
        "fallback-with-several", ERROR, "one bad device drops the lines of all", recovery.fallback_with_several_devices
    ),
    Check("no-watchdog", WARNING, "a node that dies leaves nobody to switch", recovery.no_watchdog),
    Check("out-of-hand", WARNING, "the cluster was told to do nothing", recovery.out_of_hand),
    Check("left-by-a-move", WARNING, "a constraint was left behind by a move or ban", recovery.left_by_a_move),
    Check("power-on-mode", WARNING, "after a power cut the device fights the cluster", devices.power_on_mode),
    Check("settings", WARNING, "settings are not those of the scenario", devices.settings),
    Check("no-password", WARNING, "whoever reaches a device can switch it", devices.unprotected),
    Check("guessable-password", WARNING, "a password everybody tries first", files.guessable_password),
    Check("readable-config", WARNING, "others can read the passwords", files.readable_by_others),
    Check("stop-may-fence", WARNING, "a stop that hangs gets the node fenced", recovery.stop_may_fence),
    Check("no-failure-timeout", WARNING, "a failed start is never tried again", recovery.no_failure_timeout),
    Check("no-migration-threshold", WARNING, "nodes that fight never come to rest", recovery.no_migration_threshold),
    Check("short-timeout", WARNING, "an operation has less time than advised", recovery.short_timeouts),
    Check("no-deep-monitor", WARNING, "settings that will bite later go unnoticed", recovery.no_deep_monitor),
    Check("span-alarm", WARNING, "a line is not alive", devices.span_alarms),
    Check("old-firmware", WARNING, "firmware with known faults", devices.old_firmware),
    Check("no-udp", WARNING, "a device can be switched, but not identified", devices.deaf),
)


def examine(facts: Facts) -> list[Finding]:
    """Return everything that is wrong, the most dangerous first."""
    return [Finding(check, trouble) for check in CHECKS for trouble in check.judge(facts)]
