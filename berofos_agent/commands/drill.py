"""The command `berofos drill`: moves telephony to the other node and back, and shows what happens when."""

from __future__ import annotations

import argparse
import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable

from berofos_agent.agent.node import relay_mode_for
from berofos_agent.agent.readiness import READY
from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import DONE, FAILED
from berofos_agent.errors import BerofosError, ConfigurationError

if TYPE_CHECKING:
    from berofos_agent.cluster.cib import Cluster, Relay
    from berofos_agent.cluster.shape import Telephony
    from berofos_agent.cluster.status import ClusterStatus
    from berofos_agent.device.device import Device

PROG = "berofos drill"

_DESCRIPTION = """\
Move telephony to the other node and back, while the lines follow, and print
what happens when. Calls on the lines are cut twice. No constraint is left
behind, also after Ctrl-C or when the terminal is lost. Refused if the cluster
is not ready for it. Exit status: 0 all went where it should, 1 it did not,
2 wrong arguments or not confirmed, 3 refused, 130 interrupted."""

_EXAMPLES = """\
examples:
  berofos drill                # by moving telephony
  berofos drill --standby      # by putting the node in standby
  berofos drill --yes          # without asking"""

COMMAND_SECONDS = 30.0
LOOK_SECONDS = 0.5
"""Between two looks at the cluster and the devices."""

GUARD = "PT15M"
"""How long a move lasts at most if nobody can take it back, even the drill itself."""

