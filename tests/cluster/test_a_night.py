"""A night on two nodes with fencing: the alert agent's sentences, in order, none twice, against the relays' own record.

Another recipient takes nothing all night: Pacemaker is not held up by it, and nothing is lost.
"""

from __future__ import annotations

import itertools
import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from .lab import scenes, told
from .lab.cluster import TELEPHONY, Cluster
from .lab.devices import LOGIN
from .lab.two_nodes import NODES
from .test_history import FROM_OTHER, Console, write

NO_ANSWER = "fos1: no answer from 10.42.0.201"
PASSWORD = "fos1: 10.42.0.201 requires a password"
WATCHDOG_SECONDS = 6


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


class Night:
    """What has to be told, while it happens."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.lab = cluster.lab
        self._expected: list[str] = []

    def tells(self, *sentences: str) -> None:
        """Wait until these have come, and nothing else; "..." stands for anything."""
        self._expected += sentences
        pattern = re.compile("\n".join(".*".join(map(re.escape, one.split("..."))) for one in self._expected))

        def as_expected() -> bool:
            return bool(pattern.fullmatch(self.text))

        try:
            self.lab.wait_until(as_expected, 60, "all is told")
        except Exception as exc:
            raise AssertionError(f"told:\n{self.text}\nexpected:\n{pattern.pattern}\n{exc}") from None

    def is_quiet(self, *nodes: str) -> None:
        """Wait until nothing waits to be told on these nodes, and see that nothing else has come."""

        def is_done() -> bool:
            events = [told.waiting(self.lab, node, told.HANGS).count("") for node in nodes]
            return not any(events) and not any(told.waiting(self.lab, node) for node in nodes)

        self.lab.wait_until(is_done, 60, f"nothing waits to be told on {' and '.join(nodes)}")
        self.tells()

    @property
    def text(self) -> str:
        return "\n".join(f"{one.node}: {one.text}" for one in told.told(self.lab))

    @property
    def places(self) -> list[str]:
        """Where the lines went, by the sentences."""
        started = r"relay (?:started|runs) on (\S+)(?: again)?: its lines are on \1 "
        return [found[1] for one in told.told(self.lab) for found in [re.match(started, one.text)] if found]

    @property
    def moved(self) -> list[str]:
        """Where the cluster moved lines, by the relays' own record; several relays at once are one movement."""
        moved = [one.node for one in self.lab.movements() if one.cause == "http"]
        return [node for node, _ in itertools.groupby(moved)]


@pytest.fixture
def night(cluster: Cluster) -> Night:
    told.prepare(cluster.lab)
    told.forget(cluster.lab)
    cluster.lab.must("xivo-1", "crm configure load update -", stdin=told.ALERT)
    return Night(cluster)


def test_a_night_of_faulty_devices(night: Night) -> None:
    cluster, fos1 = night.cluster, night.lab.device("fos1")
    telephony = cluster.starts(TELEPHONY)

    scenes.relay_moved_by_hand(cluster, "fos1")
    night.tells(
        "xivo-1: relay failed on xivo-1: fos1: relay is in position A-D, expected A-B; ...find out who moved it...",
        "xivo-1: relay runs on xivo-1 again: its lines are on xivo-1 (A-B); nothing to do",
    )
    cluster.wait_for("xivo-1")

    fos1.unplug()
    night.tells(f"xivo-1: relay on xivo-1 is degraded: {NO_ANSWER}...; its lines are on xivo-1 (A-B)...")
    night.lab.wait_until(lambda: NO_ANSWER in cluster.attribute("xivo-2", "relay-ready"), 30, "xivo-2 sees it too")
    night.is_quiet(*NODES)
    fos1.plug()
    night.tells("xivo-1: relay on xivo-1 has recovered: its lines are on xivo-1 (A-B); nothing to do")
    night.lab.wait_until(lambda: cluster.attribute("xivo-2", "relay-ready") == "yes", 30, "xivo-2 is ready again")

    fos1.write({"apwd": LOGIN.partition(":")[2], "pwd": "1"})
    night.tells(f"xivo-1: relay on xivo-1 is degraded: {PASSWORD}...; its lines are on xivo-1 (A-B)...")
    night.lab.wait_until(lambda: PASSWORD in cluster.attribute("xivo-2", "relay-ready"), 30, "xivo-2 sees it too")
    night.is_quiet(*NODES)
    fos1.write({"pwd": "0"}, LOGIN)
    night.tells("xivo-1: relay on xivo-1 has recovered: its lines are on xivo-1 (A-B); nothing to do")
    night.is_quiet(*NODES)

    assert [(one.node, one.cause) for one in night.lab.movements()] == [("xivo-2", "hand"), ("xivo-1", "http")]
    assert night.places == night.moved == ["xivo-1"]
    assert cluster.starts(TELEPHONY) == telephony, "neither the night nor the recipient that hangs moves telephony"
    came = [one.text for one in told.told(night.lab)]
    night.lab.wait_until(
        lambda: list(filter(None, told.waiting(night.lab, "xivo-1", told.HANGS))) == came,
        30,
        "all that the other recipient does not take is kept in order",
    )


