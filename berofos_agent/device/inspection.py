"""Asks a device over HTTP and over UDP, and lists what is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from berofos_agent.config.bnfosconf import Entry
from berofos_agent.config.mac import format_mac
from berofos_agent.device.device import Device
from berofos_agent.device.frame import ScanReply
from berofos_agent.device.parallel import run_on_all
from berofos_agent.device.reading import Reading
from berofos_agent.device.settings import MAGIC_KEY, MAGIC_VERSION, WATCHDOG, WATCHDOG_FAILURE
from berofos_agent.device.topology import LINES, SCENARIO
from berofos_agent.errors import DeviceError, NotABerofos

SCAN_SECONDS = 1.0
OLDEST_FIRMWARE = (1, 53)
"""The version that XiVO's documentation asks for; 1.3.3 loses settings, docs/firmware.md."""


class Severity(IntEnum):
    """How bad something is; the numbers are those of monitoring plugins."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True)
class Remark:
    """Something wrong with a device, in one sentence without its name."""

    severity: Severity
    text: str


@dataclass(frozen=True)
class Inspection(Reading):
    """What one device answered over HTTP and over UDP."""

    entry: Entry = Entry("")  # noqa: RUF009 - it is immutable
    identity: ScanReply | None = None
    wrong_device: NotABerofos | None = None
    milliseconds: int = 0

    @property
    def failure(self) -> DeviceError | None:
        """Why this device cannot be relied on, None if it can."""
        return super().failure or self.wrong_device

    @property
    def in_flash_mode(self) -> bool:
        """True if it waits for a network configuration or firmware, and switches nothing."""
        return self.identity is not None and not self.identity.operational

    @property
    def firmware(self) -> str | None:
        """The version as 1.53, None if it is not known."""
        return ".".join(map(str, self.identity.firmware)) if self.identity else None

    @property
    def has_old_firmware(self) -> bool:
        """True before 1.53, which a scan reports as 1 and 53, or as 1 and 5: docs/protocol.md is not certain (?)."""
        version = self.identity.firmware if self.identity else OLDEST_FIRMWARE
        return version < (1, 5) or (1, 10) <= version < OLDEST_FIRMWARE

    @property
    def mac(self) -> str | None:
        """The MAC that the device reports, else that of bnfos.conf."""
        mac = self.identity.mac if self.identity else self.entry.mac
        return format_mac(mac) if mac else None


def inspect(device: Device, deadline: float) -> Inspection:
    """Ask a device for its settings and its identity; raises nothing, errors are in the result."""
    began = time.monotonic()
    settings, error, identity, wrong_device = {}, None, None, None
    try:
        settings = device.read_or_find(deadline)
    except DeviceError as exc:
        error = exc
    milliseconds = round((time.monotonic() - began) * 1000)
    try:
        identity = device.gbl4.scan(SCAN_SECONDS)
    except NotABerofos as exc:
        wrong_device = exc
    except DeviceError:
        identity = None
    return Inspection(device.name, settings, error, device.entry, identity, wrong_device, milliseconds)


def inspect_all(devices: Sequence[Device], deadline: float) -> list[Inspection]:
    """Inspect all devices at once and return in time, as run_on_all does; raises nothing."""
    return [
        result.value or Inspection(result.device.name, error=result.error, entry=result.device.entry)
        for result in run_on_all(devices, inspect, deadline)
    ]


def remarks(inspection: Inspection) -> list[Remark]:
    """Return what is wrong with a device whatever it is used for, the worst first."""
    found = []
    if inspection.in_flash_mode:
        found.append(Remark(Severity.CRITICAL, "is in flash mode; switch it off and on again"))
    elif inspection.failure:
        found.append(Remark(Severity.CRITICAL, inspection.failure.advice))
    settings = inspection.settings
    if settings.get("wdogstate") == WATCHDOG_FAILURE:
        found.append(Remark(Severity.CRITICAL, "watchdog failure: nobody kicked it in time, the lines went to port D"))
    if settings.get(MAGIC_KEY, MAGIC_VERSION) != MAGIC_VERSION:
        found.append(
            Remark(Severity.WARNING, f"config.txt has version {settings[MAGIC_KEY]}, known is {MAGIC_VERSION}")
        )
    if settings and not inspection.identity and not inspection.wrong_device:
        found.append(Remark(Severity.WARNING, "does not answer over UDP (port 50123), so cannot be kicked or scanned"))
    if inspection.has_old_firmware:
        found.append(Remark(Severity.WARNING, f"firmware {inspection.firmware} is older than 1.53 and loses settings"))
    return found


def as_json(report: Inspection) -> dict[str, Any]:
    """Return the state of a device for a program; None is unknown."""
    settings = report.settings
    scenario = {setting: name for name, setting in SCENARIO.items()}.get(settings.get("scenario", ""))
    return {
        "device": report.device,
        "host": report.entry.host,
        "mac": report.mac,
        "reachable": not report.error,
        "error": report.failure.advice if report.failure else None,
        "remarks": [remark.text for remark in remarks(report)],
        "firmware": report.firmware,
        "flash_mode": report.in_flash_mode,
        "milliseconds": report.milliseconds,
        "mode": report.mode,
        "lines": LINES[report.mode] if report.mode else None,
        "scenario": scenario,
        "watchdog": WATCHDOG.get(settings.get("wdogstate", "")),
        "settings": settings,
    }
