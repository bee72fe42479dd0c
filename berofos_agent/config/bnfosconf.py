"""Reads bnfos.conf: one section a device, with the keys mac, host, login and (our extension) port.

A mistake in a section is a property of its entry, not an error: one slip must never keep the lines of the other
devices where they are. Lines that start with # or ; are comments.
"""

from __future__ import annotations

import os
import re
import resource
import shlex
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Any, Callable, NamedTuple

from berofos_agent.config.mac import beginning, parse_mac
from berofos_agent.errors import ConfigurationError, ConfigurationMissing, NoDeviceDeclared

DEFAULT_PATH = "/etc/bnfos.conf"
DEFAULT_HTTP_PORT = 80
MAXIMUM_BYTES = 1 << 20

_SECTION = re.compile(r"\[([^\[\]]*)\]\s*([#;].*)?")
_BEHIND = {"mac": re.compile(r"\s*[#;].*|(?<=\S)\s.*"), **dict.fromkeys(("host", "port"), re.compile(r"\s*[#;].*"))}
"""What may follow the value of a key: a comment; behind a MAC any text, as the vendor's client took it."""
_WORD = re.compile(r"[a-z]{1,20}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,30}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")


class Login(NamedTuple):
    """User and password for the device's web pages."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.user!r})"  # never the password


class Entry(NamedTuple):
    """One section of the file; `host` is empty for a device that has no address yet.

    `problem` is what is wrong with the section, with file and line; such a device is never spoken to.
    """

    name: str
    host: str = ""
    mac: bytes | None = None
    login: Login | None = None
    port: int = DEFAULT_HTTP_PORT
    line: int = 0
    problem: str = ""


def parse_login(text: str) -> Login:
    """Return the login written as user:password; raise ValueError otherwise. The password may contain colons."""
    user, separator, password = text.partition(":")
    if not separator or not user:
        raise ValueError("a login is written user:password")
    # No core file: a crash must not leave a password on the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    return Login(user, password)


def parse_host(text: str) -> str:
    """Return a host name or IPv4 address; raise ValueError for anything else.

    The system would take 10.34.1 for 10.34.0.1, and 010 for 8: another host than the one meant.
    """
    if not _HOST.fullmatch(text) or (_DIGITS_AND_DOTS.fullmatch(text) and not _is_ipv4(text)):
        raise ValueError(f"not a host name or IPv4 address: {beginning(r'[0-9A-Za-z_.-]*', text)}")
    return text


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def parse_port(text: str) -> int:
    """Return a TCP port from 1 to 65535; raise ValueError for anything else."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError(f"not a port from 1 to 65535: {beginning(r'[0-9A-Za-z.-]*', text)}")
    return int(text)


