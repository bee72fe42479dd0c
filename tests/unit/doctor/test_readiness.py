"""Readiness from the node attributes in a CIB, also one from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from berofos_agent.cluster import cib
from berofos_agent.doctor.checks import examine
from berofos_agent.doctor.findings import Facts

GOOD = Path(__file__).parents[2] / "data" / "cib" / "good-crm.xml"


def found(attributes: dict[str, dict[str, str]], edit: tuple[str, str] = ("", "")) -> list[tuple[str, str, str]]:
    """Return the findings in the good configuration with these transient attributes by node."""
    states = "".join(
        f'<node_state id="{node}" uname="{node}"><transient_attributes id="{node}"><instance_attributes id="{node}-s">'
        + "".join(f'<nvpair id="{node}-{name}" name="{name}" value="{value}"/>' for name, value in pairs.items())
        + "</instance_attributes></transient_attributes></node_state>"
        for node, pairs in attributes.items()
    )
    text = GOOD.read_text().replace(*edit).replace("<status/>", f"<status>{states}</status>")
    problems = [(one.check.id, one.problem) for one in examine(Facts(cib.parse(text.encode(), "cib.xml")))]
    return [(check, problem.subject, problem.text) for check, problem in problems]


def test_ready_nodes_with_one_bnfos_conf_are_clean() -> None:
    assert found({"xivo-1": {"relay-config": "a"}, "xivo-2": {"relay-config": "a", "relay-ready": "yes"}}) == []


def test_a_node_that_could_not_take_over_is_an_error_with_its_reason() -> None:
    reason = "Python module requests is missing; install python3-requests"
    assert found({"xivo-2": {"relay-ready": reason}}) == [
        ("standby-not-ready", "xivo-2", f"could not take over relay: {reason}")
    ]


def test_a_digest_that_differs_is_an_error() -> None:
    assert found({"xivo-1": {"relay-config": "a"}, "xivo-2": {"relay-config": "b"}}) == [
        ("config-differs", "relay", "has other devices in /etc/bnfos.conf on xivo-1 than on xivo-2")
    ]


@pytest.mark.parametrize(("port_d", "checks"), [("xivo-2", []), ("xivo-9", ["unknown-node", "standby-not-ready"])])
def test_a_third_node_at_neither_port_is_an_error_only_where_a_port_has_no_node(port_d: str, checks: list[str]) -> None:
    reason = "node xivo-3 is neither port_b_node nor port_d_node"
    edit = ('name="port_d_node" value="xivo-2"', f'name="port_d_node" value="{port_d}"')
    assert sorted(check for check, *_ in found({"xivo-3": {"relay-ready": reason}}, edit)) == sorted(checks)


def test_what_a_deleted_resource_left_is_a_warning_with_the_commands_that_remove_it() -> None:
    left = {
        "old-ready": "yes",
        "old-config": "0123456789ab",
        "old-lines": "A-D",
        "master-old": "10",
        "web-ready": "yes",
    }
    assert found({"xivo-1": {"relay-lines": "A-B"}, "xivo-2": left}) == [
        (
            "leftover-attributes",
            "xivo-2",
            "has node attributes of a resource that is not there any more: old-ready, old-config, old-lines",
        )
    ]
    text = GOOD.read_text().replace(
        "<status/>",
        '<status><node_state id="2" uname="xivo-2"><transient_attributes id="2"><instance_attributes id="s">'
        '<nvpair id="l" name="old-lines" value="A-D"/></instance_attributes></transient_attributes></node_state>'
        "</status>",
    )
    (finding,) = examine(Facts(cib.parse(text.encode(), "cib.xml")))
    assert finding.problem.fix == "attrd_updater --delete --name old-lines --node xivo-2"