def test_a_night_of_failing_nodes(night: Night, tmp_path: Path) -> None:
    cluster, lab = night.cluster, night.lab
    since, console = datetime.now().astimezone(), Console(cluster, tmp_path)
    scenes.telephony_moved(cluster, "xivo-2")
    cluster.clear(TELEPHONY)
    night.tells("xivo-2: relay started on xivo-2: its lines are on xivo-2 (A-D); nothing to do")
    night.is_quiet("xivo-2")  # or it dies with the sentence told, but not yet noted as told

    lab.kill("xivo-2")
    night.tells(
        "xivo-1: xivo-2 was fenced: ...; find out why before you rely on it again",
        "xivo-1: relay started on xivo-1: its lines are on xivo-1 (A-B); nothing to do",
        "xivo-1: xivo-2 is back in the cluster: the lines of relay are on xivo-1 (A-B); nothing to do",
    )
    cluster.wait_for_members()
    cluster.wait_for("xivo-1")
    night.is_quiet("xivo-1")  # what xivo-2 left behind when it died is for its next event

    lab.separate_nodes()
    fenced = "xivo-2 was fenced: the lines of relay are on xivo-1 (A-B); find out why before you rely on it again"
    night.tells(f"xivo-1: {fenced}")
    lab.rejoin_nodes()
    night.tells("xivo-1: xivo-2 is back in the cluster: the lines of relay are on xivo-1 (A-B); nothing to do")
    cluster.wait_for_members()
    night.is_quiet("xivo-1")  # what xivo-2 left behind when it died is for its next event

    assert night.places == night.moved == ["xivo-2", "xivo-1"]
    other = json.dumps(console.history("xivo-2", since), indent=2)
    lab.nodes["xivo-1"].put(write(tmp_path / "other.json", other), FROM_OTHER)
    events = console.history("xivo-1", since, "--from", FROM_OTHER)["events"]
    switched = [event["node"] for event in events if event["kind"] == "switch"]
    assert [node for node, _ in itertools.groupby(switched)] == night.places, "the history has the same movements"
    fenced = [event["text"] for event in events if "was fenced" in event["text"]]
    assert len(fenced) == night.text.count(" was fenced") == 2, fenced


def test_a_watchdog_that_expires_is_told_and_so_is_the_way_back(night: Night) -> None:
    cluster, lab, fos1 = night.cluster, night.lab, night.lab.device("fos1")
    for device in lab.devices.values():
        device.write({"modedef": "1", "wdogdef": "1"})
    cluster.set_parameter("watchdog", str(WATCHDOG_SECONDS))
    lab.wait_until(lambda: fos1.order("state")["state"]["watchdog"] == "1", 20, "the watchdog is armed")
    lab.cut("xivo-1", "fos1")
    lab.wait_until(lambda: fos1.lines_at == "xivo-2", 20, "the watchdog of fos1 has expired")
    night.tells("xivo-1: relay on xivo-1 is degraded: fos1: ...")
    lab.restore("xivo-1", "fos1")
    night.tells(
        "xivo-1: relay failed on xivo-1: fos1: relay is in position A-D, expected A-B (watchdog expired); ...",
        "xivo-1: relay runs on xivo-1 again: its lines are on xivo-1 (A-B); nothing to do",
    )
    assert [(one.node, one.cause) for one in lab.movements()] == [("xivo-2", "watchdog"), ("xivo-1", "http")]
    assert night.places == night.moved == ["xivo-1"]
