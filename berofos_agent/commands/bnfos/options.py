"""The command line of `bnfos`: modes, options and which goes with which.

--help, the manual page and the error messages are made from two tables.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Callable

from berofos_agent import __version__
from berofos_agent.commands.commandline import Parser, argument, given, path, seconds
from berofos_agent.config import bnfosconf
from berofos_agent.config.mac import parse_mac
from berofos_agent.device import frame, settings

NOTES = """\
--netconf, --reset and --flash need the device in flash mode: hold the black
button while powering it on, until the red LEDs of port D blink.

--netconf replaces the whole network configuration: what is not given goes to
its default. A device that is not where the file says is reached by its MAC
alone: -m without -h asks the whole LAN.
--set reads the value back. `--set apwd` without a value asks for it, so that
the password is never in a list of processes.
The login comes from -f, or from -u; if the device wants one and there is
none, it is asked for on a terminal.
--kick -c -b goes on in the background even if the first kick is not answered.
--sscan prints MAC;ADDRESS;FIRMWARE;MODE, MODE being operational or flash.

What was asked for goes to standard output, all else to standard error, or to
syslog with -s. The exit status is 0 only if it worked, 1 if it did not, 2 if
the arguments are wrong."""

EXAMPLES = """\
  bnfos --scan -x
  bnfos --netconf -f fos1 -i 10.34.1.20 -n 255.255.255.0 -g 10.34.1.1 -d 0
  bnfos --flash bnfos_v153.bin -f fos1
  bnfos --set mode=1 -f fos1
  bnfos --get mode -h 10.34.1.20
  bnfos --kick -c -w 5 -b -f fos1"""


@dataclass(frozen=True)
class Option:
    """One row: `metavar` is empty for a switch; `check` returns the value or raises ValueError."""

    letter: str
    metavar: str
    check: Callable[[str], Any]
    meaning: str


@dataclass(frozen=True)
class Mode:
    """One row: the options it allows, and `needs`: combinations of which one has to be given, separated by spaces."""

    name: str
    metavar: str
    allows: str
    needs: str
    meaning: str


def _choice(values: Mapping[str, Any]) -> Callable[[str], Any]:
    def check(text: str) -> Any:
        if text not in values:
            raise ValueError(f"{', '.join(values)} expected, not {text!r}")
        return values[text]

    return check


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise ValueError(f"an IPv4 address such as 10.34.1.20 expected, not {text!r}") from None


def _netmask(text: str) -> IPv4Address:
    mask = _address(text)
    holes = ~int(mask) & 0xFFFFFFFF
    if holes & (holes + 1):
        raise ValueError(f"a netmask such as 255.255.255.0 expected, not {text!r}")
    return mask


def _flag(text: str) -> bool:
    return settings.FLAG.check(text) == "1"


_PHY = _choice(
    {
        "0": frame.PHY_AUTOMATIC,
        "1": frame.PHY_10_MBIT,
        "2": frame.PHY_100_MBIT,
        "3": frame.PHY_10_MBIT | frame.PHY_100_MBIT,
    }
)

OPTIONS: Mapping[str, Option] = {
    option.letter: option
    for option in (
        Option("m", "MAC", parse_mac, "the device's MAC address"),
        Option("h", "HOST", bnfosconf.parse_host, "its host name or IP address; default: the whole LAN is asked"),
        Option("i", "ADDRESS", _address, "its new IP address; default: 0.0.0.0"),
        Option("n", "NETMASK", _netmask, "its new netmask; default: by the class of the address"),
        Option("g", "GATEWAY", _address, "its new gateway; default: 0.0.0.0"),
        Option("e", "PHY", _PHY, "Ethernet: 0 automatic, 1 10 Mbit, 2 100 Mbit; default: 0"),
        Option("d", "0|1", _flag, "DHCP off or on; default: 1"),
        Option("a", "0|1", _flag, "password protection off or on; default: 0"),
        Option("p", "PORT", bnfosconf.parse_port, "its HTTP port, with --netconf its new one; default: 80"),
        Option("u", "USER:PASSWORD", bnfosconf.parse_login, "login; all users of this host see it while bnfos starts"),
        Option("c", "", str, "go on and on, until interrupted"),
        Option("b", "", str, "do so in the background; implies -s"),
        Option("w", "SECONDS", seconds(0, 86400), "how long to wait between two rounds of -c; default: 2"),
        Option("t", "SECONDS", seconds(0, 600), "how long one exchange may take; default, and 0: 3"),
        Option("s", "", str, "log to syslog instead of standard error"),
        Option("x", "", str, "add what was found to the configuration file"),
        Option(
            "f",
            "NAME",
            given("the name of a section such as fos1"),
            "take MAC, host and login from this section of that file",
        ),
    )
}

MODES: Mapping[str, Mode] = {
    mode.name: mode
    for mode in (
        Mode("scan", "", "hcwtsx", "", "find devices"),
        Mode("sscan", "", "hcwts", "", "find devices, a line each for scripts"),
        Mode("netconf", "", "mhfingedapts", "m f", "write the network configuration"),
        Mode("ping", "", "mhfcwts", "m h f", "see whether the device answers"),
        Mode("kick", "", "mhfcwbts", "m h f", "kick the watchdog"),
        Mode("reset", "", "mhfts", "m f", "erase all settings, and the firmware too"),
        Mode("flash", "FILE", "mhfts", "mh f", "write a firmware image"),
        Mode("set", "KEY=VALUE", "hfputs", "h f", "write a setting"),
        Mode("get", "KEY", "hfpucwts", "h f", "read a setting"),
        Mode("show", "", "hfpucwts", "h f", "read all settings"),
    )
}

WRONG_ARGUMENTS = 2
WEB_MODES = ("set", "get", "show")


class _Once(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{self.option_strings[0]} is given twice")
        setattr(namespace, self.dest, values)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments: `mode`, `argument`, `config` and the options by letter, None where not given.

    Ends the process with status 2 and one line for what is wrong, as argparse does.
    """
    parser = new_parser()
    argv = argv[: argv.index("--")] if "--" in argv else argv  # as getopt does, which the vendor's client uses
    for word in argv:
        if word[:1] == "-" and word[1:].partition("=")[0] in MODES:
            parser.error(f"a mode has two dashes: -{word}")
    # The vendor's client has no --force, so --f is --flash there.
    arguments, others = parser.parse_known_args([re.sub("^--f(?==|$)", "--flash", word) for word in argv])
    unknown = [word for word in others if word.startswith("-")]
    if unknown:  # words without a dash are passed over, as by the vendor's client
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    mode = next((mode for mode in MODES.values() if getattr(arguments, mode.name) is not None), None)
    if not mode:
        parser.error(f"no mode given; one of {', '.join(f'--{name}' for name in MODES)} is needed")
    for problem in conflicts(mode, {letter for letter in OPTIONS if getattr(arguments, letter) is not None}):
        parser.error(problem)
    if arguments.force and mode.name != "flash":
        parser.error(f"--force does not go with --{mode.name}; it goes with --flash")
    if arguments.interface and mode.name not in ("scan", "sscan"):
        parser.error(f"--interface does not go with --{mode.name}; it goes with --scan, --sscan")
    if arguments.interface and arguments.h:
        parser.error("--interface and -h do not go together")
    arguments.mode = mode.name
    arguments.argument = getattr(arguments, mode.name)
    if mode.name in ("set", "get"):
        try:
            arguments.argument = (_pair if mode.name == "set" else _readable)(arguments.argument)
        except ValueError as exc:
            parser.error(f"--{mode.name}: {exc}")
    return arguments


