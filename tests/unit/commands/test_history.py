"""berofos history: its times, its table and its exit status."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from berofos_agent.commands import berofos, history
from berofos_agent.history import logs

NOW = datetime(2026, 11, 25, 12, 0, 30).astimezone()

NIGHT = """\
2026-11-25T02:07:50.5+00:00 xivo-1 pacemaker-controld[50]:  notice: Node xivo-2 state is now lost
2026-11-25T02:07:58.5+00:00 xivo-1 berofos(relay)[1]: fos1: switched from A-D to A-B: start on xivo-1, 9 ms
2026-11-25T02:07:58.6+00:00 xivo-1 berofos(relay)[1]: fos2: switched from A-D to A-B: start on xivo-1, 9 ms
2026-11-26T02:07:58.6+00:00 xivo-1 berofos(relay)[9]: ERROR: fos2: no answer from 10.42.0.202 within 3 s; check power
"""


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("now", timedelta()),
        ("2 hours ago", timedelta(hours=2)),
        ("1 hour ago", timedelta(hours=1)),
        ("90 min ago", timedelta(minutes=90)),
        ("90 minutes", timedelta(minutes=90)),
        ("30 seconds ago", timedelta(seconds=30)),
        ("30s", timedelta(seconds=30)),
        ("7 days ago", timedelta(days=7)),
        ("2 weeks ago", timedelta(weeks=2)),
        ("02:30", timedelta(hours=9, minutes=30, seconds=30)),
        ("22:00", timedelta(hours=14, seconds=30)),  # the last one that was: at 3 in the morning, of the evening before
        ("today", timedelta(hours=12, seconds=30)),
        ("Yesterday", timedelta(hours=36, seconds=30)),
        ("2026-11-25", timedelta(hours=12, seconds=30)),
        ("2026-11-25 11:00", timedelta(hours=1, seconds=30)),
        ("2026-11-25T11:00:30", timedelta(hours=1)),
    ],
)
def test_a_time_is_written_in_several_ways(text: str, ago: timedelta) -> None:
    assert history.moment(text, NOW) == NOW - ago


def test_a_time_of_today_is_right_on_the_day_on_which_the_clock_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    try:
        now = datetime(2026, 10, 25, 8, 0, tzinfo=timezone.utc).astimezone()  # back from 3:00 to 2:00 that night
        assert history.moment("01:30", now) == datetime(2026, 10, 24, 23, 30, tzinfo=timezone.utc)
        assert history.moment("today", now) == datetime(2026, 10, 24, 22, 0, tzinfo=timezone.utc)
        assert history.moment("yesterday", now) == datetime(2026, 10, 23, 22, 0, tzinfo=timezone.utc)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_time_may_have_its_zone() -> None:
    assert history.moment("2026-11-25T11:00:00Z", NOW) == datetime(2026, 11, 25, 11, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "25.11.2026", "2 fortnights ago", "25:61", "2026-13-01", "hours ago", "9" * 5000]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"not a time: .*; write 2026-11-25 02:30, 02:30, yesterday or"
    ):
        history.moment(text, NOW)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A log, and a host without others."""
    monkeypatch.setattr(logs, "LOGS", (str(tmp_path / "syslog"),))
    monkeypatch.setattr(logs, "JOURNALS", ())
    monkeypatch.setattr(logs.statepath, "DEFAULT_FOLDER", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    path = tmp_path / "syslog"
    path.write_text(NIGHT)
    time.tzset()
    yield path
    monkeypatch.undo()
    time.tzset()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = berofos.main(["history", "--since", "2026-11-01", "--until", "2026-11-30", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_the_table_says_who_moved_the_lines_when_why_and_where_it_was_read(
    night: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "--no-devices")
    assert (status, err) == (0, "")
    assert (
        out
        == f"""\
time      node    what happened                                 without  read in
2026-11-25
02:07:50  xivo-1  node xivo-2 is lost                                    1:1
02:07:58  xivo-1  fos1, fos2: A-D to A-B, start on xivo-1;      8.1 s    1:3
                    why: node xivo-2 is lost

2026-11-26
02:07:58  xivo-1  fos2: no answer from 10.42.0.202 within 3 s;           1:4
                    check power

2 switches of a relay; 1 source read, from 2026-11-01 00:00 to 2026-11-30 00:00
1: {night}
"""
    )


def test_no_line_is_wider_than_80_columns_after_many_switches(night: Path) -> None:
    line = NIGHT.splitlines()[1]
    times = [f"T{hour:02}:{minute:02}" for hour in (2, 3) for minute in range(60)]
    night.write_text("".join(line.replace("T02:07", time) + "\n" for time in times))
    arguments = history.parser().parse_args(["--since", "2026-11-01", "--until", "2026-11-30", "--no-devices"])
    found, events = history.gather(arguments)
    *lines, _source = history.as_text(found, events, 80)
    assert "120 switches of a relay" in " ".join(lines)
    assert max(map(len, lines)) <= 80


def test_on_a_narrow_terminal_each_event_is_a_paragraph_and_no_line_is_wider(night: Path) -> None:
    arguments = history.parser().parse_args(["--since", "2026-11-01", "--until", "2026-11-30", "--no-devices"])
    found, events = history.gather(arguments)
    *lines, source = history.as_text(found, events, 40)
    assert source == f"1: {night}"
    assert (
        "\n".join(lines)
        == """\
2026-11-25
02:07:50  xivo-1
  node xivo-2 is lost
  read in  1:1
02:07:58  xivo-1
  fos1, fos2: A-D to A-B, start on
    xivo-1; why: node xivo-2 is lost
  without  8.1 s
  read in  1:3

2026-11-26
02:07:58  xivo-1
  fos2: no answer from 10.42.0.202
    within 3 s; check power
  read in  1:4

2 switches of a relay; 1 source read,
  from 2026-11-01 00:00 to 2026-11-30
  00:00"""
    )


def test_json_has_every_event_with_its_source(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(run(capsys, "--no-devices", "--json")[1])
    lost, fos1, fos2, silent = told["events"]
    assert lost["text"] == "node xivo-2 is lost"
    assert (fos1["device"], fos1["before"], fos1["after"], fos1["who"]) == ("fos1", "A-D", "A-B", "start on xivo-1")
    assert (fos2["why"], fos2["without_seconds"]) == ("node xivo-2 is lost", pytest.approx(8.1))
    assert (silent["source"], silent["line"]) == (str(night), 4)


def test_what_cannot_be_read_is_a_line_and_the_rest_is_shown(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "--no-devices", "--from", str(night.parent / "missing"))
    assert status == 0
    assert "fos1, fos2" in out
    assert err == f"berofos history: {night.parent}/missing: No such file or directory\n"


def test_a_begin_after_the_end_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        berofos.main(["history", "--since", "2026-11-25", "--until", "2026-11-24"])
    assert "--since is after --until" in capsys.readouterr().err


def test_without_any_source_the_status_is_1(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    night.unlink()
    status, out, _err = run(capsys, "--no-devices")
    assert status == 1
    assert "0 switches of a relay; 0 sources read" in out
