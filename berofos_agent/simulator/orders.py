"""The orders of a running simulator: a line in, a JSON object out.

A line is DEVICE ORDER [ARGUMENT]. The answer holds at least {"ok": true} or {"ok": false, "error": "..."}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

from berofos_agent.simulator.faults import FAULTS
from berofos_agent.simulator.model import Power, SimulatedDevice

Reply = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """One order; `execute` returns what the answer has beside "ok", or raises ValueError with a sentence."""

    argument: str
    execute: Callable[[SimulatedDevice, str], Reply | None]
    meaning: str


def _power(device: SimulatedDevice, argument: str) -> None:
    wanted = {"on": Power.OPERATIONAL, "off": Power.OFF}.get(argument)
    if wanted is None:
        raise ValueError(f"power needs on or off, not {argument!r}")
    device.switch_power(wanted)


def _move(device: SimulatedDevice, argument: str) -> None:
    if argument not in ("0", "1"):
        raise ValueError(f"move needs 0 or 1, not {argument!r}")
    device.move_by_hand(argument)


ORDERS: Mapping[str, Order] = {
    "power": Order("on|off", _power, "power the device on, or cut its power"),
    "flash": Order(
        "", lambda device, _: device.switch_power(Power.FLASH), "power it on in flash mode; `power on` ends that"
    ),
    "move": Order("0|1", _move, "move the relay by hand"),
    "state": Order("", lambda device, _: {"state": device.state()}, "show its state"),
    "history": Order("", lambda device, _: {"history": device.history}, "show its history, with times"),
    "clear-faults": Order("", lambda device, _: device.clear_faults(), "end all faults"),
    "reset": Order("", lambda device, _: device.forget(), "clear the history"),
}


def execute(devices: Mapping[str, SimulatedDevice], line: str) -> Reply:
    """Do what a line says and return the answer; never raises."""
    name, order, argument = (*line.split(None, 2), "", "", "")[:3]
    device = devices.get(name)
    if device is None:
        return _refusal(f"no device {name!r}; there are {', '.join(devices)}")
    argument = argument.strip()
    try:
        if order in ORDERS:
            if argument and not ORDERS[order].argument:
                raise ValueError(f"{order} takes no argument, not {argument!r}")
            return {"ok": True, **(ORDERS[order].execute(device, argument) or {})}
        if order in FAULTS:
            device.fault(order, argument)
            return {"ok": True}
    except ValueError as exc:
        return _refusal(f"{name}: {exc}")
    return _refusal(f"no order {order!r}; there are {', '.join((*ORDERS, *FAULTS))}")


def _refusal(reason: str) -> Reply:
    return {"ok": False, "error": reason}
