"""Arms and disarms the watchdog of one device, and says how the kick daemon kicks it.

A device is armed only after it has answered a kick: armed without, it would drop the lines at once, again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from berofos_agent.device import frame, resolver
from berofos_agent.device.settings import WATCHDOG_OFF, Values
from berofos_agent.errors import Unreachable

if TYPE_CHECKING:
    from berofos_agent.device.device import Device

ARMED, DISARMED = {"wdog": "1"}, {"wdog": "0"}


def arm(device: Device, seconds: int, deadline: float) -> Values:
    """Set the interval, then arm, each read back; return all settings. Raises a DeviceError, the watchdog as it was."""
    interval = {"wdogitime": str(seconds)}
    device.gbl4.kick(device.seconds(deadline))
    before = device.read(deadline)
    if before.get("wdogitime") != interval["wdogitime"]:
        before = device.write(interval, before, deadline).settings
    return device.write(ARMED, before, deadline).settings


def disarm(device: Device, deadline: float) -> Values:
    """Switch the watchdog off, which also ends an alarm, unless it is off; return all settings."""
    told = device.read(deadline)
    return told if state_in(told) == WATCHDOG_OFF else device.write(DISARMED, told, deadline).settings


def state_in(told: Values) -> str:
    """Return the watchdog's state: 0 off, 1 on, 2 failure; firmware may tell it under either name."""
    return told.get("wdogstate", told.get("wdog", ""))


def order_for(device: Device, deadline: float) -> str:
    """Return how the kicker kicks a device; a MAC that bnfos.conf does not tell is asked for. Raises a DeviceError."""
    mac = device.gbl4.known_mac(device.seconds(deadline))
    try:
        address, port = resolver.resolve(device.gbl4.host, device.gbl4.port, device.seconds(deadline))
    except OSError as exc:
        raise Unreachable(device.name, f"{device.gbl4.host}: {exc.strerror or exc}") from exc
    return f"{address}:{port}:{frame.encode(frame.Command.KICK, frame.kick_payload(mac)).hex()}"
