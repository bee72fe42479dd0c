"""Every kind of slip in one section of a bnfos.conf that declares good devices as well."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Callable

SLIPS: Mapping[str, Callable[[str], str]] = {
    "no-host": lambda section: re.sub(r"host = .*\n", "", section),
    "host-placeholder": lambda section: re.sub(r"host = .*\n", ";host = 0.0.0.0\n", section),
    "unknown-key": lambda section: section.replace("host =", "hots ="),
    "malformed-mac": lambda section: re.sub(r"mac = .*\n", "mac = 00:19:32:00:12\n", section),
    "name-of-the-vendors-tenth-device": lambda section: re.sub(r"\[\w+\]", "[fos:]", section),
    "header-not-closed": lambda section: section.replace("]", "", 1),
    "no-equals": lambda section: section.replace("host =", "host"),
    "second-host": lambda section: section.replace("host =", "host = 10.0.0.9\nhost ="),
    "half-written": lambda section: section[: section.index("host") + 3] + "\n",
}
"""By name, what it makes of a good section."""


def with_slip(conf: str, number: int, slip: Callable[[str], str]) -> str:
    """Return a bnfos.conf with a slip in the section of this number, counted from 0."""
    sections = re.findall(r"\[[^\[]*", conf)
    return "".join([*sections[:number], slip(sections[number]), *sections[number + 1 :]])
