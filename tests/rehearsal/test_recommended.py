"""Every recommended configuration through all single faults and a few pairs; `make rehearsal` takes all pairs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from berofos_agent.cluster import cib
from berofos_agent.doctor.findings import Facts
from tests.shown import read

from . import __main__
from .__main__ import rehearsed
from .recommended import Recommended, all_of_them

PAIRS, SEED = 2, 1


@pytest.mark.parametrize("name", [one.name for one in all_of_them()])
def test_no_fault_does_what_it_must_not(name: str) -> None:
    situations, runs, wrong = rehearsed(name, PAIRS, SEED)
    assert wrong == []
    assert situations > 15
    assert runs > situations


@pytest.mark.parametrize("one", list(all_of_them()), ids=lambda one: one.name)
def test_where_the_scheduler_shows_nothing_wrong_the_doctor_reads_nothing_wrong(one: Recommended) -> None:
    assert read(Facts(one.cluster, quorum_device="heuristics" if one.has_quorum_device else "")) == []


def test_what_is_wrong_in_a_pair_is_found_and_printed_as_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = next(one for one in all_of_them() if one.name == "two-nodes-primitive-one-device")
    tree = etree.fromstring(etree.tostring(good.cluster.tree))
    del tree.xpath("//primitive[@id='relay']//op[@name='stop']")[0].attrib["on-fail"]
    planted = replace(good, name="planted", cluster=cib.parse(etree.tostring(tree), "planted"))
    monkeypatch.setattr(__main__, "all_of_them", lambda: [planted])
    monkeypatch.chdir(tmp_path)
    _situations, _runs, wrong = rehearsed("planted", None, SEED, "active-standby")
    told, command = wrong[0].splitlines()
    assert told == "xivo-1: active-standby, then relay-stop-fails: telephony-disturbed, fenced"
    asked = subprocess.run(command.split(), capture_output=True, text=True, check=True)
    assert "Transition Summary" in asked.stdout


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "tests.rehearsal", "--only", "pbx-primitive", "--sample", "1", "--seed", "1"]
    root = str(Path(__file__).parents[2])

    def told() -> list[str]:
        done = subprocess.run(
            run, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode().splitlines()

    first = told()
    assert first[1] == "0 of 17 parts were done before"
    (progress,) = (tmp_path / "build" / "rehearsal").iterdir()
    lines = progress.read_text().splitlines(keepends=True)
    progress.write_text("".join(lines[:10]))
    second = told()
    assert second[1] == "10 of 17 parts were done before"
    assert len(second) == 3 + 7
    assert second[-1].split(",")[0] == first[-1].split(",")[0]
