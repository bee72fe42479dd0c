"""berofos metrics: what Prometheus gets of simulated devices and of a recorded cluster, and its file."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from berofos_agent.agent.dahdi import FOLDER_VARIABLE
from berofos_agent.panel.metrics import METRICS
from berofos_agent.simulator import Power
from tests.device.conftest import Desk, Ran
from tests.device.test_status_on_a_cluster import Node, in_standby, node

__all__ = ["node"]

ROOT = Path(__file__).parents[2]
DAHDI = ROOT / "tests" / "data" / "dahdi"
PASSWORD = "s3cret-of-fos"


def samples(text: str) -> dict[str, float]:
    """All samples by name and labels, as they are written: name{label="value"}."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(one.labels.items()))
            key = f"{one.name}{{{labels}}}" if labels else one.name
            assert key not in found, f"{key} is there twice"
            found[key] = one.value
    return found


def told(ran: Ran) -> dict[str, float]:
    assert ran.status == 0, ran.err
    return samples(ran.out)


def run(desk: Desk, *arguments: str, **given: Any) -> subprocess.CompletedProcess[str]:
    """Run the command as a process."""
    argv = [sys.executable, "-m", "berofos_agent", "metrics", "--config", str(desk.config), "--timeout", "0.5"]
    return subprocess.run(
        [*argv, *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60, check=False, **given
    )


# --- what is measured --------------------------------------------------------------------------------------------


def test_each_device_is_asked_once(desk: Desk) -> None:
    told(desk.berofos("metrics"))
    for device in desk.devices:
        assert device.model.requests == {"connect": 1, "read": 1, "scan": 1}


def test_device_is_reported_with_its_position_watchdog_and_settings(desk: Desk) -> None:
    model = desk.device("fos1").model
    model.move_by_hand("1")
    model.write("cmd=1&rm=1&cmd=2&wintv=20&cmd=6&wen=1")
    found = told(desk.berofos("metrics"))
    host = desk.device("fos1").http_address[0]
    labels = f'device="fos1",firmware="1.53",host="{host}",mac="00:19:32:00:12:1D",scenario="fallback"'
    expected = {
        'reachable{device="fos1"}': 1,
        f"info{{{labels}}}": 1,
        'relay_mode{device="fos1"}': 1,
        'relay_mode{device="fos2"}': 0,
        'power_on_relay_mode{device="fos1"}': 1,
        'power_on_relay_mode{device="fos2"}': 0,
        'watchdog_state{device="fos1",state="on"}': 1,
        'watchdog_state{device="fos1",state="off"}': 0,
        'watchdog_state{device="fos2",state="off"}': 1,
        'watchdog_interval_seconds{device="fos1"}': 20,
        'setting_differs{device="fos1",setting="wdog"}': 1,
        'setting_differs{device="fos1",setting="modedef"}': 0,
        'setting_differs{device="fos2",setting="modedef"}': 1,
    }
    assert {name: found[f"berofos_device_{name}"] for name in expected} == expected
    assert 0 <= found['berofos_device_watchdog_remaining_seconds{device="fos1"}'] <= 20
    assert 'berofos_device_watchdog_remaining_seconds{device="fos2"}' not in found
    assert not [name for name in found if "expected_relay_mode" in name], "no cluster says so"


def test_expired_watchdog_is_a_state(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    model = desk.device("fos1").model
    monkeypatch.setattr(model, "_clock", lambda: 0.0)
    model.write("cmd=6&wen=1")
    monkeypatch.setattr(model, "_clock", lambda: 61.0)
    found = told(desk.berofos("metrics", "fos1"))
    assert found['berofos_device_watchdog_state{device="fos1",state="failure"}'] == 1


def test_device_in_flash_mode_is_neither_reachable_nor_in_a_position(desk: Desk) -> None:
    desk.device("fos1").model.switch_power(Power.OFF)
    desk.device("fos1").model.switch_power(Power.FLASH)
    found = told(desk.berofos("metrics"))
    assert found['berofos_device_flash_mode{device="fos1"}'] == 1
    assert found['berofos_device_reachable{device="fos1"}'] == 0
    assert 'berofos_device_relay_mode{device="fos1"}' not in found


def test_devices_that_do_not_answer_are_reported_in_time_and_named(desk: Desk) -> None:
    for device in desk.devices:
        device.model.switch_power(Power.OFF)
    text = desk.config.read_text()
    desk.config.write_text(text + text.partition("[fos2]")[0].replace("[fos1]", "[fos3]").replace("12:1D", "12:1F"))
    ran = run(desk)
    found = samples(ran.stdout)
    assert ran.returncode == 0, "a metric says it"
    assert [found[f'berofos_device_reachable{{device="fos{number}"}}'] for number in (1, 2, 3)] == [0, 0, 0]
    assert [line.partition(" no answer")[0] for line in ran.stderr.splitlines()] == [
        f"berofos metrics: fos{number}:" for number in (1, 2, 3)
    ]


def test_section_with_a_mistake_is_a_device_that_does_not_answer(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text() + "\n[fos3]\nmac = 00:19\nhost = 127.0.0.1\n")
    found = told(desk.berofos("metrics"))
    assert found['berofos_device_reachable{device="fos3"}'] == 0
    assert found['berofos_device_reachable{device="fos1"}'] == 1


def test_names_are_escaped(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text().replace("[fos1]", '[a"b\\c\u00e9]'), encoding="utf-8")
    ran = run(desk)
    assert ran.returncode == 0
    assert "is not a usable name" in ran.stderr
    assert 'berofos_device_reachable{device="a\\"b\\\\c\u00e9"} 0.0' in ran.stdout
    assert len([name for name in samples(ran.stdout) if name.startswith("berofos_device_reachable")]) == 2


def test_noise_in_a_number_is_no_sample(desk: Desk) -> None:
    desk.device("fos1").model._stored["wdogitime"] = "60\x1b[2J"
    desk.device("fos2").model._stored["wdogitime"] = "9" * 5000
    found = told(desk.berofos("metrics"))
    assert not [name for name in found if "watchdog_interval" in name]
    assert found['berofos_device_reachable{device="fos1"}'] == 1


def test_no_password_is_in_it(desk: Desk, tmp_path: Path) -> None:
    for device in desk.devices:
        device.model.write(f"cmd=3&apwd={PASSWORD}&pwd=1")
    desk.config.write_text(desk.config.read_text().replace("host =", f"login = admin:{PASSWORD}\nhost ="))
    file = tmp_path / "berofos.prom"
    ran = run(desk, "--output", str(file))
    found = samples(file.read_text())
    assert found['berofos_device_reachable{device="fos1"}'] == 1, "it is read with the password"
    assert PASSWORD not in ran.stdout + ran.stderr + file.read_text()


# --- the cluster -------------------------------------------------------------------------------------------------


def test_healthy_cluster(node: Node) -> None:
    found = told(node.status("healthy", "1", "0", command="metrics"))
    expected = {
        'berofos_device_relay_mode{device="fos2"}': 0,
        'berofos_device_expected_relay_mode{device="fos2"}': 1,
        "berofos_cluster_up": 1,
        'berofos_relay_running{node="xivo-1",resource="relay"}': 1,
        'berofos_relay_running{node="xivo-2",resource="relay"}': 0,
        'berofos_relay_degraded{resource="relay"}': 0,
        'berofos_relay_managed{resource="relay"}': 1,
        'berofos_relay_blocked{resource="relay"}': 0,
        'berofos_relay_failures{node="xivo-1",resource="relay"}': 0,
        'berofos_relay_last_start_timestamp_seconds{node="xivo-1",resource="relay"}': 1795562041,
        'berofos_relay_last_start_duration_seconds{node="xivo-1",resource="relay"}': 0.417,
        'berofos_node_ready{node="xivo-2",resource="relay"}': 1,
    }
    assert {name: found[name] for name in expected} == expected
    assert 'berofos_node_ready{node="xivo-1",resource="relay"}' not in found, "it has the lines"


def test_node_that_is_not_online_could_not_take_over(node: Node) -> None:
    """Its own monitor goes on in standby and says yes; of a lost node nothing was there, so that its alert ended."""
    readiness = 'berofos_node_ready{node="xivo-2",resource="relay"}'
    assert told(node.status("node-stopped", "1", "1", command="metrics"))[readiness] == 0
    assert told(in_standby(node, command="metrics"))[readiness] == 0


def test_failed_start_is_a_fail_count_without_end(node: Node) -> None:
    found = told(node.status("start-failed", "1", "0", command="metrics"))
    assert found['berofos_relay_failures{node="xivo-2",resource="relay"}'] == float("inf")
    assert sum(value for name, value in found.items() if name.startswith("berofos_relay_running")) == 0


def test_degraded_resource(node: Node) -> None:
    node.desk.device("fos2").model.switch_power(Power.OFF)
    found = told(node.status("degraded", "1", command="metrics"))
    assert found['berofos_relay_degraded{resource="relay"}'] == 1
    assert found['berofos_device_reachable{device="fos2"}'] == 0
    assert found['berofos_device_expected_relay_mode{device="fos2"}'] == 1


def test_cluster_that_does_not_answer_is_down_and_the_devices_are_reported(node: Node) -> None:
    node.tool("cibadmin", "")
    found = told(node.status("healthy", "1", "1", command="metrics"))
    assert found["berofos_cluster_up"] == 0
    assert found['berofos_device_reachable{device="fos1"}'] == 1


def with_parameters(node: Node, **parameters: str) -> None:
    """Give the relay resource more parameters."""
    cib = (node._folder / "cibadmin.out").read_text()
    pairs = "".join(f'<nvpair id="relay-{key}" name="{key}" value="{value}"/>' for key, value in parameters.items())
    node.tool("cibadmin", cib.replace('<nvpair name="port_b_node"', f'{pairs}<nvpair name="port_b_node"', 1))


def test_kicks_are_those_of_this_nodes_kick_daemon(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HA_RSCTMP", str(tmp_path))
    answered = time.clock_gettime(time.CLOCK_BOOTTIME) - 7
    (tmp_path / "berofos-relay.state.kicks").write_text(f"at {answered:.3f} 1\nfos1 {answered:.3f} 0\nfos2 0.000 4\n")
    found = told(node.status("healthy", "1", "1", command="metrics"))
    name = 'berofos_device_last_answered_kick_timestamp_seconds{device="fos1",resource="relay"}'
    assert 6.9 <= time.time() - found[name] < 60  # it is rounded to tenths of a second
    assert name.replace("fos1", "fos2") not in found, "it has not answered one yet"
    assert found['berofos_device_unanswered_kicks{device="fos2",resource="relay"}'] == 4


def test_spans_and_layer2_are_reported_where_the_lines_are(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    with_parameters(node, spans="1 2 2", layer2="yes")  # samples() finds what is there twice
    monkeypatch.setenv(FOLDER_VARIABLE, str(DAHDI))
    node.tool("crm_node", "xivo-1")
    node.tool("asterisk", "Primary D-channel: 3\nStatus: Provisioned, Up, Active\n")
    here = told(node.status("healthy", "1", "1", command="metrics"))
    alarms = {name: value for name, value in here.items() if name.startswith("berofos_span_alarm")}
    assert sorted(alarms.values()) == [0, 1], alarms
    assert here['berofos_span_layer2_up{resource="relay",span="1"}'] == 1
    node.tool("crm_node", "xivo-2")
    away = told(node.status("healthy", "1", "1", command="metrics"))
    assert not [name for name in away if name.startswith("berofos_span")], "an alarm is normal there"


def test_every_row_of_the_table_has_a_name_and_a_unit_of_prometheus() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("berofos_")
        assert metric.meaning.endswith(".")
        assert not metric.shown_name.endswith(("_ms", "_milliseconds", "_count_total"))


# --- the file ----------------------------------------------------------------------------------------------------


def test_file_is_readable_for_node_exporter_and_nothing_else_is_left(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "textfile"
    folder.mkdir()
    file = folder / "berofos.prom"
    ran = run(desk, "--output", str(file), umask=0o077)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert samples(file.read_text())['berofos_device_reachable{device="fos1"}'] == 1
    assert file.stat().st_mode & 0o777 == 0o644
    assert os.listdir(folder) == ["berofos.prom"]


def test_changes_of_position_are_counted_from_run_to_run(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "berofos.prom"
    counts = []
    for mode in ("0", "1", "1", "0"):
        desk.device("fos1").model.move_by_hand(mode)
        assert desk.berofos("metrics", "--output", str(file)).status == 0
        counts.append(samples(file.read_text())['berofos_device_position_changes_total{device="fos1"}'])
    assert counts == [0, 1, 1, 2]


def test_relay_that_falls_in_a_power_cut_has_moved_though_it_did_not_answer_meanwhile(
    desk: Desk, tmp_path: Path
) -> None:
    """The panel counted it, the file of `berofos metrics --output` did not."""
    file, fos1 = tmp_path / "berofos.prom", desk.device("fos1").model
    last, changes = (
        f'berofos_device_{name}{{device="fos1"}}' for name in ("last_relay_mode", "position_changes_total")
    )
    fos1.move_by_hand("1")
    found = []
    for power in (Power.OPERATIONAL, Power.OFF, Power.OFF, Power.OPERATIONAL):
        fos1.switch_power(power)
        assert desk.berofos("metrics", "--output", str(file)).status == 0
        now = samples(file.read_text())
        found.append((now.get('berofos_device_relay_mode{device="fos1"}'), now.get(last), now[changes]))
    assert found == [(1, 1, 0), (None, 1, 0), (None, 1, 0), (0, 0, 1)]


@pytest.mark.parametrize("damage", [b"", b"berofos_device_relay_mode{", b"\xff\x00{}", b"a 1\n" * 9])
def test_damaged_file_is_replaced_and_counting_begins_again(desk: Desk, tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "berofos.prom"
    file.write_bytes(damage)
    assert desk.berofos("metrics", "--output", str(file)).status == 0
    assert samples(file.read_text())['berofos_device_position_changes_total{device="fos1"}'] == 0


@pytest.mark.parametrize("place", ["missing/berofos.prom", "", "/dev/null"], ids=["no-folder", "a-folder", "a-device"])
def test_place_that_cannot_be_written_is_one_line(desk: Desk, tmp_path: Path, place: str) -> None:
    ran = desk.berofos("metrics", "--output", str(tmp_path / place))
    assert ran.status in (1, 3)
    assert ran.err.count("\n") == 1
    assert str(tmp_path / place) in ran.err


def test_full_disk_is_one_line_and_the_file_before_stays(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "textfile"
    folder.mkdir()
    file = folder / "berofos.prom"
    file.write_text("before 1\n")
    limit = (1000, 1000)
    # The limit would hit the file of coverage's own measurement as well, and that would be reported.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ran = run(
        desk,
        "--output",
        str(file),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        env=environ,
    )
    assert ran.returncode == 1
    assert ran.stderr == f"berofos metrics: {file}: cannot be written: File too large; see --output\n"
    assert (file.read_text(), os.listdir(folder)) == ("before 1\n", ["berofos.prom"])


def test_runs_at_the_same_time_leave_one_whole_file(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "textfile"
    folder.mkdir()
    argv = [sys.executable, "-m", "berofos_agent", "metrics", "--config", str(desk.config)]
    argv += ["--output", str(folder / "berofos.prom")]
    running = [subprocess.Popen(argv, cwd=ROOT) for _ in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    assert samples((folder / "berofos.prom").read_text())['berofos_device_reachable{device="fos2"}'] == 1
    assert os.listdir(folder) == ["berofos.prom"]


def test_without_the_client_library_one_line_says_what_to_install(desk: Desk) -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from berofos_agent.commands import berofos; sys.exit(berofos.main())"
    )
    argv = [sys.executable, "-c", code, "metrics", "--config", str(desk.config)]
    ran = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    reason = "needs the client of Prometheus: apt-get install python3-prometheus-client"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", f"berofos metrics: {reason}\n")
