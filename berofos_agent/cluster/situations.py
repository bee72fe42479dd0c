"""The situations of a rehearsal: what happens to the cluster, as options for crm_simulate and changes of the CIB.

In all texts {active} is the node that has telephony, {passive} the other one, {relay} the relay resource, {telephony}
the telephony resource; {relay_monitor}, {telephony_monitor} and {telephony_start} are operations of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Trouble(Enum):
    """What is in trouble; the rehearsal expects something else for each."""

    START = "the cluster starts"
    NODE = "a node"
    TELEPHONY = "the telephony resource"
    RELAY = "the relay"
    SPLIT = "the connection between the nodes"


@dataclass(frozen=True)
class Situation:
    """One row of the table."""

    id: str
    text: str
    trouble: Trouble
    options: Sequence[str] = ()
    """What crm_simulate is told in the first run."""
    failing: Sequence[str] = ()
    """Operations that fail, RESOURCE_OPERATION_INTERVAL@NODE=CODE, as long as the trouble lasts."""
    attribute: Sequence[str] = ()
    """Node, name and value of a node attribute that is set as long as the trouble lasts."""
    prefer: str = ""
    """The node that `crm_resource --move` sends telephony to."""
    over: Sequence[str] = ()
    """What crm_simulate is told when the trouble is over."""
    times: int = 1
    """How often it happens."""
    outage: bool = False
    """The relay may be stopped as long as the trouble lasts, as it cannot be started."""
    silent: bool = False
    """The cluster has nothing to do."""


REPEATED = 6
"""Twice the migration-threshold that is recommended."""

_BACK = "--node-up={active}"
_BACK_PASSIVE = "--node-up={passive}"
_MOVED = "--op-inject={relay_monitor}@{active}=7"
_FAILED = "--op-inject={relay_monitor}@{active}=1"
_TELEPHONY_FAILED = "--op-inject={telephony_monitor}@{active}=1"
_START, _NODE, _TELEPHONY, _RELAY, _SPLIT = Trouble

SITUATIONS = (
    Situation("cold-start", "all nodes start from cold", _START),
    Situation("active-dies", "{active} dies", _NODE, ["--node-fail={active}"], over=[_BACK]),
    Situation("active-standby", "{active} is put in standby", _NODE, attribute=["{active}", "standby", "on"]),
    Situation("active-shutdown", "{active} is shut down", _NODE, attribute=["{active}", "shutdown", "1"], over=[_BACK]),
    Situation("passive-dies", "{passive} dies", _NODE, ["--node-fail={passive}"], over=[_BACK_PASSIVE]),
    Situation("passive-standby", "{passive} is put in standby", _NODE, attribute=["{passive}", "standby", "on"]),
    Situation(
        "passive-shutdown",
        "{passive} is shut down",
        _NODE,
        attribute=["{passive}", "shutdown", "1"],
        over=[_BACK_PASSIVE],
    ),
    Situation("telephony-fails-once", "{telephony} fails once", _TELEPHONY, [_TELEPHONY_FAILED]),
    Situation(
        "telephony-fails",
        "{telephony} fails for good on {active}",
        _TELEPHONY,
        ["--op-inject={telephony_failure}@{active}=1"],
        failing=["{telephony_start}@{active}=1"],
    ),
    Situation("telephony-moved", "{telephony} is moved to {passive}", _TELEPHONY, prefer="{passive}"),
    Situation("relay-moved-by-hand", "{relay} is switched by hand", _RELAY, [_MOVED]),
    Situation("relay-monitor-fails", "the monitor of {relay} fails", _RELAY, [_FAILED]),
    Situation(
        "relay-keeps-failing", "{relay} keeps being switched away", _RELAY, [_MOVED], times=REPEATED, outage=True
    ),
    Situation(
        "relay-degraded",
        "a device of {relay} does not answer",
        _RELAY,
        ["--op-inject={relay_monitor}@{active}=190"],
        silent=True,
    ),
    Situation(
        "relay-start-fails",
        "{relay} cannot be started on {active}",
        _RELAY,
        [_MOVED],
        failing=["{relay}_start_0@{active}=1"],
        outage=True,
    ),
    Situation(
        "relay-unreachable",
        "no device of {relay} answers any node",
        _RELAY,
        [_FAILED],
        failing=["{relay}_start_0@{active}=1", "{relay}_start_0@{passive}=1"],
        outage=True,
    ),
    Situation("relay-stop-fails", "{relay} cannot be stopped", _RELAY, [_MOVED], failing=["{relay}_stop_0@{active}=1"]),
    Situation("split-active", "the nodes lose contact: {active}'s view", _SPLIT, ["--node-fail={passive}"]),
    Situation(
        "split-passive",
        "the nodes lose contact: {passive}'s view",
        _SPLIT,
        ["--node-fail={active}", "--quorum={quorum}"],
    ),
)

DECISIVE = [
    one
    for one in SITUATIONS
    if one.id in ("cold-start", "active-dies", "telephony-moved", "telephony-fails", "split-passive")
    or one.id in ("relay-keeps-failing", "relay-start-fails", "relay-unreachable", "relay-stop-fails")
]
"""Those that decide the doctor's checks; the others show the same faults again, and the doctor is to be quick."""
