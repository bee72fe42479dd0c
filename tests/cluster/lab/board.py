"""The lab on one page: what is drawn, what its buttons do, and how long callers were without lines."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from berofos_agent.cluster import cib, status
from berofos_agent.config.bnfosconf import DEFAULT_PATH as CONFIG
from berofos_agent.doctor.findings import Facts
from berofos_agent.doctor.overview import View
from berofos_agent.errors import BerofosError
from berofos_agent.page import content
from berofos_agent.panel import view
from berofos_agent.simulator.page import card_of

from .cluster import RELAY, TELEPHONY, Cluster
from .lan import GATEWAY
from .processes import LabError
from .two_nodes import NODES, Lab

LOOK_SECONDS = 0.3
FAULTS = ("stuck", "noise", "not-berofos", "slow 5", "status 500")
FENCING = f"stonith create fencing fence_pdu ip={GATEWAY} pcmk_host_list={','.join(NODES)}"
FENCING_DELAYS = "pcmk_delay_base=xivo-1:3;xivo-2:0"


@dataclass(frozen=True)
class Topology:
    """What is cabled to the ports, and how that differs from two XiVOs."""

    title: str
    ends: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of the devices."""
    commands: Sequence[str] = ()
    """Run on a node, once the two XiVOs are configured."""


TOPOLOGIES = {
    "xivos": Topology("two XiVOs", {"A": "provider", "B": NODES[0], "C": "nothing", "D": NODES[1]}),
    "pbx": Topology(
        "two XiVOs and a PBX",
        {"A": "provider", "B": NODES[0], "C": "nothing", "D": NODES[1]},
        {"A": "PBX at A3-4"},
    ),
    "watchdog": Topology(
        "one XiVO and a PBX, with the watchdog",
        {"A": "provider", "B": NODES[0], "C": NODES[0], "D": "PBX"},
        {},
        {"scenario": "1", "modedef": "1", "wdogdef": "1", "wdogitime": "10"},
        (
            f"pcs constraint location {TELEPHONY} avoids {NODES[1]}",
            f"crm_resource --resource {RELAY} --delete-parameter port_d_node",
            f"crm_resource --resource {RELAY} --set-parameter scenario --parameter-value bypass",
            f"crm_resource --resource {RELAY} --set-parameter watchdog --parameter-value 10",
        ),
    ),
}


