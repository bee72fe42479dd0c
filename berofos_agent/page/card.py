"""What the drawing of one device shows: attributes, which its style sheet turns into a picture, and the same in words.

assets/device.svg is the drawing. An element with data-text="NAME" gets the text of that name; everything else follows
from the attributes of the drawing itself (assets/drawing.css).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from berofos_agent.device.settings import WATCHDOG_FAILURE, WATCHDOG_ON
from berofos_agent.device.topology import LINES, SCENARIO, connections

PORTS = "ABCD"

Card = dict[str, Any]

_ENDS: Mapping[str, str] = {"A": "lines in", "B": "port B", "C": "port C", "D": "port D"}
"""What is at the end of a port's cable, where nothing better is known."""

_OFF = ("OFFLINE", "UNCLEAN", "killed")
"""Notes of a node that is not there; its box is dashed."""

_WIDTH = 11
"""Letters that fit a box of the drawing."""


def card(
    device: str,
    host: str = "",
    *,
    power: str = "on",
    settings: Mapping[str, str] = {},
    problems: Sequence[str] = (),
    facts: Sequence[tuple[str, str]] = (),
    ends: Mapping[str, str] = {},
    notes: Mapping[str, str] = {},
) -> Card:
    """Return the card of a device, ready for JSON.

    `power` is on, off, flash (the device is in flash mode) or unknown (it does not answer: `settings` are those read
    last). `ends` says what is cabled to each port, `notes` how that is.
    """
    mode = "0" if power in ("off", "flash") else settings.get("mode", "")
    scenario = settings.get("scenario", SCENARIO["fallback"])
    watchdog = settings.get("wdogstate", "") if power == "on" else ""
    named = {port: ends.get(port) or _ENDS[port] for port in PORTS}
    texts = {
        "name": device[:20],
        "watchdog": _watchdog(settings, watchdog),
        "power1": _power_port(settings, "power1", power),
        "power2": _power_port(settings, "power2", power),
        **{f"end{port}": _short(named[port]) for port in PORTS},
        **{f"note{port}": _short(notes.get(port, "")) for port in PORTS},
    }
    attributes = {"power": power, "mode": mode, "scenario": scenario, "watchdog": watchdog}
    attributes.update({f"end{port.lower()}": "off" if notes.get(port) in _OFF else "" for port in PORTS})
    attributes.update(power1=texts["power1"][-3:].strip(), power2=texts["power2"][-3:].strip())
    return {
        "name": device,
        "host": host,
        "attributes": attributes,
        "texts": texts,
        "sentence": sentence(power, mode, scenario, named),
        "problems": list(problems),
        "facts": [list(fact) for fact in (*_facts(settings, texts), *facts)],
    }


def sentence(power: str, mode: str, scenario: str, ends: Mapping[str, str]) -> str:
    """Return where the lines go, in words."""
    if mode not in LINES:
        return "It is not known where the lines go."
    told = " and ".join(f"{one} to {other}" for one, other in connections(mode, scenario))
    target = ends[connections(mode, scenario)[0][1]]
    where = f"port {told}" if target in _ENDS.values() else f"port {told}: the lines are at {target}"
    return {
        "on": f"Connects {where}.",
        "off": f"Without power it connects {where}.",
        "flash": f"In flash mode it connects {where}.",
    }.get(power, f"Does not answer. When it last did, it connected {where}.")


def _watchdog(settings: Mapping[str, str], state: str) -> str:
    if state == WATCHDOG_ON:
        return f"watchdog {settings.get('wdogrtime', '?')} s"
    return "watchdog expired" if state == WATCHDOG_FAILURE else "watchdog off" if state else ""


def _power_port(settings: Mapping[str, str], keyword: str, power: str) -> str:
    state = settings.get(keyword, "") if power == "on" else "0" if power in ("off", "flash") else ""
    return f"{keyword[-1]} {({'1': 'on', '0': 'off'}).get(state, '?')}"


def _facts(settings: Mapping[str, str], texts: Mapping[str, str]) -> list[tuple[str, str]]:
    if not settings:
        return []
    scenario = {setting: name for name, setting in SCENARIO.items()}.get(settings.get("scenario", ""), "unknown")
    facts = [
        ("relay mode", settings.get("mode", "unknown")),
        ("at power-on", LINES.get(settings.get("modedef", ""), "unknown")),
        ("scenario", scenario),
        ("watchdog", texts["watchdog"].removeprefix("watchdog ") or "unknown"),
        ("watchdog interval", f"{settings.get('wdogitime', '?')} s"),
        ("power ports", f"{texts['power1']}, {texts['power2']}"),
    ]
    if settings.get("hostname"):
        facts.append(("host name", settings["hostname"]))
    return facts


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
