"""Who is kicked and who is armed when bnfos.conf, the devices, the state file or the order of actions change.

fos3 is a device that bnfos.conf does not have at first: a replacement, or another device.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.device import frame
from berofos_agent.simulator import DeviceSpec, Power, Simulator
from berofos_agent.watchdog import process

from .conftest import Cluster, fresh_address
from .test_watchdog import Clock, eventually, freeze, kicked_again, modes, runs, watchdogs

LONG = "120"
MACS = {"fos1": "00:19:32:00:12:1D", "fos2": "00:19:32:00:12:1E", "fos3": "00:19:32:00:12:1F"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def devices(clock: Clock) -> Iterator[Simulator]:
    """Three devices with their lines at B, and watchdogs off."""
    settings = {"modedef": "1", "wdogdef": "1", "scenario": "0"}
    specs = [DeviceSpec(name, fresh_address(), 0, frame.PORT, mac, settings=settings) for name, mac in MACS.items()]
    with simulator.running(specs, clock=clock) as devices:
        for device in devices:
            device.model.write("cmd=6&wen=0")
            device.model.move_by_hand("1")
            device.model.forget()
        yield devices


@pytest.fixture
def cluster(cluster: Cluster, devices: Simulator) -> Iterator[Cluster]:
    """The agent with a watchdog and fos1 and fos2; what a test leaves running is ended."""
    cluster.parameters["watchdog"] = LONG
    declare(cluster, devices)
    yield cluster
    cluster.state.unlink(missing_ok=True)
    process.end(str(cluster.state))


def declare(cluster: Cluster, devices: Simulator, fos1: str = "fos1", fos2: str = "fos2", macs: bool = True) -> None:
    """Write bnfos.conf: which device each section means; "" leaves it out."""
    text = ""
    for section, name in (("fos1", fos1), ("fos2", fos2)):
        if name:
            host, port = devices[name].http_address
            text += f"[{section}]\nhost = {host}\nport = {port}\n" + (f"mac = {MACS[name]}\n" if macs else "")
    Path(cluster.parameters["config"]).write_text(text)


def kicked(cluster: Cluster) -> set[str]:
    """The devices that the running kick daemon kicks, by their MAC."""
    pid = process.pid_of(str(cluster.state))
    arguments = Path(f"/proc/{pid}/cmdline").read_text() if pid else ""
    return {name for name, mac in MACS.items() if mac.replace(":", "").lower() in arguments}


# --- the kick targets follow bnfos.conf ------------------------------------------------------------------------


@pytest.mark.parametrize("macs", [True, False], ids=["with-mac", "without-mac"])
def test_a_replaced_device_is_kicked_before_it_is_armed(devices: Simulator, cluster: Cluster, macs: bool) -> None:
    declare(cluster, devices, macs=macs)
    assert cluster.call("start").code == 0
    devices["fos1"].model.switch_power(Power.OFF)
    declare(cluster, devices, fos1="fos3", macs=macs)
    assert cluster.call("monitor").code == 0
    assert devices["fos3"].model.state()["watchdog"] == "1"
    assert {"fos2", "fos3"} <= kicked(cluster)
    assert devices["fos3"].model.requests["kick"] > 0


def test_a_section_that_now_means_another_device_leaves_the_former_one_disarmed(
    devices: Simulator, cluster: Cluster, clock: Clock
) -> None:
    assert cluster.call("start").code == 0
    declare(cluster, devices, fos1="fos3")
    assert cluster.call("monitor").code == 0
    assert watchdogs(devices) == ["0", "1", "1"]
    assert kicked(cluster) == {"fos2", "fos3"}
    clock.ahead = 1000
    assert devices["fos1"].model.mode == "1", "its lines stay where they are"


def test_a_former_device_that_cannot_be_disarmed_yet_is_kicked_on(devices: Simulator, cluster: Cluster) -> None:
    cluster.parameters["watchdog"] = "3"
    assert cluster.call("start").code == 0
    devices["fos1"].model.fault("status", "500")
    declare(cluster, devices, fos1="fos3")
    answer = cluster.call("monitor")
    assert answer.code == 190
    assert "watchdog still on" in answer.reason
    eventually(kicked_again(devices, "fos1"))
    assert kicked(cluster) == {"fos1", "fos2", "fos3"}
    devices["fos1"].model.clear_faults()
    assert cluster.call("monitor").code == 0
    assert watchdogs(devices) == ["0", "1", "1"]


@pytest.mark.parametrize("how", ["another-host", "another-mac"])
def test_a_slip_in_bnfos_conf_ends_in_a_disarmed_device_and_a_reason(
    devices: Simulator, cluster: Cluster, clock: Clock, how: str
) -> None:
    assert cluster.call("start").code == 0
    config = Path(cluster.parameters["config"])
    if how == "another-host":
        old, new = devices["fos1"].http_address[0], fresh_address()
    else:
        old, new = MACS["fos1"], "00:19:32:99:99:99"
    config.write_text(config.read_text().replace(old, new))
    answer = cluster.call("monitor")
    assert (answer.code, "fos1: " in answer.reason) == (190, True), answer
    assert devices["fos1"].model.state()["watchdog"] == "0"
    clock.ahead = 60
    assert modes(devices) == ["1", "1", "1"]
    declare(cluster, devices)
    clock.ahead = 0
    assert cluster.call("monitor").code == 0
    assert watchdogs(devices) == ["1", "1", "0"]


def test_a_device_taken_out_of_bnfos_conf_is_disarmed(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    declare(cluster, devices, fos2="")
    assert cluster.call("monitor").code == 0
    assert watchdogs(devices) == ["1", "0", "0"]
    assert kicked(cluster) == {"fos1"}


def test_a_stop_disarms_a_device_taken_out_of_bnfos_conf(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    declare(cluster, devices, fos2="")
    assert cluster.call("stop").code == 0
    assert watchdogs(devices) == ["0", "0", "0"]


def test_a_stop_without_bnfos_conf_disarms_what_it_armed(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    Path(cluster.parameters["config"]).unlink()
    assert cluster.call("stop").code == 0
    assert watchdogs(devices) == ["0", "0", "0"]


def test_a_section_with_a_slip_is_kicked_as_before(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    config = Path(cluster.parameters["config"])
    config.write_text(config.read_text().replace("host", "hots", 1))
    assert cluster.call("monitor").code == 190
    assert kicked(cluster) == {"fos1", "fos2"}
    assert watchdogs(devices) == ["1", "1", "0"]


def test_a_device_replaced_at_its_address_is_asked_for_its_mac(devices: Simulator, cluster: Cluster) -> None:
    """bnfos.conf has no MAC: 190 for ever before, as the kicks went to the old one."""
    declare(cluster, devices, macs=False)
    assert cluster.call("start").code == 0
    devices["fos1"].model.fault("wrong-mac", "00:19:32:00:12:AA")
    devices["fos1"].model.write("cmd=6&wen=0")
    cluster.call("monitor")
    arguments = Path(f"/proc/{process.pid_of(str(cluster.state))}/cmdline").read_text()
    assert "0019320012aa" in arguments


# --- upkeep is per device --------------------------------------------------------------------------------------


def restart_unarmed(devices: Simulator, name: str) -> None:
    devices[name].model.write("cmd=2&wen=0")
    devices[name].model.switch_power(Power.OFF)
    devices[name].model.switch_power(Power.OPERATIONAL)


def test_one_absent_device_does_not_keep_another_from_being_armed_again(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    devices["fos2"].model.switch_power(Power.OFF)
    restart_unarmed(devices, "fos1")
    answer = cluster.call("monitor")
    assert (answer.code, "fos2: " in answer.reason) == (190, True)
    assert watchdogs(devices)[0] == "1"


def test_reload_to_0_disarms_those_that_answer(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    devices["fos2"].model.fault("silent")
    assert cluster.call("reload-agent", watchdog="0").code == 0
    assert watchdogs(devices)[0] == "0"
    assert kicked(cluster) == {"fos2"}, "it may be armed, so it is kicked until it can be disarmed"
    devices["fos2"].model.clear_faults()
    assert cluster.call("monitor", watchdog="0").code == 0
    assert watchdogs(devices) == ["0", "0", "0"]
    assert kicked(cluster) == set()


def test_kicks_that_are_not_answered_end_in_a_disarmed_device(
    devices: Simulator, cluster: Cluster, clock: Clock
) -> None:
    cluster.parameters["watchdog"] = "6"
    assert cluster.call("start").code == 0
    devices["fos2"].model.fault("refuse-kick")
    eventually(lambda: cluster.call("monitor").code == 190)
    assert watchdogs(devices)[1] == "0"
    clock.ahead = 60
    assert devices["fos2"].model.mode == "1", "the lines stay where they are"


# --- start again -----------------------------------------------------------------------------------------------


def test_a_restart_with_a_silent_device_keeps_the_kicks_going(devices: Simulator, cluster: Cluster) -> None:
    cluster.parameters["watchdog"] = "3"
    assert cluster.call("start").code == 0
    first = process.pid_of(str(cluster.state))
    devices["fos2"].model.fault("silent")
    before = devices["fos1"].model.state()["kicks"]
    assert cluster.call("start").code == 0
    assert not runs(first)
    assert devices["fos1"].model.state()["kicks"] > before
    assert (watchdogs(devices)[0], modes(devices)[0]) == ("1", "1")


def test_a_kick_daemon_that_cannot_be_replaced_goes_on(cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    first = process.pid_of(str(cluster.state))
    with pytest.raises(process.KickDaemonError):
        process.launch(str(cluster.state), "token", 1, {"fos1": "not a target"})
    assert runs(first)
    assert process.pid_of(str(cluster.state)) == first


# --- damage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [b"", b"{", b"\0" * 50, b"rubbish", b'{"written by": "ocf:xivo:berofos", "see'])
def test_a_stop_after_damage_disarms(devices: Simulator, cluster: Cluster, damage: bytes) -> None:
    assert cluster.call("start").code == 0
    cluster.state.write_bytes(damage)
    assert cluster.call("stop").code == 0
    assert watchdogs(devices) == ["0", "0", "0"]
    assert os.listdir(cluster.folder) == []
    assert modes(devices) == ["1", "1", "1"]


def test_reload_to_0_after_damage_disarms(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    cluster.state.write_bytes(b"{")
    assert cluster.call("reload-agent", watchdog="0").code == 0
    assert watchdogs(devices) == ["0", "0", "0"]
    eventually(lambda: os.listdir(cluster.folder) == ["berofos-relay.state"])


def test_a_monitor_after_damage_kicks_and_arms_as_before(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    cluster.state.write_bytes(b"{")
    assert cluster.call("monitor").code == 0
    assert watchdogs(devices) == ["1", "1", "0"]
    assert kicked(cluster) == {"fos1", "fos2"}


def test_a_stop_that_cannot_remove_its_state_file_ends_the_kick_daemon(
    devices: Simulator, cluster: Cluster, tmp_path: Path
) -> None:
    """A read-only mount, here: unlink fails for this file only. Kicks would hold the lines of a dead node."""
    assert cluster.call("start").code == 0
    pid = process.pid_of(str(cluster.state))
    hook = tmp_path / "hook" / "sitecustomize.py"
    hook.parent.mkdir()
    hook.write_text(
        "import os\n_own = os.unlink\ndef unlink(path, *args, **kwargs):\n"
        "    if str(path).endswith('.state'):\n        raise OSError(30, 'Read-only file system')\n"
        "    return _own(path, *args, **kwargs)\nos.unlink = unlink\n"
    )
    environ = {
        "PYTHONPATH": str(hook.parent),
        "HA_RSCTMP": str(cluster.folder),
        "OCF_RESOURCE_INSTANCE": "relay",
        "OCF_RESKEY_CRM_meta_on_node": "xivo-1",
        **{f"OCF_RESKEY_{name}": value for name, value in cluster.parameters.items()},
    }
    agent = Path(__file__).parents[2] / "ocf" / "berofos"
    done = subprocess.run(["/usr/bin/python3", "-s", agent, "stop"], env=environ, capture_output=True, check=False)
    assert done.returncode == 0
    assert cluster.state.exists(), "the test does not test"
    assert not runs(pid)
    assert watchdogs(devices) == ["0", "0", "0"]


# --- actions beside each other ---------------------------------------------------------------------------------


def test_two_starts_at_once_end_with_one_daemon_and_all_armed(devices: Simulator, cluster: Cluster) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _n: cluster.call("start"), range(2)))
    assert [answer.code for answer in answers] == [0, 0]
    assert watchdogs(devices) == ["1", "1", "0"]
    assert kicked(cluster) == {"fos1", "fos2"}
    assert cluster.call("monitor").code == 0
    assert cluster.call("stop").code == 0
    assert os.listdir(cluster.folder) == []


@pytest.mark.parametrize("action", ["start", "monitor", "reload-agent"])
def test_an_action_that_ends_after_a_stop_does_not_undo_it(devices: Simulator, cluster: Cluster, action: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    cluster.parameters["request_timeout"] = "6"
    assert cluster.call("start").code == 0
    devices["fos1"].model.write("cmd=6&wen=0")
    for device in devices:
        device.model.fault("slow", "1.5")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(cluster.call, action)
        eventually(lambda: (cluster.folder / "berofos-relay.state.lock").exists())
        assert cluster.call("stop").code == 0
        late.result()
    eventually(lambda: os.listdir(cluster.folder) == [])
    assert watchdogs(devices) == ["0", "0", "0"]
    assert cluster.probe().code == 7


def test_a_frozen_action_does_not_keep_a_stop_waiting_and_undoes_nothing_when_it_goes_on(
    devices: Simulator, cluster: Cluster
) -> None:
    assert cluster.call("start").code == 0
    devices["fos1"].model.write("cmd=6&wen=0")
    devices["fos2"].model.fault("slow", "0.8")
    environ = {
        "PATH": os.environ["PATH"],
        "HA_RSCTMP": str(cluster.folder),
        "OCF_RESOURCE_INSTANCE": "relay",
        "OCF_RESKEY_CRM_meta_on_node": "xivo-1",
        **{f"OCF_RESKEY_{name}": value for name, value in cluster.parameters.items()},
    }
    agent = Path(__file__).parents[2] / "ocf" / "berofos"
    with subprocess.Popen([agent, "monitor"], env=environ, stderr=subprocess.PIPE, text=True) as late:
        eventually(lambda: (cluster.folder / "berofos-relay.state.lock").exists())
        freeze(late.pid)
        devices["fos2"].model.clear_faults()
        assert cluster.call("stop").code == 0
        assert not cluster.state.exists()
        os.kill(late.pid, signal.SIGCONT)
        _out, error = late.communicate(timeout=30)
    assert late.returncode == 7, error
    assert not cluster.state.exists()
    assert process.pid_of(str(cluster.state)) == 0
    assert watchdogs(devices) == ["0", "0", "0"]


def test_a_former_device_with_a_password_is_disarmed_and_no_password_is_in_the_state_file(
    devices: Simulator, cluster: Cluster
) -> None:
    for device in devices:
        device.model.write("cmd=3&apwd=secret&pwd=1")
    config = Path(cluster.parameters["config"])
    config.write_text(config.read_text().replace("mac =", "login = admin:secret\nmac ="))
    assert cluster.call("start").code == 0
    assert "secret" not in cluster.state.read_text()
    config.write_text(config.read_text().partition("[fos2]")[0])
    assert cluster.call("monitor").code == 0
    assert watchdogs(devices) == ["1", "0", "0"]
