"""Two real nodes, their LAN and the devices on it: brought up, disturbed and taken down.

    with Lab() as lab:
        lab.run("xivo-1", "crm configure show")
        lab.kill("xivo-1")
        lab.wait_until(lambda: lab.lines()["fos1"] == "xivo-2", 15, "the lines are on xivo-2")

Several labs can run on one machine at once. When the lab's process ends, even by SIGKILL, all processes and
namespaces go with it; only a directory in the temporary directory could stay behind then.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import machine
from .devices import CHECKOUT, Device, Movement, Simulator
from .hardware_watchdog import HardwareWatchdog
from .lan import GATEWAY, Lan
from .machine import Machine, root_of
from .node import NUMBERS, Node
from .pdu import PORT as PDU_PORT
from .pdu import Outlets, Pdu
from .processes import LabError, Nursery, clear_when_over, listen_inside, refusal
from .quorum_device import DUMMY_RUNS, QuorumDevice
from .syslog import Collector

PENDING = 193
"""What crm_mon lists as the exit code of an operation that has not ended."""

COROSYNC_CONF = """\
totem {{
  version: 2
  cluster_name: lab
  transport: udpu
  token: 1000
}}
nodelist {{
{nodes}}}
quorum {{
  provider: corosync_votequorum
{quorum}}}
logging {{
  to_stderr: no
  to_logfile: yes
  logfile: /var/log/corosync/corosync.log
  to_syslog: no
}}
"""

# dc-deadtime is how long a node that starts alone waits for others before it calls the first election: 20 s by
# default, most of what forming a cluster takes. It has no part in a failover, and up() takes it out again.
FIRST_CIB = """\
<cib crm_feature_set="3.7.0" validate-with="pacemaker-3.8" admin_epoch="0" epoch="1" num_updates="0">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="dc-deadtime" name="dc-deadtime" value="2s"/>
        <nvpair id="stonith-enabled" name="stonith-enabled" value="false"/>
      </cluster_property_set>
    </crm_config>
    <nodes/>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
"""

NODES = ("xivo-1", "xivo-2")
"""Those with lines."""
THIRD = "third"
CRM_MON = "crm_mon --one-shot --inactive --show-node-attributes"
BOGUS_NEIGHBOUR = "02:00:00:00:00:99"
CHECKOUT_AGENT = CHECKOUT / "ocf" / "berofos"


WATCHDOG_SECONDS = 5
SBD_DEFAULTS = f"""\
SBD_WATCHDOG_DEV=/dev/watchdog
SBD_WATCHDOG_TIMEOUT={WATCHDOG_SECONDS}
SBD_DELAY_START={3 * WATCHDOG_SECONDS}
SBD_OPTS=-T
"""
"""/etc/default/sbd without a shared disk; -T since the lab's watchdog cannot be told a time-out.

