"""Writes all manual pages: PYTHONPATH=. python3 packaging/manual.py FOLDER.

Options, modes, settings, parameters and examples come from the tables and parsers of the programs themselves, so a
page cannot leave one out. Everything else is written here.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from berofos_agent import __version__
from berofos_agent.agent.parameters import ACTIONS, LONGDESC, PARAMETERS, SHORTDESC, Parameter
from berofos_agent.alert import main as alert
from berofos_agent.alert.queue import FOLDERS
from berofos_agent.cluster import rendering
from berofos_agent.cluster.recommendation import recommend
from berofos_agent.commands import commandline, xivo_berofos
from berofos_agent.commands.berofos import SUBCOMMANDS
from berofos_agent.commands.bnfos import options
from berofos_agent.device.settings import SETTINGS

# --- roff ------------------------------------------------------------------------------------------------------

_SPECIAL = {"\\": "\\e", "-": "\\-", "~": "\\(ti", "^": "\\(ha", "`": "\\(ga"}
"""What roff would print as another character, or take as a command."""


def escaped(text: str) -> str:
    """Return text as roff prints it; a line that starts with a dot or an apostrophe would be a roff request."""
    text = "".join(_SPECIAL.get(letter, letter) for letter in text)
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in text.split("\n"))


def bold(text: str) -> str:
    """Return text in bold."""
    return f"\\fB{escaped(text)}\\fR"


def italic(text: str) -> str:
    """Return text in italics, for what the reader replaces."""
    return f"\\fI{escaped(text)}\\fR"


def item(term: str, text: str) -> list[str]:
    """Return one item of a list; `term` is roff already."""
    return [".TP", term, escaped(text)]


def paragraphs(text: str) -> Iterator[str]:
    """Return paragraphs, which an empty line separates."""
    for paragraph in text.strip().split("\n\n"):
        yield from (".PP", escaped(paragraph))


def verbatim(text: str) -> list[str]:
    """Return text that keeps its lines and is at most 80 columns wide, as in --help.

    What is too wide for the page's indentation is filled, if it is prose, or begins at the left edge.
    """
    lines = []
    for block in text.strip("\n").split("\n\n"):
        is_wide = max(map(len, block.split("\n"))) > WIDTH
        is_prose = is_wide and not re.search(r"^ ", block, re.MULTILINE)
        kept = [".nf", *[".in 0"][:is_wide], escaped(block), *[".in"][:is_wide], ".fi"]
        lines += [".PP", *([escaped(block)] if is_prose else kept)]
    return lines


WIDTH = 80 - 7
"""Columns of a terminal, less the page's indentation."""


# --- what several pages say ------------------------------------------------------------------------------------

ABOUT = """\
A bero*fos is a relay for ISDN lines that is controlled over the network. The lines come in on port A. In relay mode 1
they go to port B; in relay mode 0, and without power, they go to port D. /etc/bnfos.conf declares the devices."""

CONFIG_FILE = """\
Declares the devices: one section for each, with mac, host, login (user:password) and, unless it is 80, port.
It holds passwords, so only root should be able to read it (mode 0600). bnfos --scan -x writes it."""

EXIT_STATUS: Mapping[int, str] = {
    0: "Success.",
    1: "Failure, or with provision --check: a setting differs.",
    2: "Wrong arguments.",
    3: "bnfos.conf is missing or cannot be used.",
    4: "A device does not answer.",
    5: "A device requires a password, or refused the one in bnfos.conf.",
    6: "The device that answered is not a bero*fos, or has another MAC address.",
    7: "A device gave an answer that cannot be used.",
    8: "A setting was written, but reads back with another value.",
    130: "Interrupted.",
}


def unexplained() -> set[int]:
    """Return the exit statuses that no page explains."""
    return {*commandline.EXIT_STATUS.values(), commandline.WRONG_ARGUMENTS, commandline.INTERRUPTED} - set(EXIT_STATUS)


