"""Sets a device up for a topology."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from berofos_agent.device.settings import SETTINGS, Values
from berofos_agent.device.topology import expected_settings

if TYPE_CHECKING:
    from berofos_agent.device.device import Device


def wanted_settings(scenario: str, watchdog: int, *, move: bool, arm: bool) -> dict[str, str]:
    """Return what a device should be set to, in the order of writing.

    `move` brings the relay to A-B; `arm` starts the watchdog, once its interval is set.
    """
    wanted: dict[str, str] = {}
    for keyword, value in expected_settings(scenario, watchdog).items():
        wanted[keyword] = value
        if keyword == "scenario" and move:
            wanted["mode"] = "1"
    if arm and watchdog:
        wanted["wdog"] = "1"
    return wanted


def set_up(device: Device, changes: Mapping[str, str], before: Values, deadline: float) -> list[str]:
    """Write settings, group by group, each read back; return which others were lost on the way and written back.

    `before` is what the device reported last. Raises a DeviceError.
    """
    restored: list[str] = []
    for group in dict.fromkeys(SETTINGS[keyword].group for keyword in changes):
        values = {keyword: value for keyword, value in changes.items() if SETTINGS[keyword].group == group}
        written = device.write(values, before, deadline)
        before = written.settings
        restored += written.restored
    return restored
