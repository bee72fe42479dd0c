"""What can happen to two nodes and two devices, and what the cluster may do about each.

A step of the wall clock is missing: Linux has no CLOCK_REALTIME of a namespace's own, so a node's clock cannot be
stepped without the machine's. A node that boots with another date is a scenario, see tests/cluster/test_clock.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from .stage import Stage

DEVICES = ("fos1", "fos2")
ROLES = ("active", "passive")
"""Nodes are named by what they are when a round begins: where telephony runs, and the other one."""

DAEMONS = (
    "pacemakerd",
    "pacemaker-based",
    "pacemaker-fenced",
    "pacemaker-execd",
    "pacemaker-attrd",
    "pacemaker-schedulerd",
    "pacemaker-controld",
)

Arguments = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """The two nodes by role."""

    active: str
    passive: str

    def node(self, role: str) -> str:
        return self.active if role == "active" else self.passive


@dataclass(frozen=True)
class Allowance:
    """What a fault may be answered with; everything beyond it is a violation."""

    telephony: bool = False
    """They may be started anew, here or on the other node."""
    fenced: frozenset[str] = frozenset()
    movements: Mapping[str, int] = field(default_factory=dict)
    """How often the agent may move each device's relay."""

    def __add__(self, other: Allowance) -> Allowance:
        return Allowance(
            self.telephony or other.telephony,
            self.fenced | other.fenced,
            {device: self.movements.get(device, 0) + other.movements.get(device, 0) for device in DEVICES},
        )


NOTHING = Allowance()
FAILOVER = Allowance(telephony=True, movements=dict.fromkeys(DEVICES, 1))


def _failover_from(role: str) -> Allowance:
    return FAILOVER if role == "active" else NOTHING


def _lost(place: Place, role: str, fencing: bool) -> Allowance:
    fenced = frozenset({place.node(role)} if fencing else ())
    return _failover_from(role) + Allowance(fenced=fenced)


def _once(device: str) -> Allowance:
    return Allowance(movements={device: 1})


def _split(place: Place) -> Allowance:
    # Fencing of the node with telephony is delayed.
    return _lost(place, "passive", fencing=True)


@dataclass(frozen=True)
class Fault:
    """One kind of fault. Nodes are given by role, devices by name."""

    name: str
    aims: Sequence[Sequence[str]]
    """What its arguments are drawn from, one after the other."""
    begin: Callable[..., None]
    end: Callable[..., None]
    allows: Callable[[Place, Arguments, bool], Allowance]
    """What it may be answered with, by place, arguments and whether there is fencing."""
    seconds: tuple[float, float]
    """How long it lasts, at least and at most."""
    needs_fencing: bool = False
    """Without fencing the nodes would fight, which no agent can arbitrate."""
    may_last: bool = False
    """Now and then it lasts longer than the agent puts up with."""


# --- how each begins and ends ------------------------------------------------------------------------------------


def _begin_kill(stage: Stage, role: str) -> None:
    stage.lab.kill(stage.place.node(role))


def _end_kill(stage: Stage, role: str) -> None:
    stage.lab.boot(stage.place.node(role))


def _begin_split(stage: Stage) -> None:
    stage.lab.separate_nodes()


def _end_split(stage: Stage) -> None:
    stage.lab.rejoin_nodes()
    stage.lab.note("the nodes hear each other again")


def _begin_cut(stage: Stage, role: str, which: str) -> None:
    node = stage.place.node(role)
    for device in _devices(which):
        if stage.lab.nodes[node].is_on:
            stage.lab.cut(node, device)


def _end_cut(stage: Stage, role: str, which: str) -> None:
    node = stage.place.node(role)
    for device in _devices(which):
        if stage.lab.nodes[node].is_on:
            stage.lab.restore(node, device)
    stage.lab.note(f"{node} reaches {' and '.join(_devices(which))} again")


def _begin_lonely(stage: Stage, role: str) -> None:
    _begin_cut(stage, role, "both")
    _begin_split(stage)


def _end_lonely(stage: Stage, role: str) -> None:
    _end_split(stage)
    _end_cut(stage, role, "both")


def _devices(which: str) -> tuple[str, ...]:
    return DEVICES if which == "both" else (which,)


def _begin_power(stage: Stage, device: str) -> None:
    stage.lab.device(device).power_off()


def _end_power(stage: Stage, device: str) -> None:
    stage.lab.device(device).power_on()


def _begin_stuck(stage: Stage, device: str, how: str) -> None:
    if how == "in the wrong position":
        _turn(stage, device)
    stage.lab.device(device).misbehave("stuck")


def _begin_slow(stage: Stage, device: str, seconds: str) -> None:
    stage.lab.device(device).misbehave(f"slow {seconds}")


def _clear_faults(stage: Stage, device: str, _argument: str) -> None:
    stage.lab.device(device).clear_faults()


def _turn(stage: Stage, name: str) -> None:
    device = stage.lab.device(name)
    device.turn(str(1 - int(device.mode)))


def _leave(_stage: Stage, *_arguments: str) -> None:
    """The cluster's own business."""


def _begin_move(stage: Stage) -> None:
    stage.cluster.move("xivo", stage.place.passive)


