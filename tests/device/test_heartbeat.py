"""`berofos heartbeat` as a process, with simulated devices and a file that stands for healthy telephony."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from berofos_agent import simulator
from berofos_agent.device import frame
from berofos_agent.heartbeat.health import ASKS_SYSTEMD, default_check
from berofos_agent.simulator import DeviceSpec, Simulator
from berofos_agent.simulator.model import Power
from tests.measured import MEASURED
from tests.ocf.conftest import fresh_address
from tests.slips import SLIPS, with_slip

SLOWNESS = 2
"""Simulated time runs slower than real time, so that a busy host causes no watchdog failure."""


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "not within 20 s"
        time.sleep(0.02)


@pytest.fixture
def devices() -> Iterator[Simulator]:
    """Two devices in front of a PBX, lines at D."""
    settings = {"modedef": "0", "wdogdef": "0", "scenario": "1"}
    specs = [
        DeviceSpec(name, fresh_address(), 0, frame.PORT, mac, settings=settings)
        for name, mac in (("fos1", "00:19:32:00:12:1D"), ("fos2", "00:19:32:00:12:1E"))
    ]
    with simulator.running(specs, clock=lambda: time.monotonic() / SLOWNESS) as devices:
        yield devices


class Site:
    """The host: telephony, and the heartbeat on it."""

    def __init__(self, folder: Path, devices: Simulator) -> None:
        self.devices = devices
        self.telephony = folder / "telephony"
        self.event_file = folder / "events"
        self.config = folder / "bnfos.conf"
        self.config.write_text(devices.conf())
        self.config.chmod(0o600)
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(folder / "notify"))
        self.process: subprocess.Popen[str] | None = None

    def begin(self, *arguments: str, health: str | None = None, control: str = "", modules: str = "") -> None:
        command = [sys.executable, "-m", "berofos_agent", "heartbeat", "--config", str(self.config), "--timeout", "1"]
        command += ["--interval", "0.1", "--watchdog", "2", "--recover", "0.5"]
        if health is None:
            command += ["--health", f"test -e {self.telephony}"]
        command += ["--event", f"sh -c 'echo $* >> {self.event_file}' event", *arguments]
        self.process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={
                **MEASURED,
                "PATH": os.environ["PATH"],
                "NOTIFY_SOCKET": str(self.notices.getsockname()),
                "BEROFOS_ASTERISK_CTL": control,
                "PYTHONPATH": modules,
            },
        )

    def end(self) -> str:
        """Stop it as systemd would; return its log."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=20)
        assert "Traceback" not in log, log
        return log

    def events_so_far(self) -> list[str]:
        return self.event_file.read_text().splitlines() if self.event_file.exists() else []

    @property
    def modes(self) -> list[str]:
        return [device.model.mode for device in self.devices]

    @property
    def watchdogs(self) -> list[str]:
        return [device.model.state()["watchdog"] for device in self.devices]


@pytest.fixture
def site(tmp_path: Path, devices: Simulator) -> Iterator[Site]:
    site = Site(tmp_path, devices)
    yield site
    if site.process and site.process.poll() is None:
        site.process.kill()
        site.process.wait()
    if site.process and site.process.stderr:
        site.process.stderr.close()
    site.notices.close()


def running(site: Site, *arguments: str) -> None:
    site.telephony.touch()
    site.begin(*arguments)
    eventually(lambda: "RUNNING" in site.events_so_far())
    assert (site.modes, site.watchdogs) == (["1", "1"], ["1", "1"])


def kicked_again(devices: Simulator) -> Callable[[], bool]:
    before = [device.model.state()["kicks"] for device in devices]
    return lambda: all(device.model.state()["kicks"] > kicks for device, kicks in zip(devices, before))


def test_lines_are_acquired_when_telephony_is_healthy_and_not_before(site: Site) -> None:
    site.begin()
    eventually(lambda: "STARTING" in site.events_so_far())
    assert site.modes == ["0", "0"]
    site.telephony.touch()
    eventually(lambda: "RUNNING" in site.events_so_far())
    assert (site.modes, site.watchdogs) == (["1", "1"], ["1", "1"])
    assert b"READY=1" in site.notices.recv(1000)


def test_a_health_check_that_never_passed_is_logged_with_its_reason(site: Site) -> None:
    site.begin("--health", "false")
    eventually(lambda: "STARTING" in site.events_so_far())
    assert site.process
    assert site.process.stderr
    eventually(lambda: "waiting for the first one that passes (false: status 1)" in site.process.stderr.readline())


