"""The agent's parameters and actions, declared once: meta-data, manual, README and parsing follow from here."""

from __future__ import annotations

import re
from typing import Callable, NamedTuple, Optional

from berofos_agent import __version__
from berofos_agent.agent import statepath
from berofos_agent.config.bnfosconf import DEFAULT_PATH
from berofos_agent.errors import ParameterError

AGENT_NAME = "berofos"
AGENT_VERSION = __version__
SHORTDESC = "Switches ISDN lines with bero*fos relays"
LONGDESC = """\
A bero*fos is a relay for ISDN lines with two positions: the lines come in on port A and go out on port B (relay mode 1)
or on port D (relay mode 0). This agent gives the position to the cluster: the resource runs on the node whose port has
the lines. Colocate it WITH the telephony resource, in that order, and set critical=false, so that a relay fault never
moves telephony. Do not clone it.
"""


class Parameter(NamedTuple):
    """One parameter of ocf:xivo:berofos. `default` is what the meta-data shows; None if it depends on others."""

    name: str
    type: str
    default: str | None
    shortdesc: str
    longdesc: str
    check: Callable[[str], object] = str
    required: bool = False
    reloadable: bool = False
    unique_group: str = ""


class Action(NamedTuple):
    """One action with what the meta-data advises, times in seconds."""

    name: str
    timeout: int
    interval: int | None = None
    depth: int | None = None
    role: str = ""


def _seconds(lowest: int, highest: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text) or not lowest <= int(text) <= highest:
            raise ParameterError(f"must be an integer from {lowest} to {highest} (seconds)")
        return int(text)

    return check


