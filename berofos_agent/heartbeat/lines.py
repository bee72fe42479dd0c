"""The tasks of the heartbeat that use HTTP: acquire the lines, inspect devices, release them. They run in a child.

What a task found is a word and a text: for an acquired device its kick target, else a line for the log.
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


def run(task: str, entries: Sequence[Entry], interval: int, seconds: float) -> dict[str, Found]:
    """Do a task, a row of _TASKS, on all devices; return what it found by device."""
    devices = [Device(entry, seconds) for entry in entries]
    work = _TASKS[task]
    results = run_on_all(
        devices, lambda device, end: work(device, interval, end), time.monotonic() + EXCHANGES * seconds
    )
    return {one.device.name: one.value or ("failed", str(one.error)) for one in results}


def _acquire(device: Device, interval: int, deadline: float) -> Found:
    """Switch the relay to port B and arm the watchdog; skip a device that does not answer a kick."""
    target = arming.target_for(device, deadline)
    device.gbl4.kick(device.seconds(deadline))
    device.switch(HERE, deadline)
    arming.arm(device, interval, deadline)
    return "acquired", target


def _inspect(device: Device, interval: int, deadline: float) -> Found:
    """Compare relay and watchdog with what they should be."""
    settings = device.read(deadline)
    state = arming.state_in(settings)
    if settings.get("mode") != HERE:
        position = LINES.get(settings.get("mode", ""), "unknown")
        return "wrong-position", f"relay is in position {position}, expected {LINES[HERE]}; watchdog state {state}"
    if state != WATCHDOG_ON or settings.get("wdogitime", str(interval)) != str(interval):
        return "disarmed", "watchdog is off or has another interval; arming it again"
    return "here", ""


def _leave(device: Device, _interval: int, deadline: float) -> Found:
    """Switch the watchdog off; the relay stays in its position."""
    arming.disarm(device, deadline)
    return "released", "watchdog off, relay not moved"


def _hand_over(device: Device, _interval: int, deadline: float) -> Found:
    """Switch the watchdog off, then the relay to port D."""
    arming.disarm(device, deadline)
    device.switch(AT_D, deadline)
    return "released", "watchdog off, lines at port D"


_TASKS: Mapping[str, Callable[[Device, int, float], Found]] = {
    "acquire": _acquire,
    "inspect": _inspect,
    "leave": _leave,
    "hand-over": _hand_over,
}
