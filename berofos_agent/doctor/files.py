"""Checks of bnfos.conf on this node, and the quorum device in corosync.conf."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from shlex import quote

from berofos_agent.cluster.cib import Cluster, Relay
from berofos_agent.config import bnfosconf
from berofos_agent.config.bnfosconf import Entry
from berofos_agent.config.mac import format_mac
from berofos_agent.doctor.findings import CLUSTER, HEURISTICS, NODE_ID, THE_RELAY, ConfigFile, Facts, Problem
from berofos_agent.doctor.remedies import page, with_config
from berofos_agent.errors import ConfigurationError

GUESSED_FIRST = ("admin", "berofos", "beronet", "bnfos", "changeme", "default", "foobar", "barfoo", "password", "xivo")
"""Passwords an attacker tries first: product names, and the passwords of the documentation's examples."""

COROSYNC_CONF = "/etc/corosync/corosync.conf"
MAXIMUM_COROSYNC_BYTES = MAXIMUM_SCRIPT_BYTES = 1 << 20

_SCRIPTS = (
    "etc/crontab",
    "etc/cron.*/*",
    "var/spool/cron/**",
    "usr/sbin/xivo-manage-slave-services",
    "etc/systemd/system/*.wants/*.service",
)
_QUORUM_DEVICE = re.compile(r"^\s*quorum\s*\{[^{}]*^\s*device\s*\{", re.MULTILINE)
"""A section device in the section quorum of corosync.conf."""
_COUNTS_VOTES = re.compile(r"^\s*provider:\s*corosync_votequorum\s*$", re.MULTILINE)
_ONE_IS_ENOUGH = re.compile(r"^\s*(two_node|auto_tie_breaker|expected_votes):\s*(1|yes)\s*$", re.MULTILINE)
_HEURISTICS = re.compile(r"^\s*heuristics\s*\{[^{}]*^\s*mode:\s*(on|sync)\s*$", re.MULTILINE)
_ASKS_FOR_THE_RELAY = re.compile(r"^\s*exec_[^:]+:.*berofos", re.MULTILINE)
"""By the state file of the agent, or by one of our commands."""
_SWITCHES = re.compile(rb"^[^#\n]*(xivo-berofos|berofos +(switch|heartbeat))", re.MULTILINE)
"""A line that is not a comment. The unit of the heartbeat counts where it is enabled."""


def read(path: str) -> ConfigFile:
    """Read a bnfos.conf; never raises, the problem is part of the result."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        mode = None
    try:
        return ConfigFile(path, bnfosconf.select(bnfosconf.read(path), [], path), mode=mode)
    except ConfigurationError as exc:
        return ConfigFile(path, problem=str(exc), mode=mode)


def unusable(facts: Facts) -> Iterator[Problem]:
    """bnfos.conf is missing or unusable."""
    for file in facts.files:
        if file.problem:
            problem = file.problem.removeprefix(file.path).lstrip(":, ")
            fix = f"{with_config('bnfos --scan -x', file.path)}, or edit {quote(file.path)}"
            text, _, step = problem.rpartition("; ")
            if step == "run this as root":
                fix = step
            elif not step.startswith("`bnfos"):  # that is the fix already
                text = problem
            yield Problem(file.path, text, fix)


def wrong_section(facts: Facts) -> Iterator[Problem]:
    """A section of bnfos.conf is wrong: its device is not switched."""
    for file in facts.files:
        for entry in file.entries:
            if entry.problem:
                where, _, mistake = entry.problem.partition(": ")
                yield Problem(entry.name, f"is never switched: {mistake}", f"edit {where}, on all nodes")


def switchers(root: str = "/") -> list[str]:
    """Return the files that switch the lines without a cluster: cron jobs, XiVO's script, the unit of the heartbeat."""
    found = []
    for pattern in _SCRIPTS:
        for path in sorted(glob.glob(os.path.join(root, pattern), recursive=True)):
            try:
                with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
                    is_one = _SWITCHES.search(file.read(MAXIMUM_SCRIPT_BYTES)) is not None
            except OSError:
                continue
            if is_one:
                found.append(path)
    return found


def nobody_switches(facts: Facts) -> Iterator[Problem]:
    """Neither a cluster nor a script switches the devices that bnfos.conf declares."""
    if facts.cluster or facts.switchers is None or facts.switchers:
        return
    for file in facts.files:
        if file.entries:
            yield Problem(
                file.path,
                "declares devices, but nothing switches them: "
                "no cluster runs here, berofos-heartbeat is not enabled, and no script calls xivo-berofos",
                f"set up a cluster (berofos cluster-config), or the hook in {page('migrating-from-xivo-berofos.md')}",
            )


