"""Plays one scene many times, on one lab of this host: python -m tests.cluster.lab.series SCENE [RUNS]

splits      with fencing and priority-fencing-delay, the nodes are cut from each other RUNS times with telephony on each
failovers   the active node is killed RUNS times on each side, without and with the readiness monitor
slow        the active node is killed, and telephony moved, RUNS times, where telephony is slow to start and to stop

Each run is a line; the last lines are a table. The exit status is 1 if a split was lost.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from itertools import product

from . import scenes
from .cluster import TELEPHONY, WITHOUT_FENCING, Cluster
from .processes import LabError
from .two_nodes import NODES, Lab

WITHOUT_READINESS = "".join(line for line in WITHOUT_FENCING.splitlines(keepends=True) if "role=Stopped" not in line)

ROUND = 5
"""Runs in a row, so that what else the host does meets both configurations."""


def main(argv: list[str]) -> int:
    """Play the scene that is named first."""
    runs = int(argv[1]) if len(argv) > 1 else 10
    with Lab() as lab:
        return SCENES[argv[0]](Cluster(lab), runs)


def splits(cluster: Cluster, runs: int) -> int:
    """Count the splits that the active node survived without a line moved."""
    cluster.configure(fencing=True)
    won = dict.fromkeys(NODES, 0)
    for run in range(1, runs + 1):
        for active in NODES:
            outcome = _split(cluster, active)
            won[active] += not outcome
            print(
                f"split {run} with telephony on {active}: {outcome or f'{active} survived, no line moved'}", flush=True
            )
    for node, count in won.items():
        print(f"| telephony on {node}: it survived, no line moved | {count} of {runs} |")
    return 0 if set(won.values()) == {runs} else 1


def _split(cluster: Cluster, active: str) -> str:
    """Cut the nodes from each other with telephony on one; return what went wrong, in one line."""
    cluster.reset()
    lab, passive = cluster.lab, scenes.other(active)
    try:
        if active != NODES[0]:
            scenes.telephony_moved(cluster, active)
            cluster.clear(TELEPHONY)
            cluster.wait_for(active)
        lab.separate_nodes()
        cut = lab.moment_of("the nodes do not hear each other any more")
        lab.wait_until(lambda: lab.happened(f"{passive} is fenced"), 25, f"{passive} is fenced")
        lab.rejoin_nodes()
        cluster.wait_for_members()
        cluster.wait_for(active)
    except LabError as exc:
        return str(exc).splitlines()[0]
    if lab.happened(f"{active} is fenced"):
        return f"{active} was fenced"
    return f"{len(lab.movements(since=cut))} movements" if lab.movements(since=cut) else ""


def failovers(cluster: Cluster, runs: int) -> int:
    """Measure failovers in both directions, without and with the readiness monitor, in turns of ROUND runs."""
    seen: dict[tuple[str, str], list[float]] = {}
    configurations = (("without", WITHOUT_READINESS), ("with", WITHOUT_FENCING))
    for first in range(1, runs + 1, ROUND):
        for (readiness, configuration), run in product(configurations, range(first, min(first + ROUND, runs + 1))):
            if run == first:
                cluster.configure(text=configuration)
            for active in NODES:
                cluster.reset()
                if active != NODES[0]:
                    scenes.telephony_moved(cluster, active)
                    cluster.clear(TELEPHONY)
                    cluster.wait_for(active)
                seconds = scenes.node_killed(cluster, active)
                seen.setdefault((readiness, active), []).append(seconds)
                print(f"failover {run} from {active}, {readiness} readiness: {seconds:.2f} s", flush=True)
    for (readiness, active), figures in seen.items():
        median, best, worst = statistics.median(figures), min(figures), max(figures)
        print(f"| from {active}, {readiness} readiness | {len(figures)} | {best:.2f} | {median:.2f} | {worst:.2f} |")
    return 0


def slow(cluster: Cluster, runs: int) -> int:
    """Measure failovers and moves of a slow telephony resource."""
    scenes.configure_slow(cluster)
    seen: dict[str, list[float]] = {}
    for run in range(1, runs + 1):
        for what, scene in (("killed", scenes.slow_failover), ("moved", scenes.slow_move)):
            cluster.reset()
            took = scene(cluster, NODES[0] if what == "killed" else NODES[1])
            seen.setdefault(f"{what}: lines there", []).append(took.lines)
            seen.setdefault(f"{what}: both there", []).append(took.both)
            print(f"{what} {run}: lines after {took.lines:.1f} s, both after {took.both:.1f} s", flush=True)
    for name, figures in seen.items():
        print(
            f"| {name} | {len(figures)} | {min(figures):.1f} | {statistics.median(figures):.1f} | {max(figures):.1f} |"
        )
    return 0


SCENES: dict[str, Callable[[Cluster, int], int]] = {"splits": splits, "failovers": failovers, "slow": slow}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