def _choice(*words: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in words:
            raise ParameterError(f"must be {' or '.join(words)}")
        return text

    return check


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        raise ParameterError("must be true or false")
    return text.lower() in ("true", "yes", "on", "1")


def _node(text: str) -> str:
    if not re.fullmatch(r"[^\s/]{1,255}", text):
        raise ParameterError("must be one node name")
    return text


def _absolute(text: str) -> str:
    if not text.startswith("/") or not text.isprintable():
        raise ParameterError("must be an absolute path")
    return text


def _words(text: str) -> list[str]:
    return text.split()


def _spans(text: str) -> list[str]:
    for word in text.split():
        if not re.fullmatch(r"[1-9][0-9]{0,3}", word):
            raise ParameterError("must be span numbers, separated by spaces, such as 1 2")
    return text.split()


PARAMETERS = (
    Parameter(
        "config",
        "string",
        DEFAULT_PATH,
        "Where the devices are declared",
        "Path of the bnfos.conf that declares the devices. It must be the same on all nodes.",
        _absolute,
    ),
    Parameter(
        "devices",
        "string",
        None,
        "Devices of this resource",
        "Section names of bnfos.conf, separated by spaces; without it, all of them.",
        _words,
    ),
    Parameter(
        "port_b_node",
        "string",
        None,
        "Node cabled to port B",
        "Name of the cluster node that is cabled to port B of the devices.",
        _node,
        required=True,
    ),
    Parameter(
        "port_d_node",
        "string",
        None,
        "Node cabled to port D",
        "Name of the cluster node that is cabled to port D of the devices; none when D leads to a PBX.",
        _node,
    ),
    Parameter(
        "scenario",
        "string",
        "fallback",
        "Scenario of the devices",
        "What the devices should be set to: fallback (two nodes, on B and D) or bypass (one node in front of a PBX). "
        "A monitor of depth 10 reports a difference.",
        _choice("fallback", "bypass"),
    ),
    Parameter(
        "on_stop",
        "string",
        None,
        "Where the relay goes on stop",
        "keep: the relay stays where it is; the next start moves it. fallback: the lines go to port D. "
        "The default is keep with a port_d_node, else fallback.",
        _choice("keep", "fallback"),
        reloadable=True,
    ),
    Parameter(
        "request_timeout",
        "integer",
        "3",
        "Seconds for one exchange",
        "How long one exchange with a device may take, in seconds (1 to 60). "
        "Start, monitor and reload-agent end after 8 s at the latest, whatever is given here.",
        _seconds(1, 60),
        reloadable=True,
    ),
    Parameter(
        "unreachable_grace",
        "integer",
        "60",
        "Seconds without an answer",
        "Seconds (0 to 86400) for which devices that do not answer are assumed to be in position. The resource is "
        "degraded during this time and fails after it; 0 fails at once. Set it higher than the monitor's interval plus "
        "request_timeout; otherwise the first monitor without an answer fails.",
        _seconds(0, 86400),
        reloadable=True,
    ),
    Parameter(
        "watchdog",
        "integer",
        "0",
        "Interval of the devices' watchdog",
        "Interval in seconds (1 to 65535) of the devices' own watchdog; 0 is off. The kick daemon, a small process on "
        "the node at port B, kicks the devices every third of the interval. If that node dies or freezes, the devices "
        "move the lines to port D by themselves. 15 is a good value.",
        _seconds(0, 65535),
        reloadable=True,
    ),
    Parameter(
        "spans",
        "string",
        None,
        "DAHDI spans that should be alive",
        "DAHDI spans that must be out of alarm while the lines are on this node: their numbers (N of /proc/dahdi/N), "
        "separated by spaces. A span is an ISDN port of the telephony server. A monitor of depth 10 reports an alarm; "
        "a start does not wait for the spans.",
        _spans,
        reloadable=True,
    ),
    Parameter(
        "layer2",
        "boolean",
        "false",
        "Layer 2 of the spans should be up too",
        "Whether a monitor of depth 10 also asks Asterisk (pri show span) about layer 2 of these spans. A span can be "
        "dead without an alarm. Not for BRI in point to multipoint mode, where layer 2 rests between calls.",
        _boolean,
        reloadable=True,
    ),
    Parameter(
        "state",
        "string",
        None,
        "State file",
        "Path of the state file; without it, berofos-INSTANCE.state in HA_RSCTMP or /run/resource-agents.",
        _absolute,
        unique_group="state",
    ),
)

ACTIONS = (
    Action("start", timeout=20),
    Action("stop", timeout=20),
    Action("monitor", timeout=20, interval=10, depth=0),
    Action("monitor", timeout=20, interval=60, depth=10),
    Action("monitor", timeout=20, interval=61, depth=10, role="Stopped"),
    Action("validate-all", timeout=20),
    Action("reload-agent", timeout=20),
    Action("meta-data", timeout=5),
)


class Parameters(NamedTuple):
    """The parameters of one resource, checked."""

    config: str
    devices: list[str]
    port_b_node: str
    port_d_node: str | None
    scenario: str
    on_stop: str
    request_timeout: int
    unreachable_grace: int
    watchdog: int
    spans: list[str]
    layer2: bool

    def has(self, config: str, device: str) -> bool:
        """Tell whether a device of a bnfos.conf is one of this resource."""
        return self.config == config and (not self.devices or device in self.devices)


Given = Callable[[str], Optional[str]]


def parse(given: Given) -> Parameters:
    """Return the parameters, checked; `given(name)` returns one, None if it is not set. Raises ParameterError."""
    values = {parameter.name: _checked(parameter, given(parameter.name)) for parameter in PARAMETERS}
    if values["port_d_node"] and str(values["port_d_node"]).lower() == str(values["port_b_node"]).lower():
        raise ParameterError("port_b_node and port_d_node name the same node; correct one")
    if values["state"] and statepath.is_same_file(str(values["state"]), str(values["config"])):
        raise ParameterError("state and config name the same file; leave state out")
    if not values["on_stop"]:
        values["on_stop"] = "keep" if values["port_d_node"] else "fallback"
    del values["state"]  # statepath.path_of reads it, before anything else is checked
    values["devices"] = values["devices"] or []
    values["spans"] = values["spans"] or []
    return Parameters(**values)  # type: ignore[arg-type]


def _checked(parameter: Parameter, text: str | None) -> object:
    if not text:
        if parameter.required:
            raise ParameterError(f"{parameter.name} is required; set it")
        text = parameter.default
    if text is None:
        return None
    try:
        return parameter.check(text)
    except ParameterError as exc:
        raise ParameterError(f"{parameter.name}={text[:30]}: {exc}") from None
