"""The command `berofos doctor`: says what is dangerous in the cluster, the files and the devices; changes nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from berofos_agent.config.bnfosconf import DEFAULT_PATH
from berofos_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from berofos_agent.doctor.findings import ConfigFile, Facts, Finding, Look

_DESCRIPTION = """\
Look at the cluster's configuration, at bnfos.conf and at the devices, and say
what is dangerous or will bite later: the worst first, each with the command
that mends it. Nothing is changed.
Exit status: 0 clean, 1 warnings, 2 errors (or wrong arguments)."""

_EXAMPLES = """\
examples:
  berofos doctor                    # this cluster, its bnfos.conf, its devices
  berofos doctor --json             # for programs
  berofos doctor --cib cib.xml      # what `cibadmin --query` printed elsewhere"""

DEVICES_SECONDS = 5.0

UNUSABLE = 2
"""What was to be judged could not be read, so nothing can be said for it."""


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
        print(as_text(findings, hints, facts))
    return int(status)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="berofos doctor",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--cib",
        metavar="FILE",
        help="judge this configuration instead of the running cluster; without --config, nothing else is judged",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"where the devices are declared (default: as the cluster says, {DEFAULT_PATH})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _gather(cib_path: str | None, config: str | None) -> Facts:
    from berofos_agent.cluster import cib, live
    from berofos_agent.doctor import files
    from berofos_agent.doctor.findings import Facts

    cluster, why_not = None, ""
    if cib_path:
        cluster = cib.read_file(cib_path)
    else:
        try:
            cluster = live.read()
        except ConfigurationError as exc:
            why_not = str(exc)
    named = [relay.parameters.get("config") or DEFAULT_PATH for relay in cluster.relays] if cluster else []
    paths = [config] if config else [] if cib_path else list(dict.fromkeys(named)) or [DEFAULT_PATH]
    configs = [files.look(path) for path in paths]
    looks = [look for file in configs for look in _ask(file)]
    facts = Facts(cluster, why_no_cluster=why_not, files=configs, looks=looks)
    if cib_path:
        return facts
    return replace(facts, has_arbiter=files.has_arbiter(), alarms=_alarms(facts, os.environ))


def _alarms(facts: Facts, environ: Mapping[str, str]) -> dict[str, str]:
    """Look at the spans of the resources whose lines are on this node; on the other they are in alarm by right."""
    from berofos_agent.agent import dahdi, node
    from berofos_agent.doctor.devices import owner_of

    watching = [(relay, given) for relay, given in facts.parsed if given.spans]
    alarms = {}
    for relay, given in watching:
        mode = node.relay_mode_for(node.this_node(environ), given.port_b_node, given.port_d_node)
        if mode in [look.report.mode for look in facts.looks if owner_of(facts, look) == given and look.report.mode]:
            alarms[relay.id] = dahdi.judge([dahdi.read(number, environ) for number in given.spans])
    return {resource: alarm for resource, alarm in alarms.items() if alarm}


def _ask(file: ConfigFile) -> list[Look]:
    """Ask all devices of a file at once."""
    from berofos_agent.device.device import Device
    from berofos_agent.device.inspection import Inspection, inspect
    from berofos_agent.device.parallel import run_on_all
    from berofos_agent.doctor.findings import Look

    devices = [Device(entry) for entry in file.entries]
    results = run_on_all(devices, inspect, time.monotonic() + DEVICES_SECONDS)
    reports = [one.value or Inspection(one.device.name, error=one.error, entry=one.device.entry) for one in results]
    return [Look(file.path, report) for report in reports]


def _hints(facts: Facts) -> list[str]:
    """What the doctor cannot see from here."""
    from berofos_agent.doctor.files import how_to_compare

    nodes = facts.cluster.members if facts.cluster else ()
    return [how_to_compare(file.path, nodes) for file in facts.files if len(nodes) > 1 and file.entries]


def as_text(findings: Sequence[Finding], hints: Sequence[str], facts: Facts) -> str:
    """Return the findings for a person."""
    lines = []
    for finding in findings:
        trouble = finding.trouble
        lines.append(f"{finding.check.severity.name}: {trouble.subject} {trouble.text}  [{finding.check.id}]")
        lines.append(f"    {trouble.mend}")
    lines += [f"bnfos.conf has to be the same on all nodes; to compare:\n    {hint}" for hint in hints]
    looked_at = [f"resource {relay.id}" for relay in facts.relays]
    looked_at += [f"{entry.name} of {file.path}" for file in facts.files for entry in file.entries]
    count = {0: "no findings", 1: "1 finding"}.get(len(findings), f"{len(findings)} findings")
    lines.append(f"{count}; looked at {', '.join(looked_at) or 'nothing'}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding], hints: Sequence[str], status: int) -> dict[str, Any]:
    """Return the findings for a program."""
    return {
        "status": status,
        "findings": [
            {
                "check": finding.check.id,
                "severity": finding.check.severity.name.lower(),
                "subject": finding.trouble.subject,
                "text": finding.trouble.text,
                "mend": finding.trouble.mend,
            }
            for finding in findings
        ],
        "compare": list(hints),
    }
