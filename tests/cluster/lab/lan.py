"""The cables of the lab: one bridge, a port for each node, the devices' addresses.

Everything lives in one network namespace, that of the process this class keeps.
"""

from __future__ import annotations

import os
import subprocess

from .processes import LabError, Nursery, end, poll

GATEWAY = "10.42.0.254"
BRIDGE = "br0"
BRIDGE_MAC = "02:00:00:00:00:fe"
"""Given, since a bridge otherwise takes over the address of a port, and another one when a node dies."""


class Lan:
    """The LAN side, with address 10.42.0.254."""

    def __init__(self, nursery: Nursery) -> None:
        self._holder = nursery.start(["unshare", "--net", "sleep", "infinity"])
        self._ports: dict[str, str] = {}
        self._plugged = 0
        self._isolated = "off"

    @property
    def pid(self) -> int:
        """The process whose network namespace this is."""
        return self._holder.pid

    def up(self) -> None:
        """Build the bridge."""
        self._await_namespace()
        self._ip(
            "link set lo up",
            f"link add {BRIDGE} address {BRIDGE_MAC} type bridge",
            f"link set {BRIDGE} up",
            f"addr add {GATEWAY}/24 dev {BRIDGE}",
        )

    def down(self) -> None:
        """Give the namespace back."""
        end(self._holder)

    def plug(self, node: str, pid: int) -> None:
        """Give the network namespace of a process an eth0 on the bridge.

        The port gets a name not used before: the kernel takes its time to clear the namespace of a dead node.
        """
        self._plugged += 1
        port = f"port{self._plugged}"
        self._ip(
            f"link add {port} type veth peer name eth0 netns {pid}",
            f"link set {port} master {BRIDGE} up",
            f"link set {port} type bridge_slave isolated {self._isolated}",
        )
        self._ports[node] = port

    def isolate_nodes(self) -> None:
        """Let no node hear another, nor one that boots later; all of them still reach the LAN side and the devices."""
        self._set_isolated("on")

    def rejoin_nodes(self) -> None:
        """Undo isolate_nodes."""
        self._set_isolated("off")

    def add_address(self, address: str) -> None:
        """Let somebody answer at this address."""
        self._ip(f"addr replace {address}/32 dev {BRIDGE}")

    def remove_address(self, address: str) -> None:
        """Let nobody answer at this address, not even ARP, as with a device without power."""
        self._ip(f"addr del {address}/32 dev {BRIDGE}", may_fail=True)

    def _set_isolated(self, value: str) -> None:
        self._isolated = value
        orders = (f"link set {port} type bridge_slave isolated {value}" for port in self._ports.values())
        self._ip(*orders, may_fail=True)

    def _ip(self, *commands: str, may_fail: bool = False) -> None:
        answer = subprocess.run(
            ["nsenter", "-t", str(self.pid), "-n", "ip", *(["-force"] if may_fail else []), "-batch", "-"],
            input="\n".join(commands),
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode and not may_fail:
            raise LabError(f"ip {commands}: {answer.stderr.strip()}")

    def _await_namespace(self) -> None:
        def entered() -> bool:
            return os.readlink(f"/proc/{self.pid}/ns/net") != os.readlink("/proc/self/ns/net")

        if not poll(entered, 5, interval=0.01):
            raise LabError("no network namespace for the LAN")