# --- commands that argparse describes --------------------------------------------------------------------------


def _berofos() -> Iterator[str]:
    parsers = [importlib.import_module(row.module).parser() for row in SUBCOMMANDS.values()]
    yield ".SH SYNOPSIS"
    for number, parser in enumerate(parsers):
        yield from [".br"] if number else []
        yield _synopsis(parser)
    yield from (".SH DESCRIPTION", *paragraphs(ABOUT), ".SH COMMANDS")
    yield "The option \\fB\\-\\-config\\fR may also stand before the command: berofos \\-\\-config FILE status."
    yield f"Each command has {bold('-h')} and {bold('--help')}; berofos {bold('--version')} prints the version."
    for parser in parsers:
        yield f".SS {escaped(parser.prog)}"
        yield from _description(parser)
    yield ".SH ENVIRONMENT"
    yield from item(bold("BEROFOS_CONFIG"), "The file that declares the devices, for commands without --config.")
    yield from item(
        bold("NO_COLOR"), "If it is set and not empty, the output has no colour. Only terminals get colour."
    )
    yield ".SH EXIT STATUS"
    yield "If several devices fail, the status is that of the first."
    yield "check, doctor, drill and rehearse have statuses of their own."
    for status, meaning in EXIT_STATUS.items():
        yield from item(bold(str(status)), meaning)
    yield ".SH FILES"
    yield from item(italic("/etc/bnfos.conf"), CONFIG_FILE)
    yield from item(italic("/var/log/syslog"), "One line for each switch, where rsyslog writes it; else: journalctl.")


def _xivo_berofos() -> Iterator[str]:
    parser = xivo_berofos.parser()
    yield from (".SH SYNOPSIS", _synopsis(parser), ".SH DESCRIPTION", *paragraphs(ABOUT), ".PP", *_description(parser))
    yield ".SH NOTES"
    yield from paragraphs(
        "The command writes nothing to a device that is already in position. It reads each switch back and logs it to "
        "syslog. Where a cluster manages the relay (ocf_xivo_berofos(7)), the cluster switches it back: use this "
        "command without a cluster only."
    )
    yield ".SH FILES"
    yield from item(italic("/etc/bnfos.conf"), CONFIG_FILE)


def _synopsis(parser: argparse.ArgumentParser) -> str:
    words = [bold(parser.prog), f"[{italic('OPTION')}...]"]
    for action in _positionals(parser):
        words.append(f"[{_value(action)}...]" if action.nargs == "*" else _value(action))
    return " ".join(words)


