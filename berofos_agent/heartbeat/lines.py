"""What the heartbeat does to devices over HTTP: fetch the lines, look, leave; runs in a child, knows no loop.

Each function returns, by device, a word for what was found and a text: of a fetched device how to kick it, else a
line for the log.
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


def fetch(entries: Sequence[Entry], interval: int, seconds: float) -> dict[str, Found]:
    """Bring the lines here and arm the watchdog; a device that takes no kicks is left where it is."""

    def work(device: Device, deadline: float) -> Found:
        order = arming.order_for(device, deadline)
        device.gbl4.kick(device.seconds(deadline))
        device.switch(HERE, deadline)
        arming.arm(device, interval, deadline)
        return "fetched", order

    return _all(entries, seconds, work)


def look(entries: Sequence[Entry], interval: int, seconds: float) -> dict[str, Found]:
    """See whether relay and watchdog are as they were left."""

    def work(device: Device, deadline: float) -> Found:
        told = device.read(deadline)
        if told.get("mode") != HERE:
            lines = LINES.get(told.get("mode", ""), "nothing known")
            return "elsewhere", f"the relay connects {lines}, not {LINES[HERE]}; watchdog {arming.state_in(told)}"
        if arming.state_in(told) != WATCHDOG_ON or told.get("wdogitime", str(interval)) != str(interval):
            return "disarmed", "the watchdog is not armed as it should be; armed again"
        return "here", ""

    return _all(entries, seconds, work)


def leave(entries: Sequence[Entry], _interval: int, seconds: float) -> dict[str, Found]:
    """Switch the watchdog off; the relay stays where it is."""

    def work(device: Device, deadline: float) -> Found:
        arming.disarm(device, deadline)
        return "left", "watchdog off, the lines stay"

    return _all(entries, seconds, work)


def hand_over(entries: Sequence[Entry], _interval: int, seconds: float) -> dict[str, Found]:
    """Switch the watchdog off, then put the lines through to port D."""

    def work(device: Device, deadline: float) -> Found:
        arming.disarm(device, deadline)
        device.switch(AT_D, deadline)
        return "left", "watchdog off, the lines are at port D"

    return _all(entries, seconds, work)


ERRANDS: Mapping[str, Callable[[Sequence[Entry], int, float], dict[str, Found]]] = {
    "fetch": fetch,
    "look": look,
    "leave": leave,
    "hand_over": hand_over,
}


def _all(entries: Sequence[Entry], seconds: float, work: Callable[[Device, float], Found]) -> dict[str, Found]:
    devices = [Device(entry, seconds) for entry in entries]
    results = run_on_all(devices, work, time.monotonic() + EXCHANGES * seconds)
    return {one.device.name: one.value or ("failed", str(one.error)) for one in results}
