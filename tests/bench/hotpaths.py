"""The agent's hot paths against their floors: meta-data, an empty probe, a monitor, and starting many devices."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from berofos_agent import simulator
from berofos_agent.simulator import Simulator

from .rows import Command, Row, peak_kilobytes, ratio

AGENT = str(Path(__file__).parents[2] / "ocf" / "berofos")
PYTHON = "/usr/bin/python3"
BARE = Command([PYTHON, "-sE", "-c", "pass"], {})
FLOOR = (
    "import sys; sys.path.insert(0, '/usr/lib/ocf/lib/heartbeat'); import ocf, requests; "
    "requests.get(sys.argv[1], timeout=3).text"
)


def environ_of(folder: str, **more: str) -> dict[str, str]:
    """Return what Pacemaker gives the agent."""
    return {
        "PATH": os.environ["PATH"],
        "OCF_ROOT": "/usr/lib/ocf",
        "HA_RSCTMP": folder,
        "OCF_RESOURCE_INSTANCE": "relay",
        "OCF_RESKEY_config": f"{folder}/bnfos.conf",
        "OCF_RESKEY_port_b_node": "xivo-1",
        "OCF_RESKEY_port_d_node": "xivo-2",
        "OCF_RESKEY_CRM_meta_on_node": "xivo-1",
        "OCF_RESKEY_CRM_meta_timeout": "20000",
        "OCF_RESKEY_CRM_meta_interval": "10000",
        **more,
    }


def rows() -> Iterator[Row]:
    """Measure; takes about a minute."""
    with tempfile.TemporaryDirectory() as folder:
        environ = environ_of(folder)
        metadata = ratio(Command([AGENT, "meta-data"], {}), BARE)
        yield Row("meta-data / python3 -c pass", metadata, "x", 3.0, "whole processes in turns, median")
        probe = ratio(Command([AGENT, "monitor"], environ), BARE)
        yield Row("probe without state / python3 -c pass", probe, "x", 5.0, "whole processes in turns, median")
        with simulator.running(1) as devices:
            Path(folder, "bnfos.conf").write_text(devices.conf())
            start = [AGENT, "start"]
            peak_kilobytes(Command(start, environ))
            floor = Command([PYTHON, "-sE", "-c", FLOOR, devices["fos1"].url + "/config.txt"], environ)
            monitor = ratio(Command([AGENT, "monitor"], environ), floor)
            yield Row("monitor / its parts", monitor, "x", 1.25, "parts: import ocf, import requests, one GET")
        yield from many_devices(folder)


def many_devices(folder: str) -> Iterator[Row]:
    """Start 16 and 64 devices of 50 ms an exchange against one; and what memory 64 take."""
    limits = {1: None, 4: None, 16: 1.6, 64: 2.0}
    requests_peak = peak_kilobytes(Command([PYTHON, "-sE", "-c", "import requests"], {}))
    with simulator.running(max(limits)) as devices:
        for device in devices:
            device.model.fault("slow", "0.05")
        config = Path(folder, "bnfos.conf")
        config.write_text(devices.conf())
        for count, limit in limits.items():
            one, many = (_start(folder, devices, number) for number in (1, count))
            if count > 1:
                name = f"start of {count} devices / of 1"
                yield Row(name, ratio(many, one, 7), "x", limit, "50 ms an exchange, each relay moved")
            peak = peak_kilobytes(many) / requests_peak
            name = f"peak memory, start of {count} / import requests"
            yield Row(name, peak, "x", 1.5, "largest resident size, whole process")


def _start(folder: str, devices: Simulator, count: int) -> Command:
    """A start that has to move the relays: each round begins with a start on the other node."""
    names = " ".join(device.name for device in devices.devices[:count])
    here = environ_of(folder, OCF_RESKEY_devices=names)
    away = ["env", "OCF_RESKEY_CRM_meta_on_node=xivo-2", AGENT, "start"]
    return Command([AGENT, "start"], here, away)
