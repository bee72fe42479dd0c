"""The command `berofos switch`: switches the lines to port B or to port D."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from berofos_agent.commands import commandline
from berofos_agent.device.topology import MODE_OF_PORT

PROG = "berofos switch"

_EXAMPLES = """\
  berofos switch b         # lines to port B (relay mode 1), on all devices
  berofos switch d fos2    # lines to port D (relay mode 0), on fos2 only"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    arguments = parser().parse_intermixed_args(argv)
    devices = commandline.devices_of(arguments)
    from berofos_agent.cluster import resources
    from berofos_agent.device.parallel import run_on_all

    managed_by = resources.relay_resources()
    if managed_by:
        commandline.complain(PROG, f"warning: {resources.warning(managed_by)}")
    mode = MODE_OF_PORT[arguments.port]
    deadline = time.monotonic() + 4 * arguments.timeout
    with commandline.uninterrupted():
        results = run_on_all(devices, lambda device, end: device.switch(mode, end), deadline)
        for result in results:
            if result.value:
                line = commandline.movement(result.device, result.value)
                if result.value.moved:
                    commandline.tell_syslog("berofos", f"{line}: berofos switch by {commandline.user()}")
                print(line)
        return commandline.complain_of(PROG, [result.error for result in results])


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Switch the lines, which come in on port A, to port B or to port D, on all devices at once. "
        "Calls on lines that move are cut. Each switch is logged to syslog.",
        _EXAMPLES,
    )
    parser.add_argument("port", type=str.lower, choices=MODE_OF_PORT, help="the port that gets the lines")
    commandline.add_devices(parser)
    return parser
