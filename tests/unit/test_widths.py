"""No example is wider than the 80 columns of a terminal: on the pages, in the manual pages, in the help."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MAKER: dict[str, Any] = runpy.run_path(str(ROOT / "packaging" / "manual.py"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COLUMNS = 80
CRON = re.compile(r"[*0-9]\S* \S+ \S+ \S+ \S+ root ")
"""A line of a crontab cannot be broken."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_a_page(page: Path) -> None:
    blocks = re.findall(r"^```.*?\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert [line for line in lines if len(line) > COLUMNS and not CRON.match(line)] == []


def test_the_example_of_bnfos_conf() -> None:
    assert max(map(len, (ROOT / "docs" / "examples" / "bnfos.conf").read_text().splitlines())) <= COLUMNS


@pytest.mark.parametrize("page", MAKER["PAGES"], ids=lambda page: page.name)
def test_lines_that_a_manual_page_keeps(page: Any) -> None:
    text = re.sub(r"\\f[BIR]|\\&", "", MAKER["text_of"](page))
    for written, shown in (("\\-", "-"), ("\\e", "/"), ("\\(ga", "`"), ("\\(aq", "'"), ("\\(dq", '"')):
        text = text.replace(written, shown)
    kept = re.findall(r"^\.nf\n(\.in 0\n)?(.*?)^(?:\.in\n)?\.fi$", text, re.MULTILINE | re.DOTALL)
    assert kept or page.section != 8
    for at_the_edge, lines in kept:
        width = COLUMNS if at_the_edge else MAKER["WIDTH"]
        assert [line for line in lines.splitlines() if len(line) > width] == []
