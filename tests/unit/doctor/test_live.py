"""The doctor's checks of what is: a recorded state of the cluster, together with the positions of the devices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from berofos_agent.cluster import cib, status
from berofos_agent.cluster.relays import relay_states
from berofos_agent.device.inspection import Inspection
from berofos_agent.doctor.checks import CHECKS, examine
from berofos_agent.doctor.findings import Facts, Inspected
from berofos_agent.errors import Unreachable

DATA = Path(__file__).parents[2] / "data"
RECORDED = sorted(path.stem for path in (DATA / "crm_mon" / "2.1").glob("*.xml"))
B, D = "1", "0"


def facts(recording: str, *modes: str, release: str = "2.1", edits: dict[str, str] | None = None) -> Facts:
    """Return the facts of a recorded cluster whose devices fos1, fos2, ... have these relay modes; "" is no answer."""
    text = (DATA / "crm_mon" / release / f"{recording}.xml").read_text()
    for old, new in (edits or {}).items():
        assert old in text
        text = text.replace(old, new)
    inspected = [
        Inspected("/etc/bnfos.conf", inspection(f"fos{number}", mode)) for number, mode in enumerate(modes, start=1)
    ]
    cluster = cib.read_file(str(DATA / "cib" / "good-pcs.xml"))
    return Facts(cluster, status=status.parse(text.encode()), inspected=inspected)


def inspection(name: str, mode: str) -> Inspection:
    if not mode:
        return Inspection(name, error=Unreachable(name, "no answer from 10.34.1.20 within 3 s"))
    settings = {"mode": mode, "modedef": "1", "scenario": "0", "wdog": "0", "wdogdef": "0", "pwd": "1"}
    return Inspection(name, settings)


def found(given: Facts) -> dict[str, str]:
    """Return what the checks of what is found: the text by the id of the check."""
    live = {check.id for check in CHECKS if check.evaluate.__module__.endswith(".live")}
    return {one.check.id: f"{one.problem.subject} {one.problem.text}" for one in examine(given) if one.check.id in live}


@pytest.mark.parametrize("release", ["2.1", "3.0"])
def test_a_healthy_cluster_with_lines_in_position_is_clean(release: str) -> None:
    assert found(facts("healthy", B, B, release=release)) == {}


@pytest.mark.parametrize("release", ["2.1", "3.0"])
def test_a_stuck_relay_after_a_failed_start_is_found(release: str) -> None:
    """Seen: fos1 stuck at A-B, fos2 at A-D, the resource stopped, and the doctor had no findings."""
    assert found(facts("start-failed", B, D, release=release)) == {
        "relay-stopped": "relay is stopped: fos1: relay did not switch: mode is still 1 after writing 0",
        "different-positions": (
            "relay has its devices in different positions: fos1 at A-B (xivo-1), fos2 at A-D (xivo-2); expected A-D"
        ),
        "fail-count": "relay has the fail-count INFINITY (limit 3) on xivo-2: it may not start there",
    }


def test_the_fix_of_different_positions_switches_the_wrong_devices() -> None:
    finding = next(one for one in examine(facts("start-failed", B, D)) if one.check.id == "different-positions")
    assert finding.problem.fix == "berofos switch d fos1; if a relay does not move: power-cycle the device once"


def test_lines_that_are_not_where_telephony_runs_are_found() -> None:
    assert found(facts("healthy", D, D))["wrong-position"] == (
        "relay has its lines at A-D (xivo-2), expected A-B (xivo-1): telephony runs on xivo-1"
    )


@pytest.mark.parametrize(
    ("release", "status", "told"),
    [
        ("2.1", 'status="complete"', "start failed on xivo-2 (error)"),
        ("2.1", 'status="Timed Out"', "start failed on xivo-2 (timed out)"),
        ("3.0", 'status="Done"', "start failed on xivo-2 (error occurred)"),
    ],
)
def test_a_start_that_was_killed_gave_no_reason_and_is_named(release: str, status: str, told: str) -> None:
    """It said "no failure is listed", although crm_mon lists it."""
    reason = 'exitreason="fos1: relay did not switch: mode is still 1 after writing 0"'
    done = 'status="complete"' if release == "2.1" else 'status="Done"'
    edits = {reason: 'exitreason=""', f'call="18" {done}': f'call="18" {status}'}
    given = facts("start-failed", D, D, release=release, edits=edits)
    assert found(given)["relay-stopped"] == f"relay is stopped: {told}"


def test_a_stopped_resource_without_a_failure_has_a_next_step() -> None:
    """There is nothing in "no failure is listed" to correct."""
    failures = '<failure op_key="relay_start_0"'
    given = facts("start-failed", D, D, edits={failures: '<failure op_key="other_start_0"'})
    page = "/usr/share/doc/resource-agents-berofos/troubleshooting.md"
    assert found(given)["relay-stopped"] == "relay is stopped: no failure is listed"
    assert fix_of(given, "relay-stopped") == f"see {page}, then crm_resource --cleanup --resource relay"


def test_a_blocked_resource_names_the_action_that_failed() -> None:
    managed = 'id="relay" resource_agent="ocf:xivo:berofos" role="Stopped" active="false" orphaned="false" blocked='
    edits = {f'{managed}"false"': f'{managed}"true"', 'exitreason="fos1: relay': 'exitreason="" was="fos1: relay'}
    given = facts("start-failed", D, D, edits=edits)
    assert found(given)["relay-blocked"] == "relay is blocked: start failed on xivo-2 (error)"


def test_a_resource_that_is_being_started_is_not_called_stopped() -> None:
    under_way = {'call="16" task="start" rc="0" rc_text="ok"': 'call="-1" task="start" rc="193" rc_text="unknown"'}
    assert found(facts("healthy", D, D, edits=under_way)) == {
        "wrong-position": "relay has its lines at A-D (xivo-2), expected A-B (xivo-1): the resource is being started"
    }
    assert found(facts("healthy", B, B, edits=under_way)) == {}


def test_a_device_that_does_not_answer_has_no_position() -> None:
    assert found(facts("healthy", B, "")) == {}
    assert found(facts("degraded", B, "")) == {}, "the check no-answer has the device already"


def test_a_degraded_resource_is_found_if_the_device_answers_from_here() -> None:
    assert found(facts("degraded", B, B)) == {
        "degraded": "relay is degraded on xivo-1: fos2: no answer from 10.42.0.202 within 3 s"
    }


def test_stopped_telephony_is_found_and_the_relay_is_not_blamed() -> None:
    assert found(facts("telephony-stopped", B, B)) == {
        "telephony-stopped": "xivo runs on no node: it is disabled (target-role=Stopped)"
    }


def test_telephony_that_failed_is_found() -> None:
    given = facts("telephony-stopped", B, B, edits={'target_role="Stopped"': 'target_role="Started"'})
    finding = examine(given)[0]
    assert (finding.check.id, finding.problem.text) == ("telephony-stopped", "runs on no node")
    assert finding.problem.fix == "crm_mon --one-shot --inactive; then crm_resource --cleanup --resource xivo"


def test_different_positions_are_found_while_telephony_runs_nowhere() -> None:
    assert found(facts("telephony-stopped", B, D))["different-positions"] == (
        "relay has its devices in different positions: fos1 at A-B (xivo-1), fos2 at A-D (xivo-2)"
    )


def test_a_node_that_is_not_there_is_found() -> None:
    assert found(facts("node-stopped", B, B)) == {"node-offline": "xivo-2 is OFFLINE: it cannot take over"}


def test_an_unclean_node_and_a_lost_quorum_are_found() -> None:
    given = facts("healthy", B, B, edits={'unclean="false"': 'unclean="true"', 'with_quorum="true"': ""})
    assert set(found(given)) == {"node-offline", "no-quorum"}


def test_a_constraint_that_bans_and_standby_are_found() -> None:
    assert found(facts("ban", B, B)) == {
        "banned": "relay may not run on xivo-2 (constraint cli-ban-relay-on-xivo-2): no failover to it",
        "node-standby": "xivo-2 is in standby: it cannot take over",
    }


def fix_of(given: Facts, check: str) -> str:
    (finding,) = (one for one in examine(given) if one.check.id == check)
    return finding.problem.fix


def test_the_end_of_standby_is_where_it_was_begun() -> None:
    """`crm node standby xivo-2 reboot` sets another one, which crm_attribute would leave, without a word."""
    assert fix_of(facts("ban", B, B), "node-standby") == "crm_attribute --node xivo-2 --name standby --delete"
    given = facts("ban", B, B)
    assert given.cluster
    given = replace(given, cluster=replace(given.cluster, attributes={"xivo-2": {"standby": "on"}}))
    assert fix_of(given, "node-standby") == "crm_attribute --node xivo-2 --name standby --lifetime reboot --delete"


def test_a_node_in_maintenance_is_found() -> None:
    given = facts("healthy", B, B, edits={XIVO_2: XIVO_2.replace('maintenance="false"', 'maintenance="true"')})
    assert found(given) == {"node-standby": "xivo-2 is in maintenance: it cannot take over"}
    assert fix_of(given, "node-standby") == "crm_attribute --node xivo-2 --name maintenance --delete"


XIVO_2 = '<node name="xivo-2" id="2" online="true" standby="false" standby_onfail="false" maintenance="false" '


def history_of_xivo_2(resource: str, count: str, task: str, code: int) -> dict[str, str]:
    last = '<resource_history id="fencing" orphan="false" migration-threshold="1000000">'
    more = (
        f'<resource_history id="{resource}" orphan="false" migration-threshold="1000000"{count}>'
        f'<operation_history call="9" task="{task}" rc="{code}" rc_text="" exec-time="2ms" queue-time="0ms"/>'
        "</resource_history>"
    )
    return {last: more + last}


def test_telephony_that_may_not_start_on_the_other_node_is_found() -> None:
    edits = history_of_xivo_2("xivo", ' fail-count="INFINITY"', "start", 1)
    given = facts("healthy", B, B, edits=edits)
    assert found(given) == {
        "fail-count": "xivo has failed on xivo-2, so that telephony may not start there: no failover to it"
    }
    assert found(facts("healthy", B, B, edits=history_of_xivo_2("xivo", ' fail-count="2"', "start", 1))) == {}


def test_a_node_without_the_agent_is_found_before_the_failover() -> None:
    """Seen: "Stopped (not installed)" only after the other node had died."""
    assert found(facts("healthy", B, B, edits=history_of_xivo_2("relay", "", "probe", 5))) == {
        "standby-not-ready": "xivo-2 could not take over relay: the agent is not installed there"
    }
    assert found(facts("healthy", B, B, edits=history_of_xivo_2("relay", "", "probe", 7))) == {}


def test_a_node_that_is_only_less_likely_is_not_banned() -> None:
    assert "banned" not in found(facts("ban", B, B, edits={'weight="-1000000"': 'weight="-50"'}))


def test_a_third_node_may_be_banned() -> None:
    edits = {'resource="relay" node="xivo-2"': 'resource="relay" node="third"'}
    assert "banned" not in found(facts("ban", B, B, edits=edits))


def test_a_blocked_resource_is_found() -> None:
    edits = {
        'id="relay" resource_agent="ocf:xivo:berofos" role="Started" active="true" orphaned="false" blocked="false"': (
            'id="relay" resource_agent="ocf:xivo:berofos" role="Started" active="true" orphaned="false" blocked="true"'
        )
    }
    assert "relay-blocked" in found(facts("healthy", B, B, edits=edits))


@pytest.mark.parametrize("recording", RECORDED)
def test_without_a_live_state_nothing_is_claimed(recording: str) -> None:
    given = facts(recording, D, B)
    assert found(Facts(given.cluster, inspected=given.inspected)) == {}


def test_every_finding_has_a_next_step() -> None:
    for recording in RECORDED:
        for modes in ((B, B), (B, D), (D, D), (B, ""), ("", "")):
            assert all(one.problem.fix for one in examine(facts(recording, *modes)))


@pytest.mark.parametrize(("on_stop", "mode"), [("", D), ("fallback", D), ("keep", "")])
def test_where_port_d_leads_to_a_pbx_stopped_telephony_leaves_the_lines_there(on_stop: str, mode: str) -> None:
    pbx = f'name="on_stop" value="{on_stop}"/><nvpair id="spare" name="spare"'.encode()
    cluster = cib.parse((DATA / "cib" / "good-pcs.xml").read_bytes().replace(b'name="port_d_node"', pbx), "cib")
    live = status.parse((DATA / "crm_mon" / "2.1" / "telephony-stopped.xml").read_bytes())
    state = relay_states(cluster, live)[0]
    assert (state.node, state.mode, state.name_of("0")) == ("", mode, "PBX")
