"""The words of the project: the terms of Pacemaker's documentation, and one wording for each message.

A term or message of the left column must not be used in the sense of the right one, in code, documentation or tests.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
HERE = Path(__file__).relative_to(CHECKOUT)

TERMS = {
    r"\bkickers?\b|\bKicker|berofos-kicker": "kick daemon",
    r"\bDeadMansSwitch\b|\bagent/guard\b|\bguard\.(begin|rest|revive)\b": "watchdog",
    r"\ball_at_once\b|\b[Bb]anks? of (devices|bero|them)|device/bank\b": "parallel, run_on_all, Result",
    r"\blook_at\b|\bclass Seen\b|\bdevice/survey\b|\bsurvey\.": "inspection, inspect, Reading",
    r"\bVerdict\b|\bjudge_(start|monitor|image|probe)\b": "Result, evaluate_...",
    r"\bmemory: State\b|\bmemory = State\(": "state",
    r"\b_?astray\b|\bstands right\b": "in the wrong position, in position",
    r"\b[Ee]rrands?\b|\bHeart\b|\bOrders\(": "task, Daemon, Options",
    r"\bCondition\.ILL\b|\bPlace\.AWAY\b": "UNHEALTHY, NOT_ACQUIRED",
    r"\bTalk\b|\bJob\b|\bmisfits\b": "Reporter, Context, conflicts",
    r"\bblemish\b|\bhas_arbiter\b|\bfindings\.Trouble\b": "Problem, warning, has_quorum_device",
    r"\bBench\b|\bears\b|\bweld(ed)?\b|['\" ]calm['\" ]|\bobey\b": "Simulator, sockets, stuck, clear-faults, execute",
    r"\b[Mm]end(s|ed|ing)? (its|the|it)\b|\b(is|are|was) mended\b|def test_\w*mended": "fix, correct",
    r"def test_\w*_(one_box|astray|stranger)(_|\b)": "test names are sentences of the same words",
    r"\bout-of-hand\b|\bleft-by-a-move\b": "unmanaged, leftover-move-constraint",
    r"\b[Tt]elephones\b|\btelephon(e|y) system\b|\btelephone (resource|service)\b": "telephony, telephony resource",
    r"\b([Tt]he|[Aa]|[Tt]wo|[Ee]ach|[Oo]ther|[Gg]ood|[Bb]ad) box(es)?\b(?! of| that is (not )?ticked)": "device",
    r"\b[Ww]hoever\b|\ball the same\b|\bfor the sake of\b": "plain English",
    r"; knows (no|neither|nothing)\b|\bknows no [a-z]+[.\";]": "say what the module does",
}
"""By pattern of the old term, the standard one."""

MESSAGES = {
    r"stood still for|ended and started again": "kick daemon hung for N s; restarted",
    r"was gone; started again": "kick daemon died; restarted",
    r"[\"'`]over: ": "recovered: REASON",
    r"does not follow: |\bdoes not follow\b": "relay did not switch: mode is still 1 after writing 0",
    r"does not tell its relay mode": "reports no relay mode",
    r"relay connects A-|relay connects THIS": "relay is in position A-D, expected A-B",
    r"[a-z]+=[0-9]+, not [0-9]": "modedef=0, expected 1",
    r"the watchdog ran out|watchdog failure noted": "watchdog expired; watchdog failure latched",
    r"\bwants a password\b": "requires a password",
    r"is cabled to neither port": "is neither port_b_node nor port_d_node",
    r"a whole number from|is no number of seconds": "must be an integer from ...; invalid number of seconds",
    r"is no bnfos\.conf|is no regular file|is no bero\*fos|is no XML": "is not a ...",
    r"is ill: no more kicks|\bis ill\b": "health check failed; kicking stopped",
    r"\bbite later\b|\bwill bite\b": "latent misconfiguration",
    r"never come to rest": "repeated failover between nodes is not limited",
    r"is encoded, though that was": "has an unexpected content encoding",
    r"lost other settings:": "the write changed other settings: ...; set them again",
    r"kick daemon \(process .*\) does not end": "cannot stop the kick daemon (process N); kill it",
    r"power-cycle it once, else": "power-cycle it; if that fails, move its cables to D",
    r"nothing looks whether": "no monitor with role=Stopped checks whether the other node could take over",
    r"telephones follow the relay": "telephony is colocated with the relay (reversed)",
}
"""By pattern of the old message, the message."""

ALLOWED = {
    "tests/data/": "recorded from others",
    "docs/migrating-from-bntools.md": "quotes the vendor's command",
    str(HERE): "the tables themselves",
}


def lines() -> list[tuple[str, str]]:
    """Return every line of the project, with its place."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=False).stdout.decode()
    found = []
    for name in filter(None, listed.split("\0")):
        path = CHECKOUT / name
        if name.startswith(tuple(ALLOWED)) or name == "LICENSE" or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [(f"{name}:{number}: {line.strip()}", line) for number, line in enumerate(text.splitlines(), start=1)]
    return found


LINES = lines()


@pytest.mark.parametrize(("pattern", "standard"), [*TERMS.items(), *MESSAGES.items()])
def test_the_standard_wording_is_used(pattern: str, standard: str) -> None:
    wrong = re.compile(pattern)
    assert [place for place, line in LINES if wrong.search(line)] == [], f"write: {standard}"


def test_every_pattern_finds_what_it_is_for() -> None:
    old = (
        "the kicker was gone; started again / DeadMansSwitch / all_at_once / look_at / Verdict / memory: State / "
        "astray / errand / Condition.ILL / Talk / blemish / welded / out-of-hand / the telephones / the box answers / "
        "all the same / a module; knows no device / the kicker stood still for 3 s / 'over: REASON' / does not follow: "
        "mode=1 / does not tell its relay mode / relay connects A-D, not A-B / modedef=0, not 1 / the watchdog ran out "
        "/ HOST wants a password / is cabled to neither port / a whole number from 1 / is no bnfos.conf / "
        "the telephone system is ill: no more kicks / will bite later / never come to rest / "
        "telephones follow the relay / mend its folder / def test_two_resources_may_kick_one_box / is encoded, though "
        "that was not asked for / lost other settings: / the kick daemon (process 5) does not end / "
        "power-cycle it once, else / nothing looks whether"
    )
    assert [pattern for pattern in (*TERMS, *MESSAGES) if not re.search(pattern, old)] == []
