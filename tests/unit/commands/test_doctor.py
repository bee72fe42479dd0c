"""berofos doctor as a person or a program runs it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from berofos_agent.commands.berofos import main

CIBS = Path(__file__).parents[2] / "data" / "cib"


def test_a_clean_cluster_is_exit_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--cib", str(CIBS / "good-crm.xml")]) == 0
    assert capsys.readouterr().out == "no findings; looked at resource relay\n"


@pytest.mark.parametrize(("name", "status"), [("no-failure-timeout.xml", 1), ("cloned.xml", 2)])
def test_warnings_are_1_and_errors_are_2(name: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--cib", str(CIBS / name)]) == status
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(("WARNING: relay", "ERROR: relay"))
    assert lines[1].startswith("    ")


def test_json_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--cib", str(CIBS / "no-failure-timeout.xml")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == 1
    assert told["findings"] == [
        {
            "check": "no-failure-timeout",
            "severity": "warning",
            "subject": "relay",
            "text": "has no failure-timeout: a start that failed is never tried again",
            "mend": "crm_resource --resource relay --meta --set-parameter failure-timeout --parameter-value 60s",
        }
    ]


def test_a_file_that_is_no_cib_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cib.xml"
    path.write_text("<cib")
    assert main(["doctor", "--cib", str(path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"berofos doctor: {path}: is no XML")
    assert told.err.count("\n") == 1


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


def test_the_running_cluster_is_asked(tmp_path: Path, cibadmin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(cibadmin, f"cat {CIBS / 'good-crm.xml'}")
    assert main(["doctor", "--config", str(tmp_path / "none.conf")]) == 2
    out = capsys.readouterr().out
    assert "[no-config]" in out
    assert "[not-judged]" not in out


@pytest.mark.parametrize(
    ("answer", "words"), [("exit 102", "is not running on this host"), ("echo '<cib>'", "is no XML")]
)
def test_without_a_cluster_it_says_so_in_one_line_and_goes_on(
    answer: str, words: str, tmp_path: Path, cibadmin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script(cibadmin, answer)
    assert main(["doctor", "--config", str(tmp_path / "none.conf")]) == 2
    out = capsys.readouterr().out
    assert out.startswith("ERROR: cluster was not judged: ")
    assert words in out.splitlines()[0]
    assert "[no-config]" in out


def test_a_cluster_that_hangs_is_not_waited_for(
    tmp_path: Path, cibadmin: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(cibadmin, "exec sleep 60")
    monkeypatch.setattr("berofos_agent.cluster.live.QUERY_SECONDS", 0.1)
    assert main(["doctor", "--config", str(tmp_path / "none.conf")]) == 2
    assert "does not answer within 0.1 s" in capsys.readouterr().out
