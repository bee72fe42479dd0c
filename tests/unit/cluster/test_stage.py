"""What of a configuration the scheduler is asked about."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from lxml import etree

from berofos_agent.cluster import stage
from berofos_agent.cluster.scheduler import Answer

RESOURCES = """
<primitive id="fencing" class="stonith" type="fence_ipmilan"/>
<primitive id="far" class="ocf" provider="pacemaker" type="remote"/>
<primitive id="guest">
  <meta_attributes id="m"><nvpair id="n" name="remote-node" value="g1"/></meta_attributes>
</primitive>
<template id="phone" class="ocf" provider="heartbeat" type="asterisk"/>
<primitive id="relay"/>
<group id="xivo"><primitive id="vip"/><primitive id="asterisk" template="phone"/></group>
<primitive id="other-phone" template="phone"/>
<clone id="disks"><primitive id="disk"/></clone>
<clone id="lone-clone"><group id="lone-group"><primitive id="a"/><primitive id="b"/></group></clone>
<primitive id="lone"/>
"""
RELAY = '<rsc_colocation id="c1" rsc="relay" with-rsc="xivo" score="INFINITY"/>'


def kept(constraints: str, properties: str = "", tags: str = "") -> set[str]:
    """The resources that are asked about, with their constraints."""
    text = (
        f"<cib><configuration><crm_config><cluster_property_set id='p'>{properties}</cluster_property_set></crm_config>"
        f"<resources>{RESOURCES}</resources><constraints>{constraints}</constraints><tags>{tags}</tags>"
        "</configuration></cib>"
    )
    tree = etree.fromstring(text)
    cib = stage.connected(tree, ["relay"])
    assert etree.tostring(tree) == etree.tostring(etree.fromstring(text)), "what was given stays as it is"
    found = cib.xpath("configuration/resources/*[not(self::template)]/@id | configuration/constraints/*/@id")
    return set(found) - {"fencing", "far", "guest"}


def test_what_nothing_connects_is_left_out_with_its_constraints() -> None:
    lone = '<rsc_location id="l" rsc="lone" node="xivo-1" score="1"/><rsc_order id="o" first="lone" then="lone-clone"/>'
    assert kept(RELAY + lone) == {"relay", "xivo", "c1"}


def test_what_fences_and_what_is_a_node_stays() -> None:
    cib = stage.connected(
        etree.fromstring(f"<cib><configuration><resources>{RESOURCES}</resources></configuration></cib>"), []
    )
    assert cib.xpath("configuration/resources/primitive/@id") == ["fencing", "far", "guest"]


@pytest.mark.parametrize(
    "constraint",
    [
        '<rsc_order id="c2" first="disks" then="asterisk"/>',
        '<rsc_colocation id="c2" rsc="vip" with-rsc="disk" score="10"/>',
        '<rsc_order id="c2"><resource_set id="s1"><resource_ref id="disk"/></resource_set>'
        '<resource_set id="s2"><resource_ref id="xivo"/></resource_set></rsc_order>',
    ],
)
def test_what_a_colocation_or_an_order_connects_stays_also_over_others(constraint: str) -> None:
    further = '<rsc_order id="c3" first="lone" then="disks"/>'
    assert kept(RELAY + constraint + further) == {"relay", "xivo", "disks", "lone", "c1", "c2", "c3"}


def test_a_constraint_may_name_a_tag_or_a_template() -> None:
    tagged = '<rsc_order id="c2" first="tag" then="xivo"/>'
    tag = '<tag id="tag"><obj_ref id="lone"/></tag>'
    assert kept(RELAY + tagged, tags=tag) == {"relay", "xivo", "lone", "c1", "c2"}
    assert kept(RELAY + '<rsc_order id="c2" first="disks" then="phone"/>') == {
        "relay",
        "xivo",
        "other-phone",
        "disks",
        "c1",
        "c2",
    }


def test_where_resources_share_what_a_node_has_all_stay() -> None:
    balanced = '<nvpair id="x" name="placement-strategy" value="balanced"/>'
    assert {"lone", "lone-clone", "disks"} <= kept(RELAY, balanced)
    assert "lone" not in kept(RELAY, balanced.replace("balanced", "default"))


SHARED = """
<cib><configuration><crm_config/>
<resources>
  <primitive id="xivo"><meta_attributes id-ref="m"/><operations id-ref="o"/></primitive>
  <primitive id="relay"><operations id="o"><op id="o-1" name="monitor" interval="10s"/></operations></primitive>
  <primitive id="lone">
    <meta_attributes id="m"><nvpair id="m-1" name="priority" value="10"/></meta_attributes>
  </primitive>
</resources>
<constraints>
  <rsc_colocation id="c1" rsc="relays" with-rsc="xivo" score="INFINITY"/>
  <rsc_location id="l1" rsc="lone">
    <rule id="r" score="5"><expression id="e" attribute="a" operation="defined"/></rule>
  </rsc_location>
  <rsc_location id="l2" rsc="xivo"><rule id-ref="r"/></rsc_location>
  <rsc_order id="o1"><resource_set id="s"><resource_ref id="lone"/></resource_set></rsc_order>
  <rsc_order id="o2"><resource_set id-ref="s"/></rsc_order>
</constraints>
<acls><acl_role id="a"><acl_permission id="p" kind="read" reference="lone"/></acl_role></acls>
<tags><tag id="relays"><obj_ref id="relay"/></tag><tag id="others"><obj_ref id="lone"/></tag></tags>
</configuration></cib>
"""


@pytest.mark.parametrize(
    ("cut", "constraints", "tags"),
    [
        (lambda tree: stage.connected(tree, ["relay"]), ["c1", "l2"], ["relays"]),
        (lambda tree: stage.without(tree, ["relay"]), ["l1", "l2", "o1", "o2"], ["others"]),
    ],
    ids=["connected", "without"],
)
def test_what_stays_refers_to_nothing_that_is_gone(
    cut: Callable[[Any], Any], constraints: list[str], tags: list[str]
) -> None:
    """Pacemaker refuses a CIB with an empty tag, or with a reference to nothing."""
    cib = cut(etree.fromstring(SHARED))
    assert cib.xpath("configuration/constraints/*/@id") == constraints
    assert cib.xpath("configuration/tags/tag/@id") == tags
    ids = cib.xpath("//@id")
    names = cib.xpath("//@id-ref | //@rsc | //@with-rsc | //obj_ref/@id | //resource_ref/@id | //@reference")
    assert set(names) <= set(ids)
    assert len(set(ids)) + len(cib.xpath("//obj_ref | //resource_ref")) == len(ids)
    assert cib.xpath("//primitive[@id='xivo']/operations/@*[name()='id' or name()='id-ref']") == ["o"]
    assert cib.xpath("count(//op)") == 1
    assert cib.xpath("//nvpair/@name") == ["priority"]


def test_a_pair_that_is_a_reference_has_no_name() -> None:
    class Still:
        def run(self, cib: Any, _options: object) -> Answer:
            return Answer(cib, {}, [], [], [], at_rest=True)

    tree = etree.fromstring(
        SHARED.replace('<operations id-ref="o"/>', '<utilization id="u"><nvpair id-ref="m-1"/></utilization>')
    )
    assert stage.at_rest_on(Still(), tree, "xivo-1").cib.xpath("count(//nvpair[not(@name)])") == 1  # type: ignore[arg-type]
