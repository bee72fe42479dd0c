"""Writes the pictures of docs/ from the drawing of the page.

PYTHONPATH=. python3 packaging/pictures.py docs/pictures
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from berofos_agent import page
from berofos_agent.page.card import card

SVG = "http://www.w3.org/2000/svg"
ASSETS = Path(page.__file__).parent / "assets"
WIDTH, HEIGHT, CAPTION = 360, 236, 26

_STYLE = f"""
svg svg.device {{ width: {WIDTH}px; height: {HEIGHT}px; }}
.ground {{ fill: var(--paper); }}
.caption {{ fill: var(--ink); font: bold 12px/1 "DejaVu Sans", Verdana, system-ui, sans-serif; }}
"""

AT_B = {"mode": "1", "scenario": "0", "wdogstate": "0", "power1": "0", "power2": "0"}
AT_D = {**AT_B, "mode": "0"}
BYPASS = {**AT_B, "scenario": "1", "wdogstate": "1", "wdogrtime": "15", "wdogitime": "15"}

TWO = {"A": "provider", "B": "xivo-1", "C": "nothing", "D": "xivo-2"}
ONE_AND_PBX = {"A": "provider", "B": "XiVO", "C": "XiVO", "D": "PBX"}
DEAD = {"B": "OFFLINE", "C": "OFFLINE"}

Frame = tuple[str, dict[str, Any]]


def frame(
    caption: str, settings: Mapping[str, str], ends: Mapping[str, str], notes: Mapping[str, str], power: str = "on"
) -> Frame:
    """Return one picture of a device: what is written above it, and its card."""
    return caption, card("fos1", power=power, settings=settings, ends=ends, notes=notes)


PICTURES: Mapping[str, Sequence[Frame]] = {
    "two-xivos": (
        frame("Relay mode 1: the lines are at xivo-1", AT_B, TWO, {"A": "A1 to A4", "B": "B1 to B4", "D": "D1 to D4"}),
        frame("Relay mode 0, or no power: at xivo-2", AT_D, TWO, {"A": "A1 to A4", "B": "B1 to B4", "D": "D1 to D4"}),
    ),
    "two-xivos-and-pbx": (
        frame(
            "A1, A2: provider; A3, A4: PBX; B, D: CPE and NET",
            AT_B,
            TWO,
            {"A": "PBX at A3-4", "B": "CPE, NET", "D": "CPE, NET"},
        ),
    ),
    "xivo-and-pbx": (
        frame("The XiVO works: A to B, and C to D", BYPASS, ONE_AND_PBX, {"B": "CPE", "C": "NET"}),
        frame("It does not: A to D", {**BYPASS, "mode": "0", "wdogstate": "2"}, ONE_AND_PBX, {"B": "CPE", "C": "NET"}),
    ),
    "failover": (
        frame("Telephony and lines are on xivo-1", AT_B, TWO, {"B": "telephony", "D": "online"}),
        frame("xivo-1 dies: callers are without lines", AT_B, TWO, {"B": "OFFLINE", "D": "online"}),
        frame("The cluster starts both on xivo-2", AT_D, TWO, {"B": "OFFLINE", "D": "telephony"}),
    ),
    "watchdog": (
        frame("Kicked every 5 s, it starts again at 15 s", BYPASS, ONE_AND_PBX, {"B": "telephony"}),
        frame("The XiVO dies: nobody kicks", {**BYPASS, "wdogrtime": "4"}, ONE_AND_PBX, DEAD),
        frame(
            "It expires, and the lines go to the PBX",
            {**BYPASS, "mode": "0", "wdogstate": "2"},
            ONE_AND_PBX,
            DEAD,
        ),
    ),
}
"""By file, the frames from top to bottom."""


def text_of(frames: Sequence[Frame]) -> str:
    """Return a picture as SVG that needs no other file."""
    ET.register_namespace("", SVG)
    height = len(frames) * (HEIGHT + CAPTION)
    picture = ET.Element(f"{{{SVG}}}svg", {"viewBox": f"0 0 {WIDTH} {height}", "width": str(WIDTH), "role": "img"})
    title = ET.SubElement(picture, f"{{{SVG}}}title")
    title.text = "; ".join(f"{caption}: {shown['sentence']}" for caption, shown in frames)
    style = ET.SubElement(picture, f"{{{SVG}}}style")
    style.text = (ASSETS / "drawing.css").read_text(encoding="utf-8") + _STYLE
    ET.SubElement(picture, f"{{{SVG}}}rect", {"class": "ground", "width": str(WIDTH), "height": str(height)})
    for number, (caption, shown) in enumerate(frames):
        top = number * (HEIGHT + CAPTION)
        words = ET.SubElement(picture, f"{{{SVG}}}text", {"class": "caption", "x": "4", "y": str(top + 18)})
        words.text = caption
        picture.append(_drawn(shown, top + CAPTION))
    ET.indent(picture)
    return ET.tostring(picture, encoding="unicode") + "\n"


def _drawn(shown: Mapping[str, Any], top: int) -> ET.Element:
    device = ET.parse(ASSETS / "device.svg").getroot()
    device.set("y", str(top))
    device.set("width", str(WIDTH))
    device.set("height", str(HEIGHT))
    for name, value in shown["attributes"].items():
        device.set(f"data-{name}", value)
    for element in device.iter():
        if "data-text" in element.attrib:
            element.text = shown["texts"][element.attrib.pop("data-text")]
    return device


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    for name, frames in PICTURES.items():
        (folder / f"{name}.svg").write_text(text_of(frames), encoding="utf-8")
