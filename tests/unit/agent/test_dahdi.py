"""DAHDI spans, as the driver writes them (dahdi-base.c): alive, in alarm, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from berofos_agent.agent import dahdi
from berofos_agent.agent.dahdi import Span

FOLDER = str(Path(__file__).parents[2] / "data" / "dahdi")


@pytest.mark.parametrize(
    ("number", "name", "alarms"),
    [
        ("1", "B4/0/1", ()),
        ("2", "B4/0/2", ("RED",)),
        ("3", "TE2/0/1", ()),
        ("4", "TE2/0/2", ("YELLOW", "RECOVERING")),
        ("5", "XBUS-00/XPD-00", ("BLUE", "RED")),
    ],
    ids=["bri-alive", "bri-red", "pri-with-counts", "pri-recovering", "description-says-red"],
)
def test_the_first_line_tells_name_and_alarms(number: str, name: str, alarms: tuple[str, ...]) -> None:
    assert dahdi.read(number, FOLDER) == Span(number, name, alarms)


def test_what_is_not_understood_or_not_there_is_reported() -> None:
    assert "'no span here' is not understood" in dahdi.read("6", FOLDER).problem
    missing = dahdi.read("7", FOLDER).problem
    assert missing.endswith("/dahdi/7 is missing; load the driver or correct spans")


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ("13", ""),
        ("", ""),
        ("12", "span 2 (B4/0/2): alarm RED; check cable and line"),
        ("145", "span 4 (TE2/0/2): alarm YELLOW RECOVERING (also 5); check cable and line"),
        ("62", "span 6: 'no span here' is not understood; report it (also 2)"),
    ],
    ids=["alive", "none", "one", "two", "problem"],
)
def test_one_line_for_all(numbers: str, reason: str) -> None:
    assert dahdi.evaluate(dahdi.read(number, FOLDER) for number in numbers) == reason


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("Primary D-channel: 16\nStatus: Provisioned, Up, Active\nSwitchtype: EuroISDN\n", ""),
        ("Primary D-channel: 16\nStatus: Provisioned, In Alarm, Up, Active\n", ""),
        (
            "Primary D-channel: 16\nStatus: Provisioned, Down, Active\n",
            "span 1: layer 2 is down (D-channel 16); try a call over it, else restart chan_dahdi",
        ),
        (
            "Primary D-channel: 16\nStatus: Provisioned, Down, Active\n\n"
            "Secondary D-channel: 48\nStatus: Provisioned, Up, Standby\n",
            "",
        ),
        ("No PRI running on span 1\n", ""),
        ("", ""),
    ],
    ids=["up", "layer-1-in-alarm", "down", "the-reserve-is-up", "no-pri", "nothing"],
)
def test_layer_2_is_down_if_no_d_channel_is_up(told: str, reason: str) -> None:
    assert dahdi.evaluate_layer2("1", told) == reason
