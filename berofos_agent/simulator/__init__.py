"""Simulated bero*fos devices, to try the software with and for tests.

    with simulator.running(2) as devices:
        devices["fos1"].http_address, devices["fos1"].udp_address, devices["fos1"].model

model.py is the device, web.py and udp.py its two servers, control.py takes orders for it from another process.
"""

from berofos_agent.simulator.model import Power, SimulatedDevice
from berofos_agent.simulator.simulator import (
    LOOPBACK_BROADCAST,
    DeviceSpec,
    RunningDevice,
    Simulator,
    running,
    specs,
)

__all__ = [
    "LOOPBACK_BROADCAST",
    "DeviceSpec",
    "Power",
    "RunningDevice",
    "SimulatedDevice",
    "Simulator",
    "running",
    "specs",
]
