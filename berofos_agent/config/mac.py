"""MAC addresses as people write them. Importing it is cheap enough for the agent's hot path."""

from __future__ import annotations

import re

_MAC_TEXT = re.compile(r"([0-9A-Fa-f]{2})" + r"[:-]?([0-9A-Fa-f]{2})" * 5)


def parse_mac(text: str) -> bytes:
    """Return the 6 bytes of 00:19:32:00:12:1D, 00-19-..., or twelve digits; raise ValueError otherwise."""
    match = _MAC_TEXT.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not a MAC address: {beginning(r'([0-9A-Fa-f]{1,2}[:-])*[0-9A-Za-z]*', text.strip())}")
    return bytes.fromhex("".join(match.groups()))


def beginning(pattern: str, text: str) -> str:
    """Return a refused value as far as it matches: what follows may be a login that slipped into its line."""
    match = re.match(pattern, text)
    shown = match.group()[:40] if match else ""
    return repr(shown if shown == text else f"{shown}...")


def format_mac(mac: bytes) -> str:
    """Return 00:19:32:00:12:1D."""
    return ":".join(f"{byte:02X}" for byte in mac)
