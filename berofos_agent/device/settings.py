"""The device's 30 settings: keyword, how to write it, where config.txt has it.

Facts from the protocol notes in docs/protocol.md, the table of which reads like the one here.
A value is text: what a person types after `--set KEY=` and sees after `--get KEY`. Flags are "0" or "1".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import Callable, NamedTuple
from urllib.parse import quote

MAGIC_KEY = "bnfos_confmap_magic"
MAGIC_VERSION = "0.1"
MAXIMUM_PASSWORD = 15
REQUEST_SECONDS = 3.0
"""How long one exchange with a device may take, unless an option says otherwise."""
USER = "admin"
"""The only user that the device knows."""

Values = dict[str, str]
"""Values by keyword; a keyword that the device does not report is not in it."""


_FLAG_WORDS = {**dict.fromkeys(("1", "yes", "y", "true"), "1"), **dict.fromkeys(("0", "no", "n", "false"), "0")}
"""As the vendor's client takes them, in any case of letters."""


def _flag(text: str) -> str:
    try:
        return _FLAG_WORDS[text.lower()]
    except KeyError:
        raise ValueError("0 or 1 expected") from None


def _number(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError("a number from 1 to 65535 expected")
    return str(int(text))


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError("an IPv4 address such as 10.34.1.20 expected") from None


def _hostname(text: str) -> str:
    if not re.fullmatch(r"(\w([\w.-]{0,61}\w)?)?", text, re.ASCII):
        raise ValueError("a host name of at most 63 letters, digits, dots, hyphens and underscores expected")
    return text


def _text(text: str) -> str:
    if len(text) > 63 or not text.isprintable():
        raise ValueError("at most 63 printable characters expected")
    return text


def _password(text: str) -> str:
    if len(text) > MAXIMUM_PASSWORD or not (text.isascii() and (text.isprintable() or not text)):
        raise ValueError(f"at most {MAXIMUM_PASSWORD} printable ASCII characters expected")
    return text


def _trigger(text: str) -> str:
    if text != "1":
        raise ValueError("1 expected")
    return text


def _never(_text: str) -> str:
    raise ValueError("it can only be read")


def _read_flag(text: str) -> str:
    # Firmware fills 6_wen from the variable behind 6_wstate, so wdog may read 2.
    if text in ("0", "1", "2"):
        return text
    if text in ("", "checked"):
        return "1" if text else "0"
    raise ValueError(f"{text[:20]!r} is not 0 or 1")


def _read_text(text: str) -> str:
    # What the device says ends up on terminals and in logs; no escape sequence may come along.
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


class Kind(NamedTuple):
    """How values of one type are checked before writing and understood when read; both raise ValueError."""

    check: Callable[[str], str]
    understand: Callable[[str], str] = _read_text


FLAG = Kind(_flag, _read_flag)
NUMBER = Kind(_number)
IPV4 = Kind(_ipv4)
HOST = Kind(_hostname)
TEXT = Kind(_text)
PASSWORD = Kind(_password)
TRIGGER = Kind(_trigger)
READ_ONLY = Kind(_never)


class Setting(NamedTuple):
    """One row of the table; `write` is empty for what can only be read, `read` for what cannot be read."""

    keyword: str
    kind: Kind
    write: str
    read: str
    meaning: str

    @property
    def group(self) -> str:
        """The group of a write: 1 of cmd=1&sz=."""
        return self.write.split("&", 1)[0].partition("=")[2]

    @property
    def parameter(self) -> str:
        """What a write has behind its group: sz= of cmd=1&sz=."""
        return self.write.partition("&")[2]

    @property
    def is_stored_flag(self) -> bool:
        """True for the flags that firmware 1.3.3 clears when another of their group is written."""
        return self.kind is FLAG and self.is_stored

    @property
    def is_stored(self) -> bool:
        """True for what the device keeps without power."""
        return self.group in ("1", "2", "3")


SETTINGS: Mapping[str, Setting] = {
    setting.keyword: setting
    for setting in (
        Setting("scenario", FLAG, "cmd=1&sz=", "1_sz", "0 fallback, 1 bypass"),
        Setting("mode", FLAG, "cmd=4&mode=", "4_mode", "relay mode now"),
        Setting("modedef", FLAG, "cmd=1&rm=", "1_rm", "relay mode at power-on"),
        Setting("power1", FLAG, "cmd=5&p=0&s=", "5_p0", "power port 1 now"),
        Setting("power1def", FLAG, "cmd=1&p0=", "1_p0", "power port 1 at power-on"),
        Setting("power2", FLAG, "cmd=5&p=1&s=", "5_p1", "power port 2 now"),
        Setting("power2def", FLAG, "cmd=1&p1=", "1_p1", "power port 2 at power-on"),
        Setting("hostname", HOST, "cmd=3&dn=", "3_dn", "the device's own host name"),
        Setting("address", IPV4, "cmd=3&ip=", "3_ip", "IP address"),
        Setting("netmask", IPV4, "cmd=3&nm=", "3_nm", "netmask"),
        Setting("gateway", IPV4, "cmd=3&gw=", "3_gw", "gateway"),
        Setting("dns", IPV4, "cmd=3&dns=", "3_dns", "name server"),
        Setting("dhcp", FLAG, "cmd=3&dhcp=", "3_dhcp", "ask a DHCP server"),
        Setting("port", NUMBER, "cmd=3&port=", "3_port", "HTTP port"),
        Setting("pwd", FLAG, "cmd=3&pwd=", "3_pwd", "password protection"),
        Setting("apwd", PASSWORD, "cmd=3&apwd=", "", "admin password"),
        Setting("smtpserv", TEXT, "cmd=2&mhost=", "2_mhost", "mail server"),
        Setting("smtpfrom", TEXT, "cmd=2&mfrom=", "2_mfrom", "sender of mails"),
        Setting("smtpto", TEXT, "cmd=2&mto=", "2_mto", "receiver of mails"),
        Setting("smtptest", TRIGGER, "cmd=7", "", "send a test mail"),
        Setting("syslog", FLAG, "cmd=3&syslog=", "3_log", "log to a syslog server"),
        Setting("slgip", IPV4, "cmd=3&slgip=", "3_loghost", "syslog server's address"),
        Setting("slgpt", NUMBER, "cmd=3&slgpt=", "3_logport", "syslog server's port"),
        Setting("wdog", FLAG, "cmd=6&wen=", "6_wen", "watchdog now"),
        Setting("wdogdef", FLAG, "cmd=2&wen=", "2_wen", "watchdog at power-on"),
        Setting("wdogstate", READ_ONLY, "", "6_wstate", "0 off, 1 on, 2 failure"),
        Setting("wdogitime", NUMBER, "cmd=2&wintv=", "2_wintv", "watchdog interval, seconds"),
        Setting("wdogaudio", FLAG, "cmd=2&as=", "2_as", "alarm tone at a watchdog failure"),
        Setting("wdogmail", FLAG, "cmd=2&men=", "2_men", "mail at a watchdog failure"),
        Setting("wdogrtime", READ_ONLY, "", "0_wretv", "seconds left to a watchdog failure"),
    )
}

_READABLE = frozenset(setting.read for setting in SETTINGS.values())
_FLAGS = frozenset(setting.read for setting in SETTINGS.values() if setting.kind is FLAG)

_POWER_GROUP = "5"  # its two parameters mean one port, so each port needs a cmd of its own

WATCHDOG_OFF, WATCHDOG_ON, WATCHDOG_FAILURE = "0", "1", "2"
WATCHDOG = {WATCHDOG_OFF: "off", WATCHDOG_ON: "on", WATCHDOG_FAILURE: "failure"}


def watchdog_interval(values: Mapping[str, str]) -> int:
    """Return the watchdog's interval in seconds as a device reports it, 0 if that is not a number from 1 to 65535."""
    text = values.get("wdogitime", "")
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and int(text) <= 65535 else 0


def check(keyword: str, value: str) -> str:
    """Return the value as the device takes it; raise ValueError with a sentence for the administrator."""
    setting = SETTINGS.get(keyword)
    if setting is None:
        raise ValueError(f"unknown setting {keyword!r}; known are {', '.join(SETTINGS)}")
    try:
        return setting.kind.check(value)
    except ValueError as exc:
        raise ValueError(f"{keyword}: {exc}") from None


def with_their_groups(values: Mapping[str, str], current: Mapping[str, str]) -> Values:
    """Return the values and, of each group they are in, the other stored flags as the device reports them.

    Firmware 1.3.3 clears the stored flags of a group that a query does not name, whatever the query writes. Its version
    is not in config.txt, so every write names them all; to newer firmware that changes nothing.
    """
    groups = {SETTINGS[keyword].group for keyword in values}
    others = {
        setting.keyword: current[setting.keyword]
        for setting in SETTINGS.values()
        if setting.is_stored_flag and setting.group in groups and current.get(setting.keyword) in ("0", "1")
    }
    return {**others, **values}


def write_target(values: Mapping[str, str]) -> str:
    """Return the request target that writes these (checked) values, a group after the other: /?cmd=1&sz=0."""
    parts: list[str] = []
    group = None
    for keyword, value in values.items():
        setting = SETTINGS[keyword]
        if setting.group != group or setting.group == _POWER_GROUP:
            parts.append(f"cmd={setting.group}")
            group = setting.group
        if setting.parameter:
            parts.append(setting.parameter + quote(value, safe=""))
    return "/?" + "&".join(parts)


def parse_config(text: str) -> tuple[str, Values]:
    """Return the version of a config.txt and its values by keyword.

    Unknown keys are passed over, missing ones stay unknown.
    Raises LookupError if the text has no bnfos_confmap_magic line (it is not from a bero*fos),
    ValueError if a value cannot be understood, or a setting is there twice with different values.
    """
    raw: dict[str, str] = {}
    for key, value in _lines(text):
        if raw.setdefault(key, value) != value and key in _READABLE:
            raise ValueError(f"{key} is there twice, with different values")
    if MAGIC_KEY not in raw:
        raise LookupError(MAGIC_KEY)
    values: Values = {}
    for setting in SETTINGS.values():
        if setting.read in raw:
            try:
                values[setting.keyword] = setting.kind.understand(raw[setting.read])
            except ValueError as exc:
                raise ValueError(f"{setting.read}: {exc}") from None
    return _read_text(raw[MAGIC_KEY]), values


def is_whole_flag(line: str) -> bool:
    """Return whether the last line of a config.txt, which may be cut off, has a flag whose value is whole.

    None of the values of a flag is the beginning of another, except for the empty one.
    """
    key, _, value = line.partition("=")
    return key in _FLAGS and value in ("0", "1", "2", "checked")


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        key, separator, value = line.rstrip("\r").partition("=")
        if separator:
            yield key.strip(), value
