"""The live state of the cluster, from XML that crm_mon of Pacemaker 2.1 and 3.0 printed."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from berofos_agent.cluster import status
from berofos_agent.cluster.status import INFINITY, Ban, ClusterStatus, FailCount, Fencing
from berofos_agent.errors import ConfigurationError

RECORDED = Path(__file__).parents[2] / "data" / "crm_mon"
RELEASES = ("2.1", "3.0")


def recorded(release: str, name: str) -> ClusterStatus:
    return status.parse((RECORDED / release / f"{name}.xml").read_bytes())


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-24 {text}").replace(tzinfo=timezone.utc)


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_healthy_cluster_has_its_nodes_resources_and_attributes(release: str) -> None:
    cluster = recorded(release, "healthy")
    assert {node.name: node.condition for node in cluster.nodes} == {"xivo-1": "online", "xivo-2": "online"}
    assert (cluster.with_quorum, cluster.fencing_enabled, cluster.maintenance) == (True, True, False)
    assert cluster.where("xivo") == cluster.where("relay") == ["xivo-1"]
    relay = cluster.of("relay")[0]
    assert (relay.agent, relay.role, relay.managed) == ("ocf:xivo:berofos", "Started", True)
    assert cluster.failures == cluster.fail_counts == cluster.bans == []
    node = cluster.node("XIVO-1")
    assert node
    assert node.attributes["relay-lines"] == "A-B"


def test_the_last_start_is_in_the_history(release: str) -> None:
    start = recorded(release, "healthy").last_start("relay")
    assert start
    assert (start.node, start.at) == ("xivo-1", at("23:14:01"))
    assert recorded(release, "start-failed").last_start("relay") is None, "only a failed start is left"


def test_a_resource_does_not_run_while_its_start_is_under_way() -> None:
    """While a role=Stopped monitor is under way elsewhere, crm_mon 2.1.5 says Started, and rc 193 for the start."""
    text = (RECORDED / "2.1" / "healthy.xml").read_text()
    ended = 'call="16" task="start" rc="0" rc_text="ok"'
    assert ended in text
    cluster = status.parse(text.replace(ended, 'call="-1" task="start" rc="193" rc_text="unknown"').encode())
    assert cluster.of("relay")[0].role == status.STARTING
    assert (cluster.where("relay"), cluster.where("xivo")) == ([], ["xivo-1"])


def test_a_degraded_resource_runs_and_is_listed_as_failed(release: str) -> None:
    cluster = recorded(release, "degraded")
    assert cluster.where("relay") == ["xivo-1"]
    failure = cluster.failures_of("relay")[0]
    assert (failure.operation, failure.node, failure.code) == ("monitor", "xivo-1", status.DEGRADED)
    assert failure.reason == "fos2: no answer from 10.42.0.202 within 3 s"
    assert failure.at == at("23:14:08")
    assert cluster.fail_counts == []


def test_a_failed_start_has_reason_and_fail_count(release: str) -> None:
    cluster = recorded(release, "start-failed")
    assert cluster.where("xivo") == ["xivo-2"]
    assert cluster.where("relay") == []
    assert cluster.of("relay")[0].role == "Stopped"
    failure = cluster.failures_of("relay")[0]
    assert (failure.operation, failure.node, failure.code) == ("start", "xivo-2", 1)
    assert failure.reason == "fos1: relay did not switch: mode is still 1 after writing 0"
    assert cluster.fail_counts == [FailCount("relay", "xivo-2", INFINITY, 3)]
    assert cluster.fail_counts[0].keeps_away


@pytest.mark.parametrize(
    ("count", "threshold", "keeps_away"),
    [(1, 3, False), (3, 3, True), (INFINITY, 0, True), (5, 0, False), (5, INFINITY, False)],
)
def test_a_fail_count_keeps_away_from_the_threshold_on(count: int, threshold: int, keeps_away: bool) -> None:
    assert FailCount("relay", "xivo-1", count, threshold).keeps_away is keeps_away


def test_a_node_that_left_is_offline(release: str) -> None:
    cluster = recorded(release, "node-stopped")
    assert {node.name: node.condition for node in cluster.nodes} == {"xivo-1": "online", "xivo-2": "OFFLINE"}


def test_fencing_is_in_its_history() -> None:
    """The history of fencing is no part of a CIB, so only the live recordings have it."""
    assert recorded("2.1", "maintenance").fencing == [Fencing("xivo-1", "reboot", "success", at("23:14:34"))]


def test_a_ban_is_listed_and_standby_is_a_condition(release: str) -> None:
    cluster = recorded(release, "ban")
    assert cluster.bans == [Ban("cli-ban-relay-on-xivo-2", "relay", "xivo-2")]
    assert {node.name: node.condition for node in cluster.nodes} == {"xivo-1": "online", "xivo-2": "standby"}


def test_maintenance_mode_leaves_resources_unmanaged(release: str) -> None:
    cluster = recorded(release, "maintenance")
    assert cluster.maintenance
    assert cluster.where("relay") == ["xivo-1"]
    assert not cluster.of("relay")[0].managed


def test_a_disabled_resource_runs_nowhere(release: str) -> None:
    cluster = recorded(release, "telephony-stopped")
    assert cluster.where("xivo") == cluster.where("relay") == []
    assert cluster.of("xivo")[0].target_role == "Stopped"


@pytest.mark.parametrize(
    ("resource", "role", "nodes"),
    [
        ("xivo", "", ["xivo-1"]),
        ("asterisk_1", "", ["xivo-1"]),
        ("db-clone", "", ["xivo-1", "xivo-2"]),
        ("db-clone", "Promoted", ["xivo-2"]),
        ("db-clone", "Master", ["xivo-2"]),
        ("db-clone", "Unpromoted", ["xivo-1"]),
        ("web", "", ["xivo-2"]),
        ("relay", "Started", ["xivo-1"]),
        ("nothing", "", []),
    ],
)
def test_groups_clones_and_bundles_run_somewhere(release: str, resource: str, role: str, nodes: list[str]) -> None:
    assert recorded(release, "shapes").where(resource, role) == nodes


def edited(name: str, old: str, new: str) -> ClusterStatus:
    text = (RECORDED / "2.1" / f"{name}.xml").read_text()
    assert old in text
    return status.parse(text.replace(old, new).encode())


def test_a_group_with_a_stopped_member_runs_nowhere() -> None:
    member = 'id="asterisk_1" resource_agent="ocf:pacemaker:Dummy" role='
    assert edited("shapes", f'{member}"Started"', f'{member}"Stopped"').where("xivo") == []


@pytest.mark.parametrize(
    ("old", "new", "condition"),
    [
        ('online="true" standby="false"', 'online="true" standby="true"', "standby"),
        ('unclean="false"', 'unclean="true"', "UNCLEAN"),
        ('pending="false"', 'pending="true"', "pending"),
        ('standby_onfail="false" maintenance="false"', 'standby_onfail="false" maintenance="true"', "maintenance"),
    ],
)
def test_the_condition_of_a_node_is_one_word(old: str, new: str, condition: str) -> None:
    assert {node.condition for node in edited("healthy", old, new).nodes} == {condition}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Tue Nov 24 23:14:17 2026", at("23:14:17")),
        ("2026-11-24 23:14:17Z", at("23:14:17")),
        ("2026-11-25 00:14:17 +01:00", at("23:14:17")),
        ("", None),
        ("Di 24. Nov", None),
    ],
)
def test_times_are_read_as_crm_mon_writes_them(text: str, moment: datetime | None) -> None:
    assert status._time(text) == moment


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not XML"),
        (b"<pacemaker-result", "is not XML"),
        (b"<pacemaker-result/>", "has no cluster status"),
        (b"<pacemaker-result><summary/></pacemaker-result>", "try again once the cluster is up"),
    ],
)
def test_what_is_not_a_cluster_status_is_one_clear_error(data: bytes, words: str) -> None:
    with pytest.raises(ConfigurationError, match="crm_mon: ") as caught:
        status.parse(data)
    assert words in str(caught.value)


def stand_in(folder: Path, text: str) -> dict[str, str]:
    program = folder / "crm_mon"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_crm_mon_is_asked_in_utc_and_in_english(tmp_path: Path) -> None:
    environ = stand_in(tmp_path, f'test "$LC_ALL $TZ" = "C UTC0" && cat {RECORDED / "2.1" / "healthy.xml"}')
    environ["LC_ALL"] = "de_DE.UTF-8"
    assert status.read(environ=environ).where("relay") == ["xivo-1"]


@pytest.mark.parametrize(
    ("text", "words"), [("exit 102", "the cluster is not running on this host"), ("exec sleep 60", "within 0.2 s")]
)
def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        status.read(0.2 if "sleep" in text else 5, stand_in(tmp_path, text))
