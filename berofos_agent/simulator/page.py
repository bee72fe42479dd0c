"""The page of a simulated device: how it is, what hands can do to it, what happened to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.message import Message
from typing import Any

from berofos_agent.device.topology import LINES
from berofos_agent.page import content
from berofos_agent.page.card import card
from berofos_agent.page.content import Reply
from berofos_agent.simulator.faults import FAULTS
from berofos_agent.simulator.history import Entry
from berofos_agent.simulator.model import SimulatedDevice
from berofos_agent.simulator.orders import execute

_HANDS = (
    ("Power on", "power on"),
    ("Power off", "power off"),
    ("Power on with the black button held", "flash"),
    ("Move the relay to B", "move 1"),
    ("Move the relay to D", "move 0"),
    ("Pull the network cable", "silent"),
    ("Forget the history", "reset"),
)
"""What hands do to a device, and the order that does it."""

_EXAMPLES = {
    "SECONDS": "2",
    "[SECONDS]": "0.1",
    "N|forever": "3",
    "N": "500",
    "URL": "http://127.0.0.1/",
    "MAC": "00:19:32:FF:FF:FF",
}

_HISTORY = 100
"""Entries that are shown, the newest first."""


def is_for_page(method: str, target: str) -> bool:
    """Return whether a request is the page's and not a client's: no client asks for / without a query."""
    return method == "POST" or target in content.FILES or target == content.STATE_PATH


def answer(device: SimulatedDevice, method: str, target: str, headers: Message, body: bytes) -> Reply:
    """Return what the page's requests are answered with, whatever the device's power and faults."""
    if method == "GET":
        if target == content.STATE_PATH:
            return content.as_json(200, state_of(device))
        return content.file_at(target) or content.as_json(404, {"ok": False, "error": "no such page"})
    if target != content.ORDER_PATH:
        return content.as_json(404, {"ok": False, "error": "no such page"})
    refused = content.refusal(*(headers.get(name, "") for name in ("Host", "Origin", "Content-Type")))
    if refused:
        return content.as_json(403, {"ok": False, "error": refused})
    try:
        order = content.order_in(body)
    except ValueError as exc:
        return content.as_json(400, {"ok": False, "error": f"no order: {exc}"})
    return content.as_json(200, execute({device.name: device}, f"{device.name} {order}"))


def state_of(device: SimulatedDevice) -> dict[str, Any]:
    """Return all that the page shows."""
    state = device.state()
    faults = state["faults"]
    return {
        "title": f"{device.name}, a simulated bero*fos",
        "cards": [card_of(device.name, state)],
        "controls": [
            {"title": "What hands do", "items": [_hand(label, order, faults) for label, order in _HANDS]},
            {
                "title": "Faults",
                "kind": "faults",
                "items": [_fault(name, faults) for name in FAULTS if name not in dict(_HANDS).values()],
            },
        ],
        "tables": [
            {
                "title": "History",
                "head": ["time", "what happened"],
                "rows": [_row(entry) for entry in device.history[: -_HISTORY - 1 : -1]],
            }
        ],
    }


def card_of(
    name: str, state: Mapping[str, Any], ends: Mapping[str, str] = {}, notes: Mapping[str, str] = {}
) -> dict[str, Any]:
    """Return the card of a device from the state that the order `state` tells."""
    return card(
        name,
        power="flash" if state["flash"] else "on" if state["powered"] else "off",
        settings=state["settings"],
        problems=[
            FAULTS[fault].meaning if argument == "on" else f"{FAULTS[fault].meaning} ({argument})"
            for fault, argument in state["faults"].items()
        ],
        facts=[("MAC", state["mac"]), ("firmware", state["firmware"] or "none"), ("kicks", str(state["kicks"]))],
        ends=ends,
        notes=notes,
    )


def _hand(label: str, order: str, faults: Mapping[str, str]) -> dict[str, Any]:
    return {"label": label, "order": order, **({"pressed": order in faults} if order in FAULTS else {})}


def _fault(name: str, faults: Mapping[str, str]) -> dict[str, Any]:
    fault = FAULTS[name]
    return {
        "label": name,
        "order": name,
        "hint": fault.meaning,
        "argument": fault.argument,
        "example": _EXAMPLES.get(fault.argument, ""),
        "pressed": name in faults,
    }


def _row(entry: Entry) -> list[str]:
    at = float(entry["at"])
    moment = f"{time.strftime('%H:%M:%S', time.localtime(at))}.{int(at * 10) % 10}"
    if entry["event"] == "relay":
        return [moment, f"relay from {LINES[str(entry['from'])]} to {LINES[str(entry['to'])]}, by {entry['cause']}"]
    told = ", ".join(f"{key} {value}" for key, value in entry.items() if key not in ("at", "monotonic", "event"))
    return [moment, f"{entry['event']}: {told}" if told else str(entry["event"])]
