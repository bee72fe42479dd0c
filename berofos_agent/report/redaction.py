"""Takes passwords out of texts: by the names of settings, and by the passwords that are known. Without files."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"

NAMES = "|".join(
    (
        "pass(?:w|phrase|code|_?key)",
        "pwd|secret|communit|token|credential",
        "auth(?:_?key|orization)",
        "(?:api|private|access)_?key",
    )
)
"""What the name of a setting contains that holds a secret: those of the fence agents, and of others."""

# Repetitions have a limit, as a log may hold a word of a megabyte.
_WORD = r"[\w.-]{0,60}"
_QUOTED = r"""(?:"[^"<\n]*"|'[^'<\n]*')"""
_ELEMENT = re.compile(rf"<[a-z_]{{1,30}}\b(?:{_QUOTED}|[^<>\"'])*>", re.I)
_NAME = re.compile(rf"""\bname=(["'])[^"']*(?:{NAMES})[^"']*\1""", re.I)
_RECIPIENT = re.compile(r"<recipient\b")
_VALUE = re.compile(rf"\bvalue=({_QUOTED})", re.I)

_PAIR = re.compile(
    rf"(?P<name>(?<!no )(?:{NAMES}){_WORD}(?:[\"']\]?|\])?(?:: {{1,9}}@value)?\s{{0,9}}(?:[=:]|%3[AD])\s{{0,9}})"
    rf"(?P<value>{_QUOTED}|\S+)",
    re.I,
)
"""passwd=SECRET, password: SECRET; in Pacemaker's log also nvpair[@id='fencing-passwd']:  @value=SECRET."""
_OPTION = re.compile(rf"(?P<name>(?<!\S)--?{_WORD}(?:{NAMES}){_WORD} {{1,9}})(?P<value>{_QUOTED}|\S+)", re.I)
_LOGIN = re.compile(r"(?P<name>\blogin\s{0,9}[=:]\s{0,9}[^\s:]{0,60}:)(?P<value>[^\n]+)", re.I)
_URL = re.compile(r"(?P<name>\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,60}:)(?P<value>[^\s/@]+)(?=@)", re.I)
_HEADER = re.compile(r"(?P<name>\b(?:Basic|Bearer|Digest)\s{1,9})(?P<value>[^\s\"']{6,})")
_A_NUMBER = re.compile(r"\d{1,6}(?:ms|s)?")
"""Corosync's token is a time, and a counter is no secret."""

SHORT = 5
"""A password this short is replaced only where it stands alone: it is part of many words."""