A machine boots in less time than the other node waits until it takes it for reset; a member by then, it would be told
that it is dead, and its Pacemaker ends for good. Hence SBD delays the start.
"""
SBD_UNIT = "[Service]\nProtectKernelTunables=yes\n"
"""SBD may reset its machine, not this host by its /proc/sysrq-trigger."""

VERSION_COMMANDS = {
    "pacemaker": "pacemakerd --version",
    "corosync": "corosync -v",
    "systemd": "systemctl --version",
    "python": "/usr/bin/python3 --version",
}


class Lab:
    """Both nodes, the LAN and its devices; a context manager."""

    def __init__(
        self,
        agent: Path | None = CHECKOUT_AGENT,
        tell: Callable[[str], None] | None = None,
        release: str = "",
        package: Path | None = None,
        quorum_device: bool = False,
        third_node: bool = False,
        first_release: str = "",
        sbd: bool = False,
        telephony_runs: str = DUMMY_RUNS,
    ) -> None:
        """Describe the lab; nothing is built yet.

        agent       the agent's file, None for the installed one
        tell        gets every line of the timeline
        release     the nodes are booted machines of this Debian release, not namespaces of this host
        package     the machines' agent and commands come from this .deb, installed by apt
        quorum_device   a third host runs corosync-qnetd
        third_node  the cluster has a node that is cabled to no relay
        first_release   the release of the first machine, where it is another
        sbd         each machine has a hardware watchdog and SBD without a shared disk, which wants a quorum device
        telephony_runs  the command of the quorum device's heuristics, which succeeds where telephony runs
        """
        self._agent = None if release else agent
        self._tell = tell
        self.release = release
        self._first_release = first_release or release
        self._package = package
        self._names = (*NODES, THIRD) if third_node else NODES
        self._has_quorum_device = quorum_device
        self._has_sbd = sbd
        self._telephony_runs = telephony_runs
        self._watchdogs: dict[str, HardwareWatchdog] = {}
        self._timeline: list[tuple[float, str]] = []
        self._began = time.monotonic()
        self._power = threading.RLock()
        self._stopped: set[str] = set()
        self._undo = contextlib.ExitStack()
        self.nodes: dict[str, Node | Machine] = {}

    def __enter__(self) -> Lab:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    # --- up and down -------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Build everything and wait until both nodes are in one cluster."""
        why_not = machine.refusal() if self.release else refusal()
        if why_not:
            raise LabError(why_not)
        try:
            self._build()
            self.wait_until(lambda: self.online() == set(self.nodes), 90, "all nodes are in the cluster")
            self.must(NODES[0], "crm_attribute --type crm_config --name dc-deadtime --delete")
            if self._has_quorum_device:
                self.wait_until(lambda: self.votes(NODES[0]) == len(NODES) + 1, 15, "the quorum device votes")
        except BaseException:
            self.down()
            raise

    def _build(self) -> None:
        self.here = Path(tempfile.mkdtemp(prefix="two-nodes-"))
        self._undo.callback(clear_when_over(self.here))
        nursery = Nursery()
        self._undo.callback(nursery.close)
        self._lan = Lan(nursery)
        self._undo.callback(self._lan.down)
        self._lan.up()
        self._simulator = Simulator(self.here, nursery, self._lan, self.note)
        self._undo.callback(self._simulator.down)
        self._simulator.up()
        self._collector = Collector()
        self._undo.callback(self._collector.stop)
        self.quorum_device = QuorumDevice(self.here, nursery, self._lan, self._telephony_runs)
        if self._has_quorum_device:
            self._undo.callback(self.quorum_device.stop)
            self.quorum_device.start()
        for name in self._names:
            node: Node | Machine
            if self.release:
                root = root_of(self._first_release if name == NODES[0] else self.release)
                node = Machine(name, self.here / name, nursery, self._lan, root)
            else:
                node = Node(name, self.here / name, nursery, self._lan)
            self.nodes[name] = node
            self._undo.callback(node.kill)
            node.install(
                etc=self._etc(),
                agents={"xivo/berofos": self._agent} if self._agent else {},
                programs={"fence_pdu": Path(__file__).with_name("fence_pdu")},
                cib=FIRST_CIB,
            )
            self._collector.listen(name, node.here / "log-socket", node.syslog)
            if self._has_sbd:
                watchdog = HardwareWatchdog(node.here / "watchdog", WATCHDOG_SECONDS, partial(self._reset_server, name))
                self._watchdogs[name] = watchdog
                self._undo.callback(watchdog.close)
        self._collector.start()
        outlets = Outlets(lambda node: self.nodes[node].is_on, self._fence_off, self.boot)
        self._undo.callback(Pdu(listen_inside(self._lan.pid, GATEWAY, PDU_PORT), outlets).close)
        for name in self.nodes:
            self.boot(name)
        for name, node in self.nodes.items():
            if isinstance(node, Machine):
                node.await_boot()
                if self._package:
                    self.install(name, self._package)

    def _etc(self) -> dict[str, str]:
        sbd = {"default/sbd": SBD_DEFAULTS, "systemd/system/sbd.service.d/lab.conf": SBD_UNIT}
        return {
            "corosync/corosync.conf": self._corosync_conf(),
            "bnfos.conf": self._simulator.bnfos_conf,
            **(sbd if self._has_sbd else {}),
        }

    def _corosync_conf(self) -> str:
        node = "  node {{\n    ring0_addr: 10.42.0.{number}\n    name: {name}\n    nodeid: {number}\n  }}\n"
        nodes = "".join(node.format(name=name, number=NUMBERS[name]) for name in self._names)
        quorum = self.quorum_device.configuration if self._has_quorum_device else ""
        return COROSYNC_CONF.format(nodes=nodes, quorum=quorum or ("" if THIRD in self._names else "  two_node: 1\n"))

    @property
    def package(self) -> Path:
        """The package that the machines have."""
        assert self._package
        return self._package

    def install(self, node: str, package: Path) -> None:
        """Let apt install a package file on a machine, as an administrator would."""
        self.note(f"apt installs {package.name} on {node}")
        self.nodes[node].put(package, f"/root/{package.name}")
        self.must(node, f"apt-get install --quiet --quiet --yes --allow-downgrades /root/{package.name}")

    def down(self) -> None:
        """Take everything down, the last thing first."""
        self._undo.close()

    # --- what is done to nodes ---------------------------------------------------------------------------------

    def run(self, node: str, command: str | list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command on a node and return how it ended."""
        argv = shlex.split(command) if isinstance(command, str) else command
        return self.nodes[node].run(argv, stdin)

    def must(self, node: str, command: str | list[str], stdin: str = "") -> str:
        """Run a command on a node that has to succeed; return its output."""
        ended = self.run(node, command, stdin)
        if ended.returncode:
            raise LabError(f"{node}: {command} ended with {ended.returncode}: {(ended.stdout + ended.stderr).strip()}")
        return ended.stdout

    def versions(self) -> dict[str, str]:
        """Return what a node runs, by program."""
        said = {program: self.must(self.a_node(), command) for program, command in VERSION_COMMANDS.items()}
        return {program: found[0] for program, text in said.items() if (found := re.search(r"[0-9][0-9.]*", text))}

    def boot(self, node: str) -> None:
        """Give a node power."""
        with self._power:
            if not self.nodes[node].is_on:
                self.note(f"{node} is switched on")
                self._stopped.discard(node)
                self.nodes[node].boot()

    def kill(self, node: str) -> float:
        """Take a node's power away; return the moment it was done."""
        with self._power:
            moment = time.monotonic()
            self.note(f"{node} is killed")
            self._take_power(node)
        return moment

    def _fence_off(self, node: str) -> bool:
        with self._power:
            died = self._take_power(node)
        self.note(f"{node} is fenced")
        return died

    def _reset_server(self, node: str) -> None:
        with self._power:
            self.note(f"{node} is reset by its watchdog")
            self._take_power(node)
            self.nodes[node].boot()

    def _take_power(self, node: str) -> bool:
        died = self.nodes[node].kill()
        if node in self._watchdogs:
            self._watchdogs[node].switch_off()
        return died

    def set_clock(self, node: str, offset: str) -> None:
        """Let a node, which is no machine, see another date from its next boot on; see Node.set_clock."""
        itself = self.nodes[node]
        assert isinstance(itself, Node)
        itself.set_clock(offset)
        self.note(f"the clock of {node} is off by {offset or 'nothing'}")

    def stop_cluster(self, node: str) -> None:
        """Stop Pacemaker and Corosync on a node as its service manager would."""
        self._stopped.add(node)
        self.nodes[node].stop_cluster()
        self.note(f"the cluster is stopped on {node}")

    def kill_cluster(self, node: str) -> None:
        """Kill all daemons of Pacemaker and Corosync on a node; none is started again."""
        self.nodes[node].kill_cluster()
        self.note(f"Pacemaker and Corosync are killed on {node}")

    def start_cluster(self, node: str) -> None:
        """Start them again, where they are stopped."""
        if node in self._stopped:
            self._stopped.discard(node)
            self.nodes[node].start_cluster()
            self.note(f"the cluster is started on {node}")

    def freeze_corosync(self, node: str) -> None:
        """Let Corosync stand still on a node, as on a virtual machine's host that is too busy."""
        self.must(node, ["sh", "-c", "kill -STOP $(pidof corosync)"])
        self.note(f"Corosync stands still on {node}")

    def continue_corosync(self, node: str) -> None:
        """Let it go on, if the node still runs."""
        if self.nodes[node].is_on:
            self.run(node, ["sh", "-c", "kill -CONT $(pidof corosync)"])
            self.note(f"Corosync goes on on {node}")

    def lose_cib(self, node: str) -> None:
        """Delete what Pacemaker keeps of the configuration on a node; its cluster must be stopped."""
        self.must(node, ["sh", "-c", "rm -f /var/lib/pacemaker/cib/*"])
        self.note(f"{node} has lost its CIB")

    def separate_nodes(self) -> None:
        """Let the nodes no longer hear each other; both still reach the devices and the power socket."""
        self._lan.isolate_nodes()
        self.note("the nodes do not hear each other any more")

    def rejoin_nodes(self) -> None:
        """Let them hear each other again."""
        self._lan.rejoin_nodes()

    def stop_quorum_device(self) -> None:
        """Let corosync-qnetd die."""
        self.quorum_device.stop()
        self.note("the quorum device is gone")

    def start_quorum_device(self) -> None:
        """Start it again, where it is stopped."""
        if self._has_quorum_device and not self.quorum_device.runs:
            self.quorum_device.start()
            self.note("the quorum device is back")

    # --- what is done to devices ---------------------------------------------------------------------------------

    def device(self, name: str) -> Device:
        """One device."""
        return self._simulator.devices[name]

    @property
    def devices(self) -> dict[str, Device]:
        """All devices by name."""
        return self._simulator.devices

    def cut(self, node: str, device: str) -> None:
        """Let what a node sends to a device vanish without a word."""
        address = self.device(device).address
        self.must(node, f"ip neigh replace {address} lladdr {BOGUS_NEIGHBOUR} dev eth0 nud permanent")
        self.note(f"{node} does not reach {device} any more")

    def restore(self, node: str, device: str) -> None:
        """Undo cut."""
        self.run(node, f"ip neigh del {self.device(device).address} dev eth0")

    def lines(self) -> dict[str, str]:
        """Return which node has the lines, for each device."""
        return {name: device.lines_at for name, device in self.devices.items()}

    def movements(self, since: float = 0.0) -> list[Movement]:
        """Return what all relays did in this scene, or since a moment of time.monotonic(), in order of time."""
        return sorted(
            (movement for device in self.devices.values() for movement in device.movements(since)),
            key=lambda movement: movement.at,
        )

    # --- what is seen ------------------------------------------------------------------------------------------

    def a_node(self) -> str:
        """A node whose cluster services run."""
        for name, node in self.nodes.items():
            if node.is_on and name not in self._stopped:
                return name
        raise LabError("no node is left to ask")

    def status(self, node: str = "") -> ET.Element:
        """Return what crm_mon says, as XML; empty while the node has no cluster, or is without power."""
        try:
            return ET.fromstring(self.run(node or self.a_node(), f"{CRM_MON} --operations --output-as=xml").stdout)
        except (ET.ParseError, LabError):
            return ET.Element("pacemaker-result")

    def online(self, node: str = "") -> set[str]:
        """Return the nodes that are members with all their services up, as one node sees it."""
        return {
            seen.get("name", "")
            for seen in self.status(node).iterfind("nodes/node")
            if seen.get("online") == "true" and seen.get("pending") == "false" and seen.get("unclean") == "false"
        }

    def is_at_rest(self) -> bool:
        """True while the node that decides for the cluster has nothing to do."""
        decider = self.status().find("summary/current_dc")
        name = "" if decider is None else decider.get("name", "")
        if name not in self.nodes or not self.nodes[name].is_on:
            return False  # the others have not noticed its death yet; crmadmin would wait for its answer
        return "S_IDLE" in self.run(self.a_node(), f"crmadmin --timeout 5s --status {name}").stdout

    def votes(self, node: str) -> int:
        """Return the votes of all that a node sees, those of the quorum device with them."""
        told = self.run(node, "corosync-quorumtool -s").stdout
        return int(re.search(r"^Total votes: +(\d+)", told, re.MULTILINE)[1])  # type: ignore[index]

    def has_quorum(self, node: str) -> bool:
        """True while a node and those that it hears are the side that may go on."""
        return re.search(r"^Quorate: +Yes", self.run(node, "corosync-quorumtool -s").stdout, re.MULTILINE) is not None

    def syslog(self, node: str) -> list[str]:
        """Return what a node sent to syslog since the lab began."""
        return self._collector.lines(node)

    def logged_at(self, node: str, words: str, since: float) -> float:
        """Return when (time.monotonic()) a node first logged these words from that moment on; raise LookupError."""
        return self._collector.first(node, words, since)

    # --- time --------------------------------------------------------------------------------------------------

    def note(self, what: str) -> None:
        """Put a line into the timeline."""
        now = time.monotonic() - self._began
        self._timeline.append((now, what))
        if self._tell:
            self._tell(f"{now:6.1f} s  {what}")

    def new_story(self) -> None:
        """Forget the timeline and the relays' movements so far: what follows is another scene."""
        self._timeline.clear()
        for device in self.devices.values():
            device.order("reset")

    def moment_of(self, what: str) -> float:
        """Return when, in time.monotonic(), a line was last put into the timeline."""
        return max(at for at, told in self._timeline if told == what) + self._began

    def happened(self, what: str) -> bool:
        """True when a line is in the timeline."""
        return any(told == what for _, told in self._timeline)

    def wait_until(self, condition: Callable[[], object], seconds: float, what: str, interval: float = 0.1) -> float:
        """Wait until a condition holds and return the seconds it took; raise LabError with the story otherwise."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                raise LabError(f"after {seconds:.0f} s it is not so that {what}\n{self.story()}")
            time.sleep(interval)
        return time.monotonic() - began

    def events(self) -> list[tuple[float, str]]:
        """Return what happened so far, each with the seconds since the lab began, in order of time."""
        events = list(self._timeline)
        events += [
            (each.at - self._began, f"{each.device}: lines to {each.node} ({each.cause})") for each in self.movements()
        ]
        return sorted(events)

    def story(self) -> str:
        """Return what happened so far and what the cluster says now, for a person to read."""
        told = [f"{at:7.1f} s  {what}" for at, what in self.events()]
        for name, node in self.nodes.items():
            if node.is_on:
                told.append(f"--- {name} says:")
                told.append(self.run(name, CRM_MON).stdout.strip())
        with contextlib.suppress(LabError):
            told.append(self._under_way())
        return "\n".join(told)

    def _under_way(self) -> str:
        under_way = [
            f"{history.get('id')} {operation.get('task')} on {node.get('name')}"
            for node in self.status().iterfind("node_history/node")
            for history in node.iterfind("resource_history")
            for operation in history.iterfind(f"operation_history[@rc='{PENDING}']")
        ]
        rest = "at rest" if self.is_at_rest() else "busy"
        return f"--- the cluster is {rest}; operations without a result: {', '.join(under_way) or 'none'}"

    def keep_logs(self, place: Path) -> Path:
        """Copy all logs and the story to a directory."""
        place.mkdir(parents=True, exist_ok=True)
        (place / "story.txt").write_text(self.story(), encoding="utf-8")
        shutil.copy(self.here / "simulator.log", place)
        for name, node in self.nodes.items():
            with contextlib.suppress(shutil.Error):  # a file that a machine has deleted cannot be copied
                shutil.copytree(node.log, place / name, dirs_exist_ok=True)
            shutil.copy(node.syslog, place / name / "syslog")
        return place


def lab_of_environment(**more: Any) -> Lab:
    """Return a lab that is not up yet: namespaces of this host, or what LAB_RELEASE and LAB_DIST ask for.

    LAB_RELEASE is the release of its machines, LAB_DIST the folder with their package; `more` is what else Lab takes.
    Raises LabError where there can be no such lab.
    """
    release = os.environ.get("LAB_RELEASE", "")
    package = next(Path(os.environ.get("LAB_DIST", "")).glob("*.deb"), None) if release else None
    why_not = machine.refusal() if release else refusal()
    if release and not package:
        why_not = "there is no package in the folder LAB_DIST"
    if why_not:
        raise LabError(why_not)
    return Lab(release=release, package=package, **more)
