"""A bero*fos as docs/protocol.md describes it: relay, settings, watchdog, power.

Time is a function given from outside. Nothing happens by itself: each look at the device first catches up with what
the clock says should have happened, so a watchdog runs out at its second, whenever somebody looks.

    power       relay                           HTTP    UDP
    off         A-D (mode 0)                    -       -
    operational mode                            yes     scan, ping, kick
    flash       A-D (mode 0)                    -       scan, ping, netconf, flash, erase
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from enum import Enum
from ipaddress import IPv4Address
from typing import Any

from berofos_agent.config.mac import format_mac, parse_mac
from berofos_agent.device import frame, settings
from berofos_agent.device.settings import WATCHDOG_FAILURE, WATCHDOG_ON, Values
from berofos_agent.simulator.faults import Faults
from berofos_agent.simulator.firmware import (
    DEFAULT_FIRMWARE,
    FACTORY_SETTINGS,
    FIRMWARES,
    accept,
    config_text,
    forgotten_flags,
    read_query,
)
from berofos_agent.simulator.flashmemory import FlashMemory
from berofos_agent.simulator.history import Entry, History
from berofos_agent.simulator.watchdog import Watchdog

FIRST_MAC = "00:19:32:00:12:1D"

ADDRESS_WITHOUT_DHCP = IPv4Address("192.168.0.2")
NETMASK_WITHOUT_DHCP = IPv4Address("255.255.255.0")
ANOTHER_PRODUCT = 0x0001

NOT_IN_THIS_MODE = 1
KICK_REFUSED = 1
NO_HTTP_PORT = 5

_POWER_DEFAULTS = {"power1": "power1def", "power2": "power2def"}


class Power(Enum):
    OFF = "off"
    OPERATIONAL = "operational"
    FLASH = "flash"


class SimulatedDevice:
    """One device. Every public method may be called from any thread.

    `lease` is the address a DHCP server gives it. `settings` are laid over the factory's. `changed` is called with
    the device after each change that has to survive a restart, `listener` with each new entry of the history.
    """

    def __init__(
        self,
        name: str = "fos1",
        mac: str = FIRST_MAC,
        *,
        firmware: str = DEFAULT_FIRMWARE,
        lease: IPv4Address | None = None,
        settings: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        listener: Callable[[Entry], None] | None = None,
        changed: Callable[[SimulatedDevice], None] | None = None,
    ) -> None:
        self.name = name
        self.mac = parse_mac(mac)
        self.firmware_name = firmware
        self.lease = lease
        self.flash = FlashMemory()
        self._firmware = FIRMWARES[firmware]
        self._erased = False
        self._lock = threading.RLock()
        self._clock = clock
        self._changed = changed
        self._history = History(clock, wall, listener)
        self.faults = Faults()
        self._stored: Values = {**FACTORY_SETTINGS, **_checked(settings or {})}
        self._access_list = False
        self._phy = frame.PHY_AUTOMATIC
        self.power = Power.OPERATIONAL
        self._mode = self._stored["modedef"]
        self._ports = {port: self._stored[default] for port, default in _POWER_DEFAULTS.items()}
        self._watchdog = Watchdog()
        if self._stored["wdogdef"] == "1":
            self._arm()

    # --- what it shows -----------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Let happen what should have happened by now. Every other look does so too."""
        with self._lock:
            if not self._watchdog.runs_out(self._clock()):
                return
            moment = self._watchdog.fails_at
            self._history.note(
                "watchdog",
                {
                    "from": WATCHDOG_ON,
                    "to": WATCHDOG_FAILURE,
                    "tone": self._stored["wdogaudio"] == "1",
                    "mail": self._stored["wdogmail"] == "1",
                },
                moment,
            )
            self._move("0", "watchdog", moment)
            self._tell_changed()

    @property
    def mode(self) -> str:
        """Where the relay is: "1" A-B, "0" A-D."""
        with self._lock:
            self.catch_up()
            return self._mode

    @property
    def deaf(self) -> bool:
        """True while nothing sent to it is answered."""
        with self._lock:
            return self.power is Power.OFF or self.faults.on("silent")

    @property
    def serves_http(self) -> bool:
        with self._lock:
            is_served = self.power is Power.OPERATIONAL or (self.power is Power.FLASH and self.faults.on("flash-http"))
            return is_served and not self.faults.on("silent")

    def values(self) -> Values:
        """All values that can be read, by keyword."""
        with self._lock:
            self.catch_up()
            values = {
                **self._stored,
                **self._ports,
                "mode": self._mode,
                "wdog": self._watchdog.state,  # the firmware fills both from one variable
                "wdogstate": self._watchdog.state,
                "wdogrtime": str(self._watchdog.seconds_left(self._clock())),
            }
            del values["apwd"]
            return values

    def config_text(self) -> str:
        """What GET /config.txt answers."""
        with self._lock:
            faults = self.faults
            return config_text(self.values(), self._firmware, faults.on("scenario-box"), faults.on("plain-flags"))

    def password(self) -> str | None:
        """The password HTTP wants, None if it wants none."""
        with self._lock:
            return self._stored["apwd"] if self._stored["pwd"] == "1" else None

    def scan_reply(self) -> frame.ScanReply:
        """What it answers to a scan."""
        with self._lock:
            return frame.ScanReply(
                mac=self.told_mac(),
                firmware=(0, 0) if self._erased else self._told_version(),
                operational=self.power is Power.OPERATIONAL,
                network=self._network(),
                link=frame.LINK_UP | frame.LINK_100_MBIT | frame.LINK_FULL_DUPLEX,
                hardware_id=ANOTHER_PRODUCT if self.faults.on("not-berofos") else frame.HARDWARE_ID,
            )

    def told_mac(self) -> bytes:
        """The MAC it puts into its answers."""
        with self._lock:
            return parse_mac(self.faults.argument("wrong-mac") or format_mac(self.mac))

    def state(self) -> dict[str, Any]:
        """Everything at one glance, for orders; without the password."""
        with self._lock:
            values = self.values()
            return {
                "powered": self.power is not Power.OFF,
                "flash": self.power is Power.FLASH,
                "mode": self._mode,
                "scenario": values["scenario"],
                "watchdog": self._watchdog.state,
                "mac": format_mac(self.mac),
                "firmware": "" if self._erased else self.firmware_name,
                "image": self.flash.sha1,
                "faults": self.faults.as_dict(),
                "requests": self.requests,
                "kicks": self._history.kicks,
                "largest_gap": self._history.largest_gap,
                "settings": values,
            }

    # --- what clients do to it ---------------------------------------------------------------------------------

    def write(self, query: str) -> None:
        """Do what the query of a request target says; what it does not understand it passes over."""
        with self._lock:
            self.catch_up()
            if self.power is not Power.OPERATIONAL:
                return
            if self._firmware.forgets_flags:
                for keyword in forgotten_flags(query, self.faults.on("scenario-box")):
                    self._stored[keyword] = "0"
            for keyword, value in read_query(query):
                try:
                    self._write_one(keyword, accept(keyword, value))
                except ValueError:
                    self._history.note("ignored", {"setting": keyword})
            self._tell_changed()

    def kick(self) -> int:
        """Restart the watchdog's interval; return the error byte of the answer."""
        with self._lock:
            self.catch_up()
            if self.power is not Power.OPERATIONAL:
                return NOT_IN_THIS_MODE
            if self.faults.on("refuse-kick"):
                return KICK_REFUSED
            if self._watchdog.armed:
                self._history.kicked(self._watchdog.kick(self._clock(), self._interval))
            return frame.SUCCESS

    def set_network(self, network: frame.NetworkSettings) -> int:
        """Take a network configuration, all of it; return the error byte of the answer."""
        with self._lock:
            if self.power is not Power.FLASH:
                return NOT_IN_THIS_MODE
            if not network.http_port:
                return NO_HTTP_PORT
            self._stored.update(
                address=str(network.address),
                netmask=str(network.netmask),
                gateway=str(network.gateway),
                dhcp=str(int(bool(network.options & frame.OPTION_DHCP))),
                pwd=str(int(bool(network.options & frame.OPTION_AUTHENTICATION))),
                port=str(network.http_port),
            )
            self._phy = network.phy
            self._access_list = bool(network.options & frame.OPTION_ACCESS_LIST)
            self._history.note("netconf", {"address": str(network.address)})
            self._tell_changed()
            return frame.SUCCESS

    def flash_prepare(self, pages: int, checksum: int) -> int:
        """Get ready for an image, forgetting the one before; return the error byte of the answer."""
        with self._lock:
            if self.power is not Power.FLASH:
                return NOT_IN_THIS_MODE
            self._erased = True
            self._tell_changed()
            return self.flash.prepare(pages, checksum)

    def flash_page(self, index: int, data: bytes) -> int:
        """Take one page of an image; return the error byte of the answer."""
        with self._lock:
            if self.power is not Power.FLASH:
                return NOT_IN_THIS_MODE
            error = self.flash.page(index, data)
            if self.flash.image is not None and self._erased:
                self._erased = False
                self._history.note("flashed", {"sha1": self.flash.sha1})
                self._tell_changed()
            return error

    def erase(self) -> int:
        """Forget settings and firmware; return the error byte of the answer."""
        with self._lock:
            if self.power is not Power.FLASH:
                return NOT_IN_THIS_MODE
            self._stored = dict(FACTORY_SETTINGS)
            self._access_list = False
            self._phy = frame.PHY_AUTOMATIC
            self._erased = True
            self.flash = FlashMemory()
            self._history.note("erased", {})
            self._tell_changed()
            return frame.SUCCESS

    # --- what hands do to it -----------------------------------------------------------------------------------

    def switch_power(self, power: Power) -> None:
        """Cut the power, or power it on in the mode given; nothing happens if it is in that mode."""
        with self._lock:
            self.catch_up()
            if power is self.power:
                return
            if power is Power.OPERATIONAL and self._erased:
                raise ValueError("has no firmware, so it only starts in flash mode")
            self._history.note("power", {"from": self.power.value, "to": power.value})
            self.power = power
            self._watchdog.disarm()
            if power is Power.OPERATIONAL:
                self._move(self._stored["modedef"], "power")
                self._ports = {port: self._stored[default] for port, default in _POWER_DEFAULTS.items()}
                if self._stored["wdogdef"] == "1":
                    self._arm()
            else:
                self._move("0", "power")
                self._ports = dict.fromkeys(_POWER_DEFAULTS, "0")
            self._tell_changed()

    def move_by_hand(self, mode: str) -> None:
        """Move the relay past all clients; raise ValueError if it cannot move."""
        with self._lock:
            self.catch_up()
            if self.power is not Power.OPERATIONAL:
                raise ValueError("without power, or in flash mode, the relay stays at A-D")
            if self.faults.on("stuck"):
                raise ValueError("the relay is stuck")
            self._move(mode, "hand")
            self._tell_changed()

    # --- faults and what is remembered -------------------------------------------------------------------------

    def fault(self, name: str, argument: str = "") -> None:
        """Switch a fault on, or off with the argument "off"; raise ValueError for an unusable argument."""
        with self._lock:
            self.catch_up()  # what happened before the fault began has happened
            self.faults.switch(name, argument)

    def clear_faults(self) -> None:
        """End all faults."""
        with self._lock:
            self.catch_up()
            self.faults.clear_faults()

    def count(self, kind: str, number: int = 1) -> None:
        """Count a request of this kind."""
        with self._lock:
            self._history.requests[kind] += number

    @property
    def requests(self) -> dict[str, int]:
        """Requests by kind, those without an answer included: connect, read, write, scan, kick, ..."""
        with self._lock:
            return dict(+self._history.requests)  # without those counted down to 0

    @property
    def history(self) -> list[Entry]:
        """What happened, oldest first."""
        with self._lock:
            self.catch_up()
            return list(self._history.entries)

    def forget(self) -> None:
        """Empty the history and the counts."""
        with self._lock:
            self.catch_up()
            self._history.reset()

    # --- what survives a restart of the simulator --------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All that is to survive, as JSON has it; the password included."""
        with self._lock:
            self.catch_up()
            return {
                "settings": dict(self._stored),
                "ports": dict(self._ports),
                "mode": self._mode,
                "watchdog": self._watchdog.state,
                "power": self.power.value,
                "erased": self._erased,
                "access_list": self._access_list,
                "phy": self._phy,
            }

    def restore(self, dumped: Mapping[str, Any]) -> None:
        """Be as dumped; an armed watchdog starts a fresh interval. Raises ValueError, KeyError or TypeError."""
        with self._lock:
            stored = _checked(dumped["settings"])
            ports = {port: settings.check(port, dumped["ports"][port]) for port in _POWER_DEFAULTS}
            mode = settings.check("mode", dumped["mode"])
            power = Power(dumped["power"])
            self._stored = {**FACTORY_SETTINGS, **stored}
            self._ports, self._mode, self.power = ports, mode, power
            self._erased = bool(dumped["erased"])
            self._access_list = bool(dumped["access_list"])
            self._phy = int(dumped["phy"])
            self._watchdog.arm(self._clock(), self._interval)
            self._watchdog.state = str(dumped["watchdog"])

    # --- inside, all under the lock ----------------------------------------------------------------------------

    def _write_one(self, keyword: str, value: str) -> None:
        if keyword == "mode":
            self._move(value, "http")
        elif keyword in self._ports:
            self._history.note("port", {"port": keyword, "from": self._ports[keyword], "to": value})
            self._ports[keyword] = value
        elif keyword == "wdog":
            before = self._watchdog.state
            if value == "1":
                self._arm()
                if before == WATCHDOG_FAILURE and self.faults.on("rearm-moves"):
                    self._move("1", "rearm")
            else:
                self._watchdog.disarm()
            if self._watchdog.state != before:
                self._history.note("watchdog", {"from": before, "to": self._watchdog.state})
        elif keyword == "smtptest":
            self._history.note("mail", {"to": self._stored["smtpto"]})
        else:
            self._stored[keyword] = value

    def _told_version(self) -> tuple[int, int]:
        major, minor = self._firmware.version
        return (major, minor // 10) if self.faults.on("short-version") else (major, minor)

    def _move(self, mode: str, cause: str, moment: float | None = None) -> None:
        if mode == self._mode or self.faults.on("stuck"):
            return
        self._history.note("relay", {"from": self._mode, "to": mode, "cause": cause}, moment)
        self._mode = mode

    @property
    def _interval(self) -> int:
        return int(self._stored["wdogitime"])

    def _arm(self) -> None:
        self._watchdog.arm(self._clock(), self._interval)

    def _network(self) -> frame.NetworkSettings:
        dhcp, authentication = self._stored["dhcp"] == "1", self._stored["pwd"] == "1"
        address, netmask = IPv4Address(self._stored["address"]), IPv4Address(self._stored["netmask"])
        if dhcp:
            address, netmask = self.lease or ADDRESS_WITHOUT_DHCP, NETMASK_WITHOUT_DHCP
        return frame.NetworkSettings(
            address,
            netmask,
            IPv4Address(self._stored["gateway"]),
            self._phy,
            (frame.OPTION_DHCP if dhcp else 0)
            | (frame.OPTION_AUTHENTICATION if authentication else 0)
            | (frame.OPTION_ACCESS_LIST if self._access_list else 0),
            int(self._stored["port"]),
        )

    def _tell_changed(self) -> None:
        if self._changed:
            self._changed(self)


def _checked(values: Mapping[str, str]) -> Values:
    unknown = set(values) - set(FACTORY_SETTINGS)
    if unknown:
        raise ValueError(f"not kept by a device: {', '.join(sorted(unknown))}")
    return {keyword: accept(keyword, value) for keyword, value in values.items()}