def conflicts(mode: Mode, given: set[str]) -> list[str]:
    """Return what is wrong with giving these options together with this mode."""
    problems = [
        f"-{letter} does not go with --{mode.name}; it goes with {_modes_with(letter)}"
        for letter in OPTIONS
        if letter in given and letter not in mode.allows
    ]
    if mode.needs and not any(given.issuperset(alternative) for alternative in mode.needs.split()):
        problems.append(f"--{mode.name} needs {needs_text(mode)}")
    return problems


def needs_text(mode: Mode) -> str:
    """Return `-m MAC and -h HOST, or -f NAME`."""
    return ", or ".join(
        " and ".join(f"-{letter} {OPTIONS[letter].metavar}" for letter in alternative)
        for alternative in mode.needs.split()
    )


def _modes_with(letter: str) -> str:
    return ", ".join(f"--{mode.name}" for mode in MODES.values() if letter in mode.allows)


def _pair(text: str) -> tuple[str, str | None]:
    """Return keyword and checked value of KEY=VALUE; the value is None if it has to be asked for."""
    keyword, separator, value = text.partition("=")
    keyword = _keyword(keyword)
    if separator:
        return keyword, settings.check(keyword, value)
    if settings.SETTINGS[keyword].kind is settings.TRIGGER:
        return keyword, "1"
    if settings.SETTINGS[keyword].kind is settings.PASSWORD:
        return keyword, None
    raise ValueError(f"{keyword} needs a value: {keyword}=VALUE ({settings.SETTINGS[keyword].meaning})")


