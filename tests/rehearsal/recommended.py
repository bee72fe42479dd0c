"""Every configuration that we recommend, as a CIB: topologies, shapes of telephony, and kinds of fencing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from berofos_agent.cluster import cib
from berofos_agent.cluster.cib import Cluster
from berofos_agent.cluster.recommendation import FENCING_DELAY, PRIORITY, recommend
from berofos_agent.cluster.rendering import as_xml

NODES = ("xivo-1", "xivo-2")

_MONITOR = '<operations><op id="{0}-monitor" name="monitor" interval="10s" timeout="20s"/></operations>'
_DUMMY = '<primitive id="{0}" class="ocf" provider="pacemaker" type="Dummy">' + _MONITOR + "</primitive>"
_STATEFUL = """\
<primitive id="{0}" class="ocf" provider="pacemaker" type="Stateful"><operations>
  <op id="{0}-monitor-promoted" name="monitor" interval="10s" timeout="20s" role="Promoted"/>
  <op id="{0}-monitor" name="monitor" interval="11s" timeout="20s" role="Unpromoted"/>
</operations></primitive>"""
_PRIORITY = '<meta_attributes id="xivo-meta">{}<nvpair id="xivo-priority" name="priority" value="' + PRIORITY + '"/>'
_META = _PRIORITY.format("") + "</meta_attributes>"
_PROMOTABLE = _PRIORITY.format('<nvpair id="xivo-promotable" name="promotable" value="true"/>') + "</meta_attributes>"

SHAPES = {
    "primitive": _DUMMY.format("xivo").replace("<operations>", _META + "<operations>"),
    "template": '<template id="phone" class="ocf" provider="pacemaker" type="Dummy">'
    + _MONITOR.format("phone")
    + f'</template><primitive id="xivo" template="phone">{_META}</primitive>',
    "group": f'<group id="xivo">{_META}{_DUMMY.format("vip")}{_DUMMY.format("asterisk")}</group>',
    "clone": f'<clone id="xivo">{_META}{_DUMMY.format("phone")}</clone>',
    "promotable": f'<clone id="xivo">{_PROMOTABLE}{_STATEFUL.format("db")}</clone>',
    "bundle": f'<bundle id="xivo">{_META}<podman image="asterisk" replicas="1"/></bundle>',
}
"""The telephony resource, always named xivo."""

_DEVICE = """\
<primitive id="{0}" class="stonith" type="fence_ipmilan"><instance_attributes id="{0}-params">
  <nvpair id="{0}-hosts" name="pcmk_host_list" value="{1}"/>
</instance_attributes></primitive>"""
_DELAY = {"priority-fencing-delay": FENCING_DELAY}


@dataclass(frozen=True)
class Fencing:
    """How nodes are fenced."""

    devices: str = ""
    properties: tuple[tuple[str, str], ...] = ()
    has_quorum_device: bool = False


ONE_DEVICE = _DEVICE.format("fencing", " ".join(NODES))
FENCING = {
    "one-device": Fencing(ONE_DEVICE, tuple(_DELAY.items())),
    "device-a-node": Fencing("".join(_DEVICE.format(f"fence-{name}", name) for name in NODES), tuple(_DELAY.items())),
    "sbd": Fencing("", (("stonith-watchdog-timeout", "10s"), ("have-watchdog", "true"), *_DELAY.items())),
    "quorum-device": Fencing(ONE_DEVICE, has_quorum_device=True),
}


@dataclass(frozen=True)
class Recommended:
    """One recommended configuration."""

    name: str
    cluster: Cluster
    has_quorum_device: bool


def all_of_them() -> Iterator[Recommended]:
    """Return every configuration; a PBX at port D needs no other node, so no fencing either."""
    for shape, (fencing, how) in itertools.product(SHAPES, FENCING.items()):
        yield Recommended(f"two-nodes-{shape}-{fencing}", _cluster(shape, how, NODES), how.has_quorum_device)
    for shape in SHAPES:
        yield Recommended(f"pbx-{shape}", _cluster(shape, Fencing(), NODES[:1]), False)


def _cluster(shape: str, fencing: Fencing, nodes: tuple[str, ...]) -> Cluster:
    port_d = nodes[1] if len(nodes) > 1 else ""
    role = "Promoted" if shape == "promotable" else ""
    wanted = etree.fromstring(as_xml(recommend("relay", "xivo", nodes[0], port_d, ["fos1", "fos2"], role=role)))
    properties = {"stonith-enabled": "true" if port_d else "false", **dict(fencing.properties)}
    pairs = "".join(f'<nvpair id="p-{name}" name="{name}" value="{value}"/>' for name, value in properties.items())
    relays = "".join(etree.tostring(one).decode() for one in wanted.find("resources"))
    constraints = "".join(etree.tostring(one).decode() for one in wanted.find("constraints"))
    members = "".join(f'<node id="{number}" uname="{name}"/>' for number, name in enumerate(nodes, 1))
    text = f"""\
<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="2" num_updates="0">
  <configuration>
    <crm_config><cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set></crm_config>
    <nodes>{members}</nodes>
    <resources>{fencing.devices}{SHAPES[shape]}{relays}</resources>
    <constraints>{constraints}</constraints>
    <rsc_defaults><meta_attributes id="defaults">
      <nvpair id="stickiness" name="resource-stickiness" value="100"/>
    </meta_attributes></rsc_defaults>
  </configuration>
  <status/>
</cib>"""
    return cib.parse(text.encode(), shape)
