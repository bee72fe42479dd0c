"""The commands of docs/quick-start.md that need no second host to be set up, typed on two real nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples import examples, write_commands

from .lab.cluster import RELAY, TELEPHONY, VIP_ADDRESS, Cluster
from .lab.processes import TOOL_PATH

PAGE = examples("quick-start.md")
TELEPHONY_BY_TOOL = {"pcs": "telephony pcs", "crm": "telephony crm"}


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


@pytest.mark.parametrize("tool", TELEPHONY_BY_TOOL)
def test_from_telephony_to_the_first_failover(cluster: Cluster, tmp_path: Path, tool: str) -> None:
    lab = cluster.lab
    commands = write_commands(tmp_path / "bin")

    def type_example(name: str) -> str:
        ran = lab.run("xivo-1", ["env", f"PATH={commands}:{TOOL_PATH}", "sh", "-e", "-c", PAGE[name]])
        assert ran.returncode == 0, f"{name}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    for resource in (RELAY, TELEPHONY):
        lab.must("xivo-1", f"pcs resource delete {resource}")
    assert "xivo-2" in type_example("online")
    type_example("priority")
    type_example(TELEPHONY_BY_TOOL[tool])
    type_example("stickiness")
    lab.wait_until(lambda: cluster.where("asterisk"), 20, "telephony runs")
    home = cluster.where("asterisk")
    type_example("relay")
    lab.wait_until(lambda: cluster.where(RELAY) == home, 20, "the relay resource runs beside telephony")
    lab.wait_until(lambda: set(lab.lines().values()) == {home}, 20, "the lines are there")
    assert f"OK: the lines are at {home}" in type_example("check")
    if home == "xivo-2":
        lab.must("xivo-1", f"crm_resource --move --resource {TELEPHONY} --node xivo-1")
        lab.wait_until(lambda: set(lab.lines().values()) == {"xivo-1"}, 20, "the lines are on xivo-1")
        type_example("clear")
    type_example("move")
    lab.wait_until(lambda: set(lab.lines().values()) == {"xivo-2"}, 20, "the lines have followed telephony")
    assert VIP_ADDRESS in lab.must("xivo-2", "ip -o address show dev eth0")
    type_example("clear")
    lab.wait_until(lambda: "BEROFOS" in type_example("monitoring"), 10, "the plugin has answered")
