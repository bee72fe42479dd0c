"""What has to hold in a rehearsal, decided from the outcome alone, and the changes of a CIB that make a situation."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from berofos_agent.cluster import cib, rehearsal, shape, stage
from berofos_agent.cluster.rehearsal import (
    APART,
    DISTURBED,
    DOWN,
    FENCED,
    NOT_BACK,
    RESTLESS,
    SPLIT,
    STARTS,
    UNASKED,
    Outcome,
    Row,
    evaluate,
    rehearse,
)
from berofos_agent.cluster.scheduler import Scheduler
from berofos_agent.cluster.situations import SITUATIONS, Situation
from berofos_agent.errors import ConfigurationError

CIBS = Path(__file__).parents[2] / "data" / "cib"
A, P = ["xivo-1"], ["xivo-2"]


def situation(id: str) -> Situation:
    return next(one for one in SITUATIONS if one.id == id)


def outcome(**changed: object) -> Outcome:
    """Telephony and lines stay on xivo-1, and the relay itself is in trouble."""
    stay = {"telephony_before": A, "telephony_at": A, "lines_at": A, "telephony_later": A, "lines_later": A}
    return Outcome(**{**stay, **changed})  # type: ignore[arg-type]


def failover(**changed: object) -> Outcome:
    """Telephony and lines go to xivo-2, as telephony would without the relay."""
    alone = outcome(telephony_at=P, telephony_later=P)
    return outcome(
        **{
            "telephony_at": P,
            "lines_at": P,
            "telephony_later": P,
            "lines_later": P,
            "alone": alone,
            "starts": 1,
            **changed,
        }
    )


CASES = [
    pytest.param("relay-monitor-fails", outcome(starts=1), [], id="the-relay-is-restarted"),
    pytest.param(
        "relay-start-fails", outcome(lines_at=[], starts=1), [], id="the-relay-is-stopped-while-it-cannot-start"
    ),
    pytest.param("active-dies", failover(), [], id="a-failover"),
    pytest.param("relay-monitor-fails", outcome(lines_at=[]), [APART], id="stopped-though-it-could-run"),
    pytest.param("relay-start-fails", outcome(lines_at=P), [APART], id="started-on-the-other-node"),
    pytest.param("active-dies", failover(lines_at=[]), [APART], id="left-behind-in-a-failover"),
    pytest.param("active-dies", failover(lines_at=[*A, *P]), [APART], id="on-both-nodes"),
    pytest.param("relay-start-fails", outcome(lines_at=[], lines_later=[]), [NOT_BACK], id="stopped-for-good"),
    pytest.param("relay-stop-fails", outcome(fenced=A), [FENCED], id="the-node-is-fenced"),
    pytest.param("active-dies", failover(fenced=A), [FENCED], id="fenced-though-nobody-would-be-without-the-relay"),
    pytest.param(
        "relay-start-fails",
        outcome(lines_at=[], changes=Counter({("xivo", "stop", "xivo-1"): 1})),
        [DISTURBED],
        id="telephony-is-restarted",
    ),
    pytest.param(
        "active-standby",
        failover(alone=outcome(telephony_at=P, telephony_later=A)),
        [DISTURBED],
        id="telephony-stays-away",
    ),
    pytest.param("active-dies", failover(starts=2), [STARTS], id="started-twice"),
    pytest.param("relay-degraded", outcome(starts=1), [STARTS], id="restarted-though-only-degraded"),
    pytest.param("relay-keeps-failing", outcome(at_rest=False), [RESTLESS], id="restarted-without-end"),
    pytest.param("split-passive", outcome(telephony_at=P, lines_at=P), [SPLIT], id="both-sides-go-on"),
    pytest.param(
        "split-passive", outcome(telephony_at=P, lines_at=P, fenced=A), [], id="the-other-side-is-fenced-first"
    ),
    pytest.param(
        "split-passive",
        outcome(telephony_at=[], lines_at=[], telephony_later=[], lines_later=[]),
        [],
        id="the-side-without-quorum-stops",
    ),
    pytest.param(
        "active-dies",
        failover(telephony_at=[], lines_at=[], alone=outcome(telephony_at=[], telephony_later=P)),
        [DOWN],
        id="nobody-takes-over",
    ),
]


@pytest.mark.parametrize(("id", "seen", "violations"), CASES)
def test_each_outcome_has_exactly_its_violations(id: str, seen: Outcome, violations: list[str]) -> None:
    assert evaluate(situation(id), seen, "xivo-2") == violations


def test_with_several_instances_the_relay_may_be_with_any_of_them() -> None:
    both = [*A, *P]
    seen = outcome(telephony_at=both, telephony_later=both, several_instances=True)
    assert evaluate(situation("relay-monitor-fails"), seen, "xivo-2") == []


def test_a_cluster_from_cold_has_no_history_and_no_failures_but_keeps_node_attributes() -> None:
    cib = etree.parse(str(CIBS / "good-crm.xml")).getroot()
    for old in cib.findall("status"):
        cib.remove(old)
    cib.append(
        etree.fromstring(
            '<status><node_state id="1" uname="xivo-1"><lrm id="1"/><transient_attributes id="1">'
            '<instance_attributes id="s"><nvpair id="a" name="pingd" value="100"/>'
            '<nvpair id="b" name="fail-count-relay#start_0" value="INFINITY"/></instance_attributes>'
            "</transient_attributes></node_state></status>"
        )
    )
    cold = stage.from_cold(cib)
    assert stage.nodes(cold) == ["xivo-1", "xivo-2"]
    assert cold.find(".//lrm") is None
    assert stage.attribute(cold, "xivo-1", "pingd") == "100"
    assert stage.attribute(cold, "xivo-1", "fail-count-relay#start_0") is None


@pytest.mark.parametrize("name", sorted(path.name for path in CIBS.glob("*.xml")))
def test_without_the_relay_no_constraint_is_left_of_it(name: str) -> None:
    cib = etree.parse(str(CIBS / name)).getroot()
    relays = [one.get("id") for one in cib.iter("primitive") if one.get("id", "").startswith("relay")]
    text = etree.tostring(stage.without(cib, relays)).decode()
    assert not any(f'"{relay}"' in text for relay in relays)


PROMOTABLE = (
    '<clone id="db-clone"><meta_attributes id="m"><nvpair id="p" name="promotable" value="{}"/></meta_attributes>'
)


@pytest.mark.parametrize(
    ("text", "promotable"),
    [
        (PROMOTABLE.format("true") + "</clone>", True),
        (PROMOTABLE.format("false") + "</clone>", False),
        ('<clone id="db-clone"/>', False),
        ('<master id="db-clone"/>', True),
        ('<bundle id="db"><podman image="db" promoted-max="1" replicas="2"/></bundle>', True),
        ('<bundle id="db"><docker image="db" masters="1"/></bundle>', True),
        ('<bundle id="db"><podman image="db" replicas="2"/></bundle>', False),
        ('<primitive id="db"/>', False),
    ],
)
def test_what_can_be_promoted(text: str, promotable: bool) -> None:
    assert shape.is_promotable(etree.fromstring(text)) is promotable


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "install pacemaker-cli-utils"),
        ("kill -ABRT $$", "crashed (signal 6)"),
        ("echo 'Could not parse' >&2; exit 66", "exit status 66): Could not parse"),
        ("echo '<not'", "the answer of crm_simulate: is not XML"),
        ("exec sleep 60", "does not answer within 0.2 s"),
    ],
    ids=["missing", "crashes", "fails", "nonsense", "hangs"],
)
def test_a_scheduler_that_cannot_be_asked_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, words: str
) -> None:
    program = tmp_path / "crm_simulate"
    if script is None:
        monkeypatch.setattr("berofos_agent.cluster.scheduler.find", lambda _: None)
    else:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    scheduler = Scheduler(seconds=0.2 if "sleep" in str(script) else 10)
    with pytest.raises(ConfigurationError) as told:
        scheduler.run(etree.fromstring("<cib/>"), [])
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_a_scheduler_that_says_nothing_after_an_event_is_told_of_the_event_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As crm_simulate of Pacemaker 3.0.0; that of 2.1 does both in one run."""
    program, log = tmp_path / "crm_simulate", tmp_path / "log"
    program.write_text(f"""#!/bin/sh
saved=$3
shift 4
echo "$*" >> {log}
cat > "$saved"
case "$*" in
    *--node-up*) echo '<pacemaker-result/>' ;;
    *) echo '<pacemaker-result><revised_cluster_status/></pacemaker-result>' ;;
esac
""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    scheduler = Scheduler()
    for _ in range(2):
        scheduler.run(etree.fromstring("<cib/>"), ["--node-up=xivo-1", "--op-fail=relay_start_0@xivo-1=1"])
    scheduler.run(etree.fromstring("<cib/>"), [])
    assert scheduler.runs == 6
    two_steps = ["--node-up=xivo-1", "--simulate --op-fail=relay_start_0@xivo-1=1"]
    first = "--simulate --node-up=xivo-1 --op-fail=relay_start_0@xivo-1=1"
    assert log.read_text().splitlines() == [first, *two_steps, *two_steps, "--simulate"]


def test_all_runs_together_have_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("berofos_agent.cluster.scheduler.run_tool", lambda *_: pytest.fail("it was asked"))
    monkeypatch.setattr("berofos_agent.cluster.scheduler.find", lambda _: "/usr/sbin/crm_simulate")
    with pytest.raises(ConfigurationError, match="needs too long"):
        Scheduler(total=0).run(etree.fromstring("<cib/>"), [])


def test_telephony_that_stays_on_no_node_with_lines_is_no_good_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a remote node: the cold start went well, and no fault could be asked about."""
    monkeypatch.setattr(rehearsal.Subject, "stages", lambda _subject: [])
    monkeypatch.setattr(
        rehearsal.Subject, "start", lambda _subject, one: Row("relay", "xivo", "", one.id, one.text, outcome(), [])
    )
    rows = rehearse(cib.read_file(str(CIBS / "good-pcs.xml")), Scheduler())
    assert [(row.situation, list(row.violations)) for row in rows] == [("cold-start", []), ("at-rest", [UNASKED])]


def test_a_node_without_a_name_is_the_schedulers_to_refuse() -> None:
    tree = etree.parse(CIBS / "good-pcs.xml").getroot()
    del tree.find("configuration/nodes/node").attrib["uname"]
    assert stage.nodes(stage.from_cold(tree)) == ["", "xivo-2"]
