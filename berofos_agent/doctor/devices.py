"""What can be wrong with the devices themselves; judges what they said, asks none."""

from __future__ import annotations

from collections.abc import Iterator

from berofos_agent.agent.parameters import Parameters
from berofos_agent.device.inspection import OLDEST_FIRMWARE
from berofos_agent.device.reading import differences
from berofos_agent.device.settings import WATCHDOG_FAILURE
from berofos_agent.device.topology import expected_settings
from berofos_agent.doctor.findings import Facts, Look, Trouble
from berofos_agent.doctor.remedies import with_config
from berofos_agent.errors import DeviceError, NotABerofos, Refused, Unreachable


def in_flash_mode(facts: Facts) -> Iterator[Trouble]:
    """A device that waits for firmware switches nothing."""
    for look in facts.looks:
        if look.report.in_flash_mode:
            yield Trouble(look.name, "is in flash mode and switches nothing", "switch it off and on again")


def silent(facts: Facts) -> Iterator[Trouble]:
    """A device that does not answer cannot be switched."""
    for look, failure in _failures(facts):
        if isinstance(failure, Unreachable):
            yield Trouble(look.name, failure.what, "check its power and network; bnfos --scan tells who answers")


def refusing(facts: Facts) -> Iterator[Trouble]:
    """The login of bnfos.conf is not the device's."""
    for look, failure in _failures(facts):
        if isinstance(failure, Refused):
            yield Trouble(look.name, failure.what, f"edit {look.path} on all nodes: login = admin:PASSWORD")


def strange(facts: Facts) -> Iterator[Trouble]:
    """Something else answers at a device's address, or a device with another MAC."""
    for look, failure in _failures(facts):
        if isinstance(failure, NotABerofos):
            yield Trouble(look.name, failure.what, f"bnfos --scan; then correct [{look.name}] in {look.path}")


def unusable(facts: Facts) -> Iterator[Trouble]:
    """It answers, but with nothing to rely on."""
    for look, failure in _failures(facts):
        if not isinstance(failure, (Unreachable, Refused, NotABerofos)):
            yield Trouble(
                look.name,
                failure.what,
                f"switch it off and on again; then {with_config(f'berofos status {look.name}', look.path)}",
            )


def watchdog_failure(facts: Facts) -> Iterator[Trouble]:
    """The device has switched by itself since nobody kicked it."""
    for look in facts.looks:
        if look.told.get("wdogstate") == WATCHDOG_FAILURE:
            yield Trouble(
                look.name,
                "notes a watchdog failure: nobody kicked it in time, and it took the lines to port D",
                f"find out why; then {with_config(f'bnfos --set wdog=0 -f {look.name}', look.path)}",
            )


def power_on_mode(facts: Facts) -> Iterator[Trouble]:
    """After a power cut, the device goes where the cluster does not expect it."""
    for look in facts.looks:
        if look.told.get("modedef") == "0":
            yield Trouble(
                look.name,
                "has modedef=0: after a power cut it stays on port D and fights the cluster",
                with_config(f"bnfos --set modedef=1 -f {look.name}", look.path),
            )


def settings(facts: Facts) -> Iterator[Trouble]:
    """Settings that are not those of the scenario of the resource the device belongs to."""
    for look in facts.looks:
        given = owner_of(facts, look)
        wanted = expected_settings(given.scenario, given.watchdog) if given else {}
        wrong = [one for one in differences(look.told, wanted) if one.keyword not in _told_by_others(look)]
        if wrong:
            mend = " && ".join(
                with_config(f"bnfos --set {one.keyword}={one.expected} -f {look.name}", look.path) for one in wrong
            )
            yield Trouble(look.name, f"has {', '.join(map(str, wrong))}", mend)


def unprotected(facts: Facts) -> Iterator[Trouble]:
    """Whoever reaches the device can switch it."""
    for look in facts.looks:
        if look.told.get("pwd") == "0":
            yield Trouble(
                look.name,
                "has no password: whoever reaches it can switch it",
                with_config(f"berofos password {look.name}", look.path),
            )


def old_firmware(facts: Facts) -> Iterator[Trouble]:
    """A firmware with known faults."""
    for look in facts.looks:
        identity = look.report.identity
        if identity and identity.firmware < OLDEST_FIRMWARE:
            yield Trouble(
                look.name,
                f"has firmware {look.report.firmware}, older than 1.53: it loses settings",
                with_config(f"bnfos --flash bnfos_v153.bin -f {look.name}", look.path) + " (docs/firmware.md)",
            )


def deaf(facts: Facts) -> Iterator[Trouble]:
    """It can be switched, but neither kicked nor told by its MAC."""
    for look in facts.looks:
        if look.told and not look.report.identity and not look.report.wrong_device:
            yield Trouble(
                look.name, "does not answer over UDP, so its MAC is not known", "let UDP port 50123 through to it"
            )


def span_alarms(facts: Facts) -> Iterator[Trouble]:
    """The relay stands right, but no line is alive behind it."""
    for resource, alarm in facts.alarms.items():
        yield Trouble(
            resource, f"has a span that is not alive: {alarm}", "head -n 1 /proc/dahdi/*; check cable and line"
        )


def _failures(facts: Facts) -> list[tuple[Look, DeviceError]]:
    """What keeps a device from being relied on; flash mode is told by itself."""
    found = []
    for look in facts.looks:
        failure = look.report.failure
        if failure and not look.report.in_flash_mode:
            found.append((look, failure))
    return found


def _told_by_others(look: Look) -> tuple[str, ...]:
    """Settings that a check of their own judges; a watchdog that has failed reads wdog=2."""
    return ("modedef", "wdog") if look.told.get("wdogstate") == WATCHDOG_FAILURE else ("modedef",)


def owner_of(facts: Facts, look: Look) -> Parameters | None:
    """Return the parameters of the resource that switches a device; None if no resource does."""
    for _relay, given in facts.parsed:
        if given.config == look.path and (not given.devices or look.name in given.devices):
            return given
    return None
