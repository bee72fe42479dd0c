"""What every mode of `bnfos` is given: its arguments, the device they name, and where messages go."""

from __future__ import annotations

import argparse
import sys
import syslog
from dataclasses import dataclass

from berofos_agent import systemlog
from berofos_agent.commands import commandline
from berofos_agent.config import bnfosconf
from berofos_agent.config.bnfosconf import Entry
from berofos_agent.config.mac import format_mac
from berofos_agent.device import frame
from berofos_agent.device.settings import REQUEST_SECONDS
from berofos_agent.errors import ConfigurationError

PROG = "bnfos"
BROADCAST = "255.255.255.255"
DEFAULT_WAIT_SECONDS = 2.0


@dataclass(frozen=True)
class Lan:
    """Where devices listen for UDP; real ones always here."""

    port: int = frame.PORT
    broadcast: str = BROADCAST


class Reporter:
    """Writes messages to standard error, or to syslog; with `goes_on`, also when nobody reads them any more."""

    def __init__(self, to_syslog: bool, goes_on: bool = False) -> None:
        self.to_syslog = to_syslog
        self.goes_on = goes_on
        if to_syslog:
            systemlog.name(PROG)

    def info(self, line: str) -> None:
        """Report progress or success."""
        self._tell(line, line, syslog.LOG_NOTICE)

    def error(self, problem: object) -> None:
        """Report a problem."""
        self._tell(f"{PROG}: {problem}", str(problem), syslog.LOG_ERR)

    def _tell(self, line: str, logged: str, priority: int) -> None:
        if self.to_syslog:
            systemlog.tell(priority, logged)
        else:
            sys.stdout.flush()
            if not commandline.print_error(line) and not self.goes_on:
                raise BrokenPipeError


@dataclass(frozen=True)
class Context:
    """One call of `bnfos`."""

    arguments: argparse.Namespace
    reporter: Reporter
    lan: Lan

    @property
    def seconds(self) -> float:
        """How long one exchange may take."""
        return float(self.arguments.t or REQUEST_SECONDS)

    @property
    def wait(self) -> float:
        """How long to wait between two rounds of -c."""
        return DEFAULT_WAIT_SECONDS if self.arguments.w is None else float(self.arguments.w)

    def show(self, line: str) -> None:
        """Print a value that was asked for."""
        print(line, flush=True)

    def target(self, host_needed: bool = False, mac_needed: bool = False) -> Entry:
        """Return the device that the options name; they override bnfos.conf. Raises ConfigurationError.

        Without a host, the request goes to the whole LAN.
        """
        given = self.arguments
        named = _declared(given.config, given.f) if given.f else Entry(given.h or format_mac(given.m or b""))
        entry = named._replace(
            host=given.h or named.host,
            mac=given.m or named.mac,
            login=given.u or named.login,
            port=given.p or named.port,
        )
        where = f"{given.config}, line {entry.line}: [{entry.name}]"
        if not entry.host and host_needed:
            option = bnfosconf.config_option(given.config)
            raise ConfigurationError(f"{where} has no host; `bnfos --scan -x{option}` finds it, or give -h HOST")
        if not entry.mac and (mac_needed or not entry.host):
            raise ConfigurationError(f"{where} has no mac; add it, or give -m MAC")
        return entry._replace(host=entry.host or self.lan.broadcast)


def _declared(path: str, name: str) -> Entry:
    """Return the section of this name, in whatever case the vendor's client took it too; raise ConfigurationError."""
    entries = bnfosconf.read(path)
    exact = [entry for entry in entries if entry.name == name]
    alike = exact or [entry for entry in entries if entry.name.lower() == name.lower()]
    if len(alike) != 1:
        raise ConfigurationError(f"{path}: declares no [{name[:40]}]; use {', '.join(entry.name for entry in entries)}")
    if alike[0].problem:
        raise ConfigurationError(alike[0].problem)
    return alike[0]
