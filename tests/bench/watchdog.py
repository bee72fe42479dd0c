"""The watchdog for ten minutes with both cores busy: kicks, gaps, memory; and what the heartbeat costs."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from berofos_agent import simulator
from berofos_agent.device import frame
from berofos_agent.simulator import DeviceSpec, RunningDevice
from berofos_agent.watchdog import process

from .rows import Row

PYTHON = "/usr/bin/python3"
ROOT = Path(__file__).parents[2]

SECONDS = 600
WATCHDOG = 15
WARM_SECONDS = 60
AN_HOURS_KICKS = 3600 * 3 // WATCHDOG
LOAD = "while True: pass"

_addresses = itertools.count(1)


def rows() -> Iterator[Row]:
    """Measure; takes eleven minutes, ten of which nothing else should be measured."""
    names = ("agent", "daemon", "hasty")
    specs = [
        DeviceSpec(name, f"127.83.{os.getpid() >> 8 & 255}.{next(_addresses)}", 0, frame.PORT, f"00:19:32:00:00:0{n}")
        for n, name in enumerate(names)
    ]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        devices = stack.enter_context(simulator.running(specs))
        config = folder / "bnfos.conf"
        config.write_text(devices.conf())
        config.chmod(0o600)
        telephony = folder / "telephony"
        telephony.touch()
        kickd = stack.enter_context(_agent(folder, config))
        health = ("--health", f"test -e {telephony}")
        daemon = stack.enter_context(_heartbeat(config, "daemon", *health))
        hasty = stack.enter_context(_heartbeat(config, "hasty", "--watchdog", "2", "--interval", "0.6", *health))
        for _ in range(os.cpu_count() or 1):
            stack.enter_context(_process([PYTHON, "-c", LOAD]))
        time.sleep(WARM_SECONDS)
        began, ticks, resident = time.monotonic(), _cpu_seconds(daemon), _resident(hasty)
        time.sleep(SECONDS - WARM_SECONDS)
        how = f"{SECONDS} s, watchdog={WATCHDOG}, both cores busy"
        yield from _kicks("agent", devices["agent"], how)
        yield from _kicks("heartbeat", devices["daemon"], how)
        yield Row("kick daemon of the agent, resident", _resident(kickd) / 1024, "MiB", 12, "after ten minutes")
        yield Row("berofos heartbeat, resident", _resident(daemon) / 1024, "MiB", 30, "after ten minutes")
        share = 100 * (_cpu_seconds(daemon) - ticks) / (time.monotonic() - began)
        yield Row("berofos heartbeat, of one core", share, "%", 0.5, "a check every 5 s, its processes included")
        kicks = devices["hasty"].model.state()["kicks"]
        growth = (_resident(hasty) - resident) / 1024
        yield Row("berofos heartbeat, growth", growth, "MiB", 0.25, f"{kicks} kicks; an hour has {AN_HOURS_KICKS}")
        yield _death(devices["daemon"], telephony)


def _kicks(who: str, device: RunningDevice, how: str) -> Iterator[Row]:
    state = device.model.state()
    failures = sum(entry["event"] == "watchdog" and entry["to"] == "2" for entry in device.model.history)
    yield Row(f"{who}: watchdog failures", failures, "", 0, how)
    yield Row(f"{who}: kicks", state["kicks"], "", None, f"one every {WATCHDOG / 3:g} s")
    yield Row(f"{who}: largest gap between kicks", state["largest_gap"], "s", WATCHDOG, "the cron job's is 15 s")


def _death(device: RunningDevice, telephony: Path) -> Row:
    """Telephony dies; the seconds until the relay is at D."""
    began = time.monotonic()
    telephony.unlink()
    while device.model.mode == "1":
        time.sleep(0.1)
    moved = next(float(entry["monotonic"]) for entry in reversed(device.model.history) if entry["event"] == "relay")
    how = "berofos heartbeat as it comes; the cron job takes 45 to 105 s"
    return Row("telephony dead: lines at the PBX", moved - began, "s", 26, how)


@contextlib.contextmanager
def _agent(folder: Path, config: Path) -> Iterator[int]:
    """The agent's start, as the cluster does it; gives the kick daemon's process."""
    environ = {
        "PATH": os.environ["PATH"],
        "OCF_ROOT": "/usr/lib/ocf",
        "OCF_RESOURCE_INSTANCE": "bench",
        "HA_RSCTMP": str(folder),
        "OCF_RESKEY_CRM_meta_on_node": "xivo-1",
        "OCF_RESKEY_port_b_node": "xivo-1",
        "OCF_RESKEY_config": str(config),
        "OCF_RESKEY_devices": "agent",
        "OCF_RESKEY_watchdog": str(WATCHDOG),
    }
    agent = ROOT / "ocf" / "berofos"
    subprocess.run([agent, "start"], env=environ, check=True)
    try:
        yield process.pid_of(str(folder / "berofos-bench.state"))
    finally:
        subprocess.run([agent, "stop"], env=environ, check=True)


@contextlib.contextmanager
def _heartbeat(config: Path, *arguments: str) -> Iterator[int]:
    argv = [PYTHON, "-m", "berofos_agent", "heartbeat", "--config", str(config), *arguments]
    with _process(argv) as pid:
        yield pid


@contextlib.contextmanager
def _process(argv: Sequence[str]) -> Iterator[int]:
    null = subprocess.DEVNULL
    with subprocess.Popen(argv, cwd=ROOT, stdout=null, stderr=null) as process:
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def _resident(pid: int) -> int:
    """KiB that a process has resident."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def _cpu_seconds(pid: int) -> float:
    """Seconds of processor time that a process and those it has waited for have used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
