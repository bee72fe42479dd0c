"""The page's files and headers, and which requests its buttons accept, for both of its servers: simulator and panel."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

MAXIMUM_ORDER = 500
"""Bytes of the longest order a button gives."""

_ASSETS = Path(__file__).parent / "assets"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

FILES: Mapping[str, str] = {
    "/": "page.html",
    **{f"/panel/{name}": name for name in ("panel.js", "panel.css", "drawing.css", "device.svg")},
}
"""By path. Only these are ever opened, so no path leads anywhere else."""

STATE_PATH = "/panel/page.json"
ORDER_PATH = "/panel/order"

HEADERS: tuple[tuple[str, str], ...] = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
"""No script, style or picture but our own, in no frame of another page, read by no other origin."""

_LITERAL = re.compile(r"(localhost|\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\])(:\d{1,5})?")


class Reply(NamedTuple):
    """What is answered, by whichever server."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


def as_json(status: int, value: object) -> Reply:
    """Return a value as an answer."""
    return Reply(status, json.dumps(value).encode(), "application/json")


def file_at(path: str) -> Reply | None:
    """Return the file of a path, None if there is none."""
    name = FILES.get(path)
    return Reply(200, (_ASSETS / name).read_bytes(), _TYPES[Path(name).suffix]) if name else None


def is_known_host(host: str) -> bool:
    """Return whether a Host header is an address or localhost.

    A page of somebody else's whose name leads to this address (DNS rebinding) has its own name in it.
    """
    return _LITERAL.fullmatch(host) is not None


def refusal(host: str, origin: str, content_type: str) -> str | None:
    """Return why an order is refused, None if it comes from a button of this very page.

    A browser puts the origin of the page into every POST, and no page can forge it. The content type is one that a
    form of another page cannot send.
    """
    if not is_known_host(host):
        return "orders are taken by address only, not by name"
    if origin != f"http://{host}":
        return "orders are taken from this page only"
    if content_type != "application/json":
        return "an order is application/json"
    return None


def order_in(body: bytes) -> str:
    """Return the order that a button sent; raise ValueError."""
    order = json.loads(body)
    if not isinstance(order, str) or not order.isprintable():
        raise ValueError("an order is one line")
    return order
