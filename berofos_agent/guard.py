"""What start, monitor, reload-agent and stop do about the watchdog; knows OCF, and leaves the doing to `watchdog`.

On the node at port B the devices are armed and kicked, on the one at D they are not: there the relay is already where
the watchdog would put it. A resource without the parameter loads nothing of all this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from berofos_agent import keeper, ocf, verdict
from berofos_agent.errors import DeviceError, DidNotFollow
from berofos_agent.keeper import KickerError
from berofos_agent.state import State, StateError
from berofos_agent.topology import expected_settings
from berofos_agent.verdict import RUNNING, Seen, Verdict

if TYPE_CHECKING:
    from berofos_agent.device import Device
    from berofos_agent.parameters import Parameters
    from berofos_agent.settings import Values
    from berofos_agent.watchdog import DeadMansSwitch


def interval(given: Parameters, mode: str) -> int:
    """Return the watchdog's interval on the node with this relay mode, 0 for off."""
    return given.watchdog if mode == "1" else 0


def settings(given: Parameters, mode: str) -> Mapping[str, str]:
    """Return the settings a device should have while this node has the lines."""
    expected = expected_settings(given.scenario, given.watchdog)
    if not interval(given, mode):
        expected.pop("wdogitime", None)  # the start at B sets it
        expected["wdog"] = "0"
    return expected


def begin(
    path: str, memory: State, devices: Sequence[Device], names: Sequence[str], seconds: int, deadline: float
) -> tuple[str, Verdict]:
    """Arm the devices named, or see to it that they are off; return what to warn of, and the start's answer.

    A device that does not answer kicks stays unarmed, as it would drop the lines; one that does not follow fails
    the start. What fails it, leaves no kicker, and no watchdog armed that can be reached.
    """
    if not seconds:
        here = [device for device in devices if device.name in names]
        return _warning(_switch(path, memory, here).stop(deadline), "still on"), RUNNING
    switch = _switch(path, memory, devices)
    try:
        errors = switch.start(seconds, names, deadline)
        if not any(isinstance(error, DidNotFollow) for error in errors):
            return _warning(errors, "not armed"), RUNNING
        switch.stop(deadline)
        keeper.end(path)
        return "", verdict.judge_start(errors, len(names))
    except BaseException:
        keeper.end(path)
        switch.stop(deadline)
        raise


def revive(path: str, memory: State) -> str:
    """Start a kicker that is gone or stands still again; return why that failed."""
    if not memory.watchdog:
        return ""
    try:
        _switch(path, memory, ()).revive()
    except (KickerError, StateError) as exc:
        return str(exc)
    return ""


def keep(
    path: str, memory: State, devices: Sequence[Device], seen: Sequence[Seen], seconds: int, deadline: float
) -> tuple[list[Seen], str]:
    """Let the watchdogs of devices in position be as wanted; return what these say then, and what is wrong."""
    try:
        written, reason = _switch(path, memory, devices).keep(_told(seen), seconds, deadline)
    except (KickerError, StateError) as exc:
        return list(seen), str(exc)
    return [Seen(one.device, written.get(one.device, one.told)) for one in seen], reason


def rest(path: str, memory: State, devices: Sequence[Device], seen: Sequence[Seen]) -> None:
    """End a kicker that has nothing left to kick.

    After a probe no stop may follow: the cluster may have been away while another node took the lines.
    """
    if memory.watchdog:
        _switch(path, memory, devices).rest(_told(seen))


def end(path: str, memory: State, devices: Sequence[Device], deadline: float) -> list[DeviceError]:
    """Switch the watchdogs off; return why some are still on."""
    return _switch(path, memory, devices).stop(deadline)


def _switch(path: str, memory: State, devices: Sequence[Device]) -> DeadMansSwitch:
    from berofos_agent.watchdog import DeadMansSwitch

    return DeadMansSwitch(path, memory, devices, ocf.tell_syslog)


def _told(seen: Sequence[Seen]) -> dict[str, Values]:
    return {one.device: one.told for one in seen if one.told}


def _warning(errors: Sequence[DeviceError], what: str) -> str:
    return f"{verdict.together(errors)}; watchdog {what}" if errors else ""
