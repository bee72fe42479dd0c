"""berofos drill on two real nodes: there and back, and nothing left behind however it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from .lab.cluster import RELAY, TELEPHONY, Cluster
from .lab.two_nodes import NODES
from .test_documentation import Console

INTERRUPTED = """\
exec bash << 'END'
rm -f {out}  # of the drill before: it would be read until the shell has begun this one
# What runs in the background ignores SIGINT, what nohup starts SIGHUP, and so does all that descends from them.
{before} berofos drill --yes > {out} 2>&1 &
until grep -qs 'is moved' {out}; do sleep 0.1; done
kill -{signal} $!
status=0; wait $! || status=$?
echo "exit status $status"
cat {out}
END
"""


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


@pytest.fixture
def console(cluster: Cluster, tmp_path: Path) -> Console:
    return Console(cluster, tmp_path)


def left_behind(cluster: Cluster) -> list[str]:
    cib = cluster.lab.must(cluster.lab.a_node(), "cibadmin --query")
    return [word for word in ("cli-prefer", "cli-ban", 'name="standby" value="on"') if word in cib]


@pytest.mark.parametrize("how", ["", "--standby"])
def test_telephony_and_lines_go_there_and_back_and_nothing_is_left_behind(
    cluster: Cluster, console: Console, how: str
) -> None:
    done = console.run(f"berofos drill --yes {how}")
    assert done.returncode == 0, done.stdout + done.stderr
    for told in (
        f"{TELEPHONY} runs on xivo-2",
        f"{RELAY} runs on xivo-2",
        "fos1 lines at xivo-2",
        "fos2 lines at xivo-1",
    ):
        assert told in done.stdout
    assert "s  done: there " in done.stdout.splitlines()[-1]
    assert left_behind(cluster) == []
    cluster.wait_for("xivo-1")
    assert [one.node for one in cluster.lab.movements()] == ["xivo-2", "xivo-2", "xivo-1", "xivo-1"]


@pytest.mark.parametrize("signal", ["INT", "HUP", "TERM"])
def test_an_interrupted_drill_leaves_nothing_behind(cluster: Cluster, console: Console, signal: str) -> None:
    before = "env --default-signal=INT,HUP,TERM"
    done = console.run(INTERRUPTED.format(out="/run/drill.out", signal=signal, before=before))
    assert "exit status 130" in done.stdout, done.stdout + done.stderr
    assert left_behind(cluster) == []


def test_a_drill_behind_nohup_goes_on_when_the_terminal_is_lost(cluster: Cluster, console: Console) -> None:
    done = console.run(INTERRUPTED.format(out="/run/drill.out", signal="HUP", before="nohup"))
    assert "exit status 0" in done.stdout, done.stdout + done.stderr
    assert "s  done: there " in done.stdout
    assert left_behind(cluster) == []


def test_it_is_refused_when_the_other_node_is_not_ready(cluster: Cluster, console: Console) -> None:
    cluster.standby("xivo-2", on=True)
    refused = console.run("berofos drill --yes")
    assert refused.returncode == 3
    assert refused.stderr.startswith("berofos drill: refused: xivo-2 is standby; ")
    assert cluster.where(TELEPHONY) == NODES[0]


def test_it_is_refused_in_maintenance_mode(cluster: Cluster, console: Console) -> None:
    cluster.set_property("maintenance-mode", "true")
    cluster.lab.wait_until(lambda: "DISABLED" in console.run("crm_mon --one-shot").stdout, 10, "the mode is known")
    refused = console.run("berofos drill --yes")
    assert refused.returncode == 3
    assert "the cluster is in maintenance mode" in refused.stderr


def test_it_is_refused_when_the_rehearsal_finds_a_wrong_row(cluster: Cluster, console: Console) -> None:
    cluster.set_meta("critical", "true")
    refused = console.run("berofos drill --yes")
    assert refused.returncode == 3
    assert "the relay moves, stops or restarts telephony" in refused.stderr
    assert cluster.lab.movements() == []


def test_without_a_terminal_it_has_to_be_told_yes(cluster: Cluster, console: Console) -> None:
    asked = console.run("berofos drill < /dev/null")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "--yes is required" in asked.stderr
    assert cluster.lab.movements() == []
