"""`berofos heartbeat` as a process, simulated devices, and a file that says whether the telephones work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from berofos_agent.device import frame
from berofos_agent.simulator import bench as simulator
from berofos_agent.simulator.bench import Bench, DeviceSpec
from berofos_agent.simulator.model import Power
from tests.measured import MEASURED
from tests.ocf.conftest import fresh_address

SLOWNESS = 2
"""The boxes' time is slower than ours, so that a busy machine trips nothing."""


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "not within 20 s"
        time.sleep(0.02)


@pytest.fixture
def devices() -> Iterator[Bench]:
    """Two boxes in front of a PBX, lines at D."""
    settings = {"modedef": "0", "wdogdef": "0", "scenario": "1"}
    specs = [
        DeviceSpec(name, fresh_address(), 0, frame.PORT, mac, settings=settings)
        for name, mac in (("fos1", "00:19:32:00:12:1D"), ("fos2", "00:19:32:00:12:1E"))
    ]
    with simulator.running(specs, clock=lambda: time.monotonic() / SLOWNESS) as bench:
        yield bench


class Site:
    """The machine: its telephones, and the heartbeat on it."""

    def __init__(self, folder: Path, devices: Bench) -> None:
        self.devices = devices
        self.telephones = folder / "telephones"
        self.events = folder / "events"
        self.config = folder / "bnfos.conf"
        self.config.write_text(devices.conf())
        self.config.chmod(0o600)
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(folder / "notify"))
        self.process: subprocess.Popen[str] | None = None

    def begin(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "berofos_agent", "heartbeat", "--config", str(self.config), "--timeout", "1"]
        command += ["--interval", "0.1", "--watchdog", "2", "--recover", "0.5"]
        command += ["--health", f"test -e {self.telephones}"]
        command += ["--event", f"sh -c 'echo $* >> {self.events}' event", *arguments]
        self.process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**MEASURED, "PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(self.notices.getsockname())},
        )

    def end(self) -> str:
        """Stop it as systemd would; return its log."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=20)
        assert "Traceback" not in log, log
        return log

    def told(self) -> list[str]:
        return self.events.read_text().splitlines() if self.events.exists() else []

    @property
    def modes(self) -> list[str]:
        return [device.model.mode for device in self.devices.devices]

    @property
    def watchdogs(self) -> list[str]:
        return [device.model.state()["watchdog"] for device in self.devices.devices]


@pytest.fixture
def site(tmp_path: Path, devices: Bench) -> Iterator[Site]:
    site = Site(tmp_path, devices)
    yield site
    if site.process and site.process.poll() is None:
        site.process.kill()
        site.process.wait()
    if site.process and site.process.stderr:
        site.process.stderr.close()
    site.notices.close()


def running(site: Site, *arguments: str) -> None:
    site.telephones.touch()
    site.begin(*arguments)
    eventually(lambda: "RUNNING" in site.told())
    assert (site.modes, site.watchdogs) == (["1", "1"], ["1", "1"])


def kicked_again(devices: Bench) -> Callable[[], bool]:
    before = [device.model.state()["kicks"] for device in devices.devices]
    return lambda: all(device.model.state()["kicks"] > kicks for device, kicks in zip(devices.devices, before))


def test_it_fetches_the_lines_when_the_telephones_work_and_not_before(site: Site) -> None:
    site.begin()
    eventually(lambda: "STARTING" in site.told())
    assert site.modes == ["0", "0"]
    site.telephones.touch()
    eventually(lambda: "RUNNING" in site.told())
    assert (site.modes, site.watchdogs) == (["1", "1"], ["1", "1"])
    assert b"READY=1" in site.notices.recv(1000)


def test_it_kicks_while_the_telephones_work(site: Site, devices: Bench) -> None:
    running(site)
    for _ in range(5):
        eventually(kicked_again(devices))
    assert (site.modes, site.watchdogs) == (["1", "1"], ["1", "1"])
    assert site.end().count("the lines are here") == 2


def test_dead_telephones_lose_the_lines_to_the_pbx_and_living_ones_fetch_them_back(site: Site) -> None:
    running(site)
    site.telephones.unlink()
    eventually(lambda: site.modes == ["0", "0"])
    assert site.watchdogs == ["2", "2"]
    eventually(lambda: sorted(site.told()[2:]) == ["WDOG_FAILED fos1", "WDOG_FAILED fos2"])
    site.telephones.touch()
    eventually(lambda: sorted(site.told()[4:]) == ["WDOG_OK fos1", "WDOG_OK fos2"])
    assert (site.modes, site.watchdogs) == (["1", "1"], ["1", "1"])
    log = site.end()
    assert "the telephone system is ill (test: status 1): no more kicks, in 2 s the lines go to port D" in log
    assert "fos1: not kicked for 2 s, so the watchdog has put the lines to port D" in log


def test_a_killed_heartbeat_loses_the_lines_to_the_pbx(site: Site) -> None:
    running(site)
    assert site.process
    site.process.kill()
    eventually(lambda: site.modes == ["0", "0"])


def test_a_clean_stop_hands_the_lines_over_without_an_alarm(site: Site, devices: Bench) -> None:
    running(site)
    log = site.end()
    assert site.process
    assert site.process.returncode == 0
    assert (site.modes, site.watchdogs) == (["0", "0"], ["0", "0"])
    assert [entry["to"] for entry in devices["fos1"].model.history][-2:] == ["0", "0"], "watchdog off, then the relay"
    assert "fos1: watchdog off, the lines are at port D" in log
    eventually(lambda: site.told()[-1] == "STOPPED")


def test_a_clean_stop_may_leave_the_lines(site: Site) -> None:
    running(site, "--on-stop", "leave")
    site.end()
    assert (site.modes, site.watchdogs) == (["1", "1"], ["0", "0"])


def test_a_box_that_starts_anew_unarmed_is_noticed(site: Site, devices: Bench) -> None:
    running(site)
    model = devices["fos2"].model
    model.switch_power(Power.OFF)
    before = len(model.history)
    requests = model.requests["kick"]
    eventually(lambda: model.state()["requests"]["kick"] > requests + 3)
    model.fault("status", "500")  # its web server is not up yet
    reads = model.requests["read"]
    model.switch_power(Power.OPERATIONAL)
    eventually(lambda: model.requests["read"] > reads)
    model.calm()
    eventually(lambda: "WDOG_FAILED fos2" in site.told())
    eventually(lambda: "WDOG_OK fos2" in site.told())
    assert (site.modes, site.watchdogs) == (["1", "1"], ["1", "1"])
    assert [entry["event"] for entry in devices["fos1"].model.history].count("relay") == 1, "the other did not move"
    moves = [entry["to"] for entry in model.history[before:] if entry["event"] == "relay"]
    assert moves == ["1"], "one movement back"


def test_a_health_command_that_hangs_or_is_missing_is_bad_health(site: Site) -> None:
    running(site, "--health", f"sh -c 'test -e {site.telephones} || sleep 60'")
    site.telephones.unlink()
    eventually(lambda: site.modes == ["0", "0"])
    assert "the telephone system is ill (sh: does not end)" in site.end()


def test_a_box_away_is_told_of_once_and_fetched_when_it_is_back(site: Site, devices: Bench) -> None:
    devices["fos2"].model.switch_power(Power.OFF)
    site.telephones.touch()
    site.begin()
    eventually(lambda: devices["fos2"].model.requests.get("kick", 0) > 3)  # three attempts make one failure
    assert site.modes == ["1", "0"]
    devices["fos2"].model.switch_power(Power.OPERATIONAL)
    eventually(lambda: "RUNNING" in site.told())
    assert site.modes == ["1", "1"]
    assert site.end().count("fos2: no answer") == 1


def test_wrong_arguments_and_no_configuration_are_one_line(site: Site) -> None:
    site.config.unlink()
    site.begin()
    assert site.process
    assert site.process.wait(20) == 3
    assert site.end().startswith(f"berofos heartbeat: {site.config} is missing")
    site.begin("--watchdog", "0")
    assert site.process.wait(20) == 2
    assert "'0' is no number from 1 to 65535" in site.end()
