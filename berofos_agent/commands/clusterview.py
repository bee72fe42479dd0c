"""Shows a cluster with its relays, devices and nodes as text or as JSON, with a verdict and the next step."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from berofos_agent.cluster import cib, status
from berofos_agent.cluster.relays import RelayState
from berofos_agent.cluster.status import ClusterStatus
from berofos_agent.commands.commandline import printable
from berofos_agent.commands.picture import Paint
from berofos_agent.device.topology import LINES
from berofos_agent.doctor.findings import Facts, Finding, Severity

if TYPE_CHECKING:
    from berofos_agent.device.inspection import Inspection

NARROW_COLUMNS = 60
"""Below this width, a table becomes one block of lines for each row."""

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.CLEAN: "green"}


@dataclass(frozen=True)
class View:
    """Everything to show: the facts, and what the doctor found in them."""

    facts: Facts
    live: ClusterStatus
    findings: Sequence[Finding]
    config: str

    def state_of(self, device: str) -> RelayState | None:
        """Return the relay resource that controls a device of the configuration file."""
        for relay, given in self.facts.parsed:
            if given.config == self.config and (not given.devices or device in given.devices):
                return next((state for state in self.facts.states if state.id == relay.id), None)
        return None

    @property
    def severity(self) -> Severity:
        """The severity of the verdict."""
        return self.findings[0].check.severity if self.findings else Severity.CLEAN

    @property
    def verdict(self) -> str:
        """What is wrong first of all, or that all is well, in one sentence."""
        if self.findings:
            problem = self.findings[0].problem
            return f"{problem.subject} {problem.text}"
        places = sorted(
            {f"{state.name_of(state.mode)} ({LINES[state.mode]})" for state in self.facts.states if state.mode}
        )
        return f"the lines are at {' and '.join(places) or 'an unknown place'}, where they should be"

    @property
    def next_step(self) -> str:
        """What to do about it."""
        return self.findings[0].problem.fix if self.findings else "nothing to do"


def read_view(config: str) -> View | None:
    """Return the running cluster's view, without devices, for the relays of a configuration file.

    Returns None if the cluster has no relay resource; raises ConfigurationError if there is no cluster to ask.
    """
    cluster = cib.read_live()
    if not cluster.relays:
        return None
    live = status.read()
    return View(Facts(cluster, status=live), live, [], config)


# --- text ------------------------------------------------------------------------------------------------------


class DeviceTable:
    """The table of devices. Its widths do not depend on the answers, so a row can be printed when it comes."""

    HEAD = ("DEVICE", "LINES", "EXPECTED", "CONDITION")

    def __init__(self, view: View, names: Sequence[str], columns: int) -> None:
        places = [_place(state, mode) for state in view.facts.states for mode in LINES]
        place = max(map(len, (*places, "EXPECTED", "unknown")))
        self._widths = [max(map(len, (*names, self.HEAD[0]))), place, place]
        self._view = view
        self._columns = columns

    def head(self) -> list[str]:
        """Return the line above the devices."""
        return _head(self.HEAD, self._widths, self._columns)

    def row(self, inspection: Inspection, paint: Paint) -> list[str]:
        """Return the lines of a device: its name, its lines, where they should be, its condition."""
        state = self._view.state_of(inspection.device)
        lines = _place(state, inspection.mode) if inspection.mode else "unknown"
        expected = _place(state, state.mode) if state and state.mode else "unknown"
        condition = printable(_condition(state, inspection))
        colour = "green" if condition.startswith("ok") else "red"
        cells = [inspection.device, lines, expected, condition]
        return [paint(line, colour) for line in _row(cells, self._widths, self._columns, self.HEAD)]


def _condition(state: RelayState | None, inspection: Inspection) -> str:
    if inspection.in_flash_mode:
        return "in flash mode; switch it off and on again"
    if inspection.failure:
        return inspection.failure.what
    if state is None:
        return "no resource controls it"
    if state.mode and inspection.mode != state.mode:
        return "WRONG POSITION"
    return _watchdog(inspection)


def _watchdog(inspection: Inspection) -> str:
    settings = inspection.settings
    state = settings.get("wdogstate", settings.get("wdog", "0"))
    if state == "1":
        left, interval = settings.get("wdogrtime", "?"), settings.get("wdogitime", "?")
        return f"ok; watchdog on, {left} s left of {interval}"
    return "watchdog failure latched" if state == "2" else "ok"


def _place(state: RelayState | None, mode: str | None) -> str:
    name = state.name_of(mode or "") if state else ""
    return f"{LINES[mode or '']} {name}".rstrip()


def _row(cells: Sequence[str], widths: Sequence[int], columns: int, head: Sequence[str]) -> list[str]:
    """Return one row of a table, its last cell wrapped; on a narrow terminal, one line for each cell."""
    if columns < NARROW_COLUMNS:
        width = max(map(len, head)) + 3
        lines = [cells[0]]
        for name, cell in list(zip(head, cells))[1:]:
            lines += _wrapped(f"  {name.lower():{width - 2}}", cell, columns)
        return lines
    lead = "".join(f"{cell:{width}}  " for cell, width in zip(cells, widths))
    return _wrapped(lead, cells[-1], columns)


def _head(head: Sequence[str], widths: Sequence[int], columns: int) -> list[str]:
    """Return the head of a table; on a narrow terminal each cell has its own name instead."""
    return [] if columns < NARROW_COLUMNS else _row(head, widths, columns, head)


def _wrapped(lead: str, text: str, columns: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(columns, len(lead) + 20),
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_on_hyphens=False,
    ) or [lead.rstrip()]


def cluster_text(view: View, columns: int, paint: Paint) -> list[str]:
    """Return all but the devices: nodes, relay resources, fencing, verdict and next step."""
    lines = ["", *_nodes(view, columns), ""]
    for state in view.facts.states:
        lines += _wrapped(f"{'resource':10}", printable(_resource(state)), columns)
        if state.last_start:
            lines += _wrapped(
                f"{'switched':10}", f"to {state.last_start.node} at {_local(state.last_start.at)}", columns
            )
        if state.reason:
            lines += _wrapped(f"{'reason':10}", printable(state.reason), columns)
    lines += _wrapped(f"{'fencing':10}", _fencing(view.live), columns)
    words = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.CLEAN: "OK"}[view.severity]
    verdict = _wrapped(f"{'verdict':10}", printable(f"{words}: {view.verdict}"), columns)
    lines += ["", *(paint(line, _COLOURS[view.severity]) for line in verdict)]
    return [*lines, *_wrapped(f"{'next step':10}", printable(view.next_step), columns)]


def _nodes(view: View, columns: int) -> Iterator[str]:
    head = ("NODE", "STATE", "RUNS", "READY")
    rows = [[node.name, node.condition, _runs(view, node.name), _ready(view, node.name)] for node in view.live.nodes]
    widths = [max(map(len, column)) for column in zip(head, *rows)][:-1]
    yield from _head(head, widths, columns)
    for cells in rows:
        yield from _row(cells, widths, columns, head)


def _runs(view: View, node: str) -> str:
    states = view.facts.states
    running = [state.telephony for state in states if node in state.telephony_nodes]
    running += [state.id for state in states if node in state.nodes]
    return ", ".join(dict.fromkeys(running)) or "-"


def _ready(view: View, node: str) -> str:
    """Whether a node could take over: the reason that says no, of any relay resource."""
    waiting = [state for state in view.facts.states if node not in state.nodes]
    if not waiting:
        return "has the lines"
    answers = [state.readiness.get(node, "unknown") for state in waiting]
    return printable(next((answer for answer in answers if answer != "yes"), "yes"))


def _resource(state: RelayState) -> str:
    where = f"runs on {', '.join(state.nodes)}" if state.nodes else "is stopped"
    follows = f", follows {state.telephony}" if state.telephony else ", follows no resource"
    at = f" on {', '.join(state.telephony_nodes)}" if state.telephony_nodes else " (stopped)" if state.telephony else ""
    flags = [] if state.managed else ["unmanaged"]
    flags += ["degraded"] if state.nodes and state.reason else []
    flags += [f"{one.count} failures on {one.node}" for one in state.fail_counts if one.count < 1000000]
    flags += [f"start failed on {one.node}" for one in state.fail_counts if one.count >= 1000000]
    return f"{state.id} {where}{follows}{at}" + (f"; {', '.join(flags)}" if flags else "")


def _fencing(live: ClusterStatus) -> str:
    text = "enabled" if live.fencing_enabled else "DISABLED"
    if live.fencing:
        last = live.fencing[0]
        text += f"; last: {last.target}, {last.action}, {last.status}, {_local(last.at)}"
    return text


def _local(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "unknown time"


# --- JSON ------------------------------------------------------------------------------------------------------


def as_json(view: View, devices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return everything for a program; `devices` are the devices as without a cluster."""
    found = []
    for one in devices:
        state = view.state_of(one["device"])
        mode = state.mode if state else ""
        found.append(
            {
                **one,
                "resource": state.id if state else None,
                "node": (state.name_of(one["mode"]) if state and one["mode"] else "") or None,
                "expected_mode": mode or None,
                "expected_node": (state.name_of(mode) if state else "") or None,
            }
        )
    return {
        "time": _iso(view.live.at),
        "devices": found,
        "relays": [_relay_json(state) for state in view.facts.states],
        "nodes": [
            {"node": node.name, "state": node.condition, "ready": _ready(view, node.name)} for node in view.live.nodes
        ],
        "quorum": view.live.with_quorum,
        "maintenance": view.live.maintenance,
        "fencing": {
            "enabled": view.live.fencing_enabled,
            "history": [
                {"node": one.target, "action": one.action, "status": one.status, "time": _iso(one.at)}
                for one in view.live.fencing
            ],
        },
        "findings": [
            {
                "check": one.check.id,
                "severity": one.check.severity.name.lower(),
                "text": f"{one.problem.subject} {one.problem.text}",
                "fix": one.problem.fix,
            }
            for one in view.findings
        ],
        "verdict": {"severity": view.severity.name.lower(), "text": view.verdict, "next_step": view.next_step},
    }


def _relay_json(state: RelayState) -> dict[str, Any]:
    start = state.last_start
    return {
        "resource": state.id,
        "nodes": list(state.nodes),
        "managed": state.managed,
        "blocked": state.blocked,
        "degraded": bool(state.nodes and state.reason),
        "reason": state.reason or None,
        "telephony": state.telephony or None,
        "telephony_nodes": list(state.telephony_nodes),
        "expected_node": state.name_of(state.mode) or None,
        "lines": dict(state.lines),
        "ready": dict(state.readiness),
        "fail_counts": {one.node: one.count for one in state.fail_counts},
        "last_switch": {"node": start.node, "time": _iso(start.at)} if start else None,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
