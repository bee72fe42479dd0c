"""The manual pages are made from the parsers and tables, and name every option, setting, parameter and status."""

from __future__ import annotations

import dataclasses
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from berofos_agent.agent import decisions
from berofos_agent.agent.parameters import PARAMETERS
from berofos_agent.alert.delivery import Options
from berofos_agent.commands.bnfos.options import MODES, OPTIONS
from berofos_agent.config import bnfosconf
from berofos_agent.device.settings import SETTINGS

ROOT = Path(__file__).parents[2]
MAKER: dict[str, Any] = runpy.run_path(str(ROOT / "packaging" / "manual.py"))


def page(name: str) -> str:
    """Return a page, without the roff that may stand within a word."""
    found = next(one for one in MAKER["PAGES"] if one.name == name)
    text: str = MAKER["text_of"](found)
    return re.sub(r"\\f[BIR]|\\&", "", text).replace("\\-", "-")


@pytest.mark.parametrize("name", [one.name for one in MAKER["PAGES"]])
def test_page_has_its_head_and_synopsis(name: str) -> None:
    text = page(name)
    assert text.startswith(f".TH {name.upper()} ")
    assert ".SH SYNOPSIS" in text


def test_the_maker_writes_all_pages(tmp_path: Path) -> None:
    maker = [sys.executable, str(ROOT / "packaging" / "manual.py"), str(tmp_path)]
    subprocess.run(maker, env={"PYTHONPATH": str(ROOT)}, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        "berofos.8",
        "berofos-alert.8",
        "bnfos.8",
        "xivo-berofos.8",
        "bnfos.conf.5",
        "ocf_xivo_berofos.7",
    }


def test_every_exit_status_is_explained() -> None:
    assert MAKER["unexplained"]() == set()


def test_bnfos_names_every_mode_option_and_setting() -> None:
    text = page("bnfos")
    for name in (*(f"--{mode}" for mode in MODES), *(f"-{letter}" for letter in OPTIONS), *SETTINGS):
        assert name in text, name


def test_the_alert_agent_names_what_an_alert_can_set_and_every_status() -> None:
    text = page("berofos-alert")
    options = {field.name for field in dataclasses.fields(Options)} - {"path"}
    for name in (*options, "folder", "--to", *(f".TP\n{status}\n" for status in (0, 1, 2))):
        assert name in text, name


def test_agent_names_every_parameter() -> None:
    text = page("ocf_xivo_berofos")
    for parameter in PARAMETERS:
        assert parameter.name in text
        assert parameter.longdesc in text


def test_agent_explains_every_exit_code_it_has() -> None:
    rows = decisions.EXIT_CODE.values()
    codes = {code for row in rows for code in (row.code, row.start) if code is not None}
    assert codes <= set(MAKER["AGENT_EXIT_STATUS"])


def test_bnfos_conf_explains_every_key() -> None:
    assert set(MAKER["KEYS"]) == set(bnfosconf.KEYS)
