"""What the agent answers: each row of the design's table, on a real process and real sockets."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from berofos_agent.simulator import Simulator

from .conftest import AGENT, Cluster

Break = Callable[[Simulator, Cluster], None]


def modes(devices: Simulator) -> list[str]:
    return [device.model.mode for device in devices]


def movements(devices: Simulator) -> int:
    return sum(entry["event"] == "relay" for device in devices for entry in device.model.history)


def fault(name: str, order: str, argument: str = "") -> Break:
    return lambda devices, _cluster: devices[name].model.fault(order, argument)


def everywhere(order: str, argument: str = "") -> Break:
    def do(devices: Simulator, _cluster: Cluster) -> None:
        for device in devices:
            device.model.fault(order, argument)

    return do


def protect(name: str) -> Break:
    def do(devices: Simulator, _cluster: Cluster) -> None:
        devices[name].model.write("cmd=3&apwd=secret&pwd=1")

    return do


# --- start -----------------------------------------------------------------------------------------------------


def test_start_reads_back_and_moves_nothing_that_is_in_position(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    assert modes(devices) == ["1", "1"]
    assert movements(devices) == 0
    assert all(device.model.requests == {"connect": 1, "read": 1} for device in devices), devices["fos1"].model.requests


def test_start_switches_the_devices_in_the_wrong_position(devices: Simulator, cluster: Cluster) -> None:
    answer = cluster.call("start", node="xivo-2")
    assert (answer.code, answer.reason, answer.stdout) == (0, "", "")
    assert modes(devices) == ["0", "0"]
    assert movements(devices) == 2


def test_start_with_one_silent_device_switches_the_other_and_says_so(devices: Simulator, cluster: Cluster) -> None:
    devices["fos2"].model.fault("silent")
    answer = cluster.call("start", node="xivo-2")
    assert answer.code == 0
    assert devices["fos1"].model.mode == "0"
    assert "fos2: no answer" in json.loads(cluster.state.read_text())["conditions"]["position"]


@pytest.mark.parametrize(
    ("broken", "code", "reason"),
    [
        pytest.param(everywhere("silent"), 1, "fos1: no answer from", id="none-reachable"),
        pytest.param(everywhere("drop", "forever"), 1, "fos1: ", id="all-hang-up"),
        pytest.param(
            fault("fos2", "stuck"), 1, "fos2: relay did not switch: mode is still 1 after writing 0", id="stuck"
        ),
        pytest.param(fault("fos2", "not-berofos"), 1, "is not a bero*fos", id="no-berofos"),
        pytest.param(fault("fos2", "noise"), 1, "fos2: ", id="noise"),
        pytest.param(fault("fos2", "status", "500"), 1, "answered HTTP status 500", id="status-500"),
        pytest.param(fault("fos2", "redirect", "http://127.0.0.1:9/"), 1, "HTTP status 30", id="redirect"),
        pytest.param(fault("fos2", "endless"), 1, "fos2: ", id="a-gigabyte"),
    ],
)
def test_start_that_fails_switches_the_others_as_well(
    devices: Simulator, cluster: Cluster, broken: Break, code: int, reason: str
) -> None:
    broken(devices, cluster)
    answer = cluster.call("start", node="xivo-2")
    assert answer.code == code
    assert reason in answer.reason
    assert len(answer.reason.encode()) <= 128
    if not devices["fos1"].model.faults.on("silent") and not devices["fos1"].model.faults.on("drop"):
        assert devices["fos1"].model.mode == "0"


def test_start_with_a_device_that_sends_a_byte_a_second_ends_in_time(devices: Simulator, cluster: Cluster) -> None:
    devices["fos2"].model.fault("trickle")
    answer = cluster.call("start", node="xivo-2")
    assert answer.code == 0, answer
    assert modes(devices) == ["0", "1"]


def test_start_with_a_wrong_password_on_one_device_recovers_by_itself_once_the_login_is_right(
    devices: Simulator, cluster: Cluster
) -> None:
    protect("fos2")(devices, cluster)
    cluster.node = "xivo-2"
    config = Path(cluster.parameters["config"])
    without = config.read_text()
    config.write_text(without.replace("#login = <user>:<password>", "login = admin:guess"))
    answer = cluster.call("start")
    assert (answer.code, modes(devices)) == (0, ["0", "1"])
    assert "guess" not in answer.stderr
    assert "fos2: password refused" in json.loads(cluster.state.read_text())["conditions"]["position"]
    degraded = cluster.call("monitor")
    assert degraded.code == 190
    assert "fos2: password refused" in degraded.reason

    config.write_text(without.replace("#login = <user>:<password>", "login = admin:secret"))
    assert cluster.call("monitor").code == 1, "so the cluster stops and starts the resource"
    assert cluster.call("stop").code == 0
    assert cluster.call("start").code == 0
    assert cluster.call("monitor").code == 0
    assert modes(devices) == ["0", "0"]


def test_start_with_a_password_missing_on_one_device_switches_the_other(devices: Simulator, cluster: Cluster) -> None:
    protect("fos2")(devices, cluster)
    assert cluster.call("start", node="xivo-2").code == 0
    assert modes(devices) == ["0", "1"]
    assert "requires a password" in json.loads(cluster.state.read_text())["conditions"]["position"]


def test_start_refused_by_every_device_is_a_failure_that_the_cluster_tries_again(
    devices: Simulator, cluster: Cluster
) -> None:
    for name in ("fos1", "fos2"):
        protect(name)(devices, cluster)
    answer = cluster.call("start", node="xivo-2")
    assert answer.code == 1, "4 would ban the node until a cleanup"
    assert "requires a password; add its login to bnfos.conf" in answer.reason


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_start_with_the_right_password(devices: Simulator, cluster: Cluster, scheme: str) -> None:
    for device in devices:
        device.model.write("cmd=3&apwd=a:b=c%23d&pwd=1")
        if scheme == "digest":
            device.model.fault("digest")
    config = Path(cluster.parameters["config"])
    config.write_text(config.read_text().replace("#login = <user>:<password>", "login = admin:a:b=c#d"))
    assert cluster.call("start", node="xivo-2").code == 0
    assert modes(devices) == ["0", "0"]


def untouched(devices: Simulator) -> bool:
    return all(not device.model.requests and device.model.mode == "1" for device in devices)


def remove_config(_devices: Simulator, cluster: Cluster) -> None:
    Path(cluster.parameters["config"]).unlink()


def write_config(data: bytes) -> Break:
    def do(_devices: Simulator, cluster: Cluster) -> None:
        Path(cluster.parameters["config"]).write_bytes(data)

    return do


def parameter(**values: str) -> Break:
    return lambda _devices, cluster: cluster.parameters.update(values)


UNUSABLE = [
    pytest.param(remove_config, 5, "is missing on this node", id="no-config"),
    pytest.param(write_config(b""), 2, "declares no device", id="empty-config"),
    pytest.param(write_config(b"[fos1]\nhost = 127.0.0.1\nlog"), 2, "line 3: neither", id="half-written-config"),
    pytest.param(write_config(os.urandom(100) + b"\0"), 2, "binary", id="binary-config"),
    pytest.param(write_config(b"#" * (10 << 20)), 2, "is not a bnfos.conf", id="ten-mebibytes"),
    pytest.param(write_config(b"[fos1]\nhots = 1\n"), 2, "line 2: unknown key hots", id="malformed-config"),
    pytest.param(parameter(config="/"), 2, "cannot be read: Is a directory", id="unreadable-config"),
    pytest.param(parameter(devices="fos1 fos7"), 2, "declares no [fos7]", id="undeclared-device"),
    pytest.param(parameter(port_b_node="a", port_d_node="b"), 2, "is neither port_b_node nor", id="neither-port"),
    pytest.param(parameter(request_timeout="abc"), 6, "request_timeout=abc", id="not-a-number"),
    pytest.param(parameter(request_timeout="0"), 6, "from 1 to 60", id="out-of-range"),
    pytest.param(parameter(scenario="both"), 6, "fallback or bypass", id="unknown-choice"),
    pytest.param(parameter(port_b_node=""), 6, "port_b_node is required", id="required-missing"),
    pytest.param(parameter(CRM_meta_clone_max="2"), 6, "must not be cloned", id="cloned"),
]


@pytest.mark.parametrize(("broken", "code", "reason"), UNUSABLE)
def test_start_that_cannot_begin_touches_nothing(
    devices: Simulator, cluster: Cluster, broken: Break, code: int, reason: str
) -> None:
    broken(devices, cluster)
    answer = cluster.call("start")
    assert answer.code == code
    assert reason in answer.reason
    assert untouched(devices)
    assert not cluster.state.exists()


def test_start_without_a_place_for_its_state_touches_nothing(devices: Simulator, cluster: Cluster) -> None:
    answer = cluster.call("start", node="xivo-2", state=str(cluster.folder / "nowhere" / "relay.state"))
    assert answer.code == 1
    assert "cannot write the state file: No such file or directory" in answer.reason
    assert untouched(devices)


# --- monitor and probe -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("broken", "_code", "_reason"), UNUSABLE)
def test_probe_without_state_is_not_running_whatever_is_wrong(
    devices: Simulator, cluster: Cluster, broken: Break, _code: int, _reason: str
) -> None:
    broken(devices, cluster)
    answer = cluster.probe()
    assert (answer.code, answer.stdout, answer.stderr) == (7, "", "")
    assert untouched(devices)


def test_probe_without_state_loads_no_library(cluster: Cluster) -> None:
    loaded = subprocess.run(
        ["/usr/bin/python3", "-sE", "-X", "importtime", AGENT, "monitor"],
        env={"HA_RSCTMP": str(cluster.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 7
    names = {line.rpartition("|")[2].strip() for line in loaded.stderr.splitlines()}
    assert "berofos_agent.agent.statepath" in names
    assert not names & {
        "ocf",
        "requests",
        "lxml",
        "lxml.etree",
        "socket",
        "json",
        "logging",
        "berofos_agent.agent.actions",
    }


def test_monitor_all_in_position_is_one_exchange_a_device(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    for device in devices:
        device.model.forget()
    answer = cluster.call("monitor")
    assert (answer.code, answer.stdout, answer.stderr) == (0, "", "")
    assert all(device.model.requests == {"connect": 1, "read": 1} for device in devices)


def start_then(cluster: Cluster, devices: Simulator, broken: Break) -> None:
    assert cluster.call("start").code == 0
    broken(devices, cluster)
    for device in devices:
        device.model.forget()


def move(*names: str) -> Break:
    def do(devices: Simulator, _cluster: Cluster) -> None:
        for name in names:
            devices[name].model.move_by_hand("0")

    return do


def both(*steps: Break) -> Break:
    def do(devices: Simulator, cluster: Cluster) -> None:
        for step in steps:
            step(devices, cluster)

    return do


@pytest.mark.parametrize(
    ("broken", "code", "reason"),
    [
        pytest.param(
            move("fos1", "fos2"),
            7,
            "fos1, fos2: relay is in position A-D, expected A-B",
            id="all-in-the-wrong-position",
        ),
        pytest.param(move("fos2"), 1, "fos2: relay is in position A-D, expected A-B", id="one-in-the-wrong-position"),
        pytest.param(
            both(move("fos2"), fault("fos1", "silent")), 1, "fos2: relay", id="one-in-the-wrong-position-one-silent"
        ),
        pytest.param(fault("fos2", "silent"), 190, "fos2: no answer from", id="one-silent"),
        pytest.param(fault("fos2", "trickle"), 190, "fos2: no answer from", id="one-trickles"),
        pytest.param(protect("fos2"), 190, "fos2: ", id="one-refuses-the-password"),
        pytest.param(fault("fos2", "noise"), 190, "fos2: ", id="one-answers-noise"),
        pytest.param(fault("fos2", "status", "500"), 190, "HTTP status 500", id="one-answers-500"),
        pytest.param(fault("fos2", "endless"), 190, "fos2: ", id="one-answers-a-gigabyte"),
        pytest.param(fault("fos2", "not-berofos"), 190, "is not a bero*fos", id="one-is-no-berofos"),
        pytest.param(everywhere("silent"), 190, "(also fos2)", id="none-readable-within-the-grace"),
        pytest.param(
            both(everywhere("silent"), parameter(unreachable_grace="0")),
            1,
            "fos1: no answer",
            id="none-readable-beyond-the-grace",
        ),
        pytest.param(everywhere("status", "401"), 190, "fos1: ", id="no-monitor-says-4"),
        pytest.param(remove_config, 190, "is missing on this node", id="no-config-is-no-reason-to-stop"),
        pytest.param(parameter(request_timeout="abc"), 6, "request_timeout=abc", id="a-parameter-is-wrong"),
        pytest.param(parameter(CRM_meta_clone_max="2"), 6, "must not be cloned", id="cloned"),
    ],
)
def test_monitor(devices: Simulator, cluster: Cluster, broken: Break, code: int, reason: str) -> None:
    start_then(cluster, devices, broken)
    before = modes(devices)
    answer = cluster.call("monitor")
    assert answer.code == code
    assert reason in answer.reason
    assert len(answer.reason.encode()) <= 128
    assert answer.stdout == ""
    assert modes(devices) == before, "a monitor never moves the relay"
    assert cluster.state.exists()


def test_monitor_beyond_the_grace_fails(devices: Simulator, cluster: Cluster) -> None:
    start_then(cluster, devices, everywhere("silent"))
    known = json.loads(cluster.state.read_text())
    known["seen"] = {name: at - 61 for name, at in known["seen"].items()}
    cluster.state.write_text(json.dumps(known))
    answer = cluster.call("monitor")
    assert answer.code == 1
    assert "check power and network" in answer.reason


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("cmd=1&sz=1", "fos2: scenario=1, expected 0"),
        ("cmd=1&rm=0", "fos2: modedef=0, expected 1"),
        ("cmd=6&wen=1", "fos2: wdog=1, expected 0"),
        ("cmd=2&wen=1", "fos2: wdogdef=1, expected 0"),
    ],
)
def test_monitor_at_level_10_reports_latent_misconfiguration(
    devices: Simulator, cluster: Cluster, query: str, reason: str
) -> None:
    start_then(cluster, devices, lambda devices, _cluster: devices["fos2"].model.write(query))
    assert cluster.call("monitor").code == 0
    answer = cluster.call("monitor", level=10)
    assert answer.code == 190
    assert reason in answer.reason


def test_a_condition_that_lasts_is_logged_once(devices: Simulator, cluster: Cluster) -> None:
    start_then(cluster, devices, fault("fos2", "silent"))
    log = cluster.folder / "agent.log"
    cluster.environ["HA_LOGFILE"] = str(log)
    reasons = [cluster.call("monitor").reason for _ in range(3)]
    assert reasons[0] == reasons[1] == reasons[2] != ""
    assert log.read_text().count("fos2: no answer") == 1


def test_a_corrupted_state_file_is_replaced_and_the_grace_starts_anew(devices: Simulator, cluster: Cluster) -> None:
    start_then(cluster, devices, everywhere("silent"))
    cluster.state.write_text('{"seen": {"fo')
    answer = cluster.call("monitor")
    assert answer.code == 190
    assert json.loads(cluster.state.read_text())["seen"]


def test_force_check_of_a_running_resource_keeps_its_state(devices: Simulator, cluster: Cluster) -> None:
    start_then(cluster, devices, move("fos1", "fos2"))
    assert cluster.probe().code == 7
    assert cluster.state.exists()


def test_a_folder_named_as_state_is_no_resource_that_runs(devices: Simulator, cluster: Cluster) -> None:
    cluster.parameters["state"] = str(cluster.folder)
    assert cluster.probe().code == 7
    answer = cluster.call("start")
    assert answer.code == 1
    assert "cannot write the state file: Is a directory" in answer.reason
    assert untouched(devices)
    assert cluster.call("stop").code == 0
    assert cluster.probe().code == 7


def test_bnfos_conf_named_as_state_is_kept(devices: Simulator, cluster: Cluster) -> None:
    config = Path(cluster.parameters["config"])
    before = config.read_text()
    cluster.parameters["state"] = str(config)
    assert cluster.probe().code == 7
    answer = cluster.call("start")
    assert (answer.code, answer.reason) == (6, "state and config name the same file; leave state out")
    assert cluster.call("stop").code == 0
    assert config.read_text() == before
    assert untouched(devices)


# --- stop ------------------------------------------------------------------------------------------------------


def test_stop_keeps_the_relay_where_the_other_node_moves_it(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    for device in devices:
        device.model.forget()
    answer = cluster.call("stop")
    assert (answer.code, answer.stdout, answer.stderr) == (0, "", "")
    assert untouched(devices)
    assert cluster.probe().code == 7
    assert cluster.call("stop").code == 0, "twice"


def test_stop_hands_the_lines_to_the_pbx(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("start", port_d_node="").code == 0
    assert cluster.call("stop", port_d_node="").code == 0
    assert modes(devices) == ["0", "0"]


def test_stop_on_a_node_that_never_started_it_moves_nothing(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("stop", on_stop="fallback").code == 0
    assert untouched(devices)


@pytest.mark.parametrize(
    ("broken", "_code", "_reason"), [*UNUSABLE, pytest.param(everywhere("silent"), 0, "", id="dead")]
)
def test_stop_always_succeeds(devices: Simulator, cluster: Cluster, broken: Break, _code: int, _reason: str) -> None:
    assert cluster.call("start").code == 0
    cluster.parameters["on_stop"] = "fallback"
    broken(devices, cluster)
    answer = cluster.call("stop")
    assert answer.code == 0
    assert "Traceback" not in answer.stderr
    assert cluster.probe().code == 7


def test_stop_without_any_library(cluster: Cluster, tmp_path: Path) -> None:
    cluster.state.write_text("{}")
    isolated = subprocess.run(
        ["/usr/bin/python3", "-sSE", AGENT, "stop"],  # -S: no dist-packages, so neither requests nor lxml
        env={
            "HA_RSCTMP": str(cluster.folder),
            "OCF_RESOURCE_INSTANCE": "relay",
            "OCF_ROOT": str(tmp_path),
            "OCF_FUNCTIONS_DIR": str(tmp_path),
            **{f"OCF_RESKEY_{name}": value for name, value in cluster.parameters.items()},
            "OCF_RESKEY_on_stop": "fallback",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert isolated.returncode == 0
    assert "Traceback" not in isolated.stderr
    assert not cluster.state.exists()


# --- the rest --------------------------------------------------------------------------------------------------


def test_without_python_requests_every_other_action_says_what_to_install(cluster: Cluster) -> None:
    answer = subprocess.run(
        ["/usr/bin/python3", "-sSE", AGENT, "start"],
        env={
            "HA_RSCTMP": str(cluster.folder),
            "OCF_RESKEY_CRM_meta_on_node": "xivo-1",
            **{f"OCF_RESKEY_{name}": value for name, value in cluster.parameters.items()},
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 5
    assert "ocf-exit-reason:Python module requests is missing; install python3-requests" in answer.stderr


def test_validate_all_judges_the_parameters_alone(devices: Simulator, cluster: Cluster) -> None:
    remove_config(devices, cluster)
    everywhere("silent")(devices, cluster)
    assert cluster.call("validate-all", node="xivo-9").code == 0
    assert cluster.call("validate-all", scenario="both").code == 6
    assert untouched(devices)


@pytest.mark.parametrize(
    ("broken", "code", "reason"),
    [
        pytest.param(lambda *_: None, 0, "", id="all-well"),
        *[case for case in UNUSABLE if case.id != "neither-port"],
        pytest.param(fault("fos2", "silent"), 1, "fos2: no answer", id="silent"),
        pytest.param(protect("fos2"), 4, "fos2: ", id="password"),
        pytest.param(fault("fos2", "wrong-mac", "00:19:32:00:00:01"), 2, "has MAC 00:19:32:00:00:01", id="mac"),
        pytest.param(lambda devices, _c: devices["fos2"].model.write("cmd=1&rm=0"), 1, "modedef=0", id="settings"),
    ],
)
def test_validate_all_at_level_10(devices: Simulator, cluster: Cluster, broken: Break, code: int, reason: str) -> None:
    broken(devices, cluster)
    answer = cluster.call("validate-all", level=10)
    assert answer.code == code, answer
    assert reason in answer.reason
    assert movements(devices) == 0


def test_reload_agent_succeeds_also_with_bad_parameters(devices: Simulator, cluster: Cluster) -> None:
    assert cluster.call("reload-agent").code == 0
    assert cluster.call("reload-agent", request_timeout="abc").code == 0
    assert untouched(devices)


@pytest.mark.parametrize("action", ["meta-data", "usage", "help", "methods"])
def test_texts_need_no_environment(action: str) -> None:
    done = subprocess.run([AGENT, action], env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("argv", [[], ["promote"], ["start", "stop"], [""]])
def test_anything_else_is_not_implemented(argv: list[str]) -> None:
    done = subprocess.run([AGENT, *argv], env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("usage: ")


def test_an_unwritable_log_file_stops_no_telephone_line(devices: Simulator, cluster: Cluster) -> None:
    cluster.environ["HA_LOGFILE"] = "/nowhere/ha.log"
    assert cluster.call("start", node="xivo-2").code == 0
    assert modes(devices) == ["0", "0"]


def test_a_name_look_up_that_hangs_ends_in_time(cluster: Cluster, tmp_path: Path) -> None:
    """A name server that takes the question and never answers."""
    hook = tmp_path / "hang" / "sitecustomize.py"
    hook.parent.mkdir()
    hook.write_text("import socket, threading\nsocket.getaddrinfo = lambda *a, **k: threading.Event().wait()\n")
    config = Path(cluster.parameters["config"])
    config.write_text("[fos1]\nhost = fos1.example.org\n")
    done = subprocess.run(
        ["/usr/bin/python3", "-s", AGENT, "start"],
        env={
            "PYTHONPATH": str(hook.parent),
            "HA_RSCTMP": str(cluster.folder),
            "OCF_RESOURCE_INSTANCE": "relay",
            "OCF_RESKEY_CRM_meta_timeout": "4000",
            "OCF_RESKEY_CRM_meta_on_node": "xivo-1",
            **{f"OCF_RESKEY_{name}": value for name, value in cluster.parameters.items()},
        },
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert done.returncode == 1
    assert "fos1: no answer from fos1.example.org" in done.stderr
    assert threading.active_count() < 20