def _end_move(stage: Stage) -> None:
    stage.cluster.clear("xivo")
    stage.lab.note("the administrator clears the constraint")


def _begin_standby(stage: Stage, role: str) -> None:
    stage.cluster.standby(stage.place.node(role), on=True)


def _end_standby(stage: Stage, role: str) -> None:
    stage.cluster.standby(stage.place.node(role), on=False)


def _begin_freeze(stage: Stage, role: str) -> None:
    stage.lab.freeze_corosync(stage.place.node(role))


def _end_freeze(stage: Stage, role: str) -> None:
    stage.lab.continue_corosync(stage.place.node(role))


def _begin_stop(stage: Stage, which: str) -> None:
    for role in _roles(which):
        stage.lab.stop_cluster(stage.place.node(role))


def _begin_losing_cib(stage: Stage, role: str) -> None:
    _begin_stop(stage, role)
    stage.lab.lose_cib(stage.place.node(role))


def _end_stop(stage: Stage, which: str) -> None:
    for role in _roles(which):
        stage.lab.start_cluster(stage.place.node(role))


def _roles(which: str) -> tuple[str, ...]:
    return ROLES if which == "both" else (which,)


def _begin_pacemaker(stage: Stage, role: str, daemon: str) -> None:
    stage.kill_daemon(stage.place.node(role), daemon)


NODE_FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            "kill",
            [ROLES],
            _begin_kill,
            _end_kill,
            lambda place, arguments, fencing: _lost(place, arguments[0], fencing),
            (2, 15),
        ),
        Fault(
            "cut node from node",
            [],
            _begin_split,
            _end_split,
            lambda place, _arguments, _fencing: _split(place),
            (4, 15),
            needs_fencing=True,
        ),
        Fault(
            "cut node from node and devices",
            [ROLES],
            _begin_lonely,
            _end_lonely,
            lambda place, _arguments, _fencing: _split(place),
            (4, 15),
            needs_fencing=True,
        ),
        Fault("move", [], _begin_move, _end_move, lambda *_: FAILOVER, (2, 8)),
        Fault(
            "standby",
            [ROLES],
            _begin_standby,
            _end_standby,
            lambda _place, arguments, _fencing: _failover_from(arguments[0]),
            (2, 10),
        ),
        Fault(
            "stop the cluster",
            [(*ROLES, "both")],
            _begin_stop,
            _end_stop,
            # The first of both to stop hands over to the other one, and when they start telephony may go to either.
            lambda _place, arguments, _fencing: (
                FAILOVER + FAILOVER if arguments[0] == "both" else _failover_from(arguments[0])
            ),
            (2, 10),
        ),
        Fault(
            "lose the CIB",
            [ROLES],
            _begin_losing_cib,
            _end_stop,
            lambda _place, arguments, _fencing: _failover_from(arguments[0]),
            (2, 10),
        ),
        Fault(
            "freeze Corosync",
            [ROLES],
            _begin_freeze,
            _end_freeze,
            lambda place, arguments, fencing: _lost(place, arguments[0], fencing),
            (0.2, 12),
            needs_fencing=True,
        ),
        Fault(
            "kill Pacemaker",
            [ROLES, DAEMONS],
            _begin_pacemaker,
            _leave,
            lambda place, arguments, fencing: _lost(place, arguments[0], fencing),
            (1, 3),
            needs_fencing=True,
        ),
    )
}
"""A round has one of these at most."""

DEVICE_FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            "cut node from device",
            [ROLES, (*DEVICES, "both")],
            _begin_cut,
            _end_cut,
            lambda *_: NOTHING,
            (3, 15),
            may_last=True,
        ),
        # With its power back a device comes up at A-B, wherever telephony runs.
        Fault(
            "power cut",
            [DEVICES],
            _begin_power,
            _end_power,
            lambda _place, arguments, _fencing: _once(arguments[0]),
            (1, 15),
            may_last=True,
        ),
        Fault(
            "stuck",
            [DEVICES, ("in position", "in the wrong position")],
            _begin_stuck,
            _clear_faults,
            lambda _place, arguments, _fencing: _once(arguments[0]) if arguments[1] != "in position" else NOTHING,
            (3, 15),
            may_last=True,
        ),
        Fault(
            "slow",
            [DEVICES, ("0.5", "2", "5")],
            _begin_slow,
            _clear_faults,
            lambda *_: NOTHING,
            (3, 15),
            may_last=True,
        ),
        Fault(
            "turn by hand", [DEVICES], _turn, _leave, lambda _place, arguments, _fencing: _once(arguments[0]), (1, 5)
        ),
    )
}
"""A round may have one of these for each device."""

FAULTS: Mapping[str, Fault] = {**NODE_FAULTS, **DEVICE_FAULTS}


def devices_of(fault: str, arguments: Arguments) -> set[str]:
    """Return the devices a fault happens to; none for what happens to nodes."""
    return set() if fault in NODE_FAULTS else {device for argument in arguments for device in _struck(argument)}


def _struck(argument: str) -> tuple[str, ...]:
    return _devices(argument) if argument in (*DEVICES, "both") else ()
