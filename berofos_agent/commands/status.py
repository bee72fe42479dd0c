"""The command `berofos status`: shows each device, with a picture of where its lines go."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed, wait
from time import sleep
from typing import TYPE_CHECKING, Any

from berofos_agent.commands import commandline, picture
from berofos_agent.commands.commandline import DONE, EXIT_STATUS, HELP_COLUMNS, printable
from berofos_agent.commands.picture import Paint
from berofos_agent.device.settings import WATCHDOG, Values
from berofos_agent.device.topology import LINES, SCENARIO
from berofos_agent.errors import ConfigurationError, row_of

if TYPE_CHECKING:
    from berofos_agent.commands.clusterview import DeviceTable
    from berofos_agent.device.device import Device
    from berofos_agent.device.inspection import Inspection
    from berofos_agent.doctor.overview import View

PROG = "berofos status"

COROSYNC_CONF = "/etc/corosync/corosync.conf"

PICTURE_COLUMNS = 60
"""What the picture and the table of settings need."""
TOGETHER_SECONDS = 1.0
"""Devices that answer within this time are shown in the order of the file; the others as they end."""

_REDRAW = "\x1b[H\x1b[J"

_EXAMPLES = """\
  berofos status              # all devices of /etc/bnfos.conf
  berofos status fos2 -w      # fos2, again every 2 seconds until Ctrl-C
  berofos status --json       # for programs"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    arguments = parser().parse_args(argv)
    devices = commandline.devices_of(arguments)
    if arguments.watch is None:
        return _show(arguments, devices)
    redraw = _REDRAW if sys.stdout.isatty() and not arguments.json else ""
    try:
        while True:
            stamp = "" if arguments.json else time.strftime("%Y-%m-%d %H:%M:%S\n")
            _show(arguments, devices, redraw + stamp)
            sleep(arguments.watch)
    except KeyboardInterrupt:
        return DONE


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Show each device: whether it answers, where its lines go, and its settings. On a cluster node, also show "
        "where the lines should be, the nodes, the relay resource, fencing, a verdict and the next step. "
        "In the picture, (*) is a green LED that is on, (!) a red one that blinks.",
        _EXAMPLES,
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON: a list of devices; on a cluster node, an object"
    )
    parser.add_argument("--picture", action="store_true", help="draw each device, also if there are several")
    parser.add_argument(
        "-w",
        "--watch",
        type=commandline.seconds(0.1, 3600, "; devices go before -w"),
        nargs="?",
        const=2.0,
        metavar="SECONDS",
        help="repeat every SECONDS (2) until Ctrl-C",
    )
    commandline.add_devices(parser)
    return parser


def _show(arguments: argparse.Namespace, devices: Sequence[Device], before: str = "") -> int:
    """Show all devices once, each as soon as it has answered."""
    answers = _ask_all(devices, arguments.timeout + 2)
    view = _view(arguments.config)
    screen = _Screen(view, devices, arguments.picture)
    if not arguments.json:
        screen.begin(before)
    found: dict[str, Inspection] = {}
    for batch in _batches(answers):
        found.update({one.device: one for one in batch})
        if not arguments.json:
            screen.show(batch)
    inspections = [found[device.name] for device in devices]
    if view:
        from berofos_agent.doctor import overview

        view = overview.with_devices(view, inspections)
    if arguments.json:
        from berofos_agent.device.inspection import as_json

        shown: Any = [as_json(one) for one in inspections]
        if view:
            shown = overview.as_json(view, shown)
        print(json.dumps(shown, indent=None if arguments.watch else 2), flush=True)
    elif view:
        screen.end(view)
    failures = [one.failure for one in inspections if one.failure]  # shown above
    return row_of(failures[0], EXIT_STATUS) if failures else DONE


# --- asking ----------------------------------------------------------------------------------------------------


def _ask_all(devices: Sequence[Device], seconds: float) -> list[Future[Inspection]]:
    """Inspect each device in its own thread, which Ctrl-C does not wait for."""
    from berofos_agent.device.inspection import inspect_all

    def ask(device: Device, answer: Future[Inspection]) -> None:
        try:
            answer.set_result(inspect_all([device], time.monotonic() + seconds)[0])
        except Exception as exc:
            answer.set_exception(exc)

    answers: list[Future[Inspection]] = [Future() for _ in devices]
    for pair in zip(devices, answers):
        threading.Thread(target=ask, args=pair, daemon=True).start()
    return answers


def _batches(answers: Sequence[Future[Inspection]]) -> Iterator[list[Inspection]]:
    """Yield what ends within TOGETHER_SECONDS in the order of the file, then each device as it ends."""
    together, late = wait(answers, TOGETHER_SECONDS)
    if together:
        yield [answer.result() for answer in answers if answer in together]
    for answer in as_completed(late):
        yield [answer.result()]


