"""What the alert agent tells on the lab's nodes: its recipient is a command that keeps the sentences in a file."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from berofos_agent.alert.main import queue_id

from .two_nodes import NODES, Lab

PROGRAM = "/usr/share/pacemaker/alerts/berofos-alert"
RECIPIENT = "exec:/etc/keep-sentence"
HANGS = "exec:/etc/hang"
"""A recipient that takes nothing."""
ALERT = (
    f"alert berofos-alert {PROGRAM} select nodes fencing resources attributes {{ relay-lines relay-ready }}"
    f" to {RECIPIENT} to {HANGS}\n"
)
"""For crm configure load."""

_PROGRAMS = {
    "keep-sentence": """\
#!/bin/sh
echo "$(date +%s.%N) $1" >> /var/log/pacemaker/sentences
""",
    "hang": """\
#!/bin/sh
exec sleep 600
""",
}
_QUEUES = "/var/lib/pacemaker/berofos-alert"


@dataclass(frozen=True)
class Told:
    """A sentence that came, at a second of time.monotonic()."""

    at: float
    node: str
    text: str


def prepare(lab: Lab) -> None:
    """Put the recipients' commands on both nodes."""
    for name in NODES:
        for program, text in _PROGRAMS.items():
            lab.nodes[name].edit(program, text, 0o755)


def forget(lab: Lab) -> None:
    """Forget what came so far, and what waits."""
    for name in NODES:
        lab.run(name, ["rm", "-rf", "/var/log/pacemaker/sentences", _QUEUES])


def told(lab: Lab) -> list[Told]:
    """Return what came so far, in the order in which it came."""
    began = time.time() - time.monotonic()
    found = []
    for name in NODES:
        path = lab.nodes[name].log / "pacemaker/sentences"
        for line in path.read_text().splitlines() if path.exists() else ():
            at, _, text = line.partition(" ")
            found.append(Told(float(at) - began, name, text))
    return sorted(found, key=lambda one: one.at)


def waiting(lab: Lab, node: str, recipient: str = RECIPIENT) -> list[str]:
    """Return what waits for a recipient on a node, in order: the sentences, and "" for an event."""
    files = f"cat {_QUEUES}/{queue_id(recipient)}/*.event 2> /dev/null || :"
    text, found = lab.run(node, ["sh", "-c", files]).stdout, []
    while text:
        item, end = json.JSONDecoder().raw_decode(text)
        found.append(str(item.get("text", "")))
        text = text[end:].lstrip()
    return found
