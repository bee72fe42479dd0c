"""What the drawing of a device shows, without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import berofos_agent.page
from berofos_agent.page.card import card
from berofos_agent.simulator.model import SimulatedDevice

ASSETS = Path(berofos_agent.page.__file__).parent / "assets"

AT_B = {"mode": "1", "modedef": "1", "scenario": "0", "wdogstate": "0", "wdogitime": "60", "power1": "1", "power2": "0"}
ENDS = {"A": "provider", "B": "xivo-1", "D": "xivo-2"}

SENTENCES = [
    ("on", AT_B, ENDS, "Connects port A to B: the lines are at xivo-1."),
    ("on", {**AT_B, "mode": "0"}, ENDS, "Connects port A to D: the lines are at xivo-2."),
    ("on", {**AT_B, "scenario": "1"}, {"B": "XiVO"}, "Connects port A to B and C to D: the lines are at XiVO."),
    ("on", AT_B, {}, "Connects port A to B."),
    ("on", {}, ENDS, "It is not known where the lines go."),
    ("off", AT_B, ENDS, "Without power it connects port A to D: the lines are at xivo-2."),
    ("flash", AT_B, {}, "In flash mode it connects port A to D."),
    ("unknown", AT_B, ENDS, "Does not answer. When it last did, it connected port A to B: the lines are at xivo-1."),
    ("unknown", {}, ENDS, "It is not known where the lines go."),
]


@pytest.mark.parametrize(("power", "settings", "ends", "sentence"), SENTENCES)
def test_position_is_reported_in_words(
    power: str, settings: dict[str, str], ends: dict[str, str], sentence: str
) -> None:
    assert card("fos1", power=power, settings=settings, ends=ends)["sentence"] == sentence


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"wdogstate": "1", "wdogrtime": "12"}, "watchdog 12 s"),
        ({"wdogstate": "2"}, "watchdog expired"),
        ({"wdogstate": "0"}, "watchdog off"),
        ({}, ""),
    ],
)
def test_watchdog_is_reported_with_its_seconds(settings: dict[str, str], text: str) -> None:
    assert card("fos1", settings=settings)["texts"]["watchdog"] == text


def test_device_without_power_gives_none_to_its_power_ports() -> None:
    assert card("fos1", power="off", settings=AT_B)["texts"]["power1"] == "1 off"
    assert card("fos1", power="on", settings=AT_B)["texts"]["power1"] == "1 on"
    assert card("fos1", power="unknown", settings=AT_B)["texts"]["power1"] == "1 ?"


def test_long_name_fits_its_box() -> None:
    assert card("fos1", ends={"B": "xivo-number-1.example.org"})["texts"]["endB"] == "xivo-numbe…"


def test_every_text_of_the_drawing_is_written_and_every_attribute_is_drawn() -> None:
    shown = card("fos1", settings=SimulatedDevice().values())
    drawing = (ASSETS / "device.svg").read_text()
    assert set(re.findall(r'data-text="(\w+)"', drawing)) == set(shown["texts"])
    style = (ASSETS / "drawing.css").read_text()
    drawn = set(re.findall(r"\[data-(\w+)", style)) - {"port"}
    assert drawn == set(shown["attributes"])
