"""What an action is given: its time, the parameters, this node's position and the devices of bnfos.conf."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from berofos_agent.agent import node, parameters
from berofos_agent.agent.parameters import Parameters
from berofos_agent.config import bnfosconf
from berofos_agent.errors import NotCabled, OutOfTime, ParameterError

if TYPE_CHECKING:
    from berofos_agent.agent.invocation import Invocation
    from berofos_agent.device.device import Device

ALARM_SECONDS = 0.25
"""How long after its deadline an action is broken off: waits of its own end at the deadline."""


@contextlib.contextmanager
def alarm(deadline: float) -> Iterator[None]:
    """Break off what runs with OutOfTime soon after the deadline (time.monotonic())."""

    def ring(_signal: int, _frame: object) -> None:
        raise OutOfTime("action timed out; see syslog")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(0.05, deadline - time.monotonic() + ALARM_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def parameters_of(call: Invocation) -> Parameters:
    """Return the checked parameters; raise ParameterError, also for a clone."""
    if call.clones > 1:
        raise ParameterError(
            "must not be cloned: two instances would switch one relay back and forth; remove the clone"
        )
    return parameters.parse(call.parameter)


def position_of(call: Invocation, given: Parameters, deadline: float) -> tuple[str, str]:
    """Return this node's name and the relay mode that brings the lines here; raise NotCabled."""
    name = node.this_node(call.environ, deadline - time.monotonic())
    mode = node.relay_mode_for(name, given.port_b_node, given.port_d_node)
    if mode is None:
        cabled = ", ".join(filter(None, (given.port_b_node, given.port_d_node)))
        raise NotCabled(f"node {name} is neither port_b_node nor port_d_node; correct them ({cabled})")
    return name, mode


def devices_of(given: Parameters) -> list[Device]:
    """Return the resource's devices; raise ConfigurationError."""
    from berofos_agent.device.device import Device

    entries = bnfosconf.select(bnfosconf.read(given.config), given.devices, given.config)
    return [Device(entry, given.request_timeout) for entry in entries]
