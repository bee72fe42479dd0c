"""Finding devices: one at a known address, and all on the LAN."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from berofos_agent import simulator
from berofos_agent.device.gbl4 import REPLY_SECONDS, Gbl4Client, broadcast_scan
from berofos_agent.simulator import LOOPBACK_BROADCAST

from .rows import Row

DEVICES = 16


def rows() -> Iterator[Row]:
    """Measure; takes some seconds."""
    with simulator.running(DEVICES) as devices:
        address, port = devices["fos1"].udp_address
        client = Gbl4Client("fos1", address, port=port)
        times = []
        for _ in range(101):
            began = time.perf_counter()
            client.scan()
            times.append(time.perf_counter() - began)
        how = "median of 101; it returns with the answer, its time limit does not matter"
        yield Row("scan of one device by address", statistics.median(times) * 1000, "ms", None, how)
        began = time.perf_counter()
        found = broadcast_scan(LOOPBACK_BROADCAST, port)
        seconds = time.perf_counter() - began
    assert len(found) == DEVICES
    how = f"finds {DEVICES}; the quiet second behind the last answer is {REPLY_SECONDS:g} s of it"
    yield Row("scan of the LAN", seconds, "s", REPLY_SECONDS + 0.5, how)
