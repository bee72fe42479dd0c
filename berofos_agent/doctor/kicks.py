"""What a resource's kick daemon on this host did last, for `berofos status`; only root may read it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from berofos_agent.agent import statepath
from berofos_agent.watchdog import kickd, process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from berofos_agent.cluster.cib import Relay


@dataclass(frozen=True)
class Kicks:
    """The kick daemon of one resource, which runs or has died."""

    runs: bool
    devices: Mapping[str, tuple[float | None, int]]
    """By device, the seconds since a kick was last answered (None: never), and how many were not answered since."""

    def __str__(self) -> str:
        devices = "; ".join(f"{name} {_told(*kicks)}" for name, kicks in self.devices.items())
        return devices if self.runs else f"THE KICK DAEMON DOES NOT RUN; {devices}"

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "daemon": self.runs,
            "devices": {
                name: {"answered_seconds_ago": None if ago is None else round(ago, 1), "unanswered": lost}
                for name, (ago, lost) in self.devices.items()
            },
        }


def _told(ago: float | None, lost: int) -> str:
    last = "never answered" if ago is None else f"answered {ago:.0f} s ago"
    return f"{last}, {lost} not answered since" if lost else last


def state_path(relay: Relay, environ: Mapping[str, str] = os.environ) -> str:
    """Return where a resource has its state file on this host."""
    given = {f"OCF_RESKEY_{name}": value for name, value in relay.parameters.items()}
    place = {"OCF_RESOURCE_INSTANCE": relay.id, "HA_RSCTMP": environ.get("HA_RSCTMP", "")}
    return statepath.path_of({**given, **place})


def read(relay: Relay) -> Kicks | None:
    """Return what the kick daemon of a resource did; None if it has none on this host."""
    path = state_path(relay)
    report = process.read_report(path)
    if not report.devices:
        return None
    now = kickd.clock()
    return Kicks(
        report.pid == process.pid_of(path),
        {
            name: (now - one.answered_at if one.answered_at else None, one.unanswered)
            for name, one in report.devices.items()
        },
    )
