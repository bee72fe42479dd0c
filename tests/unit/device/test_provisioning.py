"""What a device is set to for each topology, and in which order."""

from __future__ import annotations

import pytest

from berofos_agent.commands import provision
from berofos_agent.device.provisioning import wanted_settings
from berofos_agent.device.topology import WATCHDOG_SECONDS, expected_settings, provision_arguments


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


@pytest.mark.parametrize(
    ("scenario", "watchdog", "arguments"),
    [
        ("fallback", 0, "fos1"),
        ("fallback", 15, "--watchdog 15 fos1"),
        ("bypass", 15, "--scenario bypass fos1"),
        ("bypass", 60, "--scenario bypass --watchdog 60 fos1"),
    ],
)
def test_the_command_that_corrects_settings_switches_no_watchdog_off(
    scenario: str, watchdog: int, arguments: str
) -> None:
    expected = expected_settings(scenario, watchdog)
    assert provision_arguments("fos1", expected) == arguments
    given = provision.parser().parse_args(arguments.split())
    interval = WATCHDOG_SECONDS[given.scenario] if given.watchdog is None else given.watchdog
    assert expected_settings(given.scenario, interval) == expected
