"""The pages of docs/: each example is run by a test, each page is in the index, each table matches the code."""

from __future__ import annotations

import importlib
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest

from berofos_agent.commands.berofos import SUBCOMMANDS
from tests.examples import CHECKOUT, DOCS, examples, not_run, unmarked

TABLES: dict[str, Any] = runpy.run_path(str(CHECKOUT / "packaging" / "document_tables.py"))
PICTURES: dict[str, Any] = runpy.run_path(str(CHECKOUT / "packaging" / "pictures.py"))
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
TESTS = Path(__file__).parents[1]

RUNNERS = {
    page: "".join((TESTS / runner).read_text() for runner in runners.split())
    for page, runners in {
        "concepts.md": "root/test_docs_on_a_host.py",
        "installation.md": "root/test_docs_on_a_host.py cluster/machines/test_package.py",
        "migrating-from-xivo-berofos.md": "root/test_docs_on_a_host.py",
        "migrating-from-cron-watchdog.md": "root/test_docs_on_a_host.py cluster/machines/test_heartbeat_service.py",
        "doctor.md": "root/test_docs_on_a_host.py",
        "rehearsal.md": "root/test_docs_on_a_host.py",
        "troubleshooting.md": "cluster/test_documentation.py",
        "cluster-crm.md": "cluster/test_documentation.py",
        "alerts.md": "cluster/test_documentation.py",
        "cluster-pcs.md": "cluster/test_documentation.py",
        "drills.md": "cluster/test_documentation.py",
        "history.md": "cluster/test_history.py",
        "report.md": "cluster/test_history.py",
        "panel.md": "cluster/machines/test_panel_service.py cluster/machines/test_package.py",
        "quick-start.md": "cluster/test_quick_start.py cluster/machines/test_quick_start_from_nothing.py",
        "watchdog.md": "root/test_watchdog_page.py cluster/machines/test_heartbeat_service.py",
    }.items()
}
"""Where the examples of a page are run."""

UNRUN = {"alerts.md": 1, "cluster-crm.md": 1, "cluster-pcs.md": 1, "drills.md": 1, "panel.md": 2, "quick-start.md": 8}
"""How many blocks of ```sh in a page no test runs; docs/figures.md tells why."""


@pytest.mark.parametrize("page", PAGES)
def test_every_example_is_run_or_has_a_reason_why_not(page: str) -> None:
    assert unmarked(page) == []
    assert not examples(page) or page in RUNNERS
    for name in examples(page):
        assert f'"{name}"' in RUNNERS[page], f"{page}: no test runs {name}"


def test_what_no_test_runs_is_counted() -> None:
    unrun = {page: not_run(page) for page in PAGES}
    assert {page: len(reasons) for page, reasons in unrun.items() if reasons} == UNRUN


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_in_the_index(page: str) -> None:
    assert page == "index.md" or f"({page})" in (DOCS / "index.md").read_text()


@pytest.mark.parametrize("file", TABLES["TABLES"])
def test_the_tables_match_the_code(file: str) -> None:
    assert TABLES["up_to_date"](file) == (CHECKOUT / file).read_text(), "run `make metadata`"


@pytest.mark.parametrize("name", PICTURES["PICTURES"])
def test_the_pictures_match_the_drawing(name: str) -> None:
    made = PICTURES["text_of"](PICTURES["PICTURES"][name])
    assert made == (DOCS / "pictures" / f"{name}.svg").read_text(), "run `make pictures`"


def test_every_picture_is_shown_on_a_page_with_words_for_those_who_do_not_see_it() -> None:
    text = "".join((DOCS / page).read_text() for page in PAGES)
    shown = set(re.findall(r"!\[[^]]{20,}\]\(pictures/([\w-]+)\.svg\)", text))
    assert shown == set(PICTURES["PICTURES"]) == {path.stem for path in (DOCS / "pictures").iterdir()}


COMMANDS = sorted(
    {
        command.split("  #")[0].strip()
        for page in [CHECKOUT / "README.md", *DOCS.glob("*.md")]
        for command in re.findall(
            r"^(?:\$ )?berofos +([a-z-]+ ?[^\n|>&;]*)", page.read_text().replace("\\\n", ""), re.M
        )
    }
)
"""All `berofos` commands of the pages, including those that no test can run."""


def test_the_pages_have_commands() -> None:
    assert "switch b" in COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_pages_is_accepted_by_its_parser(command: str) -> None:
    name, *arguments = shlex.split(command)
    assert importlib.import_module(SUBCOMMANDS[name].module).parser().parse_args(arguments)


def test_every_page_that_a_message_names_exists() -> None:
    source = "".join(path.read_text() for path in (CHECKOUT / "berofos_agent").rglob("*.py"))
    named = set(re.findall(r"\bpage\(['\"]([^'\"]+)['\"]\)", source))
    assert "firmware.md" in named
    assert named <= set(PAGES)
    assert not re.search(r"""["'][^"'\n]*see docs/|\(docs/""", source), "a path that a host with the package has not"
