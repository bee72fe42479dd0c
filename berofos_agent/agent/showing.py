"""What an action leaves for people to see: the node attributes, and in syslog what has begun and ended."""

from __future__ import annotations

import syslog
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from berofos_agent.agent import node, ocf
from berofos_agent.agent import state as state_file
from berofos_agent.device.topology import LINES
from berofos_agent.errors import StateError, Superseded

if TYPE_CHECKING:
    from berofos_agent.agent.invocation import Invocation
    from berofos_agent.agent.state import State
    from berofos_agent.device.device import Device

SHOWING_SECONDS = 4.0
"""How long a monitor at level 10 takes at most to show the node attributes; a stop waits for it."""
ATTRIBUTE_SECONDS = 0.1
"""With less than this left, the next action sets the node attribute."""


def save(call: Invocation, state: State, modes: Iterable[str], deadline: float, must: bool = True) -> bool:
    """Write the state file, then let `crm_mon -A` show where the lines are and what is wrong.

    The attribute comes last and only while there is time: attrd_updater hangs when Pacemaker does. It is tried once
    a change, whether that works or not; returns whether it was. A monitor at level 10 asks whether it is still there.
    """
    lines = "/".join(sorted({LINES[mode] for mode in modes})) or "unknown"
    value = "; ".join([lines, *filter(None, state.conditions.values())])
    is_due = value != state.attribute and deadline - time.monotonic() > ATTRIBUTE_SECONDS
    if is_due:
        state.attribute = value
    try:
        state_file.save(call.state, state)
    except Superseded:
        raise
    except StateError as exc:
        if must:
            raise
        ocf.tell_syslog(f"warning: {exc}", syslog.LOG_WARNING)
    if is_due:
        node.set_attribute(call.attribute("lines"), value, call.environ, deadline - time.monotonic())
    return is_due


def note_conditions(state: State, reasons: Mapping[str, str], answered: str) -> bool:
    """Note what is wrong, log what has ended or begun; return whether the reason that is answered is a new one."""
    is_news = False
    for kind, reason in reasons.items():
        before = state.conditions.setdefault(kind, "")
        if node.without_wait(reason) == node.without_wait(before):
            continue
        if not reason:
            ocf.tell_syslog(f"recovered: {before}")
        else:
            is_news = is_news or reason == answered
            if reason != answered:  # the reason that is answered is logged with the answer
                ocf.tell_syslog(f"warning: {reason}", syslog.LOG_WARNING)
        state.conditions[kind] = reason
    return is_news


def show(call: Invocation, lines: str, devices: Sequence[Device], deadline: float) -> None:
    """See that this node's attributes are in the CIB; `lines` is empty if it was set just now. Raises OutOfTime."""
    deadline = min(deadline, time.monotonic() + SHOWING_SECONDS)
    name = node.this_node(call.environ, deadline - time.monotonic())
    if lines:
        node.publish(call.attribute("lines"), lines, name, call.environ, deadline)
    node.publish_config(call, name, [device.entry for device in devices], deadline)
    # Whether this node could take over is no question while it has the lines.
    node.publish(call.attribute("ready"), "", name, call.environ, deadline)


def last_seen(state: State) -> str:
    """Return the node attribute of a stopped resource: empty, but after a failure what was last seen, and the reason.

    Pacemaker stops a resource that failed, and an administrator then needs to know where the lines are.
    """
    if not state.failure:
        return ""
    lines = state.attribute.partition("; ")[0]
    return f"{lines} (last seen {time.strftime('%Y-%m-%d %H:%M:%S')}); {state.failure}"
