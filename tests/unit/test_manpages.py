"""The manual pages are made from the parsers and tables, and name every option, setting, parameter and status."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from berofos_agent.agent import decisions
from berofos_agent.agent.parameters import PARAMETERS
from berofos_agent.alert import main as alert
from berofos_agent.alert.delivery import Options
from berofos_agent.commands import xivo_berofos
from berofos_agent.commands.berofos import SUBCOMMANDS
from berofos_agent.commands.bnfos import options
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


PARSERS: dict[str, list[argparse.ArgumentParser]] = {
    "berofos": [importlib.import_module(row.module).parser() for row in SUBCOMMANDS.values()],
    "berofos-alert": [alert.parser()],
    "bnfos": [options.new_parser()],
    "xivo-berofos": [xivo_berofos.parser()],
}


@pytest.mark.parametrize("name", PARSERS)
def test_page_of_a_command_names_every_option(name: str) -> None:
    words = set(re.findall(r"[\w-]+", page(name)))
    actions = [action for parser in PARSERS[name] for action in parser._actions]
    assert {option for action in actions for option in action.option_strings} - words == set()
    assert "--version" in words


def test_bnfos_names_every_setting() -> None:
    text = page("bnfos")
    for name in SETTINGS:
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
