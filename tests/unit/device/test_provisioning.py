"""Setting a device up: in which order, and what happens to settings that get lost on the way."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from berofos_agent.device.provisioning import set_up, wanted_settings, with_their_groups
from berofos_agent.device.topology import WATCHDOG_SECONDS, expected_settings
from berofos_agent.errors import DidNotFollow


class Forgetful:
    """A device that loses a setting the first few times another one is written."""

    name = "fos1"

    def __init__(self, values: Mapping[str, str], loses: Mapping[str, str], times: int) -> None:
        self.values = dict(values)
        self.loses = loses
        self.times = times

    def read(self, deadline: float) -> dict[str, str]:
        del deadline
        return dict(self.values)

    def write(self, values: Mapping[str, str], deadline: float) -> dict[str, str]:
        self.values.update(values)
        if self.times:
            self.times -= 1
            self.values.update(self.loses)
        return self.read(deadline)


BEFORE = {"scenario": "1", "modedef": "0", "power1def": "1", "smtpto": "me@example.org", "mode": "0", "wdogrtime": "9"}


def test_the_order_is_that_of_the_documentation() -> None:
    assert list(wanted_settings("fallback", 0, move=True, arm=False).items()) == [
        ("wdog", "0"),
        ("wdogdef", "0"),
        ("scenario", "0"),
        ("mode", "1"),
        ("modedef", "1"),
    ]


def test_with_a_pbx_the_watchdog_is_armed_last_and_only_if_asked() -> None:
    unarmed = wanted_settings("bypass", WATCHDOG_SECONDS["bypass"], move=True, arm=False)
    assert unarmed == {"scenario": "1", "mode": "1", "modedef": "1", "wdogitime": "15", "wdogdef": "1"}
    assert list(wanted_settings("bypass", 60, move=True, arm=True))[-2:] == ["wdogdef", "wdog"]


def test_the_agent_and_the_commands_expect_the_same() -> None:
    for scenario in ("fallback", "bypass"):
        wanted = wanted_settings(scenario, 0, move=False, arm=False)
        assert wanted == expected_settings(scenario)


def test_all_flags_of_a_group_are_written() -> None:
    assert with_their_groups({"scenario": "0"}, BEFORE) == {"modedef": "0", "power1def": "1", "scenario": "0"}


def test_a_setting_that_gets_lost_is_written_again() -> None:
    device = Forgetful(BEFORE, {"smtpto": "", "wdogrtime": "8"}, times=1)
    assert set_up(device, {"scenario": "0"}, BEFORE, 0.0) == ["smtpto"]
    assert device.values == {**BEFORE, "scenario": "0", "wdogrtime": "8"}


def test_a_setting_that_stays_lost_is_named() -> None:
    device = Forgetful(BEFORE, {"power1def": "0"}, times=99)
    with pytest.raises(DidNotFollow, match="fos1: lost other settings, set them again: power1def=0, was 1"):
        set_up(device, {"scenario": "0"}, BEFORE, 0.0)


def test_nothing_lost_nothing_told() -> None:
    assert set_up(Forgetful(BEFORE, {}, 0), {"scenario": "0"}, BEFORE, 0.0) == []