class Board:
    """A cluster, looked at again and again in the background, and the hands of somebody who plays with it."""

    def __init__(self, cluster: Cluster, topology: Topology = TOPOLOGIES["xivos"]) -> None:
        self.cluster = cluster
        self.lab: Lab = cluster.lab
        self.topology = topology
        self._pressed: set[str] = set()
        self._hand = threading.Lock()
        self._live: View | str = view.NOT_READ
        self._devices: dict[str, dict[str, Any]] = {}
        self._outage = 0.0
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(look,)) for look in (self._look, self._watch)]
        self._orders = self._table()

    def __enter__(self) -> Board:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def set_up(self) -> None:
        """Bring the configured cluster from two XiVOs to the topology, with a fence device that is not used yet."""
        node = self.lab.a_node()
        self.lab.must(node, ["pcs", *FENCING.split(), FENCING_DELAYS])
        if self.topology.settings:
            for device in self.lab.devices.values():
                device.write(dict(self.topology.settings))
        for command in self.topology.commands:
            self.lab.must(node, command)

    # --- what is seen ----------------------------------------------------------------------------------------------

    def _repeat(self, look: Callable[[], None]) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                look()
            except (LabError, BerofosError, OSError) as exc:
                self._live = str(exc).splitlines()[0]

    def _look(self) -> None:
        """Read the cluster, as seen by a node that runs."""
        node = self.lab.a_node()
        live = status.parse(self.lab.run(node, list(status.COMMAND)).stdout.encode())
        configuration = cib.parse(self.lab.must(node, "cibadmin --query").encode(), "cibadmin")
        self._live = View(Facts(configuration, status=live), live, [], CONFIG)

    def _watch(self) -> None:
        """Read the devices; note when callers lose their lines, and how long that was once they have them again."""
        self._devices = {name: device.order("state")["state"] for name, device in self.lab.devices.items()}
        reached = all(self._is_answered(self._end(one)) for one in self._devices.values())
        if not reached and not self._outage:
            self._outage = self._last_blow()
        elif reached and self._outage:
            moved = [movement.at for movement in self.lab.movements(since=self._outage)]
            seconds = (moved[-1] if moved else time.monotonic()) - self._outage
            self._outage = 0.0
            self.lab.note(f"callers without lines: {seconds:.1f} s")

    def _end(self, state: Mapping[str, Any]) -> str:
        """Who is at the end of a device's lines."""
        mode = state["mode"] if state["powered"] else "0"
        return self.topology.ends["B" if mode == "1" else "D"]

    def _is_answered(self, end: str) -> bool:
        if end not in NODES:
            return True  # the PBX
        return self.lab.nodes[end].is_on and (end in self._telephony() or isinstance(self._live, str))

    def _telephony(self) -> list[str]:
        return [] if isinstance(self._live, str) else self._live.live.where(TELEPHONY)

    def _last_blow(self) -> float:
        """The moment of what may just have cut the callers off: a node that died, a relay that moved; else now."""
        now = time.monotonic()
        moments = [movement.at for movement in self.lab.movements(since=now - 2)]
        for node in NODES:
            for what in ("killed", "fenced"):
                try:
                    moments.append(self.lab.moment_of(f"{node} is {what}"))
                except ValueError:
                    continue
        return max((at for at in moments if now - at < 2), default=now)

    # --- the page --------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return all that the page shows."""
        notes = {**{port: self._note(end) for port, end in self.topology.ends.items()}, **self.topology.notes}
        events = [[f"{at:.1f} s", self._named(what)] for at, what in reversed(self.lab.events())]
        return {
            "title": f"Lab: {self.topology.title}",
            "trouble": "",
            "cards": [card_of(name, one, self.topology.ends, notes) for name, one in self._devices.items()],
            "controls": self._controls(),
            "tables": [
                {"title": "What happened", "head": ["after", "what"], "rows": events[:200]},
                *view.cluster_tables(self._live),
            ],
        }

    def _named(self, what: str) -> str:
        """Node xivo-2 is who a relay in mode 0 leads to for the lab; here that may be the PBX."""
        return what.replace("lines to xivo-2", f"lines to {self.topology.ends['D']}")

    def _note(self, end: str) -> str:
        if end not in NODES:
            return ""
        if not self.lab.nodes[end].is_on:
            return "killed"
        node = None if isinstance(self._live, str) else self._live.live.node(end)
        if end in self._telephony():
            return "telephony"
        return node.condition if node else "boots"

    def _controls(self) -> list[dict[str, Any]]:
        groups: dict[str, list[dict[str, Any]]] = {}
        for order, button in self._orders.items():
            control: dict[str, Any] = {"order": order, "label": button.label}
            if button.undo:
                control["pressed"] = order in self._pressed
            groups.setdefault(button.group, []).append(control)
        return [{"title": title, "items": items} for title, items in groups.items()]

    # --- the hands -------------------------------------------------------------------------------------------------

    def execute(self, order: str) -> dict[str, Any]:
        """Do what a button says, one at a time."""
        name, off = (order[:-4], True) if order.endswith(" off") else (order, False)
        button = self._orders.get(name)
        if button is None or (off and button.undo is None):
            return {"ok": False, "error": f"no such button: {order}"}
        with self._hand:
            try:
                (button.undo if off and button.undo else button.do)()
            except (LabError, BerofosError) as exc:
                return {"ok": False, "error": str(exc).splitlines()[0]}
        if button.undo:
            (self._pressed.discard if off else self._pressed.add)(name)
        return {"ok": True}

    def _table(self) -> dict[str, Button]:
        lab, cluster = self.lab, self.cluster
        table: dict[str, Button] = {}
        for node in NODES:
            table[f"kill {node}"] = Button(node, f"Kill {node}", lambda node=node: lab.kill(node))
            table[f"boot {node}"] = Button(node, f"Boot {node}", lambda node=node: lab.boot(node))
            table[f"standby {node}"] = Button(
                node,
                f"{node} in standby",
                lambda node=node: cluster.standby(node, True),
                lambda node=node: cluster.standby(node, False),
            )
            table[f"move {node}"] = Button(node, f"Telephony to {node}", lambda node=node: self._move(node))
            for device in lab.devices:
                table[f"cut {node} {device}"] = Button(
                    node,
                    f"Cut {node} from {device}",
                    lambda node=node, device=device: lab.cut(node, device),
                    lambda node=node, device=device: self._restore(node, device),
                )
        for name, device in lab.devices.items():
            table[f"turn {name}"] = Button(
                name, f"Turn the relay of {name}", lambda device=device: device.turn("0" if device.mode == "1" else "1")
            )
            table[f"power {name}"] = Button(name, f"No power for {name}", device.power_off, device.power_on)
            table[f"unplug {name}"] = Button(name, f"Network cable of {name} out", device.unplug, device.plug)
            for fault in FAULTS:
                word = fault.split()[0]
                table[f"fault {name} {word}"] = Button(
                    name,
                    f"{name}: {fault}",
                    lambda device=device, fault=fault: device.misbehave(fault),
                    lambda device=device, word=word: device.order(f"{word} off"),
                )
        table["separate"] = Button("Cluster", "Cut node from node", lab.separate_nodes, self._rejoin)
        table["fencing"] = Button(
            "Cluster",
            "Fencing",
            lambda: cluster.set_property("stonith-enabled", "true"),
            lambda: cluster.set_property("stonith-enabled", "false"),
        )
        table["cleanup"] = Button(
            "Cluster", "Clean up failures", lambda: lab.must(lab.a_node(), "crm_resource --cleanup")
        )
        return table

    def _move(self, node: str) -> None:
        self.cluster.move(TELEPHONY, node)
        self.lab.wait_until(lambda: self.cluster.where(TELEPHONY) == node, 20, f"telephony is on {node}")
        self.cluster.clear(TELEPHONY)

    def _rejoin(self) -> None:
        self.lab.rejoin_nodes()
        self.lab.note("the nodes hear each other again")

    def _restore(self, node: str, device: str) -> None:
        self.lab.restore(node, device)
        self.lab.note(f"{node} reaches {device} again")


