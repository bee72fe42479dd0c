"""The types of the doctor: the facts it evaluates, a check, a problem, a finding."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Callable

from berofos_agent.agent import parameters
from berofos_agent.agent.parameters import Parameters
from berofos_agent.errors import ParameterError

if TYPE_CHECKING:
    from berofos_agent.cluster.cib import Cluster, Relay
    from berofos_agent.cluster.rehearsal import Row
    from berofos_agent.cluster.relays import RelayState
    from berofos_agent.cluster.status import ClusterStatus
    from berofos_agent.config.bnfosconf import Entry
    from berofos_agent.device.inspection import Inspection
    from berofos_agent.device.settings import Values


CLUSTER = "cluster"
"""The subject of a problem of the whole cluster."""
HEURISTICS = "heuristics"
"""What a quorum device should decide by: heuristics that ask for telephony."""
NODE_ID = "node id"
"""What it decides by without heuristics."""
THE_RELAY = "the relay"
"""What it must not decide by: a relay that is being recovered is stopped for a moment."""


class Severity(IntEnum):
    """How serious a finding is; the numbers are the exit status of `berofos doctor`."""

    CLEAN = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True)
class ConfigFile:
    """A bnfos.conf: its sections, or the problem with it; `mode` is its permissions, None if unknown."""

    path: str
    entries: Sequence[Entry] = ()
    problem: str = ""
    mode: int | None = None


@dataclass(frozen=True)
class Inspected:
    """One inspected device, and the bnfos.conf that declares it."""

    path: str
    inspection: Inspection

    @property
    def name(self) -> str:
        """The device's section in the file."""
        return self.inspection.device

    @property
    def settings(self) -> Values:
        """The device's settings; empty if they could not be read."""
        return self.inspection.settings


@dataclass(frozen=True)
class Facts:
    """Everything the checks evaluate; what was not read is None or empty."""

    cluster: Cluster | None = None
    why_no_cluster: str = ""
    status: ClusterStatus | None = None
    """The live state; None for a CIB from a file."""
    why_no_status: str = ""
    quorum_device: str = ""
    """What a quorum device decides by which of two separated nodes may go on (from corosync.conf); "" without one."""
    one_has_quorum: bool = True
    """Whether one of two nodes has quorum when the other is gone (from corosync.conf)."""
    rows: Sequence[Row] = ()
    """What the scheduler would do."""
    why_no_rehearsal: str = ""
    files: Sequence[ConfigFile] = ()
    switchers: Sequence[str] | None = None
    """Files on this host that switch the lines without a cluster; None if they were not searched."""
    heartbeat: str = ""
    """The state of the heartbeat's unit, where it is enabled and no cluster runs."""
    inspected: Sequence[Inspected] = ()
    alarms: Mapping[str, str] = field(default_factory=dict)
    """By resource that has its lines on this node, the alarms of its DAHDI spans."""

    @property
    def relays(self) -> Sequence[Relay]:
        """The cluster's resources of ocf:xivo:berofos."""
        return self.cluster.relays if self.cluster else ()

    @cached_property
    def states(self) -> Sequence[RelayState]:
        """The live state of each relay resource."""
        from berofos_agent.cluster.relays import relay_states

        return relay_states(self.cluster, self.status) if self.cluster and self.status else ()

    @cached_property
    def parsed(self) -> Sequence[tuple[Relay, Parameters]]:
        """The relays with valid parameters; placement.bad_parameters reports the others."""
        found = []
        for relay in self.relays:
            with contextlib.suppress(ParameterError):
                found.append((relay, parameters.parse(relay.parameters.get)))
        return found


@dataclass(frozen=True)
class Problem:
    """What is wrong with one subject, and the command that fixes it."""

    subject: str
    text: str
    fix: str


@dataclass(frozen=True)
class Check:
    """One row of the table in checks.py."""

    id: str
    severity: Severity
    evaluate: Callable[[Facts], Iterable[Problem]]
    """Yields a problem for each subject; the first line of its docstring says what the finding means."""
    explains: Sequence[str] = ()
    """The violations of a rehearsal that this problem leads to."""
    behaviour: bool = False
    """Decided by the rehearsal: no finding where the scheduler shows none of `explains`."""


@dataclass(frozen=True)
class Finding:
    """A problem and the check that found it."""

    check: Check
    problem: Problem

    def as_json(self, fix: str = "fix") -> dict[str, str]:
        """Return it for a program; `fix` is the key of the command that fixes the problem."""
        keys = ("check", "severity", "subject", "text", fix)
        severity = self.check.severity.name.lower()
        return dict(zip(keys, (self.check.id, severity, self.problem.subject, self.problem.text, self.problem.fix)))