def test_children_do_not_get_the_notification_socket_of_the_service(site: Site, tmp_path: Path) -> None:
    seen = tmp_path / "environment"
    site.begin("--health", f"sh -c 'env > {seen}; mv {seen} {seen}.whole'")
    eventually(lambda: Path(f"{seen}.whole").exists())
    assert "NOTIFY_SOCKET" not in Path(f"{seen}.whole").read_text()


def test_devices_are_kicked_while_telephony_is_healthy(site: Site, devices: Simulator) -> None:
    running(site)
    for _ in range(5):
        eventually(kicked_again(devices))
    assert (site.modes, site.watchdogs) == (["1", "1"], ["1", "1"])
    assert site.end().count("lines at port B, watchdog armed") == 2


def test_lines_go_to_the_pbx_when_telephony_fails_and_come_back_when_it_recovers(site: Site) -> None:
    running(site)
    site.telephony.unlink()
    eventually(lambda: site.modes == ["0", "0"])
    assert site.watchdogs == ["2", "2"]
    eventually(lambda: sorted(site.events_so_far()[2:]) == ["WDOG_FAILED fos1", "WDOG_FAILED fos2"])
    site.telephony.touch()
    eventually(lambda: sorted(site.events_so_far()[4:]) == ["WDOG_OK fos1", "WDOG_OK fos2"])
    assert (site.modes, site.watchdogs) == (["1", "1"], ["1", "1"])
    log = site.end()
    assert "health check failed; kicking stopped; the lines go to port D within 2 s (test: status 1)" in log
    assert "fos1: not kicked for 2 s; the watchdog moved the lines to port D" in log


def test_lines_go_to_the_pbx_when_the_heartbeat_is_killed(site: Site) -> None:
    running(site)
    assert site.process
    site.process.kill()
    eventually(lambda: site.modes == ["0", "0"])


def test_a_clean_stop_moves_the_lines_to_the_pbx_without_a_watchdog_failure(site: Site, devices: Simulator) -> None:
    running(site)
    log = site.end()
    assert site.process
    assert site.process.returncode == 0
    assert (site.modes, site.watchdogs) == (["0", "0"], ["0", "0"])
    assert [entry["to"] for entry in devices["fos1"].model.history][-2:] == ["0", "0"], "watchdog off, then the relay"
    assert "fos1: watchdog off, lines at port D" in log
    eventually(lambda: site.events_so_far()[-1] == "STOPPED")


def test_a_log_that_nobody_reads_any_more_is_no_end_of_the_heartbeat(site: Site, devices: Simulator) -> None:
    running(site)
    assert site.process
    assert site.process.stderr
    site.process.stderr.close()  # as after `2>&1 | logger` when logger ends
    site.process.stderr = None
    site.telephony.unlink()
    eventually(lambda: sorted(site.events_so_far()[2:]) == ["WDOG_FAILED fos1", "WDOG_FAILED fos2"])
    site.telephony.touch()
    eventually(lambda: sorted(site.events_so_far()[4:]) == ["WDOG_OK fos1", "WDOG_OK fos2"])
    eventually(kicked_again(devices))
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(20) == 0
    assert (site.modes, site.watchdogs) == (["0", "0"], ["0", "0"])
    eventually(lambda: site.events_so_far()[-1] == "STOPPED")


def test_a_clean_stop_leaves_the_lines_with_on_stop_leave(site: Site) -> None:
    running(site, "--on-stop", "leave")
    site.end()
    assert (site.modes, site.watchdogs) == (["1", "1"], ["0", "0"])


def test_a_device_that_restarts_unarmed_is_noticed_and_armed_again(site: Site, devices: Simulator) -> None:
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
    model.clear_faults()
    eventually(lambda: "WDOG_FAILED fos2" in site.events_so_far())
    eventually(lambda: "WDOG_OK fos2" in site.events_so_far())
    assert (site.modes, site.watchdogs) == (["1", "1"], ["1", "1"])
    assert [entry["event"] for entry in devices["fos1"].model.history].count("relay") == 1, "the other did not move"
    moves = [entry["to"] for entry in model.history[before:] if entry["event"] == "relay"]
    assert moves == ["1"], "one movement back"


def test_a_health_command_that_hangs_is_a_failed_check(site: Site) -> None:
    running(site, "--health", f"sh -c 'test -e {site.telephony} || sleep 60'")
    site.telephony.unlink()
    eventually(lambda: site.modes == ["0", "0"])
    assert "health check failed; kicking stopped; the lines go to port D within 2 s (sh: timed out)" in site.end()


def test_a_check_that_hangs_leaves_no_process_behind(site: Site) -> None:
    """A shell that was killed left its child: one more at each check, until no process could be started any more."""
    mark = f"60.{os.getpid()}"
    site.begin("--health", f"sh -c 'sleep {mark}; true'")
    eventually(lambda: len(pids_of("sh", mark)) > 0)
    time.sleep(1)
    assert len(pids_of("sleep", mark)) <= 1
    site.end()
    eventually(lambda: not pids_of("sleep", mark))


