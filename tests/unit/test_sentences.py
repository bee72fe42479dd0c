"""The sentences for people on call: each says what happened, where the lines are, and what to do."""

from __future__ import annotations

import re
import string

import pytest

from berofos_agent import sentences
from berofos_agent.sentences import HEARTBEAT, LONGEST, OTHERWISE, SENTENCES, Severity, advice, place, say, together

WORDS = {"resource": "relay", "node": "xivo-1", "device": "fos1", "place": place("A-B", "xivo-1", "xivo-2")}


@pytest.mark.parametrize("kind", SENTENCES)
def test_a_sentence_is_one_line_without_gaps(kind: str) -> None:
    text = say(kind, "fos1: no answer from 10.34.1.20 within 3 s", **WORDS).text
    assert re.fullmatch(r"[ -~]+", text)
    assert not re.search(r"\{|\}|;;|; $|  |: ;", text)
    assert not text.endswith((".", ";", ":"))


@pytest.mark.parametrize("kind", [kind for kind, row in SENTENCES.items() if row[0] is not Severity.PROBLEM])
def test_a_sentence_that_is_no_problem_says_that_there_is_nothing_to_do_or_what_is(kind: str) -> None:
    text = say(kind, **WORDS).text
    assert text.endswith("nothing to do") or kind in ("at-pbx", "STARTING", "STOPPED")


@pytest.mark.parametrize("kind", [kind for kind, row in SENTENCES.items() if row[0] is Severity.PROBLEM])
def test_a_problem_ends_with_what_to_do(kind: str) -> None:
    text = say(kind, "something nobody has thought of", **WORDS).text
    assert text.endswith((OTHERWISE, "then start it again", "before you rely on it again", "now", "berofos-heartbeat"))


def test_every_row_is_filled_with_the_words_that_its_callers_have() -> None:
    named = {name for _, text in SENTENCES.values() for _, name, _, _ in string.Formatter().parse(text) if name}
    assert named == {*WORDS, "reason", "advice"}
    assert set(HEARTBEAT) <= set(SENTENCES)


@pytest.mark.parametrize(
    ("reason", "what"),
    [
        ("fos1: no answer from 10.34.1.20 within 3 s", "check its power and network"),
        ("fos1: no answer from 10.34.1.20 within 3 s; check power and network", ""),
        ("fos1: no answer from 10.34.1.20 within 3 s (also fos2)", "check its power and network"),
        ("fos1: 10.34.1.20 requires a password; add its login to bnfos.conf", ""),
        ("fos1: 10.34.1.20 refused the password", "correct its login in bnfos.conf on all nodes"),
        (
            "fos1: relay did not switch: mode is still 1; power-cycle it; if that fails, move its cables to D",
            "",
        ),
        ("fos1: relay is in position A-D, expected A-B", "find out who moved it"),
        ("fos1: relay is in position A-D, expected A-B (watchdog expired)", "find out why nobody kicked it"),
        ("fos1: modedef=0, expected 1; run berofos provision fos1", ""),
        ("span 1 is in alarm: RED", "check the line and its card"),
        ("the start timed out", "look into the system log of that node"),
        ("something else", OTHERWISE),
    ],
)
def test_what_to_do_follows_from_the_reason_unless_it_says_so_itself(reason: str, what: str) -> None:
    assert advice(reason) == what


@pytest.mark.parametrize(
    ("position", "port_d_node", "expected"),
    [
        ("A-B", "xivo-2", "its lines are on xivo-1 (A-B)"),
        ("A-D", "xivo-2", "its lines are on xivo-2 (A-D)"),
        ("A-D", "", "its lines are at the PBX (A-D)"),
        ("A-B/A-D", "xivo-2", "some of its lines are on xivo-1 (A-B), some on xivo-2 (A-D)"),
        ("unknown", "xivo-2", "its lines are where they were last seen"),
        ("", "", "its lines are where they were last seen"),
    ],
)
def test_where_the_lines_are(position: str, port_d_node: str, expected: str) -> None:
    assert place(position, "xivo-1", port_d_node) == expected


def test_the_places_of_several_resources_are_one_phrase() -> None:
    both = [(f"relay-{name}", place("A-B", "xivo-1", "xivo-2")) for name in ("fos1", "fos2")]
    assert together(both) == "the lines of relay-fos1 are on xivo-1 (A-B), the lines of relay-fos2 are on xivo-1 (A-B)"
    assert together([]) == "no line has moved"


@pytest.mark.parametrize(
    "odd", ["a\nBcc: all@example.org", "<!channel> <a href=x>", "`x`", "\x1b[2J", "\0", "\u202e", "{x}"]
)
def test_odd_words_can_neither_end_a_line_nor_be_markup(odd: str) -> None:
    text = say("failed", odd, resource=odd, node=odd).text
    assert text.isprintable()
    assert not set(text) & set("<>`\n\r")


def test_a_long_reason_is_cut() -> None:
    assert len(say("failed", "x" * 5000, resource="relay", node="xivo-1").text) <= LONGEST


def test_the_severities_of_the_kinds() -> None:
    assert say("failed", "x", **WORDS).severity is Severity.PROBLEM
    assert say("recovered", **WORDS).severity is Severity.RECOVERY
    assert sentences.say("started", **WORDS).severity is Severity.NOTICE
