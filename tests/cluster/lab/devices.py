"""The simulated bero*fos devices of the lab, driven through the simulator's control socket."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from berofos_agent.device.settings import write_target
from berofos_agent.errors import BerofosError
from berofos_agent.simulator.control import order as give_order

from .lan import Lan
from .processes import LabError, Nursery, end, poll

CHECKOUT = Path(__file__).resolve().parents[3]

Note = Callable[[str], None]

LINES_AT = {"1": "xivo-1", "0": "xivo-2"}
"""Which node has the lines in each relay mode: xivo-1 is cabled to port B, xivo-2 to port D."""

FRESH = {"pwd": "0", "modedef": "1", "scenario": "0", "wdog": "0", "wdogdef": "0", "wdogitime": "60"}
"""The settings a device has at a fresh start."""

LOGIN = "admin:foobar"
"""The login of the devices whenever a test protects one."""

_GET = """
import base64, sys, urllib.request
login = base64.b64encode(sys.argv[2].encode()).decode()
request = urllib.request.Request(sys.argv[1], headers={"Authorization": f"Basic {login}"})
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5).read()
"""


@dataclass(frozen=True)
class Movement:
    """One movement of a relay, at a second of time.monotonic()."""

    at: float
    device: str
    source: str
    target: str
    cause: str

    @property
    def node(self) -> str:
        """The node that has the lines after it."""
        return LINES_AT[self.target]


class Device:
    """One device on the LAN."""

    def __init__(self, name: str, address: str, mac: str, lan: Lan, control: Path, note: Note) -> None:
        self._note = note
        self.name = name
        self.address = address
        self.mac = mac
        self._lan = lan
        self._control = control

    def order(self, order: str) -> dict[str, Any]:
        """Give the simulator an order such as 'stuck', 'clear-faults', 'move 0'; return its answer."""
        answer = give_order(str(self._control), f"{self.name} {order}")
        if not answer.get("ok"):
            raise LabError(f"the simulator refuses '{self.name} {order}': {answer.get('error')}")
        return answer

    def misbehave(self, fault: str) -> None:
        """Begin one of the simulator's faults, such as 'stuck' or 'silent'."""
        self._note(f"{self.name} begins to misbehave: {fault}")
        self.order(fault)

    def clear_faults(self) -> None:
        """End all faults."""
        self._note(f"{self.name} is in order again")
        self.order("clear-faults")

    def turn(self, mode: str) -> float:
        """Turn the relay by hand; return the moment it was done."""
        began = time.monotonic()
        self._note(f"somebody turns the relay of {self.name} by hand")
        self.order(f"move {mode}")
        moved = self.movements(since=began)
        if not moved:
            raise LabError(f"the relay of {self.name} stands at {mode} already")
        return moved[0].at

    def power_off(self) -> None:
        """Pull the device's power cord: the relay falls to A-D, and nobody answers at its address."""
        self._note(f"{self.name} loses power")
        self._lan.remove_address(self.address)
        self.order("power off")

    def unplug(self) -> None:
        """Pull the device's network cable; the relay stays."""
        self._note(f"{self.name} loses its network cable")
        self._lan.remove_address(self.address)

    def plug(self) -> None:
        """Put the network cable back."""
        self._note(f"{self.name} has its network cable back")
        self._lan.add_address(self.address)

    def power_on(self) -> None:
        """Plug it in again: it comes up in its power-on default."""
        self._note(f"{self.name} has power again")
        self.order("power on")
        self._lan.add_address(self.address)

    def write(self, settings: dict[str, str], login: str = "") -> None:
        """Write settings as somebody with a browser would; login is USER:PASSWORD."""
        self._note(f"somebody sets {', '.join(settings)} of {self.name}")
        url = f"http://{self.address}{write_target(settings)}"
        argv = ["nsenter", "-t", str(self._lan.pid), "-n", sys.executable, "-c", _GET, url, login]
        subprocess.run(argv, check=True, capture_output=True)

    def reset(self) -> None:
        """End all faults, plug it in, take protection off and forget what happened."""
        self.order("clear-faults")
        if not self.order("state")["state"]["powered"]:
            self.order("power on")
        self._lan.add_address(self.address)
        changed = {key: value for key, value in FRESH.items() if self.order("state")["state"]["settings"][key] != value}
        if changed:
            self.write(changed, LOGIN)

    @property
    def mode(self) -> str:
        """Where the contacts are, with or without power: 1 is A-B, 0 is A-D."""
        state = self.order("state")["state"]
        return str(state["mode"]) if state["powered"] else "0"

    @property
    def lines_at(self) -> str:
        """The node that has this device's lines."""
        return LINES_AT[self.mode]

    def movements(self, since: float = 0.0) -> list[Movement]:
        """Return the relay's movements since a moment of time.monotonic()."""
        return [
            Movement(event["monotonic"], self.name, str(event["from"]), str(event["to"]), event["cause"])
            for event in self.order("history")["history"]
            if event["event"] == "relay" and event["monotonic"] >= since
        ]


class Simulator:
    """All devices of the lab: one simulator process on the LAN."""

    def __init__(self, here: Path, nursery: Nursery, lan: Lan, note: Note) -> None:
        self._here = here
        self._nursery = nursery
        self._lan = lan
        self._process: subprocess.Popen[bytes] | None = None
        control = here / "devices"
        self.devices = {
            name: Device(name, address, mac, lan, control, note)
            for name, address, mac in (
                ("fos1", "10.42.0.201", "00:19:32:00:00:01"),
                ("fos2", "10.42.0.202", "00:19:32:00:00:02"),
            )
        }

    @property
    def bnfos_conf(self) -> str:
        """The /etc/bnfos.conf that names these devices."""
        return "\n".join(
            f"[{device.name}]\nmac = {device.mac}\nhost = {device.address}\n" for device in self.devices.values()
        )

    def up(self) -> None:
        """Start the simulator and wait until it takes orders."""
        config = self._here / "bnfos.conf"
        argv = ["nsenter", "-t", str(self._lan.pid), "-n", sys.executable, "-m", "berofos_agent", "simulate"]
        for device in self.devices.values():
            self._lan.add_address(device.address)
            argv += ["--device", f"{device.name}:{device.address}:80:{device.mac}"]
        argv += ["--control", str(self._here / "devices"), "--config", str(config)]
        diary = self._here / "simulator.log"
        with diary.open("wb") as log:
            process = self._process = self._nursery.start(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=CHECKOUT
            )
        poll(lambda: self._answers() or process.poll() is not None, 10, interval=0.05)
        if not self._answers():
            raise LabError(f"the simulator did not start: {diary.read_text(encoding='utf-8').strip()}")

    def down(self) -> None:
        """Take the devices down."""
        if self._process:
            end(self._process)

    def _answers(self) -> bool:
        try:
            return all(device.order("state")["ok"] for device in self.devices.values())
        except BerofosError:
            return False