def spellings(secrets: Iterable[str], user: str = "admin") -> list[str]:
    """Return the secrets as they may be spelt in a log: plain, in a URL, in XML, in JSON, in a shell's command, in a
    header; the longest first."""
    found = set[str]()
    for secret in filter(None, (one.strip() for one in secrets)):
        found |= {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        found.add(secret.encode("unicode_escape").decode())
        found |= {secret.replace("'", quoted) for quoted in ("'\\''", "'\"'\"'", "\\'")}
        for text in (html.escape(secret), html.escape(secret, quote=False)):
            found |= {text.replace("&#x27;", quoted) for quoted in ("&#x27;", "&#39;", "&apos;", "'")}
        for data in (secret.encode(), secret.encode("latin-1", "replace")):
            urls = {quote(data, safe=""), quote_plus(data), quote(data)}
            found |= urls | {re.sub("%..", lambda code: code[0].lower(), url) for url in urls}
            found.add(base64.b64encode(f"{user}:".encode() + data).decode())
    return sorted(found, key=len, reverse=True)


def redact(text: str, known: Sequence[str]) -> str:
    """Return a text without the values of settings that hold secrets, and without the known spellings."""
    # Behind the name of a setting, a value ends at a space, a quote or an @; one that contains such is taken before.
    text = _without_known(text, (secret for secret in known if re.search(r"\W", secret)))
    text = _ELEMENT.sub(_without_value, text)
    for pattern in (_LOGIN, _URL, _HEADER, _OPTION, _PAIR):
        text = pattern.sub(_without_group, text)
    return _without_known(text, known)


def _without_known(text: str, known: Iterable[str]) -> str:
    for secret in known:
        if len(secret) < SHORT:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", REDACTED, text)
        else:
            text = text.replace(secret, REDACTED)
    return text


def redact_json(value: Any, known: Sequence[str]) -> Any:
    """Return JSON data, redacted text by text."""
    if isinstance(value, dict):
        return {
            name: REDACTED if isinstance(one, str) and re.search(NAMES, name, re.I) else redact_json(one, known)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [redact_json(one, known) for one in value]
    return redact(value, known) if isinstance(value, str) else value


def _without_value(match: re.Match[str]) -> str:
    element = match[0]
    return _VALUE.sub(f'value="{REDACTED}"', element) if _NAME.search(element) else element


def _without_group(match: re.Match[str]) -> str:
    if match.re is _PAIR and _A_NUMBER.fullmatch(match["value"]):
        return match[0]
    return f"{match['name']}{REDACTED}"


# --- where passwords are known from ----------------------------------------------------------------------------


def secrets_of_cib(text: str) -> Iterator[str]:
    """Yield the values of a CIB's settings that hold secrets, and the addresses of webhooks, as they often are."""
    yield from _values(text, _NAME)
    yield from (value for value in _values(text, _RECIPIENT) if "://" in value)


def values_of_cib(text: str, name: str) -> Iterator[str]:
    """Yield the values of a CIB's settings of this name."""
    return _values(text, re.compile(rf"""\bname=(["']){re.escape(name)}\1"""))


def _values(text: str, name: re.Pattern[str]) -> Iterator[str]:
    for element in _ELEMENT.finditer(text):
        value = _VALUE.search(element[0])
        if value and name.search(element[0]):
            yield html.unescape(value[1][1:-1])


_COROSYNC_KEY = re.compile(r"^[ \t]*(?:key:|totem\.key \(str\) =)[ \t]*(\S+)", re.M)


def secrets_of_corosync(text: str) -> Iterator[str]:
    """Yield the key of corosync.conf, or of what corosync-cmapctl prints, where it is not in a file of its own."""
    return (match[1] for match in _COROSYNC_KEY.finditer(text))


_FOLDERS = ("PWD", "OLDPWD")


def secrets_of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of variables whose names say that they hold secrets."""
    for name, value in environ.items():
        if re.search(NAMES, name, re.I) and name not in _FOLDERS:
            yield value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


_CONF_LOGIN = re.compile(r"^[#; \t]*login\s*[=:]?\s*([^:\n]*):(.+)$", re.I | re.M)
_CONF_KEPT = re.compile(
    r"\[[\w.-]{1,40}\]|(?:mac\s*=\s*[0-9a-f:.-]{1,20}|host\s*=\s*[\w.-]{1,253}|port\s*=\s*\d{1,5})", re.I
)
_BEHIND_COLON = re.compile(r"\w:(?!//)(\S{4,})")
_CONF_KEY = re.compile(r"(mac|host|port|login)\s*=", re.I)


def secrets_of_conf(text: str) -> Iterator[str]:
    """Yield the passwords of a bnfos.conf, those of comments and of lines with a slip included."""
    for match in _CONF_LOGIN.finditer(text):
        yield match[2].strip()
    for line in map(str.strip, text.splitlines()):
        if not _CONF_KEPT.fullmatch(line):
            yield from _BEHIND_COLON.findall(line)


def conf(text: str) -> str:
    """Return a bnfos.conf of which only what is known to be no secret is kept: a slip may hold part of a password."""
    return "".join(f"{_conf_line(line.strip())}\n" for line in text.splitlines())


def _conf_line(line: str) -> str:
    if not line or _CONF_KEPT.fullmatch(line):
        return line
    key = _CONF_KEY.match(line)
    return f"{key[1]} = {REDACTED}" if key else f"{line[0] if line[0] in '#;' else ''}{REDACTED}"
