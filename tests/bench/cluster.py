"""Two real nodes: the seconds until the lines are right again; needs root, namespaces and the cluster's packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.bench.rows import Row
from tests.cluster.lab.processes import LabError
from tests.cluster.lab.scenes import measure


def rows() -> Iterator[Row]:
    """Play the scenes on a lab of their own, each once."""
    try:
        figures = measure()
    except LabError as exc:
        sys.exit(f"bench: {exc}")
    for figure in figures:
        yield Row(figure.what, figure.seconds, "s", figure.limit, "two nodes, token 1000 ms, monitor 3 s")
