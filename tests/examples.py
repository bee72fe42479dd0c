"""The examples of the documentation, as they stand there.

A block of shell commands in docs/ has a mark in front: <!-- example: NAME --> for one that a test runs, or
<!-- not run here: WHY -->.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
DOCS = CHECKOUT / "docs"

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>example|not run here): (?P<text>[^\n]*) -->\n)?^```sh\n(?P<code>.*?)^```$", re.M | re.S
)


def examples(page: str) -> Mapping[str, str]:
    """Return the examples of a page by name."""
    found = _BLOCK.finditer((DOCS / page).read_text())
    return {block["text"]: block["code"] for block in found if block["mark"] == "example"}


def not_run(page: str) -> list[str]:
    """Return the reasons why blocks of a page are run by no test."""
    found = _BLOCK.finditer((DOCS / page).read_text())
    return [block["text"] for block in found if block["mark"] == "not run here"]


def unmarked(page: str) -> list[str]:
    """Return the blocks that say neither how they are tested nor why they are not."""
    return [block["code"] for block in _BLOCK.finditer((DOCS / page).read_text()) if not block["mark"]]


def write_commands(folder: Path) -> Path:
    """Write the checkout's commands into a folder, as a package would install them; return the folder."""
    folder.mkdir(exist_ok=True)
    for name, module in (
        ("berofos", "berofos_agent"),
        ("bnfos", "berofos_agent.commands.bnfos"),
        ("xivo-berofos", "berofos_agent.commands.xivo_berofos"),
    ):
        path = folder / name
        path.write_text(f'#!/bin/sh\nPYTHONPATH={CHECKOUT} exec /usr/bin/python3 -m {module} "$@"\n')
        path.chmod(0o755)
    return folder
