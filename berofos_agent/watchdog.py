"""The dead man's switch: arms the devices' watchdogs, keeps a kicker kicking them; knows no OCF and no relay mode.

While it is up, the lines stay where they are only as long as this node lives and reaches the device.
A device is armed only after it has answered a kick: armed without, it would drop the lines at once, again and again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from berofos_agent import frame, keeper, names, state
from berofos_agent.bank import all_at_once
from berofos_agent.errors import DeviceError, Unreachable
from berofos_agent.settings import WATCHDOG_FAILURE, WATCHDOG_OFF, WATCHDOG_ON, Values
from berofos_agent.state import State

if TYPE_CHECKING:
    from berofos_agent.device import Device

LATE = 2
"""Kicks, answers or intervals that may be missing before it is told."""

ARMED, DISARMED = {"wdog": "1"}, {"wdog": "0"}


def arm(device: Device, seconds: int, deadline: float) -> Values:
    """Set the interval, then arm, each read back; return all settings. Raises a DeviceError, the watchdog as it was."""
    interval = {"wdogitime": str(seconds)}
    device.gbl4.kick(device.seconds(deadline))
    if device.read(deadline).get("wdogitime") != interval["wdogitime"]:
        device.write(interval, deadline)
    return device.write(ARMED, deadline)


def disarm(device: Device, deadline: float) -> Values:
    """Switch the watchdog off, which also ends an alarm, unless it is off; return all settings."""
    told = device.read(deadline)
    return told if state_in(told) == WATCHDOG_OFF else device.write(DISARMED, deadline)


def state_in(told: Values) -> str:
    """Return the watchdog's state: 0 off, 1 on, 2 failure; firmware may tell it under either name."""
    return told.get("wdogstate", told.get("wdog", ""))


def order_for(device: Device, deadline: float) -> str:
    """Return how the kicker kicks a device; a MAC that bnfos.conf does not tell is asked for. Raises a DeviceError."""
    mac = device.gbl4.known_mac(device.seconds(deadline))
    try:
        address, port = names.resolve(device.gbl4.host, device.gbl4.port, device.seconds(deadline))
    except OSError as exc:
        raise Unreachable(device.name, f"{device.gbl4.host}: {exc.strerror or exc}") from exc
    return f"{address}:{port}:{frame.encode(frame.Command.KICK, frame.kick_payload(mac)).hex()}"


@dataclass
class DeadMansSwitch:
    """The watchdogs and the kicker of one resource. What a later action has to know of them is in `memory`."""

    path: str
    memory: State
    devices: Sequence[Device]
    tell: Callable[[str], None]

    def __post_init__(self) -> None:
        for device in self.devices:
            if device.gbl4.mac is None and device.name in self.memory.targets:
                with contextlib.suppress(ValueError):  # a state file that was meddled with
                    device.gbl4.mac = _mac_in(self.memory.targets[device.name])

    def start(self, seconds: int, names: Sequence[str], deadline: float) -> list[DeviceError]:
        """Start the kicker, then arm the devices named; return why some are not armed. Raises KickerError, StateError.

        The kicker is first, so that at no moment a watchdog runs without one.
        """
        self._find(self.devices, deadline)
        self._launch(seconds)
        return self._arm([device for device in self.devices if device.name in names], seconds, deadline)[1]

    def stop(self, deadline: float) -> list[DeviceError]:
        """Switch the watchdogs off, then end the kicker unless one stayed on; return why some did."""
        outcomes = all_at_once(self.devices, disarm, deadline)
        errors = [outcome.error for outcome in outcomes if outcome.error]
        if not errors:
            keeper.end(self.path)
            self.memory.watchdog, self.memory.targets = 0, {}
        return errors

    def revive(self) -> None:
        """Start the kicker again if it is gone or stands still; raise KickerError, StateError."""
        if not self.memory.watchdog or not self.memory.targets:
            return
        if not keeper.pid_of(self.path):
            self.tell("the kicker was gone; started again")
        else:
            at = keeper.read_report(self.path).at
            still = state.clock() - at
            if not at or still < LATE * self._pace():
                return
            self.tell(f"the kicker stood still for {still:.0f} s; ended and started again")
        self._launch(self.memory.watchdog)

    def rest(self, told: Mapping[str, Values]) -> None:
        """End a kicker that has nothing to kick: another node has the lines, and all watchdogs are off."""
        if len(told) == len(self.devices) and all(state_in(values) == WATCHDOG_OFF for values in told.values()):
            keeper.end(self.path)
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
            errors = [outcome.error for outcome in all_at_once(armed, disarm, deadline) if outcome.error]
        return f"{errors[0]}; watchdog still on" if errors else ""

    def _find(self, devices: Sequence[Device], deadline: float) -> bool:
        found = {one.device.name: one.result for one in all_at_once(devices, order_for, deadline) if one.result}
        self.memory.targets.update(found)
        return bool(found)

    def _launch(self, seconds: int) -> None:
        """Put a kicker in place of the one there is; the token makes this one of the start that the file tells of."""
        self.memory.watchdog = seconds
        self.memory.token = os.urandom(8).hex()
        state.save(self.path, self.memory)
        keeper.end(self.path)
        if self.memory.targets:
            keeper.launch(self.path, self.memory.token, self._pace(), self.memory.targets)

    def _arm(
        self, devices: Sequence[Device], seconds: int, deadline: float
    ) -> tuple[dict[str, Values], list[DeviceError]]:
        outcomes = all_at_once(devices, lambda device, end: arm(device, seconds, end), deadline)
        armed = {one.device.name: one.result for one in outcomes if one.result is not None}
        return armed, [one.error for one in outcomes if one.error]

    def _pace(self) -> float:
        return self.memory.watchdog / 3

    def _report(self, told: Mapping[str, Values]) -> str:
        kicks = keeper.read_report(self.path).devices
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
