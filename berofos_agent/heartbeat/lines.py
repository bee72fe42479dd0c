"""The tasks of the heartbeat that use HTTP: acquire the lines, inspect devices, release them. They run in a child.

Each function returns, by device, what it found and a text: for an acquired device its kick target, else a line for
the log.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Callable

from berofos_agent.config.bnfosconf import Entry
from berofos_agent.device.device import Device
from berofos_agent.device.parallel import run_on_all
from berofos_agent.device.settings import WATCHDOG_ON
from berofos_agent.device.topology import LINES
from berofos_agent.heartbeat.decisions import EXCHANGES
from berofos_agent.watchdog import arming

Found = tuple[str, str]
HERE, AT_D = "1", "0"


def acquire(entries: Sequence[Entry], interval: int, seconds: float) -> dict[str, Found]:
    """Switch the relay to port B and arm the watchdog; skip a device that does not answer a kick."""

    def work(device: Device, deadline: float) -> Found:
        target = arming.target_for(device, deadline)
        device.gbl4.kick(device.seconds(deadline))
        device.switch(HERE, deadline)
        arming.arm(device, interval, deadline)
        return "acquired", target

    return _on_all(entries, seconds, work)


def inspect(entries: Sequence[Entry], interval: int, seconds: float) -> dict[str, Found]:
    """Compare relay and watchdog with what they should be."""

    def work(device: Device, deadline: float) -> Found:
        settings = device.read(deadline)
        if settings.get("mode") != HERE:
            position = LINES.get(settings.get("mode", ""), "unknown")
            state = arming.state_in(settings)
            return "wrong-position", f"relay is in position {position}, expected {LINES[HERE]}; watchdog state {state}"
        is_armed = arming.state_in(settings) == WATCHDOG_ON
        if not is_armed or settings.get("wdogitime", str(interval)) != str(interval):
            return "disarmed", "watchdog is off or has another interval; arming it again"
        return "here", ""

    return _on_all(entries, seconds, work)


def leave(entries: Sequence[Entry], _interval: int, seconds: float) -> dict[str, Found]:
    """Switch the watchdog off; the relay stays in its position."""

    def work(device: Device, deadline: float) -> Found:
        arming.disarm(device, deadline)
        return "released", "watchdog off, relay not moved"

    return _on_all(entries, seconds, work)


def hand_over(entries: Sequence[Entry], _interval: int, seconds: float) -> dict[str, Found]:
    """Switch the watchdog off, then the relay to port D."""

    def work(device: Device, deadline: float) -> Found:
        arming.disarm(device, deadline)
        device.switch(AT_D, deadline)
        return "released", "watchdog off, lines at port D"

    return _on_all(entries, seconds, work)


TASKS: Mapping[str, Callable[[Sequence[Entry], int, float], dict[str, Found]]] = {
    "acquire": acquire,
    "inspect": inspect,
    "leave": leave,
    "hand-over": hand_over,
}


def _on_all(entries: Sequence[Entry], seconds: float, work: Callable[[Device, float], Found]) -> dict[str, Found]:
    devices = [Device(entry, seconds) for entry in entries]
    results = run_on_all(devices, work, time.monotonic() + EXCHANGES * seconds)
    return {one.device.name: one.value or ("failed", str(one.error)) for one in results}