def _view(config: str) -> View | None:
    """Return the cluster's side, without devices; None if no cluster runs here or it has no relay resource."""
    from berofos_agent.cluster import tools
    from berofos_agent.doctor.overview import read_view

    try:
        return read_view(config)
    except ConfigurationError as exc:
        if tools.find("cibadmin") and os.path.exists(COROSYNC_CONF):
            commandline.complain(PROG, exc)  # a cluster node on which the cluster does not run
        return None


# --- showing ---------------------------------------------------------------------------------------------------


class _Screen:
    """Prints the devices as they come: in a table with a cluster and several devices, else with pictures."""

    def __init__(self, view: View | None, devices: Sequence[Device], pictures: bool) -> None:
        self._columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else HELP_COLUMNS
        self._width = self._columns if sys.stdout.isatty() else sys.maxsize  # a line of a script is not wrapped
        self._table: DeviceTable | None = None
        if view and len(devices) > 1 and not pictures:
            from berofos_agent.commands.clusterview import DeviceTable

            self._table = DeviceTable(view, [device.name for device in devices], self._columns)
        self._paint = commandline.painter(sys.stdout, os.environ)
        self._between = ""

    def begin(self, before: str) -> None:
        """Print what stands above the devices."""
        head = self._table.head() if self._table else []
        print(before + "".join(f"{line}\n" for line in head), end="", flush=True)

    def show(self, batch: Sequence[Inspection]) -> None:
        """Print some devices."""
        for one in batch:
            lines = self._table.row(one, self._paint) if self._table else as_text(one, self._paint, self._width)
            print(self._between + "\n".join(lines), flush=True)
            self._between = "" if self._table else "\n"

    def end(self, view: View) -> None:
        """Print what stands below the devices."""
        from berofos_agent.commands.clusterview import cluster_text

        print("\n".join(cluster_text(view, self._columns, self._paint)), flush=True)


def as_text(report: Inspection, paint: Paint, columns: int) -> list[str]:
    """Return the state of a device for a person; without the picture where the columns do not suffice for it."""
    from berofos_agent.device.inspection import remarks

    entry = report.entry
    title = f"{entry.name}  {entry.host}  {report.mac or 'MAC unknown'}  firmware {report.firmware or 'unknown'}"
    lines = textwrap.wrap(title, columns, subsequent_indent="  ")
    is_narrow = columns < PICTURE_COLUMNS
    if report.in_flash_mode:
        lines += [] if is_narrow else _indented(picture.draw("0", in_flash_mode=True, paint=paint))
    elif report.mode:
        scenario = report.settings.get("scenario", SCENARIO["fallback"])
        lines += [] if is_narrow else _indented(picture.draw(report.mode, scenario, paint=paint))
        lines += _indented(_table(report.settings, is_narrow))
    for remark in remarks(report):
        told = textwrap.wrap(f"! {printable(remark.text)}", max(1, columns - 2), subsequent_indent="  ")
        lines += [paint(line, "red") for line in _indented(told)]
    return lines


def _table(told: Values, is_narrow: bool) -> list[str]:
    """Return the current settings beside those that apply after the next power-on; where it is narrow, only them."""
    mode, default = told.get("mode", ""), told.get("modedef", "")
    watchdog = WATCHDOG.get(told.get("wdogstate", ""), "unknown")
    if watchdog == "on":
        watchdog += f", {printable(told.get('wdogrtime', '?'))} s left of {printable(told.get('wdogitime', '?'))}"
    scenario = {setting: name for name, setting in SCENARIO.items()}.get(told.get("scenario", ""), "unknown")
    rows = [
        ("", "now", "at power-on"),
        ("lines", _lines(mode), _lines(default)),
        ("watchdog", watchdog, _on(told, "wdogdef")),
        (
            "power 1, 2",
            f"{_on(told, 'power1')}, {_on(told, 'power2')}",
            f"{_on(told, 'power1def')}, {_on(told, 'power2def')}",
        ),
        ("scenario", scenario, ""),
    ]
    if is_narrow:
        return [f"{name:12}{now}" for name, now, _then in rows[1:]]
    return [f"{name:12}{now:28}{then}".rstrip() for name, now, then in rows]


def _lines(mode: str) -> str:
    return f"{LINES[mode]} (relay mode {mode})" if mode in LINES else "unknown"


def _on(told: Values, keyword: str) -> str:
    return {"0": "off", "1": "on"}.get(told.get(keyword, ""), "unknown")


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]
