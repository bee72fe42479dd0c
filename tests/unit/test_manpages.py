"""The manual pages are made from the parsers, the tables and the meta-data; each names all there is to name."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from berofos_agent.agent.parameters import PARAMETERS
from berofos_agent.commands.bnfos.options import MODES, OPTIONS
from berofos_agent.device.settings import SETTINGS

ROOT = Path(__file__).parents[2]
MAKER: dict[str, Any] = runpy.run_path(str(ROOT / "packaging" / "manual_berofos.py"))


def printed_by(maker: str) -> str:
    """Return a page, without the marks of roff that may stand within a word."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        [sys.executable, f"packaging/{maker}"], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    return made.stdout.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "")


@pytest.mark.parametrize("page", MAKER["PAGES"], ids=lambda page: page.name)
def test_page_of_a_command(page: Any) -> None:
    text = MAKER["text_of"](page)
    assert text.startswith(".TH")
    assert ".SH SYNOPSIS" in text
    assert "exit" in text.lower()


def test_every_exit_status_is_explained() -> None:
    assert MAKER["unexplained"]() == set()


def test_bnfos_names_every_mode_option_and_setting() -> None:
    text = printed_by("manual_bnfos.py")
    for name in (*MODES, *OPTIONS, *SETTINGS):
        assert str(name) in text, name


def test_agent_names_every_parameter() -> None:
    text = printed_by("manual_agent.py")
    for parameter in PARAMETERS:
        assert parameter.name in text
        assert parameter.longdesc.split(";")[0].split(".")[0] in text
