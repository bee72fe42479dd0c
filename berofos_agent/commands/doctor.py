"""The command `berofos doctor`: checks the cluster, the files and the devices."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from berofos_agent.commands import commandline
from berofos_agent.commands.picture import Paint, plain
from berofos_agent.config.bnfosconf import DEFAULT_PATH
from berofos_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from berofos_agent.cluster.cib import Cluster
    from berofos_agent.cluster.rehearsal import Row
    from berofos_agent.doctor.findings import ConfigFile, Facts, Finding, Inspected

T = TypeVar("T")

_DESCRIPTION = """\
Check the cluster's configuration, bnfos.conf and the devices for errors and
latent misconfiguration. Findings are listed with the most dangerous first, each
with the command that fixes it. Nothing is changed.
Exit status: 0 clean, 1 warnings, 2 errors (or wrong arguments)."""

_EXAMPLES = """\
examples:
  berofos doctor                    # this cluster, its bnfos.conf, its devices
  berofos doctor --json             # for programs
  berofos doctor --cib cib.xml      # the output of `cibadmin --query`"""

DEVICES_SECONDS = 5.0

REHEARSAL_SECONDS = 60.0
"""All of it takes 2 to 6 s; a configuration of thousands of resources is for `berofos rehearse`."""

UNUSABLE = 2
"""The file named on the command line could not be read."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    arguments = parser().parse_args(argv)
    from berofos_agent.doctor.checks import examine

    try:
        facts = _gather(arguments.cib, arguments.config)
    except ConfigurationError as exc:
        print(f"berofos doctor: {exc}", file=sys.stderr)
        return UNUSABLE
    findings = examine(facts)
    hints = _hints(facts)
    status = max((finding.check.severity for finding in findings), default=0)
    if arguments.json:
        print(json.dumps(as_json(findings, hints, status), indent=2))
    else:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        print(as_text(findings, hints, facts, columns, commandline.painter(sys.stdout, os.environ)))
    return int(status)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.Parser(
        prog="berofos doctor",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "--cib",
        type=commandline.path,
        metavar="FILE",
        help="check this CIB instead of the running cluster; devices are checked only with --config",
    )
    parser.add_argument(
        "--config",
        type=commandline.path,
        metavar="FILE",
        help=f"where the devices are declared (default: as configured in the cluster, else {DEFAULT_PATH})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _gather(cib_path: str | None, config: str | None) -> Facts:
    from berofos_agent.cluster import cib, status
    from berofos_agent.doctor import files, heartbeat
    from berofos_agent.doctor.findings import Facts

    cluster, why_not = (cib.read_file(cib_path), "") if cib_path else _tried(cib.read_live)
    live, why_not_live = _tried(status.read) if cluster and not cib_path else (None, "")
    named = [relay.parameters.get("config") or DEFAULT_PATH for relay in cluster.relays] if cluster else []
    paths = [os.path.abspath(config)] if config else [] if cib_path else list(dict.fromkeys(named)) or [DEFAULT_PATH]
    configs = [files.read(path) for path in paths]
    inspected = [device for file in configs for device in _inspect(file)]
    quorum_device = "" if cib_path else files.quorum_device()
    rows, why_no_rehearsal = _tried(lambda: _rehearse(cluster, bool(quorum_device))) if cluster else (None, "")
    facts = Facts(
        cluster,
        why_no_cluster=why_not,
        quorum_device=quorum_device,
        one_has_quorum=bool(cib_path) or files.one_has_quorum(),
        status=live,
        why_no_status=why_not_live,
        rows=rows or (),
        why_no_rehearsal=why_no_rehearsal,
        files=configs,
        inspected=inspected,
    )
    if cib_path:
        return facts
    switchers = files.switchers()
    state = "" if cluster else heartbeat.state(switchers)
    return replace(facts, alarms=_alarms(facts, os.environ), switchers=switchers, heartbeat=state)


def _rehearse(cluster: Cluster, has_quorum_device: bool) -> list[Row]:
    """Return what the scheduler would do in the situations that decide a check; raise ConfigurationError."""
    from berofos_agent.cluster.rehearsal import rehearse
    from berofos_agent.cluster.scheduler import Scheduler
    from berofos_agent.cluster.situations import DECISIVE

    return rehearse(cluster, Scheduler(total=REHEARSAL_SECONDS), has_quorum_device, situations=DECISIVE)


def _tried(read: Callable[[], T]) -> tuple[T | None, str]:
    """Return what was read and an empty text, or None and why it could not be."""
    try:
        return read(), ""
    except ConfigurationError as exc:
        return None, str(exc)


def _alarms(facts: Facts, environ: Mapping[str, str]) -> dict[str, str]:
    """Read the spans of the resources that have their lines on this node; elsewhere an alarm is normal."""
    from berofos_agent.agent import dahdi
    from berofos_agent.doctor.spans import spans_here

    alarms = {relay.id: dahdi.evaluate(spans) for relay, _given, spans in spans_here(facts, environ)}
    return {resource: alarm for resource, alarm in alarms.items() if alarm}


def _inspect(file: ConfigFile) -> list[Inspected]:
    """Inspect all devices of a file at once."""
    from berofos_agent.device.device import Device
    from berofos_agent.device.inspection import inspect_all
    from berofos_agent.doctor.findings import Inspected

    reports = inspect_all([Device(entry) for entry in file.entries], time.monotonic() + DEVICES_SECONDS)
    return [Inspected(file.path, report) for report in reports]


def _hints(facts: Facts) -> list[str]:
    """Return the commands for what cannot be checked from this node."""
    from berofos_agent.doctor.files import how_to_compare

    nodes = facts.cluster.members if facts.cluster else ()
    return [how_to_compare(file.path, nodes) for file in facts.files if len(nodes) > 1 and file.entries]


def as_text(
    findings: Sequence[Finding], hints: Sequence[str], facts: Facts, columns: int = 0, paint: Paint = plain
) -> str:
    """Return the findings as text; on a terminal with this many columns, wrapped between words.

    A command is never wrapped: it is there to be copied.
    """
    from berofos_agent.doctor.findings import Severity

    def wrapped(line: str) -> list[str]:
        if not columns:
            return [line]
        return textwrap.wrap(line, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)

    lines = []
    for finding in findings:
        problem = finding.problem
        line = f"{finding.check.severity.name}: {problem.subject} {problem.text}  [{finding.check.id}]"
        colour = "red" if finding.check.severity is Severity.ERROR else "yellow"
        lines += [paint(part, colour) for part in wrapped(line)]
        lines.append(f"    {problem.fix}")
    for hint in hints:
        lines += [*wrapped("bnfos.conf has to be the same on all nodes; to compare:"), f"    {hint}"]
    checked = [f"resource {relay.id}" for relay in facts.relays]
    checked += [f"{entry.name} of {file.path}" for file in facts.files for entry in file.entries]
    count = {0: "no findings", 1: "1 finding"}.get(len(findings), f"{len(findings)} findings")
    lines += wrapped(f"{count}; checked {', '.join(checked) or 'nothing'}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding], hints: Sequence[str], status: int) -> dict[str, Any]:
    """Return the findings as JSON data."""
    return {
        "status": status,
        "findings": [finding.as_json("mend") for finding in findings],
        "compare": list(hints),
    }
