"""One call of the agent: what the cluster says in the environment, read once at the entrance."""

from __future__ import annotations

import math
import os
import time

from berofos_agent.agent import statepath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

DEFAULT_TIMEOUT_SECONDS = 20.0
"""Without a time limit from the cluster: what the meta-data advises."""
LARGEST_MARGIN_SECONDS = 2.0
SMALLEST_MARGIN_SECONDS = 0.5
"""What an action needs from its deadline to the end of its process on a busy machine: 0.37 s at worst in 350 calls."""
MOST_SECONDS = {"start": 7.0, "monitor": 7.0, "reload-agent": 7.0, "stop": 8.0}
"""Whatever the operation's timeout: while Pacemaker waits for an action, it recovers nothing else in the cluster.

It waits for each of these, also for the first run of a recurring monitor: with request_timeout=30 and silent devices a
lost virtual IP was back after 16.5 s. With the end of the process a start takes 8 s at most.
"""
LONGEST_AGE_SECONDS = 10.0
DEEP = 10
"""OCF_CHECK_LEVEL from which settings are checked too."""

_PARAMETER = "OCF_RESKEY_"


class Invocation:
    """One call of the agent. Nothing changes it, and nothing else of the agent reads the environment."""

    def __init__(self, environ: Mapping[str, str], age: float = 0.0) -> None:
        """Read the environment; `age` is for how many seconds this process runs already."""
        given = environ.get
        self.environ: Final = environ
        """For the programs that the agent runs, and node.this_node, which may have to ask one."""
        self.instance: Final = given("OCF_RESOURCE_INSTANCE") or "default"
        self.state: Final = statepath.path_of(environ)
        """Path of the state file."""
        self.reason_prefix: Final = given("OCF_EXIT_REASON_PREFIX") or "ocf-exit-reason:"
        self.role: Final = given("OCF_RESKEY_CRM_meta_role") or ""
        self.clones: Final = _number(given("OCF_RESKEY_CRM_meta_clone_max"))
        self.interval: Final = _number(given("OCF_RESKEY_CRM_meta_interval"))
        """In milliseconds; 0 for a probe."""
        self.check_level: Final = _number(given("OCF_CHECK_LEVEL"))
        self.dahdi: Final = given("BEROFOS_PROC_DAHDI") or ""
        self.began: Final = time.monotonic() - age
        """When this process started (time.monotonic())."""
        self.deadline: Final = self.began + usable_seconds(given("OCF_RESKEY_CRM_meta_timeout"))
        """When the cluster's time limit is reached (time.monotonic())."""

    def deadline_of(self, action: str) -> float:
        """Return when (time.monotonic()) an action has to end."""
        return min(self.deadline, self.began + MOST_SECONDS.get(action, math.inf))

    @property
    def syslog_tag(self) -> str:
        """The tag of every line in syslog about this resource."""
        return syslog_tag(self.environ)

    @property
    def asks_for_readiness(self) -> bool:
        """True for the recurring monitor that Pacemaker runs, with role=Stopped, where the resource does not run."""
        return self.role == "Stopped" and self.interval > 0 and self.check_level >= DEEP

    def attribute(self, what: str) -> str:
        """Return the name of a node attribute of this resource."""
        return f"{self.instance.replace(':', '-')}-{what}"

    def parameter(self, name: str) -> str | None:
        """Return a parameter of the resource as it was given; None if it was not, or is empty."""
        return self.environ.get(_PARAMETER + name) or None


def syslog_tag(environ: Mapping[str, str]) -> str:
    """Return `berofos(RESOURCE)`, with what syslog may not contain spelt out."""
    instance = environ.get("OCF_RESOURCE_INSTANCE") or "default"
    return f"berofos({instance.encode('unicode_escape').decode()})"


def _number(text: str | None) -> int:
    """Return a number of the cluster's; 0 for anything else. Python refuses to convert thousands of digits."""
    return int(text) if text and len(text) < 10 and text.isascii() and text.isdigit() else 0


def usable_seconds(milliseconds: str | None) -> float:
    """Return how long an action may take: the cluster's time limit less a margin, as it kills without a reason."""
    seconds = _number(milliseconds) / 1000 or DEFAULT_TIMEOUT_SECONDS
    margin = min(LARGEST_MARGIN_SECONDS, max(SMALLEST_MARGIN_SECONDS, seconds / 10))
    return max(seconds - margin, seconds / 2)


def process_age() -> float:
    """Return for how many seconds this process runs already: the cluster's clock ran while Python started."""
    try:
        with open("/proc/self/stat", "rb") as file:
            # proc(5): field 22 is the start in clock ticks since boot; field 2 is a name that may contain spaces.
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0
    return min(max(age, 0.0), LONGEST_AGE_SECONDS)
