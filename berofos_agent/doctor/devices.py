"""Checks of the devices, from what an inspection returned."""

from __future__ import annotations

from collections.abc import Iterator

from berofos_agent.agent.parameters import Parameters
from berofos_agent.device.reading import differences
from berofos_agent.device.settings import WATCHDOG_FAILURE
from berofos_agent.device.topology import expected_settings
from berofos_agent.doctor.findings import Facts, Inspected, Problem
from berofos_agent.doctor.remedies import page, with_config
from berofos_agent.errors import DeviceError, Moved, NotABerofos, Refused, SectionError, Unreachable


def in_flash_mode(facts: Facts) -> Iterator[Problem]:
    """A device is in flash mode: it waits for firmware and does not switch."""
    for device in facts.inspected:
        if device.inspection.in_flash_mode:
            yield Problem(device.name, "is in flash mode and does not switch", "power-cycle it")


def unreachable(facts: Facts) -> Iterator[Problem]:
    """A device does not answer and cannot be switched."""
    for device, failure in _failures(facts):
        if isinstance(failure, Unreachable) and not isinstance(failure, SectionError):
            fix = "check its power and network; bnfos --scan lists the devices that answer"
            if isinstance(failure, Moved):
                fix = with_config(f"bnfos --scan -x -h {failure.address}", device.path)
            yield Problem(device.name, f"cannot be reached: {failure.what}", fix)


def password_refused(facts: Facts) -> Iterator[Problem]:
    """The device refuses the login of bnfos.conf."""
    for device, failure in _failures(facts):
        if isinstance(failure, Refused):
            yield Problem(device.name, failure.what, f"edit {device.path} on all nodes: login = admin:PASSWORD")


def wrong_device(facts: Facts) -> Iterator[Problem]:
    """Another device answers than the one in bnfos.conf."""
    for device, failure in _failures(facts):
        if isinstance(failure, NotABerofos):
            yield Problem(device.name, failure.what, f"bnfos --scan; then correct [{device.name}] in {device.path}")


def unusable_answer(facts: Facts) -> Iterator[Problem]:
    """A device gives an unusable answer."""
    for device, failure in _failures(facts):
        if not isinstance(failure, (Unreachable, Refused, NotABerofos)):
            yield Problem(device.name, failure.what, f"power-cycle it; then {_on(device, 'berofos status')}")


def watchdog_failure(facts: Facts) -> Iterator[Problem]:
    """A device switched to port D because its watchdog expired."""
    text = "has a watchdog failure latched: it was not kicked in time and moved the lines to port D"
    for device in _with(facts, "wdogstate", WATCHDOG_FAILURE):
        yield Problem(device.name, text, f"find out why; then {_on(device, 'bnfos --set wdog=0 -f')}")


def power_on_mode(facts: Facts) -> Iterator[Problem]:
    """After a power cut the device comes up on port D, wherever the cluster wants the lines."""
    text = "has modedef=0, expected 1: after a power cut it comes up on port D"
    for device in _with(facts, "modedef", "0"):
        yield Problem(device.name, text, _on(device, "bnfos --set modedef=1 -f"))


def settings(facts: Facts) -> Iterator[Problem]:
    """Settings differ from those of the scenario."""
    for device in facts.inspected:
        given = owner_of(facts, device)
        wanted = expected_settings(given.scenario, given.watchdog) if given else {}
        has_failed = device.settings.get("wdogstate") == WATCHDOG_FAILURE  # then wdog reads 2; it has its own check
        ignored = ("modedef", "wdog") if has_failed else ("modedef",)
        wrong = [one for one in differences(device.settings, wanted) if one.keyword not in ignored]
        if wrong:
            fixes = [_on(device, f"bnfos --set {one.keyword}={one.expected} -f") for one in wrong]
            yield Problem(device.name, f"has {', '.join(map(str, wrong))}", " && ".join(fixes))


def no_password(facts: Facts) -> Iterator[Problem]:
    """A device has no password: anyone on the network can switch it."""
    text = "has no password: anyone on the network can switch it"
    for device in _with(facts, "pwd", "0"):
        yield Problem(device.name, text, _on(device, "berofos password"))


def old_firmware(facts: Facts) -> Iterator[Problem]:
    """Firmware before 1.53 loses settings."""
    for device in facts.inspected:
        if device.inspection.has_old_firmware:
            text = f"has firmware {device.inspection.firmware}, older than 1.53: it loses settings"
            fix = f"{_on(device, 'bnfos --flash bnfos_v153.bin -f')}; see {page('firmware.md')}"
            yield Problem(device.name, text, fix)


def no_udp(facts: Facts) -> Iterator[Problem]:
    """A device does not answer over UDP: it can neither be kicked nor identified."""
    for device in facts.inspected:
        if device.settings and not device.inspection.identity and not device.inspection.wrong_device:
            text = "does not answer over UDP, so its MAC cannot be checked"
            yield Problem(device.name, text, "allow UDP port 50123 to the device")


def span_alarms(facts: Facts) -> Iterator[Problem]:
    """A DAHDI span is in alarm although its lines are on this node."""
    for resource, alarm in facts.alarms.items():
        yield Problem(resource, f"has a span in alarm: {alarm}", "head -n 1 /proc/dahdi/*; check cable and line")


def _failures(facts: Facts) -> list[tuple[Inspected, DeviceError]]:
    """The devices that cannot be used; flash mode has its own check."""
    usable = [one for one in facts.inspected if not one.inspection.in_flash_mode]
    return [(one, one.inspection.failure) for one in usable if one.inspection.failure]


def _with(facts: Facts, keyword: str, value: str) -> list[Inspected]:
    """The devices that have this value of a setting."""
    return [one for one in facts.inspected if one.settings.get(keyword) == value]


def _on(device: Inspected, command: str) -> str:
    """Return a command with the device's name at its end, and --config where bnfos.conf is another file."""
    return with_config(f"{command} {device.name}", device.path)


def owner_of(facts: Facts, device: Inspected) -> Parameters | None:
    """Return the parameters of the resource that controls a device; None if there is none."""
    return next((given for _relay, given in facts.parsed if given.has(device.path, device.name)), None)
