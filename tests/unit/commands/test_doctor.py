"""berofos doctor as a person or a program runs it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from berofos_agent.cluster import cib
from berofos_agent.commands.berofos import main
from berofos_agent.commands.doctor import as_text
from berofos_agent.doctor.findings import Facts
from tests import shown

CIBS = Path(__file__).parents[2] / "data" / "cib"


@pytest.fixture(autouse=True)
def without_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/rehearsal has the real one."""
    monkeypatch.setattr("berofos_agent.commands.doctor._rehearse", shown.rehearsed)


def test_a_clean_cluster_is_exit_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--cib", str(CIBS / "good-crm.xml")]) == 0
    assert capsys.readouterr().out == "no findings; checked resource relay\n"


@pytest.mark.parametrize(("name", "status"), [("no-failure-timeout.xml", 1), ("cloned.xml", 2)])
def test_warnings_are_1_and_errors_are_2(name: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--cib", str(CIBS / name)]) == status
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(("WARNING: relay", "ERROR: relay"))
    assert lines[1].startswith("    ")


def test_json_has_the_same_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--cib", str(CIBS / "no-failure-timeout.xml")]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == 1
    assert answer["findings"] == [
        {
            "check": "no-failure-timeout",
            "severity": "warning",
            "subject": "relay",
            "text": "has no failure-timeout: a failed start is not tried again",
            "mend": "crm_resource --resource relay --meta --set-parameter failure-timeout --parameter-value 60s",
        }
    ]


def test_a_file_that_is_not_a_cib_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cib.xml"
    path.write_text("<cib")
    assert main(["doctor", "--cib", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"berofos doctor: {path}: is not XML")
    assert printed.err.count("\n") == 1


@pytest.fixture
def cibadmin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for Pacemaker's command."""
    path = tmp_path / "bin" / "cibadmin"
    path.parent.mkdir()
    monkeypatch.setenv("PATH", str(path.parent) + os.pathsep + os.environ["PATH"])
    return path


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_by_default_the_running_cluster_is_checked(
    tmp_path: Path, cibadmin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script(cibadmin, f"cat {CIBS / 'good-crm.xml'}")
    script(cibadmin.with_name("crm_mon"), f"cat {CIBS.with_name('crm_mon') / '2.1' / 'node-stopped.xml'}")
    assert main(["doctor", "--config", str(tmp_path / "none.conf")]) == 2
    out = capsys.readouterr().out
    assert "[no-config]" in out
    assert "xivo-2 is OFFLINE: it cannot take over  [node-offline]" in out
    assert "not-judged]" not in out


def test_without_the_live_state_the_configuration_is_still_checked(
    tmp_path: Path, cibadmin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script(cibadmin, f"cat {CIBS / 'no-failure-timeout.xml'}")
    script(cibadmin.with_name("crm_mon"), "exit 102")
    assert main(["doctor", "--config", str(tmp_path / "none.conf")]) == 2
    out = capsys.readouterr().out
    assert out.startswith("ERROR: cluster has a live state that was not checked: the cluster is not running")
    assert "[no-failure-timeout]" in out


@pytest.mark.parametrize(
    ("answer", "words"), [("exit 102", "is not running on this host"), ("echo '<cib>'", "is not XML")]
)
def test_without_a_cluster_the_files_and_devices_are_still_checked(
    answer: str, words: str, tmp_path: Path, cibadmin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script(cibadmin, answer)
    assert main(["doctor", "--config", str(tmp_path / "none.conf")]) == 2
    out = capsys.readouterr().out
    assert out.startswith("ERROR: cluster was not checked: ")
    assert words in out.splitlines()[0]
    assert "[no-config]" in out


def test_a_hanging_cluster_is_given_up_after_the_time_limit(
    tmp_path: Path, cibadmin: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(cibadmin, "exec sleep 60")
    monkeypatch.setattr("berofos_agent.cluster.cib.QUERY_SECONDS", 0.1)
    assert main(["doctor", "--config", str(tmp_path / "none.conf")]) == 2
    assert "does not answer within 0.1 s" in capsys.readouterr().out


def test_on_a_terminal_findings_are_wrapped_between_words_and_commands_are_not() -> None:
    facts = Facts(cib.read_file(str(CIBS / "no-failure-timeout.xml")))
    text = as_text(shown.read(facts), [], facts, 40, lambda line, colour: f"<{colour}>{line}")
    assert text.splitlines()[:3] == [
        "<yellow>WARNING: relay has no failure-timeout: a",
        "<yellow>  failed start is not tried again",
        "<yellow>  [no-failure-timeout]",
    ]
    assert (
        "    crm_resource --resource relay --meta --set-parameter failure-timeout --parameter-value 60s"
        in text.splitlines()
    )
