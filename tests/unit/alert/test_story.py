"""Which sentence an event becomes, by the state of the cluster and by what was told before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from berofos_agent.alert.event import Event
from berofos_agent.alert.story import LATER_SECONDS, NotYet, View, compose
from berofos_agent.cluster.relays import RelayState
from berofos_agent.cluster.status import ClusterStatus, Failure, Node
from berofos_agent.sentences import Sentence

NOW = 1_795_572_489.0
BOTH = "fos1: no answer from 10.42.0.201 within 3 s (also fos2)"
SILENT = "fos1: no answer from 10.42.0.201 within 3 s"
SILENT_SHORTER = "fos1: no answer from 10.42.0.201 within 2.8 s"
MOVED = "fos1: relay is in position A-D, expected A-B"


class Told:
    """Notes in memory; `marks` are shared by the nodes."""

    def __init__(self, marks: dict[tuple[str, str], str] | None = None) -> None:
        self.told: dict[str, tuple[str, str]] = {}
        self.marks = {} if marks is None else marks

    def last(self, subject: str) -> tuple[str, str]:
        return self.told.get(subject, ("", ""))

    def note(self, subject: str, sentence: Sentence) -> None:
        self.told[subject] = (sentence.kind, sentence.text)

    def mark(self, resource: str, node: str) -> str:
        return self.marks.get((resource, node), "")

    def set_mark(self, resource: str, node: str, mark: str) -> None:
        self.marks[resource, node] = mark


def view(
    lines: Mapping[str, str] | None = None,
    readiness: Mapping[str, str] | None = None,
    failures: Sequence[Failure] = (),
    me: str = "xivo-1",
    online: Sequence[str] = ("xivo-1", "xivo-2"),
    unclean: Sequence[str] = (),
    fencing: bool = False,
    port_d_node: str = "xivo-2",
) -> View:
    """Return a cluster whose relay runs where the node attribute `lines` says."""
    lines = {"xivo-1": "A-B"} if lines is None else lines
    nodes = [
        Node(name, name in online, standby=False, maintenance=False, unclean=name in unclean, pending=False)
        for name in ("xivo-1", "xivo-2")
    ]
    status = ClusterStatus(None, "2.1.5", "xivo-1", True, fencing, False, nodes, ())
    running = [name for name, value in lines.items() if "(last seen" not in value]
    relay = RelayState("relay", "xivo-1", port_d_node, nodes=running, lines=lines, readiness=readiness or {})
    return View(me, status, [replace(relay, failures=failures)], {"relay": not port_d_node})


def operation(task: str, code: int = 0, node: str = "xivo-1", status: int = 0, resource: str = "relay") -> Event:
    interval = 3000 if task == "monitor" else 0
    return Event("resource", node, NOW, resource=resource, task=task, interval=interval, code=code, status=status)


def attribute(name: str, value: str, node: str = "xivo-1", age: float = LATER_SECONDS) -> Event:
    return Event("attribute", node, NOW - age, attribute=f"relay-{name}", value=value)


def node_event(what: str, node: str = "xivo-1", age: float = 0) -> Event:
    return Event("node", node, NOW - age, description=what)


def failure(reason: str, task: str = "monitor", code: int = 1, node: str = "xivo-1") -> Failure:
    return Failure("relay", task, node, code, reason, None)


def text(event: Event, seen: View, told: Told | None = None) -> str:
    """Return the sentence; empty if there is none."""
    sentence = compose(event, seen, told or Told(), NOW)
    return sentence.text if sentence else ""


def test_a_start_says_where_the_lines_are() -> None:
    assert text(operation("start"), view()) == "relay started on xivo-1: its lines are on xivo-1 (A-B); nothing to do"


def test_a_start_on_a_node_that_the_relay_has_left_again_says_where_they_were() -> None:
    assert "its lines are on xivo-2 (A-D)" in text(operation("start", node="xivo-2"), view(lines={}))


def test_a_start_with_a_dead_device_names_it_and_the_degraded_monitor_behind_it_says_nothing_more() -> None:
    told, seen = Told(), view(lines={"xivo-1": f"A-B; {SILENT}"})
    assert text(operation("start"), seen, told) == (
        f"relay started on xivo-1, but {SILENT}; its lines are on xivo-1 (A-B); check its power and network"
    )
    assert text(operation("monitor", 190), seen, told) == ""


def test_a_degraded_relay_is_told_once_and_its_recovery_too() -> None:
    told, seen = Told(), view(lines={"xivo-1": f"A-B; {SILENT}"})
    assert text(operation("monitor", 190), seen, told).startswith(f"relay on xivo-1 is degraded: {SILENT}; its lines")
    assert text(operation("monitor", 190), seen, told) == ""
    assert text(operation("monitor"), seen, told) == "", "another monitor is content, the condition lasts"
    assert text(operation("monitor"), view(), told).startswith("relay on xivo-1 has recovered: its lines are on xivo-1")
    assert text(operation("monitor"), view(), told) == ""
    assert text(operation("monitor", 190), seen, told), "the next time is another one"


def test_a_degraded_relay_has_its_reason_though_the_next_one_is_there_already() -> None:
    degraded = failure(SILENT, code=190)
    assert f"is degraded: {SILENT}; " in text(operation("monitor", 190), view(failures=[degraded]))
    assert f"is degraded: {BOTH}; " in text(
        operation("monitor", 190), view(lines={"xivo-1": f"unknown; {BOTH}"}, failures=[degraded])
    )
    moved = view(lines={"xivo-1": f"A-B/A-D; {MOVED}"}, failures=[failure(MOVED), degraded])
    assert text(operation("monitor", 190), moved) == "", "that it failed is told by its own event"


def test_a_monitor_that_succeeds_after_a_start_needs_nobody() -> None:
    assert text(operation("monitor"), view()) == ""


def test_a_failed_monitor_has_the_reason_that_the_cluster_has_noted_though_the_relay_runs_again() -> None:
    told = Told()
    seen = view(failures=[failure("older", code=7), failure(MOVED)])
    assert text(operation("monitor", 1), seen, told) == (
        f"relay failed on xivo-1: {MOVED}; the cluster stops and starts it; find out who moved it"
    )
    assert text(operation("stop"), seen, told) == ""
    assert text(operation("start"), seen, told).startswith("relay runs on xivo-1 again: its lines are on xivo-1")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ({"xivo-1": f"A-D (last seen 2026-11-25 02:11:45); monitor failed: {MOVED}"}, MOVED),
        ({"xivo-1": "A-B"}, "monitor: error"),
    ],
)
def test_without_a_noted_reason_the_node_attribute_or_the_event_has_it(lines: dict[str, str], reason: str) -> None:
    event = replace(operation("monitor", 1), description="error")
    assert text(event, view(lines=lines)).startswith(f"relay failed on xivo-1: {reason}; ")


def test_a_start_that_fails_again_and_again_for_the_same_reason_is_told_once() -> None:
    told, stuck = Told(), "fos1: relay did not switch: mode is still 1 after writing 0"
    seen = view(lines={}, failures=[failure(stuck, "start", node="xivo-2")])
    event = operation("start", 1, node="xivo-2")
    assert text(event, seen, told).startswith(f"relay could not start on xivo-2: {stuck}; the lines that did not move")
    assert text(event, seen, told) == ""
    other = view(lines={}, failures=[failure("fos2: something else", "start", node="xivo-2")])
    assert "fos2: something else" in text(event, other, told)


def test_a_timeout_is_named_as_one() -> None:
    assert "could not stop on xivo-1: the stop timed out; another node takes" in text(
        operation("stop", 1, status=2), view()
    )


def test_a_stop_is_told_only_where_it_brings_the_lines_to_a_pbx() -> None:
    assert text(operation("stop"), view()) == ""
    assert text(operation("stop"), view(port_d_node="")).startswith("relay stopped on xivo-1: its lines are at the PBX")


def test_other_resources_and_other_nodes_are_not_ours() -> None:
    assert text(operation("start", resource="xivo"), view()) == ""
    assert text(attribute("lines", f"A-B; {SILENT}"), replace(view(), relays=[])) == ""
    assert text(node_event("lost", "arbiter"), view()) == ""
    assert text(Event("fencing", "arbiter", NOW), view()) == ""


# --- node attributes -------------------------------------------------------------------------------------------


def test_an_attribute_is_told_later_and_only_if_it_is_still_so() -> None:
    event = attribute("lines", f"A-B; {SILENT}", age=LATER_SECONDS - 1)
    with pytest.raises(NotYet):
        compose(event, view(lines={"xivo-1": f"A-B; {SILENT}"}), Told(), NOW)
    assert text(attribute("lines", f"A-B; {SILENT}"), view()) == ""
    assert (
        text(attribute("lines", f"A-B; {SILENT}"), view(lines={"xivo-1": "A-D (last seen x); start failed: y"})) == ""
    )


def test_another_reason_of_a_degraded_relay_is_told_by_whichever_node_sees_it_but_once() -> None:
    marks: dict[tuple[str, str], str] = {}
    here, there = Told(marks), Told(marks)
    seen = view(lines={"xivo-1": f"A-B; {SILENT}"})
    event = attribute("lines", f"A-B; {SILENT}")
    assert text(operation("monitor", 190), seen, here)
    assert text(event, seen, there) == "", "the node with the lines has told it"
    worse, event = view(lines={"xivo-1": f"unknown; {BOTH}"}), attribute("lines", f"unknown; {BOTH}")
    assert "(also fos2); its lines are where they were last seen" in text(event, worse, there)
    assert text(event, worse, there) == text(event, worse, here) == ""
    assert "has recovered" in text(operation("monitor"), view(), here)


def test_a_value_that_has_changed_since_has_an_event_of_its_own() -> None:
    """Seen: the event of a relay moved by hand woke up just when a device had died, and told of that too early."""
    seen = view(lines={"xivo-1": f"A-B; {SILENT}"}, readiness={"xivo-2": BOTH})
    assert text(attribute("lines", f"A-B/A-D; {MOVED}"), seen) == ""
    assert text(attribute("ready", "fos2: something else", "xivo-2"), seen) == ""


def test_a_node_that_is_not_ready_is_told_once_and_that_it_is_again() -> None:
    told = Told()
    seen = view(readiness={"xivo-2": SILENT})
    event = attribute("ready", SILENT, "xivo-2")
    assert text(event, seen, told) == (
        f"xivo-2 could not take over relay: {SILENT}; its lines are on xivo-1 (A-B); check its power and network"
    )
    assert text(event, seen, told) == ""
    again = attribute("ready", "yes", "xivo-2")
    assert text(again, view(readiness={"xivo-2": "yes"}), told).startswith("xivo-2 could take over relay again")
    assert text(again, view(readiness={"xivo-2": "yes"}), told) == ""


def test_a_node_that_is_ready_and_was_needs_nobody_at_once() -> None:
    assert text(attribute("ready", "yes", "xivo-2", age=0), view(readiness={"xivo-2": "yes"})) == ""


def test_a_device_that_is_dead_for_both_nodes_is_told_by_the_one_with_the_lines() -> None:
    """Seen: the node without the lines notes no seconds that were waited, and told of the same device again."""
    not_ready = "fos1: no answer from 10.42.0.201; check power and network"
    seen = view(lines={"xivo-1": f"A-B; {SILENT}; check power and network"}, readiness={"xivo-2": not_ready})
    assert text(attribute("ready", not_ready, "xivo-2"), seen) == ""


def test_how_long_an_answer_was_waited_for_is_no_other_reason() -> None:
    told, seen = Told(), view(lines={"xivo-1": f"A-B; {SILENT_SHORTER}"})
    assert SILENT_SHORTER in text(operation("monitor", 190), seen, told)
    assert text(attribute("lines", f"A-B; {SILENT}"), view(lines={"xivo-1": f"A-B; {SILENT}"}), told) == ""
    noted = failure(SILENT_SHORTER, code=190)
    assert BOTH in text(operation("monitor", 190), view(lines={"xivo-1": f"unknown; {BOTH}"}, failures=[noted]))
    told = Told()
    assert text(operation("start", 1), view(failures=[failure(SILENT, "start")]), told)
    assert text(operation("start", 1), view(failures=[failure(SILENT_SHORTER, "start")]), told) == ""


# --- nodes and fencing -----------------------------------------------------------------------------------------


def test_a_lost_node_is_told_at_once_without_fencing() -> None:
    seen = view(lines={"xivo-2": "A-D"}, online=["xivo-2"], me="xivo-2")
    assert text(node_event("lost"), seen) == (
        "xivo-1 has left the cluster: the lines of relay are on xivo-2 (A-D); find out why, then start it again"
    )


def test_the_lines_of_a_lost_node_are_where_they_were_until_another_one_has_them() -> None:
    seen = view(lines={"xivo-1": "A-B"}, online=["xivo-2"], me="xivo-2")
    assert "the lines of relay are where they were last seen" in text(node_event("lost"), seen)


def test_with_fencing_a_lost_node_is_told_as_fenced_and_only_a_shutdown_as_lost() -> None:
    told = Told()
    seen = view(lines={"xivo-2": "A-D"}, online=["xivo-2"], me="xivo-2", fencing=True)
    with pytest.raises(NotYet):
        compose(node_event("lost"), seen, told, NOW)
    assert text(node_event("lost", age=12), replace(seen, status=replace(seen.status, nodes=[])), Told())
    assert text(Event("fencing", "xivo-1", NOW), seen, told) == (
        "xivo-1 was fenced: the lines of relay are on xivo-2 (A-D); find out why before you rely on it again"
    )
    assert text(node_event("lost", age=12), seen, told) == ""
    unclean = view(lines={}, online=["xivo-2"], unclean=["xivo-1"], me="xivo-2", fencing=True)
    assert text(node_event("lost", age=12), unclean) == "", "it is being fenced"


def test_fencing_that_fails_is_told_with_its_reason_once() -> None:
    told = Told()
    event = Event(
        "fencing", "xivo-1", NOW, code=-62, description="Operation reboot of xivo-1 by x for y@z: Timer expired (ref=1)"
    )
    assert "xivo-1 could not be fenced: Timer expired; no line moves" in text(event, view(me="xivo-2"), told)
    assert text(event, view(me="xivo-2"), told) == ""


def test_a_node_that_comes_back_is_told_once_its_cluster_is_up() -> None:
    told = Told()
    assert text(node_event("member", age=12), view(me="xivo-2"), told) == "", "nobody had missed it"
    assert text(node_event("lost"), view(me="xivo-2", online=["xivo-2"]), told)
    for seen, age in ((view(me="xivo-2"), 0), (view(me="xivo-2", online=["xivo-2"]), 12)):
        with pytest.raises(NotYet):
            compose(node_event("member", age=age), seen, told, NOW)
    seen = view(lines={"xivo-2": "A-D"}, me="xivo-2")
    assert text(node_event("member", age=12), seen, told).startswith(
        "xivo-1 is back in the cluster: the lines of relay"
    )
    assert text(node_event("member", age=12), seen, told) == ""


def test_of_several_nodes_that_are_left_the_first_one_tells() -> None:
    names = ("xivo-1", "xivo-2", "xivo-3")
    nodes = [Node(name, name != "xivo-1", False, False, False, False) for name in names]
    seen = view(lines={"xivo-2": "A-D"})
    seen = replace(seen, status=replace(seen.status, nodes=nodes))
    told = {me: text(node_event("lost"), replace(seen, me=me)) for me in ("xivo-2", "xivo-3")}
    assert told["xivo-2"]
    assert not told["xivo-3"]
