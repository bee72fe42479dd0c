"""The command `berofos rehearse`: asks Pacemaker's scheduler what the cluster would do, and prints one table."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable

from berofos_agent.commands import commandline

if TYPE_CHECKING:
    from berofos_agent.cluster.rehearsal import Row
    from berofos_agent.doctor.findings import Finding

PROG = "berofos rehearse"

_DESCRIPTION = """\
Ask Pacemaker's scheduler (crm_simulate) what the cluster would do in each
situation, and list what would go wrong, with the command that fixes it.
Nothing is changed. Exit status: 0 all as it should be, 1 warnings, 2 errors
(or wrong arguments), 3 the scheduler or the configuration cannot be used."""

_EXAMPLES = """\
examples:
  berofos rehearse                    # this cluster
  berofos rehearse --cib cib.xml      # the output of `cibadmin --query`
  berofos rehearse --json             # for programs"""

BAR_AFTER_SECONDS = 1.0

_NODES = ("telephony_at", "lines_at", "fenced", "telephony_later", "lines_later")
_HEAD = ("if", "telephony", "lines", "fenced", "judged")


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raise ConfigurationError if nothing can be asked."""
    arguments = parser().parse_args(argv)
    with _progress() as progress:
        rows, findings = ask(arguments.cib, progress)
    status = max((int(finding.check.severity) for finding in findings), default=0)
    if arguments.json:
        print(json.dumps(as_json(rows, findings, status), indent=2))
    else:
        print(as_text(rows, findings))
    return status


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.Parser(
        prog=PROG,
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "--cib", type=commandline.path, metavar="FILE", help="ask about this CIB instead of the running cluster"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def ask(
    cib_path: str | None, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> tuple[list[Row], list[Finding]]:
    """Return what the scheduler would do, and what is wrong with it; raise ConfigurationError."""
    from berofos_agent.cluster import cib
    from berofos_agent.cluster.rehearsal import rehearse
    from berofos_agent.cluster.scheduler import Scheduler
    from berofos_agent.doctor import files
    from berofos_agent.doctor.checks import examine, explains
    from berofos_agent.doctor.findings import Facts
    from berofos_agent.errors import ConfigurationError

    cluster = cib.read_file(cib_path) if cib_path else cib.read_live()
    if not cluster.relays:
        raise ConfigurationError("the cluster has no resource ocf:xivo:berofos; see berofos cluster-config --help")
    quorum_device = "" if cib_path else files.quorum_device()
    rows = rehearse(cluster, Scheduler(), bool(quorum_device), progress)
    findings = examine(Facts(cluster, quorum_device=quorum_device, rows=rows))
    wrong = [(row, violation) for row in rows for violation in row.violations]
    shown = [
        one for one in findings if one.check.id == "rehearsal" or any(explains(one, row, each) for row, each in wrong)
    ]
    return rows, shown


def as_text(rows: Sequence[Row], findings: Sequence[Finding]) -> str:
    """Return a table for each node that can have telephony, and below it what is wrong."""
    cells = [
        (row.text, _nodes(row.outcome.telephony_at), _nodes(row.outcome.lines_at), _nodes(row.outcome.fenced))
        for row in rows
    ]
    widths = [max(map(len, (head, *column))) for head, column in zip(_HEAD, zip(*cells))]
    lines: list[str] = []
    numbered = zip(rows, cells)
    for (relay, active), group in itertools.groupby(numbered, key=lambda one: (one[0].relay, one[0].active)):
        lines.append(f"{relay}, telephony on {active}:" if active else f"{relay}:")
        lines.append("  " + _line(_HEAD, widths))
        lines += ["  " + _line((*cell, _judged(row, findings)), widths) for row, cell in group]
        lines.append("")
    for finding in findings:
        lines.append(f"{finding.check.severity.name}: {finding.problem.subject} {finding.problem.text}")
        lines.append(f"    {finding.problem.fix}")
        lines += [f"    {finding.check.id}: {text}" for text in _consequences(finding, rows)]
    wrong = sum(1 for row in rows if row.violations)
    lines.append(f"{len(rows)} situations, {wrong} wrong")
    return "\n".join(lines)


def as_json(rows: Sequence[Row], findings: Sequence[Finding], status: int) -> dict[str, Any]:
    """Return the table as JSON data."""
    from berofos_agent.cluster.rehearsal import VIOLATIONS

    return {
        "status": status,
        "rows": [
            {
                **{name: getattr(row, name) for name in ("relay", "telephony", "active", "situation")},
                "if": row.text,
                **{name: list(getattr(row.outcome, name)) for name in _NODES},
                "wrong": [
                    {"violation": one, "text": VIOLATIONS[one], "checks": _causes(row, one, findings)}
                    for one in row.violations
                ],
            }
            for row in rows
        ],
        "findings": [finding.as_json() for finding in findings],
    }


def _nodes(names: Sequence[str]) -> str:
    return ", ".join(names) or "-"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join([*(f"{cell:{width}}" for cell, width in zip(cells, widths)), cells[-1]])


def _judged(row: Row, findings: Sequence[Finding]) -> str:
    causes = dict.fromkeys(cause for one in row.violations for cause in _causes(row, one, findings)[:1])
    return f"WRONG: {', '.join(causes)}" if causes else "ok"


def _causes(row: Row, violation: str, findings: Sequence[Finding]) -> list[str]:
    from berofos_agent.doctor.checks import explains

    return [one.check.id for one in findings if explains(one, row, violation)] or ["rehearsal"]


def _consequences(finding: Finding, rows: Sequence[Row]) -> list[str]:
    from berofos_agent.cluster.rehearsal import VIOLATIONS

    found = [one for row in rows for one in row.violations if finding.check.id in _causes(row, one, [finding])[:1]]
    return [VIOLATIONS[one] for one in dict.fromkeys(found)]


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield what shows the situations asked so far: a bar on a terminal if it takes long and tqdm is installed."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda _done, _all: None
        return
    began = time.monotonic()
    with tqdm(unit=" situations", leave=False, delay=BAR_AFTER_SECONDS) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            if time.monotonic() - began > BAR_AFTER_SECONDS:
                bar.update(done - bar.n)

        yield show
