"""The lab as chaos uses it: faults begin and end on it, and it says when the cluster has recovered."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.cluster.lab.cluster import LEVEL_10_SECONDS, MONITOR_SECONDS, RELAY, TELEPHONY, Cluster
from tests.cluster.lab.devices import CHECKOUT
from tests.cluster.lab.processes import LabError, poll
from tests.cluster.lab.two_nodes import NODES, Lab

from .faults import Place
from .judge import Moved, Record, Telephony, failed_stops, internal_errors

SETTLING_SECONDS = 150.0
"""A relay that was given up is tried again after 60 s (failure-timeout), a cleanup in the wrong moment costs 80 s."""
STEADY_SECONDS = MONITOR_SECONDS + 1.0
TRUTH_SECONDS = LEVEL_10_SECONDS + 20.0
"""When attributes and metrics must tell that all is right: after the active node's next monitor at level 10.

A pacemaker-attrd that is killed takes its node's attributes with it, and only that monitor asks whether they are there.
"""
RESPAWN_SECONDS = 0.5
"""How long the service manager takes to start pacemakerd again."""

_METRICS = f"berofos metrics 2> /dev/null || {{ cd {CHECKOUT} && /usr/bin/python3 -m berofos_agent metrics; }}"
"""Of the package on a machine, else of the checkout."""

_KILL = "kill -9 $(pidof {daemon})"
_RESPAWN = (
    "PCMK_logfile=/var/log/pacemaker/pacemaker.log setsid pacemakerd < /dev/null >> /var/log/pacemaker.out 2>&1 &"
)


Untruth = tuple[str, str]
"""The node whose attribute it is, "" for a metric, and a sentence."""


class Stage:
    """Two nodes and two devices with everything at home, and their records since the round began."""

    def __init__(self, lab: Lab, cluster: Cluster, tale: list[str]) -> None:
        self.lab = lab
        self.cluster = cluster
        self.place = Place(*NODES)
        self._tale = tale
        self._read: dict[str, int] = dict.fromkeys(NODES, 0)
        self._heard: dict[str, int] = dict.fromkeys(NODES, 0)
        self._told = 0
        self._before = Telephony("", "")
        self._starts: dict[str, str] = {}
        self._fencing = True

    def new_round(self, fencing: bool) -> None:
        """Begin a round: what was seen so far is forgotten, and the nodes get their roles."""
        if fencing != self._fencing:
            self.cluster.set_property("stonith-enabled", str(fencing).lower())
            self._fencing = fencing
            self._await_recovery()
        for name in NODES:
            self._new_lines(name)
        self._heard = {name: len(self.lab.syslog(name)) for name in NODES}
        self._told = len(self._tale)
        self.lab.new_story()
        self._before = self.telephony()
        passive = next(name for name in NODES if name != self._before.node)
        self.place = Place(self._before.node, passive)

    def record(self, unsettled: str) -> Record:
        """Return what was seen since the round began."""
        return Record(
            before=self._before,
            after=self.telephony() if not unsettled else self._before,
            movements=[Moved(each.device, each.cause, each.at) for each in self.lab.movements()],
            fenced=[line.split()[2] for line in self._tale[self._told :] if line.endswith(" is fenced")],
            failed_stops=failed_stops(line for name in NODES for line in self._new_lines(name)),
            internal_errors=internal_errors(
                line for name in NODES for line in self.lab.syslog(name)[self._heard[name] :]
            ),
            untruths=[] if unsettled else self._untruths(),
            unsettled=unsettled,
        )

    def _untruths(self) -> list[str]:
        """Return what the node attributes and the metrics still say that is not so, a sentence each.

        When pacemaker-based dies, Pacemaker 2.1.5 now and then does not start pacemaker-attrd again ("Not respawning
        pacemaker-attrd subdaemon until cluster returns"). Such a node cannot have attributes until it restarts.
        """
        untruths: list[Untruth] = []

        def is_told() -> bool:
            untruths[:] = self._untruths_now()
            return not untruths

        poll(is_told, TRUTH_SECONDS, interval=1.0)
        without = {node for node, _ in untruths if node and self.lab.run(node, "pidof pacemaker-attrd").returncode}
        for node in without:
            self.lab.note(f"{node} has no pacemaker-attrd: Pacemaker has not started it again")
        return [sentence for node, sentence in untruths if node not in without]

    def _untruths_now(self) -> list[Untruth]:
        active = self.cluster.where(TELEPHONY)
        passive = next(name for name in NODES if name != active)
        attributes = {
            (passive, "ready"): "yes",
            (active, "ready"): "",
            (passive, "lines"): "",
            (active, "lines"): "A-B" if active == NODES[0] else "A-D",
        }
        seen = [
            (node, f"{RELAY}-{what} of {node}", self.cluster.attribute(node, f"{RELAY}-{what}"), truth)
            for (node, what), truth in attributes.items()
        ]
        # After a failed start a node's attribute stays, and tells itself of when it is.
        seen = [one for one in seen if one[0] != passive or "(last seen " not in one[2]]
        told = self.lab.run(active, ["sh", "-c", _METRICS]).stdout
        metrics = dict(line.rsplit(" ", 1) for line in told.splitlines())
        for name, device in self.lab.devices.items():
            mode = f"{device.mode}.0"
            for what, truth in (("reachable", "1.0"), ("relay_mode", mode), ("expected_relay_mode", mode)):
                metric = f'berofos_device_{what}{{device="{name}"}}'
                seen.append(("", metric, metrics.get(metric, ""), truth))
        return [(node, f"{what} is {told!r}, not {truth!r}") for node, what, told, truth in seen if told != truth]

    def telephony(self) -> Telephony:
        """Return where telephony runs.

        When a node joins, Pacemaker 3.0.0 now and then takes the joining node's CIB, which does not know the start on
        the other one; that stays the last one until Pacemaker knows another, or the same again.
        """
        node = self.cluster.where(TELEPHONY)
        self._starts.update(self.cluster.starts(TELEPHONY))
        return Telephony(node, self._starts.get(node, ""))

    def clean_up(self) -> None:
        """Do what an administrator does after mending a device, at once, whatever is under way.

        If it meets the first monitor after a start, Pacemaker 2.1.5 waits for its lost result: 20 s and cluster-delay.
        """
        node = self.lab.a_node()
        self.lab.run(node, f"crm_resource --cleanup --resource {RELAY}")
        self.lab.note("the administrator cleans up")

    def kill_daemon(self, node: str, daemon: str) -> None:
        """Kill one of Pacemaker's processes on a node; what the service manager would start again, is."""
        self.lab.note(f"{daemon} is killed on {node}")
        self.lab.run(node, ["bash", "-c", _KILL.format(daemon=daemon)])
        if daemon == "pacemakerd" and not self.lab.release:  # a machine's systemd does it
            time.sleep(RESPAWN_SECONDS)
            self.lab.run(node, ["bash", "-c", _RESPAWN])

    def settle(self, cleanup: bool) -> tuple[float, str]:
        """Wait for recovery; return the seconds until all was right for good, and what is still not."""
        began = time.monotonic()
        if cleanup and poll(self._are_members, SETTLING_SECONDS, interval=0.5):
            self.clean_up()
        try:
            return self._await_recovery() - began, ""
        except LabError as exc:
            return time.monotonic() - began, str(exc).splitlines()[0]

    def _await_recovery(self) -> float:
        """Wait until all is right and stays so; return since when, or raise LabError."""
        until = time.monotonic() + SETTLING_SECONDS
        while True:
            self.lab.wait_until(self._is_right, until - time.monotonic(), "all is right again", interval=0.4)
            since = time.monotonic()
            if not poll(lambda: not self._is_right(), STEADY_SECONDS, interval=1.0):
                return since
            self.lab.note("it was right, and then no longer")

    def _is_right(self) -> bool:
        """True when both nodes are members and the lines are where telephony runs."""
        try:
            node = self.cluster.where(TELEPHONY)
            return node in NODES and self._are_members() and self.cluster.is_home(node)
        except (LabError, subprocess.TimeoutExpired):
            return False

    def _are_members(self) -> bool:
        try:
            return all(self.lab.online(name) == set(NODES) for name in NODES)
        except LabError:
            return False

    def _new_lines(self, node: str) -> list[str]:
        log: Path = self.lab.nodes[node].log / "pacemaker/pacemaker.log"
        with log.open("rb") as file:
            file.seek(self._read[node])
            new = file.read()
            self._read[node] = file.tell()
        return new.decode(errors="replace").splitlines()
