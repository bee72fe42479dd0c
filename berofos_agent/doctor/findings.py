"""What a check is and what it finds; knows no cluster and no device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Callable

from berofos_agent.agent import parameters
from berofos_agent.agent.parameters import ParameterError, Parameters

if TYPE_CHECKING:
    from berofos_agent.cluster.cib import Cluster, Colocation, Relay
    from berofos_agent.config.bnfosconf import Entry
    from berofos_agent.device.inspection import Inspection
    from berofos_agent.device.settings import Values


CLUSTER = "cluster"
"""The subject of what is wrong with the cluster as a whole."""

_FALSE = ("false", "no", "off", "0", "n")
_TRUE = ("true", "yes", "on", "1", "y")


def is_off(value: str) -> bool:
    """Tell whether Pacemaker takes a value for no."""
    return value.lower() in _FALSE


def is_on(value: str) -> bool:
    """Tell whether Pacemaker takes a value for yes."""
    return value.lower() in _TRUE


class Severity(IntEnum):
    """How bad something is; the numbers are the exit status of `berofos doctor`."""

    CLEAN = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True)
class ConfigFile:
    """A bnfos.conf: what it declares, or why it cannot be used; `mode` is its permissions, None if unknown."""

    path: str
    entries: Sequence[Entry] = ()
    problem: str = ""
    mode: int | None = None


@dataclass(frozen=True)
class Look:
    """What a device said, and the bnfos.conf that declares it."""

    path: str
    report: Inspection

    @property
    def name(self) -> str:
        """The device's section in the file."""
        return self.report.device

    @property
    def told(self) -> Values:
        """The device's settings; empty where it told none."""
        return self.report.settings


@dataclass(frozen=True)
class Facts:
    """All there is to judge; what was not looked at is None or empty."""

    cluster: Cluster | None = None
    why_no_cluster: str = ""
    has_arbiter: bool = False
    """A quorum device decides for two nodes; that is in corosync.conf, not in the CIB."""
    files: Sequence[ConfigFile] = ()
    looks: Sequence[Look] = ()
    alarms: Mapping[str, str] = field(default_factory=dict)
    """By the resource that has the lines here, what is wrong with the DAHDI spans it watches."""

    @property
    def relays(self) -> Sequence[Relay]:
        """The cluster's resources of our agent."""
        return self.cluster.relays if self.cluster else ()

    @cached_property
    def followed(self) -> Mapping[str, Sequence[Colocation]]:
        """By resource, the colocations that place it with another; those of groups included."""
        return _grouped(self.cluster, lambda one: one.rsc)

    @cached_property
    def followers(self) -> Mapping[str, Sequence[Colocation]]:
        """By resource, the colocations that place another with it."""
        return _grouped(self.cluster, lambda one: one.with_rsc)

    @cached_property
    def relay_names(self) -> frozenset[str]:
        """All names under which constraints place relays."""
        return frozenset(name for relay in self.relays for name in relay.names)

    @cached_property
    def parsed(self) -> Sequence[tuple[Relay, Parameters]]:
        """The relays whose parameters are in order; placement.bad_parameters tells of the others."""
        found = []
        for relay in self.relays:
            with contextlib.suppress(ParameterError):
                found.append((relay, parameters.parse(relay.parameters.get)))
        return found


def _grouped(cluster: Cluster | None, key: Callable[[Colocation], str]) -> dict[str, list[Colocation]]:
    groups: dict[str, list[Colocation]] = {}
    for colocation in cluster.colocations if cluster else ():
        groups.setdefault(key(colocation), []).append(colocation)
    return groups


@dataclass(frozen=True)
class Trouble:
    """What is wrong with one subject, and the command that mends it."""

    subject: str
    text: str
    mend: str


@dataclass(frozen=True)
class Check:
    """One row of the table in checks.py."""

    id: str
    severity: Severity
    meaning: str
    judge: Callable[[Facts], Iterable[Trouble]]


@dataclass(frozen=True)
class Finding:
    """A trouble and the check that found it."""

    check: Check
    trouble: Trouble
