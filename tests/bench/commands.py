"""xivo-berofos on sixteen devices against one, whole processes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from berofos_agent import simulator
from berofos_agent.simulator import Simulator

from .rows import Command, Row, ratio

PYTHON = "/usr/bin/python3"
ROOT = str(Path(__file__).parents[2])


def rows() -> Iterator[Row]:
    """Measure; takes about half a minute."""
    with tempfile.TemporaryDirectory() as folder, simulator.running(16) as devices:
        for device in devices:
            device.model.fault("slow", "0.05")
        one, many = (_master(folder, devices, count) for count in (1, 16))
        how = "50 ms an exchange, each relay moved, whole processes"
        yield Row("xivo-berofos, 16 devices / 1", ratio(many, one, 11), "x", 1.6, how)


def _master(folder: str, devices: Simulator, count: int) -> Command:
    """A switch to the master; each round begins with one to the slave."""
    config = Path(folder, f"{count}.conf")
    sections = devices.conf().split("\n\n")
    config.write_text("\n\n".join(sections[:count]) + "\n")
    command = [PYTHON, "-m", "berofos_agent.commands.xivo_berofos", "-q", "--config", str(config)]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": ROOT}
    return Command([*command, "master"], environ, [*command, "slave"])
