"""Writes ocf_xivo_berofos(7) from the meta-data: python3 packaging/manual_agent.py > FILE.

Knows roff and how the agent is configured in a cluster; what it says of parameters and actions is the meta-data's.
"""

from __future__ import annotations

import sys

from lxml import etree

from berofos_agent.agent import metadata
from berofos_agent.cluster import rendering
from berofos_agent.cluster.recommendation import recommend

_RECOMMENDED = recommend("relay", "xivo", "xivo-1", "xivo-2", ())


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


EXAMPLES = {
    "Two servers, xivo-1 at port B, xivo-2 at port D, and xivo the telephone service; with crm(8):": _without_comments(
        rendering.as_crm(_RECOMMENDED)
    ),
    "The same with pcs(8):": _without_comments(rendering.as_pcs(_RECOMMENDED)),
}
"""What `berofos cluster-config` prints."""

FILES = {
    "/etc/bnfos.conf": "Declares the devices; `bnfos --scan -x` writes it.",
    "/run/resource-agents/berofos-INSTANCE.state": "Says that the cluster started the resource here.",
}

SEE_ALSO = "berofos(8), bnfos(8), xivo-berofos(8), pacemaker(7), crm(8), pcs(8)"


def build() -> str:
    """Return the manual page as roff."""
    root = etree.fromstring(metadata.build().encode())
    name, version = root.get("name", ""), root.get("version", "")
    page = [
        f'.TH OCF_XIVO_{name.upper()} 7 "" "{name} {version}" "OCF resource agents"',
        ".SH NAME",
        f"ocf_xivo_{name} \\- {_text(root, 'shortdesc')}",
        ".SH SYNOPSIS",
        f".B /usr/lib/ocf/resource.d/xivo/{name}",
        "{" + " | ".join(sorted({_roff(action.get("name", "")) for action in root.iterfind("actions/action")})) + "}",
        ".SH DESCRIPTION",
        _text(root, "longdesc"),
        ".SH PARAMETERS",
    ]
    for parameter in root.iterfind("parameters/parameter"):
        page += _parameter(parameter)
    page.append(".SH ACTIONS")
    page.append("What the meta-data advises for each:")
    for action in root.iterfind("actions/action"):
        page += _action(action)
    page.append(".SH EXAMPLES")
    for introduction, commands in EXAMPLES.items():
        page += [_roff(introduction), ".PP", ".nf", ".RS 2", _roff(commands), ".RE", ".fi", ".PP"]
    page.append(".SH FILES")
    for path, meaning in FILES.items():
        page += [".TP", f".I {_roff(path)}", _roff(meaning)]
    page += [".SH SEE ALSO", _roff(SEE_ALSO)]
    return "\n".join(page) + "\n"


def _parameter(parameter: etree._Element) -> list[str]:
    content = parameter.find("content")
    assert content is not None
    facts = [content.get("type", "")]
    if parameter.get("required") == "1":
        facts.append("required")
    if content.get("default") is not None:
        facts.append(f"default {content.get('default')}")
    if parameter.get("reloadable") == "1":
        facts.append("can be changed while the resource runs")
    head = f'.BR {_roff(parameter.get("name", ""))} " ({_roff(", ".join(facts))})"'
    return [".TP", head, _text(parameter, "longdesc")]


def _action(action: etree._Element) -> list[str]:
    facts = [f"{word} {action.get(word)}" for word in ("interval", "timeout") if action.get(word)]
    level = action.get("depth", "0")
    if level != "0":
        facts.append(f"OCF_CHECK_LEVEL={level}")
    return [".TP", f".B {_roff(action.get('name', ''))}", _roff(", ".join(facts))]


def _text(parent: etree._Element, tag: str) -> str:
    return _roff((parent.findtext(tag) or "").strip())


def _roff(text: str) -> str:
    lines = text.replace("\\", "\\e").replace("-", "\\-").splitlines()
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in lines)


if __name__ == "__main__":
    sys.stdout.write(build())
