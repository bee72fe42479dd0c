"""The recommended cluster configuration as data.

`berofos cluster-config` prints it, `berofos doctor` compares with it. The timeouts are those of the agent's meta-data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from berofos_agent.agent.parameters import ACTIONS
from berofos_agent.config.bnfosconf import DEFAULT_PATH
from berofos_agent.device.topology import WATCHDOG_SECONDS

AGENT = ("ocf", "xivo", "berofos")

META: Mapping[str, str] = {"critical": "false", "failure-timeout": "60s", "migration-threshold": "3"}
"""critical=false: a relay that cannot be started does not move telephony to the other node.
failure-timeout: a failed start is tried again.
migration-threshold: limits repeated failover. Two separated nodes without fencing moved a relay 21 times in 31 s
without it, 5 times with it."""

FENCING_DELAY, PRIORITY = "5s", "10"
"""priority-fencing-delay of the cluster and `priority` of the telephony resource: of two nodes that lose contact, the
one with telephony survives. A static pcmk_delay_base had the healthy active node fenced when it was the other one."""

ON_FAIL: Mapping[str, str] = {"stop": "ignore"}
"""By operation: a failed stop must not get a telephony server fenced, as the other node's start moves the relay."""


@dataclass(frozen=True)
class Operation:
    """One operation, times in seconds; `depth` is OCF_CHECK_LEVEL."""

    name: str
    timeout: int
    interval: int = 0
    depth: int = 0
    on_fail: str = ""
    role: str = ""
    """The role in which a monitor runs: "Stopped" where the resource does not run, "" where it does."""

    @property
    def settings(self) -> dict[str, str]:
        """The operation as name=value pairs, as crmsh and pcs both write it."""
        given = {"on-fail": self.on_fail, "role": self.role, "OCF_CHECK_LEVEL": str(self.depth or "")}
        times = {"interval": f"{self.interval}s", "timeout": f"{self.timeout}s"}
        return {**times, **{name: value for name, value in given.items() if value}}


OPERATIONS = tuple(
    Operation(
        action.name, action.timeout, action.interval or 0, action.depth or 0, ON_FAIL.get(action.name, ""), action.role
    )
    for action in ACTIONS
    if action.name in ("start", "stop", "monitor")
)


@dataclass(frozen=True)
class Relay:
    """One resource of ocf:xivo:berofos."""

    id: str
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class Recommendation:
    """The relay resources and the telephony resource they are colocated with."""

    relays: Sequence[Relay]
    follow: str
    role: str = ""
    """The role of the telephony resource that has the lines; "" for any."""


def recommend(
    name: str, follow: str, port_b: str, port_d: str, devices: Sequence[str], config: str = DEFAULT_PATH, role: str = ""
) -> Recommendation:
    """Return what to configure; `port_d` is empty where port D leads to a PBX.

    With a PBX each device gets its own resource: recovery is always stop and start, so with on_stop=fallback one
    failed device of a resource would drop the lines of all. The watchdog is on, because nothing else switches the
    lines to the PBX when the node dies.
    """
    common = {"config": config} if config != DEFAULT_PATH else {}
    if port_d:
        return Recommendation([Relay(name, {**common, "port_b_node": port_b, "port_d_node": port_d})], follow, role)
    watchdog = str(WATCHDOG_SECONDS["bypass"])
    alone = {**common, "port_b_node": port_b, "scenario": "bypass", "watchdog": watchdog}
    return Recommendation([Relay(f"{name}-{device}", {**alone, "devices": device}) for device in devices], follow, role)
