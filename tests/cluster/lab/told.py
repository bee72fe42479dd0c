"""What the alert agent tells on the lab's nodes: its recipient is a command that keeps the sentences in a file."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .two_nodes import NODES, Lab

PROGRAM = "/usr/share/pacemaker/alerts/berofos-alert"
RECIPIENT = "exec:/etc/keep-sentence"
ALERT = (
    f"alert berofos-alert {PROGRAM} select nodes fencing resources attributes {{ relay-lines relay-ready }}"
    f" to {RECIPIENT}\n"
)
"""For crm configure load."""

_KEEP = """\
#!/bin/sh
echo "$(date +%s.%N) $1" >> /var/log/pacemaker/sentences
"""


@dataclass(frozen=True)
class Told:
    """A sentence that came, at a second of time.monotonic()."""

    at: float
    node: str
    text: str


def prepare(lab: Lab) -> None:
    """Put the recipient's command on both nodes."""
    for name in NODES:
        lab.nodes[name].edit("keep-sentence", _KEEP, 0o755)


def forget(lab: Lab) -> None:
    """Forget what came so far."""
    for name in NODES:
        lab.run(name, ["rm", "-f", "/var/log/pacemaker/sentences"])


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


def is_all_told(lab: Lab) -> bool:
    """Tell whether no event waits on a node that is on."""
    listing = ["sh", "-c", "ls /var/lib/pacemaker/berofos-alert/*/*.event 2> /dev/null"]
    return all(not lab.run(name, listing).stdout for name, node in lab.nodes.items() if node.is_on)
