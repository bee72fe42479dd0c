"""berofos metrics on two real nodes: what Prometheus gets of a failover, a dead device and a watchdog."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.device.test_metrics import samples

from .lab import scenes
from .lab.cluster import RELAY, Cluster
from .lab.devices import LOGIN
from .test_status import Console

INTERVAL = 6


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


@pytest.fixture
def console(cluster: Cluster, tmp_path: Path) -> Console:
    return Console(cluster, tmp_path)


def metrics(console: Console, node: str, arguments: str = "") -> dict[str, float]:
    """Return the samples that a node exports, by name and labels."""
    return samples(console.run(node, f"berofos metrics {arguments}"))


EXPORTER = """
ha_cluster_exporter --web.listen-address=127.0.0.1:9664 > /dev/null 2>&1 &
trap "kill $!" EXIT
for _ in $(seq 100); do
    wget --quiet --output-document=- http://127.0.0.1:9664/metrics && exit
    sleep 0.1
done
"""


def of_ha_cluster_exporter(cluster: Cluster, node: str) -> dict[str, float]:
    """Return the samples that ClusterLabs' own exporter has of the relay resource on a node."""
    found = samples(cluster.lab.must(node, ["sh", "-c", EXPORTER]))
    return {name: value for name, value in found.items() if f'"{RELAY}' in name}


def device(found: dict[str, float], what: str) -> list[float | None]:
    return [found.get(f'berofos_device_{what}{{device="{name}"}}') for name in ("fos1", "fos2")]


def relay(found: dict[str, float], what: str, node: str) -> float | None:
    return found.get(f'berofos_{what}{{node="{node}",resource="{RELAY}"}}')


