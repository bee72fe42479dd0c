"""Draws, as text, which ports a relay connects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from berofos_agent.device.topology import SCENARIO, connections

Paint = Callable[[str, str], str]
"""Returns a text in a colour ("green", "red" or "yellow")."""

_WIDTH = 49
_COLUMN = {"A": 6, "B": 18, "C": 30, "D": 42}
_LIT = {"1": "AB", "0": "AD"}


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
    rim = "+" + "-" * _WIDTH + "+"
    return [
        rim,
        _inside({column: port for port, column in _COLUMN.items()}),
        _inside({column: _led(port, mode, in_flash_mode) for port, column in _COLUMN.items()}, paint),
        _inside(_wires(mode, scenario), paint, "" if in_flash_mode else "green"),
        rim,
    ]


def _led(port: str, mode: str, in_flash_mode: bool) -> str:
    if in_flash_mode:
        return "(!)" if port == "D" else "( )"
    return "(*)" if port in _LIT[mode] else "( )"


def _wires(mode: str, scenario: str) -> dict[int, str]:
    wires = {}
    for left, right in connections(mode, scenario):
        length = _COLUMN[right] - _COLUMN[left]
        wires[(_COLUMN[left] + _COLUMN[right]) // 2] = "+" + "=" * (length - 1) + "+"
    return wires


def _inside(words: Mapping[int, str], paint: Paint = plain, colour: str = "") -> str:
    """Centre each word on its column; LEDs have their own colours."""
    row, length = "", 0
    for column, word in sorted(words.items()):
        gap = max(length and 1, column - len(word) // 2 - length)
        shade = {"(*)": "green", "(!)": "red"}.get(word, colour)
        row += " " * gap + (paint(word, shade) if shade else word)
        length += gap + len(word)
    return f"|{row}{' ' * (_WIDTH - length)}|"
