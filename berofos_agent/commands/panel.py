"""The command `berofos panel`: serves a page that shows all devices and the cluster."""

from __future__ import annotations

import argparse
import signal
import socket
from collections.abc import Sequence

from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import DONE

PROG = "berofos panel"

DEFAULT_PORT = 8019

_EXAMPLES = """\
  berofos panel                                # http://127.0.0.1:8019/
  ssh -L 8019:127.0.0.1:8019 root@xivo-1       # then the same address at home
  curl -s http://127.0.0.1:8019/status.json    # for programs
  curl -s http://127.0.0.1:8019/metrics        # for Prometheus"""


def main(argv: Sequence[str]) -> int:
    """Serve until a signal ends it; return the exit status."""
    arguments = parser().parse_args(argv)
    devices = commandline.devices_of(arguments)

    from berofos_agent.page.content import STATE_PATH, as_json
    from berofos_agent.panel import server, view
    from berofos_agent.panel.reader import Reader

    reader = Reader(devices, arguments.timeout, commandline.original_of(arguments.config))
    host = socket.gethostname()
    sources: dict[str, server.Source] = {
        STATE_PATH: lambda: as_json(200, view.page(reader.look(), host)),
        "/status.json": lambda: as_json(200, view.status(reader.look())),
        "/metrics": lambda: server.metrics_of(reader.state()),
    }

    def begin(address: str) -> None:
        reader.start()
        print(f"{address} shows {len(devices)} devices; Ctrl-C ends", flush=True)

    def end(*_: object) -> None:
        raise SystemExit

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    server.serve(sources, arguments.port, begin)
    return DONE


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Serve a page that shows all devices and, where a cluster runs, its nodes and resources. It only shows, and "
        "only to this host. Devices are read every two seconds while somebody looks, else every ten. "
        "Needs python3-waitress.",
        _EXAMPLES,
    )
    meaning = "on 127.0.0.1; 0 is any that is free"
    commandline.add_number(parser, "--port", commandline.integer(0, 65535), DEFAULT_PORT, meaning, "PORT")
    commandline.add_devices(parser)
    return parser