def _description(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield escaped(" ".join((parser.description or "").split()))
    for action in [*_positionals(parser), *_options(parser)]:
        yield from item(_term(action), parser._get_formatter()._expand_help(action))
    if parser.epilog:
        yield from verbatim(parser.epilog)


def _positionals(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not action.option_strings]


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the options, but --help only of a command that is no subcommand: one sentence says that all have it."""
    left_out = (argparse._HelpAction, argparse._VersionAction) if " " in parser.prog else ()
    return [action for action in parser._actions if action.option_strings and not isinstance(action, left_out)]


def _term(action: argparse.Action) -> str:
    if not action.option_strings:
        return _value(action)
    names = ", ".join(map(bold, action.option_strings))
    if action.nargs == 0:
        return names
    return f"{names} [{_value(action)}]" if action.nargs == "?" else f"{names} {_value(action)}"


def _value(action: argparse.Action) -> str:
    if action.metavar:
        return " ".join(map(italic, (action.metavar,) if isinstance(action.metavar, str) else action.metavar))
    if action.choices:
        return "{" + "|".join(bold(str(choice)) for choice in action.choices) + "}"
    return italic(action.dest.upper())


def _alert() -> Iterator[str]:
    parser = alert.parser()
    yield from (".SH SYNOPSIS", italic(ALERT_PATH), ".br", _synopsis(parser), ".SH DESCRIPTION")
    yield from paragraphs(
        "Pacemaker runs this alert agent for each event of the cluster, as the user hacluster. It tells in one "
        "sentence what happened to a relay resource, where the lines are and what to do, and is quiet about what needs "
        "nobody. Each sentence goes to syslog and to the recipient of the alert. With --to, it tells of an event of "
        "berofos heartbeat(8), or sends a test."
    )
    for action in [*_positionals(parser), *_options(parser)]:
        yield from item(_term(action), parser._get_formatter()._expand_help(action))
    yield ".SH RECIPIENTS"
    for recipient, meaning in ALERT_RECIPIENTS.items():
        yield from item(bold(recipient), meaning)
    yield ".SH INSTANCE ATTRIBUTES"
    yield "Options of the alert or of one recipient; without pcs or crm, variables of the environment."
    for attribute, meaning in ALERT_ATTRIBUTES.items():
        yield from item(bold(attribute), meaning)
    yield ".SH EXIT STATUS"
    for status, meaning in ALERT_STATUS.items():
        yield from item(bold(str(status)), meaning)
    yield ".SH FILES"
    yield from item(
        italic(FOLDERS[0]),
        "What is not delivered yet, and what was told last, for each recipient. If it cannot be written, "
        f"{FOLDERS[1]} is used.",
    )
    yield from (".SH EXAMPLES", *verbatim((parser.epilog or "").partition("\n")[2]))


ALERT_PATH = "/usr/share/pacemaker/alerts/berofos-alert"

ALERT_RECIPIENTS: Mapping[str, str] = {
    "ADDRESS@DOMAIN, mail:ADDRESS": "A mail, through sendmail, or through mail where there is no sendmail.",
    "https://..., http://...": "A webhook: a POST with JSON (text, severity, at, node). A redirect is not followed.",
    "exec:COMMAND": "A command, with the sentence as its last argument.",
    "(none)": "Only syslog.",
}

ALERT_ATTRIBUTES: Mapping[str, str] = {
    "mail_from": "The sender of mails; by default, what the mail program puts there.",
    "authorization_file": "A file that hacluster can read, with the value of the webhook's Authorization header.",
    "folder": "Where to keep what is not delivered yet.",
}

ALERT_STATUS: Mapping[int, str] = {
    alert.DONE: "Told, or nothing to tell.",
    alert.NOT_DELIVERED: "Not delivered yet: it is kept, and tried again with the next event.",
    alert.WRONG_ARGUMENTS: "The recipient, an argument or the environment cannot be used; standard error says why.",
}

# --- bnfos(8), from its tables ---------------------------------------------------------------------------------


def _bnfos() -> Iterator[str]:
    yield from (".SH SYNOPSIS", f"{bold('bnfos')} {italic('MODE')} [{italic('OPTION')}...]", ".SH DESCRIPTION")
    yield from paragraphs(
        "bnfos controls bero*fos devices over the network. It replaces the vendor's command of the same name and takes "
        "the same arguments.\n\n"
        "/etc/bnfos.conf declares the devices, one section for each: --scan -x writes it, -f uses it. "
        "An option on the command line takes precedence over the file."
    )
    yield ".SH MODES"
    for mode in options.MODES.values():
        others = " ".join(f"-{letter}" for letter in mode.allows if letter not in mode.needs)
        needed = f" Needs {options.needs_text(mode)}." if mode.needs else ""
        yield from item(
            _with_value(f"--{mode.name}", mode.metavar), f"{_sentence(mode.meaning)}{needed} Allows {others}."
        )
    yield ".SH OPTIONS"
    for option in options.OPTIONS.values():
        yield from item(_with_value(f"-{option.letter}", option.metavar), _sentence(option.meaning))
    parser = options.new_parser()
    for action in _options(parser):
        if action.option_strings[0].lstrip("-") not in {*options.MODES, *options.OPTIONS}:
            yield from item(_term(action), _sentence(parser._get_formatter()._expand_help(action)))
    yield ".SH SETTINGS"
    for setting in SETTINGS.values():
        only = "" if setting.read and setting.write else " Only --get." if setting.read else " Only --set."
        yield from item(bold(setting.keyword), _sentence(setting.meaning) + only)
    yield from (".SH NOTES", *paragraphs(options.NOTES), ".SH FILES")
    kept = "--scan -x adds new devices and corrects addresses; it keeps names, logins and comments."
    yield from item(italic("/etc/bnfos.conf"), f"{CONFIG_FILE} {kept}")
    yield from (".SH EXAMPLES", *verbatim(options.EXAMPLES))


def _with_value(name: str, metavar: str) -> str:
    return f"{bold(name)} {italic(metavar)}" if metavar else bold(name)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


# --- ocf_xivo_berofos(7), from the agent's declaration ---------------------------------------------------------


def _agent() -> Iterator[str]:
    names = " | ".join(sorted({escaped(action.name) for action in ACTIONS}))
    yield from (".SH SYNOPSIS", f"{bold('/usr/lib/ocf/resource.d/xivo/berofos')} {{{names}}}")
    yield from (".SH DESCRIPTION", *paragraphs(LONGDESC), ".SH PARAMETERS")
    for parameter in PARAMETERS:
        yield from item(f"{bold(parameter.name)} ({escaped(_facts(parameter))})", parameter.longdesc)
    yield from (".SH ACTIONS", "The values recommended in the meta-data:")
    for action in ACTIONS:
        facts = [f"interval {action.interval}s"] if action.interval else []
        facts.append(f"timeout {action.timeout}s")
        facts += [f"OCF_CHECK_LEVEL={action.depth}"] if action.depth else []
        facts += [f"role={action.role}"] if action.role else []
        yield from item(bold(action.name), ", ".join(facts))
    yield from (
        ".SH EXIT STATUS",
        "With each failure the agent gives one exit reason: the device, and what to do next.",
    )
    for code, meaning in AGENT_EXIT_STATUS.items():
        yield from item(bold(str(code)), meaning)
    yield ".SH NODE ATTRIBUTES"
    yield escaped("They show the present state: crm_mon --one-shot --inactive --show-node-attributes")
    yield from item(
        bold("INSTANCE-lines"),
        "The position that the agent saw last (A-B, A-D), and what is wrong. A clean stop removes it. After a failure "
        "it stays, with the time and the reason, until the resource starts or stops on that node again. Pacemaker "
        "removes it when the node leaves the cluster.",
    )
    wanted = recommend("relay", "xivo", "xivo-1", "xivo-2", ())
    yield ".SH EXAMPLES"
    yield "Two servers, xivo-1 at port B and xivo-2 at port D; xivo is the telephony resource. With crm(8):"
    yield from verbatim(_without_comments(rendering.as_crm(wanted)))
    yield from (".PP", "The same with pcs(8):", *verbatim(_without_comments(rendering.as_pcs(wanted))))
    yield ".SH FILES"
    yield from item(italic("/etc/bnfos.conf"), "Declares the devices; `bnfos --scan -x` writes it.")
    yield from item(
        italic("/run/resource-agents/berofos-INSTANCE.state"),
        "The state file: it exists while the resource is started.",
    )


AGENT_EXIT_STATUS: Mapping[int, str] = {
    0: "Success.",
    1: "Failure: no device answers, or a relay did not switch. The cluster recovers the resource.",
    2: "On this node, bnfos.conf is invalid, or the node is neither port_b_node nor port_d_node.",
    3: "Unknown action.",
    4: "validate-all at level 10: a device refuses the login of bnfos.conf.",
    5: "bnfos.conf, python3-requests or resource-agents is missing on this node.",
    6: "A parameter is invalid, or the resource is cloned.",
    7: "Not running: not started on this node, or all relays are in the wrong position.",
    190: "Degraded: the resource runs, but a device does not answer or refuses the login, or a setting is wrong.",
}


def _facts(parameter: Parameter) -> str:
    facts = [parameter.type]
    facts += ["required"] if parameter.required else []
    facts += [f"default {parameter.default}"] if parameter.default is not None else []
    facts += ["can be changed while the resource runs"] if parameter.reloadable else []
    return ", ".join(facts)


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


# --- bnfos.conf(5) ---------------------------------------------------------------------------------------------

KEYS: Mapping[str, str] = {
    "mac": "The MAC address, as 00:19:32:00:12:1D. With it, another device at the same address is recognized.",
    "host": "The IP address, or a host name. Use an address: a name server that does not answer delays a failover.",
    "login": "admin:PASSWORD. Without it, the device must have no password protection.",
    "port": "The HTTP port (80).",
}


def _config_file() -> Iterator[str]:
    yield from (".SH SYNOPSIS", italic("/etc/bnfos.conf"), ".SH DESCRIPTION")
    yield from paragraphs(
        "The file declares the bero*fos devices, one section for each. The name of the section is the name of the "
        "device; XiVO expects fos1, fos2 and so on. The file must be the same on all nodes, and only root should be "
        "able to read it (mode 0600), because it holds passwords.\n\n"
        "bnfos --scan -x writes it: it adds new devices, corrects addresses, and keeps everything else. berofos "
        "password writes passwords into it. A line that starts with # or ; is a comment. A section with an error "
        "does not affect the others."
    )
    yield ".SH KEYS"
    for key, meaning in KEYS.items():
        yield from item(bold(key), meaning)
    example = "[fos1]\nmac = 00:19:32:00:12:1D\nhost = 10.34.1.50\nlogin = admin:PASSWORD\n"
    yield from (".SH EXAMPLES", *verbatim(example))


# --- the pages -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """One manual page; `body` yields roff from SYNOPSIS on."""

    name: str
    section: int
    meaning: str
    body: Callable[[], Iterable[str]]
    see_also: str


_ADMINISTRATION = 8

PAGES = (
    Page(
        "berofos",
        _ADMINISTRATION,
        "manage bero*fos ISDN failover switches",
        _berofos,
        "bnfos(8), xivo-berofos(8), bnfos.conf(5), ocf_xivo_berofos(7)",
    ),
    Page(
        "xivo-berofos",
        _ADMINISTRATION,
        "switch the ISDN lines to the master or to the slave",
        _xivo_berofos,
        "berofos(8), bnfos(8), ocf_xivo_berofos(7)",
    ),
    Page(
        "bnfos",
        _ADMINISTRATION,
        "find, configure, flash and query bero*fos ISDN failover switches",
        _bnfos,
        "berofos(8), xivo-berofos(8), ocf_xivo_berofos(7)",
    ),
    Page(
        "ocf_xivo_berofos",
        7,
        SHORTDESC,
        _agent,
        "berofos(8), bnfos(8), xivo-berofos(8), bnfos.conf(5), pacemaker(7), crm(8), pcs(8)",
    ),
    Page(
        "berofos-alert",
        _ADMINISTRATION,
        "tell people in one sentence what happened to the ISDN lines",
        _alert,
        "berofos(8), ocf_xivo_berofos(7), crm(8), pcs(8)",
    ),
    Page("bnfos.conf", 5, "declares bero*fos ISDN failover switches", _config_file, "berofos(8), bnfos(8)"),
)

_MANUALS = {5: "File formats", 7: "OCF resource agents", 8: "System administration"}


def text_of(page: Page) -> str:
    """Return a page as roff."""
    lines = [
        f'.TH {escaped(page.name.upper())} {page.section} "" "berofos {__version__}" "{_MANUALS[page.section]}"',
        ".SH NAME",
        f"{escaped(page.name)} \\- {escaped(page.meaning)}",
        *page.body(),
        ".SH SEE ALSO",
        escaped(page.see_also),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for page in PAGES:
        Path(sys.argv[1], f"{page.name}.{page.section}").write_text(text_of(page), encoding="utf-8")
