"""Looks at a device in both protocols and says what is wrong with it; knows no terminal and no cluster."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from berofos_agent.config.mac import format_mac
from berofos_agent.device.device import Device
from berofos_agent.device.frame import ScanReply
from berofos_agent.device.settings import MAGIC_KEY, MAGIC_VERSION, WATCHDOG_FAILURE, Values
from berofos_agent.device.topology import LINES
from berofos_agent.errors import DeviceError, NotABerofos, UnusableAnswer

SCAN_SECONDS = 1.0
OLDEST_FIRMWARE = (1, 53)
"""The version the user's documentation asks for; 1.3.3 loses settings, docs/firmware.md."""


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
class Report:
    """What a device said over HTTP and over UDP, or why it did not."""

    device: Device
    told: Values | None
    error: DeviceError | None
    identity: ScanReply | None
    stranger: NotABerofos | None
    milliseconds: int

    @property
    def mode(self) -> str | None:
        """The relay mode, None if it is not known."""
        mode = (self.told or {}).get("mode")
        return mode if mode in LINES else None

    @property
    def failure(self) -> DeviceError | None:
        """Why this device cannot be relied on, None if it can."""
        if self.told and self.mode is None:
            return UnusableAnswer(self.device.name, "does not tell its relay mode; update its firmware")
        return self.error or self.stranger

    @property
    def in_flash_mode(self) -> bool:
        """True if it waits for a network configuration or firmware, and switches nothing."""
        return self.identity is not None and not self.identity.operational

    @property
    def firmware(self) -> str | None:
        """The version as 1.53, None if it is not known."""
        return ".".join(map(str, self.identity.firmware)) if self.identity else None

    @property
    def mac(self) -> str | None:
        """As the device tells it, else as bnfos.conf does."""
        mac = self.identity.mac if self.identity else self.device.entry.mac
        return format_mac(mac) if mac else None


def look_at(device: Device, deadline: float) -> Report:
    """Ask a device for its settings and its identity; what goes wrong is in the report."""
    began = time.monotonic()
    told = error = identity = stranger = None
    try:
        told = device.read(deadline)
    except DeviceError as exc:
        error = exc
    milliseconds = round((time.monotonic() - began) * 1000)
    try:
        identity = device.gbl4.scan(SCAN_SECONDS)
    except NotABerofos as exc:
        stranger = exc
    except DeviceError:
        identity = None
    return Report(device, told, error, identity, stranger, milliseconds)


def remarks(report: Report) -> list[Remark]:
    """Return what is wrong with a device whatever it is used for, the worst first."""
    found = []
    if report.in_flash_mode:
        found.append(Remark(Severity.CRITICAL, "is in flash mode; switch it off and on again"))
    elif report.failure:
        found.append(Remark(Severity.CRITICAL, report.failure.what))
    told = report.told or {}
    if told.get("wdogstate") == WATCHDOG_FAILURE:
        found.append(Remark(Severity.CRITICAL, "watchdog failure: nobody kicked it in time, the lines went to port D"))
    if told.get(MAGIC_KEY, MAGIC_VERSION) != MAGIC_VERSION:
        found.append(Remark(Severity.WARNING, f"config.txt has version {told[MAGIC_KEY]}, known is {MAGIC_VERSION}"))
    if told and not report.identity and not report.stranger:
        found.append(Remark(Severity.WARNING, "does not answer over UDP (port 50123), so cannot be kicked or scanned"))
    if report.identity and report.identity.firmware < OLDEST_FIRMWARE:
        found.append(Remark(Severity.WARNING, f"firmware {report.firmware} is older than 1.53 and loses settings"))
    return found


@dataclass(frozen=True)
class Difference:
    """A setting that is not as wanted; `now` is None where the device does not tell it."""

    keyword: str
    now: str | None
    wanted: str

    def __str__(self) -> str:
        return f"{self.keyword}={'?' if self.now is None else self.now}, not {self.wanted}"


def differences(told: Mapping[str, str], wanted: Mapping[str, str]) -> list[Difference]:
    """Return the settings that are not as wanted, in the order wanted."""
    return [
        Difference(keyword, told.get(keyword), value) for keyword, value in wanted.items() if told.get(keyword) != value
    ]
