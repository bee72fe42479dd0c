"""The picture of where the lines go."""

from __future__ import annotations

import pytest

from berofos_agent.commands.picture import Lights, draw

RIM = "+-------------------------------------------------+"
PORTS = "|      A           B           C           D      |"


@pytest.mark.parametrize(
    ("mode", "scenario", "lights", "leds", "wires"),
    [
        (
            "1",
            "0",
            Lights.WORKING,
            "|     (*)         (*)         ( )         ( )     |",
            "|      +===========+                              |",
        ),
        (
            "1",
            "1",
            Lights.WORKING,
            "|     (*)         (*)         ( )         ( )     |",
            "|      +===========+           +===========+      |",
        ),
        (
            "0",
            "1",
            Lights.WORKING,
            "|     (*)         ( )         ( )         (*)     |",
            "|      +===================================+      |",
        ),
        (
            "0",
            "0",
            Lights.FLASH,
            "|     ( )         ( )         ( )         (!)     |",
            "|      +===================================+      |",
        ),
        (
            "0",
            "0",
            Lights.OFF,
            "|     ( )         ( )         ( )         ( )     |",
            "|      +===================================+      |",
        ),
    ],
    ids=["fallback-b", "bypass-b", "bypass-d", "flash-mode", "no-power"],
)
def test_lines_and_leds(mode: str, scenario: str, lights: Lights, leds: str, wires: str) -> None:
    assert draw(mode, scenario, lights=lights) == [RIM, PORTS, leds, wires, RIM]


def test_what_is_cabled_where() -> None:
    assert draw("1", labels={"A": "provider", "B": "xivo-1", "D": "xivo-2"})[-1] == (
        "   provider     xivo-1                  xivo-2"
    )


def test_only_leds_that_are_on_and_connections_are_painted() -> None:
    painted = "\n".join(draw("1", paint=lambda text, colour: f"<{colour}:{text}>"))
    assert painted.count("<green:(*)>") == 2
    assert "<green:+===========+>" in painted
    assert "<:" not in painted
