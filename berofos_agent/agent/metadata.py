"""Builds metadata/berofos.xml from the declaration in `parameters`; run by `make metadata`, never by the agent.

The odd parts are what all readers accept at once: no encoding in the XML declaration (crmsh), ASCII only, and an
internal subset for what OCF 1.1 added to the old DTD (ocf-tester).
"""

from __future__ import annotations

import sys

from lxml import etree

from berofos_agent.agent.parameters import (
    ACTIONS,
    AGENT_NAME,
    AGENT_VERSION,
    LONGDESC,
    PARAMETERS,
    SHORTDESC,
    Action,
    Parameter,
)

HEAD = """\
<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd" [
<!ATTLIST parameter reloadable (1|0) #IMPLIED unique-group CDATA #IMPLIED>
<!ATTLIST action name CDATA #REQUIRED>
]>
"""


def build() -> str:
    """Return the meta-data as text."""
    root = etree.Element("resource-agent", name=AGENT_NAME, version=AGENT_VERSION)
    etree.SubElement(root, "version").text = "1.1"
    _describe(root, SHORTDESC, LONGDESC)
    parameters = etree.SubElement(root, "parameters")
    for parameter in PARAMETERS:
        _add_parameter(parameters, parameter)
    actions = etree.SubElement(root, "actions")
    for action in ACTIONS:
        _add_action(actions, action)
    text: str = etree.tostring(root, encoding="unicode", pretty_print=True)
    return HEAD + text


def _describe(parent: etree._Element, shortdesc: str, longdesc: str) -> None:
    etree.SubElement(parent, "longdesc", lang="en").text = longdesc
    etree.SubElement(parent, "shortdesc", lang="en").text = shortdesc


def _add_parameter(parent: etree._Element, parameter: Parameter) -> None:
    element = etree.SubElement(parent, "parameter", name=parameter.name)
    if parameter.unique_group:
        element.set("unique-group", parameter.unique_group)
    element.set("required", str(int(parameter.required)))
    element.set("reloadable", str(int(parameter.reloadable)))
    _describe(element, parameter.shortdesc, parameter.longdesc)
    content = etree.SubElement(element, "content", type=parameter.type)
    if parameter.default is not None:
        content.set("default", parameter.default)


def _add_action(parent: etree._Element, action: Action) -> None:
    element = etree.SubElement(parent, "action", name=action.name, timeout=f"{action.timeout}s")
    if action.interval is not None:
        element.set("interval", f"{action.interval}s")
    if action.depth is not None:
        element.set("depth", str(action.depth))
    if action.role:
        element.set("role", action.role)


if __name__ == "__main__":
    sys.stdout.write(build())
