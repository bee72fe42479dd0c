"""Checks of a host without a cluster: the heartbeat runs, and the lines are at port B with their watchdog armed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from berofos_agent.cluster import tools
from berofos_agent.device.settings import WATCHDOG_ON
from berofos_agent.device.topology import LINES
from berofos_agent.doctor.findings import Facts, Inspected, Problem
from berofos_agent.errors import ConfigurationError
from berofos_agent.watchdog.arming import state_in

UNIT = "berofos-heartbeat"
ACTIVE = "active"
_QUERY_SECONDS = 3.0
_LOG = f"journalctl --unit={UNIT}"


def state(switchers: Sequence[str]) -> str:
    """Return the state of the heartbeat's unit as systemctl names it; empty if it is not enabled."""
    if not any(path.endswith(f"/{UNIT}.service") for path in switchers):
        return ""
    try:
        answer = tools.run(["systemctl", "is-active", UNIT], _QUERY_SECONDS)
    except ConfigurationError:
        return "unknown"
    return answer.stdout.decode(errors="replace").strip() or "unknown"


def stopped(facts: Facts) -> Iterator[Problem]:
    """The heartbeat is enabled, but does not run: nothing kicks the devices, and nothing switches them."""
    if facts.heartbeat not in ("", ACTIVE):
        yield Problem(UNIT, f"does not run: the unit is {facts.heartbeat}", f"{_LOG}; then systemctl start {UNIT}")


def lines_lost(facts: Facts) -> Iterator[Problem]:
    """The heartbeat runs, but the lines are at port D: telephony was unhealthy, or kicks were not answered."""
    for device in _watched(facts):
        if device.inspection.mode == "0":
            yield Problem(device.name, f"has its lines at {LINES['0']}, although {UNIT} runs", f"{_LOG}, it says why")


def unarmed(facts: Facts) -> Iterator[Problem]:
    """The heartbeat runs and has the lines, but a watchdog is not armed: nothing moves them if this host dies."""
    for device in _watched(facts):
        if device.inspection.mode == "1" and state_in(device.settings) != WATCHDOG_ON:
            # No restart: a stop of the service moves the lines of all devices to port D.
            step = f"{_LOG}; it arms it again within 5 minutes if the device answers kicks (UDP port 50123)"
            yield Problem(device.name, f"has its watchdog not armed, although {UNIT} runs", step)


def _watched(facts: Facts) -> Iterator[Inspected]:
    return (device for device in facts.inspected if facts.heartbeat == ACTIVE)
