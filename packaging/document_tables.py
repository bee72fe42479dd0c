"""Brings the tables in README.md and docs/ up to date with the code: python3 packaging/document_tables.py."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from berofos_agent.agent.parameters import PARAMETERS
from berofos_agent.doctor.checks import CHECKS
from berofos_agent.panel.metrics import METRICS
from berofos_agent.sentences import SENTENCES

ROOT = Path(__file__).parents[1]


def parameters() -> str:
    """Return the agent's parameters."""
    rows = (
        f"| `{one.name}` | {one.type}{', required' if one.required else ''} | {one.default or ''} | "
        f"{'yes' if one.reloadable else 'no'} | {one.longdesc} |"
        for one in PARAMETERS
    )
    return _table("| name | type | default | reloadable | meaning |", rows)


def checks() -> str:
    """Return the doctor's checks, in their order."""
    meanings = ((check, (check.evaluate.__doc__ or "").splitlines()[0].rstrip(".")) for check in CHECKS)
    rows = (f"| `{check.id}` | {check.severity.name.lower()} | {meaning} |" for check, meaning in meanings)
    return _table("| check | severity | it means |", rows)


def metrics() -> str:
    """Return the metrics for Prometheus."""
    rows = (f"| `{one.shown_name}` | {', '.join(one.labels)} | {one.meaning} |" for one in METRICS)
    return _table("| metric | labels | meaning |", rows)


def alerts() -> str:
    """Return the sentences of the alert agent and of the heartbeat."""
    rows = (f"| {severity.value} | {_readable(text)} |" for severity, text in SENTENCES.values())
    return _table("| severity | sentence |", rows)


def _readable(text: str) -> str:
    return re.sub(r"\{(\w+)\}", r"*\1*", text).replace("|", "\\|")


TABLES = {"README.md": parameters, "docs/doctor.md": checks, "docs/metrics.md": metrics, "docs/alerts.md": alerts}
"""By file, what stands there between <!-- NAME --> and <!-- end of NAME -->, NAME being the function's."""


def up_to_date(file: str) -> str:
    """Return a file's text with its table as it should be; raise ValueError without the marks."""
    table = TABLES[file]
    text = (ROOT / file).read_text(encoding="utf-8")
    begin_mark, end_mark = f"<!-- {table.__name__} -->\n", f"<!-- end of {table.__name__} -->\n"
    begin, end = text.index(begin_mark) + len(begin_mark), text.index(end_mark)
    return text[:begin] + table() + text[end:]


def _table(head: str, rows: Iterable[str]) -> str:
    return "\n".join([head, "|---" * (head.count("|") - 1) + "|", *rows]) + "\n"


if __name__ == "__main__":
    for name in TABLES:
        (ROOT / name).write_text(up_to_date(name), encoding="utf-8")
