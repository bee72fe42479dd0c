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
    """Arm a device that answers a kick; return all settings. Raises a DeviceError, the watchdog as it was."""
    device.gbl4.kick(device.seconds(deadline))
    return write_armed(device, seconds, deadline)


def write_armed(device: Device, seconds: int, deadline: float) -> Values:
    """Set the interval, then arm, each read back; return all settings. Raises a DeviceError."""
    interval = {"wdogitime": str(seconds)}
    settings = device.read(deadline)
    if settings.get("wdogitime") != interval["wdogitime"]:
        settings = device.write(interval, settings, deadline).settings
    return device.write(ARMED, settings, deadline).settings


def disarm(device: Device, deadline: float) -> Values:
    """Switch the watchdog off, which also ends an alarm, unless it is off; return all settings."""
    settings = device.read(deadline)
    return settings if state_in(settings) == WATCHDOG_OFF else device.write(DISARMED, settings, deadline).settings


def state_in(settings: Values) -> str:
    """Return the watchdog's state: 0 off, 1 on, 2 failure; firmware may report it under either name."""
    return settings.get("wdogstate", settings.get("wdog", ""))


def target_for(device: Device, deadline: float) -> str:
    """Return how a device is kicked, ADDRESS:PORT:DATAGRAM; ask for a MAC that is not known. Raises a DeviceError."""
    mac = device.gbl4.known_mac(device.seconds(deadline))
    try:
        address, port = resolver.resolve(device.gbl4.host, device.gbl4.port, device.seconds(deadline))
    except OSError as exc:
        raise Unreachable(device.name, f"{device.gbl4.host}: {exc.strerror or exc}") from exc
    return f"{address}:{port}:{frame.encode(frame.Command.KICK, frame.kick_payload(mac)).hex()}"
