"""Sets a device up without disturbing its other settings; knows no terminal and no cluster.

Firmware 1.3.3 clears the other stored flags of a group when one is written (docs/protocol.md), so all flags of a group
are written at once, and what is stored is compared afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from berofos_agent.device import settings
from berofos_agent.device.reading import differences
from berofos_agent.device.settings import SETTINGS, Values
from berofos_agent.device.topology import expected_settings
from berofos_agent.errors import DidNotFollow

_STORED_GROUPS = ("1", "2", "3")


class Writable(Protocol):
    """What is set up: a Device."""

    name: str

    def read(self, deadline: float) -> Values:
        """Return all settings."""

    def write(self, values: Mapping[str, str], deadline: float) -> Values:
        """Write settings, return all as read back."""


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


def set_up(device: Writable, changes: Mapping[str, str], before: Values, deadline: float) -> list[str]:
    """Write settings, group by group, each read back; return which others were lost on the way and written again.

    `before` is what the device told last. Raises DidNotFollow if a setting does not stay as it was, or a DeviceError.
    """
    told = _write(device, changes, before, deadline)
    lost = lost_settings(before, told, changes)
    if lost:
        told = _write(device, _writable(lost), {**told, **lost}, deadline)
        gone = lost_settings(before, told, changes)
        if gone:
            names = ", ".join(f"{keyword}={told.get(keyword, '?')}, was {value}" for keyword, value in gone.items())
            raise DidNotFollow(device.name, f"lost other settings, set them again: {names}")
    return list(lost)


def lost_settings(before: Values, after: Values, changes: Iterable[str]) -> Values:
    """Return the stored settings that changed though nobody asked for it, with the values they had."""
    kept = {
        keyword: value
        for keyword, value in before.items()
        if keyword in SETTINGS and SETTINGS[keyword].group in _STORED_GROUPS and keyword not in changes
    }
    return {one.keyword: one.expected for one in differences(after, kept, unreported=True)}


def with_their_groups(values: Mapping[str, str], told: Values) -> dict[str, str]:
    """Return the values and the other stored flags of their groups, as the device told them."""
    groups = {SETTINGS[keyword].group for keyword in values}
    others = {
        setting.keyword: told[setting.keyword]
        for setting in SETTINGS.values()
        if setting.is_stored_flag and setting.group in groups and told.get(setting.keyword) in ("0", "1")
    }
    return {**others, **values}


def _write(device: Writable, changes: Mapping[str, str], told: Values, deadline: float) -> Values:
    for group in dict.fromkeys(SETTINGS[keyword].group for keyword in changes):
        values = {keyword: value for keyword, value in changes.items() if SETTINGS[keyword].group == group}
        device.write(with_their_groups(values, told), deadline)
    return device.read(deadline)


def _writable(values: Values) -> Values:
    """Leave out what no client may write, such as an empty host name; set_up tells of it afterwards."""
    checked = {}
    for keyword, value in values.items():
        try:
            checked[keyword] = settings.check(keyword, value)
        except ValueError:
            continue
    return checked