@dataclass(frozen=True)
class Button:
    """One button; with `undo` it stays pressed until it is clicked again."""

    group: str
    label: str
    do: Callable[[], object]
    undo: Callable[[], object] | None = None


class Server(http.server.ThreadingHTTPServer):
    """Serves the board on loopback."""

    daemon_threads = True

    def __init__(self, board: Board, port: int = 0) -> None:
        self.board = board
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def __enter__(self) -> Server:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if not content.is_known_host(self.headers.get("Host", "")):
            self._send(content.as_json(403, "ask by address"))
        elif self.path == content.STATE_PATH:
            self._send(content.as_json(200, self.server.board.state()))
        else:
            self._send(content.file_at(self.path) or content.as_json(404, "no such page"))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        names = ("Host", "Origin", "Content-Type")
        refused = content.refusal(*(self.headers.get(name, "") for name in names))
        if refused or not length.isdigit() or int(length) > content.MAXIMUM_ORDER:
            self._send(content.as_json(403, {"ok": False, "error": refused or "too long"}))
            return
        try:
            order = content.order_in(self.rfile.read(int(length)))
        except ValueError as exc:
            self._send(content.as_json(400, {"ok": False, "error": str(exc)}))
            return
        self._send(content.as_json(200, self.server.board.execute(order)))

    def _send(self, reply: content.Reply) -> None:
        self.send_response(reply.status)
        for name, value in (*content.HEADERS, ("Content-Type", reply.content_type)):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Keep the terminal for the timeline."""