NOT_CONFIRMED = 2


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raise ConfigurationError if it is refused."""
    arguments = parser().parse_args(argv)
    from berofos_agent.cluster import cib

    cluster = cib.read_live()
    drill = Drill(cluster, arguments.standby, arguments.seconds)
    reasons = drill.reasons_against()
    if reasons and not arguments.force:
        raise ConfigurationError(f"refused: {'; '.join(reasons)}; --force overrides")
    for reason in reasons:
        commandline.complain(PROG, f"warning: {reason}")
    question = f"Move {drill.telephony.id} from {drill.home} to {drill.other} and back? Calls are cut twice."
    if not arguments.yes and not commandline.confirmed(PROG, question):
        return NOT_CONFIRMED
    return DONE if drill.run() else FAILED


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.Parser(prog=PROG, description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("--standby", action="store_true", help="put the node in standby instead of moving telephony")
    parser.add_argument("--yes", action="store_true", help="do it without asking")
    parser.add_argument("--force", action="store_true", help="do it despite the reasons against it")
    commandline.add_number(parser, "--seconds", commandline.seconds(1, 3600), 60.0, "how long each way may take")
    return parser


class Drill:
    """One drill on the running cluster."""

    def __init__(self, cluster: Cluster, standby: bool, seconds: float) -> None:
        """Raise ConfigurationError if there is nothing to drill."""
        from berofos_agent.cluster import shape, status

        if not cluster.relays:
            raise ConfigurationError("the cluster has no resource ocf:xivo:berofos; see berofos cluster-config --help")
        telephony = shape.telephony_of(cluster, cluster.relays[0])
        if telephony is None:
            raise ConfigurationError(f"{cluster.relays[0].id} is colocated with nothing; see berofos doctor")
        self.cluster = cluster
        self.telephony: Telephony = telephony
        self.role = shape.promoted_role(cluster.tree) if telephony.promotable else ""
        self.standby = standby
        self.seconds = seconds
        self.status: ClusterStatus = status.read()
        at = self.status.where(telephony.id, self.role)
        if len(at) != 1:
            raise ConfigurationError(
                f"{telephony.id} runs on {' and '.join(at) or 'no node'}, not on one; see berofos doctor"
            )
        self.home = at[0]
        cabled = [name for relay in cluster.relays for name in self._ports(relay).values()]
        self.other = next((name for name in cabled if name != self.home), "")
        if not self.other:
            raise ConfigurationError(
                f"only {self.home} is cabled to the devices: there is no node to move to; set port_d_node"
            )
        self.devices = [(self._ports(relay), _devices_of(relay)) for relay in cluster.relays]
        """By relay resource, the nodes at its ports, and its devices."""
        self.began = 0.0

    def reasons_against(self) -> list[str]:
        """Return why this should not be done now, one line each."""
        return [*self._not_ready(), *self._would_go_wrong()]

    def _not_ready(self) -> Iterator[str]:
        from berofos_agent.cluster.relays import relay_states

        node = self.status.node(self.other)
        condition = node.condition if node else "not in the cluster"
        if condition != "online":
            yield f"{self.other} is {condition}"
        if self.status.maintenance:
            yield "the cluster is in maintenance mode"
        for state in relay_states(self.cluster, self.status):
            if not state.managed:
                yield f"{state.id} is not managed by the cluster"
            ready = state.readiness.get(self.other, READY)
            if ready != READY:
                yield f"{self.other} is not ready for {state.id}: {ready}"
            if list(state.nodes) != [self.home]:
                yield f"{state.id} is not on {self.home}, where {self.telephony.id} is"
        for id in self.cluster.moved:
            yield f"the constraint {id} of an earlier move is still there"

    def _would_go_wrong(self) -> Iterator[str]:
        from berofos_agent.cluster.rehearsal import VIOLATIONS, rehearse
        from berofos_agent.cluster.scheduler import Scheduler
        from berofos_agent.cluster.situations import DECISIVE, SITUATIONS
        from berofos_agent.doctor.files import quorum_device

        standby = [one for one in SITUATIONS if one.id == "active-standby" and self.standby]
        try:
            rows = rehearse(self.cluster, Scheduler(), bool(quorum_device()), situations=[*standby, *DECISIVE])
        except ConfigurationError as exc:
            yield f"the rehearsal failed: {exc}"
            return
        wrong = [row for row in rows if row.violations]
        if wrong:
            more = f" and {len(wrong) - 1} more" if wrong[1:] else ""
            yield f"if {wrong[0].text}: {VIOLATIONS[wrong[0].violations[0]]}{more} (see berofos rehearse)"

    def run(self) -> bool:
        """Go there and back; return True if everything arrived both times."""
        # A lost terminal and a polite end are what Ctrl-C is, so that what was begun is taken back; but nohup means it.
        ends = [one for one in (signal.SIGHUP, signal.SIGTERM) if signal.getsignal(one) != signal.SIG_IGN]
        with _signals(signal.default_int_handler, ends):
            self.began = time.monotonic()
            try:
                there = self._go(self.home, self.other)
            finally:
                self._take_back(self.home, self.other)
            try:
                back = self._move(self.other, self.home) if self._at() != [self.home] else self._watch(self.home)
            finally:
                self._take_back(self.other, self.home)
        self._tell(f"done: there {_figure(there)}, back {_figure(back)}")
        return there is not None and back is not None

    def _go(self, source: str, target: str) -> float | None:
        if not self.standby:
            return self._move(source, target)
        self._tell(f"{source} is put in standby")
        _must(["crm_attribute", "--node", source, "--name", "standby", "--lifetime", "reboot", "--update", "on"])
        return self._watch(target)

    def _move(self, source: str, target: str) -> float | None:
        self._tell(f"{self.telephony.id} is moved from {source} to {target}")
        role = {"": [], "Promoted": ["--promoted"], "Master": ["--master"]}[self.role]
        resource = ["--resource", self.telephony.id, "--node", target, "--lifetime", GUARD]
        _must(["crm_resource", "--move", *resource, *role])
        return self._watch(target)

    def _take_back(self, source: str, target: str) -> None:
        """Leave nothing behind; a second signal does not stop it."""
        with _signals(signal.SIG_IGN, (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)):
            if self.standby and source == self.home:
                _must(["crm_attribute", "--node", source, "--name", "standby", "--lifetime", "reboot", "--delete"])
                self._tell(f"{source} is no longer in standby")
            else:
                _must(["crm_resource", "--clear", "--resource", self.telephony.id])
                self._tell(f"the constraint that moved {self.telephony.id} to {target} is cleared")

    def _at(self) -> list[str]:
        from berofos_agent.cluster import status

        return status.read().where(self.telephony.id, self.role)

    def _watch(self, target: str) -> float | None:
        """Tell what changes until everything is at the target; return how long it took, None if it did not arrive."""
        from berofos_agent.cluster import status

        began = time.monotonic()
        seen: dict[str, str] = {}
        while True:
            with contextlib.suppress(ConfigurationError):  # while a node joins, crm_mon may not answer
                now = status.read()
                places = {self.telephony.id: now.where(self.telephony.id, self.role)}
                places.update((relay.id, now.where(relay.id)) for relay in self.cluster.relays)
                lines = self._lines()
                told = {
                    name: f"runs on {' and '.join(nodes)}" if nodes else "is stopped" for name, nodes in places.items()
                }
                told.update((name, f"lines at {node}") for name, node in lines.items())
                for name, text in told.items():
                    if seen.get(name, "") != text:
                        self._tell(f"{name} {text}")
                seen.update(told)
                if all(nodes == [target] for nodes in places.values()) and set(lines.values()) <= {target}:
                    return time.monotonic() - began
            if time.monotonic() - began > self.seconds:
                self._tell(f"not everything is on {target} after {self.seconds:g} s")
                return None
            time.sleep(LOOK_SECONDS)

    def _ports(self, relay: Relay) -> dict[str, str]:
        """Return the cluster's name of the node that has the lines, by relay mode."""
        ports = relay.parameters.get("port_b_node", ""), relay.parameters.get("port_d_node")
        modes = {name: relay_mode_for(name, *ports) for name in self.cluster.members}
        return {mode: name for name, mode in modes.items() if mode}

    def _lines(self) -> dict[str, str]:
        """Return who has the lines of each device that answers."""
        from berofos_agent.device.parallel import read_all

        found = {}
        for ports, devices in self.devices:
            for reading in read_all(devices, time.monotonic() + 2.0):
                found[reading.device] = ports.get(reading.mode or "", "") or "an unknown port"
        return found

    def _tell(self, text: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads on when the terminal is lost
            print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)


def _devices_of(relay: Relay) -> list[Device]:
    """Return the devices that a resource has in bnfos.conf; raise ConfigurationError."""
    from berofos_agent.config import bnfosconf
    from berofos_agent.device.device import Device

    path = relay.parameters.get("config") or bnfosconf.DEFAULT_PATH
    entries = bnfosconf.select(bnfosconf.read(path), relay.parameters.get("devices", "").split(), path)
    return [Device(entry) for entry in entries]


def _figure(seconds: float | None) -> str:
    return "did not arrive" if seconds is None else f"{seconds:.1f} s"


def _must(argv: Sequence[str]) -> None:
    from berofos_agent.cluster.tools import run, why_failed

    ended = run(argv, COMMAND_SECONDS)
    if ended.returncode:
        raise BerofosError(why_failed(argv[0], ended))


@contextlib.contextmanager
def _signals(handler: Callable[..., Any] | signal.Handlers, numbers: Sequence[int]) -> Iterator[None]:
    """Have these signals handled otherwise for a while."""
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, old in zip(numbers, before):
            signal.signal(number, old)
