"""The table in README.md of what was tried where: filled from results of pytest, and only where there are some."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.examples import CHECKOUT

TRIED: dict[str, Any] = runpy.run_path(str(CHECKOUT / "packaging" / "tried.py"))

KEPT = "| Debian 13 | 3.0.0 | | | | 2 passed | | | | | | |"
README = f"before\n<!-- tried -->\n| Debian |\n|---|\n{KEPT}\n<!-- end of tried -->\nafter\n"

SCENARIOS = """\
<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1">
  <testcase name="killed"><properties>
    <property name="pacemaker" value="2.1.5"/><property name="corosync" value="3.1.7"/>
    <property name="systemd" value="252"/><property name="python" value="3.11.2"/>
    <property name="figure" value="active node killed, no fencing: lines on the survivor     3.40 s  (at most 4 s)"/>
  </properties></testcase>
  <testcase name="killed once more"><properties>
    <property name="figure" value="active node killed, no fencing: lines on the survivor     3.20 s  (at most 4 s)"/>
  </properties></testcase>
  <testcase name="fenced"><properties>
    <property name="figure" value="active node killed, with fencing and a delay of 5 s: back   8.45 s  (at most 10 s)"/>
  </properties></testcase>
  <testcase name="moved"><properties>
    <property name="figure" value="telephony moved by crm_resource --move: lines followed    0.42 s  (at most 1 s)"/>
  </properties></testcase>
</testsuite></testsuites>
"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "bookworm").mkdir()
    (tmp_path / "bookworm" / "scenarios.xml").write_text(SCENARIOS)
    return tmp_path


def test_a_release_with_results_has_a_row_with_versions_counts_and_seconds(results: Path) -> None:
    filled = TRIED["filled"](README, results)
    assert (
        "| Debian 12 | 2.1.5 | 3.1.7 | 252 | 3.11.2 |  |  | 2 passed, 2 failed, 1 skipped "
        "| 3.3 s, 3.4 s at worst of 2 | 8.4 s | 0.4 s |  |\n"
    ) in filled


def test_what_is_around_the_table_and_the_row_of_a_release_without_results_stay(results: Path) -> None:
    filled = TRIED["filled"](README, results)
    assert filled.startswith("before\n<!-- tried -->\n| Debian | Pacemaker | Corosync |")
    assert filled.endswith(f"{KEPT}\n<!-- end of tried -->\nafter\n")
    assert TRIED["filled"](filled, results) == filled


def test_readme_has_the_table() -> None:
    text = (CHECKOUT / "README.md").read_text()
    assert TRIED["filled"](text, Path("/nonexistent")) == text


def test_it_reads_the_names_of_the_figures_that_the_scenarios_measure() -> None:
    from tests.cluster.lab.scenes import FIGURES

    for start in TRIED["FIGURES"].values():
        assert any(what.startswith(start) for what, _limit in FIGURES.values())
