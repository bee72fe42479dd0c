"""The command `berofos simulate`: runs simulated devices, or gives orders to running ones."""

from __future__ import annotations

import argparse
import functools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import abandon_output, argument, integer
from berofos_agent.config import bnfosconf
from berofos_agent.config.editor import replace_file
from berofos_agent.config.mac import format_mac, parse_mac
from berofos_agent.device import frame, settings
from berofos_agent.errors import BerofosError, ConfigurationError
from berofos_agent.simulator import DeviceSpec, Simulator, running, specs
from berofos_agent.simulator.control import answer_line, order
from berofos_agent.simulator.faults import FAULTS
from berofos_agent.simulator.firmware import DEFAULT_FIRMWARE, FIRMWARES
from berofos_agent.simulator.history import Entry
from berofos_agent.simulator.orders import ORDERS

_LOOK_SECONDS = 0.5
"""How soon after its second a watchdog that ran out unseen is printed."""

_PRINTING = threading.Lock()

_PORT = integer(0, 65535)

_MARK = "# written by berofos simulate\n"

_DESCRIPTION = """\
Be one or more bero*fos devices on this host, with relay, watchdog, settings,
flash mode and faults, until interrupted. Each movement of a relay is a line of
output. On a terminal, orders may be typed. In a browser, the address of a
device (http://127.0.0.1:8080/) shows it and does what hands can do to it."""

_SESSION = """\
a session, to copy and paste:
  berofos simulate --devices 2 --config /tmp/bnfos.conf --control /tmp/fos &
  curl -s http://127.0.0.1:8080/config.txt | grep 4_mode  # relay of fos1: 0
  curl -s 'http://127.0.0.1:8080/?cmd=4&mode=1'           # A-B connected
  berofos simulate --tell /tmp/fos 'fos1 power off'       # A-D: no power
  berofos simulate --tell /tmp/fos 'fos1 power on'
  berofos simulate --tell /tmp/fos 'fos2 stuck'            # its relay is stuck
  berofos simulate --tell /tmp/fos 'fos2 state'
  kill %1

/tmp/bnfos.conf declares the devices for all other commands: fos1 is 127.0.0.1,
fos2 is 127.0.0.2. A scan finds them at the broadcast address 127.255.255.255.
A device keeps and reports the address and the HTTP port that it is set to, but
goes on listening where it was started: add -p 8080 to bnfos --netconf."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    arguments = parser().parse_args(argv)
    if arguments.tell:
        return _tell(*arguments.tell)
    return _simulate(arguments)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.Parser(
        prog="berofos simulate",
        description=_DESCRIPTION,
        epilog=f"orders, each as DEVICE ORDER [ARGUMENT]:\n{_order_rows()}\n\n{_SESSION}",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--devices",
        type=integer(1, 250),
        default=1,
        metavar="N",
        help="how many: fos1 on ADDRESS, fos2 on the next, ...",
    )
    which.add_argument(
        "--device",
        type=_device,
        action="append",
        metavar="NAME:ADDRESS:PORT:MAC",
        help="one device with its HTTP port; may be repeated",
    )
    parser.add_argument("--address", type=_address, default="127.0.0.1", help="where fos1 listens (%(default)s)")
    parser.add_argument(
        "--lease", type=_address, metavar="ADDRESS", help="what a DHCP server gives fos1, if not ADDRESS"
    )
    parser.add_argument("--http-port", type=_PORT, default=8080, metavar="PORT", help="for HTTP (%(default)s)")
    parser.add_argument("--udp-port", type=_PORT, default=frame.PORT, metavar="PORT", help="for UDP (%(default)s)")
    parser.add_argument("--firmware", choices=FIRMWARES, default=DEFAULT_FIRMWARE, help="version (%(default)s)")
    parser.add_argument(
        "--password", type=_password, help="protect the devices; not one in real use, as others on this host see it"
    )
    parser.add_argument("--digest", action="store_true", help="offer Digest instead of Basic authentication")
    parser.add_argument("--control", default="", metavar="SOCKET", help="take orders at this Unix domain socket")
    parser.add_argument("--state", default="", metavar="FILE", help="keep settings and relays here between runs")
    parser.add_argument("--config", metavar="FILE", help="write a bnfos.conf that declares the devices")
    parser.add_argument(
        "--tell",
        nargs=2,
        metavar=("SOCKET", "ORDER"),
        help="send ORDER to the simulator at SOCKET, print its answer, and exit",
    )
    return parser


def _order_rows() -> str:
    rows = [(name, order.argument, order.meaning) for name, order in ORDERS.items()]
    rows += [
        (name, f"{fault.argument}|off" if fault.argument else "[off]", fault.meaning) for name, fault in FAULTS.items()
    ]
    return "\n".join(f"  {f'{name} {argument}':25}{meaning}" for name, argument, meaning in rows)


_address = argument(functools.partial(settings.check, "address"))
_password = argument(functools.partial(settings.check, "apwd"))


@argument
def _device(text: str) -> DeviceSpec:
    name, *rest = text.split(":", 3)
    if len(rest) != 3:
        raise ValueError(f"{text!r} is not NAME:ADDRESS:PORT:MAC")
    if not bnfosconf.NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a usable name; use letters, digits, _ . -")
    address, port, mac = rest
    return DeviceSpec(name, _address(address), _PORT(port), mac=format_mac(parse_mac(mac)))


def _tell(path: str, text: str) -> int:
    answer = order(path, text)
    if not answer.get("ok"):
        raise BerofosError(str(answer.get("error")))
    print(json.dumps(answer))
    return 0


def _simulate(arguments: argparse.Namespace) -> int:
    wanted = _wanted(arguments)
    config = _free_config(arguments.config)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with running(wanted, state=arguments.state, control=arguments.control, listener=_print_entry) as simulator:
        if config:
            _write_config(config, simulator)
        try:
            _print_devices(simulator)
        except BrokenPipeError:
            if not ended.is_set():  # the process that ends a simulator may close its output first
                raise
            abandon_output()
        if _owns_terminal():
            threading.Thread(target=_execute_terminal, args=(simulator,), daemon=True).start()
        while not ended.wait(_LOOK_SECONDS):
            for model in simulator.models.values():
                model.catch_up()
    return 0


def _wanted(arguments: argparse.Namespace) -> list[DeviceSpec]:
    protected = {} if arguments.password is None else {"apwd": arguments.password, "pwd": "1"}
    like = DeviceSpec(
        address=arguments.address,
        http_port=arguments.http_port,
        udp_port=arguments.udp_port,
        firmware=arguments.firmware,
        settings=protected,
        digest=arguments.digest,
        lease=arguments.lease or "",
    )
    if not arguments.device:
        try:
            return specs(arguments.devices, like)
        except ValueError as exc:
            what = f"there is no room for {arguments.devices} devices: {exc}"
            raise ConfigurationError(f"{what}; try another address or port") from exc
    names = [device.name for device in arguments.device]
    if len(set(names)) < len(names):
        raise ConfigurationError("--device: each needs a name of its own; rename one")
    return [
        replace(like, name=device.name, address=device.address, http_port=device.http_port, mac=device.mac)
        for device in arguments.device
    ]


def _free_config(path: str | None) -> str | None:
    """Return the path if no file of the user's would be lost by writing it."""
    try:
        if path and os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as old:
                if old.readline() != _MARK:
                    raise ConfigurationError(f"{path}: there already, and not written by a simulator; remove it first")
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be written: {exc.strerror}; choose another file") from exc
    return path


