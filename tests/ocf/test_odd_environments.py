"""Closed and full outputs, odd names, a hanging attrd_updater, little memory: still the row's exit code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from berofos_agent.agent import statepath
from berofos_agent.simulator import Simulator

from .conftest import AGENT, Cluster


def environ(cluster: Cluster, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HA_RSCTMP": str(cluster.folder),
        "OCF_RESOURCE_INSTANCE": "relay",
        "OCF_RESKEY_CRM_meta_on_node": "xivo-1",
        **{f"OCF_RESKEY_{name}": value for name, value in cluster.parameters.items()},
        **more,
    }


def shell(line: str, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line, "bash", AGENT], env=given, capture_output=True, text=True, timeout=60, check=False
    )


OUTPUTS = {
    "stdout-closed": ">&-",
    "stderr-closed": "2>&-",
    "all-closed": "<&- >&- 2>&-",
    "stdout-full": ">/dev/full",
    "stderr-full": "2>/dev/full",
    "stderr-without-reader": "2> >(true)",
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    ("action", "code"),
    [("start", 0), ("monitor", 190), ("monitor", 0), ("stop", 0), ("validate-all", 6), ("reload-agent", 0), ("x", 3)],
)
def test_an_output_that_nobody_has_changes_no_exit_code(
    devices: Simulator, cluster: Cluster, output: str, action: str, code: int
) -> None:
    if action in ("monitor", "stop"):
        assert cluster.call("start").code == 0
    if code == 190:
        devices["fos2"].model.fault("silent")
    if code == 6:
        cluster.parameters["scenario"] = "both"
    wait = "sleep 0.2; " if output == "stderr-without-reader" else ""
    done = shell(f'exec {OUTPUTS[output]}; {wait}"$1" {action}', environ(cluster))
    assert done.returncode == code, done
    assert not done.stdout


@pytest.mark.parametrize("action", ["start", "monitor", "stop"])
def test_an_instance_name_that_is_not_text(devices: Simulator, cluster: Cluster, action: str) -> None:
    given = environ(cluster, OCF_RESOURCE_INSTANCE=os.fsdecode(b"r\xff\xfe"), OCF_RESKEY_on_stop="fallback")
    path = Path(statepath.path_of(given))
    if action != "start":
        assert shell('"$1" start', given).returncode == 0
        devices["fos1"].model.move_by_hand("0")
    done = shell(f'"$1" {action}', given)
    assert done.returncode == (1 if action == "monitor" else 0), done
    assert "internal error" not in done.stderr
    assert os.path.lexists(path) == (action != "stop")


def test_a_nul_in_the_state_file_is_damage(cluster: Cluster) -> None:
    assert cluster.call("start").code == 0
    text = cluster.state.read_text()
    for damaged in (text.replace("A-B", "A\\u0000B"), text + "\0"):
        cluster.state.write_text(damaged)
        assert cluster.call("monitor").code == 0
        assert "\\u0000" not in cluster.state.read_text()


@pytest.fixture
def hanging(cluster: Cluster, tmp_path: Path) -> Cluster:
    """A cluster whose attrd_updater hangs."""
    program = tmp_path / "bin" / "attrd_updater"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    cluster.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    return cluster


def test_a_hanging_attrd_updater_changes_no_answer(devices: Simulator, hanging: Cluster) -> None:
    hanging.environ["OCF_RESKEY_CRM_meta_timeout"] = "4000"
    assert hanging.call("start").code == 0
    devices["fos2"].model.fault("silent")
    answer = hanging.call("monitor")
    assert (answer.code, answer.reason[:5]) == (190, "fos2:")
    assert hanging.call("stop").code == 0
    assert hanging.probe().code == 7


def test_the_node_attribute_is_removed_after_a_stop(cluster: Cluster, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "attrd_updater"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/said\n')
    program.chmod(0o755)
    cluster.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    assert cluster.call("start").code == 0
    assert cluster.call("monitor").code == 0
    assert cluster.call("stop").code == 0
    assert cluster.call("stop").code == 0
    assert (tmp_path / "said").read_text() == "-n relay-lines -U A-B\n-n relay-lines -D\n"


@pytest.mark.parametrize("megabytes", [24, 32, 48, 64, 96, 128])
@pytest.mark.parametrize("action", ["start", "monitor", "stop"])
def test_little_memory_is_a_reason_and_never_an_internal_error(cluster: Cluster, action: str, megabytes: int) -> None:
    if action != "start":
        assert cluster.call("start").code == 0
    done = shell(f'ulimit -v {megabytes * 1024}; exec "$1" {action}', environ(cluster))
    if done.returncode == 127 or "Fatal Python error" in done.stderr or "error while loading" in done.stderr:
        pytest.skip("the interpreter itself does not start with so little")
    assert "internal error" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode in {"start": (0, 1), "monitor": (0, 1, 190), "stop": (0,)}[action], done
    if done.returncode:
        assert "ocf-exit-reason:" in done.stderr
    if action == "stop":
        assert not cluster.state.exists()
