"""MAC addresses as people write them. Importing it is cheap enough for the agent's hot path."""

from __future__ import annotations

import re

_MAC_TEXT = re.compile(r"([0-9A-Fa-f]{2})" + r"[:-]?([0-9A-Fa-f]{2})" * 5)


def parse_mac(text: str) -> bytes:
    """Return the 6 bytes of 00:19:32:00:12:1D, 00-19-..., or twelve digits; raise ValueError otherwise."""
    match = _MAC_TEXT.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not a MAC address: {text[:40]!r}")
    return bytes.fromhex("".join(match.groups()))


def format_mac(mac: bytes) -> str:
    """Return 00:19:32:00:12:1D."""
    return ":".join(f"{byte:02X}" for byte in mac)
