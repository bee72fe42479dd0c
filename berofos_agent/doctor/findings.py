"""What a check is and what it finds; knows no cluster and no device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from berofos_agent.bnfosconf import Entry
    from berofos_agent.doctor.cib import Cluster, Colocation, Relay
    from berofos_agent.settings import Values
    from berofos_agent.survey import Report


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
    report: Report

    @property
    def name(self) -> str:
        """The device's section in the file."""
        return self.report.device.name

    @property
    def told(self) -> Values:
        """The device's settings; empty where it told none."""
        return self.report.told or {}


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

    @property
    def colocations(self) -> Sequence[Colocation]:
        """The cluster's colocations, those of groups included."""
        return self.cluster.colocations if self.cluster else ()


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
