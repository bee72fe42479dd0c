"""Writes the recommended configuration as commands for crmsh or pcs, or as CIB XML.

The commands change the cluster in one step: a relay without its constraints would start on any node and move the lines.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Callable

from berofos_agent.cluster.recommendation import (
    AGENT,
    FENCING_DELAY,
    META,
    OPERATIONS,
    PRIORITY,
    Recommendation,
    Relay,
)

_AGENT = ":".join(AGENT)
_CONTINUED = " \\\n    "


def as_crm(wanted: Recommendation) -> str:
    """Return commands for crmsh."""
    objects = [
        _command(f"primitive {relay.id} {_AGENT}", f"params {_pairs(relay.parameters, _crm_quoted)}")
        for relay in wanted.relays
    ]
    for relay in wanted.relays:
        role = f":{wanted.role}" if wanted.role else ""
        objects.append(f"colocation {relay.id}-with-{wanted.follow} inf: {relay.id} {wanted.follow}{role}")
    return "\n".join([*_explained("crm"), "crm configure load update - << 'END'", *objects, "END"]) + "\n"


def as_pcs(wanted: Recommendation) -> str:
    """Return commands for pcs: they change a copy of the CIB and push it when it is complete."""
    lines = [
        *_explained("pcs"),
        "set -e",
        "new=$(mktemp) old=$(mktemp)",
        'trap \'rm "$new" "$old"\' EXIT',
        'pcs cluster cib > "$old"',
        'cp "$old" "$new"',
    ]
    for relay in wanted.relays:
        create = f'pcs -f "$new" resource create {relay.id} {_AGENT}'
        lines.append(_command(create, _pairs(relay.parameters, shlex.quote)))
        telephony = f"{wanted.role} {wanted.follow}".lstrip()
        lines.append(f'pcs -f "$new" constraint colocation add {relay.id} with {telephony} score=INFINITY')
    lines.append('pcs cluster cib-push "$new" diff-against="$old"')
    return "\n".join(lines) + "\n"


def as_xml(wanted: Recommendation) -> str:
    """Return a part of a CIB, for `cibadmin --modify --allow-create --scope configuration --xml-pipe`."""
    from lxml import etree

    configuration = etree.Element("configuration")
    resources = etree.SubElement(configuration, "resources")
    constraints = etree.SubElement(configuration, "constraints")
    for relay in wanted.relays:
        resources.append(_xml_primitive(relay))
        together = {"id": f"{relay.id}-with-{wanted.follow}", "rsc": relay.id, "with-rsc": wanted.follow}
        role = {"with-rsc-role": wanted.role} if wanted.role else {}
        etree.SubElement(constraints, "rsc_colocation", {**together, **role, "score": "INFINITY"})
    return etree.tostring(configuration, pretty_print=True, encoding="unicode")


RENDERERS: Mapping[str, Callable[[Recommendation], str]] = {"crm": as_crm, "pcs": as_pcs, "xml": as_xml}


def _explained(tool: str) -> list[str]:
    return [
        f"# ISDN relay in the cluster. Review it and run it on one node: berofos cluster-config --{tool} ... | sh",
        "# The relay is colocated with telephony, never the reverse. critical=false: a relay failure does not move",
        "# telephony. on-fail=ignore: a failed stop gets no node fenced, as the other node's start moves the relay.",
        "# There is no order: ISDN lines wake up while telephony starts.",
        "# Configure once per cluster: fencing, resource-stickiness (the failback policy), and for two nodes without a",
        f"# quorum device priority-fencing-delay={FENCING_DELAY} with priority={PRIORITY} on the telephony resource:",
        "# if the nodes lose contact, the one with telephony survives. `berofos doctor` lists what is missing.",
    ]


def _command(create: str, parameters: str) -> str:
    operations = [f"op {operation.name} {_pairs(operation.settings)}" for operation in OPERATIONS]
    return _CONTINUED.join([create, parameters, *operations, f"meta {_pairs(META)}"])


def _pairs(values: Mapping[str, str], quoted: Callable[[str], str] = str) -> str:
    return " ".join(f"{name}={quoted(value)}" for name, value in values.items())


def _crm_quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text


def _xml_primitive(relay: Relay):  # type: ignore[no-untyped-def]  # lxml-stubs name no public type for it
    from lxml import etree

    primitive = etree.Element("primitive", dict(zip(("class", "provider", "type"), AGENT)), id=relay.id)
    _xml_pairs(primitive, "instance_attributes", f"{relay.id}-params", relay.parameters)
    _xml_pairs(primitive, "meta_attributes", f"{relay.id}-meta", META)
    operations = etree.SubElement(primitive, "operations")
    for operation in OPERATIONS:
        settings = operation.settings
        level = settings.pop("OCF_CHECK_LEVEL", "")
        name = f"{relay.id}-{operation.name}-{settings['interval']}"
        op = etree.SubElement(operations, "op", {"id": name, "name": operation.name, **settings})
        if level:
            _xml_pairs(op, "instance_attributes", f"{name}-params", {"OCF_CHECK_LEVEL": level})
    return primitive


def _xml_pairs(parent, kind: str, id: str, values: Mapping[str, str]) -> None:  # type: ignore[no-untyped-def]
    from lxml import etree

    pairs = etree.SubElement(parent, kind, id=id)
    for name, value in values.items():
        etree.SubElement(pairs, "nvpair", id=f"{id}-{name}", name=name, value=value)
