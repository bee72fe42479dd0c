"""The command `berofos check`: a monitoring plugin, one line and an exit status from 0 to 3."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from berofos_agent.agent.readiness import READY
from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import printable
from berofos_agent.device.topology import LINES, MODE_OF_PORT, SCENARIO, settings_for
from berofos_agent.doctor.remedies import with_config
from berofos_agent.errors import BerofosError, ConfigurationError

if TYPE_CHECKING:
    from berofos_agent.device.inspection import Inspection, Remark

PROG = "berofos check"

CLUSTER = "cluster"
"""For --port: the port of the node that runs telephony. So a failover is no alarm."""

UNKNOWN = 3

_EXAMPLES = """\
  berofos check               # all devices of /etc/bnfos.conf
  berofos check --port b      # critical when the lines are not on port B
  berofos check --port cluster   # ... not where the cluster runs telephony
  berofos check --cluster     # ... and the nodes, the resources, the other node
  berofos check --scenario bypass --watchdog 15 fos1

exit status:
  0 OK
  1 WARNING: a setting is wrong, the firmware is old, or no answer over UDP
  2 CRITICAL: no answer, wrong position, watchdog failure, or flash mode;
    with --cluster also a stopped resource, or a node that could not take over
  3 UNKNOWN: no configuration, wrong arguments, or no answer of the cluster
    while no device is critical"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status. Every error is one line too, for the monitoring system."""
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as exc:
        if not exc.code:
            raise
        return _tell("UNKNOWN", "wrong arguments, see berofos check --help", UNKNOWN)
    try:
        return _run(arguments)
    except BerofosError as exc:
        return _tell("UNKNOWN", str(exc), UNKNOWN)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG, "Check devices, as a plugin for a monitoring system: one line with performance data.", _EXAMPLES
    )
    parser.add_argument(
        "--port",
        type=str.lower,
        choices=(*MODE_OF_PORT, CLUSTER),
        help="the port that should have the lines, or the one the cluster says; default: either",
    )
    parser.add_argument(
        "--cluster",
        action="store_true",
        help="also check the cluster: telephony, the relay resource, whether the other node could take over",
    )
    parser.add_argument(
        "--scenario", choices=SCENARIO, help="the scenario that should be set; default: the one that is set"
    )
    parser.add_argument(
        "--watchdog",
        type=commandline.interval,
        metavar="SECONDS",
        help="expected watchdog interval, 0 for off; default: off in fallback, any in bypass",
    )
    commandline.add_devices(parser)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    devices = commandline.devices_of(arguments)
    expected: Mapping[str, str] = {}
    unknown: list[str] = []
    try:
        expected = _expected_modes(arguments, [device.name for device in devices])
    except ConfigurationError as exc:
        unknown.append(str(exc))
    from berofos_agent.device.inspection import Remark, Severity, inspect_all

    reports = inspect_all(devices, time.monotonic() + arguments.timeout + 2)
    found = [(one.device, each) for one in reports for each in _evaluate(one, expected.get(one.device, ""), arguments)]
    states: list[str] = []
    if arguments.cluster:
        try:
            problems, states = _cluster(arguments.config, reports)
            found += problems
        except ConfigurationError as exc:
            unknown.append(str(exc))
    where = [f"{report.device} {LINES[report.mode]}" for report in reports if report.mode]
    is_asked = (arguments.port or arguments.cluster) and not unknown
    if len({report.mode for report in reports if report.mode}) > 1 and not is_asked:
        found.append(("devices", Remark(Severity.WARNING, "are in different positions")))
    found.sort(key=lambda item: -item[1].severity)
    worst = found[0][1].severity if found else Severity.OK
    told = [f"{name}: {remark.text}" for name, remark in found]
    # A device that is critical is so whatever the cluster would say.
    state, status = (worst.name, int(worst)) if not unknown or worst is Severity.CRITICAL else ("UNKNOWN", UNKNOWN)
    reasons = [*told, *dict.fromkeys(unknown)] if status != UNKNOWN else [*dict.fromkeys(unknown), *told]
    data = " ".join(_performance(report) for report in reports)
    return _tell(state, "; ".join(filter(None, [*reasons, ", ".join([*where, *states])])), status, f" | {data}")


def _expected_modes(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, str]:
    """Return the expected relay mode by device, "" for any; raise BerofosError if the cluster does not say it."""
    if arguments.port != CLUSTER:
        return dict.fromkeys(names, MODE_OF_PORT.get(arguments.port, ""))
    from berofos_agent.doctor.overview import read_view

    view = read_view(arguments.config)
    expected = {}
    for name in names:
        state = view.state_of(name) if view else None
        if state is None:
            raise ConfigurationError(
                f"no resource of the cluster controls {name} of {arguments.config}; correct its parameter devices"
            )
        if not state.mode:
            raise ConfigurationError(
                f"{state.telephony or state.id} runs on no node that is cabled to {name}; see berofos doctor"
            )
        expected[name] = state.mode
    return expected


def _cluster(config: str, reports: Sequence[Inspection]) -> tuple[list[tuple[str, Remark]], list[str]]:
    """Return what is wrong with the cluster at this moment, and what its resources and nodes do."""
    from berofos_agent.device.inspection import Remark, Severity
    from berofos_agent.doctor.checks import is_live
    from berofos_agent.doctor.overview import read_view, with_devices

    view = read_view(config)
    if view is None:
        raise ConfigurationError("the cluster has no relay resource; berofos cluster-config prints one")
    findings = [one for one in with_devices(view, reports).findings if is_live(one.check)]
    found = [(one.problem.subject, Remark(Severity(one.check.severity), one.problem.text)) for one in findings]
    states = [f"{state.id} on {' and '.join(state.nodes) or 'no node'}" for state in view.facts.states]
    for state in view.facts.states:
        states += [f"{node.name} ready" for node in view.live.nodes if state.ready_on(node) == READY]
    return found, states


def _evaluate(report: Inspection, expected: str, arguments: argparse.Namespace) -> list[Remark]:
    from berofos_agent.device.inspection import Remark, Severity, remarks
    from berofos_agent.device.reading import differences

    found = remarks(report)
    if report.mode and expected and report.mode != expected:
        text = f"relay is in position {LINES[report.mode]}, expected {LINES[expected]}"
        found.append(Remark(Severity.CRITICAL, text))
    settings = settings_for(report.settings.get("scenario"), arguments.scenario, arguments.watchdog)
    different = differences(report.settings, settings)
    if different:
        # Not `berofos provision`, which also moves the lines to port B.
        fixes = " && ".join(
            with_config(f"bnfos --set {one.keyword}={one.expected} -f {report.device}", arguments.config)
            for one in different
        )
        is_kicked = arguments.watchdog is None and any(one.keyword.startswith("wdog") for one in different)
        advice = (
            f"give --watchdog SECONDS if something kicks it, else {fixes}" if is_kicked else f"correct it with {fixes}"
        )
        found.append(Remark(Severity.WARNING, f"{', '.join(map(str, different))}; {advice}"))
    return found


def _performance(report: Inspection) -> str:
    name, reachable = report.device, int(not report.error)
    data = f"'{name} reachable'={reachable};;;0;1 '{name} time'={report.milliseconds / 1000:.3f}s;;;0"
    return f"{data} '{name} mode'={report.mode};;;0;1" if report.mode else data


def _tell(state: str, text: str, status: int, data: str = "") -> int:
    """Print the line of a plugin: what is behind a | is performance data, so that the text has none."""
    line = " ".join(printable(text).replace("|", "/").split())
    print(f"BEROFOS {state} - {line}{printable(data)}")
    return status
