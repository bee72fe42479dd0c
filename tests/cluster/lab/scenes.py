"""What happens to a telephony cluster, and the seconds until the lines are right again.

Each scene begins with everything on one node and takes its times from the relays' own history.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .cluster import DUMMY, MONITOR_SECONDS, RELAY, TELEPHONY, Cluster
from .two_nodes import NODES, Lab


@dataclass(frozen=True)
class Figure:
    """A measured time and the most it should be; `limit` is for the benchmark, tests only ask whether it ends."""

    what: str
    seconds: float
    limit: float

    def __str__(self) -> str:
        verdict = "" if self.seconds <= self.limit else "  TOO LONG"
        return f"{self.what:<58} {self.seconds:6.2f} s  (at most {self.limit:.0f} s){verdict}"


def other(node: str) -> str:
    """The other node."""
    return NODES[1 - NODES.index(node)]


def node_killed(cluster: Cluster, node: str, seconds: float = 20.0) -> float:
    """Kill the active node; return the seconds until all lines are on the other one."""
    lab = cluster.lab
    killed = lab.kill(node)
    lab.wait_until(
        lambda: set(lab.lines().values()) == {other(node)}, seconds, f"the lines have left {node}, which is dead"
    )
    return lab.movements(since=killed)[-1].at - killed


@dataclass(frozen=True)
class Failover:
    """The seconds of a failover, by who spent them."""

    detection: float
    """Corosync: until the survivor knows that the node is lost."""
    decision: float
    """Pacemaker: until it orders the start of the relay; telephony is started in that time."""
    switching: float
    """The agent: until the last relay has moved."""


def failover_split(cluster: Cluster, node: str, seconds: float = 20.0) -> Failover:
    """Kill the active node; return where the time until the lines are on the other one went."""
    lab = cluster.lab
    killed = time.monotonic()
    switched = killed + node_killed(cluster, node, seconds)
    lost = lab.logged_at(other(node), f"Node {node} state is now lost", killed)
    ordered = lab.logged_at(other(node), f"Requesting local execution of start operation for {RELAY}", lost)
    return Failover(lost - killed, ordered - lost, switched - ordered)


def telephony_moved(cluster: Cluster, node: str, seconds: float = 20.0) -> float:
    """Move telephony by crm_resource --move; return the seconds from the command until all lines followed."""
    moved = cluster.move(TELEPHONY, node)
    cluster.wait_for(node, seconds)
    return cluster.lab.movements(since=moved)[-1].at - moved


@dataclass(frozen=True)
class Slow:
    """What a failover or a move takes with a telephony resource that starts and stops slowly, in seconds."""

    lines: float
    """Until all lines are on the other node."""
    both: float
    """Until telephony runs there, too."""


def slow_failover(cluster: Cluster, node: str, seconds: float = 60.0) -> Slow:
    """Kill the active node; return when the lines, and when both are on the other one."""
    _await_rest(cluster)
    killed = time.monotonic()
    lines = node_killed(cluster, node, seconds)
    _await_telephony(cluster, other(node), seconds)
    return Slow(lines, time.monotonic() - killed)


def slow_move(cluster: Cluster, node: str, seconds: float = 60.0) -> Slow:
    """Move telephony to a node; return when the lines, and when both are there."""
    _await_rest(cluster)
    moved = cluster.move(TELEPHONY, node)
    _await_telephony(cluster, node, seconds)
    both = time.monotonic() - moved
    cluster.wait_for(node, seconds)
    return Slow(cluster.lab.movements(since=moved)[-1].at - moved, both)


def _await_telephony(cluster: Cluster, node: str, seconds: float) -> None:
    cluster.lab.wait_until(lambda: cluster.where(TELEPHONY) == node, seconds, f"telephony runs on {node}")


def _await_rest(cluster: Cluster) -> None:
    """Wait for slow probes: the cluster decides nothing new while one runs."""
    cluster.lab.wait_until(cluster.lab.is_at_rest, 60, "the cluster has nothing to do")


def relay_moved_by_hand(
    cluster: Cluster, name: str, seconds: float = 20.0, witness: Callable[[], None] | None = None
) -> float:
    """Turn the relay of one device at the device itself; return the seconds until the cluster has turned it back.

    `witness` is called in between, while the relay is in the wrong position.
    """
    lab = cluster.lab
    device = lab.device(name)
    right = device.mode
    by_hand = device.turn("0" if right == "1" else "1")
    if witness:
        witness()
    lab.wait_until(lambda: device.mode == right, seconds, f"the relay of {name} is turned back")
    return device.movements(since=by_hand)[-1].at - by_hand


FIGURES = {
    "killed": ("active node killed, no fencing: lines on the survivor", 4.0),
    "fenced": ("active node killed, with fencing and a delay of 5 s: lines on the survivor", 10.0),
    "fenced by quorum": ("active node killed, with a quorum device and no delay: lines on the survivor", 8.0),
    "fenced by watchdog": ("active node killed, SBD with a watchdog of 5 s: lines on the survivor", 20.0),
    "by hand": ("relay moved by hand: back", MONITOR_SECONDS + 1.0),
    "moved": ("telephony moved by crm_resource --move: lines followed", 1.0),
}
"""What each figure is called and the most it should be."""


def figure(name: str, seconds: float) -> Figure:
    """Return a figure of the table."""
    what, limit = FIGURES[name]
    return Figure(what, seconds, limit)


def measure() -> list[Figure]:
    """Bring a lab up, play the scenes and return the figures."""
    with Lab() as lab:
        cluster = Cluster(lab)
        cluster.configure()
        figures = [figure("by hand", relay_moved_by_hand(cluster, "fos1"))]
        cluster.reset()
        figures.append(figure("moved", telephony_moved(cluster, "xivo-2")))
        cluster.reset()
        figures.append(figure("killed", node_killed(cluster, "xivo-1")))
        cluster.configure(fencing=True)
        # xivo-2, as fencing xivo-1 waits for the 3 s that decide who survives when the nodes are cut from each other.
        telephony_moved(cluster, "xivo-2")
        cluster.clear(TELEPHONY)
        figures.append(figure("fenced", node_killed(cluster, "xivo-2")))
    return figures


SLOW_SECONDS = 8


def configure_slow(cluster: Cluster) -> None:
    """Give the cluster telephony that takes SLOW_SECONDS to start and to stop."""
    cluster.configure(telephony=f"{DUMMY} params op_sleep={SLOW_SECONDS}")


def measure_slow() -> tuple[Slow, Slow]:
    """Bring a lab up with telephony that takes SLOW_SECONDS to start and to stop; return a failover and a move."""
    with Lab() as lab:
        cluster = Cluster(lab)
        configure_slow(cluster)
        failover = slow_failover(cluster, NODES[0])
        cluster.reset()
        return failover, slow_move(cluster, NODES[1])


def measure_split() -> Failover:
    """Bring a lab up, kill the active node and return where the time went."""
    with Lab() as lab:
        cluster = Cluster(lab)
        cluster.configure()
        return failover_split(cluster, NODES[0])