def _readable(text: str) -> str:
    keyword = _keyword(text)
    if not settings.SETTINGS[keyword].read:
        raise ValueError(f"{keyword} cannot be read from a device")
    return keyword


def _keyword(text: str) -> str:
    keyword = text.strip().lower()
    if keyword not in settings.SETTINGS:
        raise ValueError(f"unknown setting {text[:40]!r}; known are {', '.join(settings.SETTINGS)}")
    return keyword


def new_parser() -> argparse.ArgumentParser:
    """Return the parser; it takes every option with every mode, `parse` refuses what does not fit."""
    parser = Parser(
        prog="bnfos",
        usage="bnfos MODE [OPTION...]",
        description="Find, set up, flash and query bero*fos ISDN failover switches.",
        epilog=f"{_combinations()}\n\n{_settings()}\n\n{NOTES}\n\nexamples:\n{EXAMPLES}",
        add_help=False,
    )
    modes = parser.add_argument_group("modes, one of").add_mutually_exclusive_group()
    for mode in MODES.values():
        kind: dict[str, Any] = {"metavar": mode.metavar, "action": _Once} if mode.metavar else {"action": "store_const"}
        if not mode.metavar:
            kind["const"] = True
        if mode.metavar == "FILE":
            kind["type"] = path
        modes.add_argument(f"--{mode.name}", help=mode.meaning, **kind)
    options = parser.add_argument_group("options")
    for option in OPTIONS.values():
        if option.metavar:
            kind = {"metavar": option.metavar, "action": _Once, "type": argument(option.check)}
        else:
            kind = {"action": "store_const", "const": True}
        options.add_argument(f"-{option.letter}", help=option.meaning, **kind)
    options.add_argument(
        "--config",
        type=path,
        default=bnfosconf.DEFAULT_PATH,
        metavar="FILE",
        help="the configuration file (%(default)s)",
    )
    options.add_argument(
        "--interface",
        type=given("the name of an interface such as eth0"),
        metavar="NAME",
        help="with --scan, --sscan: ask the network at this interface",
    )
    options.add_argument("--force", action="store_true", help="with --flash: write an image that is not known, unasked")
    options.add_argument("--help", action="help", help="show this help; -h is HOST")
    options.add_argument("--version", action="version", version=f"bnfos {__version__}")
    return parser


def _combinations() -> str:
    rows = ["which option goes with which mode (in brackets what may be left out):"]
    for mode in MODES.values():
        needed = " | ".join(f"-{' -'.join(alternative)}" for alternative in mode.needs.split())
        others = "".join(f" [-{letter}]" for letter in mode.allows if letter not in mode.needs)
        call = f"--{mode.name} {mode.metavar}".rstrip()
        rows.append(f"  {call:16} {needed}{others}" if needed else f"  {call:16}{others}")
    return "\n".join(rows)


def _settings() -> str:
    rows = ["settings:"]
    for setting in settings.SETTINGS.values():
        only = "" if setting.read and setting.write else " (only --get)" if setting.read else " (only --set)"
        rows.append(f"  {setting.keyword:12}{setting.meaning}{only}")
    return "\n".join(rows)
