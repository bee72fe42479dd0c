"""A node whose clock is far off when it boots, as with a dead battery and no time server: it takes part like others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab import scenes
from .lab.cluster import RELAY, Cluster
from .test_documentation import Console
from .test_fencing import telephony_at

A_YEAR_BEHIND, A_YEAR_AHEAD, TRUE = "-400d", "+400d", ""


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


@pytest.fixture(params=[A_YEAR_BEHIND, A_YEAR_AHEAD])
def wrong(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """xivo-2 has booted with a wrong date; everything is on xivo-1."""
    boot_with(cluster, request.param)
    yield cluster
    boot_with(cluster, TRUE)


def boot_with(cluster: Cluster, clock: str) -> None:
    cluster.lab.kill("xivo-2")
    cluster.lab.set_clock("xivo-2", clock)
    cluster.lab.boot("xivo-2")
    cluster.wait_for_members()


def year(cluster: Cluster, node: str) -> int:
    return int(cluster.lab.must(node, "date +%Y"))


def test_it_joins_without_moving_a_line_is_ready_and_takes_the_lines_of_a_killed_node_once(wrong: Cluster) -> None:
    lab = wrong.lab
    assert year(wrong, "xivo-1") != year(wrong, "xivo-2")
    lab.wait_until(lambda: wrong.attribute("xivo-2", f"{RELAY}-ready") == "yes", 30, "xivo-2 is ready")
    assert wrong.is_home("xivo-1")
    assert lab.movements() == []
    killed = lab.kill("xivo-1")
    wrong.wait_for("xivo-2", 25)
    assert [one.node for one in lab.movements(since=killed)] == ["xivo-2"] * len(lab.devices)
    lab.boot("xivo-1")
    wrong.wait_for_members()


def test_with_telephony_it_turns_a_relay_back_and_its_commands_know_the_lines(wrong: Cluster, tmp_path: Path) -> None:
    telephony_at(wrong, "xivo-2")
    scenes.relay_moved_by_hand(wrong, "fos1")
    console = Console(wrong, tmp_path, node="xivo-2")
    status = console.run("berofos status || true")
    assert status.stdout.count("A-D xivo-2  A-D xivo-2  ok") == len(wrong.lab.devices), status.stdout + status.stderr
    for command in ("history", "metrics"):
        told = console.run(f"berofos {command}")
        assert (told.returncode, told.stderr) == (0, ""), f"berofos {command}"
