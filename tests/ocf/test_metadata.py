"""The meta-data: what is committed is what the code declares, and it follows OCF 1.1."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lxml import etree

from berofos_agent import __version__
from berofos_agent.agent.metadata import build
from berofos_agent.agent.parameters import ACTIONS, PARAMETERS

from .conftest import AGENT

COMMITTED = Path(__file__).parents[2] / "metadata" / "berofos.xml"


def metadata() -> str:
    return subprocess.run([AGENT, "meta-data"], env={}, capture_output=True, text=True, check=True).stdout


def test_the_committed_file_is_what_the_code_declares() -> None:
    assert COMMITTED.read_text() == build(), "run `make metadata`"


def test_the_agent_prints_the_committed_file() -> None:
    assert metadata() == COMMITTED.read_text()


def test_what_the_readers_insist_on() -> None:
    text = metadata()
    assert text.isascii()
    assert text.startswith('<?xml version="1.0"?>\n'), "crmsh fails on an encoding here"
    root = etree.fromstring(text)
    assert root.get("version") == __version__
    assert root.findtext("version") == "1.1"


def test_every_parameter_and_action_is_there() -> None:
    root = etree.fromstring(metadata())
    assert [one.get("name") for one in root.iter("parameter")] == [one.name for one in PARAMETERS]
    assert [one.get("name") for one in root.iter("action")] == [one.name for one in ACTIONS]
    reloadable = {one.get("name") for one in root.iter("parameter") if one.get("reloadable") == "1"}
    assert reloadable == {one.name for one in PARAMETERS if one.reloadable}
    assert {one.get("unique-group") for one in root.iter("parameter")} == {None, "state"}


def test_loading_it_needs_no_library() -> None:
    loaded = subprocess.run(
        ["/usr/bin/python3", "-sE", "-X", "importtime", AGENT, "meta-data"],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.rpartition("|")[2].strip() for line in loaded.stderr.splitlines()}
    assert not names & {
        "ocf",
        "requests",
        "lxml",
        "lxml.etree",
        "socket",
        "json",
        "logging",
        "berofos_agent.agent.actions",
    }