def one_address_twice(facts: Facts) -> Iterator[Problem]:
    """Two sections of bnfos.conf name the same device, so another device is never switched."""
    for file in facts.files:
        named: dict[tuple[str, str], list[Entry]] = {}
        for entry in file.entries:
            address = f"{entry.host.lower()}:{entry.port}" if entry.host else ""
            for what, key in (("address", address), ("MAC", format_mac(entry.mac or b""))):
                named.setdefault((what, key), []).append(entry)
        for (what, key), twins in named.items():
            if key and len(twins) > 1:
                names = " and ".join(entry.name for entry in twins)
                yield Problem(
                    file.path,
                    f"{names} have the same {what}, {key}: only one of the devices is switched",
                    f"correct {file.path}, line {twins[1].line}; bnfos --scan lists the addresses",
                )


def readable_by_others(facts: Facts) -> Iterator[Problem]:
    """Other users can read or change the passwords in bnfos.conf."""
    for file in facts.files:
        others = stat.S_IRWXO | stat.S_IWGRP
        if file.mode is not None and file.mode & others and any(entry.login for entry in file.entries):
            text = f"contains passwords and has permissions {file.mode:04o}: other users can read or change it"
            yield Problem(file.path, text, f"chmod 600 {quote(file.path)}")


def guessable_password(facts: Facts) -> Iterator[Problem]:
    """A password is easily guessed."""
    for file in facts.files:
        for entry in file.entries:
            if entry.login and entry.login.password.lower() in (*GUESSED_FIRST, entry.name.lower()):
                fix = with_config(f"berofos password {entry.name}", file.path)
                yield Problem(entry.name, "has an easily guessed password", fix)


def lines_ignored_in_a_split(facts: Facts) -> Iterator[Problem]:
    """When the nodes lose contact, the quorum device does not choose the node with telephony, which has the lines.

    Seen with corosync-qnetd 3.0.3, ffsplit: the healthy node with the lines was fenced, as its id was 2, and as its
    relay was being recovered in that moment.
    """
    if not facts.cluster or facts.quorum_device not in _WRONG:
        return
    for relay in facts.relays[:1]:
        yield Problem(CLUSTER, _WRONG[facts.quorum_device], _ask_for_telephony(facts.cluster, relay))


_WRONG = {
    NODE_ID: "has a quorum device without heuristics: "
    "in a split, the node with the lines may be the one that is fenced",
    THE_RELAY: "has a quorum device that asks for the relay: "
    "in a split while the relay is recovered, the node with the lines is the one that is fenced",
}
"""What is wrong with a quorum device that decides by something else than by telephony."""


def _ask_for_telephony(cluster: Cluster, relay: Relay) -> str:
    """Return the fix: heuristics that ask for the last systemd unit that the relay follows."""
    followed = {one.with_rsc for one in cluster.followed(relay) if one.mandatory}
    units = [
        primitive.get("type")
        for element in cluster.tree.iter()
        if element.get("id") in followed
        for primitive in element.iter("primitive")
        if primitive.get("class") == "systemd"
    ]
    if not units:
        return f"give it heuristics that succeed only where telephony runs: {page('concepts.md')}"
    executed = quote(f"exec_telephony=/usr/bin/systemctl is-active --quiet {units[-1]}")
    clear = "pcs quorum device heuristics remove"
    return f"{clear}; pcs quorum device update heuristics mode=sync {executed}; without pcs: {page('concepts.md')}"


def no_two_node(facts: Facts) -> Iterator[Problem]:
    """Without two_node in corosync.conf, the node that is left of two has no quorum: it takes over nothing."""
    cluster = facts.cluster
    if not cluster or len(cluster.members) != 2 or facts.one_has_quorum:
        return
    if cluster.option("no-quorum-policy", "stop") != "ignore":
        yield Problem(
            CLUSTER,
            "has no two_node in corosync.conf: when one node dies, the other has no quorum and takes over nothing",
            f"add two_node: 1 to the section quorum of {COROSYNC_CONF} on both nodes; then corosync-cfgtool -R",
        )


def one_has_quorum(path: str = COROSYNC_CONF) -> bool:
    """Return False where corosync.conf counts votes, and nothing in it lets one of two nodes go on alone."""
    text = _corosync_conf(path)
    return not _COUNTS_VOTES.search(text) or bool(_QUORUM_DEVICE.search(text) or _ONE_IS_ENOUGH.search(text))


def _corosync_conf(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MAXIMUM_COROSYNC_BYTES)
    except OSError:
        return ""


def quorum_device(path: str = COROSYNC_CONF) -> str:
    """Return what a quorum device decides by when two nodes lose contact: HEURISTICS, THE_RELAY or NODE_ID.

    It is "" if there is none, or if corosync.conf cannot be read.
    """
    text = _corosync_conf(path)
    if not _QUORUM_DEVICE.search(text):
        return ""
    if not _HEURISTICS.search(text):
        return NODE_ID
    return THE_RELAY if _ASKS_FOR_THE_RELAY.search(text) else HEURISTICS


def how_to_compare(path: str, nodes: Sequence[str]) -> str:
    """Return the command that compares bnfos.conf on all nodes."""
    return f"for node in {' '.join(map(quote, nodes))}; do ssh $node sha256sum {quote(path)}; done"
