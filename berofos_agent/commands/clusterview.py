"""Shows a cluster with its relays, devices and nodes as text, with a verdict and the next step."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from berofos_agent.cluster.relays import RelayState
from berofos_agent.cluster.status import INFINITY, ClusterStatus
from berofos_agent.commands.commandline import NARROW_COLUMNS, printable
from berofos_agent.commands.picture import Paint
from berofos_agent.device.topology import LINES
from berofos_agent.doctor.findings import Severity
from berofos_agent.doctor.overview import View, ready

if TYPE_CHECKING:
    from berofos_agent.device.inspection import Inspection

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.CLEAN: "green"}


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
        return inspection.failure.advice
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
        if state.id in view.kicks:
            lines += _wrapped(f"{'kicks':10}", printable(str(view.kicks[state.id])), columns)
        if state.reason:
            lines += _wrapped(f"{'reason':10}", printable(state.reason), columns)
    lines += _wrapped(f"{'fencing':10}", _fencing(view.live), columns)
    verdict = _wrapped(f"{'verdict':10}", printable(f"{view.severity_name}: {view.verdict}"), columns)
    lines += ["", *(paint(line, _COLOURS[view.severity]) for line in verdict)]
    return [*lines, *_wrapped(f"{'next step':10}", printable(view.next_step), columns)]


def _nodes(view: View, columns: int) -> Iterator[str]:
    head = ("NODE", "STATE", "RUNS", "READY")
    nodes = [(node.name, node.condition) for node in view.live.nodes]
    rows = [[name, condition, _runs(view, name), printable(ready(view, name))] for name, condition in nodes]
    widths = [max(map(len, column)) for column in zip(head, *rows)][:-1]
    yield from _head(head, widths, columns)
    for cells in rows:
        yield from _row(cells, widths, columns, head)


def _runs(view: View, node: str) -> str:
    states = view.facts.states
    running = [state.telephony for state in states if node in state.telephony_nodes]
    running += [state.id for state in states if node in state.nodes]
    return ", ".join(dict.fromkeys(running)) or "-"


def _resource(state: RelayState) -> str:
    where = f"runs on {', '.join(state.nodes)}" if state.nodes else "is stopped"
    follows = f", follows {state.telephony}" if state.telephony else ", follows no resource"
    at = f" on {', '.join(state.telephony_nodes)}" if state.telephony_nodes else " (stopped)" if state.telephony else ""
    flags = [] if state.managed else ["unmanaged"]
    flags += ["degraded"] if state.nodes and state.reason else []
    flags += [f"{one.count} failures on {one.node}" for one in state.fail_counts if one.count < INFINITY]
    flags += [f"start failed on {one.node}" for one in state.fail_counts if one.count >= INFINITY]
    return f"{state.id} {where}{follows}{at}" + (f"; {', '.join(flags)}" if flags else "")


def _fencing(live: ClusterStatus) -> str:
    text = "enabled" if live.fencing_enabled else "DISABLED"
    if live.fencing:
        last = live.fencing[0]
        text += f"; last: {last.target}, {last.action}, {last.status}, {_local(last.at)}"
    return text


def _local(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "unknown time"