def pids_of(program: str, word: str) -> list[str]:
    """Return the processes of a program with a word in their command lines."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments = (folder / "cmdline").read_text(errors="replace").split("\0")
            if arguments[0] == program and any(word in one for one in arguments):
                found.append(folder.name)
    return found


def test_a_reader_of_the_log_that_hangs_holds_nothing_up(site: Site) -> None:
    running(site)
    assert site.process
    with open(f"/proc/{site.process.pid}/fd/2", "wb", buffering=0) as pipe:
        os.set_blocking(pipe.fileno(), False)
        while pipe.write(b"x" * 512):
            pass
        os.set_blocking(pipe.fileno(), True)
    site.telephony.unlink()
    eventually(lambda: site.modes == ["0", "0"])
    site.telephony.touch()
    eventually(lambda: site.modes == ["1", "1"])
    site.end()


def test_an_ignored_sigchld_is_not_inherited(site: Site) -> None:
    """Then every health check passed, as its status was lost, and the first task ended the daemon."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        site.begin()
    finally:
        signal.signal(signal.SIGCHLD, before)
    eventually(lambda: "STARTING" in site.events_so_far())
    time.sleep(1)
    assert site.modes == ["0", "0"]
    site.telephony.touch()
    eventually(lambda: "RUNNING" in site.events_so_far())
    site.end()


def test_a_terminal_that_goes_away_is_a_stop(site: Site) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup the heartbeat ignores it, too
    try:
        running(site)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert site.process
    site.process.send_signal(signal.SIGHUP)
    assert site.process.wait(20) == 0
    assert (site.modes, site.watchdogs) == (["0", "0"], ["0", "0"])


def test_without_a_process_for_a_task_the_daemon_goes_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from berofos_agent.config import bnfosconf
    from berofos_agent.heartbeat import daemon

    def no_process() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    lines: list[str] = []
    options = daemon.Options(["true"], 5, 2, 15, 30, "leave", 1, [])
    beat = daemon.Daemon(bnfosconf.read(str(site.config)), options, lines.append)
    monkeypatch.setattr(os, "fork", no_process)
    beat._launch("inspect", ["fos1"])
    assert beat._task is None
    assert lines == ["no process for inspect: Resource temporarily unavailable"]


def test_a_missing_module_is_named_and_is_not_a_silent_device(site: Site, tmp_path: Path) -> None:
    (tmp_path / "requests.py").write_text("raise ImportError(name='requests')\n")
    site.telephony.touch()
    site.begin(modules=str(tmp_path))
    assert site.process
    assert site.process.stderr
    line = next(line for line in site.process.stderr if "fos1" in line)
    assert line == "fos1: Python module requests is missing; install python3-requests\n"


def test_a_task_whose_process_is_killed_is_not_a_silent_device(site: Site) -> None:
    from berofos_agent.config import bnfosconf
    from berofos_agent.heartbeat import daemon

    lines: list[str] = []
    options = daemon.Options(["true"], 5, 2, 15, 30, "leave", 1, [])
    beat = daemon.Daemon(bnfosconf.read(str(site.config)), options, lines.append)
    beat._launch("inspect", ["fos1"])
    assert beat._task
    beat._task.cancel()
    while beat._task:
        beat._end_task()
    assert lines == ["fos1: no result; see the kernel's log"]


def test_a_check_that_cannot_be_killed_is_a_failed_one_and_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from berofos_agent.config import bnfosconf
    from berofos_agent.heartbeat import daemon

    class Stuck:
        """A process that waits for a file server, until that is back."""

        pid = 0
        status: int | None = None

        def poll(self) -> int | None:
            return self.status

        def wait(self, seconds: float) -> None:
            assert seconds < 1, "no kick would go out meanwhile"
            raise subprocess.TimeoutExpired("true", seconds)

    killed: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda pid, _signal: killed.append(pid))
    lines: list[str] = []
    options = daemon.Options(["true"], 5, 2, 15, 30, "leave", 1, [])
    beat = daemon.Daemon(bnfosconf.read(str(site.config)), options, lines.append)
    stuck = Stuck()
    beat._check = stuck  # type: ignore[assignment]
    beat._end_check()
    beat._start_check(100)
    assert (beat._check, killed) == (None, [0])
    waits = "health check failed; waiting for the first one that passes"
    assert lines == [f"{waits} (true: timed out)", f"{waits} (true: cannot be killed)"]
    stuck.status = -9
    beat._start_check(105)
    assert beat._check
    while beat._check:
        beat._end_check() if beat._check.poll() is not None else time.sleep(0.01)
    assert lines[2:] == ["health check passed; kicking the devices"]


