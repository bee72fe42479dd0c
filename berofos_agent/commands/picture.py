"""Draws, as text, which ports a relay connects."""

from __future__ import annotations

import re
from typing import Callable

from berofos_agent.device.topology import SCENARIO, connections

Paint = Callable[[str, str], str]
"""Returns a text in a colour ("green", "red" or "yellow")."""

_RIM = "+-------------------------------------------------+"
_PORTS = "|      A           B           C           D      |"
_LEDS = "|     {A}         {B}         {C}         {D}     |"
_WIRES = {
    "AB": "|      +===========+                              |",
    "AD": "|      +===================================+      |",
    "AB CD": "|      +===========+           +===========+      |",
}
"""By the pairs of ports that are put through; the LEDs of the first pair are on."""


def plain(text: str, _colour: str) -> str:
    """Return the text unchanged."""
    return text


def draw(
    mode: str,
    scenario: str = SCENARIO["fallback"],
    *,
    in_flash_mode: bool = False,
    paint: Paint = plain,
) -> list[str]:
    """Return the lines of a picture of the device, 51 columns wide.

    `(*)` is a green LED that is on, `(!)` a red one that blinks.
    """
    connected = " ".join(map("".join, connections(mode, scenario)))
    wires = _WIRES[connected]
    if in_flash_mode:
        leds = {"D": paint("(!)", "red")}
    else:
        leds = {port: paint("(*)", "green") for port in connected[:2]}
        wires = re.sub(r"\+=+\+", lambda wire: paint(wire[0], "green"), wires)
    return [_RIM, _PORTS, _LEDS.format_map({**dict.fromkeys("ABCD", "( )"), **leds}), wires, _RIM]
