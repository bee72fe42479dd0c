"""Measures failovers many times on machines of a release: python -m tests.cluster.lab.figures RELEASE DIST [RUNS]

DIST is the folder with the package. Prints median and worst of each figure.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from . import scenes
from .cluster import TELEPHONY, Cluster
from .two_nodes import Lab


def main(argv: list[str]) -> int:
    """Measure and print; a table row a figure."""
    release, dist = argv[0], Path(argv[1])
    runs = int(argv[2]) if len(argv) > 2 else 10
    seen: dict[str, list[float]] = {}
    with Lab(release=release, package=next(dist.glob("*.deb"))) as lab:
        for name, seconds in _measured(Cluster(lab), runs):
            seen.setdefault(name, []).append(seconds)
            print(f"{release}: {name} {seconds:.2f} s", file=sys.stderr, flush=True)
    for name, figures in seen.items():
        what = scenes.FIGURES[name][0]
        print(f"| {what} | {release} | {len(figures)} | {statistics.median(figures):.1f} | {max(figures):.1f} |")
    return 0


def _measured(cluster: Cluster, runs: int) -> Iterator[tuple[str, float]]:
    cluster.configure()
    for _ in range(runs):
        yield "by hand", scenes.relay_moved_by_hand(cluster, "fos1")
        cluster.reset()
        yield "moved", scenes.telephony_moved(cluster, "xivo-2")
        cluster.reset()
        yield "killed", scenes.node_killed(cluster, "xivo-1")
        cluster.reset()
    cluster.configure(fencing=True)
    for _ in range(runs):
        # xivo-2, as fencing xivo-1 waits for the 3 s that decide who survives when the nodes are cut from each other.
        scenes.telephony_moved(cluster, "xivo-2")
        cluster.clear(TELEPHONY)
        yield "fenced", scenes.node_killed(cluster, "xivo-2")
        cluster.reset()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
