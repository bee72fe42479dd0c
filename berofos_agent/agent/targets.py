"""The targets of the state file: where a device is kicked, and how one that bnfos.conf no longer has is disarmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from berofos_agent.config.bnfosconf import Entry
from berofos_agent.device import frame
from berofos_agent.device.device import Device
from berofos_agent.device.settings import REQUEST_SECONDS, WATCHDOG_ON
from berofos_agent.errors import DeviceError, Unreachable
from berofos_agent.watchdog.arming import disarm, state_in

if TYPE_CHECKING:
    from berofos_agent.agent.state import Target
    from berofos_agent.device.settings import Values

_MAC_IN_KICK = slice(len(frame.MAGIC) + 1, len(frame.MAGIC) + 7)
_FORMER = "@"
"""In the name of a target that bnfos.conf no longer has, between its section's name and its MAC and address."""


def former_name(name: str, target: Target) -> str:
    address = target.kick.partition(":")[0]
    return name if _FORMER in name else f"{name}{_FORMER}{mac_of(target).hex()}{_FORMER}{address}"


def is_of(target: Target | None, entry: Entry | None) -> bool:
    """Tell whether a target is the device that a section of bnfos.conf means now."""
    if target is None or entry is None or entry.mac not in (None, mac_of(target)):
        return False
    return entry.host == place_of(target)[0] or not entry.host.replace(".", "").isdigit()


def place_of(target: Target) -> tuple[str, int]:
    """Return where a target is asked over HTTP."""
    return target.kick.partition(":")[0], target.port


def place_in(entry: Entry) -> tuple[str, int]:
    return entry.host, entry.port


def disarm_if_same(device: Device, deadline: float) -> Values:
    """Disarm a device unless another has its address now; raise NotABerofos then.

    One that is armed, but does not answer over UDP, may be another: then a DeviceError, which is reported, as its lines
    will fall.
    """
    settings = device.read(deadline)
    try:
        device.identify(deadline)
    except Unreachable as exc:
        if state_in(settings) == WATCHDOG_ON:
            raise DeviceError(exc.device, exc.what, exc.step) from exc
        raise
    return disarm(device, deadline)


def mac_of(target: Target) -> bytes:
    return bytes.fromhex(target.kick.rpartition(":")[2])[_MAC_IN_KICK]


def former_device(name: str, target: Target, devices: Sequence[Device]) -> Device:
    """Return the device of a target, with the login that bnfos.conf has now for its section, or for another.

    `devices` are those of bnfos.conf. The state file contains no password; `berofos password` gives all devices the
    same one.
    """
    section = name.partition(_FORMER)[0]
    address, port = place_of(target)
    logins = {device.name: device.entry.login for device in devices if device.entry.login}
    login = logins.get(section) or next(iter(logins.values()), None)
    seconds = next((device.request_seconds for device in devices), REQUEST_SECONDS)
    return Device(Entry(section, address, mac_of(target), login, port), seconds)
