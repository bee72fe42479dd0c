"""One line of a log as a record: when, on which node, which program, what. For syslog, Pacemaker and Corosync."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from typing import NamedTuple


class Record(NamedTuple):
    """One line of a log."""

    at: datetime
    """With its time zone: that of the line, else that of this host."""
    node: str
    program: str
    text: str
    """Without the program's severity, and without what Pacemaker adds for developers."""


_STAMP = (
    r"(?:(?P<iso>\d{4}-\d\d-\d\d)[T ]|(?P<month>[^\W\d_]{3,9}\.?|\d{1,2}月) +(?P<day>\d{1,2}) +)"
    r"(?P<clock>\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:?\d\d)? +(?:(?P<year>\d{4}) +)?"
)
_FORMS = (
    # Nov 25 02:07:57.966 xivo-1 pacemaker-controld  [50] (log_executor_event) \tnotice: TEXT | DETAILS
    r"(?P<node>[^\s:]+) +(?P<program>pacemaker[\w-]*) *\[\d+\] \([^)]*\)\s+(?P<text>\w+: .*)",
    # Nov 25 02:08:26.738 [34] xivo-1 corosync notice  [TOTEM ] TEXT
    r"\[\d+\] +(?P<node>[^\s:]+) +(?P<program>corosync) +\w+ +\[\w+ *\] +(?P<text>.*)",
    # Nov 25 02:07:57 xivo-1 berofos(relay)[177]: TEXT
    r"(?P<node>[^\s:]+) (?P<program>[^\s:\[(]+(?:\([^)]*\))?)(?:\[\d+\])?: *(?P<text>.*)",
)
_LINE = [re.compile(_STAMP + form) for form in _FORMS]
_SEVERITY = re.compile(
    r"(?:\[\w+ *\] +)?(?:(?:emerg|alert|crit|critical|error|warning|notice|info|debug|trace): +)?", re.I
)

_MONTHS = (
    "jan janv ene gen sty",
    "feb fev fevr lut",
    "mar marz mrz maa mrt mars",
    "apr avr abr kwi",
    "may mai mei mag maj",
    "jun juin giu cze",
    "jul juil lug lip",
    "aug aout ago sie",
    "sep set wrz",
    "oct okt ott out paz",
    "nov lis",
    "dec dez dic gru",
)
"""How months are abbreviated, without accents: English, German, French, Spanish, Italian, Dutch, Portuguese, Polish."""
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}

_A_DAY = timedelta(days=1)
YEARS = 30
"""A line that says it is older has a broken time."""


def parse(line: str, newest: datetime) -> Record | None:
    """Return the record of a line; None if it is not a line of a log that we know.

    `newest` is when the file was written last: a time without a year is in the last year in which it is not later.
    """
    for form in _LINE:
        match = form.match(line)
        if match:
            at = _time(match, newest)
            node, program = printable(match["node"]), printable(match["program"])
            return Record(at, node, program, plain(program, match["text"])) if at else None
    return None


def plain(program: str, text: str) -> str:
    """Return the text of a line without its severity; of Pacemaker's log, without the details for developers."""
    text = _SEVERITY.sub("", text.strip(), count=1)
    if program.startswith("pacemaker"):
        text = text.partition(" | ")[0]
    return printable(text.strip())


def printable(text: str) -> str:
    """Return the text without characters that could control a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _time(match: re.Match[str], newest: datetime) -> datetime | None:
    clock = f"{match['clock']}.{(match['fraction'] or '')[:6]:0<6}"
    zone = (match["zone"] or "").replace("Z", "+00:00")
    if zone and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    try:
        date = match["iso"][4:] if match["iso"] else f"-{_month(match['month']):02}-{int(match['day']):02}"
    except (ValueError, KeyError):
        return None
    written = match["iso"][:4] if match["iso"] else match["year"]
    years = [int(written)] if written else range(newest.year + 1, newest.year - YEARS, -1)
    for year in years:
        try:
            at = datetime.fromisoformat(f"{year:04}{date}T{clock}{zone}")
            if not newest.year - YEARS <= year <= newest.year + 1:
                return None
            at = at if at.tzinfo else at.astimezone()
        except (ValueError, OverflowError, OSError):  # 29 February is not in every year
            continue
        if written or at <= newest + _A_DAY:
            return at
    return None


def _month(word: str) -> int:
    """Return the number of a month; raise KeyError, ValueError."""
    if word[0].isdigit():
        return int(word.rstrip("月"))
    letters = unicodedata.normalize("NFKD", word.lower()).encode("ascii", "ignore").decode().rstrip(".")
    return _MONTH[letters] if letters in _MONTH else _MONTH[letters[:3]]
