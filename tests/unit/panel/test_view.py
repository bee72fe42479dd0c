"""What the panel makes of a recorded state of the cluster and of what devices answered."""

from __future__ import annotations

import html
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from berofos_agent.cluster import cib, status
from berofos_agent.config.bnfosconf import Entry, Login
from berofos_agent.device.inspection import Inspection
from berofos_agent.doctor import overview
from berofos_agent.doctor.findings import Facts
from berofos_agent.doctor.overview import View
from berofos_agent.errors import Unreachable
from berofos_agent.page import content
from berofos_agent.panel import server, view
from berofos_agent.panel.reader import Reader
from berofos_agent.panel.view import Event, State

DATA = Path(__file__).parents[2] / "data"
RECORDED = sorted(path.stem for path in (DATA / "crm_mon" / "2.1").glob("*.xml"))
RELEASES = ("2.1", "3.0")
ENTRY = Entry("fos1", "10.34.1.2", login=Login("admin", "s3cret"))


def cluster(recording: str, release: str = "2.1", edits: dict[str, str] | None = None) -> View:
    text = (DATA / "crm_mon" / release / f"{recording}.xml").read_text()
    for old, new in (edits or {}).items():
        assert old in text
        text = text.replace(old, new)
    live = status.parse(text.encode())
    configuration = cib.read_file(str(DATA / "cib" / "good-pcs.xml"))
    return View(Facts(configuration, status=live), live, [], "/etc/bnfos.conf")


def device(mode: str, **settings: str) -> Inspection:
    if not mode:
        return Inspection("fos1", error=Unreachable("fos1", "no answer from 10.34.1.2 within 3 s"), entry=ENTRY)
    return Inspection("fos1", {"mode": mode, "scenario": "0", "wdogstate": "0", **settings}, entry=ENTRY)


def table(page: dict[str, Any], title: str) -> list[list[str]]:
    return next((one["rows"] for one in page["tables"] if one["title"] == title), [])


def test_a_method_that_is_refused_is_told_which_are_not() -> None:
    """RFC 9110 wants it, and proxies go by it."""
    told: list[Any] = []
    request = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "HTTP_HOST": "127.0.0.1"}
    list(server.application({})(request, lambda *answer: told.extend(answer)))
    assert told[0] == "405 Method Not Allowed"
    assert dict(told[1])["Allow"] == "GET, HEAD"


def test_a_cluster_that_is_not_read_any_more_is_old_though_the_devices_are_read() -> None:
    """A crm_mon that waits for a dead disk cannot be killed: the page showed the last verdict for ever, as new."""
    state = State([device("1")], {}, cluster("healthy"), age=1.0, cluster_age=300.0)
    told = "The cluster was not read for 300 s: what is shown of it is old."
    assert view.page(state, "xivo-1")["trouble"] == told
    assert view.status(state)["cluster_age_seconds"] == 300.0
    text = server.metrics_of(state).body.decode()
    assert "\nberofos_reading_age_seconds 300.0\n" in text


def test_node_in_standby_could_not_start_the_relay_whatever_its_monitor_says() -> None:
    """That monitor goes on in standby, and finds nothing wrong."""
    standby = 'name="xivo-2" id="2" online="true" standby="'
    ready = '<node_attributes>\n    <node name="xivo-2"><attribute name="relay-ready" value="yes"/></node>'
    edits = {f'{standby}false"': f'{standby}true"', "<node_attributes>": ready}
    page = view.page(State([device("1")], {}, cluster("healthy", edits=edits)), "xivo-1")
    assert table(page, "Nodes") == [["xivo-1", "online", "has it"], ["xivo-2", "standby", "no: standby"]]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("recording", RECORDED)
def test_every_recorded_state_makes_a_page_and_a_status(recording: str, release: str) -> None:
    state = State([device("1")], {}, cluster(recording, release))
    page, told = view.page(state, "xivo-1"), view.status(state)
    assert [row[:2] for row in table(page, "Nodes")] == [[one["node"], one["state"]] for one in told["nodes"]]
    assert page["verdict"]["text"].endswith(told["verdict"]["text"])
    assert page["verdict"]["next_step"] == told["verdict"]["next_step"]
    assert json.loads(json.dumps([page, told]))
    assert "s3cret" not in json.dumps([page, told])