def test_a_stop_that_waits_for_a_device_does_not_keep_the_processor_busy(site: Site, devices: Simulator) -> None:
    running(site)
    devices["fos1"].model.faults.switch("silent")
    assert site.process
    before = processor_seconds(site.process.pid)
    site.process.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert processor_seconds(site.process.pid) - before < 0.1  # of the daemon alone, not of its children
    assert site.process.poll() is None, "it waited for no device"


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_an_unreachable_device_is_logged_once_and_acquired_when_it_is_back(site: Site, devices: Simulator) -> None:
    devices["fos2"].model.switch_power(Power.OFF)
    site.telephony.touch()
    site.begin()
    eventually(lambda: devices["fos2"].model.requests.get("kick", 0) > 3)  # three attempts make one failure
    assert site.modes == ["1", "0"]
    devices["fos2"].model.switch_power(Power.OPERATIONAL)
    eventually(lambda: "RUNNING" in site.events_so_far())
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
    assert "must be an integer from 1 to 65535, not '0'" in site.end()


# --- the default health check ------------------------------------------------------------------------------------

ASTERISK = """\
#!/usr/bin/python3
import os, socket, sys
path = os.environ["BEROFOS_ASTERISK_CTL"]
if sys.argv[1:] == ["-rx", "core show uptime seconds"]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sys.stdout.write(sock.recv(99).decode())
else:
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(2)
    while True:
        try:
            server.accept()[0].sendall(b"System uptime: 1\\n")
        except BrokenPipeError:  # a console that was killed while this process was frozen
            continue
"""
"""A stand-in for Asterisk, and for its remote console."""


@pytest.fixture
def asterisk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "asterisk"
    program.write_text(ASTERISK)
    program.chmod(0o755)
    control = tmp_path / "asterisk.ctl"
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("BEROFOS_ASTERISK_CTL", str(control))
    with subprocess.Popen([program]) as process:
        eventually(control.exists)
        yield process
        process.kill()


def test_a_frozen_asterisk_is_unhealthy_and_the_lines_go_to_the_pbx(
    site: Site, asterisk: subprocess.Popen[bytes]
) -> None:
    site.begin("--interval", "0.5", health="", control=os.environ["BEROFOS_ASTERISK_CTL"])
    eventually(lambda: "RUNNING" in site.events_so_far())
    assert site.modes == ["1", "1"]
    asterisk.send_signal(signal.SIGSTOP)
    eventually(lambda: site.modes == ["0", "0"])
    asterisk.send_signal(signal.SIGCONT)
    eventually(lambda: site.modes == ["1", "1"])
    log = site.end()
    assert log.count("health check: asks Asterisk (core show uptime seconds)") == 1
    assert "health check failed; kicking stopped" in log
    assert "asterisk: timed out" in log


def test_where_the_control_socket_may_not_be_used_the_unit_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = tmp_path / "asterisk.ctl"
    environ = {"PATH": str(tmp_path), "BEROFOS_ASTERISK_CTL": str(control)}
    assert default_check(environ) == (ASKS_SYSTEMD, "state of the unit asterisk, as there is no program asterisk")
    (tmp_path / "asterisk").write_text(ASTERISK)
    (tmp_path / "asterisk").chmod(0o755)
    assert default_check(environ) == (ASKS_SYSTEMD, f"state of the unit asterisk, as there is no {control}")
    control.touch()
    assert default_check(environ)[0] == (f"{tmp_path}/asterisk", "-rx", "core show uptime seconds")
    monkeypatch.setattr(os, "access", lambda path, _mode: str(path) != str(control))
    assert default_check(environ) == (
        ASKS_SYSTEMD,
        f"state of the unit asterisk, as this user may not use {control}",
    )


def test_a_slip_in_one_section_does_not_keep_the_other_device_from_being_guarded(site: Site) -> None:
    site.config.write_text(with_slip(site.config.read_text(), 1, SLIPS["unknown-key"]))
    site.telephony.touch()
    site.begin()
    eventually(lambda: (site.modes, site.watchdogs) == (["1", "0"], ["1", "0"]))
    kicks = site.devices["fos1"].model.state()["kicks"]
    eventually(lambda: site.devices["fos1"].model.state()["kicks"] > kicks)
    assert "RUNNING" not in site.events_so_far()
    log = site.end()
    assert re.search(rf"fos2: .*{re.escape(str(site.config))}, line \d+: unknown key hots", log), log
    assert not site.devices["fos2"].model.requests
