"""Lines of logs as they were seen on Debian 12 and 13, in other languages, and damaged."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from berofos_agent.history.records import Record, parse

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=timezone.utc)

TEXT = "fos1: switched from A-B to A-D: start on xivo-2, 9 ms"


def at(*numbers: int) -> datetime:
    return datetime(*numbers).astimezone()  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (
            f"Nov 25 02:07:57 xivo-1 berofos(relay)[177]: {TEXT}",
            Record(at(2026, 11, 25, 2, 7, 57), "xivo-1", "berofos(relay)", TEXT),
        ),
        (
            f"2026-11-25T02:07:57.123456+00:00 xivo-1 berofos(relay)[177]: {TEXT}\n",
            Record(datetime(2026, 11, 25, 2, 7, 57, 123456, timezone.utc), "xivo-1", "berofos(relay)", TEXT),
        ),
        (
            "2026-11-25T02:07:57+0100 xivo-1 berofos(relay)[177]: ERROR: fos1: no answer",
            Record(datetime.fromisoformat("2026-11-25T02:07:57+01:00"), "xivo-1", "berofos(relay)", "fos1: no answer"),
        ),
        (
            "Nov  5 02:07:57 xivo-1 xivo-berofos: quiet",
            Record(at(2026, 11, 5, 2, 7, 57), "xivo-1", "xivo-berofos", "quiet"),
        ),
        (
            "Nov 25 02:08:27 xivo-1 pacemaker-controld[50]:  notice: Node xivo-2 state is now lost ",
            Record(at(2026, 11, 25, 2, 8, 27), "xivo-1", "pacemaker-controld", "Node xivo-2 state is now lost"),
        ),
        (
            "Nov 25 02:08:27.942 xivo-1 pacemaker-controld  [50] (update_peer_state_iter) \tnotice: "
            "Node xivo-2 state is now lost | nodeid=2 previous=member source=crm_update_peer_proc",
            Record(at(2026, 11, 25, 2, 8, 27, 942000), "xivo-1", "pacemaker-controld", "Node xivo-2 state is now lost"),
        ),
        (
            "Nov 25 2026 02:08:27.942 xivo-1 pacemaker-controld[50] (f@c.c:12)    warning: text",
            None,
        ),
        (
            "Nov 25 02:08:26.738 [34] xivo-1 corosync notice  [TOTEM ] A processor failed",
            Record(at(2026, 11, 25, 2, 8, 26, 738000), "xivo-1", "corosync", "A processor failed"),
        ),
        (
            "Nov 25 02:08:26 xivo-1 corosync[34]:   [TOTEM ] A processor failed",
            Record(at(2026, 11, 25, 2, 8, 26), "xivo-1", "corosync", "A processor failed"),
        ),
        ("", None),
        ("Nov 25 02:0", None),
        ("Nov 25 02:07:57 xivo-1 ber", None),
        ("Nov 99 02:07:57 xivo-1 a: b", None),
        ("9999-11-25T02:07:57 xivo-1 a: b", None),
        ("2026-11-25T02:07:57+99:99 xivo-1 a: b", None),
        ("\x00\x01\x02\x7f", None),
    ],
)
def test_a_line_becomes_its_record(line: str, record: Record | None) -> None:
    assert parse(line, NOW) == record


@pytest.mark.parametrize(
    ("stamp", "month"),
    [
        ("Mär 03", 3),
        ("Mrz 03", 3),
        ("Okt 03", 10),
        ("Dez 03", 12),
        ("Mai 03", 5),
        ("févr. 03", 2),
        ("août  3", 8),
        ("déc. 03", 12),
        ("juin 03", 6),
        ("juil. 03", 7),
        ("ene 03", 1),
        ("gen 03", 1),
        ("mag 03", 5),
        ("out 03", 10),
        ("11月 03", 11),
        ("December 03", 12),
    ],
)
def test_months_of_other_languages_are_understood(stamp: str, month: int) -> None:
    record = parse(f"{stamp} 02:07:57 xivo-1 berofos(relay)[1]: text", NOW)
    assert record
    assert (record.at.month, record.at.day) == (month, 3)
    assert record.at.astimezone(timezone.utc) <= NOW.replace(day=26), "a time without a year is in the past"


def test_a_month_in_a_script_that_we_do_not_know_is_no_time() -> None:
    assert parse("нояб 25 02:07:57 xivo-1 berofos(relay)[1]: text", NOW) is None


def test_a_line_of_last_december_is_of_last_year() -> None:
    record = parse("Dec 31 23:59:59 xivo-1 a: b", datetime(2027, 1, 2, tzinfo=timezone.utc))
    assert record
    assert record.at.year == 2026
    leap = parse("Feb 29 10:00:00 xivo-1 a: b", NOW)
    assert leap
    assert leap.at.year == 2024


def test_nothing_that_controls_a_terminal_is_in_a_text() -> None:
    record = parse("Nov 25 02:07:57 xivo\x1b-1 berofos(re\x1blay)[1]: a\x1b[31mb\u202ec", NOW)
    assert record
    assert (record.node, record.program, record.text) == ("xivo?-1", "berofos(re?lay)", "a?[31mb?c")
