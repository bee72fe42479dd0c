"""What start, monitor, reload-agent and stop do about the watchdog; knows OCF, and leaves the doing to `watchdog`.

On the node at port B the devices are armed and kicked, on the one at D they are not: there the relay is already where
the watchdog would put it. A resource without the parameter loads nothing of all this.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from berofos_agent.agent import decisions, ocf, state
from berofos_agent.agent.decisions import OK, Result
from berofos_agent.agent.state import State
from berofos_agent.device import frame
from berofos_agent.device.parallel import run_on_all
from berofos_agent.device.reading import Reading
from berofos_agent.device.settings import WATCHDOG_FAILURE, WATCHDOG_OFF, WATCHDOG_ON
from berofos_agent.device.topology import expected_settings
from berofos_agent.errors import DeviceError, DidNotFollow, FrameError, KickDaemonError, StateError
from berofos_agent.watchdog import process
from berofos_agent.watchdog.arming import arm, disarm, order_for, state_in

if TYPE_CHECKING:
    from berofos_agent.agent.parameters import Parameters
    from berofos_agent.device.device import Device
    from berofos_agent.device.settings import Values


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


LATE = 2
"""Kicks, answers or intervals that may be missing before it is told."""


def begin(
    path: str, memory: State, devices: Sequence[Device], names: Sequence[str], seconds: int, deadline: float
) -> tuple[str, Result]:
    """Arm the devices named, or see to it that they are off; return what to warn of, and the start's answer.

    A device that does not answer kicks stays unarmed, as it would drop the lines; one that does not follow fails
    the start. What fails it, leaves no kicker, and no watchdog armed that can be reached.
    """
    if not seconds:
        here = [device for device in devices if device.name in names]
        return _warning(_switch(path, memory, here).stop(deadline), "still on"), OK
    switch = _switch(path, memory, devices)
    try:
        errors = switch.start(seconds, names, deadline)
        if not any(isinstance(error, DidNotFollow) for error in errors):
            return _warning(errors, "not armed"), OK
        switch.stop(deadline)
        process.end(path)
        return "", decisions.evaluate_start(errors, len(names))
    except BaseException:
        process.end(path)
        switch.stop(deadline)
        raise


def revive(path: str, memory: State) -> str:
    """Start a kicker that is gone or stands still again; return why that failed."""
    if not memory.watchdog:
        return ""
    try:
        _switch(path, memory, ()).revive()
    except (KickDaemonError, StateError) as exc:
        return str(exc)
    return ""


def keep(
    path: str, memory: State, devices: Sequence[Device], seen: Sequence[Reading], seconds: int, deadline: float
) -> tuple[list[Reading], str]:
    """Let the watchdogs of devices in position be as wanted; return what these say then, and what is wrong."""
    try:
        written, reason = _switch(path, memory, devices).keep(_told(seen), seconds, deadline)
    except (KickDaemonError, StateError) as exc:
        return list(seen), str(exc)
    return [Reading(one.device, written.get(one.device, one.settings), one.error) for one in seen], reason


def rest(path: str, memory: State, devices: Sequence[Device], seen: Sequence[Reading]) -> None:
    """End a kicker that has nothing left to kick.

    After a probe no stop may follow: the cluster may have been away while another node took the lines.
    """
    if memory.watchdog:
        _switch(path, memory, devices).rest(_told(seen))


def end(path: str, memory: State, devices: Sequence[Device], deadline: float) -> list[DeviceError]:
    """Switch the watchdogs off; return why some are still on."""
    return _switch(path, memory, devices).stop(deadline)


def _switch(path: str, memory: State, devices: Sequence[Device]) -> DeadMansSwitch:
    return DeadMansSwitch(path, memory, devices, ocf.tell_syslog)


def _told(seen: Sequence[Reading]) -> dict[str, Values]:
    return {one.device: one.settings for one in seen if one.settings}


def _warning(errors: Sequence[DeviceError], what: str) -> str:
    return f"{decisions.together(errors)}; watchdog {what}" if errors else ""


@dataclass
class DeadMansSwitch:
    """The watchdogs and the kicker of one resource. What a later action has to know of them is in `memory`."""

    path: str
    memory: State
    devices: Sequence[Device]
    tell: Callable[[str], None]

    def __post_init__(self) -> None:
        for device in self.devices:
            is_known = device.entry.mac or device.entry.problem
            if not is_known and device.name in self.memory.targets:
                with contextlib.suppress(ValueError, FrameError):  # a state file that was meddled with
                    device.gbl4.mac = _mac_in(self.memory.targets[device.name])

    def start(self, seconds: int, names: Sequence[str], deadline: float) -> list[DeviceError]:
        """Start the kicker, then arm the devices named; return why some are not armed.

        Raises KickDaemonError, StateError.

        The kicker is first, so that at no moment a watchdog runs without one.
        """
        self._find(self.devices, deadline)
        self._launch(seconds)
        return self._arm([device for device in self.devices if device.name in names], seconds, deadline)[1]

    def stop(self, deadline: float) -> list[DeviceError]:
        """Switch the watchdogs off, then end the kicker unless one stayed on; return why some did."""
        results = run_on_all(self.devices, disarm, deadline)
        errors = [result.error for result in results if result.error]
        if not errors:
            process.end(self.path)
            self.memory.watchdog, self.memory.targets = 0, {}
        return errors

    def revive(self) -> None:
        """Start the kicker again if it is gone or stands still; raise KickDaemonError, StateError."""
        if not self.memory.watchdog or not self.memory.targets:
            return
        if not process.pid_of(self.path):
            self.tell("the kicker was gone; started again")
        else:
            at = process.read_report(self.path).at
            still = state.clock() - at
            if not at or still < LATE * self._pace():
                return
            self.tell(f"the kicker stood still for {still:.0f} s; ended and started again")
        self._launch(self.memory.watchdog)

    def rest(self, told: Mapping[str, Values]) -> None:
        """End a kicker that has nothing to kick: another node has the lines, and all watchdogs are off."""
        if len(told) == len(self.devices) and all(state_in(values) == WATCHDOG_OFF for values in told.values()):
            process.end(self.path)
            self.memory.watchdog, self.memory.targets = 0, {}

    def keep(self, told: Mapping[str, Values], seconds: int, deadline: float) -> tuple[dict[str, Values], str]:
        """Bring all to what is wanted, `seconds` being 0 for off; `told` is what the devices in position say.

        Returns what those said that were written to, and a reason if something is not as it should be.
        """
        if not seconds:
            return {}, self._keep_off(told, deadline)
        here = [device for device in self.devices if device.name in told]
        found = self._find([device for device in here if device.name not in self.memory.targets], deadline)
        quickest = min(seconds, self.memory.watchdog or seconds)  # no device may wait longer than it is set to
        if found or self.memory.watchdog != quickest:
            self._launch(quickest)
        unarmed = [device for device in here if not _is_armed(told[device.name], seconds)]
        written, errors = self._arm(unarmed, seconds, deadline)
        if self.memory.watchdog != seconds and not errors:
            self._launch(seconds)
        for name in written:
            self.tell(f"{name}: watchdog armed again, interval {seconds} s")
        if errors:
            return written, f"{errors[0]}; watchdog not armed"
        return written, self._report({**told, **written})

    def _keep_off(self, told: Mapping[str, Values], deadline: float) -> str:
        armed = [device for device in self.devices if state_in(told.get(device.name, {})) == WATCHDOG_ON]
        if self.memory.watchdog:
            errors = self.stop(deadline)
        else:
            errors = [result.error for result in run_on_all(armed, disarm, deadline) if result.error]
        return f"{errors[0]}; watchdog still on" if errors else ""

    def _find(self, devices: Sequence[Device], deadline: float) -> bool:
        found = {one.device.name: one.value for one in run_on_all(devices, order_for, deadline) if one.value}
        self.memory.targets.update(found)
        return bool(found)

    def _launch(self, seconds: int) -> None:
        """Put a kicker in place of the one there is; the token makes this one of the start that the file tells of."""
        self.memory.watchdog = seconds
        self.memory.token = os.urandom(8).hex()
        state.save(self.path, self.memory)
        process.end(self.path)
        if self.memory.targets:
            process.launch(self.path, self.memory.token, self._pace(), self.memory.targets)

    def _arm(
        self, devices: Sequence[Device], seconds: int, deadline: float
    ) -> tuple[dict[str, Values], list[DeviceError]]:
        results = run_on_all(devices, lambda device, end: arm(device, seconds, end), deadline)
        armed = {one.device.name: one.value for one in results if one.value is not None}
        return armed, [one.error for one in results if one.error]

    def _pace(self) -> float:
        return self.memory.watchdog / 3

    def _report(self, told: Mapping[str, Values]) -> str:
        kicks = process.read_report(self.path).devices
        for name, values in told.items():
            if state_in(values) == WATCHDOG_FAILURE:
                return f"{name}: watchdog failure noted; clear it: --set wdog=0"
            if name in kicks and kicks[name].unanswered >= LATE:
                lost = kicks[name].unanswered
                return f"{name}: {lost} kicks not answered; check MAC in bnfos.conf and UDP port {frame.PORT}"
        return ""


def _mac_in(order: str) -> bytes:
    return frame.decode(bytes.fromhex(order.rpartition(":")[2])).mac


def _is_armed(told: Values, seconds: int) -> bool:
    """A failure noted counts as armed: somebody should look before it is cleared."""
    return state_in(told) == WATCHDOG_FAILURE or (
        state_in(told) == WATCHDOG_ON and told.get("wdogitime", str(seconds)) == str(seconds)
    )
