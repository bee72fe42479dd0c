"""Reads the DAHDI spans of the relay resources that have their lines on this node; elsewhere an alarm is normal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from berofos_agent.agent import dahdi, node
from berofos_agent.doctor.devices import owner_of
from berofos_agent.doctor.findings import Facts

if TYPE_CHECKING:
    from berofos_agent.agent.dahdi import Span
    from berofos_agent.agent.parameters import Parameters
    from berofos_agent.cluster.cib import Relay


def spans_here(facts: Facts, environ: Mapping[str, str]) -> Iterator[tuple[Relay, Parameters, list[Span]]]:
    """Yield each relay resource with lines on this node, its parameters and the state of its spans."""
    watched = [(relay, given) for relay, given in facts.parsed if given.spans]
    here = node.this_node(environ) if watched else ""
    for relay, given in watched:
        mode = node.relay_mode_for(here, given.port_b_node, given.port_d_node)
        modes = {one.inspection.mode for one in facts.inspected if owner_of(facts, one) == given}
        if mode and mode in modes:
            folder = environ.get(dahdi.FOLDER_VARIABLE, "")
            yield relay, given, [dahdi.read(number, folder) for number in given.spans]
