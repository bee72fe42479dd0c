"""Where events are read: rotated, compressed, cut, damaged, huge and forbidden files, and the other node's history."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from berofos_agent.history import logs
from berofos_agent.history.events import SWITCH
from berofos_agent.history.logs import Findings

LINE = (
    "2026-11-25T02:07:5{0}.000001+00:00 xivo-1 berofos(relay)[177]: "
    "fos{0}: switched from A-D to A-B: start on xivo-1, 9 ms\n"
)


@pytest.fixture
def found() -> Findings:
    return Findings(datetime(2020, 1, 1, tzinfo=timezone.utc), datetime(2030, 1, 1, tzinfo=timezone.utc))


def devices(found: Findings) -> list[str]:
    return [event.device for event in found.events]


def test_a_log_is_read_with_its_rotated_files_the_oldest_first(
    found: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "syslog"
    for age, (name, data) in enumerate(
        {
            "syslog": LINE.format(5).encode(),
            "syslog.1": LINE.format(4).encode(),
            "syslog.2.gz": gzip.compress(LINE.format(3).encode()),
            "syslog-20261101.xz": lzma.compress(LINE.format(2).encode()),
            "syslog.3.bz2": bz2.compress(LINE.format(1).encode()),
        }.items()
    ):
        path = tmp_path / name
        path.write_bytes(data)
        written = datetime(2026, 11, 25, tzinfo=timezone.utc) - timedelta(days=age)
        os.utime(path, (written.timestamp(), written.timestamp()))
    (tmp_path / "syslog.conf").write_text(LINE.format(9))
    monkeypatch.setattr(logs, "LOGS", (str(base),))
    monkeypatch.setattr(logs, "JOURNALS", ())
    logs.read_all(found)
    assert devices(found) == ["fos1", "fos2", "fos3", "fos4", "fos5"]
    assert [Path(event.source).name for event in found.events][::4] == ["syslog.3.bz2", "syslog"]
    assert {event.line for event in found.events} == {1}

    late = Findings(datetime(2026, 11, 24, 12, tzinfo=timezone.utc), found.until)
    logs.read_all(late)
    assert [Path(name).name for name in late.sources] == ["syslog"], "what was written before is not opened"


def test_what_is_cut_or_no_text_is_passed_over_and_the_rest_is_read(found: Findings, tmp_path: Path) -> None:
    path = tmp_path / "syslog"
    junk = b"\x00\xff\x1b[2J berofos \x00" * 100
    cut = LINE.format(8).encode()[:60]
    path.write_bytes(b"".join([LINE.format(1).encode(), junk, b"\n", cut, b"\n", LINE.format(2).encode(), cut]))
    logs.read_file(str(path), found)
    assert [(event.device, event.line) for event in found.events] == [("fos1", 1), ("fos2", 4)]
    assert found.problems == []


def test_of_a_long_line_only_the_beginning_is_taken(found: Findings, tmp_path: Path) -> None:
    path = tmp_path / "syslog"
    path.write_text("x" * 3 * logs.LONGEST_LINE + LINE.format(8) + LINE.format(1))
    logs.read_file(str(path), found)
    assert [(event.device, event.line) for event in found.events] == [("fos1", 2)]


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2"])
def test_a_damaged_archive_is_read_as_far_as_it_goes_and_named(found: Findings, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"syslog.2{suffix}"
    data = io.BytesIO()
    with {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}[suffix](data, "wb") as file:  # type: ignore[operator]
        file.write(LINE.format(1).encode() + os.urandom(300_000))
    path.write_bytes(data.getvalue()[:200_000])
    logs.read_file(str(path), found)
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{path}: is damaged: ")
    path.write_bytes(b"not compressed at all")
    logs.read_file(str(path), found)
    assert len(found.problems) == 2


def test_what_may_not_be_read_is_one_line(found: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.read_file(str(tmp_path), found)
    path = tmp_path / "syslog"
    path.write_text(LINE.format(1))

    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    logs.read_file(str(path), found)
    assert found.problems == [f"{tmp_path}: Is a directory", f"{path}: Permission denied; run as root"]


def test_of_too_many_events_the_latest_are_kept_and_the_others_counted(found: Findings, tmp_path: Path) -> None:
    path = tmp_path / "syslog"
    path.write_text(LINE.format(1) * 3 + LINE.format(2) * logs.MOST_EVENTS)
    logs.read_file(str(path), found)
    assert set(devices(found)) == {"fos2"}
    assert found.left_out == 3


def test_of_too_many_events_the_latest_are_kept_whichever_file_is_read_last(found: Findings, tmp_path: Path) -> None:
    night, week = tmp_path / "night", tmp_path / "week"
    night.write_text(LINE.format(9))
    week.write_text((LINE.format(1) + LINE.format(2)) * logs.MOST_EVENTS)
    logs.read_file(str(night), found)
    logs.read_file(str(week), found)
    assert devices(found)[-1] == "fos9"
    assert (len(found.events), found.left_out) == (logs.MOST_EVENTS, logs.MOST_EVENTS + 1)


def test_the_history_of_another_node_comes_as_json(found: Findings, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(LINE.format(1))
    logs.read_file(str(path), found)
    (event,) = found.events
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"events": [logs.as_json(event)]}, indent=2))
    again = Findings(found.since, found.until)
    logs.read_file(str(other), again)
    assert list(again.events) == [event]
    assert event.kind == SWITCH


@pytest.mark.parametrize(
    "text",
    [
        "{\n",
        '{\n"events": 3}',
        '{\n"events": [3]}',
        '{\n"events": [{"at": "2026-11-25T02:00:00+00:00"}]}',
        '{\n"events": [{"at": 5, "node": "a", "kind": "switch", "text": "a", "source": "a"}]}',
        '{\n"events": [{"at": "2026-11-25", "node": "a", "kind": "switch", "text": "a", "source": "a"}]}',
        '{\n"events": [{"at": "2026-11-25T02:00:00+00:00", "node": "a", "kind": "a", "text": "a", '
        '"source": "a", "line": "x"}]}',
        *(
            '{\n"events": [{"at": "2026-11-25T02:00:00+00:00", "node": "a", "kind": "cause", "text": "a", '
            f'"source": "a", "seconds": {seconds}}}]}}'
            for seconds in ("NaN", "Infinity", "1e300", "1" + "0" * 30)
        ),
        "{\n" + "[" * 100_000,
    ],
)
def test_json_that_is_no_history_is_one_line(found: Findings, tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    logs.read_file(str(path), found)
    assert found.problems == [f"{path}: is not a whole history; make it with berofos history --json"]


def test_the_journal_is_asked_for_our_programs_and_the_clusters(
    found: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {
        "__REALTIME_TIMESTAMP": "1795572477123456",
        "_HOSTNAME": "xivo-1",
        "SYSLOG_IDENTIFIER": "berofos(relay)",
        "MESSAGE": "fos1: switched from A-D to A-B: start on xivo-1, 9 ms",
    }
    program = tmp_path / "journalctl"
    (tmp_path / "entries").write_text(
        "\n".join(json.dumps(one) for one in (entry, {**entry, "MESSAGE": [1, 2]}, {}, [])) + '\n{"cut'
    )
    program.write_text(
        f'#!/bin/sh\ncase "$*" in\n*--field=*) printf "sshd\\nberofos(relay)\\npacemaker-controld\\n" ;;\n'
        f'*"--identifier=berofos(relay) --identifier=pacemaker-controld"*) cat {tmp_path}/entries ;;\nesac\n'
    )
    program.chmod(0o755)
    (tmp_path / "journal" / "machine").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(logs, "JOURNALS", (str(tmp_path / "journal"),))
    monkeypatch.setattr(logs, "_machine_id", lambda: "machine")
    logs.read_journal(found)
    assert [(event.device, event.node, event.at.microsecond) for event in found.events] == [("fos1", "xivo-1", 123456)]
    assert found.sources == ["journal"]
    assert found.problems == []


def test_a_journal_that_hangs_is_one_line(found: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "journalctl"
    program.write_text('#!/bin/sh\ncase "$*" in\n*--field=*) echo "berofos(relay)" ;;\n*) exec sleep 600 ;;\nesac\n')
    program.chmod(0o755)
    (tmp_path / "journal" / "machine").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(logs, "JOURNALS", (str(tmp_path / "journal"),))
    monkeypatch.setattr(logs, "_machine_id", lambda: "machine")
    monkeypatch.setattr(logs, "JOURNAL_SECONDS", 0.3)
    logs.read_journal(found)
    assert found.problems == ["journal: not read to its end within 0.3 s; use --since"]


def test_the_kick_daemons_report_says_when_a_kick_was_answered_last(found: Findings, tmp_path: Path) -> None:
    up = logs.clock()
    (tmp_path / "berofos-relay.state.kicks").write_text(
        f"at {up:.3f} 17\nfos1 {up - 60:.3f} 4\nfos2 0.000 3\nfos3 0.0 0\n"
    )
    logs.read_kicks(found, str(tmp_path))
    fos1, fos2 = found.events
    assert fos1.text == "fos1: last answered a kick; 4 kicks since were not answered"
    assert abs(datetime.now().astimezone() - fos1.at - timedelta(seconds=60)) < timedelta(seconds=30)
    assert fos2.text == "fos2: has not answered a kick; 3 kicks since were not answered"


_MEASURED = """
import resource, sys
from datetime import datetime, timezone
from berofos_agent.history import logs
found = logs.Findings(datetime(2020, 1, 1, tzinfo=timezone.utc), datetime(2030, 1, 1, tzinfo=timezone.utc))
logs.read_file(sys.argv[1], found)
print(len(found.events), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(path: Path) -> tuple[int, int]:
    """Read a log in a process of its own; return the number of events, and the most KiB of memory it had."""
    done = subprocess.run([sys.executable, "-c", _MEASURED, str(path)], capture_output=True, text=True, check=True)
    events, kib = done.stdout.split()
    return int(events), int(kib)


def test_a_huge_log_needs_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    """Many lines, one endless line, and a hole: what the latest events take is all that is needed."""
    small, huge, hole = tmp_path / "small", tmp_path / "huge", tmp_path / "hole"
    small.write_text(LINE.format(1) * logs.MOST_EVENTS)
    noise = "2026-11-25T02:07:50.000001+00:00 xivo-1 kernel: nothing of interest here, but much of it\n" * 1000
    with huge.open("w") as file:
        for _ in range(250):
            file.write(noise + LINE.format(1) * 21)
        file.write("x" * (32 << 20) + "\n" + LINE.format(2))
    with hole.open("wb") as binary:
        binary.truncate(64 << 20)
        binary.seek(0, os.SEEK_END)
        binary.write(b"\n" + LINE.format(3).encode())
    usual = peak(small)[1]
    for path, events in ((huge, logs.MOST_EVENTS), (hole, 1)):
        read, most = peak(path)
        assert read == events
        assert most < usual + (8 << 10)
