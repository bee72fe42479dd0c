"""Changes bnfos.conf line by line, and keeps everything else in it as it is.

A change is made in memory first, and the file is replaced in one step by `save`, so that a reader, and a power cut,
find either the old file or the new one.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from berofos_agent.config import bnfosconf
from berofos_agent.config.bnfosconf import Entry
from berofos_agent.config.mac import format_mac
from berofos_agent.errors import ConfigurationError, ConfigurationMissing

PLACEHOLDERS = {"login": "#login = <user>:<password>", "host": ";host = 0.0.0.0"}
"""What stands in a freshly scanned file where a value is still to come; setting the value takes its place."""


class ConfFile:
    """A bnfos.conf being edited."""

    def __init__(self, path: str, text: str = "") -> None:
        self.path = path
        self._before = text
        self._text = text
        self._exists = bool(text)

    @classmethod
    def load(cls, path: str) -> ConfFile:
        """Return the file at a path, or an empty one if there is none yet; raise ConfigurationError.

        Lines that are not understood are kept as they are.
        """
        refuse_special_file(path)
        try:
            file = cls(path, bnfosconf.read_text(path))
        except ConfigurationMissing:
            return cls(path)
        file._exists = True
        return file

    @property
    def text(self) -> str:
        """The text as it would be written now."""
        return self._text

    @property
    def changed(self) -> bool:
        """True if `save` would write anything."""
        return self._text != self._before

    @property
    def entries(self) -> list[Entry]:
        """The devices the text declares now, in their order."""
        return bnfosconf.parse(self._text, self.path)

    def set(self, section: str, key: str, value: str) -> None:
        """Change a key (mac, host, login or port) of a section, or add it; raise ConfigurationError.

        The value must be one that the file can hold: a password with a space at its end is not.
        """
        entry = next((entry for entry in self.entries if entry.name == section), None)
        if entry is None:
            raise ConfigurationError(f"{self.path}: declares no [{section}]; add it first")
        if entry.problem:
            raise ConfigurationError(f"{entry.problem}; correct it first")
        self._change(set_value(self._text, section, key, value), section, {key: value})

    def append(self, section: str, values: dict[str, str]) -> None:
        """Add a section at the end; what has no value yet gets its placeholder. Raises ConfigurationError."""
        if any(entry.name == section for entry in self.entries):
            raise ConfigurationError(f"{self.path}: [{section}] is there already; choose another name")
        self._change(append_section(self._text, section, values), section, values)

    def append_device(self, mac: bytes, host: str = "") -> str:
        """Add a device that a scan found under the next free name, and return that name."""
        name = next_name(self.entries)
        self.append(name, {"mac": format_mac(mac), **({"host": host} if host else {})})
        return name

    def save(self) -> None:
        """Replace the file in one step, if anything changed; raise ConfigurationError and leave it as it was otherwise.

        The file keeps its owner and gets mode 0600, since it holds passwords. Where the path is a symbolic link,
        the file it points to is replaced.
        """
        if not self.changed:
            return
        refuse_special_file(self.path)
        try:
            now = bnfosconf.read_text(self.path)
        except ConfigurationMissing:
            now = None
        if now != (self._before if self._exists else None):
            raise ConfigurationError(f"{self.path}: was changed by someone else meanwhile; nothing written, try again")
        try:
            replace_file(self.path, self._text)
        except OSError as exc:
            step = (
                "run this as root"
                if isinstance(exc, PermissionError) and os.geteuid()
                else "correct that and try again"
            )
            raise ConfigurationError(f"{self.path}: cannot be written: {exc.strerror or exc}; {step}") from exc
        self._before = self._text
        self._exists = True

    def _change(self, text: str, section: str, values: dict[str, str]) -> None:
        """Take over a text if it reads back as meant."""
        for key, value in values.items():
            if not value.isprintable() or value != value.strip():
                raise ConfigurationError(
                    f"{self.path}: the {key} of [{section}] cannot be stored: "
                    "it has a space at its start or end, or a character that is not printable; choose another"
                )
        problems = [entry.problem for entry in self.entries if entry.problem]
        entries = bnfosconf.parse(text, self.path)
        changed = next(entry for entry in entries if entry.name == section)
        try:
            is_meant = all(getattr(changed, key) == bnfosconf.KEYS[key](value) for key, value in values.items())
        except ValueError as exc:
            raise ConfigurationError(f"{self.path}: [{section}]: {exc}; correct it") from None
        if not is_meant or len([entry for entry in entries if entry.problem]) > len(problems):
            raise ConfigurationError(
                f"{self.path}: {', '.join(values)} of [{section}] cannot be stored; correct the file first"
            )
        self._text = text


def next_name(entries: Iterable[Entry]) -> str:
    """Return the first of fos1, fos2, ... that is not declared: XiVO asks for names without a gap."""
    taken = {entry.name for entry in entries}
    return next(name for name in (f"fos{number}" for number in range(1, len(taken) + 2)) if name not in taken)


def set_value(text: str, section: str, key: str, value: str) -> str:
    """Return the text with this key of this section changed or added; raise KeyError if there is no such section."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    begin, end = _section(lines, section)
    assignment = re.compile(rf"(\s*{re.escape(key)}\s*=[ \t]*)", re.IGNORECASE)
    placeholder = _squeezed(PLACEHOLDERS[key]) if key in PLACEHOLDERS else None
    for number in range(begin + 1, end):
        match = assignment.match(lines[number])
        if match:
            behind = "" if key == "login" else _behind_value(lines[number][match.end() :])
            lines[number] = match.group(1) + value + behind + _ending(lines[number])
            kept = [line for line in lines[begin:end] if _squeezed(line) != placeholder]
            return "".join([*lines[:begin], *kept, *lines[end:]])
    for number in range(begin + 1, end):
        if _squeezed(lines[number]) == placeholder:
            lines[number] = f"{key} = {value}{_ending(lines[number])}"
            return "".join(lines)
    last = max(number for number in range(begin, end) if number == begin or re.match(r"\s*[^\s#;]", lines[number]))
    ending = _ending(lines[last]) or "\n"
    lines[last] = lines[last].rstrip("\r\n") + ending
    lines.insert(last + 1, f"{key} = {value}{ending}")
    return "".join(lines)


