"""Two real nodes: the seconds until the lines are right again; needs root, namespaces and the cluster's packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.bench.rows import Row
from tests.cluster.lab.processes import LabError
from tests.cluster.lab.scenes import SLOW_SECONDS, measure, measure_slow, measure_split

TOKEN_SECONDS = 1.0
CONSENSUS_SECONDS = 1.2 * TOKEN_SECONDS
"""corosync.conf(5): consensus is 1.2 times token unless it is set."""


def rows() -> Iterator[Row]:
    """Play the scenes on a lab of their own, each once."""
    try:
        figures = measure()
        split = measure_split()
        slow_failover, slow_move = measure_slow()
    except LabError as exc:
        sys.exit(f"bench: {exc}")
    for figure in figures:
        yield Row(figure.what, figure.seconds, "s", figure.limit, "two nodes, token 1000 ms, monitor 3 s")
    timers = TOKEN_SECONDS + CONSENSUS_SECONDS
    yield Row("failover: detection", split.detection, "s", None, f"Corosync; its timers add up to {timers:g} s at most")
    yield Row("failover: decision", split.decision, "s", None, "Pacemaker, and the start of telephony")
    how = f"telephony takes {SLOW_SECONDS} s to start and to stop"
    for what, slow in (("killed node", slow_failover), ("planned move", slow_move)):
        yield Row(f"{what}, slow telephony: lines there", slow.lines, "s", None, how)
        yield Row(f"{what}, slow telephony: both there", slow.both, "s", None, how)
    yield Row("failover: switching", split.switching, "s", None, "the agent, two devices, from the order to the relay")
