"""Keeps the two nodes up until Ctrl-C, with a page on which they can be broken by mouse: what `make lab` runs."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from .board import TOPOLOGIES, Board, Server
from .cluster import Cluster
from .processes import LabError, refusal
from .two_nodes import Lab

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(Exception):
    """A signal ends the lab."""


def main() -> int:
    """Build the lab, print the address of its page, and take everything down at the end."""
    parser = argparse.ArgumentParser(prog="make lab", description="Two cluster nodes to break by mouse.")
    parser.add_argument("--topology", choices=TOPOLOGIES, default="xivos", help="what is cabled to the devices")
    parser.add_argument("--port", type=int, default=8020, help="of the page, on 127.0.0.1 (%(default)s)")
    arguments = parser.parse_args()
    why_not = refusal()
    if why_not:
        print(f"lab: {why_not}", file=sys.stderr)
        return 1

    def end(*_: object) -> None:
        for number in SIGNALS:  # no second Ctrl-C stops the taking down
            signal.signal(number, signal.SIG_IGN)
        raise Ended

    for number in SIGNALS:
        signal.signal(number, end)
    lab = Lab(tell=lambda line: print(line, flush=True))
    try:
        try:
            lab.up()
            cluster = Cluster(lab)
            cluster.configure()
            board = Board(cluster, TOPOLOGIES[arguments.topology])
            board.set_up()
            with board, Server(board, arguments.port) as server:
                print(f"the lab is at {server.url}; Ctrl-C ends it", flush=True)
                while True:
                    time.sleep(3600)
        finally:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            lab.down()
    except Ended:
        print("All taken down again: no process, namespace or file is left.")
        return 0
    except (LabError, OSError) as exc:
        print(f"lab: {exc}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