def _print_line(line: str) -> None:
    """Print a line whole, whatever other threads print meanwhile: print() writes a text and its newline apart."""
    with _PRINTING:
        print(line, flush=True)


def _write_config(path: str, simulator: Simulator) -> None:
    try:
        replace_file(path, _MARK + simulator.conf())
    except OSError as exc:
        raise BerofosError(f"{path}: cannot be written: {exc.strerror}; choose another file") from exc


def _print_devices(simulator: Simulator) -> None:
    for device in simulator.devices:
        address, port = device.udp_address
        model = device.model
        _print_line(f"{device.name}: {device.mac}, {device.url}/, UDP {address}:{port}, firmware {model.firmware_name}")
    _print_line("ready; Ctrl-C ends")


def _print_entry(name: str, entry: Entry) -> None:
    moment = time.strftime("%H:%M:%S", time.localtime(float(entry["at"])))
    told = " ".join(f"{key}={value}" for key, value in entry.items() if key not in ("at", "monotonic", "event"))
    _print_line(f"{moment} {name} {entry['event']} {told}".rstrip())


def _owns_terminal() -> bool:
    """False also for a simulator in the background: it would be stopped for reading from the terminal."""
    if not sys.stdin.isatty():
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # a terminal that controls nothing
        return True


def _execute_terminal(simulator: Simulator) -> None:
    for line in sys.stdin:
        if line.strip():
            _print_line(answer_line(simulator.models, line).rstrip("\n"))
