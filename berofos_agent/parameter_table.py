"""The agent's parameters as the table in README.md; run by `make metadata`, never by the agent."""

from __future__ import annotations

import sys
from pathlib import Path

from berofos_agent.parameters import PARAMETERS

BEGIN, END = "<!-- parameters -->\n", "<!-- end of parameters -->\n"


def table() -> str:
    """Return the table in Markdown."""
    lines = ["| name | type | default | reloadable | meaning |", "|---|---|---|---|---|"]
    for one in PARAMETERS:
        kind = f"{one.type}, required" if one.required else one.type
        reloadable = "yes" if one.reloadable else "no"
        lines.append(f"| `{one.name}` | {kind} | {one.default or ''} | {reloadable} | {one.longdesc} |")
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """Return a text with the table between its two marks as it should be; raise ValueError without the marks."""
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return text[:begin] + table() + text[end:]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_table(path.read_text()))
