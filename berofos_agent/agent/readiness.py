"""Looks whether this node could take over, and shows that as node attributes.

Run by the recurring monitor with role=Stopped, so on the node that does not have the lines. It moves nothing and leaves
nothing on this node: what was found before is asked of Pacemaker, which forgets it when it restarts.
"""

from __future__ import annotations

import syslog
import time
from importlib import import_module

from berofos_agent import systemlog
from berofos_agent.agent import node
from berofos_agent.agent.invocation import Invocation
from berofos_agent.errors import BerofosError, missing_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from berofos_agent.config.bnfosconf import Entry
    from berofos_agent.device.inspection import Inspection

READY = "yes"
ATTRIBUTES_SECONDS = 2.0
"""Kept for the node attributes, of the time that the cluster gives."""
LONGEST_VALUE = 200


def _time_to_show(deadline: float) -> float:
    """Return when showing an attribute has to end; a busy machine gets time for it, as the answer is the same."""
    return max(deadline, time.monotonic() + ATTRIBUTES_SECONDS)


def publish(call: Invocation) -> None:
    """Set the node attributes INSTANCE-config and INSTANCE-ready, and log a change of the latter."""
    deadline = call.deadline_of("monitor")
    end = max(deadline - ATTRIBUTES_SECONDS, (deadline + time.monotonic()) / 2)
    name = node.this_node(call.environ, end - time.monotonic())
    reason = ""
    entries: Sequence[Entry] = ()
    try:
        entries, reason = _look(call, end)
    except ImportError as exc:
        reason = missing_module(exc)
    except BerofosError as exc:
        reason = str(exc)
    except Exception as exc:
        reason = f"internal error ({type(exc).__name__}); see syslog and report it"
        raise
    finally:
        different = node.publish_config(call, name, entries, _time_to_show(deadline))
        value = _one_line(reason or different) or READY
        before = node.publish(call.attribute("ready"), value, name, call.environ, _time_to_show(deadline))
        if before.get(name) != value:
            _log(call, value)


def _look(call: Invocation, end: float) -> tuple[list[Entry], str]:
    """Return the resource's sections of bnfos.conf, and the first reason why this node could not take over."""
    import_module("berofos_agent.agent.actions")  # a start here needs what it imports, such as ocf.py
    from berofos_agent.agent import inputs, state
    from berofos_agent.device.inspection import inspect
    from berofos_agent.device.parallel import run_on_all

    with inputs.alarm(end):
        given = inputs.parameters_of(call)
        devices = inputs.devices_of(given)
        entries = [device.entry for device in devices]
        try:
            inputs.position_of(call, given, end)
            state.check_writable(call.state)
        except BerofosError as exc:
            return entries, str(exc)
        results = run_on_all(devices, inspect, end)
        reasons = [str(one.error) if one.error else _reason(one.value) if one.value else "" for one in results]
        return entries, next(filter(None, reasons), "")


def _reason(found: Inspection) -> str:
    """Return why a device could not be switched from here; empty if it could."""
    if found.in_flash_mode:
        return f"{found.device}: is in flash mode; switch it off and on again"
    if found.failure:
        return str(found.failure)
    return "" if found.identity else f"{found.device}: no answer over UDP (port 50123); check network and firewall"


def _one_line(text: str) -> str:
    """Return a value that attrd_updater prints as it was set: printable ASCII without double quotes."""
    line = " ".join(node.without_wait(text).replace('"', "'").split()).encode("ascii", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:LONGEST_VALUE]


def _log(call: Invocation, value: str) -> None:
    systemlog.name(call.syslog_tag)
    if value == READY:
        systemlog.tell(syslog.LOG_NOTICE, "this node is ready to take over")
    else:
        systemlog.tell(syslog.LOG_WARNING, f"this node is not ready to take over: {value}")
