"""The device's watchdog as the agent uses it: who kicks, who stops kicking, and what is left behind: nothing.

The devices' clock can be moved, so that an interval passes at once; the kick daemon is a real process.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from berofos_agent import simulator
from berofos_agent.device import frame
from berofos_agent.simulator import DeviceSpec, Simulator
from berofos_agent.simulator.model import Power
from berofos_agent.watchdog import process

from .conftest import Cluster, fresh_address

LONG, SHORT = "120", "1"


class Clock:
    """The devices' time: five times slower than ours, so that a busy machine trips nothing, and can be put forward."""

    SLOWNESS = 5
    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() / self.SLOWNESS + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def devices(clock: Clock) -> Iterator[Simulator]:
    """Two devices set up for a watchdog, as after `berofos setup`, lines at D."""
    settings = {"modedef": "1", "wdogdef": "1", "scenario": "0"}
    specs = [
        DeviceSpec(name, fresh_address(), 0, frame.PORT, mac, settings=settings)
        for name, mac in (("fos1", "00:19:32:00:12:1D"), ("fos2", "00:19:32:00:12:1E"))
    ]
    with simulator.running(specs, clock=clock) as devices:
        for device in devices:
            device.model.write("cmd=6&wen=0")
            device.model.move_by_hand("0")
            device.model.forget()
        yield devices


@pytest.fixture
def cluster(cluster: Cluster) -> Iterator[Cluster]:
    """The agent with a watchdog; whatever a test leaves running is ended."""
    cluster.parameters["watchdog"] = LONG
    yield cluster
    cluster.state.unlink(missing_ok=True)
    process.end(str(cluster.state))


def pid_of_kick_daemon(cluster: Cluster) -> int:
    return process.pid_of(str(cluster.state))


def runs(pid: int) -> bool:
    """False also for what waits for its parent to notice."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def watchdogs(devices: Simulator) -> list[str]:
    return [device.model.state()["watchdog"] for device in devices]


def modes(devices: Simulator) -> list[str]:
    return [device.model.mode for device in devices]


def events(devices: Simulator, name: str = "fos1") -> list[tuple[str, object]]:
    """What happened to a relay and its watchdog, in order."""
    return [(str(entry["event"]), entry["to"]) for entry in devices[name].model.history]


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until, "not within 10 s"
        time.sleep(0.02)


def kicked_again(devices: Simulator, name: str = "fos1") -> Callable[[], bool]:
    before = devices[name].model.state()["kicks"]
    return lambda: devices[name].model.state()["kicks"] > before


def freeze(pid: int) -> None:
    """Stop a process and return when it stands: the signal may reach it a moment later."""
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: "\nState:\tT" in Path(f"/proc/{pid}/status").read_text())


# --- start and stop --------------------------------------------------------------------------------------------


def test_start_moves_the_relay_sets_the_interval_and_only_then_arms(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    for device in devices:
        assert events(devices, device.name) == [("relay", "1"), ("watchdog", "1")]
        left = int(device.model.values()["wdogrtime"])
        assert 60 < left <= 120, "armed with the interval that was there before"
    assert cluster.call("monitor").code == 0
    assert cluster.call("monitor", level=10).code == 0


def test_the_kick_daemon_keeps_the_lines_here_without_any_monitor(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start", watchdog=SHORT).code == 0
    for _ in range(4):
        eventually(kicked_again(devices, "fos1"))
        eventually(kicked_again(devices, "fos2"))
    assert watchdogs(devices) == ["1", "1"]
    assert modes(devices) == ["1", "1"]


def test_the_kick_daemon_holds_nothing_of_the_agent(cluster: Cluster) -> None:
    """Pacemaker waits until all who have an agent's output open have closed it."""
    assert cluster.call("start").code == 0
    pid = pid_of_kick_daemon(cluster)
    opened = sorted(os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir())
    files = [name for name in opened if not name.startswith("socket:")]
    assert files == [*["/dev/null"] * 3, f"{cluster.state}.kickd"]
    assert os.getsid(pid) == pid
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert Path(f"/proc/{pid}/environ").read_bytes() == b""