_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""What surrogateescape makes of such a byte."""

KEYS: dict[str, Callable[[str], Any]] = {"mac": parse_mac, "host": parse_host, "login": parse_login, "port": parse_port}
"""By key, what makes its value of a text, or raises ValueError with a sentence for the administrator."""


def read(path: str) -> list[Entry]:
    """Return the file's sections in their order. What is not UTF-8 is a problem of its section, in a comment none.

    Raises ConfigurationMissing if there is no such file, ConfigurationError if it cannot be read or has no section.
    """
    entries = parse(read_text(path, errors="surrogateescape"), path)
    if not entries:
        raise NoDeviceDeclared(f"{path}: declares no device; `bnfos --scan -x{config_option(path)}` finds them")
    return entries


def read_text(path: str, errors: str = "strict") -> str:
    """Return the text of the file, decoded as bytes.decode does; raise ConfigurationMissing or ConfigurationError."""
    try:
        # A pipe would wait for a writer.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            data = file.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationMissing(
            f"{path} is missing on this node; `bnfos --scan -x{config_option(path)}` writes it"
        ) from None
    except OSError as exc:
        if isinstance(exc, PermissionError) and os.geteuid():
            raise ConfigurationError(f"{path}: cannot be read: {exc.strerror}; run this as root") from exc
        raise ConfigurationError(f"{path}: cannot be read: {exc.strerror}; make it a file that root can read") from exc
    if len(data) > MAXIMUM_BYTES or b"\0" in data:
        raise ConfigurationError(
            f"{path}: is not a bnfos.conf (binary, or larger than 1 MiB); copy it from the other node"
        )
    try:
        return data.decode("utf-8-sig", errors)
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigurationError(f"{path}, line {line}: is not UTF-8 text; write that line anew") from None


def config_option(path: str) -> str:
    """Return what a command needs to use this file, to be put behind it; empty for the default one."""
    return "" if path == DEFAULT_PATH else f" --config {shlex.quote(path)}"


def parse(text: str, path: str) -> list[Entry]:
    """Return the sections of a text in their order. Names are unique; the first mistake in a section is its problem."""
    entries: dict[str, Entry] = {}
    section: Entry | None = None
    given: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        where = f"{path}, line {number}"
        name = section_name(stripped)
        if name is not None:
            section, given = Entry(name, line=number), set()
            if name in entries:
                section = Entry(
                    f"{name} (line {number})", line=number, problem=f"{where}: [{name}] is declared twice; remove one"
                )
            elif not _SECTION.fullmatch(stripped) and NAME.fullmatch(name):
                section = section._replace(problem=f"{where}: wrong header; write [{name}] on a line of its own")
            elif not NAME.fullmatch(name):
                section = section._replace(problem=f"{where}: [{name}] is not a usable name; use [fos1], [fos2], ...")
        else:
            section = section or Entry(
                "(no section)", line=number, problem=f"{where}: stands before the first [section]; move it below one"
            )
            mistake = "is not UTF-8 text; write that line anew" if _NOT_UTF8.search(line) else ""
            try:
                section = section if mistake else section._replace(**_setting(stripped, section.name, given))
            except ValueError as exc:
                mistake = f"{exc}; correct it"
            if mistake:
                section = section._replace(problem=section.problem or f"{where}: {mistake}")
        entries[section.name] = section
    return list(entries.values())


def section_name(line: str) -> str | None:
    """Return the name in a section's header, None if the line is not a header; a header starts with a bracket."""
    if not line.startswith("["):
        return None
    match = _SECTION.fullmatch(line)
    # What follows a name may be the login of the next line.
    name = match.group(1).strip() if match else re.split(r"[\]\s=]", line[1:].strip(), maxsplit=1)[0]
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:31]


def _setting(line: str, section: str, given: set[str]) -> dict[str, Any]:
    """Return the key and the value of a line, and add the key to those given in the section; raise ValueError."""
    key, separator, value = line.partition("=")
    key = key.strip().lower()
    if not separator:
        raise ValueError("neither [section] nor key = value (a comment has a line of its own)")
    if key not in KEYS:
        # A login line with a slip in it has part of the password before the "=".
        shown = f" {key}" if _WORD.fullmatch(key) else ""
        raise ValueError(f"unknown key{shown}; known are {', '.join(KEYS)}")
    if key in given:
        raise ValueError(f"a second {key} for [{section}]")
    given.add(key)
    value = value.strip()
    return {key: KEYS[key](_BEHIND[key].sub("", value) if key in _BEHIND else value)}


def select(entries: Sequence[Entry], names: Sequence[str], path: str) -> list[Entry]:
    """Return the entries with these names, all if there are none; one without a host has that as its problem.

    Raises ConfigurationError for a name that is not declared, and if no entry can be used.
    """
    known = {entry.name: entry for entry in entries}
    for name in names:
        if name not in known:
            raise ConfigurationError(f"{path}: declares no [{name}]; use {', '.join(known)}")
    chosen = [_with_host(known[name], path) for name in dict.fromkeys(names or known)]
    if all(entry.problem for entry in chosen):
        raise ConfigurationError(chosen[0].problem)
    return chosen


def _with_host(entry: Entry, path: str) -> Entry:
    if entry.host or entry.problem:
        return entry
    option = config_option(path)
    return entry._replace(
        problem=f"{path}, line {entry.line}: [{entry.name}] has no host; `bnfos --scan -x{option}` finds it"
    )


def digest(entries: Sequence[Entry]) -> str:
    """Return a short digest of names, addresses, ports and MACs, equal wherever the same devices are declared.

    Nothing of a login is in it, so that it helps nobody to guess a password.
    """
    import hashlib

    lines = sorted(f"{one.name} {one.host.lower()} {one.port} {(one.mac or b'').hex()}\n" for one in entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]
