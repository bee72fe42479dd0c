"""ClusterLabs' own test of an agent, against simulated devices."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from berofos_agent.simulator import Simulator
from tests.ocf.conftest import Cluster


def test_ocf_tester_passes(devices: Simulator, cluster: Cluster, readable_agent: Path, tmp_path: Path) -> None:
    """As ocf-tester has no node name, the agent falls back to the host's."""
    node = subprocess.run(["uname", "-n"], capture_output=True, text=True, check=True).stdout.strip()
    tester = shutil.which("ocf-tester") or "/usr/sbin/ocf-tester"
    options = [f"config={cluster.parameters['config']}", f"port_b_node={node}", f"state={tmp_path / 'relay.state'}"]
    tested = subprocess.run(
        [tester, "-n", "relay", *(word for option in options for word in ("-o", option)), str(readable_agent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    assert f"{readable_agent} passed all tests" in tested.stdout
    assert [device.model.mode for device in devices] == ["0", "0"], "stopped, with nobody at port D"
