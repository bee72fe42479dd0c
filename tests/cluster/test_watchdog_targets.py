"""The watchdog on two real nodes while a device is replaced, and while one is dead and another was without power."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from .lab.cluster import Cluster
from .lab.devices import CHECKOUT, Device
from .lab.two_nodes import NODES
from .test_watchdog import INTERVAL, LOST, kick_daemons, watched  # noqa: F401

ADDRESS, MAC = "10.42.0.203", "00:19:32:00:00:03"


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


@pytest.fixture
def replacement(watched: Cluster) -> Iterator[Device]:  # noqa: F811
    """A device with another MAC and another address, its lines at port B, ready to take the place of fos1."""
    lab = watched.lab
    control = lab.here / "fos3"
    argv = ["nsenter", "-t", str(lab._lan.pid), "-n", sys.executable, "-m", "berofos_agent", "simulate"]
    argv += ["--device", f"fos3:{ADDRESS}:80:{MAC}", "--control", str(control)]
    lab._lan.add_address(ADDRESS)
    before = lab.must("xivo-1", "cat /etc/bnfos.conf")
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, cwd=CHECKOUT) as process:
        lab.wait_until(control.exists, 20, "the replacement is there")
        device = Device("fos3", ADDRESS, MAC, lab._lan, control, lab.note)
        device.write({"modedef": "1", "wdogdef": "1"})
        device.order("move 1")
        yield device
        for node in NODES:
            lab.nodes[node].edit("bnfos.conf", before)
        process.terminate()
    lab._lan.remove_address(ADDRESS)


def watchdog_of(device: Device) -> str:
    state: str = device.order("state")["state"]["watchdog"]
    return state


def test_a_device_replaced_while_the_watchdog_is_on_never_drops_its_lines(
    watched: Cluster,  # noqa: F811
    replacement: Device,
) -> None:
    lab = watched.lab
    fos1 = lab.device("fos1")
    text = lab.must("xivo-1", "cat /etc/bnfos.conf")
    for node in NODES:
        lab.nodes[node].edit("bnfos.conf", text.replace(fos1.mac, MAC).replace(fos1.address, ADDRESS))
    lab.wait_until(lambda: watchdog_of(replacement) == "1", 40, "the replacement is armed")
    lab.wait_until(lambda: watchdog_of(fos1) == "0", 20, "the former device is disarmed")
    kicks = replacement.order("state")["state"]["kicks"]
    until = time.monotonic() + 3 * INTERVAL
    lab.wait_until(lambda: time.monotonic() > until, 4 * INTERVAL, "three intervals are over")
    assert replacement.order("state")["state"]["kicks"] > kicks
    assert [device.mode for device in (replacement, fos1, lab.device("fos2"))] == ["1", "1", "1"]
    assert lab.movements() == []
    assert len(kick_daemons(watched, "xivo-1")) == 1


def test_a_dead_device_does_not_keep_another_from_being_armed_again(watched: Cluster) -> None:  # noqa: F811
    lab = watched.lab
    fos1, fos2 = lab.device("fos1"), lab.device("fos2")
    fos2.unplug()
    fos1.write({"wdogdef": "0"})
    fos1.power_off()
    fos1.power_on()
    lab.wait_until(lambda: watchdog_of(fos1) == "1", 60, "fos1 is armed again though fos2 is not there")
    until = time.monotonic() + 2 * INTERVAL
    lab.wait_until(lambda: time.monotonic() > until, 4 * INTERVAL, "two intervals are over")
    assert (watchdog_of(fos1), fos1.mode) == ("1", "1")
    assert LOST not in [movement.target for movement in fos1.movements() if movement.cause == "watchdog"]
