"""What bnfos.conf declares; knows the file's lines and nothing of a network.

One section a device, keys mac, host, login and (our extension) port. Lines that start with # or ; are comments.
"""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from berofos_agent.config.mac import parse_mac
from berofos_agent.errors import ConfigurationError, ConfigurationMissing

DEFAULT_PATH = "/etc/bnfos.conf"
DEFAULT_HTTP_PORT = 80
MAXIMUM_BYTES = 1 << 20

_SECTION = re.compile(r"\[([^\[\]]*)\]")
_WORD = re.compile(r"[a-z]{1,20}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,30}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")


class Login(NamedTuple):
    """User and password for the device's web pages."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.user!r})"  # never the password


class Entry(NamedTuple):
    """One section of the file; `host` is empty for a device that has no address yet."""

    name: str
    host: str = ""
    mac: bytes | None = None
    login: Login | None = None
    port: int = DEFAULT_HTTP_PORT
    line: int = 0


def parse_login(text: str) -> Login:
    """Return the login written as user:password; raise ValueError otherwise. The password may contain colons."""
    user, separator, password = text.partition(":")
    if not separator or not user:
        raise ValueError("a login is written user:password")
    _write_no_core_file()
    return Login(user, password)


def _write_no_core_file() -> None:
    """Whoever knows a password leaves none behind on the disk when it crashes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def parse_host(text: str) -> str:
    """Return a host name or IPv4 address; raise ValueError for anything else.

    The system would take 10.34.1 for 10.34.0.1, and 010 for 8: another host than the one meant.
    """
    if not _HOST.fullmatch(text) or (_DIGITS_AND_DOTS.fullmatch(text) and not _is_ipv4(text)):
        raise ValueError(f"not a host name or IPv4 address: {text[:40]!r}")
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
        raise ValueError(f"not a port from 1 to 65535: {text[:40]!r}")
    return int(text)


_KEYS = {"mac": parse_mac, "host": parse_host, "login": parse_login, "port": parse_port}


def read(path: str) -> list[Entry]:
    """Return the file's devices in their order.

    Raises ConfigurationMissing if there is no such file, ConfigurationError naming file and line for anything
    that cannot be used, a file without a device included.
    """
    entries = parse(read_text(path), path)
    if not entries:
        raise ConfigurationError(f"{path}: declares no device; `bnfos --scan -x` finds them")
    return entries


def read_text(path: str) -> str:
    """Return the text of the file; raise ConfigurationMissing or ConfigurationError."""
    try:
        with open(path, "rb", opener=_at_once) as file:
            data = file.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationMissing(f"{path} is missing on this node; `bnfos --scan -x` writes it") from None
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read: {exc.strerror}") from exc
    if len(data) > MAXIMUM_BYTES or b"\0" in data:
        raise ConfigurationError(f"{path}: is no bnfos.conf (binary, or larger than 1 MiB)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigurationError(f"{path}, line {line}: is not UTF-8 text") from None


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for a writer


def parse(text: str, path: str) -> list[Entry]:
    """Return the devices a text declares; raise ConfigurationError that names file and line."""
    entries: dict[str, Entry] = {}
    for name, number, settings in _sections(text, path):
        if name in entries:
            raise ConfigurationError(f"{path}, line {number}: [{name}] is declared twice")
        entries[name] = Entry(name=name, line=number, **settings)  # type: ignore[arg-type]
    return list(entries.values())


def _sections(text: str, path: str) -> Iterator[tuple[str, int, dict[str, object]]]:
    section: tuple[str, int, dict[str, object]] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        where = f"{path}, line {number}"
        header = _SECTION.fullmatch(stripped)
        if header:
            if section:
                yield section
            name = header.group(1).strip()
            if not _NAME.fullmatch(name):
                raise ConfigurationError(f"{where}: {name[:40]!r} is no usable name; use fos1, fos2, ...")
            section = (name, number, {})
            continue
        key, separator, value = stripped.partition("=")
        key = key.strip().lower()
        if not separator:
            raise ConfigurationError(f"{where}: neither [section] nor key = value (a comment has a line of its own)")
        if section is None:
            raise ConfigurationError(f"{where}: stands before the first [section]")
        if key not in _KEYS:
            # A login line with a slip in it has part of the password before the "=".
            shown = f" {key!r}" if _WORD.fullmatch(key) else ""
            raise ConfigurationError(f"{where}: unknown key{shown}; known are {', '.join(_KEYS)}")
        if key in section[2]:
            raise ConfigurationError(f"{where}: a second {key} for [{section[0]}]")
        try:
            section[2][key] = _KEYS[key](value.strip())
        except ValueError as exc:
            raise ConfigurationError(f"{where}: {exc}") from None
    if section:
        yield section


def select(entries: Sequence[Entry], names: Sequence[str], path: str) -> list[Entry]:
    """Return the entries with these names (all if there are none), each with a host.

    Raises ConfigurationError for a name that is not declared and for a device without a host.
    """
    known = {entry.name: entry for entry in entries}
    for name in names:
        if name not in known:
            raise ConfigurationError(f"{path}: declares no [{name}]; it has {', '.join(known)}")
    chosen = [known[name] for name in dict.fromkeys(names)] if names else list(entries)
    for entry in chosen:
        if not entry.host:
            raise ConfigurationError(f"{path}, line {entry.line}: [{entry.name}] has no host")
    return chosen
