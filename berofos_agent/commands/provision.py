"""The command `berofos provision`: configures devices for a topology, after it has shown what will change."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import DONE, FAILED, printable
from berofos_agent.device.settings import SETTINGS
from berofos_agent.device.topology import LINES, SCENARIO, WATCHDOG_SECONDS
from berofos_agent.doctor.remedies import page

if TYPE_CHECKING:
    from berofos_agent.device.device import Device
    from berofos_agent.device.parallel import Result
    from berofos_agent.device.reading import Difference
    from berofos_agent.device.settings import Values

PROG = "berofos provision"

_EXCHANGES = 12
"""One write and one read for each of four groups, and some more to repair what firmware 1.3.3 loses."""

_EXAMPLES = """\
  berofos provision                           # two XiVOs, on ports B and D
  berofos provision --scenario bypass fos1    # one XiVO in front of a PBX
  berofos provision --check || echo "some settings differ"

With a watchdog, the device moves the lines to port D by itself when it gets no
kick for SECONDS. Start what kicks it before you arm the watchdog; this is why
--arm is not the default."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    arguments = parser().parse_args(argv)
    if arguments.watchdog is None:
        arguments.watchdog = WATCHDOG_SECONDS[arguments.scenario]
    if arguments.arm and not arguments.watchdog:
        parser().error("--arm needs a watchdog: --watchdog SECONDS, or --scenario bypass")
    devices = commandline.devices_of(arguments)
    from berofos_agent.cluster import resources
    from berofos_agent.device import provisioning
    from berofos_agent.device.parallel import run_on_all
    from berofos_agent.device.reading import differences

    managed_by = resources.relay_resources()
    if managed_by:
        commandline.complain(
            PROG, f"the cluster manages the relay ({', '.join(managed_by)}); its position is not changed"
        )
    wanted = provisioning.wanted_settings(
        arguments.scenario, arguments.watchdog, move=not managed_by, arm=arguments.arm
    )
    looks = run_on_all(devices, lambda device, end: device.read(end), time.monotonic() + arguments.timeout)
    found = [(look, differences(look.value, wanted, unreported=True)) for look in looks if look.value is not None]
    for look, changes in found:
        _print_differences(look.device, changes, arguments.scenario)
    status = commandline.complain_of(PROG, [look.error for look in looks])
    different = [(look, changes) for look, changes in found if changes]
    if arguments.check:
        return status or (FAILED if different else DONE)
    if not different:
        return status
    if not arguments.yes and not _agreed(different):
        commandline.complain(PROG, "nothing written")
        return FAILED
    with commandline.uninterrupted():
        return _write(arguments, different) or status


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Configure devices: show which settings differ, ask, write them, read them back, and check that no other "
        "setting changed. The relay moves to A-B, unless a cluster manages it.",
        _EXAMPLES,
    )
    parser.add_argument(
        "--scenario", choices=SCENARIO, default="fallback", help="fallback: two XiVOs; bypass: a PBX on D (%(default)s)"
    )
    parser.add_argument(
        "--watchdog",
        type=commandline.interval,
        metavar="SECONDS",
        help="watchdog interval, 0 for off (fallback: 0, bypass: 15)",
    )
    parser.add_argument("--arm", action="store_true", help="arm the watchdog now; something must kick it already")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a setting differs")
    how.add_argument("--yes", action="store_true", help="write without asking")
    commandline.add_devices(parser)
    return parser


def _print_differences(device: Device, different: Sequence[Difference], scenario: str) -> None:
    if not different:
        print(f"{device.name}: already set up for {scenario}")
        return
    print(f"{device.name} ({device.entry.host}), settings that differ from {scenario}:")
    print(f"  {'setting':11}{'now':8}{'wanted':8}meaning")
    for one in different:
        now = "unknown" if one.now is None else printable(one.now)
        print(f"  {one.keyword:11}{now:8}{one.expected:8}{SETTINGS[one.keyword].meaning}")


def _agreed(different: Sequence[tuple[Result[Values], Sequence[Difference]]]) -> bool:
    names = ", ".join(look.device.name for look, _changes in different)
    moving = [look.device.name for look, changes in different if any(one.keyword == "mode" for one in changes)]
    moves = f" The lines of {', '.join(moving)} move to {LINES['1']}; calls on them are cut." if moving else ""
    return commandline.confirmed(PROG, f"Write this to {names}?{moves}")


def _write(arguments: argparse.Namespace, different: Sequence[tuple[Result[Values], Sequence[Difference]]]) -> int:
    from berofos_agent.device import provisioning
    from berofos_agent.device.parallel import run_on_all

    before: Mapping[str, Values] = {look.device.name: look.value or {} for look, _changes in different}
    changes = {look.device.name: {one.keyword: one.expected for one in found} for look, found in different}
    results = run_on_all(
        [look.device for look, _changes in different],
        lambda device, end: provisioning.set_up(device, changes[device.name], before[device.name], end),
        time.monotonic() + _EXCHANGES * arguments.timeout,
    )
    for result in results:
        if result.value is None:
            continue
        name = result.device.name
        if "mode" in changes[name]:
            was, now = LINES.get(before[name].get("mode", ""), "unknown"), LINES[changes[name]["mode"]]
            who = f"berofos provision by {commandline.user()}"
            commandline.tell_syslog("berofos", f"{name}: switched from {was} to {now}: {who}")
        commandline.tell_syslog("berofos", f"{name}: set up for {arguments.scenario}: berofos provision")
        if result.value:
            print(
                f"{name}: the firmware lost {', '.join(result.value)}; written again. Update it: {page('firmware.md')}"
            )
        print(f"{name}: set up for {arguments.scenario}, verified; no other setting changed")
    return commandline.complain_of(PROG, [result.error for result in results])