def test_a_clean_stop_ends_the_kick_daemon_and_disarms_before_it_moves_the_relay(
    devices: Simulator, cluster: Cluster, clock: Clock
) -> None:
    assert cluster.call("start", port_d_node="").code == 0
    pid = pid_of_kick_daemon(cluster)
    assert cluster.call("stop", port_d_node="").code == 0
    assert not runs(pid)
    assert os.listdir(cluster.folder) == []
    clock.ahead = 1000
    assert events(devices)[2:] == [("watchdog", "0"), ("relay", "0")]


def test_a_silent_device_does_not_keep_the_lines_of_the_others_at_a_stop(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    devices["fos2"].model.fault("silent")
    cluster.environ["OCF_RESKEY_CRM_meta_timeout"] = "4000"
    assert cluster.call("stop", request_timeout="10", on_stop="fallback").code == 0
    assert (watchdogs(devices)[0], modes(devices)[0]) == ("0", "0")


def test_a_silent_device_does_not_keep_a_former_one_armed_at_a_stop(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    devices["fos2"].model.fault("silent")
    cluster.environ["OCF_RESKEY_CRM_meta_timeout"] = "4000"
    assert cluster.call("stop", request_timeout="10", devices="fos2").code == 0
    assert watchdogs(devices)[0] == "0"


def test_a_silent_device_does_not_keep_the_others_from_being_armed(devices: Simulator, cluster: Cluster) -> None:
    """On a machine too busy to launch a kick daemon in the time that is left, a monitor arms them."""
    devices["fos2"].model.fault("silent")
    assert cluster.call("start", request_timeout="10").code == 0
    assert modes(devices)[0] == "1"
    assert cluster.call("monitor", request_timeout="10").code == 190
    assert watchdogs(devices)[0] == "1"


def test_a_clean_stop_that_leaves_the_relay_never_ends_in_an_alarm(
    devices: Simulator, cluster: Cluster, clock: Clock
) -> None:
    assert cluster.call("start").code == 0
    assert cluster.call("stop").code == 0
    clock.ahead = 1000
    assert watchdogs(devices) == ["0", "0"]
    assert modes(devices) == ["1", "1"]


def test_stop_ends_a_frozen_kick_daemon(cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    pid = pid_of_kick_daemon(cluster)
    freeze(pid)
    assert cluster.call("stop").code == 0
    assert not runs(pid)


def test_stop_without_configuration_ends_the_kick_daemon(cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    Path(cluster.parameters["config"]).unlink()
    assert cluster.call("stop").code == 0
    assert os.listdir(cluster.folder) == []
    assert pid_of_kick_daemon(cluster) == 0


def test_start_twice_leaves_one_kick_daemon(cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    first = pid_of_kick_daemon(cluster)
    assert cluster.call("start").code == 0
    assert not runs(first)
    assert pid_of_kick_daemon(cluster)


def test_a_failed_start_leaves_no_kick_daemon_and_no_armed_watchdog(devices: Simulator, cluster: Cluster) -> None:
    devices["fos2"].model.fault("stuck")
    answer = cluster.call("start")
    assert answer.code == 1
    assert "fos2: relay did not switch" in answer.reason
    assert watchdogs(devices) == ["0", "0"]
    assert os.listdir(cluster.folder) == ["berofos-relay.state"]


def test_a_start_without_a_kick_daemon_arms_nothing_and_keeps_the_lines(devices: Simulator, cluster: Cluster) -> None:
    lock = cluster.folder / "berofos-relay.state.kickd"
    lock.mkdir()
    assert cluster.call("start").code == 0
    assert (watchdogs(devices), modes(devices)) == (["0", "0"], ["1", "1"])
    answer = cluster.call("monitor")
    assert answer.code == 190
    assert "the kick daemon exited at once" in answer.reason
    lock.rmdir()
    assert cluster.call("monitor").code == 0
    assert watchdogs(devices) == ["1", "1"]


def test_a_device_that_takes_no_kicks_is_not_armed(devices: Simulator, cluster: Cluster) -> None:
    """Armed, it would drop the lines, and the cluster would fetch them back, for ever."""
    devices["fos2"].model.fault("refuse-kick")
    assert cluster.call("start").code == 0
    assert watchdogs(devices) == ["1", "0"]
    answer = cluster.call("monitor")
    assert answer.code == 190
    assert answer.reason.startswith("watchdog not armed: fos2: ")
    assert "refused the kick with error 1; check its watchdog and MAC" in answer.reason
    devices["fos2"].model.clear_faults()
    assert cluster.call("monitor").code == 0
    assert watchdogs(devices) == ["1", "1"]


def test_on_the_node_at_d_the_watchdog_is_off(devices: Simulator, cluster: Cluster) -> None:
    for device in devices:
        device.model.move_by_hand("1")
        device.model.write("cmd=6&wen=1")
    assert cluster.call("start", node="xivo-2").code == 0
    assert (watchdogs(devices), modes(devices)) == (["0", "0"], ["0", "0"])
    assert os.listdir(cluster.folder) == ["berofos-relay.state"]
    assert cluster.call("monitor", node="xivo-2", level=10).code == 0


def test_a_mac_that_bnfos_conf_does_not_tell_is_asked_for_once_and_remembered(
    devices: Simulator, cluster: Cluster
) -> None:
    config = Path(cluster.parameters["config"])
    config.write_text("".join(line for line in config.read_text().splitlines(True) if not line.startswith("mac")))
    assert cluster.call("start").code == 0
    for _ in range(2):
        assert cluster.call("monitor").code == 0
    assert [device.model.requests["scan"] for device in devices] == [1, 1]
    assert "0b00193200121d00" in json.loads(cluster.state.read_text())["targets"]["fos1"]["kick"]


def test_a_device_that_is_dead_at_the_start_is_kicked_when_it_comes_back(devices: Simulator, cluster: Cluster) -> None:
    devices["fos2"].model.switch_power(Power.OFF)
    assert cluster.call("start", watchdog=SHORT).code == 0
    devices["fos2"].model.switch_power(Power.OPERATIONAL)
    eventually(kicked_again(devices, "fos2"))
    assert cluster.call("monitor", watchdog=SHORT).code == 0
    assert watchdogs(devices) == ["1", "1"]


# --- what goes wrong while it runs -----------------------------------------------------------------------------


def test_a_dead_node_with_no_survivor_puts_the_lines_through_to_d(
    devices: Simulator, cluster: Cluster, clock: Clock
) -> None:
    assert cluster.call("start").code == 0
    os.kill(pid_of_kick_daemon(cluster), signal.SIGKILL)
    clock.ahead = 119
    assert modes(devices) == ["1", "1"]
    clock.ahead = 121
    assert (modes(devices), watchdogs(devices)) == (["0", "0"], ["2", "2"])


def test_after_a_trip_monitor_says_so_and_stop_and_start_arm_again(
    devices: Simulator, cluster: Cluster, clock: Clock
) -> None:
    assert cluster.call("start").code == 0
    clock.ahead = 121
    answer = cluster.call("monitor")
    assert answer.code == 7
    assert (
        answer.reason
        == "fos1, fos2: relay is in position A-D, expected A-B (watchdog expired); find out why kicks stopped"
    )
    assert cluster.call("stop").code == 0
    assert cluster.call("start").code == 0
    assert (modes(devices), watchdogs(devices)) == (["1", "1"], ["1", "1"])
    assert cluster.call("monitor", level=10).code == 0


def test_a_latched_failure_is_reported_and_not_cleared(devices: Simulator, cluster: Cluster, clock: Clock) -> None:
    assert cluster.call("start").code == 0
    clock.ahead = 121
    for device in devices:
        device.model.move_by_hand("1")
    answer = cluster.call("monitor")
    assert (answer.code, answer.reason) == (
        190,
        "fos1: watchdog failure latched; find the cause, then bnfos --set wdog=0 -f fos1",
    )
    assert watchdogs(devices) == ["2", "2"]


def test_a_kick_daemon_that_is_gone_is_started_again(cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    first = pid_of_kick_daemon(cluster)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: pid_of_kick_daemon(cluster) == 0)
    assert cluster.call("monitor").code == 0
    assert pid_of_kick_daemon(cluster) not in (0, first)


def test_a_kick_daemon_that_hangs_is_replaced(cluster: Cluster) -> None:
    assert cluster.call("start", watchdog=SHORT).code == 0
    first = pid_of_kick_daemon(cluster)
    freeze(first)
    eventually(lambda: cluster.call("monitor", watchdog=SHORT) and pid_of_kick_daemon(cluster) != first)
    assert not runs(first)


def test_a_kick_daemon_frozen_for_a_moment_goes_on(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start", watchdog="6").code == 0
    pid = pid_of_kick_daemon(cluster)
    freeze(pid)
    os.kill(pid, signal.SIGCONT)
    eventually(kicked_again(devices))
    assert pid_of_kick_daemon(cluster) == pid
    assert watchdogs(devices) == ["1", "1"]


@pytest.mark.parametrize("lost", ["1", "2"])
def test_a_lost_kick_is_sent_again_in_time(devices: Simulator, cluster: Cluster, lost: str) -> None:
    assert cluster.call("start", watchdog="3").code == 0
    devices["fos1"].model.fault("drop", lost)
    eventually(lambda: "drop" not in devices["fos1"].model.state()["faults"])
    eventually(kicked_again(devices))
    assert watchdogs(devices) == ["1", "1"]
    assert cluster.call("monitor", watchdog="3").code == 0


def test_kicks_unanswered_twice_are_reported(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start", watchdog="6").code == 0
    devices["fos2"].model.fault("refuse-kick")
    answers = []
    eventually(lambda: answers.append(cluster.call("monitor", watchdog="6")) or answers[-1].code != 0)
    assert answers[-1].code == 190
    assert re.search(r"fos2: [2-9] kicks not answered; check MAC in bnfos.conf and UDP port 50123", answers[-1].reason)


def test_a_device_that_restarts_arms_itself_and_is_kicked_on(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start", watchdog=SHORT).code == 0
    devices["fos1"].model.switch_power(Power.OFF)
    devices["fos1"].model.switch_power(Power.OPERATIONAL)
    eventually(kicked_again(devices))
    assert (modes(devices), watchdogs(devices)) == (["1", "1"], ["1", "1"])


def test_a_device_that_restarts_unarmed_is_armed_by_the_next_monitor(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    devices["fos1"].model.write("cmd=2&wen=0")
    devices["fos1"].model.switch_power(Power.OFF)
    devices["fos1"].model.switch_power(Power.OPERATIONAL)
    assert watchdogs(devices) == ["0", "1"]
    assert cluster.call("monitor").code == 0
    assert watchdogs(devices) == ["1", "1"]
    answer = cluster.call("monitor", level=10)
    assert answer.code == 190
    assert "fos1: wdogdef=0, expected 1" in answer.reason


def test_two_resources_may_kick_one_device(devices: Simulator, cluster: Cluster, tmp_path: Path) -> None:
    other = str(tmp_path / "other.state")
    cluster.parameters["watchdog"] = SHORT
    assert cluster.call("start").code == 0
    assert cluster.call("start", state=other).code == 0
    try:
        for _ in range(3):
            eventually(kicked_again(devices))
        assert cluster.call("monitor").code == cluster.call("monitor", state=other).code == 0
        assert watchdogs(devices) == ["1", "1"]
    finally:
        os.unlink(other)
        process.end(other)


def test_a_kick_daemon_ends_itself_when_its_state_file_is_gone(cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    cluster.state.unlink()
    eventually(lambda: pid_of_kick_daemon(cluster) == 0 and not os.listdir(cluster.folder))


def test_a_kick_daemon_ends_itself_when_the_state_is_of_another_start(cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    cluster.state.write_text("{}")
    eventually(lambda: pid_of_kick_daemon(cluster) == 0)
    assert cluster.call("monitor").code == 0, "a fresh state, a fresh kick daemon"
    assert pid_of_kick_daemon(cluster)


def test_a_foreign_process_in_the_kick_daemons_place_is_left_alone(devices: Simulator, cluster: Cluster) -> None:
    """The kernel tells whose the lock is, and what is no kick daemon is not ended for holding it."""
    hold = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print(flush=True); input()"
    )
    lock = str(cluster.folder / "berofos-relay.state.kickd")
    with subprocess.Popen(
        [sys.executable, "-c", hold, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stranger:
        assert stranger.stdout
        assert stranger.stdout.readline() == "\n"
        assert cluster.call("start").code == 0
        assert watchdogs(devices) == ["0", "0"]
        answer = cluster.call("monitor")
        assert answer.code == 190
        assert f"process {stranger.pid} holds a lock on" in answer.reason
        assert cluster.call("stop").code == 0
        assert stranger.poll() is None
        stranger.communicate("")
    assert watchdogs(devices) == ["0", "0"]
    assert cluster.call("start").code == 0


def test_a_node_whose_cluster_was_away_keeps_no_kick_daemon_when_another_node_has_the_lines(
    devices: Simulator, cluster: Cluster
) -> None:
    assert cluster.call("start").code == 0
    for device in devices:
        device.model.write("cmd=6&wen=0")  # as the start on the other node does
        device.model.move_by_hand("0")
    assert cluster.probe().code == 7
    assert pid_of_kick_daemon(cluster) == 0


# --- changed parameters ----------------------------------------------------------------------------------------


def test_reload_switches_the_watchdog_off(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    assert cluster.call("reload-agent", watchdog="0").code == 0
    assert watchdogs(devices) == ["0", "0"]
    assert os.listdir(cluster.folder) == ["berofos-relay.state"]
    assert cluster.call("monitor", watchdog="0").code == 0


def test_reload_switches_the_watchdog_on(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start", watchdog="0").code == 0
    assert cluster.call("reload-agent").code == 0
    assert watchdogs(devices) == ["1", "1"]
    assert pid_of_kick_daemon(cluster)


@pytest.mark.parametrize("interval", ["30", "600"])
def test_reload_changes_the_interval_and_the_pace(devices: Simulator, cluster: Cluster, interval: str) -> None:
    assert cluster.call("start").code == 0
    first = pid_of_kick_daemon(cluster)
    assert cluster.call("reload-agent", watchdog=interval).code == 0
    assert [device.model.values()["wdogitime"] for device in devices] == [interval, interval]
    assert not runs(first)
    arguments = Path(f"/proc/{pid_of_kick_daemon(cluster)}/cmdline").read_bytes().split(b"\0")
    assert float(arguments[5]) == int(interval) / 3
    assert watchdogs(devices) == ["1", "1"]


def test_reload_with_a_device_away_succeeds_and_a_monitor_does_it_later(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    for device in devices:
        device.model.fault("silent")
    assert cluster.call("reload-agent", watchdog="0").code == 0
    for device in devices:
        device.model.clear_faults()
    assert cluster.call("monitor", watchdog="0").code == 0
    assert watchdogs(devices) == ["0", "0"]
    assert pid_of_kick_daemon(cluster) == 0