def test_lines_are_drawn_to_the_node_that_has_telephony() -> None:
    card = view.page(State([device("1")], {}, cluster("healthy")), "xivo-1")["cards"][0]
    assert card["sentence"] == "Connects port A to B: the lines are at xivo-1."
    assert (card["texts"]["noteB"], card["texts"]["noteD"]) == ("telephony", "online")
    assert not [problem for problem in card["problems"] if "should be" in problem]


def test_lines_that_are_not_where_telephony_is_are_a_problem() -> None:
    card = view.page(State([device("0")], {}, cluster("healthy")), "xivo-1")["cards"][0]
    assert "the lines are at xivo-2, and should be at xivo-1" in card["problems"]


def test_dead_node_is_drawn_as_not_there() -> None:
    state = cluster("node-stopped")
    dead = next(node.name for node in state.live.nodes if node.condition != "online")
    card = view.page(State([device("0")], {}, state), "xivo-2")["cards"][0]
    port = {"xivo-1": "b", "xivo-2": "d"}[dead]
    assert card["attributes"][f"end{port}"] == "off"


def test_degraded_relay_is_shown_with_its_reason() -> None:
    page = view.page(State([device("1")], {}, cluster("degraded")), "xivo-1")
    (failure,) = table(page, "Failed actions")
    assert failure[3] == "degraded"
    assert failure[4]


def test_device_that_does_not_answer_is_shown_where_it_was() -> None:
    state = State([device("")], {"fos1": device("1")}, cluster("healthy"))
    card = view.page(state, "xivo-1")["cards"][0]
    assert (card["attributes"]["power"], card["attributes"]["mode"]) == ("unknown", "1")
    assert card["problems"] == ["no answer from 10.34.1.2 within 3 s; check power and network"]


def test_host_without_a_cluster_says_why() -> None:
    page = view.page(State([device("1")], {}, "Pacemaker is not installed on this host"), "host")
    assert "verdict" not in page
    assert table(page, "Cluster") == [["no cluster", "Pacemaker is not installed on this host"]]


def test_verdict_of_a_healthy_cluster_names_the_place_of_the_lines() -> None:
    verdict = view.page(State([device("1")], {}, cluster("healthy")), "xivo-1")["verdict"]
    assert verdict["text"] == "OK: the lines are at xivo-1 (A-B), where they should be"
    assert verdict["severity"] == "clean"


def test_verdict_of_a_device_that_does_not_answer_says_what_to_do() -> None:
    verdict = view.page(State([device("")], {}, cluster("healthy")), "xivo-1")["verdict"]
    assert verdict["text"] == "ERROR: fos1 cannot be reached: no answer from 10.34.1.2 within 3 s"
    assert verdict["next_step"].startswith("check its power and network")


def test_status_for_programs_has_the_keys_of_the_command() -> None:
    told = view.status(State([device("1")], {}, cluster("healthy")))
    command = overview.as_json(cluster("healthy"), [])
    assert set(command) == set(told) - {"cluster_error", "age_seconds", "cluster_age_seconds", "events"}
    assert told["devices"][0]["expected_node"] == "xivo-1"


def test_no_reason_turns_the_text_of_the_page_around() -> None:
    """U+202E shows what follows from right to left: a reason from the network could show another verdict."""
    edits = {'name="relay-lines" value="A-B"': 'name="relay-lines" value="A-B; fos1: \u202eKO :sutats\u200b"'}
    state = State([device("1", hostname="fos\u202e1")], {}, cluster("healthy", edits=edits))
    page = view.page(state, "xivo-1")
    assert page["verdict"]["text"] == "WARNING: relay is degraded on xivo-1: fos1: ?KO :sutats?"
    assert ["host name", "fos?1"] in page["cards"][0]["facts"]
    assert "\\u20" not in json.dumps(page)


def test_odd_names_stay_text() -> None:
    odd = "<b>\"'&amp;relay"
    edits = {'resource id="xivo"': f'resource id="{html.escape(odd)}"'}
    page = view.page(State([device("1")], {}, cluster("healthy", edits=edits)), "xivo-1")
    assert odd in [row[0] for row in table(page, "Resources")]