def test_a_failover_is_told_as_the_lab_measured_it(console: Console, cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "berofos.prom"
    look = f"--output {file} && cat {file}"
    cluster.lab.wait_until(
        lambda: relay(metrics(console, "xivo-2", look), "node_ready", "xivo-2") == 1, 30, "xivo-2 is ready"
    )
    before = metrics(console, "xivo-2", look)
    assert (device(before, "relay_mode"), device(before, "expected_relay_mode")) == ([1, 1], [1, 1])
    assert (relay(before, "relay_running", "xivo-1"), relay(before, "relay_running", "xivo-2")) == (1, 0)
    began = time.time()
    scenes.node_killed(cluster, "xivo-1")
    cluster.wait_for("xivo-2", 25)
    assert cluster.lab.happened("xivo-1 is fenced")
    after = metrics(console, "xivo-2", look)
    assert (device(after, "relay_mode"), device(after, "expected_relay_mode")) == ([0, 0], [0, 0])
    assert device(after, "position_changes_total") == [1, 1]
    assert (relay(after, "relay_running", "xivo-1"), relay(after, "relay_running", "xivo-2")) == (0, 1)
    started = relay(after, "relay_last_start_timestamp_seconds", "xivo-2")
    took = relay(after, "relay_last_start_duration_seconds", "xivo-2")
    assert started is not None
    assert took is not None
    assert began - 1 <= started <= time.time()  # Pacemaker writes whole seconds
    assert 0 < took < 8, "a start lasts no longer"


def test_a_relay_moved_by_hand_is_told_while_nobody_moves_it_back(console: Console, cluster: Cluster) -> None:
    cluster.set_property("maintenance-mode", "true")
    cluster.lab.device("fos1").turn("0")
    found = metrics(console, "xivo-1")
    assert (device(found, "relay_mode"), device(found, "expected_relay_mode")) == ([0, 1], [1, 1])
    assert found[f'berofos_relay_managed{{resource="{RELAY}"}}'] == 0
    cluster.set_property("maintenance-mode", "false")
    cluster.wait_for("xivo-1", 30)
    found = metrics(console, "xivo-1")
    assert (device(found, "relay_mode"), device(found, "expected_relay_mode")) == ([1, 1], [1, 1])
    assert found[f'berofos_relay_managed{{resource="{RELAY}"}}'] == 1


def test_a_device_that_refuses_the_password_cannot_be_switched(console: Console, cluster: Cluster) -> None:
    locked = cluster.lab.device("fos1")
    locked.write({"apwd": LOGIN.partition(":")[2], "pwd": "1"})
    assert device(metrics(console, "xivo-2"), "reachable") == [0, 1]
    locked.write({"pwd": "0"}, LOGIN)
    assert device(metrics(console, "xivo-2"), "reachable") == [1, 1]


def test_a_dead_device_and_its_recovery_are_told(console: Console, cluster: Cluster) -> None:
    lab = cluster.lab
    lab.device("fos2").power_off()
    lab.wait_until(
        lambda: metrics(console, "xivo-2").get(f'berofos_relay_degraded{{resource="{RELAY}"}}') == 1, 30, "degraded"
    )
    found = metrics(console, "xivo-2")
    assert device(found, "reachable") == [1, 0]
    assert device(found, "relay_mode") == [1, None]
    assert device(found, "expected_relay_mode") == [1, 1]
    lab.device("fos2").power_on()
    lab.wait_until(
        lambda: metrics(console, "xivo-2").get(f'berofos_relay_degraded{{resource="{RELAY}"}}') == 0, 30, "healthy"
    )
    assert device(metrics(console, "xivo-2"), "reachable") == [1, 1]


def test_ha_cluster_exporter_has_the_node_attributes_as_the_page_says(console: Console, cluster: Cluster) -> None:
    lab = cluster.lab
    ready = f'ha_cluster_pacemaker_node_attributes{{name="{RELAY}-ready",node="xivo-2",value="yes"}}'
    lab.wait_until(lambda: ready in of_ha_cluster_exporter(cluster, "xivo-2"), 30, "xivo-2 is ready")
    found = of_ha_cluster_exporter(cluster, "xivo-2")
    assert found[f'ha_cluster_pacemaker_node_attributes{{name="{RELAY}-lines",node="xivo-1",value="A-B"}}'] == 1
    lab.device("fos2").power_off()
    lab.wait_until(lambda: relay(metrics(console, "xivo-2"), "node_ready", "xivo-2") == 0, 30, "xivo-2 is not ready")
    lab.wait_until(
        lambda: metrics(console, "xivo-2").get(f'berofos_relay_degraded{{resource="{RELAY}"}}') == 1, 30, "degraded"
    )
    found = of_ha_cluster_exporter(cluster, "xivo-2")
    names = [name for name, value in found.items() if value == 1]
    assert any(re.search(rf'{RELAY}-lines",node="xivo-1",value="A-B; fos2: ', name) for name in names)
    assert any(re.search(rf'{RELAY}-ready",node="xivo-2",value="fos2: ', name) for name in names)
    states = [re.findall(r'status="(\w+)"', name)[0] for name in names if "pacemaker_resources" in name]
    assert states == ["active"], "it does not tell a degraded resource from a healthy one"


def test_kicks_of_the_node_at_port_b_are_told_there(console: Console, cluster: Cluster) -> None:
    lab = cluster.lab
    for one in lab.devices.values():
        one.write({"modedef": "1", "wdogdef": "1"})
    cluster.set_parameter("watchdog", str(INTERVAL))
    answered = f'berofos_device_last_answered_kick_timestamp_seconds{{device="fos1",resource="{RELAY}"}}'
    lab.wait_until(lambda: answered in metrics(console, "xivo-1"), 30, "a kick is answered")
    lab.wait_until(lambda: device(metrics(console, "xivo-1"), "watchdog_remaining_seconds")[1], 20, "both are armed")
    found = metrics(console, "xivo-1")
    assert 0 <= time.time() - found[answered] < 60
    assert found[f'berofos_device_unanswered_kicks{{device="fos1",resource="{RELAY}"}}'] == 0
    assert found['berofos_device_watchdog_state{device="fos1",state="on"}'] == 1
    assert device(found, "watchdog_interval_seconds") == [INTERVAL, INTERVAL]
    assert answered not in metrics(console, "xivo-2"), "it does not kick"
    cluster.set_parameter("watchdog", "0")
    lab.wait_until(
        lambda: metrics(console, "xivo-1")['berofos_device_watchdog_state{device="fos1",state="off"}'], 30, "disarmed"
    )
