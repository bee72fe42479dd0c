"""The command `berofos metrics`: prints what is known of devices and cluster as metrics for Prometheus."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import DONE
from berofos_agent.errors import BerofosError, ConfigurationError

if TYPE_CHECKING:
    from berofos_agent.cluster.cib import Relay
    from berofos_agent.device.inspection import Inspection
    from berofos_agent.doctor.overview import View
    from berofos_agent.panel.metrics import Here, Kick

PROG = "berofos metrics"

MAXIMUM_BYTES = 1 << 20
"""Of the output of the run before; three devices and a relay resource have 5 KiB."""

_EXAMPLES = """\
  berofos metrics                     # to look at
  berofos metrics --output /var/lib/prometheus/node-exporter/berofos.prom"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status: a device that does not answer is a metric, not a failure."""
    arguments = parser().parse_args(argv)
    devices = commandline.devices_of(arguments)
    from berofos_agent.cluster.tools import find
    from berofos_agent.config import editor
    from berofos_agent.device.inspection import inspect_all
    from berofos_agent.panel import metrics

    if arguments.output:
        editor.refuse_special_file(arguments.output)
    found: list[View | str] = []
    cluster = threading.Thread(target=lambda: found.append(_cluster(commandline.original_of(arguments.config))))
    cluster.start()
    inspections = inspect_all(devices, time.monotonic() + arguments.timeout + 2)
    cluster.join()
    changes, known = metrics.carried_on(_text_in(arguments.output), inspections)
    seen = metrics.Observation(
        inspections,
        found[0],
        is_node=find("crm_mon") is not None,
        here=[] if isinstance(found[0], str) else _here(found[0], inspections, os.environ),
        changes=changes,
        known=known,
    )
    text = metrics.text_of(seen)
    if not arguments.output:
        sys.stdout.buffer.write(text)  # UTF-8 in every locale
        commandline.complain_of(PROG, (one.failure for one in inspections))
        return DONE
    try:
        editor.replace_file(arguments.output, text.decode(), 0o644)  # node_exporter has a user of its own
    except OSError as exc:
        raise BerofosError(f"{arguments.output}: cannot be written: {exc.strerror}; see --output") from exc
    return DONE


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Print what is known of devices, relay resources and nodes as metrics in the text format of Prometheus. "
        "Each device is asked once. Root also sees what only this node knows: kicks and DAHDI spans. "
        "Needs python3-prometheus-client.",
        _EXAMPLES,
    )
    parser.add_argument(
        "--output",
        type=commandline.path,
        metavar="FILE",
        help="replace FILE in one step, for the textfile collector of node_exporter",
    )
    commandline.add_devices(parser)
    return parser


def _cluster(config: str) -> View | str:
    from berofos_agent.doctor.overview import read_cluster

    try:
        return read_cluster(config)
    except ConfigurationError as exc:
        return str(exc)


def _here(view: View, inspections: Sequence[Inspection], environ: Mapping[str, str]) -> list[Here]:
    """Read what only this node knows: the kick daemon's report, the spans, and what Asterisk says of them."""
    from berofos_agent.agent import dahdi, node
    from berofos_agent.doctor.overview import with_devices
    from berofos_agent.doctor.spans import spans_here
    from berofos_agent.panel.metrics import Here

    known = {
        relay.id: (given, spans) for relay, given, spans in spans_here(with_devices(view, inspections).facts, environ)
    }
    found = []
    for relay, _given in view.facts.parsed:
        given, spans = known.get(relay.id, (None, []))
        layer2 = {}
        for span in spans if given and given.layer2 else ():
            is_up = dahdi.is_layer2_up(node.output_of(dahdi.ask_layer2(span.number), environ, node.COMMAND_SECONDS))
            if is_up is not None:
                layer2[span.number] = is_up
        found.append(Here(relay.id, _kicks(relay, environ), spans, layer2))
    return found


def _kicks(relay: Relay, environ: Mapping[str, str]) -> list[Kick]:
    """Return what the kick daemon of a resource reported last, empty if there is none or it may not be read."""
    from berofos_agent.doctor.kicks import state_path
    from berofos_agent.panel.metrics import Kick
    from berofos_agent.watchdog.kickd import clock
    from berofos_agent.watchdog.process import read_report

    boot = time.time() - clock()
    report = read_report(state_path(relay, environ))
    return [
        Kick(name, round(boot + kicks.answered_at, 1) if kicks.answered_at else None, kicks.unanswered)
        for name, kicks in report.devices.items()
    ]


def _text_in(path: str | None) -> str:
    """Return what the run before wrote, empty if it cannot be read."""
    if not path:
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MAXIMUM_BYTES)
    except OSError:
        return ""