def test_reading_that_is_old_is_reported_as_old() -> None:
    assert view.page(State(age=14.0, limit=15.0), "x")["trouble"] == ""
    assert view.page(State(age=16.0, limit=15.0), "x")["trouble"] == "Not read for 16 s: what is shown is old."


DEVICE_CHANGES = [
    ("0", "1", ["fos1: lines moved from A-D to A-B"]),
    ("1", "1", []),
    ("1", "", ["fos1: no answer from 10.34.1.2 within 3 s; check power and network"]),
    ("", "", []),
    ("", "0", ["fos1: answers again, lines at A-D"]),
]


@pytest.mark.parametrize(("before", "after", "told"), DEVICE_CHANGES)
def test_change_of_a_device_is_reported_once(before: str, after: str, told: list[str]) -> None:
    assert list(view.device_changes([device(before)], [device(after)])) == told


def test_expired_watchdog_is_reported_once() -> None:
    armed, expired = device("1", wdogstate="1"), device("0", wdogstate="2")
    assert list(view.device_changes([armed], [expired]))[-1] == "fos1: watchdog expired"
    assert list(view.device_changes([expired], [expired])) == []


def test_failover_of_the_cluster_is_reported() -> None:
    told = list(view.cluster_changes(cluster("healthy"), cluster("node-stopped")))
    assert any("OFFLINE" in line or "UNCLEAN" in line for line in told)
    assert any("runs on" in line for line in told)
    assert list(view.cluster_changes(cluster("healthy"), cluster("healthy"))) == []


def test_cluster_that_is_gone_is_reported() -> None:
    gone = "the cluster is not running on this host"
    assert list(view.cluster_changes(cluster("healthy"), gone)) == ["cluster: the cluster is not running on this host"]
    assert list(view.cluster_changes(gone, cluster("healthy"))) == ["cluster: answers again"]


def test_newest_event_is_the_first_row() -> None:
    page = view.page(State(events=[Event(1.0, "one"), Event(2.0, "two")]), "x")
    assert [row[1] for row in table(page, "Last movements")] == ["two", "one"]


# --- what the server answers, without a server -------------------------------------------------------------------

SOURCES = {"/status.json": lambda: server.Reply(200, b"{}", "application/json")}


@pytest.mark.parametrize(
    ("method", "path", "host", "answer"),
    [
        ("GET", "/status.json", "127.0.0.1:8019", 200),
        ("HEAD", "/", "localhost", 200),
        ("POST", "/", "localhost", 405),
        ("GET", "/status.json", "evil.example", 403),
        ("GET", "/metrics", "localhost", 404),
        ("GET", "/../card.py", "localhost", 404),
    ],
)
def test_server_shows_only_what_is_in_its_table(method: str, path: str, host: str, answer: int) -> None:
    assert server.answer(method, path, host, SOURCES).status == answer


PATHS = st.text(max_size=30) | st.sampled_from(["/metrics", "/status.json", "/", "/panel/panel.js"])
ENDS = st.sampled_from(["", "/", "/..", "%00", "?", "#", ";", " ", ".."])


@given(PATHS, ENDS)
def test_server_answers_no_path_but_those_of_its_tables(path: str, end: str) -> None:
    asked = path + end
    sources = {**SOURCES, "/metrics": SOURCES["/status.json"]}
    is_known = asked in sources or asked in content.FILES
    assert server.answer("GET", asked, "localhost", sources).status == (200 if is_known else 404)


def test_a_scrape_does_not_count_as_somebody_who_looks() -> None:
    reader = Reader([], 1.0, "/etc/bnfos.conf")
    polls = (reader._device_poll, reader._cluster_poll)
    assert list(reader.state().devices) == []
    assert [poll._looked for poll in polls] == [-math.inf, -math.inf]
    reader.look()
    assert -math.inf not in [poll._looked for poll in polls]


def test_a_scrape_before_the_first_reading_of_the_cluster_says_nothing_of_it() -> None:
    """berofos_cluster_up 0 is an alarm."""
    for state in (State(), State([device("1")])):
        reply = server.metrics_of(state)
        assert (reply.status, reply.body) == (503, b"not read yet; try again\n")
    assert server.metrics_of(State([device("1")], cluster="no cluster here")).status == 200
