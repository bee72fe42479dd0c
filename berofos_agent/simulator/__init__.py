"""Simulated bero*fos devices, for people to try the software with and for tests; clients never import this.

    with simulator.running(2) as bench:
        bench["fos1"].http_address, bench["fos1"].udp_address, bench["fos1"].model

model.py is the device, web.py and udp.py its two servers, control.py takes orders for it from another process.
"""

from berofos_agent.simulator.bench import Bench, BenchDevice, DeviceSpec, running, specs
from berofos_agent.simulator.model import Power, SimulatedDevice

__all__ = ["Bench", "BenchDevice", "DeviceSpec", "Power", "SimulatedDevice", "running", "specs"]
