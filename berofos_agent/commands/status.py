"""The command `berofos status`: shows each device, with a picture of where its lines go."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from berofos_agent.commands import commandline, picture
from berofos_agent.commands.commandline import DONE, EXIT_STATUS, printable
from berofos_agent.commands.picture import Lights, Paint
from berofos_agent.device.settings import WATCHDOG_FAILURE, WATCHDOG_OFF, WATCHDOG_ON, Values
from berofos_agent.device.topology import LINES, SCENARIO
from berofos_agent.errors import row_of

if TYPE_CHECKING:
    from berofos_agent.device.device import Device
    from berofos_agent.device.inspection import Inspection

PROG = "berofos status"

WATCHDOG = {WATCHDOG_OFF: "off", WATCHDOG_ON: "on", WATCHDOG_FAILURE: "failure"}

_REDRAW = "\x1b[H\x1b[J"

_EXAMPLES = """\
  berofos status              # all devices of /etc/bnfos.conf
  berofos status fos2 -w      # fos2, again every 2 seconds until Ctrl-C
  berofos status --json       # for programs"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    return _run(parser().parse_args(argv))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Show each device: whether it answers, where its lines go, and its settings. "
        "In the picture, (*) is a green LED that is on, (!) a red one that blinks.",
        _EXAMPLES,
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object for each device")
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


def _run(arguments: argparse.Namespace) -> int:
    devices = commandline.devices_of(arguments)
    if arguments.watch is None:
        return _show(arguments, devices)
    redraw = _REDRAW if sys.stdout.isatty() and not arguments.json else ""
    try:
        while True:
            _show(arguments, devices, redraw)
            time.sleep(arguments.watch)
    except KeyboardInterrupt:
        return DONE


def _show(arguments: argparse.Namespace, devices: Sequence[Device], before: str = "") -> int:
    from berofos_agent.device.inspection import inspect
    from berofos_agent.device.parallel import run_on_all

    deadline = time.monotonic() + arguments.timeout + 2
    results = run_on_all(devices, inspect, deadline)
    reports = [result.value for result in results if result.value]
    hung = [result.error for result in results if result.error]
    if arguments.json:
        print(json.dumps([as_json(report) for report in reports], indent=None if arguments.watch else 2), flush=True)
    else:
        paint = commandline.painter(sys.stdout, os.environ)
        print(before + "\n\n".join("\n".join(as_text(report, paint)) for report in reports), flush=True)
    failures = [report.failure for report in reports if report.failure]  # shown above
    return commandline.complain_of(PROG, hung) or (row_of(failures[0], EXIT_STATUS) if failures else DONE)


def as_json(report: Inspection) -> dict[str, Any]:
    """Return the state of a device for a program; None is unknown."""
    from berofos_agent.device.inspection import remarks

    told = report.settings
    scenario = {setting: name for name, setting in SCENARIO.items()}.get(told.get("scenario", ""))
    return {
        "device": report.device,
        "host": report.entry.host,
        "mac": report.mac,
        "reachable": not report.error,
        "error": report.failure.what if report.failure else None,
        "remarks": [remark.text for remark in remarks(report)],
        "firmware": report.firmware,
        "flash_mode": report.in_flash_mode,
        "milliseconds": report.milliseconds,
        "mode": report.mode,
        "lines": LINES[report.mode] if report.mode else None,
        "scenario": scenario,
        "watchdog": WATCHDOG.get(told.get("wdogstate", "")),
        "settings": told,
    }


def as_text(report: Inspection, paint: Paint) -> list[str]:
    """Return the state of a device for a person, at most 80 columns wide."""
    from berofos_agent.device.inspection import remarks

    entry = report.entry
    title = f"{entry.name}  {entry.host}  {report.mac or 'MAC unknown'}  firmware {report.firmware or 'unknown'}"
    lines = [title]
    if report.in_flash_mode:
        lines += _indented(picture.draw("0", lights=Lights.FLASH, paint=paint))
    elif report.mode:
        scenario = report.settings.get("scenario", SCENARIO["fallback"])
        lines += _indented(picture.draw(report.mode, scenario, paint=paint))
        lines += _indented(_table(report.settings))
    for remark in remarks(report):
        lines.append(paint(f"  ! {printable(remark.text)}", "red"))
    return lines


def _table(told: Values) -> list[str]:
    """Return the current settings beside those that apply after the next power-on."""
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
    return [f"{name:12}{now:28}{then}".rstrip() for name, now, then in rows]


def _lines(mode: str) -> str:
    return f"{LINES[mode]} (relay mode {mode})" if mode in LINES else "unknown"


def _on(told: Values, keyword: str) -> str:
    return {"0": "off", "1": "on"}.get(told.get(keyword, ""), "unknown")


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]
