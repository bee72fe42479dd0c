"""The doctor's checks as the table in docs/doctor.md; run by `make metadata`, never by the doctor."""

from __future__ import annotations

import sys
from pathlib import Path

from berofos_agent.doctor.checks import CHECKS

BEGIN, END = "<!-- checks -->\n", "<!-- end of checks -->\n"


def table() -> str:
    """Return the table in Markdown, in the order of the checks."""
    rows = [f"| `{check.id}` | {check.severity.name.lower()} | {check.meaning} |" for check in CHECKS]
    return "\n".join(["| check | severity | it means |", "|---|---|---|", *rows]) + "\n"


def with_table(text: str) -> str:
    """Return a text with the table between its two marks as it should be; raise ValueError without the marks."""
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return text[:begin] + table() + text[end:]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_table(path.read_text()))
