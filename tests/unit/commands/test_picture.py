"""The picture of where the lines go."""

from __future__ import annotations

import pytest

from berofos_agent.commands.picture import draw

RIM = "+-------------------------------------------------+"
PORTS = "|      A           B           C           D      |"


@pytest.mark.parametrize(
    ("mode", "scenario", "in_flash_mode", "leds", "wires"),
    [
        (
            "1",
            "0",
            False,
            "|     (*)         (*)         ( )         ( )     |",
            "|      +===========+                              |",
        ),
        (
            "1",
            "1",
            False,
            "|     (*)         (*)         ( )         ( )     |",
            "|      +===========+           +===========+      |",
        ),
        (
            "0",
            "1",
            False,
            "|     (*)         ( )         ( )         (*)     |",
            "|      +===================================+      |",
        ),
        (
            "0",
            "0",
            True,
            "|     ( )         ( )         ( )         (!)     |",
            "|      +===================================+      |",
        ),
    ],
    ids=["fallback-b", "bypass-b", "bypass-d", "flash-mode"],
)
def test_lines_and_leds(mode: str, scenario: str, in_flash_mode: bool, leds: str, wires: str) -> None:
    assert draw(mode, scenario, in_flash_mode=in_flash_mode) == [RIM, PORTS, leds, wires, RIM]


def test_only_leds_that_are_on_and_connections_are_painted() -> None:
    painted = "\n".join(draw("1", paint=lambda text, colour: f"<{colour}:{text}>"))
    assert painted.count("<green:(*)>") == 2
    assert "<green:+===========+>" in painted
    assert "<:" not in painted
