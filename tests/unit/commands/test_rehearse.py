"""berofos rehearse and berofos drill where nothing can be asked; tests/rehearsal and tests/cluster have the rest."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from berofos_agent.cluster.rehearsal import APART, Outcome, Row
from berofos_agent.commands.berofos import main
from berofos_agent.commands.rehearse import as_json, as_text
from berofos_agent.doctor.checks import CHECKS
from berofos_agent.doctor.findings import Finding, Problem

CIBS = Path(__file__).parents[2] / "data" / "cib"
NOT_COLOCATED = next(check for check in CHECKS if check.id == "not-colocated")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs that stand in for Pacemaker's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("cib", "words"), [("<cib", "is not XML"), ("<other/>", "is not a CIB")], ids=["unreadable", "foreign"]
)
def test_a_file_that_is_not_a_cib_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cib: str, words: str
) -> None:
    path = tmp_path / "cib.xml"
    path.write_text(cib)
    assert main(["rehearse", "--cib", str(path)]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert words in printed.err
    assert printed.err.count("\n") == 1


def test_a_cluster_without_a_relay_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", "--cib", str(CIBS / "no-relay.xml")]) == 3
    assert capsys.readouterr().err.startswith("berofos rehearse: the cluster has no resource ocf:xivo:berofos")


@pytest.mark.parametrize("command", [["rehearse"], ["rehearse", "--json"], ["drill"], ["drill", "--yes"]])
def test_without_a_cluster_it_is_one_line(tools: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    program(tools, "cibadmin", "exit 102")
    assert main(command) == 3
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (
        "",
        f"berofos {command[0]}: the cluster is not running on this host; run this on a cluster node\n",
    )


def test_a_scheduler_that_crashes_is_one_line_and_no_table(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(tools, "crm_simulate", "kill -ABRT $$")
    assert main(["rehearse", "--cib", str(CIBS / "good-crm.xml")]) == 3
    assert capsys.readouterr() == (
        "",
        "berofos rehearse: crm_simulate crashed (signal 6); check the CIB with crm_verify\n",
    )


def test_the_doctor_says_that_it_could_not_ask_the_scheduler(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(tools, "crm_simulate", "kill -ABRT $$")
    assert main(["doctor", "--json", "--cib", str(CIBS / "good-crm.xml")]) == 2
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["check"] == "not-judged"
    assert "crm_simulate crashed (signal 6)" in finding["text"]


def test_without_a_scheduler_the_doctor_judges_no_behaviour_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("berofos_agent.cluster.scheduler.find", lambda _program: None)
    assert main(["doctor", "--cib", str(CIBS / "critical--by-default.xml")]) == 2
    first, _fix, *others = capsys.readouterr().out.splitlines()
    assert first == (
        "ERROR: cluster was not rehearsed: there is no crm_simulate on this host; install pacemaker-cli-utils  "
        "[not-judged]"
    )
    assert others == ["1 finding; checked resource relay"]


ROWS = [
    Row("relay", "xivo", "xivo-1", "active-dies", "xivo-1 dies", Outcome(fenced=["xivo-1"]), []),
    Row("relay", "xivo", "xivo-1", "telephony-moved", "xivo is moved", Outcome(["a"], ["b"], ["a"]), [APART]),
]
FINDINGS = [Finding(NOT_COLOCATED, Problem("relay", "is not colocated", "colocate it"))]


def test_the_table_names_the_reason_of_each_wrong_row_and_its_fix() -> None:
    lines = as_text(ROWS, FINDINGS).splitlines()
    assert lines[0] == "relay, telephony on xivo-1:"
    assert lines[2].split() == ["xivo-1", "dies", "-", "-", "xivo-1", "ok"]
    assert lines[3].split()[-4:] == ["a", "-", "WRONG:", "not-colocated"]
    assert lines[5:] == [
        "ERROR: relay is not colocated",
        "    colocate it",
        "    not-colocated: the relay is not where telephony is",
        "2 situations, 1 wrong",
    ]
    assert max(map(len, lines)) <= 80


def test_json_has_the_same_rows() -> None:
    told = as_json(ROWS, FINDINGS, 2)
    assert told["status"] == 2
    assert [row["if"] for row in told["rows"]] == ["xivo-1 dies", "xivo is moved"]
    assert told["rows"][1]["wrong"] == [
        {"violation": "relay-apart", "text": "the relay is not where telephony is", "checks": ["not-colocated"]}
    ]
    assert told["findings"][0]["fix"] == "colocate it"