def append_section(text: str, section: str, values: dict[str, str]) -> str:
    """Return the text with a section at its end, mac, host and login first, after an empty line."""
    ending = "\r\n" if "\r\n" in text else "\n"
    keys = dict.fromkeys(["mac", "host", "login", *values])
    body = [f"{key} = {values[key]}" if key in values else PLACEHOLDERS.get(key) for key in keys]
    if text and not text.endswith("\n"):
        text += ending
    if text and text.strip():
        text += ending
    return text + ending.join([f"[{section}]", *filter(None, body), ""])


def _section(lines: Sequence[str], section: str) -> tuple[int, int]:
    """Return the index of a section's header and the index behind its last line."""
    names = [(number, bnfosconf.section_name(line.strip())) for number, line in enumerate(lines)]
    headers = [(number, name) for number, name in names if name is not None]
    for index, (number, name) in enumerate(headers):
        if name == section:
            return number, headers[index + 1][0] if index + 1 < len(headers) else len(lines)
    raise KeyError(section)


def _behind_value(text: str) -> str:
    """Return what follows a value that holds no space: a comment."""
    comment = re.sub(r"^[^\s#;]*", "", text.rstrip())
    return f" {comment}" if comment.startswith(("#", ";")) else comment


def _squeezed(line: str) -> str:
    return "".join(line.split()).lower()


def _ending(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def refuse_special_file(path: str) -> None:
    """Refuse what a rename would destroy or a read would hang on: a directory, a pipe, /dev/null."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        raise ConfigurationError(f"{path}: is not a regular file; name one")


def replace_file(name: str, text: str, mode: int = 0o600) -> None:
    """Replace a file in one step, down to the disk, with this mode and its owner kept; raise OSError.

    Where the path is a symbolic link, the file it points to is replaced.
    """
    path = Path(os.path.realpath(name))
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                owner = path.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fchmod(file.fileno(), mode)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
