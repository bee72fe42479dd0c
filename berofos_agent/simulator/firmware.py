"""What a firmware makes of a request's query, which values it takes, and how it writes config.txt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from berofos_agent.device.settings import (
    FLAG,
    HOST,
    MAGIC_KEY,
    MAGIC_VERSION,
    MAXIMUM_PASSWORD,
    PASSWORD,
    SETTINGS,
    TEXT,
    Setting,
    Values,
)


@dataclass(frozen=True)
class Firmware:
    """One published version."""

    version: tuple[int, int]
    """As a scan reports it: 1.53, also written 1.5.3, is sent as 1 and 53."""
    forgets_flags: bool = False
    """Fault of 1.3.3: a box that is not ticked is absent from its form, so an absent flag is cleared."""
    more_keys: tuple[str, ...] = ()
    """Keys of config.txt that clients are to pass over."""


FIRMWARES: Mapping[str, Firmware] = {
    "1.3.3": Firmware((1, 33), forgets_flags=True),
    "1.53": Firmware((1, 53)),
    "1.5.7": Firmware((1, 57), more_keys=("1_szd00", "1_szd01", "2_mail")),
}
DEFAULT_FIRMWARE = "1.53"

FACTORY_SETTINGS: Mapping[str, str] = {
    "scenario": "0",
    "modedef": "0",
    "power1def": "0",
    "power2def": "0",
    "hostname": "berofos",
    "address": "192.168.0.2",
    "netmask": "255.255.255.0",
    "gateway": "0.0.0.0",
    "dns": "0.0.0.0",
    "dhcp": "1",
    "port": "80",
    "pwd": "0",
    "apwd": "admin",
    "smtpserv": "",
    "smtpfrom": "",
    "smtpto": "",
    "syslog": "0",
    "slgip": "0.0.0.0",
    "slgpt": "514",
    "wdogdef": "0",
    "wdogitime": "60",
    "wdogaudio": "0",
    "wdogmail": "0",
}
"""What is kept without power, and how it is after a reset; the other keywords are the current state."""

LONGEST_TEXT = 255
_POWER_GROUP = "5"
_FIELDS = {
    (setting.group, setting.parameter.rstrip("=")): setting.keyword for setting in SETTINGS.values() if setting.write
}


def read_query(query: str) -> Iterator[tuple[str, str]]:
    """Yield keyword and value for each thing a query like cmd=1&sz=0&cmd=4&mode=1 writes; pass over what is unknown."""
    group = ""
    power: dict[str, str] = {}
    for name, value in _pairs(query):
        if name == "cmd":
            group, power = value, {}
            if (group, "") in _FIELDS:
                yield _FIELDS[group, ""], "1"
        elif group == _POWER_GROUP and name in ("p", "s"):
            power[name] = value
            if len(power) == 2:  # a form's fields have no order: the port may come behind its state
                field = (group, f"p={power['p']}&s")
                if field in _FIELDS:
                    yield _FIELDS[field], power["s"]
                power = {}
        elif (group, name) in _FIELDS:
            yield _FIELDS[group, name], value


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def accept(keyword: str, value: str) -> str:
    """Return a value as a device stores it; raise ValueError for one that its web form could not send.

    A device takes any text, an empty one too. What a client refuses to send is the client's choice, not checked here.
    """
    kind = SETTINGS[keyword].kind
    if kind in (HOST, TEXT, PASSWORD):
        if not value.isprintable() or len(value) > (MAXIMUM_PASSWORD if kind is PASSWORD else LONGEST_TEXT):
            raise ValueError("not printable, or too long")
        return value
    if kind is FLAG and value not in ("0", "1"):
        raise ValueError("0 or 1 expected")
    return kind.check(value)


def is_box(setting: Setting, scenario_is_one: bool) -> bool:
    """Return whether a setting is a tick box of the web form; `scenario` is probably a number, like `mode` (?)."""
    return setting.is_stored_flag and (scenario_is_one or setting.keyword != "scenario")


def forgotten_flags(query: str, scenario_is_box: bool = False) -> list[str]:
    """Return the flags that firmware 1.3.3 clears when it gets this query: those it does not name of its groups."""
    keywords = {keyword for keyword, _ in read_query(query)}
    groups = {value for name, value in _pairs(query) if name == "cmd"}
    return [
        setting.keyword
        for setting in SETTINGS.values()
        if is_box(setting, scenario_is_box) and setting.group in groups and setting.keyword not in keywords
    ]


def config_text(values: Values, firmware: Firmware, scenario_is_box: bool = False, plain: bool = False) -> str:
    """Return config.txt; tick boxes read `checked` or nothing there, 1 or 0 if `plain`."""
    lines = [f"{MAGIC_KEY}={MAGIC_VERSION}"]
    for setting in SETTINGS.values():
        if setting.read:
            value = values[setting.keyword]
            if is_box(setting, scenario_is_box) and not plain:
                value = "checked" if value == "1" else ""
            lines.append(f"{setting.read}={value}")
    lines += [f"{key}=" for key in firmware.more_keys]
    return "\n".join(lines) + "\n"
