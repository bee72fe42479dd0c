"""The panel with three devices: what it costs while nobody looks, and while somebody does."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from berofos_agent import simulator
from berofos_agent.device import frame
from berofos_agent.simulator import DeviceSpec, Simulator, specs

from .rows import Row
from .watchdog import ROOT, _cpu_seconds, _resident

SECONDS = 60.0
PYTHON = "/usr/bin/python3"


def rows() -> Iterator[Row]:
    """Measure; takes two minutes."""
    first = DeviceSpec(address=f"127.85.{os.getpid() >> 8 & 255}.1", udp_port=frame.PORT)
    with tempfile.TemporaryDirectory() as folder, simulator.running(specs(3, first)) as devices:
        config = Path(folder, "bnfos.conf")
        config.write_text(devices.conf())
        argv = [PYTHON, "-m", "berofos_agent", "panel", "--config", str(config), "--port", "0"]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            address = process.stdout.readline().split()[0]
            try:
                yield from _measured("at rest", devices, process.pid, 40, 0.5)
                stop = threading.Event()
                viewer = threading.Thread(target=_look, args=(f"{address}panel/page.json", stop))
                viewer.start()
                yield from _measured("looked at", devices, process.pid, 200, 5.0)
                stop.set()
                viewer.join()
            finally:
                process.terminate()


def _measured(when: str, devices: Simulator, pid: int, exchanges: float, share: float) -> Iterator[Row]:
    """Yield the costs of a minute; `exchanges` and `share` of a core are the most that is promised."""
    before, ticks, began = _exchanges(devices), _cpu_seconds(pid), time.monotonic()
    time.sleep(SECONDS)
    minutes = (time.monotonic() - began) / 60
    made = (_exchanges(devices) - before) / minutes
    used = 100 * (_cpu_seconds(pid) - ticks) / (time.monotonic() - began)
    how = "three devices, HTTP and UDP; crm_mon included where it is installed"
    yield Row(f"berofos panel {when}: exchanges a minute", made, "", exchanges, how)
    yield Row(f"berofos panel {when}: of one core", used, "%", share, how)
    yield Row(f"berofos panel {when}: resident", _resident(pid) / 1024, "MiB", 48, how)


def _exchanges(devices: Simulator) -> int:
    return sum(sum(device.model.requests.get(kind, 0) for kind in ("read", "scan")) for device in devices)


def _look(url: str, stop: threading.Event) -> None:
    """Ask as often as a page does."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while not stop.wait(0.5):
        opener.open(url, timeout=10).read()
