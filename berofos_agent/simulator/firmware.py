"""What a firmware makes of a request's query and how it writes config.txt; knows no device and no connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from berofos_agent.device.settings import MAGIC_KEY, MAGIC_VERSION, SETTINGS, Values


@dataclass(frozen=True)
class Firmware:
    """One published version."""

    version: tuple[int, int]
    """As a scan tells it: 1.53, also written 1.5.3, is sent as 1 and 53."""
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
"""What is kept without power, and how it is after a reset; the other keywords tell what is now."""

_POWER_GROUP = "5"
_FIELDS = {
    (setting.group, setting.parameter.rstrip("=")): setting.keyword for setting in SETTINGS.values() if setting.write
}


def read_query(query: str) -> Iterator[tuple[str, str]]:
    """Yield keyword and value for each thing a query like cmd=1&sz=0&cmd=4&mode=1 writes; pass over what is unknown."""
    group = port = ""
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "cmd":
            group, port = value, ""
            if (group, "") in _FIELDS:
                yield _FIELDS[group, ""], "1"
        elif group == _POWER_GROUP and name == "p":
            port = f"p={value}&"
        elif (group, port + name) in _FIELDS:
            yield _FIELDS[group, port + name], value


def forgotten_flags(written: Iterable[str]) -> list[str]:
    """Return the flags that firmware 1.3.3 clears when these keywords are written by one query."""
    flags = {keyword for keyword in written if SETTINGS[keyword].is_stored_flag}
    groups = {SETTINGS[keyword].group for keyword in flags}
    return [
        setting.keyword
        for setting in SETTINGS.values()
        if setting.is_stored_flag and setting.group in groups and setting.keyword not in flags
    ]


def config_text(values: Values, firmware: Firmware) -> str:
    """Return config.txt; stored flags read `checked` or nothing there."""
    lines = [f"{MAGIC_KEY}={MAGIC_VERSION}"]
    for setting in SETTINGS.values():
        if setting.read:
            value = values[setting.keyword]
            if setting.is_stored_flag:
                value = "checked" if value == "1" else ""
            lines.append(f"{setting.read}={value}")
    lines += [f"{key}=" for key in firmware.more_keys]
    return "\n".join(lines) + "\n"
